//! The pair protocol.

mod log;
mod message;
mod record;
mod replica;
mod table;
mod value;
mod witness;

pub use log::{EPOCHS_MAX, History, Log};
pub use message::{Beacon, From, Known, Life, Message, To};
pub use record::{Incarnation, LEFT_WITNESSES_MAX, Memory, Record};
pub use replica::{Disk, Draft, Effect, Identity, Input, Replica, Step};
pub use table::{Event, Rule, Standing, Verb, diagram, rule, rules_markdown, standings_markdown};
pub use value::{Change, Grounds, Value};
pub use witness::Witness;
