//! Wireless intrusion prevention: what radios hear, read without trust, and what it means.
//!
//! | module | what is there |
//! |---|---|
//! | [`packet`] | a captured packet and its capture time, as a sensor hands it over |
//! | [`dot11`] | reads a packet: radio header, frame, elements, and what is wrong with it |
//! | [`capture`] | pcap and pcapng: bytes go in, packets come out; packets go in, a file comes out |
//! | [`Wips`] | the machine: packets go in, incidents come out |
//! | [`incident`] | what an incident is, what speaks for it, and the encyclopaedia |
//! | [`forensics`] | the newest packets of each sensor, and those around an incident |
//! | [`profile`] | what the owner of the air wants: whom to protect, thresholds, rogue classes |
//!
//! # From a frame to an incident
//!
//! ```text
//! packet -> parse -> copies of other sensors -> detectors, one file each -> book -> incidents
//!                                                ^ what is known of the air (`air`)
//! ```
//!
//! | word | meaning |
//! |---|---|
//! | **heard** | a frame as detectors see it, once for all sensors |
//! | **air** | what is known: radios and their signals, networks, who is connected to whom |
//! | **detection** | one detector says that frames are an attack, and by what evidence |
//! | **incident** | one attack with all detections of it, from its first frame until it is quiet |
//! | **dwell** | how long somebody listened on a channel: thresholds are counted by it |
//!
//! ```
//! use wips::{CaptureTime, Change, Link, Packet, Profile, SensorId, Wips};
//!
//! let mut wips = Wips::new(Profile::default());
//! let frame = [0xc4, 0, 0, 0, 2, 0, 0, 0, 0, 1];
//! wips.handle(&Packet::new(CaptureTime(1), SensorId(0), Link::Bare, &frame));
//! while let Some(change) = wips.poll() {
//!     if let Change::Opened(incident) = change {
//!         println!("{}", incident.kind.article().name);
//!     }
//! }
//! ```
//!
//! The crate is pure: it has no clock, no disk and no radio. A packet brings its own time, and files
//! are bytes that somebody else reads.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)]

pub mod capture;
pub mod dot11;
pub mod forensics;
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

/// Entry for fuzzing: reads `bytes` as a packet of every link type, and asks for everything.
///
/// Used by the `cargo fuzz` target and by the mutation test; it must never panic.
pub fn fuzz_parse(link: Link, bytes: &[u8]) {
    let mut packet = Packet::new(CaptureTime(0), SensorId(0), link, bytes);
    dot11::fuzz::ask(&parse(&packet));
    // The same packet, cut by the capture.
    packet.wire_bytes = bytes.len() + 2;
    dot11::fuzz::ask(&parse(&packet));
}

/// Entry for fuzzing: decodes `bytes` as a capture that comes in pieces of `piece` bytes.
pub fn fuzz_decode(bytes: &[u8], piece: usize) {
    let mut decoder = capture::Decoder::new(SensorId(0));
    let mut rest = bytes;
    loop {
        loop {
            match decoder.poll() {
                Ok(Some(captured)) => dot11::fuzz::ask(&parse(&captured.packet)),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        let space = decoder.space();
        let count = rest.len().min(piece.max(1)).min(space.len());
        if count == 0 {
            let _ = decoder.end();
            return;
        }
        for (slot, byte) in space.iter_mut().zip(rest) {
            *slot = *byte;
        }
        decoder.filled(count);
        rest = rest.get(count..).unwrap_or_default();
    }
}
