//! Wireless intrusion prevention: what radios hear, read without trust, and what it means.
//!
//! | module | what is there |
//! |---|---|
//! | [`packet`] | a captured packet and its capture time, as a sensor hands it over |
//! | [`dot11`] | reads a packet: radio header, frame, elements, and what is wrong with it |
//! | [`capture`] | pcap and pcapng: bytes go in, packets come out; packets go in, a file comes out |
//!
//! The crate is pure: it has no clock, no disk and no radio. A packet brings its own time, and files
//! are bytes that somebody else reads.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)]

pub mod capture;
pub mod dot11;
pub mod incident;
pub mod packet;
pub mod profile;

mod advert;
mod air;
mod copies;
mod detect;
mod heard;
mod table;
mod window;
mod wips;

pub use dot11::{Parsed, parse};
pub use incident::book::Change;
pub use incident::{Incident, Kind, Severity};
pub use profile::Profile;
pub use wips::{Counts, Wips};

pub use packet::{CaptureTime, Link, Packet, SensorId};
