//! Attributes of Wi-Fi Protected Setup, in elements and in EAP.
//!
//! Source: Wi-Fi Simple Configuration 2.0.8, 12 (data element definitions).

use super::cursor::Cursor;

/// Attributes, one after the other: type and length in two big-endian bytes each, and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wps<'a>(pub &'a [u8]);

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number; [`attribute`] names some.
    pub number: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// Numbers of attributes.
pub mod attribute {
    /// Name of the access point for people.
    pub const DEVICE_NAME: u16 = 0x1011;
    /// How the PIN is given, 0 by hand.
    pub const DEVICE_PASSWORD_ID: u16 = 0x1012;
    /// Why a session failed.
    pub const CONFIGURATION_ERROR: u16 = 0x1009;
    /// Manufacturer.
    pub const MANUFACTURER: u16 = 0x1021;
    /// Which message of the exchange.
    pub const MESSAGE_TYPE: u16 = 0x1022;
    /// Model name.
    pub const MODEL_NAME: u16 = 0x1023;
    /// A registrar waits for a station now.
    pub const SELECTED_REGISTRAR: u16 = 0x1041;
    /// 1 not configured, 2 configured.
    pub const STATE: u16 = 0x1044;
    /// The access point refuses PINs.
    pub const SETUP_LOCKED: u16 = 0x1057;
}

/// Which message: table 37 of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u8);

impl MessageType {
    /// The first message, of the enrollee.
    pub const M1: Self = Self(0x04);
    /// The registrar's first message.
    pub const M2: Self = Self(0x05);
    /// The enrollee commits itself to both halves of the PIN.
    pub const M3: Self = Self(0x07);
    /// The registrar proves the first half of the PIN.
    pub const M4: Self = Self(0x08);
    /// The enrollee found the first half right.
    pub const M5: Self = Self(0x09);
    /// The registrar proves the second half.
    pub const M6: Self = Self(0x0a);
    /// The enrollee found the second half right.
    pub const M7: Self = Self(0x0b);
    /// The settings of the network.
    pub const M8: Self = Self(0x0c);
    /// The last message arrived.
    pub const ACK: Self = Self(0x0d);
    /// Something was wrong.
    pub const NACK: Self = Self(0x0e);
    /// The station is done.
    pub const DONE: Self = Self(0x0f);
}

impl<'a> Wps<'a> {
    /// The attributes, up to the first that reaches past the end.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'a>> {
        let mut cursor = Cursor(self.0);
        std::iter::from_fn(move || next(&mut cursor))
    }

    /// The first value of an attribute.
    pub fn value(self, number: u16) -> Option<&'a [u8]> {
        self.attributes().find(|attribute| attribute.number == number).map(|found| found.value)
    }

    /// Which message of the exchange.
    pub fn message_type(self) -> Option<MessageType> {
        self.byte(attribute::MESSAGE_TYPE).map(MessageType)
    }

    /// Whether the access point refuses PINs, if it says so.
    pub fn is_setup_locked(self) -> Option<bool> {
        self.byte(attribute::SETUP_LOCKED).map(|value| value != 0)
    }

    /// Whether a registrar waits for a station now, if it says so.
    pub fn is_registrar_selected(self) -> Option<bool> {
        self.byte(attribute::SELECTED_REGISTRAR).map(|value| value != 0)
    }

    /// 1 not configured, 2 configured.
    pub fn state(self) -> Option<u8> {
        self.byte(attribute::STATE)
    }

    fn byte(self, number: u16) -> Option<u8> {
        self.value(number)?.first().copied()
    }

    /// Whether an attribute reaches past the end. Zeros at the end are padding.
    pub(crate) fn is_malformed(self) -> bool {
        let mut cursor = Cursor(self.0);
        while next(&mut cursor).is_some() {}
        cursor.0.iter().any(|byte| *byte != 0)
    }
}

fn next<'a>(cursor: &mut Cursor<'a>) -> Option<Attribute<'a>> {
    let mut ahead = *cursor;
    let number = ahead.u16_be()?;
    let length = usize::from(ahead.u16_be()?);
    let value = ahead.bytes(length)?;
    *cursor = ahead;
    Some(Attribute { number, value })
}
