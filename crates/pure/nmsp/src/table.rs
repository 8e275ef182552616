//! The session's transitions: (side, state, trigger) -> (next state, action).
//!
//! The table is one exhaustive `match`: a pair without a row does not compile. The page
//! `docs/protocol.md` carries it, and a test keeps the page true.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::message::MessageId;

/// Which end of the session this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// TLS server; reports what its access points hear.
    Controller,
    /// TLS client; subscribes.
    Engine,
}

/// How far the session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Capability was sent; the peer's has not come yet.
    Negotiating,
    /// Versions agree; the subscription has not been made yet.
    Subscribing,
    /// Data flows.
    Active,
    /// Over.
    Closed,
}

/// A received message, as far as the table cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Capability notification with a common version.
    Capability,
    /// Service subscribe request.
    SubscribeRequest,
    /// Service subscribe response.
    SubscribeResponse,
    /// Echo request.
    EchoRequest,
    /// Echo response.
    EchoResponse,
    /// Measurement, information or statistics request.
    DataRequest,
    /// A message with records.
    Data,
    /// A message with an unknown number.
    Unknown,
}

/// What the session does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask for the sub-services that both sides know.
    Subscribe,
    /// Note what the peer can do and wait.
    NotePeer,
    /// Answer with the granted sub-services, and tell the owner.
    Grant,
    /// Tell the owner that data flows.
    Activate,
    /// Answer the echo.
    AnswerEcho,
    /// The peer lives.
    NoteEcho,
    /// Hand the message to the owner.
    Deliver,
    /// Count it and go on.
    CountUnsupported,
    /// End the session: the peer broke the order of messages.
    Refuse,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Negotiating, Self::Subscribing, Self::Active, Self::Closed];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negotiating => "negotiating",
            Self::Subscribing => "subscribing",
            Self::Active => "active",
            Self::Closed => "closed",
        })
    }
}

impl Trigger {
    /// What a message of this number triggers.
    pub fn of(id: MessageId) -> Self {
        match id {
            MessageId::CapabilityNotification => Self::Capability,
            MessageId::ServiceSubscribeRequest => Self::SubscribeRequest,
            MessageId::ServiceSubscribeResponse => Self::SubscribeResponse,
            MessageId::EchoRequest => Self::EchoRequest,
            MessageId::EchoResponse => Self::EchoResponse,
            MessageId::MeasurementRequest
            | MessageId::InformationRequest
            | MessageId::StatisticsRequest => Self::DataRequest,
            MessageId::MeasurementResponse
            | MessageId::MeasurementNotification
            | MessageId::InformationResponse
            | MessageId::InformationNotification
            | MessageId::StatisticsResponse
            | MessageId::StatisticsNotification
            | MessageId::ApInfoNotification
            | MessageId::AttachmentNotification
            | MessageId::SensorNotification
            | MessageId::CaptureNotification
            | MessageId::LocationNotification => Self::Data,
        }
    }

    /// Every trigger.
    pub const ALL: [Self; 8] = [
        Self::Capability,
        Self::SubscribeRequest,
        Self::SubscribeResponse,
        Self::EchoRequest,
        Self::EchoResponse,
        Self::DataRequest,
        Self::Data,
        Self::Unknown,
    ];
}

/// The row for a received message.
#[expect(clippy::match_same_arms, reason = "a row of the table says one thing")]
pub fn step(side: Side, state: State, trigger: Trigger) -> (State, Action) {
    use {Action as A, Side as P, State as S, Trigger as T};
    match (state, side, trigger) {
        // A peer of a later version may send what we do not know at any time.
        (S::Negotiating | S::Subscribing | S::Active, _, T::Unknown) => {
            (state, A::CountUnsupported)
        }

        (S::Negotiating, P::Engine, T::Capability) => (S::Subscribing, A::Subscribe),
        (S::Negotiating, P::Controller, T::Capability) => (S::Subscribing, A::NotePeer),
        (
            S::Negotiating,
            _,
            T::SubscribeRequest
            | T::SubscribeResponse
            | T::EchoRequest
            | T::EchoResponse
            | T::DataRequest
            | T::Data,
        ) => (S::Closed, A::Refuse),

        (S::Subscribing, P::Engine, T::SubscribeResponse) => (S::Active, A::Activate),
        (S::Subscribing, P::Controller, T::SubscribeRequest) => (S::Active, A::Grant),

        // An engine may change its mind.
        (S::Active, P::Controller, T::SubscribeRequest) => (S::Active, A::Grant),
        (S::Active, P::Controller, T::DataRequest) => (S::Active, A::Deliver),
        (S::Active, P::Engine, T::Data) => (S::Active, A::Deliver),
        // The answer to a changed subscription.
        (S::Active, P::Engine, T::SubscribeResponse) => (S::Active, A::Activate),

        (S::Subscribing | S::Active, P::Controller, T::EchoRequest) => (state, A::AnswerEcho),
        (S::Subscribing | S::Active, P::Engine, T::EchoResponse) => (state, A::NoteEcho),
        // A repeated capability after a reconfiguration of the peer is noted.
        (S::Subscribing | S::Active, _, T::Capability) => (state, A::NotePeer),

        (S::Subscribing, P::Engine, T::Data) | (S::Subscribing, P::Controller, T::DataRequest) => {
            (S::Closed, A::Refuse)
        }
        // Messages of the other side's direction.
        (
            S::Subscribing | S::Active,
            P::Engine,
            T::SubscribeRequest | T::EchoRequest | T::DataRequest,
        )
        | (
            S::Subscribing | S::Active,
            P::Controller,
            T::SubscribeResponse | T::EchoResponse | T::Data,
        ) => (S::Closed, A::Refuse),

        (S::Closed, _, _) => (S::Closed, A::Refuse),
    }
}

/// The table as Markdown, for `docs/protocol.md`.
pub fn markdown() -> String {
    let mut page =
        String::from("| side | state | received | next state | action |\n|---|---|---|---|---|\n");
    for side in [Side::Engine, Side::Controller] {
        for state in State::ALL {
            for trigger in Trigger::ALL {
                let (next, action) = step(side, state, trigger);
                if state != State::Closed {
                    let _ = writeln!(
                        page,
                        "| {side:?} | {state} | {trigger:?} | {next} | {action:?} |"
                    );
                }
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_reached() {
        for side in [Side::Controller, Side::Engine] {
            let mut reached = vec![State::Negotiating];
            let mut at = 0;
            while let Some(state) = reached.get(at).copied() {
                for (next, _) in Trigger::ALL.map(|trigger| step(side, state, trigger)) {
                    if !reached.contains(&next) {
                        reached.push(next);
                    }
                }
                at += 1;
            }
            assert_eq!(reached.len(), State::ALL.len(), "{side:?}");
        }
    }

    #[test]
    fn a_refusal_always_closes() {
        for side in [Side::Controller, Side::Engine] {
            for state in State::ALL {
                for trigger in Trigger::ALL {
                    let (next, action) = step(side, state, trigger);
                    assert_eq!(next == State::Closed, action == Action::Refuse);
                }
            }
        }
    }
}
