//! Bodies of data frames: security header, and what is in clear.
//!
//! Source: IEEE 802.11-2020, 9.3.2 (data frames), 12.3 to 12.5 (encryption), IEEE 802.2 (LLC).

use model::Mac;

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;
use super::eapol::Eapol;
use super::header::Header;
use super::net::{Arp, Dhcp};

/// The body of a data frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// In front of what is encrypted.
    pub security: Option<Security>,
    /// The rest.
    pub payload: Payload<'a>,
}

/// What a data frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Nothing: the frame tells whether its sender sleeps.
    None,
    /// Ciphertext, with the integrity code at its end.
    Encrypted(&'a [u8]),
    /// Clear, but not the first fragment: it begins anywhere.
    Fragment(&'a [u8]),
    /// One packet in clear, or the first fragment of one.
    Msdu(Msdu<'a>),
    /// Several packets in clear.
    Amsdu(Amsdu<'a>),
}

/// The header of the cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// WEP.
    Wep {
        /// Initialisation vector.
        iv: [u8; 3],
        /// Number of the key, 0 to 3.
        key_id: u8,
    },
    /// TKIP, CCMP or GCMP: their headers differ too little to be told apart from one frame.
    Extended(ExtendedIv),
}

/// The header of TKIP, CCMP and GCMP.
///
/// Which it is, the security element of the network says; [`ExtendedIv::cipher`] is a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedIv(pub [u8; 8]);

/// What one header looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LooksLike {
    /// Only TKIP.
    Tkip,
    /// Only CCMP or GCMP.
    Ccmp,
    /// One frame of 256 of either fits both.
    Either,
    /// No cipher writes such a header.
    Neither,
}

impl ExtendedIv {
    /// Number of the key, 0 to 3.
    pub fn key_id(self) -> u8 {
        let [_, _, _, flags, ..] = self.0;
        flags >> 6
    }

    /// Packet number, if it is CCMP or GCMP: IEEE 802.11-2020, figure 12-16.
    pub fn packet_number(self) -> u64 {
        let [pn0, pn1, _, _, pn2, pn3, pn4, pn5] = self.0;
        u64::from_le_bytes([pn0, pn1, pn2, pn3, pn4, pn5, 0, 0])
    }

    /// Sequence counter, if it is TKIP: IEEE 802.11-2020, figure 12-8.
    pub fn tkip_sequence(self) -> u64 {
        let [tsc1, _, tsc0, _, tsc2, tsc3, tsc4, tsc5] = self.0;
        u64::from_le_bytes([tsc0, tsc1, tsc2, tsc3, tsc4, tsc5, 0, 0])
    }

    /// The number that counts frames, where one frame fits both ciphers as the frames before had it, and
    /// whether it is that of TKIP.
    pub fn number(self, was_tkip: bool) -> (u64, bool) {
        let is_tkip = match self.cipher() {
            LooksLike::Tkip => true,
            LooksLike::Ccmp | LooksLike::Neither => false,
            LooksLike::Either => was_tkip,
        };
        (if is_tkip { self.tkip_sequence() } else { self.packet_number() }, is_tkip)
    }

    /// What the header looks like: TKIP derives the second byte from the first, CCMP leaves the third
    /// zero.
    pub fn cipher(self) -> LooksLike {
        let [first, second, third, ..] = self.0;
        match (second == (first | 0x20) & 0x7f, third == 0) {
            (true, true) => LooksLike::Either,
            (true, false) => LooksLike::Tkip,
            (false, true) => LooksLike::Ccmp,
            (false, false) => LooksLike::Neither,
        }
    }
}

/// One packet, from its LLC header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Msdu<'a> {
    /// Protocol, when the LLC header is that of SNAP; [`ethertype`] names some.
    pub ethertype: Option<u16>,
    /// What it carries, as far as it is read.
    pub content: Content<'a>,
    /// All of it, from the LLC header.
    pub bytes: &'a [u8],
}

/// Protocols of [`Msdu::ethertype`].
pub mod ethertype {
    /// Internet protocol.
    pub const IPV4: u16 = 0x0800;
    /// Address resolution.
    pub const ARP: u16 = 0x0806;
    /// Internet protocol of version 6.
    pub const IPV6: u16 = 0x86dd;
    /// Authentication.
    pub const EAPOL: u16 = 0x888e;
    /// Authentication with another access point, before a station moves there.
    pub const RSN_PREAUTH: u16 = 0x88c7;
    /// Direct links between stations, and other protocols of 802.11 above LLC.
    pub const TDLS: u16 = 0x890d;
}

/// What a packet in clear carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Authentication.
    Eapol(Eapol<'a>),
    /// Address resolution.
    Arp(Arp),
    /// Somebody asks for an address, or gives one.
    Dhcp(Dhcp),
    /// What is not read.
    Other,
}

/// Several packets in one frame: IEEE 802.11-2020, 9.3.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amsdu<'a>(pub &'a [u8]);

/// One packet of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subframe<'a> {
    /// Where it goes.
    pub destination: Mac,
    /// Where it comes from.
    pub source: Mac,
    /// What it says.
    pub msdu: Msdu<'a>,
}

impl<'a> Amsdu<'a> {
    /// The packets, up to the first that reaches past the end.
    pub fn subframes(self) -> impl Iterator<Item = Subframe<'a>> {
        let mut cursor = Cursor(self.0);
        std::iter::from_fn(move || {
            let (destination, source, bytes) = next_subframe(&mut cursor)?;
            // What is wrong with it was told when the frame was read.
            let msdu = Msdu::read(bytes, &mut Anomalies::default());
            Some(Subframe { destination, source, msdu })
        })
    }

    /// Finds what is wrong with it.
    fn judge(self, anomalies: &mut Anomalies) {
        anomalies.add_if(SNAP.iter().any(|head| self.0.starts_with(head)), Anomaly::AmsduFromMsdu);
        let mut cursor = Cursor(self.0);
        while let Some((_, _, bytes)) = next_subframe(&mut cursor) {
            Msdu::read(bytes, anomalies);
        }
        anomalies.add_if(!cursor.0.is_empty(), Anomaly::Amsdu);
    }
}

/// Takes a subframe and its padding to four bytes; the last one has none.
fn next_subframe<'a>(cursor: &mut Cursor<'a>) -> Option<(Mac, Mac, &'a [u8])> {
    const HEAD: usize = 14;
    let mut ahead = *cursor;
    let destination = ahead.mac()?;
    let source = ahead.mac()?;
    let length = usize::from(ahead.u16_be()?);
    let bytes = ahead.bytes(length)?;
    let padding = (HEAD + length).next_multiple_of(4) - (HEAD + length);
    ahead.bytes(padding.min(ahead.0.len()))?;
    *cursor = ahead;
    Some((destination, source, bytes))
}

/// LLC and SNAP headers in front of an ethertype: RFC 1042, and the bridge tunnel of IEEE 802.1H.
const SNAP: [[u8; 6]; 2] = [[0xaa, 0xaa, 0x03, 0, 0, 0], [0xaa, 0xaa, 0x03, 0, 0, 0xf8]];

impl<'a> Msdu<'a> {
    fn read(bytes: &'a [u8], anomalies: &mut Anomalies) -> Self {
        let after = SNAP.iter().find_map(|head| bytes.strip_prefix(head));
        let Some((number, packet)) = after.and_then(|rest| rest.split_first_chunk::<2>()) else {
            return Self { ethertype: None, content: Content::Other, bytes };
        };
        let ethertype = u16::from_be_bytes(*number);
        let content = match ethertype {
            ethertype::EAPOL | ethertype::RSN_PREAUTH => {
                Content::Eapol(Eapol::read(packet, anomalies))
            }
            ethertype::ARP => Arp::read(packet).map_or(Content::Other, Content::Arp),
            ethertype::IPV4 => Dhcp::read(packet).map_or(Content::Other, Content::Dhcp),
            _ => Content::Other,
        };
        Self { ethertype: Some(ethertype), content, bytes }
    }
}

/// Reads what follows the header.
pub(crate) fn read<'a>(header: &Header, body: &'a [u8], anomalies: &mut Anomalies) -> Data<'a> {
    let has_body = header.control.subtype() & NO_DATA == 0;
    if !has_body {
        return Data { security: None, payload: Payload::None };
    }
    if header.control.protected() {
        let (security, payload) = encrypted(body);
        anomalies.add_if(security.is_none(), Anomaly::SecurityHeader);
        return Data { security, payload };
    }
    let payload = if body.is_empty() {
        Payload::None
    } else if header.is_later_fragment() {
        Payload::Fragment(body)
    } else if header.is_amsdu() {
        let amsdu = Amsdu(body);
        amsdu.judge(anomalies);
        Payload::Amsdu(amsdu)
    } else {
        // The rest of a first fragment comes later, so its lengths say nothing.
        let mut found = Anomalies::NONE;
        let msdu = Msdu::read(body, &mut found);
        if !header.control.more_fragments() {
            anomalies.add_all(found);
        }
        Payload::Msdu(msdu)
    };
    Data { security: None, payload }
}

/// The bit of a data frame's subtype that says that it has no body.
const NO_DATA: u8 = 0b0100;

/// Takes the security header off a protected body: IEEE 802.11-2020, 12.3.2.2.
pub(crate) fn encrypted(body: &[u8]) -> (Option<Security>, Payload<'_>) {
    const EXTENDED: u8 = 0x20;
    let Some(&[a, b, c, flags]) = body.first_chunk::<4>() else {
        return (None, Payload::Encrypted(body));
    };
    if flags & EXTENDED == 0 {
        let security = Security::Wep { iv: [a, b, c], key_id: flags >> 6 };
        return (Some(security), Payload::Encrypted(body.get(4..).unwrap_or_default()));
    }
    match body.split_first_chunk::<8>() {
        Some((head, rest)) => {
            (Some(Security::Extended(ExtendedIv(*head))), Payload::Encrypted(rest))
        }
        None => (None, Payload::Encrypted(body)),
    }
}
