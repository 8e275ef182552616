//! The log on a disk that does what it is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use journal::{Base, Error, Journal, Recovered, Settings};
use model::pair::Position;
use support::{Memory, all, entries, entry, epoch, open, settings};

#[test]
fn what_was_synced_is_there_after_a_power_failure() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(1, 1..=5, 30)).unwrap();
    assert_eq!(journal.durable(), Position::default());
    assert_eq!(journal.sync().unwrap().index, 5);
    journal.append(&entries(1, 6..=9, 30)).unwrap();
    let (end, durable) = (journal.end().index, journal.durable().index);
    assert_eq!((end, durable), (9, 5));
    disk.crash(|| false);
    let (mut journal, recovered) = open(&mut disk, 5);
    assert_eq!(recovered, Recovered::default());
    assert_eq!(all(&mut journal), entries(1, 1..=5, 30));
    assert_eq!(journal.durable().index, 5);
}

#[test]
fn what_outlived_its_process_is_durable_once_it_is_recovered() {
    let mut disk = Memory::default();
    open(&mut disk, 0).0.append(&entries(1, 1..=5, 30)).unwrap();
    assert_eq!(open(&mut disk, 0).0.durable().index, 5);
    disk.crash(|| false);
    assert_eq!(all(&mut open(&mut disk, 5).0), entries(1, 1..=5, 30));
}

#[test]
fn one_append_is_one_write_and_one_sync() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    let before = journal.disk_mut().operations;
    journal.append(&entries(1, 1..=20, 100)).unwrap();
    assert_eq!(journal.disk_mut().operations, before + 1);
    journal.sync().unwrap();
    journal.sync().unwrap();
    assert_eq!(journal.disk_mut().operations, before + 2);
}

#[test]
fn segments_follow_each_other_and_long_appends_get_a_long_one() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    let mut expected = Vec::new();
    for round in 1..=3 {
        for _ in 0..20 {
            let next = journal.end().index + 1;
            let more = entries(round, next..=next + 2, 300);
            journal.append(&more).unwrap();
            expected.extend(more);
        }
    }
    let long = vec![entry(3, journal.end().index + 1, 100_000)];
    journal.append(&long).unwrap();
    expected.extend(long);
    journal.sync().unwrap();
    let (chain, epochs) = (journal.chain(), journal.epochs().to_vec());
    assert_eq!(epochs.iter().map(|end| end.index).collect::<Vec<_>>(), [60, 120, 181]);
    assert!(disk.segments().len() > 5);
    let (mut journal, recovered) = open(&mut disk, 181);
    assert_eq!(recovered, Recovered::default());
    assert_eq!((journal.chain(), journal.epochs()), (chain, epochs.as_slice()));
    assert_eq!(all(&mut journal), expected);
}

#[test]
fn a_long_append_into_an_empty_segment_replaces_it() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(1, 1..=5, 4_000)).unwrap();
    journal.append(&entries(1, 6..=6, 4_000)).unwrap();
    assert_eq!(journal.retain_from(3).unwrap(), 1);
    assert_eq!(all(&mut journal), entries(1, 1..=6, 4_000));
}

#[test]
fn reading_is_bounded_and_goes_on_anywhere() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    let written = entries(1, 1..=200, 100);
    for some in written.chunks(7) {
        journal.append(some).unwrap();
    }
    assert_eq!(journal.read(1, usize::MAX, 1).unwrap(), written[..1]);
    assert_eq!(journal.read(1, usize::MAX, 101).unwrap(), written[..2]);
    assert_eq!(journal.read(1, 3, usize::MAX).unwrap(), written[..3]);
    assert_eq!(journal.read(1, 0, usize::MAX).unwrap(), written[..1]);
    assert_eq!(journal.read(201, usize::MAX, 1000).unwrap(), []);
    for first in [1, 55, 56, 57, 130, 200, 3] {
        let from = first as usize - 1;
        let read = journal.read(first, usize::MAX, 2_000).unwrap();
        assert_eq!(read, written[from..(from + 20).min(200)], "from {first}");
    }
    let mut next = 1;
    while next <= 200 {
        next = journal.read(next, usize::MAX, 777).unwrap().last().unwrap().position.index + 1;
    }
}

#[test]
fn entries_that_do_not_belong_are_refused() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(2, 1..=3, 10)).unwrap();
    let mut check = |entry| {
        let refused = journal.append(&[entry]);
        assert!(matches!(refused, Err(Error::OutOfPlace { .. })), "{refused:?}");
    };
    check(entry(2, 3, 10));
    check(entry(2, 5, 10));
    check(entry(1, 4, 10));
    let long = entry(2, 4, (16 << 20) + 1);
    assert!(matches!(journal.append(&[long]), Err(Error::TooLong { .. })));
    journal.append(&entries(2, 4..=4, 10)).unwrap();
}

#[test]
fn chains_are_those_of_the_content_and_not_of_the_segments() {
    let (mut small, mut large) = (Memory::default(), Memory::default());
    let (mut journal, _) = open(&mut small, 0);
    let larger = Settings { segment_bytes: 1 << 20, ..settings() };
    let (mut other, _) = Journal::open(&mut large, larger, 0).unwrap();
    for index in 1_u64..=100 {
        journal.append(&entries(1, index..=index, 200)).unwrap();
    }
    other.append(&entries(1, 1..=100, 200)).unwrap();
    assert_eq!(journal.chain(), other.chain());
    for index in [0, 1, 50, 99, 100] {
        assert_eq!(journal.chain_at(index).unwrap(), other.chain_at(index).unwrap());
    }
    assert!(matches!(journal.chain_at(101), Err(Error::Beyond { .. })));
}

#[test]
fn a_cut_moves_the_tail_aside_and_another_history_takes_its_place() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(1, 1..=30, 300)).unwrap();
    journal.append(&entries(2, 31..=60, 300)).unwrap();
    journal.sync().unwrap();
    let chain = journal.chain_at(17).unwrap();
    journal.truncate(17).unwrap();
    assert_eq!((journal.chain(), journal.durable().index), (chain, 17));
    assert_eq!(journal.epochs(), [Position { epoch: epoch(1), index: 17 }]);
    journal.append(&entries(3, 18..=20, 300)).unwrap();
    journal.sync().unwrap();
    let expected = [entries(1, 1..=17, 300), entries(3, 18..=20, 300)].concat();
    assert_eq!(all(&mut journal), expected);
    let (mut journal, recovered) = open(&mut disk, 20);
    assert_eq!(recovered, Recovered::default());
    assert_eq!(all(&mut journal), expected);
    assert_eq!(disk.with_suffix(".quarantine").len(), 1);
    let aside = disk.with_suffix(".quarantine").remove(0);
    let bytes = disk.bytes(&aside).to_vec();
    for index in 18..=60 {
        let round = if index <= 30 { 1 } else { 2 };
        let payload = entry(round, index, 300).payload;
        assert!(bytes.windows(300).any(|window| window == payload), "{index} is aside");
    }
}

#[test]
fn places_that_were_remembered_do_not_outlive_a_cut() {
    for reads in [true, false] {
        let mut disk = Memory::default();
        let large = Settings { segment_bytes: 1 << 20, ..settings() };
        let (mut journal, _) = Journal::open(&mut disk, large, 0).unwrap();
        journal.append(&entries(1, 1..=300, 1_000)).unwrap();
        if reads {
            journal.read(1, usize::MAX, 10_000).unwrap();
        }
        journal.truncate(2).unwrap();
        journal.append(&entries(2, 3..=300, 900)).unwrap();
        assert_eq!(journal.read(11, usize::MAX, 900).unwrap(), entries(2, 11..=11, 900));
        assert_eq!(journal.read(299, usize::MAX, 900).unwrap(), entries(2, 299..=299, 900));
    }
}

#[test]
fn every_cut_leaves_what_is_before_it() {
    for after in 0..=40 {
        let mut disk = Memory::default();
        let (mut journal, _) = open(&mut disk, 0);
        for index in 1_u64..=40 {
            journal.append(&entries(index.div_ceil(9) as u32, index..=index, 500)).unwrap();
        }
        let before = all(&mut journal);
        journal.truncate(after).unwrap();
        assert_eq!(all(&mut journal), before[..after as usize]);
        let epochs = journal.epochs().to_vec();
        let (mut journal, recovered) = open(&mut disk, after);
        assert_eq!(recovered, Recovered::default());
        assert_eq!(journal.epochs(), epochs);
        journal.append(&before[after as usize..]).unwrap();
        assert_eq!(all(&mut journal), before);
    }
}

#[test]
fn retention_removes_whole_segments_but_never_what_is_pinned() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    for index in 1_u64..=100 {
        journal.append(&entries(index.div_ceil(10) as u32, index..=index, 500)).unwrap();
    }
    journal.sync().unwrap();
    let epochs = journal.epochs().to_vec();
    let chain = journal.chain_at(49).unwrap();
    let pin = journal.pin(30);
    let first = journal.retain_from(50).unwrap();
    assert!((20..=30).contains(&first), "{first}");
    journal.unpin(pin);
    let first = journal.retain_from(50).unwrap();
    assert!((38..=50).contains(&first), "{first}");
    assert_eq!(journal.epochs(), epochs);
    assert_eq!(journal.base().position.index, first - 1);
    assert!(matches!(journal.read(first - 1, usize::MAX, 1), Err(Error::Gone { .. })));
    assert_eq!(journal.chain_at(49).unwrap(), chain);
    let (mut journal, recovered) = open(&mut disk, 100);
    assert_eq!(recovered, Recovered::default());
    assert_eq!((journal.first_index(), journal.epochs()), (first, epochs.as_slice()));
    assert_eq!(all(&mut journal).len() as u64, 101 - first);
    assert!(journal.retain_from(1_000).unwrap() <= 100, "the last segment stays");
}

/// What a node keeps for its peer is bytes, however long the entries of the time were.
#[test]
fn so_many_bytes_are_kept_however_long_the_entries_are() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    let long = 1..=60_u64;
    let short = 61..=460_u64;
    for index in long {
        journal.append(&entries(1, index..=index, 2_000)).unwrap();
    }
    for index in short {
        journal.append(&entries(1, index..=index, 20)).unwrap();
    }
    journal.sync().unwrap();
    assert_eq!(journal.index_below(460, 1 << 30), 1, "all of it is less");
    let within = |index, least: u64| {
        let from = journal.index_below(index, least);
        let bytes: u64 = (from..index).map(|it| if it <= 60 { 2_000 } else { 20 }).sum();
        // Whole segments, the one at `index` is not counted, and records have heads of their own.
        let most = least + 3 * journal::SEGMENT_BYTES_MIN;
        assert!(bytes <= most, "{bytes} bytes from {from} to {index}, wanted {least}");
        let heads = 64 * (index - from);
        assert!(from == 1 || bytes + heads >= least, "{bytes} bytes from {from}, wanted {least}");
        from
    };
    let (few, many) = (within(460, 10_000), within(460, 60_000));
    assert!(many < few && many > 1, "{many}, {few}");
    within(30, 20_000);
    assert_eq!(journal.retain_from(many).unwrap(), many, "it is the beginning of a segment");
}

#[test]
fn a_new_beginning_continues_after_its_base() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(1, 1..=50, 500)).unwrap();
    let position = Position { epoch: epoch(4), index: 42 };
    let epochs = vec![Position { epoch: epoch(2), index: 20 }, position];
    let base = Base { position, chain: 0xABCD, epochs: epochs.clone() };
    journal.restart_at(base.clone()).unwrap();
    assert_eq!((journal.end(), journal.durable(), journal.chain()), (position, position, 0xABCD));
    journal.append(&entries(4, 43..=45, 500)).unwrap();
    journal.sync().unwrap();
    let (mut journal, recovered) = open(&mut disk, 45);
    assert_eq!(recovered, Recovered::default());
    assert_eq!(journal.base(), &base);
    assert_eq!(all(&mut journal), entries(4, 43..=45, 500));
    assert_eq!(disk.segments().len(), 1);
    let wrong = Base { epochs, ..Base::default() };
    let refused = open(&mut disk, 45).0.restart_at(wrong);
    assert!(matches!(refused, Err(Error::PeerBase { .. })));
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(1, 1..=10, 500)).unwrap();
    journal.disk_mut().is_full = true;
    for _ in 0..2 {
        let refused = journal.append(&entries(1, 11..=25, 500));
        assert!(matches!(refused, Err(Error::Disk(_))), "{refused:?}");
        assert!(matches!(journal.truncate(5), Err(Error::Disk(_))));
    }
    assert_eq!(journal.end().index, 10);
    journal.disk_mut().is_full = false;
    journal.append(&entries(1, 11..=25, 500)).unwrap();
    assert_eq!(all(&mut journal), entries(1, 1..=25, 500));
}

#[test]
fn a_failed_write_or_sync_ends_it() {
    for spared in 0..2 {
        let mut disk = Memory::default();
        let (mut journal, _) = open(&mut disk, 0);
        journal.disk_mut().stop_at = Some(journal.disk_mut().operations + spared);
        let written = journal.append(&entries(1, 1..=1, 10)).and_then(|_| journal.sync());
        assert!(matches!(written, Err(Error::Disk(_))));
        journal.disk_mut().stop_at = None;
        assert_eq!(journal.sync(), Err(Error::Poisoned));
        assert_eq!(journal.append(&entries(1, 1..=1, 10)), Err(Error::Poisoned));
    }
}

#[test]
fn another_groups_directory_is_refused() {
    let mut disk = Memory::default();
    drop(open(&mut disk, 0));
    let other = Settings { group: 8, ..settings() };
    let refused = Journal::open(&mut disk, other, 0).map(drop);
    assert!(matches!(refused, Err(Error::ConfigGroup { found: 7, configured: 8, .. })));
}

/// `docs/journal.md` tells these places. Whoever changes them needs another format number.
#[test]
fn the_bytes_are_those_of_the_page() {
    let mut disk = Memory::default();
    let (mut journal, _) = open(&mut disk, 0);
    journal.append(&entries(1, 1..=1, 10)).unwrap();
    journal.append(&entries(2, 2..=2, 7_900)).unwrap();
    let [first, second] = disk.segments().try_into().unwrap();
    assert_eq!(first, "00000001-00000000000000000001.log");
    assert_eq!(second, "00000001-00000000000000000002.log");
    let (first, second) = (disk.bytes(&first), disk.bytes(&second));
    let check = |bytes: &[u8], offset: usize, expected: &[u8]| {
        let found = &bytes[offset..offset + expected.len()];
        assert_eq!(found, expected, "at {offset}");
    };
    let u32 = u32::to_le_bytes;
    let u64 = u64::to_le_bytes;
    for copy in [0, 4096] {
        check(second, copy, b"MSEJRNAL");
        check(second, copy + 12, &[1, 0, 1, 0]);
        check(second, copy + 16, &[u64(7), u64(1), u64(2)].concat());
        check(second, copy + 40, &u64(0xF264_D064_A433_FF9A));
        check(second, copy + 48, &u64(second.len() as u64));
        check(second, copy + 56, &[&u32(1)[..], &u32(1), &u32(1), &[0], &u64(1)].concat());
    }
    let record = 8192;
    check(first, record, &u32(10));
    check(first, record + 4, &u32(0x7F09_3E75));
    check(first, record + 8, &u64(0));
    check(first, record + 16, &u64(0xF264_D064_A433_FF9A));
    check(first, record + 24, &u64(1));
    check(first, record + 32, &[u32(1), u32(1), u32(1)].concat());
    check(first, record + 44, &[0, 1, 41, 0]);
    check(first, record + 48, b"1/1 1/1 1/\0\0\0\0\0\0\0\0");
    // The second record knows that the first was durable, because its segment was sealed.
    check(second, record + 8, &u64(1));
    let footer = first.len() - 512;
    check(first, footer, b"MSEJSEAL");
    check(first, footer + 12, &[&u32(1)[..], &u32(1), &u32(1), &[0], &u64(1)].concat());
    check(first, footer + 33, &u64(0xF264_D064_A433_FF9A));
    check(first, footer + 41, &u64(8192 + 64));
    check(first, footer + 49, blake3::hash(&first[8192..8192 + 64]).as_bytes());
}
