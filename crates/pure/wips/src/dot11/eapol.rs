//! EAPOL: authentication over a link, and the handshakes that make keys.
//!
//! Source: IEEE 802.1X-2020, 11.3 (packets); IEEE 802.11-2020, 12.7.2 (EAPOL-Key) and 12.7.6.

use serde::{Deserialize, Serialize};

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;
use super::eap::Eap;

/// One EAPOL packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eapol<'a> {
    /// Protocol version, 1 to 3.
    pub version: u8,
    /// What it says.
    pub packet: Packet<'a>,
}

/// What an EAPOL packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Authentication (type 0).
    Eap(Eap<'a>),
    /// A station wants to be authenticated (type 1).
    Start,
    /// A station leaves (type 2).
    Logoff,
    /// A step towards keys (type 3).
    Key(Key<'a>),
    /// A type that is not read, or a packet too short for its type.
    Other {
        /// The type, if there is one.
        packet_type: Option<u8>,
        /// What follows the head.
        body: &'a [u8],
    },
}

impl<'a> Eapol<'a> {
    /// Reads a packet that begins after the ethertype.
    pub(crate) fn read(bytes: &'a [u8], anomalies: &mut Anomalies) -> Self {
        let mut cursor = Cursor(bytes);
        let head = cursor.array::<4>().copied();
        let Some([version, packet_type, high, low]) = head else {
            anomalies.add(Anomaly::Eapol);
            let packet = Packet::Other { packet_type: None, body: &[] };
            return Self { version: bytes.first().copied().unwrap_or(0), packet };
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = cursor.bytes(length).unwrap_or_else(|| {
            anomalies.add(Anomaly::Eapol);
            cursor.0
        });
        let read = match packet_type {
            0 => Eap::read(body, anomalies).map(Packet::Eap),
            1 => Some(Packet::Start),
            2 => Some(Packet::Logoff),
            3 => Key::read(body, anomalies).map(Packet::Key),
            _ => None,
        };
        let other = Packet::Other { packet_type: Some(packet_type), body };
        Self { version, packet: read.unwrap_or(other) }
    }

    /// The key packet, if it is one.
    pub fn key(&self) -> Option<&Key<'a>> {
        match &self.packet {
            Packet::Key(key) => Some(key),
            _ => None,
        }
    }

    /// The EAP packet, if it is one.
    pub fn eap(&self) -> Option<&Eap<'a>> {
        match &self.packet {
            Packet::Eap(eap) => Some(eap),
            _ => None,
        }
    }
}

/// An EAPOL-Key packet of WPA or RSN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// 2 of RSN, 254 of WPA.
    pub descriptor: u8,
    /// Flags.
    pub info: KeyInfo,
    /// Bytes of the key that is made.
    pub key_bytes: u16,
    /// Counts the packets, so that none is taken twice.
    pub replay_counter: u64,
    /// Random number of the sender.
    pub nonce: &'a [u8; 32],
    /// Initialisation vector of key data.
    pub iv: &'a [u8; 16],
    /// Packet number from which the group key is valid.
    pub sequence_counter: u64,
    /// Integrity code: 16 bytes, 24 with keys of 192 bits, none with an AEAD cipher.
    pub mic: &'a [u8],
    /// Key data, encrypted when [`KeyInfo::is_encrypted`], cut where the frame ends.
    pub data: &'a [u8],
}

/// Flags of an EAPOL-Key packet: IEEE 802.11-2020, figure 12-33.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyInfo(pub u16);

impl KeyInfo {
    /// Which algorithms protect the packet, 0 to 3.
    pub fn version(self) -> u8 {
        (self.0 & 0b111) as u8
    }

    /// A key between two stations, not one of the group.
    pub fn is_pairwise(self) -> bool {
        self.has(0x0008)
    }

    /// The key shall be put into use.
    pub fn install(self) -> bool {
        self.has(0x0040)
    }

    /// An answer is wanted: the packet is the access point's.
    pub fn ack(self) -> bool {
        self.has(0x0080)
    }

    /// There is an integrity code.
    pub fn has_mic(self) -> bool {
        self.has(0x0100)
    }

    /// Keys are in use from here on.
    pub fn secure(self) -> bool {
        self.has(0x0200)
    }

    /// An integrity code of a received frame was wrong (TKIP).
    pub fn error(self) -> bool {
        self.has(0x0400)
    }

    /// A station asks for new keys.
    pub fn request(self) -> bool {
        self.has(0x0800)
    }

    /// Key data is encrypted.
    pub fn is_encrypted(self) -> bool {
        self.has(0x1000)
    }

    fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }
}

/// Which step of which handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Four-way handshake: the access point's nonce.
    M1,
    /// The station's nonce.
    M2,
    /// The group key; from here on keys are in use.
    M3,
    /// The station has them.
    M4,
    /// Group key handshake: a new group key.
    Group1,
    /// The station has it.
    Group2,
    /// A station asks for new keys, or reports a wrong integrity code.
    Request,
}

/// Descriptors that are read. Number 1 is that of keys of WEP, whose packet is another.
const RSN: u8 = 2;
const WPA: u8 = 254;

impl<'a> Key<'a> {
    fn read(body: &'a [u8], anomalies: &mut Anomalies) -> Option<Self> {
        if body.first().is_some_and(|descriptor| ![RSN, WPA].contains(descriptor)) {
            return None;
        }
        let key = Self::read_fields(body, anomalies);
        anomalies.add_if(key.is_none(), Anomaly::EapolKey);
        key
    }

    fn read_fields(body: &'a [u8], anomalies: &mut Anomalies) -> Option<Self> {
        let mut cursor = Cursor(body);
        let descriptor = cursor.u8()?;
        let info = KeyInfo(cursor.u16_be()?);
        let key_bytes = cursor.u16_be()?;
        let replay_counter = cursor.u64_be()?;
        let nonce = cursor.array()?;
        let iv = cursor.array()?;
        let sequence_counter = cursor.u64()?;
        cursor.bytes(8)?; // reserved
        let mic = cursor.bytes(mic_bytes(cursor.0))?;
        let length = usize::from(cursor.u16_be()?);
        let data = cursor.bytes(length).unwrap_or_else(|| {
            anomalies.add(Anomaly::EapolKey);
            cursor.0
        });
        let key = Self {
            descriptor,
            info,
            key_bytes,
            replay_counter,
            nonce,
            iv,
            sequence_counter,
            mic,
            data,
        };
        let mut kdes = key.key_data();
        let is_wrong = kdes.by_ref().any(|kde| kde.is_pmkid() && kde.value.len() != 16);
        anomalies.add_if(is_wrong || !kdes.is_padding(), Anomaly::KeyData);
        Some(key)
    }

    /// Which step it is.
    ///
    /// Messages 2 and 4 differ in key data: the second brings the station's security element, the
    /// fourth nothing. Only an AEAD cipher encrypts both; then the fourth has the secure bit. Elsewhere
    /// that bit is not asked, because Windows sets it in a second message when it makes keys anew.
    pub fn message(&self) -> Message {
        let info = self.info;
        if info.request() {
            return Message::Request;
        }
        match (info.is_pairwise(), info.ack(), info.install()) {
            (true, true, false) => Message::M1,
            (true, true, true) => Message::M3,
            (true, false, _) if self.data.is_empty() => Message::M4,
            (true, false, _) if info.is_encrypted() && info.secure() => Message::M4,
            (true, false, _) => Message::M2,
            (false, true, _) => Message::Group1,
            (false, false, _) => Message::Group2,
        }
    }

    /// Whether the nonce is all zeros, which no random number is.
    pub fn has_zero_nonce(&self) -> bool {
        *self.nonce == [0; 32]
    }

    /// Whether the integrity code is all zeros, or absent.
    pub fn has_zero_mic(&self) -> bool {
        self.mic.iter().all(|byte| *byte == 0)
    }

    /// Whether key data is encrypted. WPA has no bit for it, and encrypts the group key alone.
    pub fn is_data_encrypted(&self) -> bool {
        self.info.is_encrypted() || (self.descriptor == WPA && !self.info.is_pairwise())
    }

    /// Key data in clear, piece by piece; nothing when it is encrypted.
    pub fn key_data(&self) -> KeyData<'a> {
        KeyData(if self.is_data_encrypted() { &[] } else { self.data })
    }

    /// The name of the pairwise master key, which a passphrase can be guessed from (message 1).
    pub fn pmkid(&self) -> Option<&'a [u8; 16]> {
        self.key_data().filter(Kde::is_pmkid).find_map(|kde| kde.value.try_into().ok())
    }
}

/// Bytes of the integrity code, which the packet does not tell: the length of key data after it must
/// fit what is left. IEEE 802.11-2020, table 12-11.
fn mic_bytes(rest: &[u8]) -> usize {
    let fits = |mic: usize| {
        rest.get(mic..)
            .and_then(|after| after.split_first_chunk::<2>())
            .is_some_and(|(length, data)| usize::from(u16::from_be_bytes(*length)) == data.len())
    };
    // Most often 16: asked first, and taken when none fits.
    [16, 24, 32, 0].into_iter().find(|mic| fits(*mic)).unwrap_or(16)
}

/// Key data in clear: elements, and key data encapsulations (KDE), which look like vendor elements.
#[derive(Debug, Clone)]
pub struct KeyData<'a>(&'a [u8]);

/// One piece of key data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kde<'a> {
    /// Number of the element; 221 of an encapsulation.
    pub id: u8,
    /// Vendor and type of an encapsulation.
    pub selector: Option<[u8; 4]>,
    /// What follows.
    pub value: &'a [u8],
}

impl Kde<'_> {
    /// Whether it holds the name of a pairwise master key.
    pub fn is_pmkid(&self) -> bool {
        self.selector == Some([0x00, 0x0f, 0xac, 4])
    }
}

impl KeyData<'_> {
    /// Whether what was not read is padding: 221 and zeros. IEEE 802.11-2020, 12.7.2.
    fn is_padding(&self) -> bool {
        let zeros = self.0.strip_prefix(&[221]).unwrap_or(self.0);
        zeros.iter().all(|byte| *byte == 0)
    }
}

impl<'a> Iterator for KeyData<'a> {
    type Item = Kde<'a>;

    fn next(&mut self) -> Option<Kde<'a>> {
        let mut ahead = Cursor(self.0);
        let id = ahead.u8()?;
        let length = ahead.u8()?;
        let value = ahead.bytes(usize::from(length))?;
        let (selector, value) = match value.split_first_chunk::<4>() {
            Some((selector, value)) if id == 221 => (Some(*selector), value),
            // An empty encapsulation is the padding.
            None if id == 221 => return None,
            _ => (None, value),
        };
        self.0 = ahead.0;
        Some(Kde { id, selector, value })
    }
}
