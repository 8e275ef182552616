//! The health monitor of one node: its groups, its listener, and who is paired with whom.

mod pair;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use ha::{Command, Standing};
use model::Mac;
use model::pair::Seat;
use node::directory::{self, DirectoryError};
use node::identity::{self, Identity, IdentityError};
use node::key_hash::KeyHash;
use node::{clock, http, tls, token};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::address;
use crate::config::{Config, ConfigError, Provider};
use crate::datagrams::{self, Channel, Port};
use crate::group::{self, Beginning, EventLine, GroupError, Parts, Running, ServiceState, Shown};
use crate::info::{self, Database, Info, NodeInfo, PeerInfo};
use crate::links::{Line, Path, Target, Whom};
use crate::listener::{self, Ends};
use crate::machines::{self, Machines};
use crate::pairing::{Node, alone};
use crate::peers::{FIRST_INSTANCE, Group, GroupId, Peers};
use crate::process;
use crate::specification::Specification;
use crate::wire::{self, Kind};

/// How often what operators see is brought up to date.
const LOOK: Duration = Duration::from_millis(100);
/// Between two attempts to start a group. Ours: an interface or a disk takes a while to come back.
const HOST_PAUSE: Duration = Duration::from_secs(2);
/// Passwords that are checked at once. Ours.
const CHECKS_MAX: usize = 2;
/// A shutdown hands over first; it is over after this long all the same.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);
/// What a data directory is claimed for.
const ROLE: &str = "node";

/// Why a monitor does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not hold together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The directory belongs to another role.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What the node keeps for itself cannot be used.
    #[error(transparent)]
    Kept(#[from] node::config::ConfigError),
    /// A group cannot start.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The virtual address cannot be held.
    #[error("the virtual address {address}: {source}")]
    LocalAddress {
        /// Which.
        address: IpAddr,
        /// What is missing, and the remedy.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    LocalTls(#[from] tls::Error),
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: {source}; check [health_monitor], or stop what uses it")]
    LocalListen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A socket or folder cannot be made.
    #[error("cannot make {what}: {source}")]
    LocalMake {
        /// What.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

/// A running monitor.
#[derive(Debug)]
pub struct Monitor {
    /// Its parts.
    pub shared: Arc<Shared>,
    /// Last of all: who waits for the end waits for this.
    held: process::Held,
    tasks: JoinSet<()>,
}

/// What listeners, tasks and the API share.
#[derive(Debug)]
pub struct Shared {
    config: Config,
    identity: Arc<Identity>,
    me: Node,
    /// `<data>/node`.
    folder: PathBuf,
    /// Pairing is done one at a time.
    peers: tokio::sync::Mutex<Peers>,
    groups: Mutex<BTreeMap<u32, Hosted>>,
    last: Mutex<Option<Info>>,
    machines: Arc<Machines>,
    /// Passwords that are checked at once: each takes 19 MiB and a core for a while.
    checks: tokio::sync::Semaphore,
}

/// One group on this node.
#[derive(Debug)]
struct Hosted {
    group: Group,
    running: Running,
    /// Connections that this node keeps up; they end with it.
    _dials: JoinSet<()>,
    has_room: bool,
}

impl Monitor {
    /// Opens everything and starts.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.validate()?;
        let folder = config.data.join("node");
        let identity = Arc::new(Identity::load_or_create(&folder, identity::machine_mac)?);
        directory::claim(&config.data, ROLE)?;
        let me = introduce(&config, &identity);
        let mut peers = Peers::load(&folder)?;
        if let Some(group) = own_group(&config, &mut peers) {
            tracing::info!(group = %group.id, "this primary has a group of its own now");
            peers.save(&folder)?;
        }
        let shared = Arc::new(Shared {
            me,
            folder,
            peers: tokio::sync::Mutex::new(Peers::default()),
            groups: Mutex::default(),
            last: Mutex::default(),
            machines: Arc::default(),
            checks: tokio::sync::Semaphore::new(CHECKS_MAX),
            identity,
            config,
        });
        let mut tasks = JoinSet::new();
        let router = crate::api::router(Arc::clone(&shared));
        // The socket shows whether another monitor runs here: nothing is opened before.
        let socket = shared.config.data.join(info::SOCKET_NAME);
        let local = http::serve_local(&socket, router.local).map_err(|source| {
            StartError::LocalMake { what: socket.display().to_string(), source }
        })?;
        tasks.spawn(local);
        let file_failed = |source| {
            let what = shared.folder.join(process::FILE_NAME).display().to_string();
            StartError::LocalMake { what, source }
        };
        let mut held = process::Held::take(&shared.folder).map_err(file_failed)?;
        for group in peers.groups.clone() {
            shared.host(group).await?;
        }
        for group in &mut peers.groups {
            group.is_begun = true;
        }
        peers.save(&shared.folder)?;
        *shared.peers.lock().await = peers;
        let protocols: [&[u8]; 2] = [wire::ALPN, b"http/1.1"];
        let server = Arc::new(tls::pair_server(&shared.identity, &protocols)?);
        for address in shared.addresses() {
            let listener = TcpListener::bind(address)
                .await
                .map_err(|source| StartError::LocalListen { address, source })?;
            let (voters, router) = (Arc::clone(&shared), router.network.clone());
            let port = datagrams::port(address, &mut tasks).await;
            let voter = move |stream, key, hello: wire::Hello, ends: Ends| {
                let (shared, port) = (Arc::clone(&voters), port.clone());
                async move { shared.carry(stream, key, hello, ends, port).await }
            };
            tasks.spawn(listener::listen(listener, Arc::clone(&server), router, voter));
        }
        tasks.spawn(look(Arc::clone(&shared)));
        held.is_up().map_err(file_failed)?;
        let Node { name, address, .. } = &shared.me;
        tracing::info!(name, %address, role = %shared.config.role, "health monitor started");
        Ok(Self { shared, held, tasks })
    }

    /// Stops: groups that serve hand over first.
    pub async fn stop(mut self) {
        let instances: Vec<u32> = self.shared.groups().keys().copied().collect();
        for instance in instances {
            let _ = self.shared.command(instance, Command::Shutdown).await;
        }
        let asked = std::time::Instant::now();
        while asked.elapsed() < SHUTDOWN_MAX {
            if self.shared.groups().values().all(|hosted| hosted.running.has_ended()) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.shared.publish(true);
        self.tasks.shutdown().await;
        let groups = std::mem::take(&mut *self.shared.groups());
        for (_, hosted) in groups {
            stop(hosted).await;
        }
        let _ = fs::remove_file(self.shared.config.data.join(info::SOCKET_NAME));
        tracing::info!("health monitor stopped");
        drop(self.held);
    }
}

/// Ends a group without waiting on the event loop.
async fn stop(hosted: Hosted) {
    let Hosted { running, .. } = hosted;
    if tokio::task::spawn_blocking(move || running.stop()).await.is_err() {
        tracing::error!("a group could not be stopped in order");
    }
}

impl Shared {
    fn groups(&self) -> MutexGuard<'_, BTreeMap<u32, Hosted>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where this node is reached: over the LAN, and over the direct cable.
    fn addresses(&self) -> Vec<SocketAddr> {
        [Some(self.me.address), self.me.direct_connect].into_iter().flatten().collect()
    }

    /// Starts a group and its connections.
    async fn host(self: &Arc<Self>, group: Group) -> Result<(), StartError> {
        let interface = self.config.health_monitor.interface.clone();
        let address = group.virtual_address.clone();
        let holder =
            tokio::task::spawn_blocking(move || address::holder(&address, interface.as_deref()));
        let address = group.virtual_address.address;
        let holder = holder
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|source| StartError::LocalAddress { address, source })?;
        let beginning = match (group.is_begun, group.seat) {
            (true, _) => Beginning::Blank,
            (false, Seat::Primary) => Beginning::Founder,
            (false, Seat::Secondary) => Beginning::Member,
        };
        let parts = Parts {
            group: group.clone(),
            data: self.config.data.clone(),
            command: self.config.service.command.clone(),
            log: self.config.log(&format!("service-{}", group.instance)).map_err(|source| {
                let what = self.config.log_directory().display().to_string();
                StartError::LocalMake { what, source }
            })?,
            holder,
            carrier: self.config.health_monitor.interface.clone().filter(|_| group.needs_link()),
            beginning,
        };
        let running = tokio::task::spawn_blocking(move || Running::start(parts)).await;
        let running = running.unwrap_or_else(|error| {
            let source = io::Error::other(error);
            Err(GroupError::LocalMake { what: "the group".to_owned(), source })
        })?;
        let mut dials = JoinSet::new();
        for (target, kinds) in self.targets(&group) {
            for kind in kinds {
                let links = running.links.clone();
                dials.spawn(links.dial(target.clone(), kind, Arc::clone(&self.identity)));
            }
        }
        let hosted = Hosted { group, running, _dials: dials, has_room: true };
        self.groups().insert(hosted.group.instance, hosted);
        Ok(())
    }

    /// Whom this node dials for a group, and for what.
    fn targets(&self, group: &Group) -> Vec<(Target, Vec<Kind>)> {
        let all = vec![Kind::Control, Kind::Replication, Kind::Transfer];
        let mut targets = Vec::new();
        if let (Seat::Primary, Some(peer)) = (group.seat, &group.peer) {
            let lan = (Path::Lan, Some(peer.address), self.config.health_monitor.address);
            let direct = self.config.health_monitor.direct_connect.as_ref();
            let direct = direct.map(|it| (Path::Direct, peer.direct_connect, it.address));
            for (path, address, from) in [Some(lan), direct].into_iter().flatten() {
                if let Some(address) = address {
                    let key_hash = peer.key_hash;
                    let from = Some(from);
                    let target = Target { whom: Whom::Peer, path, address, from, key_hash };
                    targets.push((target, all.clone()));
                }
            }
        }
        if let Some(witness) = &group.witness {
            let target = Target {
                whom: Whom::Witness,
                path: Path::Lan,
                address: witness.address,
                from: Some(self.config.health_monitor.address),
                key_hash: witness.key_hash,
            };
            targets.push((target, vec![Kind::Control]));
        }
        targets
    }

    /// Carries a connection that a primary has dialled.
    async fn carry(
        &self,
        mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
        key: KeyHash,
        hello: wire::Hello,
        ends: Ends,
        port: Option<Arc<Port>>,
    ) {
        let links = {
            let groups = self.groups();
            let hosted = groups.values().find(|it| {
                let is_peer = it.group.peer.as_ref().is_some_and(|peer| peer.key_hash == key);
                it.group.id == hello.group && is_peer
            });
            hosted.map(|hosted| hosted.running.links.clone())
        };
        let Some(links) = links else {
            tracing::warn!(group = %hello.group, %key, "a node that is not paired with this one is refused");
            return;
        };
        let is_direct =
            self.me.direct_connect.is_some_and(|address| address.ip() == ends.local.ip());
        let path = if is_direct { Path::Direct } else { Path::Lan };
        let node = (hello.group, key, path);
        match self.machines.enter(node, ends.remote.ip(), clock::boot()) {
            Ok(presence) => {
                let port = port.filter(|_| hello.kind == Kind::Control);
                let channel = port.and_then(|port| Channel::accepted(stream.get_ref().1, &port));
                let line = Line { whom: Whom::Peer, path, kind: hello.kind };
                links.run(stream, line, channel, Some(presence)).await;
            }
            Err(elsewhere) => machines::refuse(&mut stream, ends.remote, elsewhere).await,
        }
    }

    /// Orders something of a group.
    pub async fn command(&self, instance: u32, command: Command) -> Result<(), String> {
        let ordered = {
            let groups = self.groups();
            let hosted = groups.get(&instance).ok_or_else(|| no_instance(instance))?;
            hosted.running.commander()
        };
        ordered.order(command).await
    }

    /// Refuses to force a node while somebody answers for the virtual address (RFC 5227).
    pub async fn probe(&self, instance: u32) -> Result<(), String> {
        let virtual_address = {
            let groups = self.groups();
            let hosted = groups.get(&instance).ok_or_else(|| no_instance(instance))?;
            if hosted.running.shown().has_address {
                return Ok(());
            }
            hosted.group.virtual_address.clone()
        };
        let interface = self.config.health_monitor.interface.clone();
        let (Provider::Kernel, Some(interface)) = (virtual_address.provider, interface) else {
            return Ok(());
        };
        let asked = tokio::task::spawn_blocking(move || {
            address::probe(virtual_address.address, &interface)
        });
        match asked.await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(conflict))) => Err(conflict.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The seat of this node in a group, and whether it holds.
    pub fn seat(&self, instance: u32) -> Result<(Seat, bool), String> {
        let groups = self.groups();
        let hosted = groups.get(&instance).ok_or_else(|| no_instance(instance))?;
        let serves = hosted.running.shown().status.is_some_and(|status| status.standing.serves());
        Ok((hosted.group.seat, serves))
    }

    /// Events of all groups, with the number of their group, oldest first.
    pub fn events(&self) -> Vec<(u32, EventLine)> {
        let mut all: Vec<(u32, EventLine)> = self
            .groups()
            .iter()
            .flat_map(|(instance, hosted)| {
                hosted.running.events().into_iter().map(|line| (*instance, line))
            })
            .collect();
        all.sort_by_key(|(instance, line)| (line.at_ms, *instance, line.id));
        all
    }

    /// What every group shows, for metrics.
    pub fn shown(&self) -> Vec<(Group, Shown)> {
        let groups = self.groups();
        groups.values().map(|hosted| (hosted.group.clone(), hosted.running.shown())).collect()
    }

    /// What `gethainfo` tells.
    pub fn info(&self) -> Info {
        let groups = self.groups();
        let mut serving = false;
        let mut peers = Vec::new();
        for hosted in groups.values() {
            let shown = hosted.running.shown();
            serving |= shown.service == ServiceState::Active;
            if let Some(info) = peer_info(peers.len(), &hosted.group, &shown) {
                peers.push(info);
            }
        }
        let Node { name, udi, version, address, .. } = self.me.clone();
        Info {
            running: true,
            at_ms: clock::wall(),
            node: NodeInfo {
                name,
                role: self.config.role,
                health_monitor: address.ip(),
                virtual_address: self.config.virtual_address.as_ref().map(|it| it.address),
                version,
                udi,
                serving,
            },
            peers,
        }
    }

    /// Keeps what `gethainfo` tells when this monitor does not run.
    fn publish(&self, is_end: bool) {
        let info = self.info();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = last.as_ref().is_none_or(|last| last.differs(&info));
        if (is_new || is_end)
            && let Err(error) = info.save(&self.folder)
        {
            tracing::warn!(%error, "what gethainfo tells of a stopped node cannot be kept");
        }
        if is_new {
            *last = Some(info);
        }
    }

    /// Looks after the groups.
    async fn look(self: &Arc<Self>) {
        self.publish(false);
        let mut again = Vec::new();
        {
            let mut groups = self.groups();
            let is_active =
                |hosted: &Hosted| hosted.running.shown().service == ServiceState::Active;
            let active: Vec<u32> = groups
                .iter()
                .filter(|(_, hosted)| is_active(hosted))
                .map(|(instance, _)| *instance)
                .collect();
            for (instance, hosted) in groups.iter_mut() {
                let others = active.iter().filter(|other| *other != instance).count();
                let has_room = others < self.config.max_active;
                if has_room != hosted.has_room {
                    hosted.has_room = has_room;
                    hosted.running.admit(has_room);
                }
                let shown = hosted.running.shown();
                let standing = shown.status.as_ref().map(|status| status.standing);
                if hosted.running.has_ended() && !shown.has_stopped {
                    again.push((hosted.group.clone(), Again::Blank));
                } else if standing == Some(Standing::Alone) && hosted.group.seat == Seat::Primary {
                    again.push((hosted.group.clone(), Again::Alone));
                } else if standing == Some(Standing::Dissolved) {
                    again.push((hosted.group.clone(), Again::Gone));
                }
            }
        }
        self.host_missing().await;
        for (group, again) in again {
            if let Err(error) = self.begin_again(group, again).await {
                tracing::error!(%error, "a group cannot begin anew");
            }
        }
    }

    /// A group that could not start is tried again.
    async fn host_missing(self: &Arc<Self>) {
        let Ok(peers) = self.peers.try_lock() else { return };
        let missing: Vec<Group> = {
            let groups = self.groups();
            peers.groups.iter().filter(|it| !groups.contains_key(&it.instance)).cloned().collect()
        };
        for group in missing {
            if let Err(error) = self.host(group).await {
                tracing::error!(%error, "a group cannot start; tried again");
                tokio::time::sleep(HOST_PAUSE).await;
            }
        }
    }

    async fn begin_again(self: &Arc<Self>, group: Group, again: Again) -> Result<(), String> {
        let mut peers = self.peers.lock().await;
        // It may have been paired anew since it was looked at.
        let is_same = self.groups().get(&group.instance).is_some_and(|it| it.group == group);
        if !is_same {
            return Ok(());
        }
        let old = self.groups().remove(&group.instance);
        if let Some(old) = old {
            stop(old).await;
        }
        let folder = group.folder(&self.config.data);
        match again {
            Again::Blank => self
                .host(Group { is_begun: true, ..group })
                .await
                .map_err(|error| error.to_string()),
            Again::Alone => {
                // The log goes on; only the pair is over.
                group::found_again(&folder, group.id).map_err(|error| error.to_string())?;
                let settings = alone(group.virtual_address.address);
                let group = Group { settings, peer: None, witness: None, ..group };
                peers.groups = vec![group.clone()];
                peers.save(&self.folder).map_err(|error| error.to_string())?;
                tracing::info!("the pair is dissolved; this primary goes on alone");
                self.host(group).await.map_err(|error| error.to_string())
            }
            Again::Gone => {
                peers.groups.retain(|it| it.id != group.id);
                peers.save(&self.folder).map_err(|error| error.to_string())?;
                let aside = folder.with_extension(format!("dissolved-{}", clock::wall().0));
                fs::rename(&folder, &aside).map_err(|error| error.to_string())?;
                tracing::info!(kept = %aside.display(), "the pair is dissolved; what this node had is kept aside");
                Ok(())
            }
        }
    }
}

/// How a group goes on that has come to an end.
#[derive(Debug, Clone, Copy)]
enum Again {
    /// From its record; without one, as one that has lost its memory.
    Blank,
    /// As a primary without a peer.
    Alone,
    /// Not at all.
    Gone,
}

async fn look(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK).await;
        shared.look().await;
    }
}

fn introduce(config: &Config, identity: &Identity) -> Node {
    let name = config.name.clone().unwrap_or_else(host_name);
    let mac: Mac = identity.mac;
    let direct = config.health_monitor.direct_connect.as_ref();
    Node {
        udi: info::udi(&name, mac),
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        key_hash: identity.credentials.sha256,
        address: config.listen(),
        direct_connect: direct.map(|it| SocketAddr::new(it.address, config.health_monitor.port)),
        specification: Specification::of_this_machine(),
    }
}

/// A primary has a group from its set-up on; one in recovery mode gets it back by pairing.
fn own_group(config: &Config, peers: &mut Peers) -> Option<Group> {
    let virtual_address = config.virtual_address.clone()?;
    if let Some(group) = peers.groups.first_mut() {
        // What the wizard changed counts, as long as nobody else has to know.
        let has_moved = group.peer.is_none() && group.virtual_address != virtual_address;
        group.virtual_address = if has_moved { virtual_address } else { return None };
        return Some(group.clone());
    }
    if config.recovery {
        tracing::warn!(
            "recovery mode: pair this primary with its secondary to get everything back"
        );
        return None;
    }
    let group = Group {
        id: new_id(),
        instance: FIRST_INSTANCE,
        seat: Seat::Primary,
        is_begun: false,
        settings: alone(virtual_address.address),
        virtual_address,
        peer: None,
        witness: None,
    };
    peers.groups.push(group.clone());
    Some(group)
}

fn new_id() -> GroupId {
    GroupId(token::random())
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "mse".to_owned(), |name| name.trim().to_owned())
}

fn no_instance(instance: u32) -> String {
    format!("this node has no instance {instance}; `mse ha status` lists them")
}

fn peer_info(nth: usize, group: &Group, shown: &Shown) -> Option<PeerInfo> {
    let peer = group.peer.as_ref()?;
    let status = shown.status.as_ref()?;
    Some(PeerInfo {
        number: nth as u32 + 1,
        instance: group.instance,
        name: peer.name.clone(),
        health_monitor: peer.address.ip(),
        virtual_address: group.virtual_address.address,
        version: peer.version.clone(),
        udi: peer.udi.clone(),
        failover: group.settings.failover,
        failback: group.settings.failback,
        failover_wait_ms: group.settings.failover_wait_ms,
        database: Database::of(group.seat, group.instance),
        direct_connect: peer.direct_connect.is_some(),
        heartbeat_is_up: status.heartbeat_is_up,
        state: status.state,
        last_shutdown_state: None,
        sync_percent: status.sync_percent,
        heartbeat_response_ms: shown.response_ms.map(|ms| ms.round() as u64),
        is_paused: status.is_paused,
    })
}
