//! A stand-alone witness: the third voter of any number of groups.
//!
//! It remembers for which groups it votes, and by whose keys; votes themselves it keeps in memory
//! only, on purpose: see [`ha::Witness`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use ha::{Incarnation, Message};
use model::pair::Seat;
use node::http::Origin;
use node::identity::{self, Identity};
use node::key_hash::KeyHash;
use node::throttle::Throttle;
use node::{clock, directory, tls, token};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use crate::api::ATTEMPTS;
use crate::datagrams::{self, Channel, Port};
use crate::links::Path;
use crate::listener::{self, Ends, ProvenKey};
use crate::machines::{self, Machines};
use crate::monitor::StartError;
use crate::operators::Operators;
use crate::pairing::{BODY_BYTES_MAX, Refusal, WITNESS_PATH, WitnessRequest};
use crate::peers::GroupId;
use crate::wire::{self, Frame};

/// It asks those that have not reported this often. Source: `sim`, one second.
const ASK: Duration = Duration::from_secs(1);
/// One that was left starts anew after some of these, at random: two witnesses that were set up by
/// mistake take turns slowly. Source: `sim`.
const RENEW_OF: u8 = 10;
/// Frames that wait for a data node. Ours: some seconds of answers.
const QUEUE_FRAMES_MAX: usize = 256;
/// A data node from which nothing comes for so long has to dial again. Source: `links`.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// A connection on which nothing is said says so this often. Source: `links`.
const ALIVE_INTERVAL: Duration = Duration::from_millis(500);
/// Groups of one witness. Ours: a manager's campus.
const GROUPS_MAX: usize = 256;
/// What a data directory is claimed for.
const ROLE: &str = "witness";
/// For whom it votes, in the node's folder.
const GROUPS_NAME: &str = "groups.toml";

/// What a witness is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where its key and its groups are kept.
    pub data: PathBuf,
    /// Where data nodes reach it.
    pub listen: SocketAddr,
}

/// A running witness.
#[derive(Debug)]
pub struct Witness {
    /// Its key, for the operator who pairs.
    pub key_hash: KeyHash,
    tasks: JoinSet<()>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    #[serde(default, rename = "group")]
    groups: Vec<KnownGroup>,
}

/// Who the data nodes of a group are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownGroup {
    id: GroupId,
    primary: KeyHash,
    secondary: KeyHash,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    known: Mutex<Known>,
    voters: Mutex<BTreeMap<GroupId, Voter>>,
    machines: Arc<Machines>,
    throttle: Throttle,
}

/// One group's voter, and the ways to its data nodes.
#[derive(Debug)]
struct Voter {
    witness: ha::Witness,
    ways: [Option<Way>; 2],
}

#[derive(Debug)]
struct Way {
    number: u64,
    frames: mpsc::Sender<Frame>,
    datagrams: mpsc::Sender<Frame>,
}

impl Witness {
    /// Opens everything and starts.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let folder = config.data.join("node");
        let identity = Identity::load_or_create(&folder, identity::machine_mac)?;
        directory::claim(&config.data, ROLE)?;
        let known: Known = node::config::load_or_default(&folder.join(GROUPS_NAME))?;
        let voters = known.groups.iter().map(|group| (group.id, Voter::new())).collect();
        let (burst, per_minute) = ATTEMPTS;
        let shared = Arc::new(Shared {
            folder,
            known: Mutex::new(known),
            voters: Mutex::new(voters),
            machines: Arc::default(),
            throttle: Throttle::new(burst, per_minute),
        });
        let protocols: [&[u8]; 2] = [wire::ALPN, b"http/1.1"];
        let server = Arc::new(tls::pair_server(&identity, &protocols)?);
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::LocalListen { address, source })?;
        let router = Router::new()
            .route(WITNESS_PATH, post(enter))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::clone(&shared));
        let mut tasks = JoinSet::new();
        let voters = Arc::clone(&shared);
        let port = datagrams::port(address, &mut tasks).await;
        let carry = move |stream: TlsStream<_>, key, hello: wire::Hello, ends: Ends| {
            let shared = Arc::clone(&voters);
            let accepted = |port: &Arc<Port>| Channel::accepted(stream.get_ref().1, port);
            let channel = port.as_ref().and_then(accepted);
            async move { shared.carry(stream, channel, key, hello.group, ends.remote).await }
        };
        tasks.spawn(listener::listen(listener, server, router, carry));
        tasks.spawn(ask(shared));
        let key_hash = identity.credentials.sha256;
        tracing::info!(%address, %key_hash, "witness started");
        Ok(Self { key_hash, tasks })
    }

    /// Stops. Its votes are forgotten.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        tracing::info!("witness stopped");
    }
}

impl Voter {
    fn new() -> Self {
        Self { witness: ha::Witness::start(incarnation()), ways: [None, None] }
    }

    /// Sends what the voter says, to whoever can be reached.
    fn speak(&mut self) {
        let life = self.witness.incarnation();
        while let Some((seat, message)) = self.witness.poll() {
            if let Some(way) = &self.ways[place(seat)] {
                // What cannot be sent now is said again.
                let _ = way.datagrams.try_send(Frame::Vote(life, message.clone()));
                let _ = way.frames.try_send(Frame::Vote(life, message));
            }
        }
    }
}

impl Shared {
    fn voters(&self) -> MutexGuard<'_, BTreeMap<GroupId, Voter>> {
        self.voters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which data node of a group has that key.
    fn seat(&self, group: GroupId, key: KeyHash) -> Option<Seat> {
        let known = self.known();
        let group = known.groups.iter().find(|it| it.id == group)?;
        match key {
            key if key == group.primary => Some(Seat::Primary),
            key if key == group.secondary => Some(Seat::Secondary),
            _ => None,
        }
    }

    /// Carries the connection of a data node.
    async fn carry(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        channel: Option<Channel>,
        key: KeyHash,
        group: GroupId,
        remote: SocketAddr,
    ) {
        let Some(seat) = self.seat(group, key) else {
            tracing::warn!(%group, %key, "a node for which this witness does not vote is refused; pair it");
            return;
        };
        let node = (group, key, Path::Lan);
        let presence = match self.machines.enter(node, remote.ip(), clock::boot()) {
            Ok(presence) => presence,
            Err(elsewhere) => return machines::refuse(&mut stream, remote, elsewhere).await,
        };
        let (frames, mut queue) = mpsc::channel(QUEUE_FRAMES_MAX);
        let (datagrams, mut datagram_queue) = mpsc::channel(QUEUE_FRAMES_MAX);
        let number = u64::from_le_bytes(token::random());
        if let Some(voter) = self.voters().get_mut(&group) {
            voter.ways[place(seat)] = Some(Way { number, frames, datagrams });
            voter.witness.ask();
            voter.speak();
        }
        let (mut reader, mut writer) = tokio::io::split(stream);
        let reading = async {
            while let Ok(Ok(Some(frame))) =
                tokio::time::timeout(SILENCE_MAX, wire::read(&mut reader)).await
            {
                presence.heard(clock::boot());
                if let Frame::Message(message) = frame {
                    self.hear(group, seat, &message);
                }
            }
        };
        let writing = async {
            loop {
                let frame = match tokio::time::timeout(ALIVE_INTERVAL, queue.recv()).await {
                    Ok(Some(frame)) => frame,
                    Ok(None) => return,
                    Err(_) => Frame::Alive,
                };
                let written = wire::write(&mut writer, &frame);
                if !matches!(tokio::time::timeout(SILENCE_MAX, written).await, Ok(Ok(()))) {
                    return;
                }
            }
        };
        let exchanging = async {
            let Some(mut channel) = channel else { return std::future::pending().await };
            while let Some(frame) = channel.exchange(&mut datagram_queue).await {
                presence.heard(clock::boot());
                if let Frame::Message(message) = frame {
                    self.hear(group, seat, &message);
                }
            }
        };
        tokio::select! {
            () = reading => {}
            () = writing => {}
            () = exchanging => {}
        }
        if let Some(voter) = self.voters().get_mut(&group) {
            let way = &mut voter.ways[place(seat)];
            if way.as_ref().is_some_and(|way| way.number == number) {
                *way = None;
            }
        }
    }

    fn hear(&self, group: GroupId, seat: Seat, message: &Message) {
        if let Some(voter) = self.voters().get_mut(&group) {
            voter.witness.handle(seat, message);
            voter.speak();
        }
    }

    /// Votes for a group from now on.
    fn enter(&self, request: &WitnessRequest) -> Result<(), String> {
        let WitnessRequest { group, primary, secondary, is_recovery, .. } = *request;
        let mut known = self.known();
        let was_known = known.groups.iter().any(|it| it.id == group && it.secondary == secondary);
        let entry = KnownGroup { id: group, primary, secondary };
        let mut next = known.clone();
        next.groups.retain(|it| it.id != group);
        if next.groups.len() >= GROUPS_MAX {
            return Err(format!("this witness votes for {GROUPS_MAX} groups already"));
        }
        next.groups.push(entry);
        node::config::save(&self.folder.join(GROUPS_NAME), &next)
            .map_err(|error| error.to_string())?;
        *known = next;
        drop(known);
        let mut voters = self.voters();
        match voters.get_mut(&group).filter(|_| is_recovery && was_known) {
            // Its memory and the secondary's are all that is left of the register. The connection of
            // the key that counts no more ends.
            Some(voter) => voter.ways[place(Seat::Primary)] = None,
            // A new life, as after a start: what an earlier pair of that group dissolved is no matter,
            // and connections of keys that count no more end.
            None => {
                voters.insert(group, Voter::new());
            }
        }
        tracing::info!(%group, is_recovery, "this witness votes for a group that was paired");
        Ok(())
    }
}

async fn enter(
    State(shared): State<Arc<Shared>>,
    Extension(origin): Extension<Origin>,
    Extension(ProvenKey(key)): Extension<ProvenKey>,
    Json(request): Json<WitnessRequest>,
) -> Response {
    let refuse =
        |status: StatusCode, error: String| (status, Json(Refusal { error })).into_response();
    if let Origin::Network(address) = origin
        && shared.throttle.check(&node::accept::network(address.ip())).is_err()
    {
        return refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "too many attempts; wait a minute".to_owned(),
        );
    }
    if key != Some(request.primary) {
        let error = "the request names another key than its connection has proven";
        return refuse(StatusCode::FORBIDDEN, error.to_owned());
    }
    let folder = shared.folder.clone();
    let (user, password) = (request.user.clone(), request.password.clone());
    let verified = tokio::task::spawn_blocking(move || {
        Operators::load(&folder).is_ok_and(|operators| operators.verify(&user, &password))
    });
    if !verified.await.unwrap_or(false) {
        return refuse(StatusCode::UNAUTHORIZED, "user name or password is wrong".to_owned());
    }
    match shared.enter(&request) {
        Ok(()) => Json(serde_json::json!({})).into_response(),
        Err(error) => refuse(StatusCode::CONFLICT, error),
    }
}

/// Asks whoever has not reported, and starts voters anew that were left.
async fn ask(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(ASK).await;
        for (group, voter) in shared.voters().iter_mut() {
            let [dice] = token::random::<1>();
            if voter.witness.is_left() && dice % RENEW_OF == 0 {
                tracing::warn!(%group, "its data nodes have turned to another witness; is there a second one?");
                voter.witness = ha::Witness::start(incarnation());
            }
            voter.witness.ask();
            voter.speak();
        }
    }
}

fn incarnation() -> Incarnation {
    Incarnation(u128::from_le_bytes(token::random()))
}

fn place(seat: Seat) -> usize {
    usize::from(seat == Seat::Secondary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(primary: u8, is_recovery: bool) -> WitnessRequest {
        WitnessRequest {
            user: String::new(),
            password: String::new(),
            group: GroupId([1; 16]),
            primary: KeyHash::Sha256([primary; 32]),
            secondary: KeyHash::Sha256([2; 32]),
            is_recovery,
        }
    }

    #[test]
    fn a_witness_remembers_what_a_primary_that_recovers_has_lost() {
        let folder = std::env::temp_dir().join(format!("openmse-witness-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (burst, per_minute) = ATTEMPTS;
        let shared = Shared {
            folder: folder.clone(),
            known: Mutex::default(),
            voters: Mutex::default(),
            machines: Arc::default(),
            throttle: Throttle::new(burst, per_minute),
        };
        let enter = |primary: u8, is_recovery: bool| {
            shared.enter(&request(primary, is_recovery)).unwrap();
            let key = KeyHash::Sha256([primary; 32]);
            assert_eq!(shared.seat(GroupId([1; 16]), key), Some(Seat::Primary));
            let voters = shared.voters();
            voters.values().next().map(|voter| voter.witness.incarnation()).unwrap()
        };
        let first = enter(7, true);
        assert_eq!(enter(8, true), first, "another key, the same memory");
        assert_ne!(enter(8, false), first, "a pair that is new");
        assert_eq!(shared.seat(GroupId([1; 16]), KeyHash::Sha256([7; 32])), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
