//! The thread: packets in, incidents and their files out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use model::Time;
use notify::Phase;
use wips::forensics::{CASE_BYTES_MAX, Case, Ring};
use wips::incident::Standing;
use wips::profile::rogue::{Rogue, Verdict};
use wips::{CaptureTime, Change, Incident, Packet, Profile, SensorId, Severity, Wips};

use super::feed::Batch;
use super::merge::{HOLD_MS, Merge};
use super::records::Heard;
use super::tell::{News, Told};
use super::trust::{self, Classes, Infrastructure};
use super::{Inner, Seen};
use crate::site::CurrentSite;
use crate::tracker::Reporting;

/// The thread looks up this often when nothing comes.
const TURN: Duration = Duration::from_millis(50);
/// Batches that are taken before the packets of those before are looked at. Ours: a quarter of the queue.
const BATCHES_AT_ONCE: usize = 128;
/// What others see is renewed this often.
const REFRESH_MS: u64 = 1_000;
/// The machine is told the time when packets of that time can come no more: then an incident can be
/// quiet. As long as a delay is believed, and the time that packets are held.
const BEHIND_MS: u64 = 5_000 + HOLD_MS;
/// Cases at once. Ours: 64 MiB of memory.
const CASES_MAX: usize = 16;
/// Bytes of files in an hour, on the average. Ours: who makes one incident after the other fills no disk.
const FILES_BYTES_PER_HOUR: u64 = 256 << 20;
const HOUR_MS: u64 = 3_600_000;
/// Access points of others that are known to have been told. Ours: as many as the machine follows.
const KNOWN_MAX: usize = 4_096;
/// Access points of others that are told in a second. Ours: a site with hundreds of neighbours takes a
/// minute, and a flood of names is an incident by itself.
const ROGUES_AT_ONCE: usize = 10;

/// Something that a person wants of the machine.
#[derive(Debug)]
pub(super) enum Order {
    /// Somebody looks after an incident.
    Acknowledge(u64),
    /// Somebody says that an incident is over.
    Clear(u64),
    /// Whom to protect from now on.
    Profile(Arc<Profile>),
    /// What people say of the access points of others.
    Classes(Arc<Classes>),
}

/// Where everything comes from.
pub(super) struct Sources {
    pub(super) queue: Receiver<Batch>,
    pub(super) orders: Receiver<Order>,
    pub(super) site: CurrentSite,
    pub(super) reporting: Reporting,
}

/// The state of the thread.
pub(super) struct Watch {
    shared: Arc<Inner>,
    sources: Sources,
    machine: Wips,
    merge: Merge,
    ring: Ring,
    cases: BTreeMap<u64, Case>,
    /// Open incidents that have or had a case.
    cased: BTreeSet<u64>,
    /// What was told of each open incident.
    told: BTreeMap<u64, Told>,
    profile: Arc<Profile>,
    classes: Arc<Classes>,
    /// What the machine was told last.
    effective: Profile,
    refreshed: Time,
    /// The newest time that packets had.
    newest: CaptureTime,
    budget: Budget,
}

impl Watch {
    /// Takes up the incidents that go on.
    pub(super) fn new(shared: Arc<Inner>, sources: Sources) -> Self {
        let (profile, classes) = (shared.profile(), shared.classes());
        let mut machine =
            Wips::new(Profile::clone(&profile)).numbered_from(shared.records.next_id());
        let (mut cased, mut told) = (BTreeSet::new(), BTreeMap::new());
        for record in shared.records.open() {
            if record.forensics.is_some() {
                cased.insert(record.incident.id);
            }
            told.insert(record.incident.id, Told::of(&record.incident));
            machine.resume(record.incident);
        }
        Self {
            shared,
            sources,
            machine,
            merge: Merge::default(),
            ring: Ring::default(),
            cases: BTreeMap::new(),
            cased,
            told,
            effective: Profile::clone(&profile),
            profile,
            classes,
            refreshed: Time(0),
            newest: CaptureTime(0),
            budget: Budget::default(),
        }
    }

    /// Works until it is told to quit.
    pub(super) fn run(mut self, clock: impl Fn() -> Time) {
        while !self.shared.quit.load(Ordering::Relaxed) {
            match self.sources.queue.recv_timeout(TURN) {
                Ok(batch) => {
                    let now = clock();
                    self.merge.push(batch, now);
                    let more = self.sources.queue.try_iter().take(BATCHES_AT_ONCE);
                    more.for_each(|batch| self.merge.push(batch, now));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.turn(clock());
        }
        self.close_cases(None);
        self.shared.see_open(self.machine.open(), clock());
    }

    fn turn(&mut self, now: Time) {
        while let Ok(order) = self.sources.orders.try_recv() {
            self.obey(order);
        }
        while let Some((batch, nth)) = self.merge.pop(now) {
            if let Some(packet) = batch.packet(nth) {
                self.packet(&packet, now);
            }
        }
        let tick = CaptureTime(now.0.saturating_sub(BEHIND_MS).saturating_mul(1_000));
        self.machine.tick(tick);
        self.changes(None, now);
        self.close_cases(Some(self.newest.max(tick)));
        if now < self.refreshed || now.since_ms(self.refreshed) >= REFRESH_MS {
            self.refresh(now);
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, now: Time) {
        self.newest = self.newest.max(packet.at);
        self.machine.handle(packet);
        let touched = self.machine.touched();
        self.ring.push(packet, touched.first().copied());
        for case in self.cases.values_mut() {
            let is_evidence = touched.contains(&case.incident);
            if case.has(packet.sensor) {
                case.add(packet, is_evidence);
            } else if is_evidence {
                case.join(packet.sensor, &self.ring);
            }
        }
        self.changes(Some(packet.sensor), now);
    }

    /// Takes what the newest packet changed, which this sensor heard.
    fn changes(&mut self, sensor: Option<SensorId>, now: Time) {
        let mut closed = Vec::new();
        while let Some(change) = self.machine.poll() {
            let incident = match change {
                Change::Opened(incident) | Change::Updated(incident) => incident,
                Change::Closed(incident) => {
                    self.tell_incident(&incident);
                    self.told.remove(&incident.id);
                    closed.push(incident.id);
                    self.cased.remove(&incident.id);
                    incident
                }
            };
            // The newest word on who hears it: it opened before its first frame was put to its account.
            let open = self.machine.open().find(|it| it.id == incident.id).cloned();
            let incident = open.unwrap_or(incident);
            self.shared.see(&incident, now);
            self.open_case(&incident, sensor, now);
        }
        for id in closed {
            self.shared.tell(News::Incident { id, phase: Phase::Closed, before: None });
        }
    }

    /// Has an incident told that is new, or has grown.
    fn tell_incident(&mut self, incident: &Incident) {
        let (id, now) = (incident.id, Told::of(incident));
        let before = self.told.insert(id, now.clone());
        if before.as_ref() != Some(&now) {
            self.shared.tell(News::Incident { id, phase: Phase::Opened, before });
        }
    }

    /// Has access points of others told that are new, or worse than they were.
    fn tell_rogues(&self, rogues: &[(Rogue, Verdict)]) {
        let mut known = self.shared.known();
        if known.known.len() >= KNOWN_MAX {
            let here: BTreeSet<_> = rogues.iter().map(|(rogue, _)| rogue.bssid).collect();
            known.known.retain(|bssid, _| here.contains(bssid));
        }
        let mut told = 0;
        for (rogue, verdict) in rogues {
            let class = self.classes.get(&rogue.bssid).map_or(verdict.class, |it| it.class);
            let before = known.known.get(&rogue.bssid).copied();
            let has_room = before.is_some() || known.known.len() < KNOWN_MAX;
            if before.is_some_and(|before| before >= class) || !has_room {
                continue;
            }
            known.known.insert(rogue.bssid, class);
            known.is_changed = true;
            let found = Box::new((rogue.clone(), verdict.clone()));
            self.shared.tell(News::Rogue(found, class));
            told += 1;
            if told == ROGUES_AT_ONCE {
                // The others with the next refresh.
                return;
            }
        }
    }

    /// Gathers what was captured around an incident that matters, once for each.
    fn open_case(&mut self, incident: &Incident, sensor: Option<SensorId>, now: Time) {
        let is_over = matches!(incident.standing, Standing::Quiet | Standing::Cleared);
        let is_wanted = incident.severity >= Severity::Minor && !is_over;
        if !is_wanted || self.cased.contains(&incident.id) || self.cases.len() >= CASES_MAX {
            return;
        }
        let held = (self.cases.len() as u64 + 1).saturating_mul(CASE_BYTES_MAX as u64);
        if !self.budget.has(held, now) {
            return;
        }
        self.cased.insert(incident.id);
        let mut case = Case::open(incident.id, incident.detected);
        // Who heard the frame that shows it, also where that is the victim's.
        let heard_by = incident.heard_by.iter().map(|it| it.sensor);
        for sensor in sensor.into_iter().chain(heard_by) {
            case.join(sensor, &self.ring);
        }
        self.cases.insert(incident.id, case);
    }

    /// Writes the cases that are over at this time, or all.
    fn close_cases(&mut self, at: Option<CaptureTime>) {
        let is_over = |case: &Case| at.is_none_or(|at| case.is_over(at));
        while let Some(id) = self.cases.iter().find(|(_, it)| is_over(it)).map(|(id, _)| *id) {
            let Some(case) = self.cases.remove(&id) else { return };
            let kind = self.shared.records.find(id).map(|it| it.incident.kind);
            let title = kind.map_or("", |kind| kind.article().name);
            let name = |sensor| match self.shared.sensors.name(sensor) {
                Some((name, _)) => name,
                None => format!("sensor {}", sensor.0),
            };
            let file = case.write(title, name);
            self.budget.spend(file.content.len() as u64);
            self.shared.keep_file(id, file);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Acknowledge(id) => _ = self.machine.acknowledge(id),
            Order::Clear(id) => _ = self.machine.clear(id),
            Order::Profile(profile) => self.profile = profile,
            Order::Classes(classes) => self.classes = classes,
        }
        // What it means for the machine is seen with the next refresh.
        self.refreshed = Time(0);
    }

    /// Shows others how things are, and learns whom to protect.
    fn refresh(&mut self, now: Time) {
        self.refreshed = now;
        self.shared.see_open(self.machine.open(), now);
        let reporting = {
            let reporting = self.sources.reporting.read();
            let reporting = reporting.unwrap_or_else(std::sync::PoisonError::into_inner);
            reporting.keys().copied().collect::<Vec<_>>()
        };
        let infrastructure = Infrastructure::new(&self.sources.site.load(), reporting);
        let heard = self.machine.networks();
        let effective = trust::effective(&self.profile, &infrastructure, heard, &self.classes);
        if effective != self.effective {
            self.machine.set_profile(effective.clone());
            self.effective = effective;
        }
        let open: Vec<Incident> = self.machine.open().cloned().collect();
        for incident in &open {
            self.tell_incident(incident);
        }
        let rogues = Arc::new(self.machine.rogues());
        self.tell_rogues(&rogues);
        self.shared.show(Seen { rogues, counts: self.machine.counts(), late: self.merge.late() });
    }
}

/// How much may still be written: it grows with time, up to an hour's.
#[derive(Debug, Default)]
struct Budget {
    spent: u64,
    at: Time,
}

impl Budget {
    fn has(&mut self, bytes: u64, now: Time) -> bool {
        let earned = now.since_ms(self.at).min(HOUR_MS).saturating_mul(FILES_BYTES_PER_HOUR);
        self.spent = self.spent.saturating_sub(earned / HOUR_MS);
        self.at = now;
        self.spent.saturating_add(bytes) <= FILES_BYTES_PER_HOUR
    }

    fn spend(&mut self, bytes: u64) {
        self.spent = self.spent.saturating_add(bytes);
    }
}

impl Inner {
    /// Takes the machine's word on an incident.
    fn see(&self, incident: &Incident, now: Time) {
        let heard = |hearing: &wips::incident::Hearing| {
            let known = self.sensors.name(hearing.sensor);
            let (name, ap) =
                known.unwrap_or_else(|| (format!("sensor {}", hearing.sensor.0), None));
            let wips::incident::Hearing { sensor, rssi_dbm, frames } = *hearing;
            Heard { sensor, name, ap, rssi_dbm, frames }
        };
        self.records.take(incident, incident.heard_by.iter().map(heard).collect(), now);
    }

    fn see_open<'a>(&self, open: impl Iterator<Item = &'a Incident>, now: Time) {
        open.for_each(|incident| self.see(incident, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hours_worth_of_files_and_no_more() {
        let mut budget = Budget::default();
        let now = Time(1_000_000_000);
        assert!(budget.has(FILES_BYTES_PER_HOUR, now));
        budget.spend(FILES_BYTES_PER_HOUR);
        assert!(!budget.has(1, now));
        assert!(!budget.has(FILES_BYTES_PER_HOUR, now.plus_ms(HOUR_MS / 2)));
        assert!(budget.has(FILES_BYTES_PER_HOUR, now.plus_ms(2 * HOUR_MS)));
    }
}
