//! EAP: who somebody is, and how that is proven.
//!
//! Source: RFC 3748 (EAP); RFC 5216 (EAP-TLS), whose head PEAP, TTLS and FAST share; Wi-Fi Simple Configuration 2.0.8, 7.7 (EAP-WSC).

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;
use super::wps::Wps;

/// One EAP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eap<'a> {
    /// Request, response, success or failure.
    pub code: Code,
    /// A response repeats that of its request.
    pub identifier: u8,
    /// The method; none in success and failure.
    pub method: Option<Method>,
    /// What the method says.
    pub data: &'a [u8],
}

/// Who speaks: RFC 3748, 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The authenticator asks.
    Request,
    /// The station answers.
    Response,
    /// The authenticator accepts.
    Success,
    /// The authenticator refuses.
    Failure,
    /// None of these.
    Other(u8),
}

/// How somebody is authenticated, in the registry of EAP types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(pub u8);

impl Method {
    /// Who are you?
    pub const IDENTITY: Self = Self(1);
    /// A text for people.
    pub const NOTIFICATION: Self = Self(2);
    /// The method offered is not wanted.
    pub const NAK: Self = Self(3);
    /// MD5 challenge; its passwords can be guessed.
    pub const MD5: Self = Self(4);
    /// Certificates.
    pub const TLS: Self = Self(13);
    /// Cisco LEAP; its passwords can be guessed.
    pub const LEAP: Self = Self(17);
    /// A tunnel of TLS.
    pub const TTLS: Self = Self(21);
    /// Protected EAP.
    pub const PEAP: Self = Self(25);
    /// MS-CHAP version 2.
    pub const MSCHAPV2: Self = Self(26);
    /// Cisco FAST.
    pub const FAST: Self = Self(43);
    /// Passwords without a tunnel.
    pub const PWD: Self = Self(52);
    /// Types with a vendor in front.
    pub const EXPANDED: Self = Self(254);
}

/// A step of Wi-Fi Protected Setup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wsc<'a> {
    /// What the packet does.
    pub op: WscOp,
    /// Attributes; only the first part of them when the packet says that more fragments follow.
    pub attributes: Wps<'a>,
}

/// What a packet of Wi-Fi Protected Setup does: 7.7.2 of its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WscOp {
    /// The setup begins.
    Start,
    /// The last message arrived.
    Ack,
    /// Something was wrong, most often the PIN.
    Nack,
    /// One of the messages M1 to M8.
    Message,
    /// The station is done.
    Done,
    /// The next fragment is wanted.
    FragmentAck,
    /// None of these.
    Other(u8),
}

impl<'a> Eap<'a> {
    /// Reads a packet that begins after the head of EAPOL.
    pub(crate) fn read(bytes: &'a [u8], anomalies: &mut Anomalies) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        let Some([code, identifier, high, low]) = cursor.array::<4>().copied() else {
            anomalies.add(Anomaly::Eap);
            return None;
        };
        let code = match code {
            1 => Code::Request,
            2 => Code::Response,
            3 => Code::Success,
            4 => Code::Failure,
            other => Code::Other(other),
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let whole = length.checked_sub(4).and_then(|rest| cursor.bytes(rest));
        anomalies.add_if(whole.is_none(), Anomaly::Eap);
        let mut body = Cursor(whole.unwrap_or(cursor.0));
        let method = match code {
            Code::Request | Code::Response => body.u8().map(Method),
            _ => None,
        };
        let packet = Self { code, identifier, method, data: body.0 };
        if packet.wsc().is_some_and(|wsc| wsc.attributes.is_malformed()) && !packet.is_wsc_part() {
            anomalies.add(Anomaly::Wps);
        }
        Some(packet)
    }

    /// Who the station says that it is, in bytes that need not be text.
    pub fn identity(&self) -> Option<&'a [u8]> {
        let is_identity = self.code == Code::Response && self.method == Some(Method::IDENTITY);
        is_identity.then_some(self.data)
    }

    /// Whether the flags and lengths of a packet of TLS contradict each other: RFC 5216, 3.1.
    pub fn has_broken_tls(&self) -> bool {
        const LENGTH: u8 = 0x80;
        const START: u8 = 0x20;
        const RESERVED: u8 = 0x1f;
        /// Records of TLS: from a change of the cipher to a heartbeat (RFC 8446, B.1; RFC 6520).
        const RECORDS: std::ops::RangeInclusive<u8> = 20..=24;
        let Some(method) = self.method else { return false };
        if !matches!(method, Method::TLS | Method::TTLS | Method::PEAP | Method::FAST) {
            return false;
        }
        let mut cursor = Cursor(self.data);
        let Some(flags) = cursor.u8() else { return true };
        // The others write their version there.
        if method == Method::TLS && flags & RESERVED != 0 {
            return true;
        }
        if flags & START != 0 && self.code == Code::Response {
            return true;
        }
        if flags & LENGTH == 0 {
            return false;
        }
        let Some(total) = cursor.u32_be() else { return true };
        let (total, bytes) = (total as usize, cursor.0.len());
        // Some say the length of the whole in each fragment; only what is in one piece begins with a record.
        let is_record = cursor.0.first().is_none_or(|it| RECORDS.contains(it));
        total < bytes || total == bytes && !is_record
    }

    /// The step of Wi-Fi Protected Setup, if it is one.
    pub fn wsc(&self) -> Option<Wsc<'a>> {
        let (op, flags, rest) = self.wsc_head()?;
        let op = match op {
            1 => WscOp::Start,
            2 => WscOp::Ack,
            3 => WscOp::Nack,
            4 => WscOp::Message,
            5 => WscOp::Done,
            6 => WscOp::FragmentAck,
            other => WscOp::Other(other),
        };
        // A length of the whole stands in front of the first fragment.
        let attributes = if flags & WSC_LENGTH == 0 { rest } else { rest.get(2..)? };
        Some(Wsc { op, attributes: Wps(attributes) })
    }

    /// Whether attributes are cut into several packets.
    fn is_wsc_part(&self) -> bool {
        self.wsc_head().is_some_and(|(_, flags, _)| flags & (WSC_LENGTH | WSC_MORE) != 0)
    }

    /// Operation, flags, and the rest: vendor 00:37:2a, type 1.
    fn wsc_head(&self) -> Option<(u8, u8, &'a [u8])> {
        const WSC: [u8; 7] = [0x00, 0x37, 0x2a, 0, 0, 0, 1];
        let rest =
            self.data.strip_prefix(&WSC).filter(|_| self.method == Some(Method::EXPANDED))?;
        let ([op, flags], rest) = rest.split_first_chunk::<2>()?;
        Some((*op, *flags, rest))
    }
}

/// More fragments follow.
const WSC_MORE: u8 = 1;
/// The length of the whole is given.
const WSC_LENGTH: u8 = 2;
