//! Puts detections into incidents, and ends incidents that are quiet.
//!
//! Two detections are one attack when they are about the same network, or about the same channel and no
//! network, or when one radio takes the name of the network that the other is about. What only breaks
//! the policy is never part of an attack.
//!
//! An incident is quiet when nothing was seen of it for a time that grows with the incident: who
//! attacked for ten minutes in bursts is expected to go on, who sent one burst is not.

use std::collections::{BTreeMap, VecDeque};

use model::Mac;
use serde::Serialize;

use super::{Class, Detection, Hearing, Incident, Kind, Part, Severity, Standing};
use crate::packet::{CaptureTime, SensorId};

/// Incidents that go on at once. Ours: a page of them is more than anybody reads.
pub const OPEN_MAX: usize = 512;
/// Kinds in one incident.
const PARTS_MAX: usize = 16;
/// Sensors of one incident that are told apart; 3 locate it, more sharpen that.
const HEARINGS_MAX: usize = 16;
/// Changes that nobody took yet.
const CHANGES_MAX: usize = 4_096;
/// An incident that goes on is told so often at most.
const TOLD_US: u64 = 10_000_000;

/// How long is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// At least so long.
    pub(crate) min_us: u64,
    /// At most so long.
    pub(crate) max_us: u64,
}

impl Quiet {
    /// After an attack that lasted `lasted_us`: twice as long.
    fn after_us(self, lasted_us: u64) -> u64 {
        lasted_us.saturating_mul(2).clamp(self.min_us, self.max_us)
    }
}

/// What happened to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Opened(Incident),
    /// More is known of it.
    Updated(Incident),
    /// It is over.
    Closed(Incident),
}

/// Incidents that go on.
#[derive(Debug)]
pub struct Book {
    open: BTreeMap<u64, Entry>,
    next_id: u64,
    quiet: Quiet,
    changes: VecDeque<Change>,
    /// No incident is quiet before.
    next_check: CaptureTime,
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    incident: Incident,
    told: CaptureTime,
    is_news: bool,
}

impl Book {
    pub(crate) fn new(quiet: Quiet) -> Self {
        Self {
            open: BTreeMap::new(),
            next_id: 1,
            quiet,
            changes: VecDeque::new(),
            next_check: CaptureTime(u64::MAX),
            dropped: 0,
        }
    }

    /// Numbers incidents from `id` on; those that there are keep their numbers.
    pub(crate) fn number_from(&mut self, id: u64) {
        self.next_id = self.next_id.max(id);
    }

    /// Takes up an incident that went on when somebody else stopped looking. It can be quiet by now.
    pub(crate) fn resume(&mut self, incident: Incident) {
        self.number_from(incident.id + 1);
        if self.open.len() < OPEN_MAX {
            let told = incident.last;
            self.open.insert(incident.id, Entry { incident, told, is_news: false });
            self.next_check = CaptureTime(0);
        }
    }

    /// Takes another idea of what is quiet.
    pub(crate) fn set_quiet(&mut self, quiet: Quiet) {
        self.quiet = quiet;
        // Whatever the new one says, it is looked at with the next tick.
        self.next_check = CaptureTime(0);
    }

    /// Takes a detection with its severity here, and says which incident it belongs to.
    pub(crate) fn take(&mut self, detection: &Detection, severity: Severity) -> Option<u64> {
        let at = detection.at;
        let found = self
            .open
            .values()
            .find(|it| is_same(&it.incident, detection))
            .or_else(|| self.open.values().find(|it| is_related(&it.incident, detection)))
            .map(|it| it.incident.id);
        let id = match found {
            Some(id) => id,
            None if self.open.len() >= OPEN_MAX && !self.make_room(severity) => {
                self.dropped += 1;
                return None;
            }
            None => {
                let id = self.next_id;
                self.next_id += 1;
                let incident = opened(id, detection, severity);
                self.push(Change::Opened(incident.clone()));
                self.open.insert(id, Entry { incident, told: at, is_news: false });
                self.note_quiet(id);
                return Some(id);
            }
        };
        let mut news = None;
        if let Some(entry) = self.open.get_mut(&id) {
            entry.is_news |= add(&mut entry.incident, detection, severity);
            if entry.is_news || at.since_us(entry.told) >= TOLD_US {
                (entry.told, entry.is_news) = (at, false);
                news = Some(entry.incident.clone());
            }
        }
        if let Some(incident) = news {
            self.push(Change::Updated(incident));
        }
        Some(id)
    }

    /// A sensor heard a frame of an incident.
    pub(crate) fn hear(&mut self, id: u64, sensor: SensorId, rssi_dbm: Option<f32>) {
        let Some(Entry { incident, .. }) = self.open.get_mut(&id) else { return };
        let rssi_dbm = rssi_dbm.map(|it| it.round() as i8);
        let heard_by = &mut incident.heard_by;
        if let Some(hearing) = heard_by.iter_mut().find(|it| it.sensor == sensor) {
            hearing.frames += 1;
            hearing.rssi_dbm = rssi_dbm.or(hearing.rssi_dbm);
        } else if heard_by.len() < HEARINGS_MAX {
            heard_by.push(Hearing { sensor, rssi_dbm, frames: 1 });
        }
    }

    /// Ends the incidents that are quiet.
    pub(crate) fn tick(&mut self, now: CaptureTime) {
        if now < self.next_check {
            return;
        }
        let quiet = self.quiet;
        let (over, open): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|(_, it)| quiet_from(quiet, &it.incident) <= now);
        self.open = open;
        for (_, mut entry) in over {
            entry.incident.standing = Standing::Quiet;
            self.push(Change::Closed(entry.incident));
        }
        let next = self.open.values().map(|it| quiet_from(quiet, &it.incident)).min();
        self.next_check = next.unwrap_or(CaptureTime(u64::MAX));
    }

    /// Somebody looks after an incident. `false` when it does not go on.
    pub fn acknowledge(&mut self, id: u64) -> bool {
        let Some(entry) = self.open.get_mut(&id) else { return false };
        entry.incident.standing = Standing::Acknowledged;
        let incident = entry.incident.clone();
        self.push(Change::Updated(incident));
        true
    }

    /// Somebody says that an incident is over; what comes after is a new one. `false` when it does not
    /// go on.
    pub fn clear(&mut self, id: u64) -> bool {
        let Some(mut entry) = self.open.remove(&id) else { return false };
        entry.incident.standing = Standing::Cleared;
        self.push(Change::Closed(entry.incident));
        true
    }

    /// The next change.
    pub(crate) fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// The incidents that go on.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.open.values().map(|it| &it.incident)
    }

    /// Detections and changes that there was no room for.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// When the first incident may be quiet.
    pub(crate) fn deadline(&self) -> Option<CaptureTime> {
        (!self.open.is_empty()).then_some(self.next_check)
    }

    /// Ends the incident that matters least, and of those the one that was silent the longest, for one
    /// that matters more: a flood of trifles must not hide an attack.
    fn make_room(&mut self, severity: Severity) -> bool {
        let least = self.open.values().min_by_key(|it| (it.incident.severity, it.incident.last));
        let Some(id) = least.filter(|it| it.incident.severity < severity).map(|it| it.incident.id)
        else {
            return false;
        };
        let Some(mut entry) = self.open.remove(&id) else { return false };
        entry.incident.standing = Standing::Quiet;
        self.dropped += 1;
        self.push(Change::Closed(entry.incident));
        true
    }

    fn note_quiet(&mut self, id: u64) {
        if let Some(entry) = self.open.get(&id) {
            self.next_check = self.next_check.min(quiet_from(self.quiet, &entry.incident));
        }
    }

    fn push(&mut self, change: Change) {
        if self.changes.len() >= CHANGES_MAX {
            self.changes.pop_front();
            self.dropped += 1;
        }
        self.changes.push_back(change);
    }
}

fn quiet_from(quiet: Quiet, incident: &Incident) -> CaptureTime {
    if is_policy(incident.kind) {
        // What breaks the policy goes on until somebody changes it.
        return incident.last.plus_us(quiet.max_us);
    }
    let lasted_us = incident.last.since_us(incident.first);
    incident.last.plus_us(quiet.after_us(lasted_us))
}

/// The same thing goes on.
fn is_same(incident: &Incident, detection: &Detection) -> bool {
    incident.parts.iter().any(|part| {
        part.kind == detection.kind
            && part.bssid == detection.bssid
            && (part.bssid.is_some() || incident.channel == detection.channel)
    })
}

/// Another side of the same attack.
fn is_related(incident: &Incident, detection: &Detection) -> bool {
    if is_policy(incident.kind) || is_policy(detection.kind) {
        return false;
    }
    let shares_network = detection.bssid.is_some()
        && incident.parts.iter().any(|part| part.bssid == detection.bssid);
    let shares_channel = detection.bssid.is_none()
        && incident.bssid.is_none()
        && incident.channel == detection.channel;
    let takes_name = detection.ssid.is_some()
        && incident.ssid == detection.ssid
        && (takes_names(incident.kind) || takes_names(detection.kind));
    let is_victim = detection.bssid.is_some() && incident.victim == detection.bssid;
    shares_network || shares_channel || takes_name || is_victim
}

fn is_policy(kind: Kind) -> bool {
    kind.article().class == Class::Policy
}

fn takes_names(kind: Kind) -> bool {
    matches!(kind, Kind::EvilTwin | Kind::Karma | Kind::BeaconFlood | Kind::AdHocImpersonation)
}

fn opened(id: u64, detection: &Detection, severity: Severity) -> Incident {
    let part = part_of(detection);
    Incident {
        id,
        kind: detection.kind,
        severity,
        fidelity: part.fidelity,
        transmitter: detection.transmitter,
        victim: detection.victim,
        bssid: detection.bssid,
        ssid: detection.ssid.clone(),
        channel: detection.channel,
        first: detection.since,
        detected: detection.at,
        last: detection.at,
        frames: u64::from(detection.frames),
        parts: vec![part],
        heard_by: Vec::new(),
        standing: Standing::Active,
    }
}

fn part_of(detection: &Detection) -> Part {
    Part {
        kind: detection.kind,
        detail: detection.detail.into(),
        transmitter: detection.transmitter,
        victim: detection.victim,
        bssid: detection.bssid,
        first: detection.since,
        detected: detection.at,
        last: detection.at,
        frames: u64::from(detection.frames),
        evidence: detection.evidence,
        fidelity: detection.evidence.fidelity(),
    }
}

/// Adds a detection; whether that is news.
fn add(incident: &mut Incident, detection: &Detection, severity: Severity) -> bool {
    incident.first = incident.first.min(detection.since);
    incident.last = incident.last.max(detection.at);
    incident.frames += u64::from(detection.frames);
    if incident.ssid.is_none() {
        incident.ssid.clone_from(&detection.ssid);
    }
    let mut is_news = false;
    match incident.parts.iter_mut().find(|part| part.kind == detection.kind) {
        Some(part) => {
            part.first = part.first.min(detection.since);
            part.last = part.last.max(detection.at);
            part.frames += u64::from(detection.frames);
            part.evidence = part.evidence.and(detection.evidence);
            part.transmitter = part.transmitter.sharpened(detection.transmitter);
            part.victim = common(part.victim, detection.victim);
            if part.detail.is_empty() {
                part.detail = detection.detail.into();
            }
            let fidelity = part.evidence.fidelity();
            is_news |= fidelity.word() != part.fidelity.word();
            part.fidelity = fidelity;
        }
        None => {
            if incident.parts.len() < PARTS_MAX {
                incident.parts.push(part_of(detection));
                is_news = true;
            }
        }
    }
    if severity > incident.severity {
        (incident.severity, incident.kind) = (severity, detection.kind);
    }
    lead(incident);
    is_news
}

/// The gravest part gives the incident its name, its transmitter and its victim; among equals the surest
/// one, and then the first.
fn lead(incident: &mut Incident) {
    let rank = |part: &Part| (part.kind.article().severity, part.fidelity);
    let leader = incident.parts.iter().rev().max_by_key(|part| rank(part));
    if let Some(part) = leader {
        incident.kind = part.kind;
        incident.transmitter = part.transmitter;
        incident.victim = part.victim;
        incident.bssid = part.bssid;
    }
    incident.fidelity = incident.parts.iter().map(|part| part.fidelity).max().unwrap_or_default();
}

/// A victim stays one while no other one is named; else nobody in particular is.
fn common(one: Option<Mac>, other: Option<Mac>) -> Option<Mac> {
    match (one, other) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        _ => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{EvidenceSet, Transmitter};

    fn detection(kind: Kind, number: u64) -> Detection {
        let bssid = Some(Mac::from_u64(number));
        Detection {
            kind,
            at: CaptureTime(number),
            since: CaptureTime(number),
            transmitter: Transmitter::Unnamed,
            victim: None,
            bssid,
            ssid: None,
            channel: None,
            frames: 1,
            evidence: EvidenceSet::default(),
            detail: "",
            is_reaction: false,
        }
    }

    #[test]
    fn a_flood_of_trifles_does_not_hide_an_attack() {
        let mut book = Book::new(Quiet { min_us: 1, max_us: u64::MAX });
        for number in 1..=OPEN_MAX as u64 {
            book.take(&detection(Kind::OpenNetwork, number), Severity::Informational);
        }
        let one_more = detection(Kind::OpenNetwork, 9_000);
        assert_eq!(book.take(&one_more, Severity::Informational), None);
        let attack = book.take(&detection(Kind::EvilTwin, 9_001), Severity::Critical).unwrap();
        assert!(book.open().any(|it| it.id == attack));
        assert_eq!(book.open().count(), OPEN_MAX);
        assert!(!book.open().any(|it| it.id == 1), "who was silent the longest made room");
        assert_eq!(book.dropped(), 2);
    }
}
