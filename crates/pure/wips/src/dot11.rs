//! Reads captured packets: radio header, 802.11 frame, elements, keys, and what is wrong.
//!
//! Reading is total: every sequence of bytes gives a [`Parsed`], because on the air a malformed frame
//! is evidence. What is wrong stands in [`Parsed::anomalies`], and everything else holds what could be
//! read before. Nothing is copied or allocated.
//!
//! Two kinds of bodies are never read: those that are encrypted, where any value would be noise (a
//! protected deauthentication has no reason code), and those with a wrong check sequence.
//! What a frame means in its conversation is left to detectors: no state is kept here.
//!
//! # Reading order
//!
//! | module | what is read |
//! |---|---|
//! | [`radio`] | what every capturing radio can say; [`link`] reads it from five kinds of headers |
//! | [`header`] | frame control and MAC header |
//! | [`management`], [`authentication`], [`action`] | fixed fields of management frames |
//! | [`element`], [`security`], [`wps`] | elements |
//! | [`control`] | bodies of control frames |
//! | [`data`], [`eapol`], [`eap`], [`net`] | security headers, and what data says in clear |
//! | [`anomaly`] | what can be wrong |
//! | [`key`] | a name for a frame |
//!
//! # Cost sketch
//!
//! * memory: [`Parsed`] lies on the stack and borrows the packet
//! * CPU: radio header, MAC header and fixed fields are read once; elements are walked once to be
//!   judged, and again by whoever asks for one
//! * a check sequence is computed, whether it is there or not: one pass over the frame at several GB/s

pub mod action;
pub mod anomaly;
pub mod authentication;
pub mod control;
pub mod data;
pub mod eap;
pub mod eapol;
pub mod element;
pub mod header;
pub mod key;
pub mod link;
pub mod management;
pub mod net;
pub mod radio;
pub mod security;
pub mod wps;

mod cursor;
pub(crate) mod fuzz;
mod radiotap;

pub use anomaly::{Anomalies, Anomaly};
pub use control::Control;
pub use data::{Data, Payload};
pub use element::{Element, ElementId, Elements};
pub use header::{FrameControl, FrameType, Header, Kind};
pub use key::FrameKey;
pub use management::Management;
pub use radio::{Channel, Radio};

use cursor::Cursor;
use radio::Fcs;

use crate::packet::Packet;

/// What is in a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parsed<'a> {
    /// What the capturing radio says.
    pub radio: Radio,
    /// The frame, without radio header and check sequence.
    pub frame: &'a [u8],
    /// Its header.
    pub header: Header,
    /// Its body.
    pub body: Body<'a>,
    /// The elements of a management frame in clear.
    pub elements: Elements<'a>,
    /// What is wrong with all that.
    pub anomalies: Anomalies,
}

/// The body of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// The fixed fields of a management frame in clear.
    Management(Management<'a>),
    /// A control frame.
    Control(Control<'a>),
    /// A data frame.
    Data(Data<'a>),
    /// An encrypted management frame: only whoever has the key knows what it says.
    Protected(Option<data::Security>),
    /// Not read, and why.
    Unread(Unread),
}

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The frame ends inside its header or its fixed fields.
    Truncated,
    /// The check sequence is wrong.
    BadFcs,
    /// The standard reserves the type, the subtype or the protocol version.
    Reserved,
    /// A frame of another band.
    Extension,
    /// A later part of a management frame, which begins anywhere.
    Fragment,
}

impl<'a> Parsed<'a> {
    /// The fixed fields of a management frame in clear.
    pub fn management(&self) -> Option<&Management<'a>> {
        match &self.body {
            Body::Management(management) => Some(management),
            _ => None,
        }
    }

    /// The body of a data frame.
    pub fn data(&self) -> Option<&Data<'a>> {
        match &self.body {
            Body::Data(data) => Some(data),
            _ => None,
        }
    }

    /// The EAPOL packet that the frame carries alone.
    pub fn eapol(&self) -> Option<&eapol::Eapol<'a>> {
        match &self.body {
            Body::Data(Data { payload: Payload::Msdu(msdu), .. }) => match &msdu.content {
                data::Content::Eapol(eapol) => Some(eapol),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Reads a packet.
pub fn parse<'a>(packet: &Packet<'a>) -> Parsed<'a> {
    let mut anomalies = Anomalies::NONE;
    let missing_bytes = packet.missing_bytes();
    let (mut radio, after_link) = link::read(packet, &mut anomalies);
    let frame = check_sequence(packet, &mut radio, after_link, &mut anomalies);
    let mut cursor = Cursor(frame);
    let mut of_frame = Anomalies::NONE;
    let is_found = !frame.is_empty() || anomalies.is_empty();
    let header = Header::read(&mut cursor, &mut of_frame);
    if radio.data_pad {
        let header_bytes = frame.len() - cursor.0.len();
        let padding = header_bytes.next_multiple_of(4) - header_bytes;
        cursor.0 = cursor.0.get(padding..).unwrap_or_default();
    }
    let mut elements = Elements::default();
    let body = if anomalies.contains(Anomaly::BadFcs) {
        // What damage did is no evidence against anyone.
        of_frame = Anomalies::NONE;
        Body::Unread(Unread::BadFcs)
    } else {
        read_body(&header, &mut cursor, &mut elements, &mut of_frame)
    };
    if missing_bytes > 0 {
        anomalies.add(Anomaly::Cut);
        of_frame = of_frame.without(Anomalies::OF_LENGTH);
    }
    // If nobody knows where the frame begins, its sender is not to blame.
    if is_found {
        anomalies.add_all(of_frame);
    }
    Parsed { radio, frame, header, body, elements, anomalies }
}

/// Takes the check sequence off the end of a frame, and checks it.
///
/// Radios are believed when they say that it is there. When they say nothing, or that it is not, it is
/// computed: some leave it where they say that they took it off, and then it would pass for an element.
fn check_sequence<'a>(
    packet: &Packet<'_>,
    radio: &mut Radio,
    frame: &'a [u8],
    anomalies: &mut Anomalies,
) -> &'a [u8] {
    const FCS: usize = 4;
    anomalies.add_if(radio.bad_fcs, Anomaly::BadFcs);
    if radio.fcs == Fcs::Unknown
        && let Some(bytes) = packet.fcs_bytes
    {
        radio.fcs = if bytes == 0 { Fcs::Absent } else { Fcs::Present };
    }
    let missing_bytes = packet.missing_bytes();
    if missing_bytes > 0 {
        // A part of it may be left; what was cut cannot be checked.
        let left = if radio.fcs == Fcs::Present { FCS.saturating_sub(missing_bytes) } else { 0 };
        return frame.get(..frame.len().saturating_sub(left)).unwrap_or_default();
    }
    let Some((rest, sequence)) = frame.split_last_chunk::<FCS>() else {
        return frame;
    };
    let is_right = crc32fast::hash(rest) == u32::from_le_bytes(*sequence);
    match radio.fcs {
        Fcs::Present => {
            anomalies.add_if(!is_right, Anomaly::BadFcs);
            rest
        }
        // Four bytes that are right by chance come once in four thousand million frames.
        _ if is_right && !rest.is_empty() => {
            radio.fcs = Fcs::Present;
            rest
        }
        _ => frame,
    }
}

fn read_body<'a>(
    header: &Header,
    cursor: &mut Cursor<'a>,
    elements: &mut Elements<'a>,
    anomalies: &mut Anomalies,
) -> Body<'a> {
    if header.kind == Kind::Empty || anomalies.contains(Anomaly::HeaderTruncated) {
        return Body::Unread(Unread::Truncated);
    }
    if anomalies.contains(Anomaly::Version) || header.kind == Kind::Reserved {
        return Body::Unread(Unread::Reserved);
    }
    let read = match header.control.frame_type() {
        FrameType::Extension => return Body::Unread(Unread::Extension),
        FrameType::Control => control::read(header.kind, cursor).map(Body::Control),
        FrameType::Data => Some(Body::Data(data::read(header, cursor.0, anomalies))),
        // The third step of a shared key authentication is encrypted by WEP: it comes here too.
        FrameType::Management if header.control.protected() => {
            let (security, _) = data::encrypted(cursor.0);
            anomalies.add_if(security.is_none(), Anomaly::SecurityHeader);
            Some(Body::Protected(security))
        }
        FrameType::Management if header.is_later_fragment() => {
            return Body::Unread(Unread::Fragment);
        }
        FrameType::Management => {
            management::read(header.kind, cursor, anomalies).map(|management| {
                *elements = Elements::new(cursor.0);
                if management.is_association() {
                    *elements = elements.in_clear();
                }
                elements.judge(anomalies);
                Body::Management(management)
            })
        }
    };
    read.unwrap_or_else(|| {
        anomalies.add(Anomaly::BodyTruncated);
        Body::Unread(Unread::Truncated)
    })
}
