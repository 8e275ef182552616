//! Authentication frames: the fixed fields, and the commits and confirms of SAE.
//!
//! Source: IEEE 802.11-2020, 9.3.3.11, 9.4.1.1 and 12.4.7.

use serde::{Deserialize, Serialize};

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;
use super::management::Status;

/// What an authentication frame begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentication<'a> {
    /// How the two sides authenticate.
    pub algorithm: Algorithm,
    /// The step, from 1.
    pub sequence: u16,
    /// Whether the step was accepted; a first step has 0.
    pub status: Status,
    /// What SAE carries in place of elements; nothing when it is cut.
    pub sae: Option<Sae<'a>>,
}

/// How two sides authenticate: IEEE 802.11-2020, 9.4.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Algorithm(pub u16);

impl Algorithm {
    /// Open system: no proof here, it follows in the four-way handshake if at all.
    pub const OPEN: Self = Self(0);
    /// Shared key of WEP.
    pub const SHARED_KEY: Self = Self(1);
    /// Fast transition between access points.
    pub const FAST_TRANSITION: Self = Self(2);
    /// Simultaneous authentication of equals (WPA3).
    pub const SAE: Self = Self(3);
    /// Fast initial link setup, shared key.
    pub const FILS: Self = Self(4);
    /// Fast initial link setup, shared key with forward secrecy.
    pub const FILS_PFS: Self = Self(5);
    /// Fast initial link setup, public key.
    pub const FILS_PUBLIC_KEY: Self = Self(6);
    /// Cisco LEAP ("network EAP").
    pub const LEAP: Self = Self(0x80);
}

/// A step of SAE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sae<'a> {
    /// Step 1: scalar and element of a group.
    Commit(Commit<'a>),
    /// Step 2: the proof.
    Confirm {
        /// Counts the confirms.
        send_confirm: u16,
        /// The proof.
        confirm: &'a [u8],
    },
}

/// A commit, or the answer that refuses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit<'a> {
    /// Number of the group, in the registry of IKE.
    pub group: u16,
    /// Proof that the station can receive at its address, when the access point wants one.
    ///
    /// Empty when there is none, and with hash-to-element, where an element holds it.
    pub token: &'a [u8],
    /// The scalar; empty in a refusal, or when the group is unknown.
    pub scalar: &'a [u8],
    /// The element of the group; as the scalar.
    pub element: &'a [u8],
}

impl<'a> Authentication<'a> {
    /// Reads the fixed fields; what is left are elements.
    pub(crate) fn read(cursor: &mut Cursor<'a>, anomalies: &mut Anomalies) -> Option<Self> {
        let algorithm = Algorithm(cursor.u16()?);
        let sequence = cursor.u16()?;
        let status = Status(cursor.u16()?);
        let mut read = Self { algorithm, sequence, status, sae: None };
        if read.read_key(cursor).is_none() {
            anomalies.add(Anomaly::BodyTruncated);
            cursor.0 = &[];
        }
        Some(read)
    }

    /// Reads what stands between the fixed fields and the elements; `None` when it is cut.
    fn read_key(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        match (self.algorithm, self.sequence) {
            // Who refuses may leave out everything else.
            (Algorithm::SAE, 1 | 2) if !self.status.accepts_sae() && cursor.0.is_empty() => {}
            (Algorithm::SAE, 1) => {
                self.sae = Some(Sae::Commit(Commit::read(cursor, self.status)?));
            }
            (Algorithm::SAE, 2) => self.sae = Some(confirm(cursor)?),
            (Algorithm::FILS_PFS | Algorithm::FILS_PUBLIC_KEY, 1 | 2) => {
                skip_finite_field(cursor)?;
            }
            _ => {}
        }
        Some(())
    }
}

impl Status {
    /// Whether a step of SAE with this status goes on.
    fn accepts_sae(self) -> bool {
        matches!(self, Self::SUCCESS | Self::HASH_TO_ELEMENT | Self::SAE_PK)
    }
}

impl<'a> Commit<'a> {
    fn read(cursor: &mut Cursor<'a>, status: Status) -> Option<Self> {
        let group = cursor.u16()?;
        let mut commit = Self { group, token: &[], scalar: &[], element: &[] };
        if status == Status::ANTI_CLOGGING {
            // The access point asks for the token back; with hash-to-element it is in an element,
            // which begins with 255 and its own length.
            if !is_token_container(cursor.0) {
                commit.token = cursor.bytes(cursor.0.len())?;
            }
            return Some(commit);
        }
        let bytes = group_bytes(group).filter(|_| status.accepts_sae());
        let Some((scalar_bytes, element_bytes)) = bytes else {
            // Nobody can tell where the scalar of an unknown group ends.
            cursor.0 = &[];
            return Some(commit);
        };
        // Without hash-to-element the token stands in front, and nothing tells its length: it is what
        // is too much, unless that is elements at the end.
        let key_bytes = scalar_bytes + element_bytes;
        if status == Status::SUCCESS && !trails_elements(cursor.0, key_bytes) {
            commit.token = cursor.bytes(cursor.0.len().saturating_sub(key_bytes))?;
        }
        commit.scalar = cursor.bytes(scalar_bytes)?;
        commit.element = cursor.bytes(element_bytes)?;
        Some(commit)
    }
}

/// Whether `bytes` are one element that holds an anti-clogging token (extension 93).
fn is_token_container(bytes: &[u8]) -> bool {
    matches!(bytes, [255, length, 93, ..] if usize::from(*length) + 2 == bytes.len())
}

/// Whether what follows `fixed` bytes are whole elements of those that a commit can have: a password
/// identifier (extension 33), rejected groups (92), a token (93), an AKM suite (114).
fn trails_elements(bytes: &[u8], fixed: usize) -> bool {
    let Some((_, mut rest)) = bytes.split_at_checked(fixed) else { return false };
    while let [255, length, 33 | 92 | 93 | 114, ..] = rest {
        match rest.split_at_checked(usize::from(*length) + 2) {
            Some((_, [])) => return true,
            Some((_, tail)) => rest = tail,
            None => return false,
        }
    }
    false
}

/// Bytes of a scalar and of an element: RFC 2409, 3526, 5114, 5639, 5903.
fn group_bytes(group: u16) -> Option<(usize, usize)> {
    Some(match group {
        1 => (96, 96),
        2 => (128, 128),
        5 => (192, 192),
        14 => (256, 256),
        15 => (384, 384),
        16 => (512, 512),
        17 => (768, 768),
        18 => (1024, 1024),
        19 | 28 => (32, 64),
        20 | 29 => (48, 96),
        21 => (66, 132),
        22 => (20, 128),
        23 => (28, 256),
        24 => (32, 256),
        25 => (24, 48),
        26 | 27 => (28, 56),
        30 => (64, 128),
        _ => return None,
    })
}

fn confirm<'a>(cursor: &mut Cursor<'a>) -> Option<Sae<'a>> {
    let send_confirm = cursor.u16()?;
    // As long as the hash of the group, which the commit named; no element follows.
    let confirm = cursor.bytes(cursor.0.len())?;
    Some(Sae::Confirm { send_confirm, confirm })
}

/// FILS with forward secrecy puts a group and a key in front of the elements.
fn skip_finite_field(cursor: &mut Cursor<'_>) -> Option<()> {
    let group = cursor.u16()?;
    if let Some((_, element_bytes)) = group_bytes(group) {
        cursor.bytes(element_bytes)?;
    } else {
        cursor.0 = &[];
    }
    Some(())
}
