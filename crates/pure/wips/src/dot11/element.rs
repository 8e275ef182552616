//! Elements: the typed fields of management frames.
//!
//! Source: IEEE 802.11-2020, 9.4.2 (elements), table 9-92 (numbers); 802.11ax-2021 for high efficiency.

use model::Band;
use serde::{Deserialize, Serialize};

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;
use super::radio::Channel;
use super::security::Security;
use super::wps::Wps;

/// Number of an element. Those behind number 255 have 256 added to their second number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ElementId(pub u16);

#[expect(missing_docs, reason = "the names are those of the standard")]
impl ElementId {
    pub const SSID: Self = Self(0);
    pub const RATES: Self = Self(1);
    pub const DS_PARAMETER: Self = Self(3);
    pub const TIM: Self = Self(5);
    pub const IBSS_PARAMETER: Self = Self(6);
    pub const COUNTRY: Self = Self(7);
    pub const BSS_LOAD: Self = Self(11);
    pub const CHALLENGE: Self = Self(16);
    pub const CHANNEL_SWITCH: Self = Self(37);
    pub const QUIET: Self = Self(40);
    pub const HT_CAPABILITIES: Self = Self(45);
    pub const RSN: Self = Self(48);
    pub const EXTENDED_RATES: Self = Self(50);
    pub const MOBILITY_DOMAIN: Self = Self(54);
    pub const FAST_TRANSITION: Self = Self(55);
    pub const EXTENDED_CHANNEL_SWITCH: Self = Self(60);
    pub const HT_OPERATION: Self = Self(61);
    pub const MESH_ID: Self = Self(114);
    pub const EXTENDED_CAPABILITIES: Self = Self(127);
    pub const VHT_CAPABILITIES: Self = Self(191);
    pub const VHT_OPERATION: Self = Self(192);
    pub const VENDOR: Self = Self(221);
    pub const RSN_EXTENSION: Self = Self(244);
    pub const HE_CAPABILITIES: Self = Self::extended(35);
    pub const HE_OPERATION: Self = Self::extended(36);
    pub const TOKEN_CONTAINER: Self = Self::extended(93);
    pub const EHT_OPERATION: Self = Self::extended(106);
    pub const MULTI_LINK: Self = Self::extended(107);
    pub const EHT_CAPABILITIES: Self = Self::extended(108);

    /// The element whose number is 255, and second number `number`.
    pub const fn extended(number: u8) -> Self {
        Self(256 + number as u16)
    }

    /// The second number of an element whose number is 255.
    pub fn extension(self) -> Option<u8> {
        self.0.checked_sub(256).map(|number| number as u8)
    }
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its number.
    pub id: ElementId,
    /// What it says; the second number of an extended one is not in it.
    pub value: &'a [u8],
}

impl<'a> Element<'a> {
    /// Vendor and type of a vendor's element, and what follows.
    pub fn vendor(&self) -> Option<Vendor<'a>> {
        if self.id != ElementId::VENDOR {
            return None;
        }
        let ([a, b, c, kind], body) = self.value.split_first_chunk::<4>()?;
        Some(Vendor { oui: [*a, *b, *c], kind: *kind, body })
    }
}

/// A vendor's element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor<'a> {
    /// The vendor's prefix of addresses.
    pub oui: [u8; 3],
    /// The vendor's own number.
    pub kind: u8,
    /// What it says.
    pub body: &'a [u8],
}

/// Prefix of WPA, WMM and Wi-Fi Protected Setup.
const MICROSOFT: [u8; 3] = [0x00, 0x50, 0xf2];
const WPA: u8 = 1;
const WPS: u8 = 4;

/// The elements of one frame, in the order in which they stand there.
///
/// Methods look for an element each time they are asked: a frame has ten to thirty of them.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Elements<'a> {
    bytes: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Those up to a FILS session. What follows it in a request to join, or in the answer, is encrypted,
    /// though the frame does not say so: IEEE 802.11-2020, 12.11.2.6.
    pub(crate) fn in_clear(self) -> Self {
        const FILS_SESSION: ElementId = ElementId::extended(4);
        let mut cursor = Cursor(self.bytes);
        while let Some(element) = next(&mut cursor) {
            if element.id == FILS_SESSION {
                let clear_bytes = self.bytes.len() - cursor.0.len();
                return Self::new(self.bytes.get(..clear_bytes).unwrap_or_default());
            }
        }
        self
    }

    /// All bytes of them, also those of a last one that is cut: what a fingerprint is made of.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// One after the other, up to the first that reaches past the end.
    pub fn iter(self) -> impl Iterator<Item = Element<'a>> {
        let mut cursor = Cursor(self.bytes);
        std::iter::from_fn(move || next(&mut cursor))
    }

    /// The value of the first one with this number.
    pub fn find(self, id: ElementId) -> Option<&'a [u8]> {
        self.iter().find(|element| element.id == id).map(|element| element.value)
    }

    /// Name of the network: bytes that need not be text, and more than 32 of them if somebody wants to
    /// do harm. Empty, or all zeros, when the network hides it.
    pub fn ssid(self) -> Option<&'a [u8]> {
        self.find(ElementId::SSID)
    }

    /// Supported rates in units of 500 kb/s, the upper bit set of those that everyone must know; those
    /// of the extended element follow.
    pub fn rates(self) -> impl Iterator<Item = u8> {
        let rates = self.find(ElementId::RATES).unwrap_or_default();
        let more = self.find(ElementId::EXTENDED_RATES).unwrap_or_default();
        rates.iter().chain(more).copied()
    }

    /// The channel that the sender says it is on (2.4 GHz).
    pub fn ds_channel(self) -> Option<u8> {
        let [channel] = self.find(ElementId::DS_PARAMETER)? else { return None };
        Some(*channel)
    }

    /// Who has frames waiting.
    pub fn tim(self) -> Option<Tim<'a>> {
        let ([dtim_count, dtim_period, control], bitmap) =
            self.find(ElementId::TIM)?.split_first_chunk::<3>()?;
        Some(Tim {
            dtim_count: *dtim_count,
            dtim_period: *dtim_period,
            has_group_traffic: control & 1 != 0,
            first_byte: control & 0xfe,
            bitmap,
        })
    }

    /// The country whose rules the network follows: two letters, and where there.
    pub fn country(self) -> Option<[u8; 3]> {
        self.find(ElementId::COUNTRY)?.first_chunk().copied()
    }

    /// Whether the network moves to another channel: the extended announcement, or else the plain one.
    pub fn channel_switch(self) -> Option<ChannelSwitch> {
        let extended = self.find(ElementId::EXTENDED_CHANNEL_SWITCH);
        match (extended, self.find(ElementId::CHANNEL_SWITCH)) {
            (Some(&[mode, class, channel, count, ..]), _) => {
                Some(ChannelSwitch { mode, operating_class: Some(class), channel, count })
            }
            (_, Some(&[mode, channel, count, ..])) => {
                Some(ChannelSwitch { mode, operating_class: None, channel, count })
            }
            _ => None,
        }
    }

    /// When nobody may send.
    pub fn quiet(self) -> Option<Quiet> {
        let mut cursor = Cursor(self.find(ElementId::QUIET)?);
        Some(Quiet {
            count: cursor.u8()?,
            period: cursor.u8()?,
            duration_tu: cursor.u16()?,
            offset_tu: cursor.u16()?,
        })
    }

    /// How the network encrypts and authenticates (WPA2, WPA3).
    pub fn rsn(self) -> Option<Security<'a>> {
        self.find(ElementId::RSN).map(Security::rsn)
    }

    /// The same in the vendor element of WPA.
    pub fn wpa(self) -> Option<Security<'a>> {
        self.vendor(MICROSOFT, WPA).map(Security::wpa)
    }

    /// Wi-Fi Protected Setup: the attributes of the first element that has some.
    pub fn wps(self) -> Option<Wps<'a>> {
        self.vendor(MICROSOFT, WPS).map(Wps)
    }

    /// The body of the first element of a vendor and its number.
    pub fn vendor(self, oui: [u8; 3], kind: u8) -> Option<&'a [u8]> {
        self.vendors().find(|it| it.oui == oui && it.kind == kind).map(|it| it.body)
    }

    /// The elements of vendors.
    pub fn vendors(self) -> impl Iterator<Item = Vendor<'a>> {
        self.iter().filter_map(|element| element.vendor())
    }

    /// What the sender can at high throughput (802.11n).
    pub fn ht_capabilities(self) -> Option<&'a [u8; 26]> {
        self.find(ElementId::HT_CAPABILITIES)?.first_chunk()
    }

    /// How the network operates at high throughput.
    pub fn ht_operation(self) -> Option<HtOperation> {
        let [primary, flags, ..] = self.find(ElementId::HT_OPERATION)?.first_chunk::<22>()?;
        Some(HtOperation { primary_channel: *primary, secondary_offset: flags & 0b11 })
    }

    /// What the sender can at very high throughput (802.11ac).
    pub fn vht_capabilities(self) -> Option<&'a [u8; 12]> {
        self.find(ElementId::VHT_CAPABILITIES)?.first_chunk()
    }

    /// How the network operates at very high throughput.
    pub fn vht_operation(self) -> Option<VhtOperation> {
        let [width, centre0, centre1, ..] =
            self.find(ElementId::VHT_OPERATION)?.first_chunk::<5>()?;
        Some(VhtOperation { width: *width, centres: [*centre0, *centre1] })
    }

    /// What the sender can at high efficiency (802.11ax): MAC and PHY capabilities, and what follows.
    pub fn he_capabilities(self) -> Option<&'a [u8]> {
        self.find(ElementId::HE_CAPABILITIES)
    }

    /// How the network operates at high efficiency.
    pub fn he_operation(self) -> Option<HeOperation> {
        HeOperation::read(self.find(ElementId::HE_OPERATION)?)
    }

    /// The group of access points that a station moves among fast (802.11r).
    pub fn mobility_domain(self) -> Option<u16> {
        self.find(ElementId::MOBILITY_DOMAIN)?.first_chunk().copied().map(u16::from_le_bytes)
    }

    /// The challenge of shared key authentication.
    pub fn challenge(self) -> Option<&'a [u8]> {
        self.find(ElementId::CHALLENGE)
    }

    /// The channel that the network says it is on: HE at 6 GHz, else HT, else DS.
    pub fn primary_channel(self) -> Option<u8> {
        let he = self.he_operation().and_then(|he| he.primary_channel_6ghz);
        let ht = || self.ht_operation().map(|ht| ht.primary_channel);
        he.or_else(ht).or_else(|| self.ds_channel())
    }

    /// The same with its band, guessed from the number where no element tells it.
    pub fn channel(self) -> Option<Channel> {
        if let Some(number) = self.he_operation().and_then(|he| he.primary_channel_6ghz) {
            return Some(Channel { band: Band::Ghz6, number });
        }
        Channel::from_number(u32::from(self.primary_channel()?))
    }

    /// Finds what is wrong with them.
    pub(crate) fn judge(self, anomalies: &mut Anomalies) {
        // Which of the first 256 numbers were there.
        let mut seen = [0_u64; 4];
        let mut cursor = Cursor(self.bytes);
        while let Some(element) = next(&mut cursor) {
            judge(element, anomalies);
            let (word, bit) = (usize::from(element.id.0 >> 6), element.id.0 & 63);
            if let Some(word) = seen.get_mut(word) {
                let is_second = *word >> bit & 1 != 0;
                let is_single = SINGLE.contains(&element.id);
                anomalies.add_if(is_second && is_single, Anomaly::ElementDuplicate);
                *word |= 1 << bit;
            }
        }
        anomalies.add_if(!cursor.0.is_empty(), Anomaly::ElementOverrun);
    }
}

impl std::fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Takes one element; `None` at the end, and when it reaches past it.
fn next<'a>(cursor: &mut Cursor<'a>) -> Option<Element<'a>> {
    let mut ahead = *cursor;
    let id = ahead.u8()?;
    let length = ahead.u8()?;
    let value = ahead.bytes(usize::from(length))?;
    let element = match value {
        [extension, value @ ..] if id == 255 => {
            Element { id: ElementId::extended(*extension), value }
        }
        _ => Element { id: ElementId(u16::from(id)), value },
    };
    *cursor = ahead;
    Some(element)
}

/// Elements that stand once in a frame. A second one is how a parser is led astray.
const SINGLE: [ElementId; 12] = [
    ElementId::SSID,
    ElementId::RATES,
    ElementId::DS_PARAMETER,
    ElementId::TIM,
    ElementId::COUNTRY,
    ElementId::CHALLENGE,
    ElementId::CHANNEL_SWITCH,
    ElementId::HT_CAPABILITIES,
    ElementId::RSN,
    ElementId::EXTENDED_RATES,
    ElementId::HT_OPERATION,
    ElementId::VHT_OPERATION,
];

/// Longest name: IEEE 802.11-2020, 9.4.2.2.
const SSID_MAX: usize = 32;
/// Longest list of rates (ours). The standard has 8 and a second element for more, but access points
/// of 2003 and phones of today put 12 into the first.
const RATES_MAX: usize = 16;
/// A traffic map: three bytes of head, and one to 251 of bits. IEEE 802.11-2020, 9.4.2.5.
const TIM_LENGTHS: std::ops::RangeInclusive<usize> = 4..=254;

/// Finds what is wrong with one element. Later versions of the standard make elements longer, so that
/// only the shortest length is held against those that have grown before.
fn judge(element: Element<'_>, anomalies: &mut Anomalies) {
    let value = element.value;
    let length = value.len();
    let shorter_than = |least: usize| (length < least, Anomaly::ElementLength);
    let (is_wrong, anomaly) = match element.id {
        ElementId::SSID => (length > SSID_MAX, Anomaly::SsidTooLong),
        ElementId::RATES => (!(1..=RATES_MAX).contains(&length), Anomaly::Rates),
        ElementId::DS_PARAMETER => (length != 1, Anomaly::ChannelLength),
        ElementId::TIM => (!TIM_LENGTHS.contains(&length), Anomaly::Tim),
        ElementId::COUNTRY => (length < 6, Anomaly::Country),
        ElementId::CHANNEL_SWITCH => (length < 3, Anomaly::ChannelSwitch),
        ElementId::EXTENDED_CHANNEL_SWITCH => (length < 4, Anomaly::ChannelSwitch),
        ElementId::RSN => (Security::rsn(value).is_malformed, Anomaly::Rsn),
        ElementId::QUIET => shorter_than(6),
        ElementId::HT_CAPABILITIES => shorter_than(26),
        ElementId::HT_OPERATION => shorter_than(22),
        ElementId::VHT_CAPABILITIES => shorter_than(12),
        ElementId::VHT_OPERATION => shorter_than(5),
        ElementId::MOBILITY_DOMAIN => shorter_than(3),
        ElementId::VENDOR => match element.vendor() {
            // Without a number it can still name its vendor.
            None => shorter_than(3),
            Some(Vendor { oui: MICROSOFT, kind: WPA, body }) => {
                (Security::wpa(body).is_malformed, Anomaly::Rsn)
            }
            Some(Vendor { oui: MICROSOFT, kind: WPS, body }) => {
                (Wps(body).is_malformed(), Anomaly::Wps)
            }
            Some(_) => (false, Anomaly::ElementLength),
        },
        _ => (false, Anomaly::ElementLength),
    };
    anomalies.add_if(is_wrong, anomaly);
}

/// The traffic indication map: IEEE 802.11-2020, 9.4.2.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tim<'a> {
    /// Beacons until group traffic is sent.
    pub dtim_count: u8,
    /// Beacons from one time to the next.
    pub dtim_period: u8,
    /// Group traffic waits.
    pub has_group_traffic: bool,
    /// Which byte of the whole map the first one here is.
    pub first_byte: u8,
    /// A bit per association.
    pub bitmap: &'a [u8],
}

impl Tim<'_> {
    /// Whether frames wait for the station with this number.
    pub fn has_traffic_for(&self, association_id: u16) -> bool {
        let byte = usize::from(association_id / 8).checked_sub(usize::from(self.first_byte));
        let byte = byte.and_then(|byte| self.bitmap.get(byte));
        byte.is_some_and(|byte| byte >> (association_id % 8) & 1 != 0)
    }
}

/// A network moves to another channel: IEEE 802.11-2020, 9.4.2.18 and 9.4.2.52.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChannelSwitch {
    /// 1 when nobody may send until then.
    pub mode: u8,
    /// Class of channels, in the extended announcement.
    pub operating_class: Option<u8>,
    /// Where to.
    pub channel: u8,
    /// In how many beacons; 0 at any time.
    pub count: u8,
}

/// Nobody may send: IEEE 802.11-2020, 9.4.2.22.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quiet {
    /// In how many beacons.
    pub count: u8,
    /// Beacons from one time to the next; 0 for once.
    pub period: u8,
    /// How long.
    pub duration_tu: u16,
    /// How long after the beacon.
    pub offset_tu: u16,
}

/// How a network operates at high throughput: IEEE 802.11-2020, 9.4.2.56.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HtOperation {
    /// The channel of beacons.
    pub primary_channel: u8,
    /// 0 for 20 MHz, 1 for a second channel above, 3 for one below.
    pub secondary_offset: u8,
}

/// How a network operates at very high throughput: IEEE 802.11-2020, 9.4.2.158.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VhtOperation {
    /// 0 for 20 or 40 MHz, 1 for 80 MHz and wider.
    pub width: u8,
    /// Centres of the two segments, as numbers of channels.
    pub centres: [u8; 2],
}

/// How a network operates at high efficiency: IEEE 802.11ax-2021, 9.4.2.249.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeOperation {
    /// Colour that tells networks on one channel apart, 0 to 63.
    pub bss_color: u8,
    /// The channel of beacons at 6 GHz.
    pub primary_channel_6ghz: Option<u8>,
}

impl HeOperation {
    fn read(value: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(value);
        let [_, flags, more, color] = *cursor.array()?;
        let has = |bit: u8, byte: u8| byte & bit != 0;
        cursor.bytes(2)?; // basic rates
        if has(0x40, flags) {
            cursor.bytes(3)?; // the VHT operation of 80 MHz
        }
        if has(0x80, flags) {
            cursor.bytes(1)?; // how many networks share the place
        }
        let primary_channel_6ghz = if has(0x02, more) { cursor.u8() } else { None };
        Some(Self { bss_color: color & 0x3f, primary_channel_6ghz })
    }
}
