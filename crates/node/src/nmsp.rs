//! NMSP links: the `nmsp` session on real sockets and real TLS.
//!
//! * [`drive`](mod@drive) runs one session on one stream, the same loop for both ends;
//! * [`dial`](mod@dial) keeps an engine connected to one controller and says why when it is not;
//! * [`listen`](mod@listen) accepts engines on a controller;
//! * [`status`] is what both show to operators.
//!
//! ```text
//!   engine                                         controller
//!   dial --TCP--TLS (client certificate)--> listen
//!     \-- drive -- Session <== frames ==> Session -- drive --/
//!           |                                          |
//!         Owner (ingest)                          Owner (feed)
//! ```

pub mod dial;
pub mod drive;
pub mod listen;
pub mod status;

pub use dial::{Dial, dial};
pub use drive::Owner;
pub use listen::{Accepted, Listen, listen};
pub use status::{Connection, Failure, LinkState, LinkStatus, MessageRow, ServiceRow};
