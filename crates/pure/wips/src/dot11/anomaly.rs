//! What is wrong with a packet: evidence, not errors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the anomalies with their names, so that none can be forgotten in a list.
macro_rules! anomalies {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// One thing that is wrong with a packet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Anomaly {
            $($(#[$doc])* $name,)+
        }

        impl Anomaly {
            /// Every anomaly, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As it is written for people.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

anomalies! {
    /// The link type is none of 802.11.
    UnknownLink = "not an 802.11 link type",
    /// The header that the capturing radio wrote is damaged.
    LinkHeader = "damaged radio header",
    /// The capture cut the packet: what is missing at the end is nobody's fault.
    Cut = "cut by the capture",
    /// The frame check sequence is wrong: the frame was damaged on the air, and is not read.
    BadFcs = "wrong frame check sequence",
    /// The frame ends inside its header.
    HeaderTruncated = "ends inside the header",
    /// The protocol version is not 0.
    Version = "protocol version is not 0",
    /// The standard reserves this type and subtype.
    ReservedType = "reserved type",
    /// A bit of frame control is set that this type never sets (to DS, from DS, more fragments).
    FrameControl = "impossible frame control",
    /// The transmitter's address names a group.
    GroupTransmitter = "transmitter is a group",
    /// The body ends inside its fixed fields.
    BodyTruncated = "ends inside the body",
    /// An element says that it is longer than what is left.
    ElementOverrun = "element longer than the frame",
    /// An element that stands once stands twice.
    ElementDuplicate = "element twice",
    /// An element is shorter or longer than its kind can be, one with no anomaly of its own.
    ElementLength = "element of impossible length",
    /// A network's name has more than 32 bytes.
    SsidTooLong = "SSID of more than 32 bytes",
    /// A list of supported rates has no rate, or more than 16.
    Rates = "impossible list of rates",
    /// A channel element has not the one byte that holds the channel.
    ChannelLength = "channel element of impossible length",
    /// A traffic map is shorter than its head, or longer than one can be.
    Tim = "impossible traffic map",
    /// A country element has no whole head.
    Country = "impossible country element",
    /// A channel switch announcement is too short.
    ChannelSwitch = "impossible channel switch announcement",
    /// The counts of a security element (RSN or WPA) reach past its end.
    Rsn = "impossible security element",
    /// Attributes of Wi-Fi Protected Setup reach past their end.
    Wps = "impossible WPS attributes",
    /// The frame says that it is encrypted but is too short for the header of any cipher.
    SecurityHeader = "ends inside the security header",
    /// Subframes of an A-MSDU reach past its end.
    Amsdu = "impossible A-MSDU",
    /// The first subframe of an A-MSDU begins as an MSDU does: somebody turned one into the other
    /// (CVE-2020-24588).
    AmsduFromMsdu = "A-MSDU made from an MSDU",
    /// An EAPOL packet is longer than its frame.
    Eapol = "impossible EAPOL packet",
    /// An EAPOL-Key packet is shorter than its fixed fields, or than its key data.
    EapolKey = "impossible EAPOL-Key",
    /// Key data in clear reaches past its end, or holds a PMKID that is not 16 bytes long.
    KeyData = "impossible key data",
    /// An EAP packet is longer than the EAPOL packet around it.
    Eap = "impossible EAP packet",
}

/// A set of anomalies.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Anomalies(u32);

const _: () = assert!(Anomaly::ALL.len() <= u32::BITS as usize, "a bit for each");

impl Anomalies {
    /// Nothing is wrong.
    pub const NONE: Self = Self(0);

    /// What the sensor and the air do, which says nothing about who sent the frame.
    pub const OF_CAPTURE: Self =
        Self::of(&[Anomaly::UnknownLink, Anomaly::LinkHeader, Anomaly::Cut, Anomaly::BadFcs]);

    /// What a frame that the capture has cut shows without fault of its sender.
    pub(crate) const OF_LENGTH: Self = Self::of(&[
        Anomaly::HeaderTruncated,
        Anomaly::BodyTruncated,
        Anomaly::ElementOverrun,
        Anomaly::SecurityHeader,
        Anomaly::Amsdu,
        Anomaly::Eapol,
        Anomaly::EapolKey,
        Anomaly::KeyData,
        Anomaly::Eap,
        Anomaly::Wps,
    ]);

    /// The set of `list`.
    pub const fn of(list: &[Anomaly]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [anomaly, tail @ ..] = rest {
            bits |= 1 << *anomaly as u32;
            rest = tail;
        }
        Self(bits)
    }

    /// Adds one.
    pub(crate) fn add(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u32;
    }

    /// Adds one when `is_wrong`.
    pub(crate) fn add_if(&mut self, is_wrong: bool, anomaly: Anomaly) {
        if is_wrong {
            self.add(anomaly);
        }
    }

    /// Adds those of `other`.
    pub(crate) fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether `anomaly` is among them.
    pub fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & 1 << anomaly as u32 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those that whoever sent the frame is to blame for.
    #[must_use]
    pub fn of_sender(self) -> Self {
        self.without(Self::OF_CAPTURE)
    }

    /// One after the other, in the order of [`Anomaly::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.iter().copied().filter(move |anomaly| self.contains(*anomaly))
    }
}

impl fmt::Debug for Anomalies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
