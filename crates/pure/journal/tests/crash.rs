//! The power fails between any two operations of the disk; what was not synced is kept or lost at
//! random.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use journal::{Base, Error, Hole, Journal, Recovered, Scan, Settings, Slots};
use model::pair::Entry;
use support::{Coin, Memory, all, entries, epoch, open};

/// What the log should hold.
#[derive(Debug, Clone, Default)]
struct Model {
    /// The last index before the log, and the chain there.
    base: Base,
    entries: Vec<Entry>,
    durable: u64,
    /// Entries below may have been removed.
    retained: u64,
}

impl Model {
    fn end(&self) -> u64 {
        self.base.position.index + self.entries.len() as u64
    }

    /// Whether a recovered log may have come from this one.
    fn allows(&self, first: u64, log: &[Entry]) -> bool {
        let base = self.base.position.index;
        let end = first - 1 + log.len() as u64;
        let is_inside =
            first > base && end <= self.end() && (first == base + 1 || first <= self.retained);
        is_inside && end >= self.durable && {
            let skipped = (first - base - 1) as usize;
            self.entries[skipped..skipped + log.len()] == *log
        }
    }
}

/// One step of a script, done to the journal and to the model.
fn step(
    journal: &mut Journal<&mut Memory>,
    model: &mut Model,
    coin: &mut Coin,
    round: u32,
) -> Result<(), Error> {
    let end = model.end();
    let first = journal.first_index();
    let what = coin.below(12);
    match what {
        0..=4 => {
            let count = 1 + coin.below(5);
            let bytes = [20, 100, 700, 2_000][coin.below(4) as usize];
            let more = entries(round, end + 1..=end + count, bytes);
            model.entries.extend(more.clone());
            journal.append(&more)?;
        }
        5..=8 => {
            journal.sync()?;
            model.durable = model.end();
        }
        9 => {
            let after = first - 1 + coin.below(end + 2 - first);
            // As the pair does it: the hint comes down first.
            model.durable = model.durable.min(after);
            journal.truncate(after)?;
            model.entries.truncate((after - model.base.position.index) as usize);
            model.durable = after;
        }
        10 => {
            let index = first + coin.below(end + 2 - first);
            model.retained = model.retained.max(index);
            journal.retain_from(index)?;
        }
        _ => {
            let mut position = journal.end();
            position.index += coin.below(3);
            position.epoch = epoch(round);
            let mut epochs = journal.epochs().to_vec();
            epochs.retain(|end| end.epoch < position.epoch && end.index < position.index);
            epochs.push(position);
            if position.index == 0 {
                return Ok(());
            }
            let base = Base { position, chain: coin.below(1 << 40), epochs };
            let before = model.clone();
            *model = Model { durable: position.index, base: base.clone(), ..Model::default() };
            if let Err(error) = journal.restart_at(base) {
                // It may be either of two; the caller is told by the base.
                model.retained = u64::MAX;
                model.entries = before.entries;
                return Err(error);
            }
        }
    }
    Ok(())
}

#[test]
fn whatever_was_durable_survives_and_nothing_else_appears() {
    let crashes = crash_everywhere(1..=60);
    assert!(crashes > 3_000, "{crashes} crashes are few");
}

#[test]
#[ignore = "a minute with --release"]
fn whatever_was_durable_survives_many_more_crashes() {
    crash_everywhere(61..=5_000);
}

/// Stops every script at every operation; how often.
fn crash_everywhere(seeds: std::ops::RangeInclusive<u64>) -> usize {
    let stops = |seed| (0..10_000).take_while(|stop| run(seed, *stop)).count();
    seeds.map(stops).sum()
}

/// Runs a script until operation `stop`; whether it came that far.
fn run(seed: u64, stop: usize) -> bool {
    let mut disk = Memory::default();
    let mut coin = Coin::new(seed);
    let mut model = Model::default();
    let mut before = model.clone();
    let (mut journal, _) = open(&mut disk, 0);
    journal.disk_mut().stop_at = Some(journal.disk_mut().operations + stop);
    let mut stopped = false;
    for round in 1..=30 {
        before = model.clone();
        let did = step(&mut journal, &mut model, &mut coin, round);
        if did.is_err() {
            stopped = true;
            break;
        }
    }
    if !stopped {
        return false;
    }
    let mut fate = Coin::new(seed * 1_000 + stop as u64);
    disk.crash(|| fate.toss());
    let what = format!("seed {seed}, stop {stop}");
    let restarted = before.base != model.base;
    let hint = if restarted { 0 } else { before.durable.min(model.durable) };
    // Crashing again while it recovers changes nothing.
    for again in 0..3 {
        disk.stop_at = Some(disk.operations + again);
        drop(Journal::open(&mut disk, support::settings(), hint));
        disk.crash(|| fate.toss());
    }
    let (mut journal, recovered) = open(&mut disk, hint);
    assert_eq!((recovered.lost, recovered.holes.len()), (None, 0), "{what}");
    let (first, log) = (journal.first_index(), all(&mut journal));
    if restarted && journal.base() == &model.base {
        assert_eq!(log, [], "{what}");
    } else if restarted {
        assert!(before.allows(first, &log), "{what}: {first}");
    } else {
        // A truncation that had begun is made or not, and then the log is as long as before it.
        let mut after = model.clone();
        after.durable = after.durable.min(before.durable).min(after.end());
        before.durable = before.durable.min(model.durable);
        before.retained = model.retained;
        let is_allowed = before.allows(first, &log) || after.allows(first, &log);
        let brief = |model: &Model| {
            let Model { base, durable, retained, .. } = model;
            format!("{} to {}, durable {durable}, retained {retained}", base.position, model.end())
        };
        let end = journal.end();
        assert!(is_allowed, "{what}: {first} to {end}: {}; {}", brief(&before), brief(&after));
    }
    goes_on(&mut disk, &what);
    true
}

/// A recovered log takes entries, and is the same when it is opened again.
fn goes_on(disk: &mut Memory, what: &str) {
    let (mut journal, recovered) = open(disk, 0);
    assert_eq!(recovered, Recovered::default(), "{what}");
    let end = journal.end().index;
    journal.append(&entries(99, end + 1..=end + 2, 333)).unwrap();
    journal.sync().unwrap();
    let (log, chain, epochs) = (all(&mut journal), journal.chain(), journal.epochs().to_vec());
    let (mut journal, recovered) = open(disk, end + 2);
    assert_eq!(recovered, Recovered::default(), "{what}");
    assert_eq!(all(&mut journal), log, "{what}");
    assert_eq!((journal.chain(), journal.epochs()), (chain, epochs.as_slice()), "{what}");
    let report = journal::verify(disk).unwrap();
    assert!(report.segments.iter().all(|segment| segment.problems.is_empty()), "{what}");
    assert_eq!((report.chain, &report.epochs), (chain, &epochs), "{what}");
}

#[test]
fn a_repair_that_was_interrupted_is_made_again() {
    let log = entries(1, 1..=9, 1_100);
    for seed in 1..=20 {
        for stop in 0..4 {
            let mut disk = Memory::default();
            let (mut journal, _) = open(&mut disk, 0);
            for entry in &log {
                journal.append(std::slice::from_ref(entry)).unwrap();
                journal.sync().unwrap();
            }
            let name = disk.segments().remove(0);
            // From the middle of 2 to the middle of 5.
            disk.tamper(&name, |bytes| bytes[8192 + 1_700..8192 + 5_000].fill(0xEE));
            let full = Settings { scan: Scan::Full, ..support::settings() };
            let (mut journal, recovered) = Journal::open(&mut disk, full.clone(), 9).unwrap();
            assert_eq!(recovered.holes, [Hole { first: 2, last: 5 }]);
            journal.disk_mut().stop_at = Some(journal.disk_mut().operations + stop);
            let repaired = journal.repair(&log[1..5]).is_ok();
            let mut fate = Coin::new(seed * 10 + stop as u64);
            disk.crash(|| fate.toss());
            let (mut journal, recovered) = Journal::open(&mut disk, full, 9).unwrap();
            assert!(recovered.lost.is_none() && (!repaired || recovered.holes.is_empty()));
            for hole in recovered.holes {
                assert!(hole.first >= 2 && hole.last <= 5, "{hole:?}");
                journal.repair(&log[hole.first as usize - 1..hole.last as usize]).unwrap();
            }
            assert_eq!(all(&mut journal), log);
        }
    }
}

#[test]
fn a_log_is_begun_or_not() {
    for stop in 0..6 {
        let mut fate = Coin::new(stop as u64);
        let mut disk = Memory::default();
        disk.stop_at = Some(stop);
        drop(Journal::open(&mut disk, support::settings(), 0));
        disk.crash(|| fate.toss());
        let (_, recovered) = open(&mut disk, 0);
        assert_eq!(recovered, Recovered::default());
        goes_on(&mut disk, &format!("stop {stop}"));
    }
}

#[test]
fn a_stored_record_is_never_lost_to_the_next_one() {
    for seed in 1..=40 {
        for stop in 0..16 {
            let mut disk = Memory::default();
            disk.stop_at = Some(stop);
            let mut slots = Slots::open(&disk, "pair").unwrap();
            let record = |number: u8| vec![number; 600 + usize::from(number)];
            let stored = (1..=4).take_while(|nth| slots.store(&mut disk, &record(*nth)).is_ok());
            let stored = stored.last().unwrap_or(0);
            let mut fate = Coin::new(seed * 100 + stop as u64);
            disk.crash(|| fate.toss());
            let loaded = Slots::open(&disk, "pair").unwrap();
            let is_right = loaded.load().is_none_or(|it| it == record(stored + 1))
                || (stored > 0 && loaded.load() == Some(&record(stored)[..]));
            let is_there = stored == 0 || loaded.load().is_some();
            assert!(is_right && is_there, "seed {seed}, stop {stop}: {stored} stored");
        }
    }
}

#[test]
fn a_flipped_bit_does_not_bring_back_the_record_before() {
    let mut disk = Memory::default();
    let mut slots = Slots::open(&disk, "pair").unwrap();
    for number in 1..=5 {
        slots.store(&mut disk, &[number; 100]).unwrap();
    }
    for byte in 0..disk.bytes("pair").len() {
        let mut disk = disk.clone();
        disk.tamper("pair", |bytes| bytes[byte] ^= 0x10);
        let slots = Slots::open(&disk, "pair").unwrap();
        assert_eq!(slots.load(), Some(&[5; 100][..]), "byte {byte}");
    }
    // Both copies of the newest one are gone: what is left is old, and says so.
    disk.tamper("pair", |bytes| bytes[..8192].fill(0xFF));
    let slots = Slots::open(&disk, "pair").unwrap();
    assert_eq!((slots.load(), slots.is_doubtful()), (Some(&[4; 100][..]), true));
    let long = vec![0; journal::SLOT_RECORD_BYTES_MAX + 1];
    let mut slots = slots;
    assert!(matches!(slots.store(&mut disk, &long), Err(Error::TooLong { .. })));
}
