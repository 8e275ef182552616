//! The adaptive wIPS service: what sensors capture becomes incidents, with evidence, places and names.
//!
//! ```text
//!  links --Batch--> [512] --> wips thread: Merge --> wips::Wips --> Records <-- APIs
//!                                 |                                    |
//!                                 +--> Ring, Case --pcapng--+          +--> keeper --> writer --> store
//!                                                           +------------------^
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`sensors`] | the sensors of all controllers, under numbers of the engine |
//! | [`feed`] | packets of a message, copied once, with the times of this engine |
//! | `merge` | packets of several controllers, in the order of their times |
//! | `watch` | the thread that drives the machine |
//! | [`records`] | what is known of incidents, and what people said of them |
//! | [`trust`] | whom to protect: the profile, and the infrastructure that is heard |
//! | `keep` | what is durable: documents, files, and when they go |
//! | [`place`] | where a radio is |
//! | [`vendors`] | who made it |
//! | `tell` | notifications, and the alarms of silent sensors |
//!
//! A link never waits for this service: what the queue has no room for is dropped and counted. What is an
//! attack, and what it means, is in the crate [`wips`](::wips); here is only what it takes to run it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;

use ::wips::forensics::File;
use ::wips::profile::rogue::{Rogue, RogueClass, Verdict};
use ::wips::{Counts, Profile};
use model::Mac;
use node::clock;
use node::nmsp::{LinkState, LinkStatus};
use store::{Store, StoreError};
use tokio::sync::mpsc;

use crate::site::CurrentSite;
use crate::tracker::Reporting;

pub mod feed;
mod keep;
mod merge;
pub mod place;
pub mod records;
pub mod sensors;
mod tell;
pub mod trust;
pub mod vendors;
mod watch;

pub use keep::{COLLECTION, KeepError, keep};
pub(crate) use tell::{News, tell};

use feed::{Batch, Feed};
use records::Records;
use sensors::{Sensors, Tally};
use tell::NEWS_MAX;
use trust::Classes;
use vendors::Vendors;
use watch::{Order, Sources, Watch};

/// Messages that wait for the thread. Ours: 32 MiB of packets at most.
const QUEUE_BATCHES_MAX: usize = 512;
/// Orders that wait for the thread, which looks every 50 ms.
const ORDERS_MAX: usize = 64;
/// Files that wait to be written. Ours: as many as cases are gathered at once.
const FILES_MAX: usize = 16;

/// The service, as links, APIs and tasks hold it.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sensors: Sensors,
    records: Records,
    /// Read by the thread: a node that takes over does not wait for names.
    vendors: OnceLock<Vendors>,
    links: Vec<LinkStatus>,
    queue: SyncSender<Batch>,
    orders: SyncSender<Order>,
    /// Packets that the queue had no room for.
    dropped: Arc<AtomicU64>,
    seen: RwLock<Seen>,
    profile: RwLock<Arc<Profile>>,
    classes: RwLock<Arc<Classes>>,
    /// Files on their way to the store.
    files: Mutex<VecDeque<(u64, File)>>,
    /// Files that found no room on their way.
    files_dropped: AtomicU64,
    news: mpsc::Sender<News>,
    /// News that nobody was told.
    untold: AtomicU64,
    /// Access points of others that were told, and what they were then.
    known: Mutex<Rogues>,
    quit: AtomicBool,
    is_up: AtomicBool,
    /// Held by whoever writes a document: the newest word is the last one written.
    saving: tokio::sync::Mutex<()>,
}

/// Access points of others, with the worst class that each was told with.
#[derive(Debug, Default)]
struct Rogues {
    known: BTreeMap<Mac, RogueClass>,
    is_changed: bool,
}

/// What the thread shows of the air.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Access points of others, as the rules sort them.
    pub rogues: Arc<Vec<(Rogue, Verdict)>>,
    /// What was taken in.
    pub counts: Counts,
    /// Packets that came when younger ones had been looked at.
    pub late: u64,
}

/// The thread is told too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the wIPS service is busy; try again in a second")]
pub struct Busy;

impl Guard {
    /// Takes what the store has. Nothing is watched before [`start`](Self::start).
    pub(crate) fn open(store: &Store, links: Vec<LinkStatus>) -> Result<(Self, Ends), StoreError> {
        let (queue, batches) = sync_channel(QUEUE_BATCHES_MAX);
        let (orders, waiting) = sync_channel(ORDERS_MAX);
        let (news, told) = mpsc::channel(NEWS_MAX);
        let records = Records::default();
        records.load(keep::records(store)?);
        let inner = Inner {
            sensors: Sensors::default(),
            records,
            vendors: OnceLock::new(),
            links,
            queue,
            orders,
            dropped: Arc::default(),
            seen: RwLock::default(),
            profile: RwLock::new(Arc::new(keep::profile(store)?)),
            classes: RwLock::new(Arc::new(keep::classes(store)?)),
            files: Mutex::default(),
            files_dropped: AtomicU64::default(),
            news,
            untold: AtomicU64::default(),
            known: Mutex::new(Rogues { known: keep::known(store)?, is_changed: false }),
            quit: AtomicBool::new(false),
            is_up: AtomicBool::new(false),
            saving: tokio::sync::Mutex::default(),
        };
        Ok((Self(Arc::new(inner)), Ends { queue: batches, orders: waiting, news: told }))
    }

    /// Starts the thread; what it wants told comes out of the channel.
    pub(crate) fn start(
        &self,
        ends: Ends,
        site: CurrentSite,
        reporting: Reporting,
        vendors: PathBuf,
    ) -> std::io::Result<(JoinHandle<()>, mpsc::Receiver<News>)> {
        let Ends { queue, orders, news } = ends;
        let inner = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("wips".to_owned());
        let thread = thread.spawn(move || {
            let _up = Up::new(&inner);
            inner.vendors.get_or_init(|| Vendors::load(&vendors));
            let sources = Sources { queue, orders, site, reporting };
            Watch::new(Arc::clone(&inner), sources).run(clock::wall);
        })?;
        Ok((thread, news))
    }

    /// Has the thread end with what it is at.
    pub(crate) fn quit(&self) {
        self.0.quit.store(true, Ordering::Relaxed);
    }

    /// The end that a link holds.
    pub fn feed(&self) -> Feed {
        let Inner { sensors, queue, dropped, .. } = &*self.0;
        Feed::new(sensors.clone(), queue.clone(), Arc::clone(dropped))
    }

    /// Whether the thread works.
    pub fn is_up(&self) -> bool {
        self.0.is_up.load(Ordering::Relaxed)
    }

    /// What is known of incidents.
    pub fn records(&self) -> &Records {
        &self.0.records
    }

    /// The sensors of all controllers.
    pub fn sensors(&self) -> &Sensors {
        &self.0.sensors
    }

    /// How many sensors there are.
    pub fn tally(&self) -> Tally {
        let connected = self.connected();
        self.0.sensors.tally(|controller| connected.contains(controller))
    }

    /// The controllers that are connected.
    pub fn connected(&self) -> BTreeSet<String> {
        let links = self.0.links.iter().map(LinkStatus::snapshot);
        links.filter(|it| it.state == LinkState::Active).map(|it| it.address).collect()
    }

    /// Who made the radio with this address.
    pub fn vendor(&self, mac: Mac) -> Option<&str> {
        self.0.vendors.get()?.name(mac)
    }

    /// What the thread sees of the air, a second ago at most.
    pub fn seen(&self) -> Seen {
        self.0.seen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Packets that the queue had no room for.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Whom to protect, as people want it.
    pub fn profile(&self) -> Arc<Profile> {
        self.0.profile()
    }

    /// What people say of the access points of others.
    pub fn classes(&self) -> Arc<Classes> {
        self.0.classes()
    }
}

/// What the thread takes from.
#[derive(Debug)]
pub(crate) struct Ends {
    queue: Receiver<Batch>,
    orders: Receiver<Order>,
    news: mpsc::Receiver<News>,
}

/// Says that the thread works, for as long as it does, however it ends.
struct Up<'a>(&'a Inner);

impl<'a> Up<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.is_up.store(true, Ordering::Relaxed);
        Self(inner)
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.0.is_up.store(false, Ordering::Relaxed);
    }
}

impl Inner {
    fn profile(&self) -> Arc<Profile> {
        Arc::clone(&self.profile.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn classes(&self) -> Arc<Classes> {
        Arc::clone(&self.classes.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn show(&self, seen: Seen) {
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    fn order(&self, order: Order) -> Result<(), Busy> {
        self.orders.try_send(order).map_err(|_| Busy)
    }

    /// Has others told; when too much waits, nobody is.
    fn tell(&self, news: News) {
        let is_told = self.news.try_send(news).is_ok();
        if !is_told && self.untold.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("too much happens on the air to tell all of it");
        }
    }

    fn known(&self) -> MutexGuard<'_, Rogues> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a file written, when there is room on the way.
    fn keep_file(&self, incident: u64, file: File) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() < FILES_MAX {
            files.push_back((incident, file));
        } else {
            self.files_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn next_file(&self) -> Option<(u64, File)> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
