//! With whom this node is paired, and how: `<data>/node/peers.toml`, written by pairing.
//!
//! A *group* is one primary and its standby instance on a secondary. A primary is in one group, from
//! its set-up on: without a peer it is its only node. A secondary is in one for each of its primaries.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use model::pair::Seat;
use node::config::ConfigError;
use node::key_hash::KeyHash;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::{Provider, VirtualAddress};

/// Name of the file in the node's folder.
pub const FILE_NAME: &str = "peers.toml";
/// Instances are counted from 3, as the documents' `mseos3` and `dg_mse3`.
pub const FIRST_INSTANCE: u32 = 3;

/// Everything that pairing knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// The groups of this node, in the order in which they were made.
    #[serde(default, rename = "group")]
    pub groups: Vec<Group>,
}

/// One group, as one of its data nodes knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Random, for good.
    pub id: GroupId,
    /// `mseos3` is instance 3: unique on this node.
    pub instance: u32,
    /// Who this node is in it.
    pub seat: Seat,
    /// This node has once had a record of it: without one it has lost its memory, and must not found
    /// or join as if it were new.
    #[serde(default)]
    pub is_begun: bool,
    /// The address that moves.
    pub virtual_address: VirtualAddress,
    /// How the pair behaves.
    pub settings: ha::Settings,
    /// The other data node; none while the primary is alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// The third voter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

/// The other data node of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// `UDI`.
    pub udi: String,
    /// The version of its program.
    pub version: String,
    /// Its key: nobody else is that node.
    pub key_hash: KeyHash,
    /// Where its health monitor is.
    pub address: SocketAddr,
    /// The same over the direct cable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_connect: Option<SocketAddr>,
}

/// The third voter of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Where it is.
    pub address: SocketAddr,
    /// Its key.
    pub key_hash: KeyHash,
}

/// Tells groups apart, on the wire and on disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub [u8; 16]);

/// A text that is no group's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a group's id has 32 hexadecimal digits")]
pub struct GroupIdError;

impl Peers {
    /// What is in the node's folder; nothing when there is no file yet.
    pub fn load(folder: &Path) -> Result<Self, ConfigError> {
        node::config::load_or_default(&folder.join(FILE_NAME))
    }

    /// Replaces the file; on disk when this returns.
    pub fn save(&self, folder: &Path) -> Result<(), ConfigError> {
        node::config::save(&folder.join(FILE_NAME), self)
    }
}

impl Group {
    /// Whether a node without a link cannot serve it: one that has no peer serves whom it can.
    pub fn needs_link(&self) -> bool {
        self.peer.is_some() && self.virtual_address.provider == Provider::Kernel
    }

    /// Its folder in the node's data directory.
    pub fn folder(&self, data: &Path) -> PathBuf {
        data.join("instances").join(self.instance.to_string())
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for GroupId {
    type Err = GroupIdError;

    fn from_str(text: &str) -> Result<Self, GroupIdError> {
        let number = u128::from_str_radix(text, 16).map_err(|_| GroupIdError)?;
        if text.len() == 32 { Ok(Self(number.to_be_bytes())) } else { Err(GroupIdError) }
    }
}

impl Serialize for GroupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for GroupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            Ok(Self(<[u8; 16]>::deserialize(deserializer)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pairing_wrote_is_read_again() {
        let folder = std::env::temp_dir().join(format!("openmse-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(Peers::load(&folder).unwrap(), Peers::default());
        let group = Group {
            id: GroupId([7; 16]),
            instance: FIRST_INSTANCE,
            seat: Seat::Primary,
            is_begun: true,
            virtual_address: VirtualAddress {
                address: "10.10.10.11".parse().unwrap(),
                prefix: 24,
                provider: Provider::Kernel,
            },
            settings: ha::Settings::fast(),
            peer: Some(Peer {
                name: "mse2".to_owned(),
                udi: "AIR-MSE-VA-K9:V01:mse2".to_owned(),
                version: "0.1.0".to_owned(),
                key_hash: KeyHash::Sha256([3; 32]),
                address: "10.10.10.13:8082".parse().unwrap(),
                direct_connect: None,
            }),
            witness: None,
        };
        let peers = Peers { groups: vec![group] };
        peers.save(&folder).unwrap();
        assert_eq!(Peers::load(&folder).unwrap(), peers);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_groups_id_is_32_digits() {
        let id = GroupId([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("ab".parse::<GroupId>(), Err(GroupIdError));
    }
}
