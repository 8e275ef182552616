//! Who is told what about which element, and when.
//!
//! ```text
//!  Definitions --+
//!                v
//!  Subject --> conditions --Event--> one queue per receiver --> Output::Send
//!              (per element)                ^                        |
//!                                           +-- Input::Sent / Failed +
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | `alert` | what the wIPS service saw |
//! | `definition` | what people configure: conditions, filter, receivers, limits |
//! | `receiver` | where events go and in which format; which of that is secret |
//! | `event` | what is known about an element, and what happened to it |
//! | `watch` | the conditions of every element: who fires when |
//! | `outbox` | the queue of one receiver: order, pace, retries, drops |
//! | `notifier` | these together, as one machine: `handle`, `poll`, `deadline` |
//! | `scramble` | addresses that cannot be traced back |
//!
//! The crate is told the time and what elements do. It opens no connection, writes no body and knows
//! no wire format: whoever drives it sends what [`Output::Send`] names and says what became of it.
//!
//! Cost sketch, per observed element and matching condition: a filter and a look into two ordered
//! maps, half a microsecond. Memory: an element that a
//! definition is about holds its newest [`Subject`], some 600 bytes, and 48 bytes per condition that
//! has something to remember; queued events share their subject.

mod alert;
mod definition;
mod event;
mod notifier;
mod outbox;
mod receiver;
mod scramble;
mod watch;

pub use alert::{Alert, Gravity, Incident, Phase, Seen};
pub use definition::{
    ABSENCE_MIN_MAX, CONDITIONS_MAX, Condition, DEFINITIONS_MAX, Definition, DefinitionError,
    Filter, MACS_MAX, MacPattern, MacPatternError, NAME_BYTES_MAX, QUEUE_LIMIT, QUEUE_LIMIT_MAX,
    RATE_LIMIT_MS_MAX, RECEIVERS_MAX, REFRESH_MIN_MAX, RETRY_COUNT, RETRY_COUNT_MAX, WORDS_MAX,
};
pub use event::{Area, AreaType, Boundary, Event, EventKind, Place, Subject};
pub use notifier::{CROWD, Input, Notifier, Output, ReceiverStatus, Status};
pub use outbox::{Counts, IN_FLIGHT_MAX, PAUSE_MAX_MS, PAUSE_MS, Reach, Ticket};
pub use receiver::{
    Authentication, Format, HIDDEN, MailSecurity, Receiver, SyslogProtocol, Transport, Trust,
};
pub use scramble::scrambled;
pub use watch::{ELEMENTS_MAX, ENTER_ABOVE, LEAVE_BELOW, STATES_MAX};
