//! IEEE 802 MAC addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 48-bit MAC address.
///
/// Printed in lower case with colons (`00:50:56:9c:34:89`), which is the form of the CMX API.
/// Parsed from any of the field's forms: colons, dashes, Cisco dots (`0050.569c.3489`) or none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, example = "00:50:56:9c:34:89"))]
pub struct Mac(pub [u8; 6]);

/// A text that is not a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a MAC address; write it as 00:50:56:9c:34:89, 0050.569c.3489 or 0050569c3489"
)]
pub struct MacError {
    /// What was given, at most 64 characters of it.
    pub text: String,
}

impl Mac {
    /// The address as twelve hexadecimal digits, the form of a user name on IOS-XE.
    pub fn bare(self) -> String {
        format!("{:012x}", self.to_u64())
    }

    /// The address as a number, most significant octet first.
    pub fn to_u64(self) -> u64 {
        self.0.iter().fold(0, |acc, octet| acc << 8 | u64::from(*octet))
    }

    /// The low 48 bits of `value` as an address.
    pub fn from_u64(value: u64) -> Self {
        let [_, _, octets @ ..] = value.to_be_bytes();
        Self(octets)
    }

    /// Whether the address was made up by software (IEEE 802: the U/L bit), as phones do for privacy.
    pub fn is_locally_administered(self) -> bool {
        self.0[0] & 0b10 != 0
    }

    /// Whether the address names a group, which no element can be.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 0b1 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let error = || MacError { text: text.chars().take(64).collect() };
        let trimmed = text.trim();
        let mut octets = [0_u8; 6];
        let mut digits = 0_usize;
        for (at, c) in trimmed.char_indices() {
            if matches!(c, ':' | '-' | '.') {
                // A separator stands between whole octets, never first, last or doubled.
                let next_is_digit = trimmed
                    .get(at + 1..)
                    .is_some_and(|rest| rest.starts_with(|n: char| n.is_ascii_hexdigit()));
                if digits == 0 || !digits.is_multiple_of(2) || !next_is_digit {
                    return Err(error());
                }
                continue;
            }
            let value = c.to_digit(16).ok_or_else(error)?;
            let octet = octets.get_mut(digits / 2).ok_or_else(error)?;
            *octet = *octet << 4 | value as u8;
            digits += 1;
        }
        if digits == 12 { Ok(Self(octets)) } else { Err(error()) }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_the_field_is_read() {
        let expected = Mac([0x00, 0x50, 0x56, 0x9c, 0x34, 0x89]);
        for text in [
            "00:50:56:9c:34:89",
            "00:50:56:9C:34:89",
            "00-50-56-9C-34-89",
            "0050.569c.3489",
            "0050569c3489",
            " 0050569c3489 ",
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(expected.to_string(), "00:50:56:9c:34:89");
        assert_eq!(expected.bare(), "0050569c3489");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "00:50:56:9c:34",
            "00:50:56:9c:34:89:01",
            "0:050569c3489",
            "g0:50:56:9c:34:89",
            "::",
            "0050569c348:9",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree(octets: [u8; 6]) {
            let mac = Mac(octets);
            prop_assert_eq!(mac.to_string().parse::<Mac>(), Ok(mac));
            prop_assert_eq!(mac.bare().parse::<Mac>(), Ok(mac));
            prop_assert_eq!(Mac::from_u64(mac.to_u64()), mac);
        }

        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = text.parse::<Mac>();
        }
    }
}
