//! Where everything was last, from the tail and from sealed files.

use std::time::Instant;

use super::*;
use crate::HistoryRow;

fn newest(store: &Store, since: u64) -> Vec<(u64, u64)> {
    let rows = store.newest_of_each(Time(since)).unwrap();
    rows.iter().map(|row| (row.mac.to_u64(), row.at.0)).collect()
}

#[test]
fn the_newest_row_of_each_element_is_found_wherever_it_is() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    // Elements 0 to 6 in turns; 60 rows are sealed twice, 20 wait.
    let changes: Vec<Change> = (0..14).map(|n| rows(n * 10, 10)).collect();
    store.apply(&journal(&changes)).unwrap();
    assert_eq!(store.sealed_files().unwrap().len(), 2);
    let mut expected: Vec<(u64, u64)> = (133..140).map(|at| (at % 7, at)).collect();
    expected.sort_unstable();
    let by_mac = |mut rows: Vec<(u64, u64)>| {
        rows.sort_unstable();
        rows
    };
    assert_eq!(by_mac(newest(&store, 0)), expected);
    assert_eq!(by_mac(newest(&store, 138)), [(5, 138), (6, 139)], "the others are older");

    // An element that was heard long ago is in a file only, and one of two rows at one time counts.
    let (old, mut later) = (row(40, 50), row(3, 500));
    later.x_cm = 77;
    let changes = [
        Change::HistoryAppended { rows: vec![old, row(3, 500)] },
        Change::HistoryAppended { rows: vec![later] },
        rows(200, 50),
    ];
    store.apply(&journal_after(14, &changes)).unwrap();
    assert!(newest(&store, 0).contains(&(40, 50)));
    let found = store.newest_of_each(Time(500)).unwrap();
    assert_eq!(found, [HistoryRow::from(&later)], "the later entry");
    // Expired is not shown although it is in a file with newer rows.
    store.apply(&journal_after(17, &[Change::HistoryExpired { before: Time(60) }])).unwrap();
    assert!(!newest(&store, 0).contains(&(40, 50)));
}

#[test]
fn it_is_the_same_after_everything_was_sealed() {
    let (tail, sealed) = (Scratch::new(), Scratch::new());
    let changes: Vec<Change> = (0..14).map(|n| rows(n * 10, 10)).collect();
    let waiting = open(&tail, Program { seal_rows: 1_000, ..SMALL });
    let all_sealed = open(&sealed, Program { seal_rows: 1, ..SMALL });
    for store in [&waiting, &all_sealed] {
        store.apply(&journal(&changes)).unwrap();
    }
    assert_eq!(waiting.sealed_files().unwrap().len(), 0);
    assert_eq!(all_sealed.sealed_files().unwrap().len(), 14);
    let found = waiting.newest_of_each(Time(0)).unwrap();
    assert_eq!(found, all_sealed.newest_of_each(Time(0)).unwrap());
    assert_eq!(found.len(), 7);
}

/// `cargo test --release -p store -- --ignored --nocapture newest`.
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn measure_newest_of_20_000_elements() {
    let scratch = Scratch::new();
    let store = open(&scratch, Program::THIS);
    let mut index = 0;
    for seconds in [1, 25, 60, 120] {
        while index < seconds * 20 {
            let at = 1_795_202_690_693 + index * 50;
            let element = |n: u64| row((index * 1_000 + n) % 20_000, at + n % 50);
            let batch = Change::HistoryAppended { rows: (0..1_000).map(element).collect() };
            store.apply(&journal_after(index, &[batch])).unwrap();
            index += 1;
        }
        let started = Instant::now();
        let found = store.newest_of_each(Time(0)).unwrap().len();
        let (took, files) = (started.elapsed(), store.sealed_files().unwrap().len());
        println!("{} rows, {files} files: {found} elements in {took:?}", index * 1_000);
    }
}

#[test]
fn a_floor_is_played_back_from_files_and_from_what_waits() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let changes: Vec<Change> = (0..14).map(|n| rows(n * 10, 10)).collect();
    store.apply(&journal(&changes)).unwrap();
    assert_eq!(store.sealed_files().unwrap().len(), 2, "and 20 rows wait");
    let check = |category: Option<Category>, from: u64, until: u64| {
        let found = store.floor_history(MapId(1), category, (Time(from), Time(until)), 1).unwrap();
        let found: Vec<u64> = found.rows.iter().map(|row| row.at.0).collect();
        let is_asked = |at: &u64| {
            at % 3 == 1 && category.is_none_or(|it| it == Category::ALL[(at % 7 % 6) as usize])
        };
        let expected: Vec<u64> = (from..=until.min(139)).filter(is_asked).collect();
        assert_eq!(found, expected, "{category:?} from {from} until {until}");
    };
    check(None, 0, 139);
    check(None, 30, 125);
    check(None, 121, 500);
    check(Some(Category::Tag), 0, 139);
    // Expired rows are not shown although they are in a file with newer ones.
    store.apply(&journal_after(14, &[Change::HistoryExpired { before: Time(20) }])).unwrap();
    let found = store.floor_history(MapId(1), None, (Time(0), Time(139)), 1).unwrap();
    assert_eq!(found.rows.first().map(|row| row.at), Some(Time(22)));
}
