//! A log whose bytes were changed: every cut, every flipped bit, stale bytes; holes and repair.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use journal::{Error, Hole, Journal, Recovered, Scan, Settings};
use model::pair::Entry;
use proptest::prelude::*;
use support::{Memory, all, entries, entry, epoch, open, settings};

/// Bytes of the long entries that fill segments.
const FILLER_BYTES: usize = 7_300;

/// Entries in three segments, each synced by itself: 1 to 4, 5 to 7, 8 to 11.
fn written() -> (Memory, Vec<Entry>) {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    let mut log = Vec::new();
    for index in 1_u64..=11 {
        let bytes = if index % 3 == 2 && index < 11 { FILLER_BYTES } else { 20 };
        let round = index.div_ceil(3) as u32;
        journal.append(&entries(round, index..=index, bytes)).unwrap();
        journal.sync().unwrap();
        log.push(entry(round, index, bytes));
    }
    assert_eq!(disk.segments().len(), 3);
    (disk, log)
}

/// Whether a byte is one of many that are alike: zeros, and most of the fillers.
fn is_dull(bytes: &[u8], at: usize) -> bool {
    let around = &bytes[at.saturating_sub(8)..(at + 8).min(bytes.len())];
    let is_filler = (8192 + 200..8192 + FILLER_BYTES - 100).contains(&at);
    is_filler || around.iter().all(|byte| *byte == 0)
}

/// Which bytes of a file to change: unless `all` are asked for, few of those that are dull.
fn places(bytes: &[u8], all: bool) -> impl Iterator<Item = usize> {
    (0..bytes.len()).filter(move |at| all || at % 61 == 0 || !is_dull(bytes, *at))
}

fn reopen(disk: &mut Memory, hint: u64, scan: Scan) -> (Journal<&mut Memory>, Recovered) {
    Journal::open(disk, Settings { scan, ..settings() }, hint).unwrap()
}

/// Whatever was done to `disk`: each entry is as it was, or is missed.
fn check(mut disk: Memory, scan: Scan, log: &[Entry], hint: u64, what: &str) {
    let (mut journal, recovered) = reopen(&mut disk, hint, scan);
    let end = journal.end().index;
    for entry in log {
        let index = entry.position.index;
        if index > end {
            let is_missed = recovered.lost.is_some_and(|lost| lost.end == end);
            assert!(is_missed || (index > hint && recovered.torn.is_some()), "{what}: {index}");
            continue;
        }
        match journal.read(index, usize::MAX, 1) {
            Ok(read) => assert_eq!(read, std::slice::from_ref(entry), "{what}: {index}"),
            Err(Error::Damaged { first, last }) => {
                assert!((first..=last).contains(&index), "{what}: {index}");
                let is_known = |hole: &Hole| (hole.first..=hole.last).contains(&index);
                assert!(journal.holes().iter().any(is_known), "{what}: {index}");
                let is_reported = recovered.holes.iter().any(is_known);
                assert!(is_reported || scan == Scan::Tail, "{what}: {index}");
            }
            Err(other) => panic!("{what}: {index}: {other}"),
        }
    }
    if recovered.lost.is_some() {
        return;
    }
    for hole in journal.holes().to_vec() {
        let sent = &log[hole.first as usize - 1..hole.last as usize];
        journal.repair(sent).unwrap();
    }
    assert_eq!(journal.holes(), [], "{what}");
    assert_eq!(all(&mut journal), log[..end as usize], "{what}");
    let (mut journal, recovered) = reopen(&mut disk, hint.min(end), Scan::Full);
    assert_eq!(recovered, Recovered::default(), "{what}, repaired");
    assert_eq!(all(&mut journal), log[..end as usize], "{what}, repaired");
}

fn cut_files(all: bool) {
    let (disk, log) = written();
    for name in disk.segments() {
        for length in places(disk.bytes(&name), all) {
            let mut disk = disk.clone();
            disk.tamper(&name, |bytes| bytes.truncate(length));
            for (hint, scan) in [(0, Scan::Full), (9, Scan::Full), (11, Scan::Tail)] {
                let what = format!("{name} cut to {length}, hint {hint}");
                check(disk.clone(), scan, &log, hint, &what);
            }
        }
    }
}

fn flip_bits(all: bool) {
    let (disk, log) = written();
    for name in disk.segments() {
        for at in places(disk.bytes(&name), all) {
            let bits =
                if all || !is_dull(disk.bytes(&name), at) { 0..8 } else { at % 8..at % 8 + 1 };
            for bit in bits {
                let mut disk = disk.clone();
                disk.tamper(&name, |bytes| bytes[at] ^= 1 << bit);
                let (hint, scan) = ([11, 0][bit % 2], [Scan::Full, Scan::Tail][(at + bit / 2) % 2]);
                check(disk, scan, &log, hint, &format!("{name} byte {at} bit {bit}, hint {hint}"));
            }
        }
    }
}

#[test]
fn a_file_cut_anywhere_loses_nothing_silently() {
    cut_files(false);
}

#[test]
fn any_flipped_bit_is_found_or_healed() {
    flip_bits(false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_stretch_of_rubbish_is_found_or_healed(
        segment in 0_usize..3,
        from in 0_usize..16_384,
        rubbish in prop::collection::vec(1_u8.., 1..3_000),
        hint in prop::sample::select(vec![0_u64, 3, 9, 11]),
    ) {
        let (mut disk, log) = written();
        let name = disk.segments().remove(segment);
        disk.tamper(&name, |bytes| {
            for (byte, rubbish) in bytes[from..].iter_mut().zip(&rubbish) {
                *byte = *rubbish;
            }
        });
        for scan in [Scan::Full, Scan::Tail] {
            check(disk.clone(), scan, &log, hint, &format!("{name} from {from}, hint {hint}"));
        }
    }
}

#[test]
#[ignore = "a minute with --release: also every zero and every byte of the fillers"]
fn every_cut_and_every_bit() {
    cut_files(true);
    flip_bits(true);
}

#[test]
fn a_lost_file_is_a_loss_and_not_a_shorter_log() {
    let (disk, _) = written();
    // Without the first one it looks as if that had not been retained.
    for (nth, name) in disk.segments().iter().enumerate().skip(1) {
        let mut disk = disk.clone();
        journal::Disk::remove(&mut disk, name).unwrap();
        let (journal, recovered) = open(&mut disk, 11);
        let lost = recovered.lost.expect("lost");
        assert_eq!((lost.end, lost.hint), (journal.end().index, 11), "without {nth}");
        let mut journal = journal;
        assert!(matches!(journal.append(&entries(9, 12..=12, 1)), Err(Error::Lost { .. })));
    }
}

#[test]
fn a_lost_log_goes_on_after_a_cut_that_keeps_everything_aside() {
    let (mut disk, log) = written();
    let name = disk.segments().remove(1);
    journal::Disk::remove(&mut disk, &name).unwrap();
    let (mut journal, recovered) = open(&mut disk, 11);
    let end = recovered.lost.expect("lost").end;
    journal.truncate(end).unwrap();
    journal.append(&entries(9, end + 1..=end + 3, 40)).unwrap();
    journal.sync().unwrap();
    let (mut journal, recovered) = open(&mut disk, end + 3);
    assert_eq!(recovered, Recovered::default());
    let expected = [&log[..end as usize], &entries(9, end + 1..=end + 3, 40)].concat();
    assert_eq!(all(&mut journal), expected);
    assert_eq!(disk.with_suffix(".quarantine").len(), 2, "the cut and the last segment");
}

#[test]
fn what_a_torn_batch_leaves_behind_it_is_not_taken_for_corruption() {
    // The sectors of entries 6 to 9 were never synced: 6 is torn, 7 to 9 are whole.
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(1, 1..=5, 100)).unwrap();
    journal.sync().unwrap();
    journal.append(&entries(1, 6..=9, 100)).unwrap();
    disk.settle();
    flip_in(&mut disk, &entry(1, 6, 100));
    let mut corrupt = disk.clone();
    let (mut journal, recovered) = open(&mut disk, 5);
    assert_eq!(all(&mut journal), entries(1, 1..=5, 100));
    assert!(recovered.torn.is_some() && recovered.holes.is_empty() && recovered.lost.is_none());
    // The same bytes with a hint above them were durable.
    let (mut journal, recovered) = open(&mut corrupt, 6);
    assert_eq!(recovered.holes, [Hole { first: 6, last: 6 }]);
    assert_eq!(journal.end().index, 9);
    journal.repair(&entries(1, 6..=6, 100)).unwrap();
    assert_eq!(all(&mut journal), entries(1, 1..=9, 100));
}

#[test]
fn a_later_entry_bears_witness_that_an_earlier_one_was_durable() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    for index in 1..=9 {
        journal.append(&entries(1, index..=index, 100)).unwrap();
        journal.sync().unwrap();
    }
    flip_in(&mut disk, &entry(1, 6, 100));
    let (_, recovered) = open(&mut disk, 0);
    assert_eq!(recovered.holes, [Hole { first: 6, last: 6 }]);
}

#[test]
fn only_what_was_there_fills_a_hole() {
    let (mut disk, log) = written();
    flip_in(&mut disk, &log[1]);
    flip_in(&mut disk, &log[2]);
    let (mut journal, recovered) = reopen(&mut disk, 11, Scan::Full);
    assert_eq!(recovered.holes, [Hole { first: 2, last: 3 }]);
    let mut check = |sent: &[Entry]| {
        let refused = journal.repair(sent);
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(journal.holes(), [Hole { first: 2, last: 3 }]);
    };
    check(&log[1..2]);
    check(&log[0..3]);
    check(&[log[1].clone(), entry(2, 3, 20)]);
    check(&[log[1].clone(), Entry { payload: vec![0; 20], ..log[2].clone() }]);
    check(&[log[1].clone(), Entry { kind: 9, ..log[2].clone() }]);
    check(&[log[1].clone(), Entry { payload: vec![0; 40], ..log[2].clone() }]);
    journal.repair(&log[1..3]).unwrap();
    assert_eq!(all(&mut journal), log);
}

#[test]
fn a_cut_record_that_comes_back_is_not_taken_for_an_entry() {
    let record_bytes = 48 + 100 + 4;
    // The disk forgets that the tail was zeroed: entries from 7, or only from 8 on, stand there
    // again, and bear witness that the ones before them were durable.
    for first in [7, 8] {
        let mut disk = Memory::default();
        let (mut journal, _) = open(&mut disk, 0);
        for index in 1..=9 {
            journal.append(&entries(1, index..=index, 100)).unwrap();
            journal.sync().unwrap();
        }
        let name = disk.segments().remove(0);
        let before = disk.bytes(&name).to_vec();
        let (mut journal, _) = open(&mut disk, 5);
        journal.truncate(5).unwrap();
        journal.append(&entries(2, 6..=6, 100)).unwrap();
        journal.sync().unwrap();
        let from = 8192 + (first - 1) * record_bytes;
        disk.tamper(&name, |bytes| bytes[from..].copy_from_slice(&before[from..]));
        let (mut journal, recovered) = open(&mut disk, 6);
        let expected = [entries(1, 1..=5, 100), entries(2, 6..=6, 100)].concat();
        assert_eq!(all(&mut journal), expected);
        assert!(recovered.torn.is_some() && recovered.holes.is_empty());
        assert_eq!(journal.epochs().last().unwrap().epoch, epoch(2));
    }
}

#[test]
fn damage_that_comes_while_it_runs_is_found_by_reading_and_by_scrubbing() {
    for scrub in [false, true] {
        let (mut disk, log) = written();
        let (mut journal, _) = open(&mut disk, 11);
        flip_in(journal.disk_mut(), &log[2]);
        if scrub {
            let names: Vec<_> = (0..3).map(|_| journal.scrub().unwrap().unwrap()).collect();
            assert!(names[0] == names[2] && names[0] != names[1], "sealed ones in turn");
        } else {
            assert_eq!(journal.read(1, usize::MAX, usize::MAX).unwrap(), log[..2]);
            let refused = journal.read(3, usize::MAX, 1);
            assert_eq!(refused, Err(Error::Damaged { first: 3, last: 3 }));
            assert_eq!(journal.read(4, usize::MAX, usize::MAX).unwrap(), log[3..]);
        }
        assert_eq!(journal.holes(), [Hole { first: 3, last: 3 }]);
        journal.repair(&log[2..3]).unwrap();
        assert_eq!(all(&mut journal), log);
        assert_eq!(journal::verify(&disk).unwrap().segments[0].problems, []);
    }
}

/// Flips a bit of the payload of an entry, wherever it is stored in the log.
fn flip_in(disk: &mut Memory, entry: &Entry) {
    for name in disk.segments() {
        let payload = &entry.payload;
        let found = disk.bytes(&name).windows(payload.len()).position(|window| window == payload);
        if let Some(at) = found {
            disk.tamper(&name, |bytes| bytes[at + 1] ^= 4);
            return;
        }
    }
    panic!("{} is nowhere", entry.position);
}
