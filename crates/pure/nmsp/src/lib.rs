//! NMSP: the Network Mobility Services Protocol between a controller and an engine.
//!
//! Roles, port, message numbers, service names, the sub-service mask and the echo timers are the
//! published ones; the bytes between them were never published and are ours, written down in
//! `docs/protocol.md` as ONMSP/1. Nothing here claims to talk to a Cisco controller.
//!
//! The crate is sans-IO: [`Session`] is told what arrived and what time it is, and is asked what to
//! send. It has no socket, no TLS, no clock; the `node` crate drives it.
//!
//! # Reading order
//!
//! [`service`] (what can be subscribed), [`message`] (numbers and names), [`codec`] (frames),
//! [`record`] and [`batch`] (what data messages carry, read and written), [`table`] (the session's
//! transitions), [`wips`] (sensors and captured packets), [`exchange`] (what goes in and comes out), [`session`].
//!
//! # Cost sketch of the receive path
//!
//! * network: a reading is 14 bytes, an element with eight readings 124 bytes with its headers
//! * memory: one frame per session is buffered, at most [`limits::FRAME_BODY_MAX`] bytes
//! * CPU: one pass validates, one pass reads; measurements are read in place, without allocation
//! * limit: at 1 GB/s of TLS, about 60 million readings a second; the engine's table is the bound

pub mod batch;
pub mod codec;
pub mod counters;
pub mod error;
pub mod exchange;
pub mod limits;
pub mod message;
pub mod record;
pub mod service;
pub mod session;
pub mod settings;
pub mod table;
pub mod wips;

mod echo;

pub use batch::Batch;
pub use error::{CloseReason, DecodeError};
pub use exchange::{Command, Event, Input, Output};
pub use message::MessageId;
pub use record::{
    AccessPointInfo, Attachment, Departure, Information, Measured, Records, TagInformation,
};
pub use service::{Subservice, SubserviceMask};
pub use session::Session;
pub use settings::{Settings, SettingsError};
pub use table::{Side, State};
pub use wips::{Captured, CapturedPacket, Sensor, SensorMode, SensorState};

/// TCP port of the controller. Published: Cisco document 200906 and others.
pub const PORT: u16 = 16113;

/// Entry for fuzzing: decodes `bytes` as a peer would send them, to both sides.
///
/// Used by the `cargo fuzz` target and by a property test; it must never panic.
pub fn fuzz_receive(bytes: &[u8]) {
    for side in [Side::Controller, Side::Engine] {
        let now = model::Time(1_000_000);
        let mut session = Session::new(side, Settings::default(), SubserviceMask::ALL, "fuzz", now);
        session.handle(now, Input::Received(bytes.into()));
        while let Some(output) = session.poll() {
            if let Output::Event(Event::Data { records, .. }) = output {
                let _ = records.measured().map(|measured| measured.readings().len()).sum::<usize>();
                let _ = records.informations().count() + records.access_points().count();
                let _ = records.attachments().count() + records.departures().count();
                let _ = records.tag_reports().count() + records.sensors().count();
                let _ = records.switch_ports().count();
                let _ = records.captured().map(|packet| packet.bytes.len()).sum::<usize>();
            }
        }
    }
}
