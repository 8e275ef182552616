//! From reports to positions: one thread that owns the writing end of the element table.
//!
//! ```text
//!  links --Report--> [bounded queue] --> tracker thread --> Elements (RwLock) <-- APIs
//!                                          |  Locator            |
//!                                          +--> history writer   +--> changes (broadcast) --> WebSockets
//! ```
//!
//! Cost sketch, per report of one element with eight readings: decode 0.3 µs, table 0.2 µs, reading
//! store 0.3 µs, estimate 10-20 µs when a reading moved, history row 0.1 µs (5 µs on the writer's
//! thread). The estimate decides; one core does some 50,000 of them a second.
//! Backpressure: when the tracker falls behind, the queue fills, links stop reading, and TCP slows
//! the controllers down; nothing is dropped on the way in.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use locate::{Change, Keeping, Power, Scratch, Settings, Track};
use model::map::{MapId, PLACES_MAX};
use model::{Association, Category, Mac, Position, Reading, SwitchPort, TagReport, Time};
use nmsp::{Departure, Information, TagInformation};
use store::HistoryRow;
use tokio::sync::{broadcast, mpsc};

use crate::analytics::{Analytics, Seen};
use crate::config::Tracking;
use crate::elements::{Elements, Swept, Tracked};
use crate::history::History;
use crate::report::Report;
use crate::site::{CurrentSite, Site};
use crate::wired::{self, Addresses};

/// Reports that wait for the tracker before links stop reading.
pub const QUEUE_REPORTS_MAX: usize = 256;
/// Change notices that wait for a slow listener before it is told that it missed some.
const NOTICES_MAX: usize = 64;
/// Listeners are told at most this often.
const NOTICE_INTERVAL_MS: u64 = 250;
/// Timers run this often.
const SWEEP_INTERVAL_MS: u64 = 1_000;
/// Elements that are changed while the table is locked once: a quarter of a millisecond.
const LOCKED_ELEMENTS: usize = 16;
/// An element that stands still gets a row in the history this often.
const STILL_INTERVAL_MS: u64 = 60_000;
/// So long after it triggered a tag last, a chokepoint says where the tag is. Ours: MSE waits 60 s
/// (B.4 of the reference), in which somebody on foot is 70 m away.
const ON_CHOKEPOINT_MS: u64 = 10_000;
/// Access points without a place, or with impossible readings, that are remembered by address.
const UNPLACED_MAX: usize = 1_024;
/// Access points that are remembered with the names that controllers give them: all of the maps.
const REPORTING_MAX: usize = PLACES_MAX;

/// Something the tracker is told.
#[derive(Debug)]
pub enum Task {
    /// A controller reported.
    Report(Box<Report>),
    /// One floor of the maps was replaced, or all of them.
    SiteChanged(Option<MapId>),
    /// Time passed.
    Tick,
    /// Make the history durable and end.
    Stop,
}

/// Elements that changed since the last notice.
#[derive(Debug, Default)]
pub struct Notice {
    /// Changed or new.
    pub changed: Vec<(Category, Mac)>,
    /// No longer tracked.
    pub removed: Vec<(Category, Mac)>,
}

/// Counters of the tracker, for metrics.
#[derive(Debug, Default)]
pub struct TrackerCounters {
    /// Reports taken in.
    pub reports: AtomicU64,
    /// Readings taken in.
    pub readings: AtomicU64,
    /// Estimates made.
    pub estimates: AtomicU64,
    /// Elements that were measured while no access point with a place heard them.
    pub unlocatable: AtomicU64,
    /// Readings left out because no radio can have heard so.
    pub impossible: AtomicU64,
    /// Access points that report and have no place on any map.
    pub unplaced_access_points: AtomicU64,
}

/// The element table, shared. Writers hold it for a few elements at a time; readers copy what they need.
#[derive(Debug, Clone)]
pub struct SharedElements(Arc<RwLock<Elements>>);

impl SharedElements {
    /// Reads the table. Hold it briefly: ingest waits meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Elements> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Access points that controllers report, with their names, shared.
pub type Reporting = Arc<RwLock<BTreeMap<Mac, Box<str>>>>;

/// Turns reports into positions.
#[derive(Debug)]
pub struct Tracker {
    elements: Arc<RwLock<Elements>>,
    site: CurrentSite,
    history: Option<History>,
    analytics: Option<Analytics>,
    /// Positions of one report, on their way to `analytics`.
    seen: Vec<Seen>,
    notices: broadcast::Sender<Arc<Notice>>,
    counters: Arc<TrackerCounters>,
    scratch: Scratch,
    changed: HashSet<(Category, Mac)>,
    removed: Vec<(Category, Mac)>,
    unplaced: BTreeSet<Mac>,
    /// Access points that reported what no radio can have heard, as far as that was told.
    impossible: BTreeSet<Mac>,
    reporting: Reporting,
    /// Set when what waits in the queue is not to be worked off any more.
    quit: Arc<AtomicBool>,
    /// What switches say about their ports.
    addresses: Addresses,
    /// When each controller reported last.
    heard: BTreeMap<Arc<str>, Time>,
    noticed_at: Time,
    swept_at: Time,
}

impl Tracker {
    /// A tracker with an empty table. Without a history writer positions are kept in memory only.
    pub fn new(tracking: &Tracking, site: CurrentSite, history: Option<History>) -> Self {
        Self {
            elements: Arc::new(RwLock::new(Elements::new(tracking))),
            site,
            history,
            analytics: None,
            seen: Vec::new(),
            notices: broadcast::Sender::new(NOTICES_MAX),
            counters: Arc::default(),
            scratch: Scratch::default(),
            changed: HashSet::new(),
            removed: Vec::new(),
            unplaced: BTreeSet::new(),
            impossible: BTreeSet::new(),
            reporting: Reporting::default(),
            quit: Arc::default(),
            addresses: Addresses::default(),
            heard: BTreeMap::new(),
            noticed_at: Time(0),
            swept_at: Time(0),
        }
    }

    /// Tells `analytics` where elements are. Before [`run`](Self::run).
    #[must_use]
    pub fn with_analytics(mut self, analytics: Option<Analytics>) -> Self {
        self.analytics = analytics;
        self
    }

    /// Takes up where elements were last, as another node or this one wrote it before; what has no place on these maps is
    /// left out. Before [`run`](Self::run).
    pub fn resume(&mut self, newest: &[HistoryRow]) {
        let site = self.site.load();
        let mut elements = self.elements.write().unwrap_or_else(PoisonError::into_inner);
        // Nobody has reported them here; the first report says who does.
        let nobody: Arc<str> = Arc::from("");
        for row in newest.iter().filter(|row| site.floor(row.floor).is_some()) {
            let HistoryRow { floor, point, confidence, at, .. } = *row;
            elements.hear(row.category, row.mac, &nobody, at, |tracked| {
                tracked.position = Some(Position { floor, point, confidence, at });
                tracked.recorded_at = at;
            });
        }
    }

    /// Setting this makes [`run`](Self::run) end with the task that it is at.
    pub fn quit(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.quit)
    }

    /// The table, for readers.
    pub fn elements(&self) -> SharedElements {
        SharedElements(Arc::clone(&self.elements))
    }

    /// The access points that report, for readers.
    pub fn reporting(&self) -> Reporting {
        Arc::clone(&self.reporting)
    }

    /// Where notices can be subscribed to.
    pub fn notices(&self) -> broadcast::Sender<Arc<Notice>> {
        self.notices.clone()
    }

    /// The counters, for metrics.
    pub fn counters(&self) -> Arc<TrackerCounters> {
        Arc::clone(&self.counters)
    }

    /// Works off tasks until [`Task::Stop`], then makes the history durable.
    pub fn run(mut self, mut tasks: mpsc::Receiver<Task>, clock: impl Fn() -> Time) {
        while let Some(task) = tasks.blocking_recv() {
            if matches!(task, Task::Stop) || self.quit.load(Ordering::Relaxed) {
                break;
            }
            self.handle(clock(), task);
        }
        if let Some(Err(error)) = self.history.take().map(|history| history.close()) {
            tracing::error!(%error, "the last positions were not written to the history");
        }
    }

    /// Takes one task.
    pub fn handle(&mut self, now: Time, task: Task) {
        match task {
            Task::Report(report) => self.report(&report, now),
            Task::SiteChanged(floor) => {
                let mut elements = self.elements.write().unwrap_or_else(PoisonError::into_inner);
                elements.forget_positions(floor);
                let site = self.site.load();
                elements.rewire(|_, tracked| {
                    if let Some(port) = tracked.switch_port.as_deref() {
                        tracked.position = wired::place(port, &site, tracked.last_seen);
                    }
                });
                self.changed.extend(elements.iter().map(|(category, mac, _)| (category, mac)));
                drop(elements);
                self.unplaced.retain(|ap| !site.has_access_point(*ap));
                self.count_unplaced();
            }
            Task::Tick | Task::Stop => {}
        }
        if is_due(now, self.swept_at, SWEEP_INTERVAL_MS) {
            self.sweep(now);
        }
        if is_due(now, self.noticed_at, NOTICE_INTERVAL_MS) {
            self.notify(now);
        }
    }

    fn report(&mut self, report: &Report, now: Time) {
        let site = self.site.load();
        self.heard.insert(Arc::clone(&report.controller), now);
        self.counters.reports.fetch_add(1, Ordering::Relaxed);
        self.counters.readings.fetch_add(report.readings.len() as u64, Ordering::Relaxed);
        self.tell_impossible(report);
        self.measured(report, &site);
        if let Some(analytics) = &self.analytics {
            analytics.see(&site, &self.seen);
        }
        self.seen.clear();
        self.associations(report, now);
        self.tags(report, &site);
        self.addresses(report);
        self.attachments(report, &site, now);
        for Departure { category, mac } in &report.departures {
            self.depart(*category, *mac, report);
        }
        self.access_points(report, &site);
    }

    fn measured(&mut self, report: &Report, site: &Site) {
        let shared = Arc::clone(&self.elements);
        let mut readings = report.readings.as_slice();
        // Readers wait for a few elements at most, not for a whole message.
        for measured in report.measured.chunks(LOCKED_ELEMENTS) {
            let mut elements = shared.write().unwrap_or_else(PoisonError::into_inner);
            for (category, mac, count) in measured {
                let Some((own, rest)) = readings.split_at_checked(usize::from(*count)) else {
                    return;
                };
                readings = rest;
                self.measure(&mut elements, site, (*category, *mac), own, report);
            }
        }
    }

    fn measure(
        &mut self,
        elements: &mut Elements,
        site: &Site,
        (category, mac): (Category, Mac),
        readings: &[Reading],
        report: &Report,
    ) {
        let Some(newest) = readings.iter().map(|reading| reading.at).max() else {
            return;
        };
        let Self { scratch, history, analytics, seen, counters, .. } = self;
        let is_known = elements.hear(category, mac, &report.controller, newest, |tracked| {
            tracked.last_seen = tracked.last_seen.max(newest);
            if !Arc::ptr_eq(&tracked.controller, &report.controller) {
                tracked.controller = Arc::clone(&report.controller);
            }
            tracked.strongest =
                readings.iter().max_by(|a, b| a.rssi.0.total_cmp(&b.rssi.0)).copied();
            let change =
                tracked.readings.update(readings, keeping(category, site.locator.settings()));
            match (change, &mut tracked.position) {
                (Change::Nothing, _) => return,
                // It stands still: where it was is where it is.
                (Change::Renewed, Some(position)) if tracked.computed.is_none() => {
                    position.at = position.at.max(newest);
                }
                (Change::Renewed | Change::Moved, _) => {
                    counters.estimates.fetch_add(1, Ordering::Relaxed);
                    if !estimate(tracked, category, site, scratch) {
                        counters.unlocatable.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            }
            if analytics.is_some() {
                seen.extend(Seen::of(category, mac, tracked));
            }
            let is_still = change == Change::Renewed;
            if let (Some(history), Some(position)) = (history, tracked.position)
                && (!is_still || is_due(position.at, tracked.recorded_at, STILL_INTERVAL_MS))
            {
                tracked.recorded_at = position.at;
                history.push(row(category, mac, tracked, &position));
            }
        });
        if is_known.is_some() {
            self.changed.insert((category, mac));
        }
    }

    /// What the network knows. It neither brings back what is missing nor makes an element of a
    /// station that is not associated: being known is not being heard.
    fn associations(&mut self, report: &Report, now: Time) {
        let shared = Arc::clone(&self.elements);
        let mut elements = shared.write().unwrap_or_else(PoisonError::into_inner);
        for Information { category, mac, association } in &report.informations {
            let merge = |tracked: &mut Tracked| {
                let known = tracked.association.get_or_insert_default();
                let Association { bytes_sent, bytes_received, .. } = **known;
                **known = Association { bytes_sent, bytes_received, ..association.clone() };
            };
            let is_known = elements.find(*category, *mac).is_some();
            let changed = if is_known || !association.associated {
                elements.annotate(*category, *mac, merge)
            } else {
                elements.hear(*category, *mac, &report.controller, now, merge)
            };
            if changed.is_some() {
                self.changed.insert((*category, *mac));
            }
        }
        for Information { category, mac, association } in &report.statistics {
            let merge = |tracked: &mut Tracked| {
                let known = tracked.association.get_or_insert_default();
                known.bytes_sent = association.bytes_sent;
                known.bytes_received = association.bytes_received;
            };
            if elements.annotate(*category, *mac, merge).is_some() {
                self.changed.insert((*category, *mac));
            }
        }
    }

    /// What tags say about themselves. A tag that says something is there; what is not newer than what is
    /// known comes from a controller that remembers it, and says nothing.
    fn tags(&mut self, report: &Report, site: &Site) {
        let shared = Arc::clone(&self.elements);
        let mut elements = shared.write().unwrap_or_else(PoisonError::into_inner);
        let Self { history, changed, .. } = self;
        for TagInformation { mac, report: said } in &report.tags {
            let is_older = |known: &TagReport| said.at <= known.at;
            let known = elements.find(Category::Tag, *mac).and_then(|it| it.tag.as_deref());
            if known.is_some_and(is_older) {
                continue;
            }
            let take = |tracked: &mut Tracked| {
                tracked.last_seen = tracked.last_seen.max(said.at);
                let is_met_anew = tracked.take_tag_report(said);
                let Some(position) = on_chokepoint(tracked, site, said.at) else { return };
                // Without readings, where it was is not where they put it.
                let was = tracked.position.replace(position);
                let was = was.filter(|_| tracked.readings.newest().is_some());
                tracked.computed = tracked.computed.or(was);
                if let Some(history) = history
                    && is_met_anew
                {
                    tracked.recorded_at = position.at;
                    history.push(row(Category::Tag, *mac, tracked, &position));
                }
            };
            if elements.hear(Category::Tag, *mac, &report.controller, said.at, take).is_some() {
                changed.insert((Category::Tag, *mac));
            }
        }
    }

    /// What was entered on switches and for their ports.
    fn addresses(&mut self, report: &Report) {
        if report.switch_ports.is_empty() {
            return;
        }
        self.addresses.learn(&report.controller, &report.switch_ports);
        let shared = Arc::clone(&self.elements);
        let mut elements = shared.write().unwrap_or_else(PoisonError::into_inner);
        let Self { addresses, changed, .. } = self;
        elements.rewire(|mac, tracked| {
            let Some(port) = &mut tracked.switch_port else { return };
            let civic = addresses.of(&report.controller, port);
            if tracked.controller == report.controller && port.civic != civic {
                port.civic = civic;
                changed.insert((Category::WiredClient, mac));
            }
        });
    }

    fn attachments(&mut self, report: &Report, site: &Site, now: Time) {
        for attachment in &report.attachments {
            let (category, mac) = (Category::WiredClient, attachment.mac);
            if !attachment.attached {
                self.depart(category, mac, report);
                continue;
            }
            let mut port = SwitchPort::parse(&attachment.port);
            port.civic = self.addresses.of(&report.controller, &port);
            let place = wired::place(&port, site, now);
            let history = self.history.as_ref();
            let merge = |tracked: &mut Tracked| {
                tracked.last_seen = now;
                if !Arc::ptr_eq(&tracked.controller, &report.controller) {
                    tracked.controller = Arc::clone(&report.controller);
                }
                let moved = |at: Position| {
                    tracked
                        .position
                        .is_none_or(|was| was.point != at.point || was.floor != at.floor)
                };
                let arrived = place.filter(|it| moved(*it));
                tracked.position = place;
                tracked.switch_port = Some(Box::new(port));
                if let (Some(history), Some(position)) = (history, arrived) {
                    tracked.recorded_at = position.at;
                    history.push(row(category, mac, tracked, &position));
                }
                let known = tracked.association.get_or_insert_default();
                known.associated = true;
                known.username =
                    (!attachment.username.is_empty()).then(|| attachment.username.as_str().into());
                known.ip_addresses.clone_from(&attachment.ip_addresses);
            };
            let mut elements = self.elements.write().unwrap_or_else(PoisonError::into_inner);
            if elements.hear(category, mac, &report.controller, now, merge).is_some() {
                self.changed.insert((category, mac));
            }
        }
    }

    fn depart(&mut self, category: Category, mac: Mac, report: &Report) {
        let mut elements = self.elements.write().unwrap_or_else(PoisonError::into_inner);
        if elements.depart(category, mac, &report.controller) {
            self.changed.insert((category, mac));
        }
    }

    fn access_points(&mut self, report: &Report, site: &Site) {
        for ap in &report.access_points {
            let is_unplaced = !site.has_access_point(ap.mac) && self.unplaced.len() < UNPLACED_MAX;
            if is_unplaced && self.unplaced.insert(ap.mac) {
                tracing::info!(ap = %ap.mac, name = ap.name, "this access point has no place on any map");
            }
        }
        let mut reporting = self.reporting.write().unwrap_or_else(PoisonError::into_inner);
        for ap in &report.access_points {
            let known = reporting.get(&ap.mac).map(|name| &**name);
            let has_room = known.is_some() || reporting.len() < REPORTING_MAX;
            if has_room && known != Some(ap.name.as_str()) {
                reporting.insert(ap.mac, ap.name.as_str().into());
            }
        }
        drop(reporting);
        self.count_unplaced();
    }

    /// Counts readings that were left out, and tells of each access point once.
    fn tell_impossible(&mut self, report: &Report) {
        self.counters.impossible.fetch_add(report.impossible.len() as u64, Ordering::Relaxed);
        let (least, most) = (Reading::STRENGTHS.start(), Reading::STRENGTHS.end());
        for Reading { ap, rssi, .. } in &report.impossible {
            if self.impossible.len() < UNPLACED_MAX && self.impossible.insert(*ap) {
                tracing::warn!(
                    %ap, dbm = rssi.0, controller = %report.controller,
                    "a reading is left out: strengths are {least} to {most} dBm; look at this access point"
                );
            }
        }
    }

    fn count_unplaced(&self) {
        self.counters.unplaced_access_points.store(self.unplaced.len() as u64, Ordering::Relaxed);
    }

    fn sweep(&mut self, now: Time) {
        self.swept_at = now;
        let mut elements = self.elements.write().unwrap_or_else(PoisonError::into_inner);
        // A plugged-in station says nothing: it is there for as long as its controller is.
        elements.renew_wired(|controller| self.heard.get(controller).copied());
        let Swept { became_missing, absent } = elements.sweep(now);
        drop(elements);
        self.changed.extend(became_missing);
        self.removed.extend(absent);
    }

    fn notify(&mut self, now: Time) {
        self.noticed_at = now;
        if self.changed.is_empty() && self.removed.is_empty() {
            return;
        }
        let notice = Notice {
            changed: self.changed.drain().collect(),
            removed: std::mem::take(&mut self.removed),
        };
        // Without a listener there is nobody to tell.
        let _ = self.notices.send(Arc::new(notice));
    }
}

/// Whether it is time again. A clock that was set back does not delay it.
fn is_due(now: Time, last: Time, interval_ms: u64) -> bool {
    now < last || now.since_ms(last) >= interval_ms
}

/// Estimates where an element is from its readings; false when no access point with a place hears it.
fn estimate(tracked: &mut Tracked, category: Category, site: &Site, scratch: &mut Scratch) -> bool {
    let now = tracked.readings.newest().unwrap_or(tracked.last_seen);
    let young = tracked.readings.readings(now, keeping(category, site.locator.settings()));
    let power = power_of(category);
    let Some(estimate) = site.locator.estimate(scratch, young, power, tracked.previous_floor)
    else {
        return false;
    };
    tracked.previous_floor = Some(estimate.previous);
    let followed = match (category, &mut tracked.track) {
        (Category::Tag, _) => site.locator.follow(scratch, &mut tracked.walk, &estimate),
        (_, Some(track)) => track.update(&estimate.position),
        (_, track) => track.insert(Track::new(&estimate.position)).position(),
    };
    let computed = site.locator.snapped(followed);
    (tracked.position, tracked.computed) = match on_chokepoint(tracked, site, now) {
        Some(position) => (Some(position), Some(computed)),
        None => (Some(computed), None),
    };
    true
}

/// The chokepoint that triggered a tag just now, as a position: nearer than readings can tell.
fn on_chokepoint(tracked: &Tracked, site: &Site, now: Time) -> Option<Position> {
    let encounter = tracked.tag.as_deref()?.encounter.as_ref()?;
    if now.since_ms(encounter.until) > ON_CHOKEPOINT_MS {
        return None;
    }
    let (floor, chokepoint) = site.chokepoint(&encounter.chokepoint)?;
    Some(Position { floor, point: chokepoint.at, confidence: chokepoint.range, at: now })
}

fn row(category: Category, mac: Mac, tracked: &Tracked, position: &Position) -> HistoryRow {
    HistoryRow {
        category,
        mac,
        at: position.at,
        floor: position.floor,
        point: position.point,
        confidence: position.confidence,
        ap: tracked.strongest.map(|reading| reading.ap),
    }
}

/// What stays where it is gets heard over minutes.
pub(crate) fn keeping(category: Category, settings: &Settings) -> &Keeping {
    match category {
        Category::RogueAp | Category::Interferer => &settings.standing,
        Category::Tag => &settings.walking,
        Category::WirelessClient | Category::WiredClient | Category::RogueClient => {
            &settings.moving
        }
    }
}

/// Our clients and tags send with a known power; strangers do not.
fn power_of(category: Category) -> Power {
    match category {
        Category::WirelessClient | Category::Tag | Category::WiredClient => Power::Known,
        Category::RogueAp | Category::RogueClient | Category::Interferer => Power::Unknown,
    }
}

#[cfg(test)]
mod tests;
