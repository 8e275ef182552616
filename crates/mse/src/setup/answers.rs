//! What was answered: the file of `--answers`, and `<data>/node/setup.toml`, which a later run begins
//! with.
//!
//! What is absent was skipped, and is left to the machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use model::pair::Seat;
use serde::{Deserialize, Serialize};

/// Every answer of the wizard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Answers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) domain: Option<String>,
    pub(crate) role: Seat,
    /// The machine's first interface when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health_monitor_interface: Option<String>,
    /// None when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) direct_connect_interface: Option<String>,
    /// `10.10.10.11/24`; of a primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) virtual_address: Option<Network>,
    pub(crate) recovery: bool,
    /// Of the first interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway: Option<IpAddr>,
    /// No DNS when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_servers: Option<Vec<IpAddr>>,
    /// IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<String>,
    /// No NTP when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ntp_servers: Option<Vec<String>>,
    #[serde(rename = "interface", skip_serializing_if = "Vec::is_empty")]
    pub(crate) interfaces: Vec<Interface>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operator: Option<Operator>,
}

/// An interface with an address of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// `10.10.10.12/24`.
    pub(crate) address: Network,
}

/// Who may pair this node from the other one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operator {
    pub(crate) name: String,
    /// In clear, only in a file of `--answers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// As argon2 made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password_hash: Option<String>,
}

/// An address and the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// A text that is no address with a mask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error("'{0}' is not an address and a prefix, such as 10.10.10.12/24")]
    Syntax(String),
    #[error("{0} is not a network mask; write one such as 255.255.255.0")]
    Mask(String),
    #[error("{0} is not the length of a prefix; write a number from 1 to 128")]
    Prefix(String),
}

impl Answers {
    /// What was answered for an interface.
    pub(crate) fn interface(&self, name: &str) -> Option<Network> {
        self.interfaces.iter().find(|it| it.name == name).map(|it| it.address)
    }

    /// Replaces what was answered for an interface.
    pub(crate) fn set_interface(&mut self, name: &str, address: Option<Network>) {
        self.interfaces.retain(|it| it.name != name);
        if let Some(address) = address {
            self.interfaces.push(Interface { name: name.to_owned(), address });
            self.interfaces.sort_by(|one, other| one.name.cmp(&other.name));
        }
    }
}

impl Network {
    /// An address with the mask that was typed: dotted, or a prefix length.
    pub(crate) fn with_mask(address: IpAddr, mask: &str) -> Result<Self, NetworkError> {
        let mask = mask.trim().trim_start_matches('/');
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let is_fit = |prefix: &u8| (1..=bits).contains(prefix);
        if let Some(prefix) = mask.parse::<u8>().ok().filter(is_fit) {
            return Ok(Self { address, prefix });
        }
        if address.is_ipv6() {
            return Err(NetworkError::Prefix(mask.to_owned()));
        }
        let error = || NetworkError::Mask(mask.to_owned());
        let number = mask.parse::<Ipv4Addr>().map_err(|_| error())?.to_bits();
        let prefix = number.leading_ones() as u8;
        // A mask is ones and then zeros.
        let is_mask = number.count_ones() == number.leading_ones() && is_fit(&prefix);
        if is_mask { Ok(Self { address, prefix }) } else { Err(error()) }
    }

    /// `255.255.255.0`, or a prefix length for IPv6.
    pub(crate) fn mask(self) -> String {
        if self.address.is_ipv6() {
            return self.prefix.to_string();
        }
        let ones = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
        Ipv4Addr::from_bits(ones).to_string()
    }

    /// Whether `address` is in the network.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let (own, other, bits) = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()), u128::from(other.to_bits()), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128_u32),
            _ => return false,
        };
        let beyond = bits.saturating_sub(u32::from(self.prefix));
        (own ^ other).checked_shr(beyond).unwrap_or(0) == 0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError::Syntax(text.to_owned());
        let (address, mask) = text.split_once('/').ok_or_else(error)?;
        Self::with_mask(address.trim().parse().map_err(|_| error())?, mask)
    }
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_dotted_or_a_length() {
        let check = |address: &str, mask, expected: Result<&str, &str>| {
            let found = Network::with_mask(address.parse().unwrap(), mask);
            let found = found.map(|it| format!("{it} {}", it.mask())).map_err(|it| it.to_string());
            match expected {
                Ok(expected) => assert_eq!(found.as_deref(), Ok(expected)),
                Err(expected) => {
                    assert!(found.clone().unwrap_err().contains(expected), "{found:?}");
                }
            }
        };
        check("10.10.10.12", "255.255.255.0", Ok("10.10.10.12/24 255.255.255.0"));
        check("10.10.10.12", "255.0.0.0", Ok("10.10.10.12/8 255.0.0.0"));
        check("10.10.10.12", "/22", Ok("10.10.10.12/22 255.255.252.0"));
        check("10.10.10.12", "255.255.255.255", Ok("10.10.10.12/32 255.255.255.255"));
        check("fd00::1", "64", Ok("fd00::1/64 64"));
        check("10.10.10.12", "1.1.1.1", Err("1.1.1.1 is not a network mask"));
        check("10.10.10.12", "255.0.255.0", Err("not a network mask"));
        check("10.10.10.12", "0.0.0.0", Err("not a network mask"));
        check("10.10.10.12", "33", Err("not a network mask"));
        check("fd00::1", "255.255.255.0", Err("not the length of a prefix"));
    }

    #[test]
    fn an_answers_file_is_read_as_it_was_written() {
        let answers = Answers {
            host_name: Some("mse1".to_owned()),
            virtual_address: Some("10.10.10.11/24".parse().unwrap()),
            gateway: Some("10.10.10.1".parse().unwrap()),
            ntp_servers: Some(vec!["ntp.network.local".to_owned()]),
            interfaces: vec![Interface {
                name: "eth0".to_owned(),
                address: "10.10.10.12/255.255.255.0".parse().unwrap(),
            }],
            operator: Some(Operator {
                name: "admin".to_owned(),
                password: None,
                password_hash: Some("$argon2id$".to_owned()),
            }),
            ..Answers::default()
        };
        let text = toml::to_string(&answers).unwrap();
        assert_eq!(node::config::parse::<Answers>(&text), Ok(answers), "{text}");
        let error = node::config::parse::<Answers>("hostname = \"mse1\"").unwrap_err();
        assert!(error.contains("hostname"), "{error}");
    }

    #[test]
    fn a_network_knows_its_addresses() {
        let network: Network = "10.10.10.12/24".parse().unwrap();
        assert!(network.contains("10.10.10.1".parse().unwrap()));
        assert!(!network.contains("10.10.11.1".parse().unwrap()));
        assert!(!network.contains("fd00::1".parse().unwrap()));
    }
}
