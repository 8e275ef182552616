//! The pair protocol: how two data nodes and a witness keep one service running, never split, and
//! never lose an acknowledged write.
//!
//! ```text
//! value     what the register holds, and the six functions that change it
//! table     every (standing, trigger) of a data node: act or not, where it leads, why
//! replica   one data node without time: register, sessions, memory. Safety is here, all of it
//! witness   the third voter
//! member    a replica with the clock: beacons, leases, who proposes when. Liveness is here
//! status    the states and events that operators see
//! ```
//!
//! No I/O: [`Member::handle`] takes what happened and the time, [`Member::poll`] says what to do,
//! [`Member::deadline`] when to come back. The same code runs in a node, in the simulator, and, as
//! [`Replica`], in the model check. `docs/ha.md` explains why two nodes never both acknowledge.
//!
//! Deliberately absent: what is replicated. An entry is bytes.

mod event;
mod log;
mod member;
mod message;
mod record;
pub mod replica;
mod settings;
mod status;
mod table;
mod value;
mod witness;

pub use event::{Event, Loss, Severity};
pub use log::{EPOCHS_MAX, History, Log};
pub use member::{Command, Input, Member, Output, SHIP_ENTRIES_MAX, Service};
pub use message::{Beacon, From, Known, Life, Message, To};
pub use record::{Incarnation, LEFT_WITNESSES_MAX, Memory, Record};
pub use replica::{Disk, Draft, Identity, Replica, Step};
pub use settings::{AddressKind, Mode, SafeSettings, Settings, SettingsError};
pub use status::{State, Status};
pub use table::{Rule, Standing, Trigger, Verb, diagram, rule, rules_markdown, standings_markdown};
pub use value::{Change, Grounds, Value};
pub use witness::Witness;
