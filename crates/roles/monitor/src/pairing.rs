//! Pairing: how two nodes come to know each other, and the rules for who may be paired with whom.
//!
//! An operator asks the primary, with an account of the secondary and the hash of its key. The
//! primary connects to exactly that key and asks to be taken in; only then it changes itself. Asking
//! again does no harm: who is paired already is paired anew.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ha::{AddressKind, Mode, Settings};
use model::pair::Seat;
use node::http::{self, Call};
use node::identity::Identity;
use node::key_hash::KeyHash;
use node::tls;
use serde::{Deserialize, Serialize};

use crate::config::VirtualAddress;
use crate::links::{self, Path, Target, Whom};
use crate::peers::{Group, GroupId, Peer, Witness};
use crate::specification::Specification;

/// Where a secondary is asked to take a primary in.
pub const JOIN_PATH: &str = "/api/v1/ha/join";
/// Where a witness is asked to vote for a group.
pub const WITNESS_PATH: &str = "/api/v1/witness/groups";
/// An answer must be there after this long. Ours: a password takes a tenth of a second to check.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest body of a request. Ours: a request has some hundred bytes.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// What an operator asks of a primary.
#[derive(Clone, Deserialize)]
pub struct PairRequest {
    /// The secondary's health monitor.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// An operator of the secondary, and of the witness.
    pub user: String,
    /// The operator's password.
    pub password: String,
    /// The secondary's key hash, as `mse cmdshell show server-auth-info` prints it there.
    pub key_hash: KeyHash,
    /// Who starts a failover.
    pub failover: Mode,
    /// Who starts a failback.
    pub failback: Mode,
    /// `Failover wait time (seconds)`.
    pub failover_wait_s: f64,
    /// The third voter.
    pub witness: Option<Witness>,
    /// Use the direct cable.
    #[serde(default)]
    pub direct_connect: bool,
    /// The secondary may have less than the primary.
    #[serde(default)]
    pub allow_smaller: bool,
}

/// What a primary asks of a secondary.
#[derive(Clone, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The operator.
    pub user: String,
    /// The operator's password.
    pub password: String,
    /// The group.
    pub group: GroupId,
    /// The primary has lost its configuration: it wants the group back that has its address.
    pub is_recovery: bool,
    /// The address that moves.
    pub virtual_address: VirtualAddress,
    /// How the pair behaves.
    pub settings: Settings,
    /// The third voter.
    pub witness: Option<Witness>,
    /// The primary.
    pub primary: Node,
    /// Use the direct cable.
    pub direct_connect: bool,
    /// The secondary may have less than the primary.
    #[serde(default)]
    pub allow_smaller: bool,
}

/// What a secondary answers: in recovery, what the primary has lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinAnswer {
    /// The secondary.
    pub secondary: Node,
    /// The group.
    pub group: GroupId,
    /// How the pair behaves.
    pub settings: Settings,
    /// The third voter.
    pub witness: Option<Witness>,
}

/// One node, as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `UDI`.
    pub udi: String,
    /// The version of its program.
    pub version: String,
    /// Its key.
    pub key_hash: KeyHash,
    /// Its health monitor.
    pub address: SocketAddr,
    /// The same over the direct cable.
    pub direct_connect: Option<SocketAddr>,
    /// What its machine can carry, if that is known.
    #[serde(default)]
    pub specification: Option<Specification>,
}

/// What a primary asks of a witness.
#[derive(Clone, Serialize, Deserialize)]
pub struct WitnessRequest {
    /// The operator.
    pub user: String,
    /// The operator's password.
    pub password: String,
    /// The group.
    pub group: GroupId,
    /// The primary's key.
    pub primary: KeyHash,
    /// The secondary's key.
    pub secondary: KeyHash,
    /// The primary has lost everything, and gets the group back: its witness must not forget, too.
    #[serde(default)]
    pub is_recovery: bool,
}

/// Any refusal, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong, and what would be right.
    pub error: String,
}

/// Why two nodes are not paired.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// Only a primary asks.
    #[error("this node is a secondary; run the command on the primary")]
    ConfigNotPrimary,
    /// Only a secondary is asked.
    #[error("{0} is a primary; give the address of a secondary")]
    PeerNotSecondary(String),
    /// A node cannot be its own peer.
    #[error("{0} is this node itself; give the address of the secondary")]
    ConfigSelf(SocketAddr),
    /// Two secondaries of one group would both believe that they are its backup.
    #[error("this primary is paired with {0}; dissolve that pair first: `mse ha unpair`")]
    ConfigPaired(String),
    /// The documents' rule.
    #[error(
        "both nodes must run the same version: the primary {primary}, the secondary {secondary}; upgrade the older one"
    )]
    ConfigVersions {
        /// The primary's.
        primary: String,
        /// The secondary's.
        secondary: String,
    },
    /// The pairing matrix: it would not carry the load.
    #[error(
        "the secondary has {secondary}, the primary {primary}; a secondary needs at least what its primary has: give it more, or pair anyway with --allow-smaller"
    )]
    PeerSmaller {
        /// The primary's.
        primary: Specification,
        /// The secondary's.
        secondary: Specification,
    },
    /// N:1 has an end.
    #[error(
        "the secondary already has {0} primaries, as many as its max_active allows; raise it, or use another secondary"
    )]
    PeerFull(usize),
    /// One address cannot move in two groups.
    #[error("virtual address {0} belongs to another primary of the secondary")]
    ConfigAddressTaken(IpAddr),
    /// Nothing to get back.
    #[error(
        "the secondary has no group with virtual address {0}; set recovery = false in the primary's node.toml to begin a new one"
    )]
    ConfigNothingToRecover(IpAddr),
    /// One node, one name.
    #[error(
        "a node with key hash {0} is known to the secondary in another group; unpair that first"
    )]
    ConfigKnownKey(KeyHash),
    /// A witness that dies with a node decides nothing.
    #[error("the witness {0} is on one of both nodes; it must be on a third machine")]
    ConfigWitnessPlace(IpAddr),
    /// Direct connect needs a cable at both ends.
    #[error("direct connect is not configured on {0}; set it up there first")]
    ConfigNoDirect(&'static str),
    /// The settings do not hold together.
    #[error(transparent)]
    ConfigSettings(#[from] ha::SettingsError),
    /// Recovery is for a primary that is gone.
    #[error(
        "the primary of virtual address {0} is alive; unpair it, or stop it, before another one takes its place"
    )]
    PeerAlive(IpAddr),
    /// Name and password do not fit.
    #[error("user name or password is wrong on {0}")]
    PeerUnauthorised(&'static str),
    /// Nobody answers, or somebody else.
    #[error("{whom} at {address} cannot be asked: {source}")]
    PeerUnreachable {
        /// Who.
        whom: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// It said no.
    #[error("{whom} refuses: {reason}")]
    PeerRefused {
        /// Who.
        whom: &'static str,
        /// Its words.
        reason: String,
    },
    /// This node cannot carry it out.
    #[error("{0}")]
    LocalFailed(String),
}

impl PairRequest {
    /// How the pair is to behave.
    pub fn settings(&self, address: IpAddr) -> Result<Settings, PairError> {
        let settings = Settings {
            failover: self.failover,
            failback: self.failback,
            has_witness: self.witness.is_some(),
            address: if address.is_ipv4() { AddressKind::V4 } else { AddressKind::V6 },
            failover_wait_ms: (self.failover_wait_s * 1_000.0).max(0.0) as u64,
            ..Settings::fast()
        };
        settings.clone().checked()?;
        Ok(settings)
    }

    /// Whether the primary may ask this secondary although it has a peer: the same one again, moved to
    /// another address or set up anew with another key.
    pub fn check_peer(&self, peer: Option<&Peer>) -> Result<(), PairError> {
        let is_same =
            |peer: &Peer| peer.key_hash == self.key_hash || peer.address.ip() == self.address;
        match peer {
            Some(peer) if !is_same(peer) => Err(PairError::ConfigPaired(peer.name.clone())),
            _ => Ok(()),
        }
    }
}

/// How a primary behaves that is not paired: alone, for good.
pub fn alone(address: IpAddr) -> Settings {
    Settings {
        failover: Mode::Manual,
        failback: Mode::Manual,
        has_witness: false,
        address: if address.is_ipv4() { AddressKind::V4 } else { AddressKind::V6 },
        ..Settings::fast()
    }
}

impl JoinRequest {
    /// Whether a secondary with these groups may take the primary in; the group as it is to be there.
    pub fn check(
        &self,
        me: &Node,
        role: Seat,
        groups: &[Group],
        max_active: usize,
    ) -> Result<Group, PairError> {
        if role != Seat::Secondary {
            return Err(PairError::PeerNotSecondary(me.name.clone()));
        }
        if self.primary.version != me.version {
            return Err(PairError::ConfigVersions {
                primary: self.primary.version.clone(),
                secondary: me.version.clone(),
            });
        }
        let machines = self.primary.specification.zip(me.specification);
        if let Some((primary, secondary)) = machines
            && !secondary.can_replace(primary)
            && !self.allow_smaller
        {
            return Err(PairError::PeerSmaller { primary, secondary });
        }
        if self.is_recovery {
            return self.check_recovery(groups);
        }
        let others = || groups.iter().filter(|group| group.id != self.group);
        if others().count() >= max_active {
            return Err(PairError::PeerFull(others().count()));
        }
        let address = self.virtual_address.address;
        if others().any(|group| group.virtual_address.address == address) {
            return Err(PairError::ConfigAddressTaken(address));
        }
        let key_hash = self.primary.key_hash;
        let knows = |group: &Group| group.peer.as_ref().is_some_and(|it| it.key_hash == key_hash);
        if others().any(knows) {
            return Err(PairError::ConfigKnownKey(key_hash));
        }
        check_witness(self.witness.as_ref(), self.primary.address.ip(), me.address.ip())?;
        self.settings.clone().checked()?;
        let direct_connect = match (self.direct_connect, self.primary.direct_connect) {
            (true, Some(address)) if me.direct_connect.is_some() => Some(address),
            (true, _) => return Err(PairError::ConfigNoDirect("the secondary")),
            (false, _) => None,
        };
        let known = groups.iter().find(|group| group.id == self.group);
        let next = groups.iter().map(|group| group.instance + 1).max();
        Ok(Group {
            id: self.group,
            instance: known.map_or(next.unwrap_or(crate::peers::FIRST_INSTANCE), |it| it.instance),
            seat: Seat::Secondary,
            is_begun: known.is_some_and(|it| it.is_begun),
            virtual_address: self.virtual_address.clone(),
            settings: self.settings.clone(),
            peer: Some(Peer { direct_connect, ..self.primary.peer() }),
            witness: self.witness.clone(),
        })
    }

    /// A primary that has lost everything gets back the group that has its address.
    fn check_recovery(&self, groups: &[Group]) -> Result<Group, PairError> {
        let address = self.virtual_address.address;
        let lost = groups.iter().find(|group| group.virtual_address.address == address);
        let lost = lost.ok_or(PairError::ConfigNothingToRecover(address))?;
        Ok(Group { peer: Some(self.primary.peer()), ..lost.clone() })
    }
}

impl Node {
    /// As the other node remembers it.
    pub fn peer(&self) -> Peer {
        let Self { name, udi, version, key_hash, address, direct_connect, .. } = self.clone();
        Peer { name, udi, version, key_hash, address, direct_connect }
    }
}

/// The witness must survive either node.
pub fn check_witness(
    witness: Option<&Witness>,
    primary: IpAddr,
    secondary: IpAddr,
) -> Result<(), PairError> {
    let Some(witness) = witness else { return Ok(()) };
    let place = witness.address.ip();
    // Everything shares a machine in a demonstration.
    if [primary, secondary].contains(&place) && !place.is_loopback() {
        return Err(PairError::ConfigWitnessPlace(place));
    }
    Ok(())
}

/// Asks another node, whose key is known.
pub async fn ask<T: for<'de> Deserialize<'de>>(
    identity: &Identity,
    whom: &'static str,
    address: SocketAddr,
    key_hash: KeyHash,
    path: &str,
    request: &impl Serialize,
) -> Result<T, PairError> {
    let unreachable = |source| PairError::PeerUnreachable { whom, address, source };
    let config = tls::pair_client(identity, Some(key_hash), b"http/1.1")
        .map_err(|error| unreachable(std::io::Error::other(error)))?;
    let target = Target { whom: Whom::Peer, path: Path::Lan, address, from: None, key_hash };
    let stream = links::connect(&target, Arc::new(config)).await.map_err(unreachable)?;
    let body = serde_json::to_vec(request).map_err(|error| unreachable(error.into()))?;
    let call = Call::post(path, body);
    let (status, body) = tokio::time::timeout(ANSWER_MAX, http::call(stream, call))
        .await
        .map_err(|_| unreachable(std::io::ErrorKind::TimedOut.into()))?
        .map_err(unreachable)?;
    match status {
        200 => serde_json::from_slice(&body).map_err(|error| unreachable(error.into())),
        401 | 429 => Err(PairError::PeerUnauthorised(whom)),
        _ => {
            let refusal = serde_json::from_slice::<Refusal>(&body);
            let reason = refusal.map_or_else(|_| format!("status {status}"), |it| it.error);
            Err(PairError::PeerRefused { whom, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Provider;

    fn node(last: u8, version: &str) -> Node {
        Node {
            name: format!("mse{last}"),
            udi: String::new(),
            version: version.to_owned(),
            key_hash: KeyHash::Sha256([last; 32]),
            address: SocketAddr::new(IpAddr::from([10, 10, 10, last]), 8082),
            direct_connect: None,
            specification: Some(Specification { cores: 4, memory_mib: 8_192 }),
        }
    }

    fn request() -> JoinRequest {
        JoinRequest {
            user: "admin".to_owned(),
            password: String::new(),
            group: GroupId([1; 16]),
            is_recovery: false,
            virtual_address: VirtualAddress {
                address: IpAddr::from([10, 10, 10, 11]),
                prefix: 24,
                provider: Provider::Kernel,
            },
            settings: alone(IpAddr::from([10, 10, 10, 11])),
            witness: None,
            primary: node(12, "0.1.0"),
            direct_connect: false,
            allow_smaller: false,
        }
    }

    fn check(request: &JoinRequest, groups: &[Group], expected: &str) {
        let refused = request.check(&node(13, "0.1.0"), Seat::Secondary, groups, 2);
        let error = refused.expect_err(expected).to_string();
        assert!(error.contains(expected), "'{error}' does not name {expected}");
    }

    #[test]
    fn a_secondary_takes_its_primaries_in_up_to_its_limit() {
        let me = node(13, "0.1.0");
        let mut groups = Vec::new();
        for nth in 1..=3_u8 {
            let mut request = request();
            request.group = GroupId([nth; 16]);
            request.virtual_address.address = IpAddr::from([10, 10, 10, 100 + nth]);
            request.primary = node(20 + nth, "0.1.0");
            if nth == 3 {
                check(&request, &groups, "already has 2 primaries");
                break;
            }
            let group = request.check(&me, Seat::Secondary, &groups, 2).unwrap();
            assert_eq!(group.instance, u32::from(nth) + 2, "mseos3, then mseos4");
            groups.push(group);
        }
        let mut again = request();
        again.virtual_address.address = IpAddr::from([10, 10, 10, 101]);
        again.primary = node(21, "0.1.0");
        assert_eq!(again.check(&me, Seat::Secondary, &groups, 2).unwrap().instance, 3);
    }

    #[test]
    fn a_paired_primary_takes_no_second_secondary() {
        let peer = node(13, "0.1.0").peer();
        let request = |last: u8, key: u8| PairRequest {
            address: IpAddr::from([10, 10, 10, last]),
            port: 8082,
            user: String::new(),
            password: String::new(),
            key_hash: KeyHash::Sha256([key; 32]),
            failover: Mode::Manual,
            failback: Mode::Manual,
            failover_wait_s: 2.5,
            witness: None,
            direct_connect: false,
            allow_smaller: false,
        };
        let refused = request(14, 14).check_peer(Some(&peer)).unwrap_err().to_string();
        assert!(refused.contains("paired with mse13; dissolve that pair first"), "{refused}");
        assert!(request(14, 14).check_peer(None).is_ok());
        assert!(request(14, 13).check_peer(Some(&peer)).is_ok(), "it has another address");
        assert!(request(13, 14).check_peer(Some(&peer)).is_ok(), "it was set up anew");
    }

    #[test]
    fn each_refusal_names_its_reason() {
        let taken = request().check(&node(13, "0.1.0"), Seat::Secondary, &[], 2).unwrap();
        let mut other = request();
        other.group = GroupId([9; 16]);
        check(&other, std::slice::from_ref(&taken), "10.10.10.11 belongs to another primary");
        other.virtual_address.address = IpAddr::from([10, 10, 10, 99]);
        check(&other, &[taken], "another group");
        let mut older = request();
        older.primary.version = "0.0.9".to_owned();
        check(&older, &[], "the primary 0.0.9, the secondary 0.1.0");
        let mut larger = request();
        larger.primary.specification = Some(Specification { cores: 8, memory_mib: 8_192 });
        check(&larger, &[], "has 4 cores and 8.0 GiB, the primary 8 cores and 8.0 GiB");
        larger.allow_smaller = true;
        assert!(larger.check(&node(13, "0.1.0"), Seat::Secondary, &[], 2).is_ok());
        let mut cable = request();
        cable.direct_connect = true;
        check(&cable, &[], "direct connect is not configured on the secondary");
        let mut witness = request();
        let address = "10.10.10.13:8082".parse().unwrap();
        witness.witness = Some(Witness { address, key_hash: KeyHash::Sha256([5; 32]) });
        check(&witness, &[], "must be on a third machine");
        let refused = request().check(&node(13, "0.1.0"), Seat::Primary, &[], 2);
        assert!(refused.unwrap_err().to_string().contains("mse13 is a primary"));
    }
}
