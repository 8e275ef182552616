//! What a session and its owner exchange: one closed set of inputs, one of outputs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::error::CloseReason;
use crate::message::MessageId;
use crate::record::Records;
use crate::service::SubserviceMask;

/// Everything that can happen to a session. Serialisable, so that a run can be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input<'a> {
    /// Bytes arrived.
    Received(Cow<'a, [u8]>),
    /// The deadline passed.
    Timeout,
    /// The owner wants something sent.
    Command(Command),
    /// The connection ended.
    Disconnected,
}

/// What an owner can ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Send records: as the response to a transaction, or as a notification.
    Send {
        /// Number of the request that is answered.
        transaction: Option<u32>,
        /// What to send.
        batch: Batch,
    },
    /// Ask the controller for all it has of one kind; one of the three data requests.
    Request(MessageId),
    /// End the session.
    Stop,
}

/// What a session wants done.
#[derive(Debug)]
pub enum Output<'s> {
    /// Send these bytes.
    Transmit(&'s [u8]),
    /// Something for the owner.
    Event(Event<'s>),
    /// Close the connection; said once, after which nothing follows.
    Close(CloseReason),
}

/// Something for the owner.
#[derive(Debug)]
pub enum Event<'s> {
    /// The subscription was made or changed.
    Active {
        /// The sub-services that flow.
        subscribed: SubserviceMask,
    },
    /// The engine asks for all there is of one kind.
    Request {
        /// Which kind.
        id: MessageId,
        /// Number to answer with.
        transaction: u32,
    },
    /// Records arrived.
    Data {
        /// In which message.
        id: MessageId,
        /// The records.
        records: Records<'s>,
    },
}
