//! What is known of incidents, those that are over too: the machine's word and what people said.
//!
//! The thread writes the machine's word, handlers write what people say, and the keeper takes what
//! changed and puts it into the store. Nobody holds the table for longer than a copy takes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::{Mac, Time};
use serde::{Deserialize, Serialize};
use wips::incident::{Class, Standing};
use wips::{Incident, Kind, SensorId, Severity};

/// Incidents that are kept. Ours: a year of ten each day and a week of attacks.
pub const RECORDS_MAX: usize = 10_000;
/// An incident that goes on is written so often at most, when nothing but its counts changed.
const WRITE_INTERVAL_MS: u64 = 10_000;
/// Longest note, in bytes. Ours: a few sentences.
pub const NOTE_BYTES_MAX: usize = 2_048;

/// One incident, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What the machine says.
    pub incident: Incident,
    /// Who hears it, by name: sensors come and go.
    #[serde(default)]
    pub sensors: Vec<Heard>,
    /// What people said, and when.
    #[serde(default, flatten)]
    pub said: Said,
    /// What was captured around it.
    #[serde(default)]
    pub forensics: Option<Forensics>,
}

/// What people said of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// Who looks after it.
    pub acknowledged_by: Option<String>,
    /// Since when.
    pub acknowledged_at: Option<Time>,
    /// Who said that it is over.
    pub cleared_by: Option<String>,
    /// When.
    pub cleared_at: Option<Time>,
    /// What was said with it; the newest note counts.
    pub note: Option<String>,
}

/// A sensor that hears an incident, as it was called then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its number.
    pub sensor: SensorId,
    /// Its name.
    pub name: String,
    /// The access point that it is.
    pub ap: Option<Mac>,
    /// The newest signal.
    pub rssi_dbm: Option<i8>,
    /// How many frames.
    pub frames: u64,
}

/// A file with what was captured around an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forensics {
    /// Its name among the files of the store.
    pub sha256: String,
    /// How long it is.
    pub bytes: u64,
    /// How many packets it has.
    pub packets: usize,
}

impl Record {
    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        matches!(self.incident.standing, Standing::Active | Standing::Acknowledged)
    }
}

/// Which incidents; what is left out is no limit.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those that go on, or those that do not.
    pub is_open: Option<bool>,
    /// At least so bad.
    pub severity: Severity,
    /// With this among what was seen.
    pub kind: Option<Kind>,
    /// With one of this class among what was seen.
    pub class: Option<Class>,
    /// With this in an address or the name of the network; lower case.
    pub text: String,
    /// That went on at this time or later.
    pub from: Time,
    /// That had begun by then.
    pub to: Option<Time>,
    /// With a lower number.
    pub before: Option<u64>,
}

impl Wanted {
    fn matches(&self, record: &Record) -> bool {
        let Incident { severity, parts, first, last, .. } = &record.incident;
        self.is_open.is_none_or(|it| it == record.is_open())
            && *severity >= self.severity
            && self.kind.is_none_or(|it| parts.iter().any(|part| part.kind == it))
            && self.class.is_none_or(|it| parts.iter().any(|part| part.kind.article().class == it))
            && last.to_time() >= self.from
            && self.to.is_none_or(|to| first.to_time() <= to)
            && (self.text.is_empty() || self.has_text(&record.incident))
    }

    fn has_text(&self, incident: &Incident) -> bool {
        let of_parts =
            incident.parts.iter().flat_map(|it| [it.transmitter.address(), it.victim, it.bssid]);
        let own = [incident.transmitter.address(), incident.victim, incident.bssid];
        let mut addresses = own.into_iter().chain(of_parts).flatten();
        let ssid = incident.ssid.as_deref().unwrap_or_default();
        ssid.to_lowercase().contains(&self.text)
            || addresses.any(|mac| mac.to_string().contains(&self.text))
    }
}

/// Every incident that is known.
#[derive(Debug, Default)]
pub struct Records(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    records: BTreeMap<u64, Record>,
    /// What is to be written, and from when on.
    dirty: BTreeMap<u64, Time>,
    /// When each open incident was written last.
    written: BTreeMap<u64, Time>,
    /// What is to be removed from the store.
    removed: VecDeque<Removed>,
}

/// An incident that is kept no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its number.
    pub id: u64,
    /// Whether its file may go, too.
    pub has_file: bool,
}

impl Records {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the store has.
    pub fn load(&self, records: impl IntoIterator<Item = Record>) {
        let mut table = self.write();
        table.records.extend(records.into_iter().map(|it| (it.incident.id, it)));
        table.make_room();
    }

    /// The number that the next incident has.
    pub fn next_id(&self) -> u64 {
        self.read().records.last_key_value().map_or(1, |(id, _)| id.saturating_add(1))
    }

    /// One incident.
    pub fn find(&self, id: u64) -> Option<Record> {
        self.read().records.get(&id).cloned()
    }

    /// The newest `limit` that are wanted, and the number to go on before when there are more.
    pub fn list(&self, wanted: &Wanted, limit: usize) -> (Vec<Record>, Option<u64>) {
        let table = self.read();
        let before = wanted.before.unwrap_or(u64::MAX);
        let mut found = table.records.range(..before).rev().map(|(_, it)| it);
        let mut found = found.by_ref().filter(|it| wanted.matches(it));
        let page: Vec<Record> = found.by_ref().take(limit).cloned().collect();
        let next = found.next().and(page.last()).map(|it| it.incident.id);
        (page, next)
    }

    /// Every one that goes on.
    pub fn open(&self) -> Vec<Record> {
        self.read().records.values().filter(|it| it.is_open()).cloned().collect()
    }

    /// How many go on, by severity.
    pub fn tally(&self) -> BTreeMap<Severity, usize> {
        let mut tally = BTreeMap::new();
        for record in self.read().records.values().filter(|it| it.is_open()) {
            *tally.entry(record.incident.severity).or_default() += 1;
        }
        tally
    }

    /// Takes the machine's word; `sensors` says who hears it. True when the incident has a file, or one is
    /// being made of it.
    pub(super) fn take(&self, incident: &Incident, sensors: Vec<Heard>, now: Time) {
        let mut table = self.write();
        let id = incident.id;
        let is_due_at_once = match table.records.get_mut(&id) {
            None => {
                let said = Said::default();
                let record = Record { incident: incident.clone(), sensors, said, forensics: None };
                table.records.insert(id, record);
                table.make_room();
                true
            }
            // What a person has closed stays closed; the machine follows.
            Some(known) if known.incident.standing == Standing::Cleared => return,
            Some(known) => {
                let before = &known.incident;
                if *before == *incident {
                    return;
                }
                let changed = before.kind != incident.kind
                    || before.severity != incident.severity
                    || before.standing != incident.standing;
                let is_acknowledged = before.standing == Standing::Acknowledged;
                known.incident = incident.clone();
                if is_acknowledged && incident.standing == Standing::Active {
                    known.incident.standing = Standing::Acknowledged;
                }
                if !sensors.is_empty() {
                    known.sensors = sensors;
                }
                changed
            }
        };
        table.is_to_write(id, is_due_at_once, now);
    }

    /// Changes a record, which is to be written by the caller.
    pub(super) fn change(&self, id: u64, change: impl FnOnce(&mut Record)) -> Option<Record> {
        let mut table = self.write();
        let record = table.records.get_mut(&id)?;
        change(record);
        Some(record.clone())
    }

    /// Has a record written soon.
    pub(super) fn touch(&self, id: u64, at: Time) {
        self.write().dirty.insert(id, at);
    }

    /// The records that are to be written now.
    pub(super) fn due(&self, now: Time) -> Vec<u64> {
        let mut table = self.write();
        let due: Vec<u64> =
            table.dirty.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for id in &due {
            table.dirty.remove(id);
            table.written.insert(*id, now);
        }
        let Table { records, written, .. } = &mut *table;
        written.retain(|id, _| records.get(id).is_some_and(Record::is_open));
        due
    }

    /// The incidents that the store is to forget.
    pub(super) fn removed(&self) -> Vec<Removed> {
        self.write().removed.drain(..).collect()
    }

    /// Forgets what ended before `before`.
    pub(super) fn expire(&self, before: Time) {
        let mut table = self.write();
        // The newest one stays, for the next one is numbered after it.
        let newest = table.records.last_key_value().map_or(0, |(id, _)| *id);
        let old = |it: &&Record| {
            !it.is_open() && it.incident.last.to_time() < before && it.incident.id != newest
        };
        let old: Vec<u64> = table.records.values().filter(old).map(|it| it.incident.id).collect();
        for id in old {
            table.remove(id);
        }
    }

    /// The oldest files beyond `bytes_max` are no longer named; says how many.
    pub(super) fn shed_files(&self, bytes_max: u64, now: Time) -> usize {
        let mut table = self.write();
        let (mut bytes, mut shed) = (0_u64, Vec::new());
        for (id, record) in table.records.iter_mut().rev() {
            let Some(forensics) = &record.forensics else { continue };
            bytes = bytes.saturating_add(forensics.bytes);
            if bytes > bytes_max {
                record.forensics = None;
                shed.push(*id);
            }
        }
        let count = shed.len();
        table.dirty.extend(shed.into_iter().map(|id| (id, now)));
        count
    }

    /// The names of all files.
    pub(super) fn files(&self) -> Vec<String> {
        let table = self.read();
        table
            .records
            .values()
            .filter_map(|it| Some(it.forensics.as_ref()?.sha256.clone()))
            .collect()
    }
}

impl Table {
    fn is_to_write(&mut self, id: u64, at_once: bool, now: Time) {
        let written = self.written.get(&id).copied();
        // A clock that was set back does not delay it.
        let later = written.filter(|it| !at_once && *it <= now);
        let due = later.map_or(now, |it| it.plus_ms(WRITE_INTERVAL_MS));
        let known = self.dirty.entry(id).or_insert(due);
        *known = due.min(*known);
    }

    /// The oldest go first: of those that are over and harmed nobody, of those that are over, of all. So
    /// a flood of trifles does not take the place of attacks.
    fn make_room(&mut self) {
        while self.records.len() > RECORDS_MAX {
            let mut closed = self.records.values().filter(|it| !it.is_open());
            let trifle = closed.clone().find(|it| it.incident.severity == Severity::Informational);
            let oldest = trifle.or_else(|| closed.next()).or_else(|| self.records.values().next());
            let Some(id) = oldest.map(|it| it.incident.id) else { return };
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(record) = self.records.remove(&id) else { return };
        self.dirty.remove(&id);
        self.written.remove(&id);
        self.removed.push_back(Removed { id, has_file: record.forensics.is_some() });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use wips::CaptureTime;
    use wips::incident::{Fidelity, Transmitter};

    use super::*;

    pub(crate) fn incident(id: u64, standing: Standing) -> Incident {
        Incident {
            id,
            kind: Kind::DeauthenticationFlood,
            severity: Severity::Major,
            fidelity: Fidelity(80),
            transmitter: Transmitter::Spoofed { address: Mac([2, 0, 0, 0, 0, 0xab]) },
            victim: None,
            bssid: None,
            ssid: Some("CorpNet".to_owned()),
            channel: None,
            first: CaptureTime(id * 1_000_000),
            detected: CaptureTime(id * 1_000_000),
            last: CaptureTime(id * 1_000_000),
            frames: 1,
            parts: Vec::new(),
            heard_by: Vec::new(),
            standing,
        }
    }

    fn records(count: u64) -> Records {
        let records = Records::default();
        for id in 1..=count {
            records.take(&incident(id, Standing::Quiet), Vec::new(), Time(0));
        }
        records
    }

    #[test]
    fn pages_go_back_until_there_are_no_more() {
        let records = records(5);
        let mut wanted = Wanted::default();
        let mut seen = Vec::new();
        for expected in [Some(4), Some(2), None] {
            let (page, next) = records.list(&wanted, 2);
            seen.extend(page.iter().map(|it| it.incident.id));
            assert_eq!(next, expected);
            wanted.before = next;
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
    }

    #[test]
    fn filters_hold_together() {
        let records = records(3);
        records.take(&incident(4, Standing::Active), Vec::new(), Time(0));
        let check = |wanted: Wanted, expected: &[u64]| {
            let (page, _) = records.list(&wanted, 10);
            let found: Vec<u64> = page.iter().map(|it| it.incident.id).collect();
            assert_eq!(found, expected, "{wanted:?}");
        };
        check(Wanted { is_open: Some(true), ..Wanted::default() }, &[4]);
        check(Wanted { severity: Severity::Critical, ..Wanted::default() }, &[]);
        check(
            Wanted { text: "corp".into(), is_open: Some(false), ..Wanted::default() },
            &[3, 2, 1],
        );
        check(Wanted { text: "00:ab".into(), ..Wanted::default() }, &[4, 3, 2, 1]);
        check(Wanted { from: Time(2_000), to: Some(Time(3_000)), ..Wanted::default() }, &[3, 2]);
    }

    #[test]
    fn what_only_counts_is_written_now_and_then() {
        let records = Records::default();
        let mut it = incident(1, Standing::Active);
        records.take(&it, Vec::new(), Time(1_000));
        assert_eq!(records.due(Time(1_000)), [1]);
        it.frames += 1;
        records.take(&it, Vec::new(), Time(2_000));
        assert_eq!(records.due(Time(2_000)), [0_u64; 0]);
        assert_eq!(records.due(Time(11_000)), [1]);
        it.severity = Severity::Critical;
        records.take(&it, Vec::new(), Time(11_001));
        assert_eq!(records.due(Time(11_001)), [1], "that matters at once");
    }

    #[test]
    fn what_a_person_said_outlives_the_machine() {
        let records = Records::default();
        let it = incident(1, Standing::Active);
        records.take(&it, Vec::new(), Time(1));
        records.change(1, |it| it.incident.standing = Standing::Acknowledged);
        records.take(&Incident { frames: 9, ..it.clone() }, Vec::new(), Time(2));
        assert_eq!(records.find(1).unwrap().incident.standing, Standing::Acknowledged);
        records.change(1, |it| it.incident.standing = Standing::Cleared);
        records.take(&Incident { frames: 10, ..it }, Vec::new(), Time(3));
        assert_eq!(records.find(1).unwrap().incident.standing, Standing::Cleared);
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let records = Records::default();
        records.take(&incident(1, Standing::Active), Vec::new(), Time(0));
        for id in 2..=RECORDS_MAX as u64 + 3 {
            records.take(&incident(id, Standing::Quiet), Vec::new(), Time(0));
        }
        let removed: Vec<u64> = records.removed().iter().map(|it| it.id).collect();
        assert_eq!(removed, [2, 3, 4], "who goes on stays");
        let trifle =
            Incident { severity: Severity::Informational, ..incident(50, Standing::Quiet) };
        records.take(&trifle, Vec::new(), Time(0));
        let next = incident(RECORDS_MAX as u64 + 4, Standing::Quiet);
        records.take(&next, Vec::new(), Time(0));
        assert_eq!(records.removed().first().map(|it| it.id), Some(50), "a trifle goes first");
        records.expire(Time(100_000));
        assert!(
            records.find(99).is_none() && records.find(100).is_some() && records.find(1).is_some()
        );
        assert_eq!(records.next_id(), RECORDS_MAX as u64 + 5);
    }
}
