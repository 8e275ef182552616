//! The engine's echo: one question at a time, repeated until it is answered or the peer is dead.

use model::Time;

use crate::settings::Settings;

/// The echo that is next, or outstanding.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    next_at: Time,
    unanswered: Option<Unanswered>,
}

/// An echo that was sent and not answered yet.
#[derive(Debug, Clone, Copy)]
struct Unanswered {
    transaction: u32,
    first_sent: Time,
    repeated: u32,
    repeat_at: Time,
}

/// What an overdue echo asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a new echo; its number is to be told to [`Echo::sent`].
    Send,
    /// Send the outstanding echo again.
    Repeat(u32),
    /// The peer did not answer, and nothing else came either.
    Dead {
        /// How long it was silent.
        silent_ms: u64,
    },
}

impl Echo {
    /// The session became active: the first echo is due after an interval.
    pub(crate) fn start(&mut self, now: Time, settings: &Settings) {
        self.next_at = now.plus_ms(settings.echo_interval_ms);
    }

    /// A new echo was sent.
    pub(crate) fn sent(&mut self, transaction: u32, now: Time, settings: &Settings) {
        self.next_at = now.plus_ms(settings.echo_interval_ms);
        let repeat_at = now.plus_ms(settings.response_timeout_ms);
        self.unanswered = Some(Unanswered { transaction, first_sent: now, repeated: 0, repeat_at });
    }

    /// A response came. Only the newest echo is outstanding; an older answer is too late to matter.
    pub(crate) fn answered(&mut self, transaction: u32) {
        if self.unanswered.is_some_and(|echo| echo.transaction == transaction) {
            self.unanswered = None;
        }
    }

    /// When something must be done; `last_received` is when anything last came from the peer.
    pub(crate) fn deadline(&self, settings: &Settings, last_received: Time) -> Time {
        let Some(echo) = self.unanswered else { return self.next_at };
        let heard_at = echo.first_sent.max(last_received);
        let dead_at = heard_at.plus_ms(settings.dead_interval_ms);
        if echo.repeated < settings.retransmits_max { echo.repeat_at.min(dead_at) } else { dead_at }
    }

    /// What to do now that the deadline has passed.
    pub(crate) fn overdue(&mut self, now: Time, settings: &Settings, last_received: Time) -> Step {
        let Some(echo) = &mut self.unanswered else { return Step::Send };
        let silent_ms = now.since_ms(echo.first_sent.max(last_received));
        if silent_ms >= settings.dead_interval_ms {
            return Step::Dead { silent_ms };
        }
        echo.repeated += 1;
        echo.repeat_at = now.plus_ms(settings.retransmit_interval_ms);
        Step::Repeat(echo.transaction)
    }
}
