//! Security elements: how a network encrypts and authenticates.
//!
//! Source: IEEE 802.11-2020, 9.4.2.24 (RSN); WPA 3.1 (its forerunner in a vendor element).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::cursor::Cursor;

/// A security element. What it leaves out is absent here, not filled with defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security<'a> {
    /// RSN (WPA2, WPA3), or the vendor element of WPA.
    pub is_rsn: bool,
    /// Version; 1 is the only one there is.
    pub version: u16,
    /// Cipher of group data.
    pub group: Option<Suite>,
    /// Ciphers of data between two stations.
    pub pairwise: Suites<'a>,
    /// How stations are authenticated.
    pub akms: Suites<'a>,
    /// Abilities.
    pub capabilities: Option<RsnCapabilities>,
    /// Names of keys from earlier (RSN only).
    pub pmkids: &'a [[u8; 16]],
    /// Cipher of group management frames (RSN only).
    pub group_management: Option<Suite>,
    /// A count reaches past the end; what was read before it stands here.
    pub is_malformed: bool,
}

/// A cipher, or a way to authenticate: a vendor's prefix and a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Suite(pub [u8; 4]);

/// Prefix of the suites of the standard.
const IEEE: [u8; 3] = [0x00, 0x0f, 0xac];
/// Prefix of those of WPA.
const MICROSOFT: [u8; 3] = [0x00, 0x50, 0xf2];

impl Suite {
    /// The number, when the suite is of the standard or of WPA, which number alike.
    fn number(self) -> Option<u8> {
        let [a, b, c, number] = self.0;
        ([a, b, c] == IEEE || [a, b, c] == MICROSOFT).then_some(number)
    }

    /// As a cipher: IEEE 802.11-2020, table 9-149.
    pub fn cipher(self) -> Option<Cipher> {
        Some(match self.number()? {
            0 => Cipher::UseGroup,
            1 => Cipher::Wep40,
            2 => Cipher::Tkip,
            4 => Cipher::Ccmp128,
            5 => Cipher::Wep104,
            6 => Cipher::BipCmac128,
            7 => Cipher::GroupForbidden,
            8 => Cipher::Gcmp128,
            9 => Cipher::Gcmp256,
            10 => Cipher::Ccmp256,
            11 => Cipher::BipGmac128,
            12 => Cipher::BipGmac256,
            13 => Cipher::BipCmac256,
            _ => return None,
        })
    }

    /// As a way to authenticate: IEEE 802.11-2020, table 9-151.
    pub fn akm(self) -> Option<Akm> {
        Some(match self.number()? {
            1 => Akm::Eap,
            2 => Akm::Psk,
            3 => Akm::FtEap,
            4 => Akm::FtPsk,
            5 => Akm::EapSha256,
            6 => Akm::PskSha256,
            7 => Akm::Tdls,
            8 => Akm::Sae,
            9 => Akm::FtSae,
            10 => Akm::ApPeerKey,
            11 => Akm::EapSuiteB,
            12 => Akm::EapSuiteB192,
            13 => Akm::FtEapSha384,
            14 => Akm::FilsSha256,
            15 => Akm::FilsSha384,
            16 => Akm::FtFilsSha256,
            17 => Akm::FtFilsSha384,
            18 => Akm::Owe,
            19 => Akm::FtPskSha384,
            20 => Akm::PskSha384,
            24 => Akm::SaeExt,
            25 => Akm::FtSaeExt,
            _ => return None,
        })
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, number] = self.0;
        write!(f, "{a:02x}-{b:02x}-{c:02x}:{number}")
    }
}

/// A cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Cipher {
    /// The same as the group's.
    UseGroup,
    Wep40,
    Tkip,
    Ccmp128,
    Wep104,
    BipCmac128,
    /// Group data is not allowed.
    GroupForbidden,
    Gcmp128,
    Gcmp256,
    Ccmp256,
    BipGmac128,
    BipGmac256,
    BipCmac256,
}

impl Cipher {
    /// Whether it is broken: WEP and TKIP.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Wep40 | Self::Wep104 | Self::Tkip)
    }
}

/// A way to authenticate, and to make keys from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Akm {
    Eap,
    Psk,
    FtEap,
    FtPsk,
    EapSha256,
    PskSha256,
    Tdls,
    Sae,
    FtSae,
    ApPeerKey,
    EapSuiteB,
    EapSuiteB192,
    FtEapSha384,
    FilsSha256,
    FilsSha384,
    FtFilsSha256,
    FtFilsSha384,
    Owe,
    FtPskSha384,
    PskSha384,
    SaeExt,
    FtSaeExt,
}

/// A list of suites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suites<'a>(&'a [[u8; 4]]);

impl<'a> Suites<'a> {
    /// How many.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Suite> + use<'a> {
        self.0.iter().copied().map(Suite)
    }

    /// Those that are known ciphers.
    pub fn ciphers(self) -> impl Iterator<Item = Cipher> + use<'a> {
        self.iter().filter_map(Suite::cipher)
    }

    /// Those that are known ways to authenticate.
    pub fn akms(self) -> impl Iterator<Item = Akm> + use<'a> {
        self.iter().filter_map(Suite::akm)
    }
}

/// Abilities: IEEE 802.11-2020, figure 9-289.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RsnCapabilities(pub u16);

impl RsnCapabilities {
    /// Management frames must be protected (MFPR).
    pub fn requires_protected_management(self) -> bool {
        self.0 & 0x0040 != 0
    }

    /// Management frames can be protected (MFPC).
    pub fn can_protect_management(self) -> bool {
        self.0 & 0x0080 != 0
    }
}

impl<'a> Security<'a> {
    /// Reads the value of an RSN element.
    pub fn rsn(value: &'a [u8]) -> Self {
        Self::read(value, true)
    }

    /// Reads the value of a vendor element of WPA, after vendor and type.
    pub fn wpa(value: &'a [u8]) -> Self {
        Self::read(value, false)
    }

    fn read(value: &'a [u8], is_rsn: bool) -> Self {
        let mut read = Self {
            is_rsn,
            version: 0,
            group: None,
            pairwise: Suites::default(),
            akms: Suites::default(),
            capabilities: None,
            pmkids: &[],
            group_management: None,
            is_malformed: false,
        };
        read.is_malformed = read.fill(&mut Cursor(value)).is_none();
        read
    }

    /// Every field after the version may be left out with all that follow. `None` when one is cut.
    fn fill(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        self.version = cursor.u16()?;
        if cursor.0.is_empty() {
            return Some(());
        }
        self.group = Some(Suite(*cursor.array()?));
        if cursor.0.is_empty() {
            return Some(());
        }
        let is_whole;
        (self.pairwise.0, is_whole) = list(cursor)?;
        is_whole.then_some(())?;
        if cursor.0.is_empty() {
            return Some(());
        }
        let is_whole;
        (self.akms.0, is_whole) = list(cursor)?;
        is_whole.then_some(())?;
        if cursor.0.is_empty() {
            return Some(());
        }
        self.capabilities = Some(RsnCapabilities(cursor.u16()?));
        if cursor.0.is_empty() || !self.is_rsn {
            return Some(());
        }
        let is_whole;
        (self.pmkids, is_whole) = list(cursor)?;
        is_whole.then_some(())?;
        if cursor.0.is_empty() {
            return Some(());
        }
        self.group_management = Some(Suite(*cursor.array()?));
        Some(())
    }
}

/// A count and as many items of `N` bytes: those that are there, and whether all are.
fn list<'a, const N: usize>(cursor: &mut Cursor<'a>) -> Option<(&'a [[u8; N]], bool)> {
    let count = usize::from(cursor.u16()?);
    let (items, _) = cursor.0.as_chunks::<N>();
    let (items, is_whole) = items.get(..count).map_or((items, false), |items| (items, true));
    cursor.bytes(items.len() * N)?;
    Some((items, is_whole))
}
