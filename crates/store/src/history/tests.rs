use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::tests::Scratch;

fn row(mac: u8, at: u64) -> HistoryRow {
    HistoryRow {
        category: Category::WirelessClient,
        mac: Mac([2, 0, 0, 0, 0, mac]),
        at: Time(at),
        floor: MapId::of("North>Main>Ground"),
        point: Point::new(1.25, 2.5),
        confidence: Metres(3.0),
        ap: Some(Mac([0, 1, 2, 3, 4, 5])),
    }
}

fn times(rows: &[HistoryRow]) -> Vec<u64> {
    rows.iter().map(|row| row.at.0).collect()
}

#[test]
fn a_trail_is_the_newest_rows_of_one_element_oldest_first() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let mut rows: Vec<HistoryRow> = [30, 10, 20, 40].map(|at| row(1, at)).to_vec();
    rows.push(row(2, 15));
    rows.push(HistoryRow { category: Category::Tag, ..row(1, 16) });
    store.append_history(&rows).unwrap();
    let check = |from, until, limit, expected: &[u64]| {
        let trail = store
            .trail(Category::WirelessClient, row(1, 0).mac, Time(from), Time(until), limit)
            .unwrap();
        assert_eq!(times(&trail), expected, "{from}..={until}, {limit}");
    };
    check(0, u64::MAX, 100, &[10, 20, 30, 40]);
    check(20, 30, 100, &[20, 30]);
    check(0, 30, 2, &[20, 30]);
    check(0, 30, 0, &[]);
    check(50, 60, 100, &[]);
}

#[test]
fn pruning_removes_what_is_older_in_any_number_of_steps() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let old = PRUNE_ROWS as usize * 2 + 5;
    let mut rows = vec![row(1, 99); old];
    // A clock that ran ahead must not keep the older rows behind it.
    rows.insert(0, row(1, 500));
    rows.push(row(1, 100));
    store.append_history(&rows).unwrap();
    assert_eq!(store.prune_history(Time(100)).unwrap(), old);
    assert_eq!(store.history_count().unwrap(), 2);
    assert_eq!(store.prune_history(Time(100)).unwrap(), 0);
}

#[test]
fn the_writer_commits_without_being_asked() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let writer = store.history_writer().unwrap();
    assert!(writer.push(row(1, 1)));
    let started = Instant::now();
    while writer.counts().written == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "not written");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(store.history_count().unwrap(), 1);
}

#[test]
fn closing_writes_every_row_that_was_taken() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let writer = store.history_writer().unwrap();
    let taken = (0..5_500).filter(|at| writer.push(row(1, *at))).count() as u64;
    let counts = writer.close().unwrap();
    assert_eq!(counts.written, taken);
    assert_eq!(store.history_count().unwrap(), taken);
    assert!(!writer.push(row(1, 1)), "closed");
    assert_eq!(writer.close().unwrap().dropped, counts.dropped + 1, "closing twice");

    let writer = store.history_writer().unwrap();
    assert!(writer.push(row(2, 1)));
    drop(writer);
    assert_eq!(store.history_count().unwrap(), taken + 1, "dropping closes");
}

#[test]
fn a_full_queue_drops_and_counts_and_loses_nothing_it_took() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let writer = store.history_writer().unwrap();
    let offered = QUEUE_ROWS_MAX as u64 * 2;
    // While the database is locked no row can be written, so the queue has to fill.
    let taken = store
        .run(|connection| {
            let lock =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let taken = (0..offered).filter(|at| writer.push(row(1, *at))).count() as u64;
            lock.rollback()?;
            Ok(taken)
        })
        .unwrap();
    assert!(taken >= QUEUE_ROWS_MAX as u64 && taken < offered, "{taken}");
    let expected = HistoryCounts { written: taken, dropped: offered - taken };
    assert_eq!(writer.close().unwrap(), expected);
    assert_eq!(store.history_count().unwrap(), taken);
}

#[test]
fn a_writer_that_cannot_write_says_so_at_the_end() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let writer = store.history_writer().unwrap();
    store.run(|connection| connection.execute_batch("DROP TABLE history")).unwrap();
    for at in 0..10 {
        assert!(writer.push(row(1, at)));
    }
    let error = writer.close().unwrap_err().to_string();
    assert!(error.contains("state.db"), "{error}");
    let expected = HistoryCounts { written: 0, dropped: 10 };
    assert_eq!(writer.counts(), expected);
}

#[test]
fn a_writer_goes_on_when_the_database_works_again() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let writer = store.history_writer().unwrap();
    let rename = |sql| {
        let renamed = store.run(|connection| connection.execute_batch(sql));
        renamed.unwrap();
    };
    rename("ALTER TABLE history RENAME TO elsewhere");
    assert!(writer.push(row(1, 1)));
    thread::sleep(Duration::from_millis(COMMIT_INTERVAL_MS * 2));
    assert_eq!(writer.counts(), HistoryCounts::default(), "the row waits");
    rename("ALTER TABLE elsewhere RENAME TO history");
    let started = Instant::now();
    while writer.counts().written == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "not written");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(writer.close().unwrap().dropped, 0);
}

fn any_row() -> impl Strategy<Value = HistoryRow> {
    let place = (-2_000.0_f32..2_000.0, -2_000.0_f32..2_000.0);
    (
        0..Category::ALL.len(),
        any::<[u8; 6]>(),
        0..i64::MAX as u64,
        any::<u64>(),
        place,
        0.0_f32..2_000.0,
        any::<Option<[u8; 6]>>(),
    )
        .prop_map(|(category, mac, at, floor, (x, y), confidence, ap)| HistoryRow {
            category: Category::ALL[category],
            mac: Mac(mac),
            at: Time(at),
            floor: MapId(floor),
            point: Point::new(x, y),
            confidence: Metres(confidence),
            ap: ap.map(Mac),
        })
}

/// Whether two lengths are the same to the centimetre, f32 rounding of 2 km included.
fn is_near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 0.0052
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_appended_is_read_back(row in any_row()) {
        let scratch = Scratch::new();
        let store = scratch.open();
        store.append_history(&[row]).unwrap();
        let trail = store.trail(row.category, row.mac, Time(0), Time(u64::MAX), 10).unwrap();
        let [back] = trail[..] else { panic!("{} rows", trail.len()) };
        prop_assert!(is_near(back.point.x, row.point.x), "{:?}", back);
        prop_assert!(is_near(back.point.y, row.point.y), "{:?}", back);
        prop_assert!(is_near(back.confidence.0, row.confidence.0), "{:?}", back);
        let rest = HistoryRow { point: row.point, confidence: row.confidence, ..back };
        prop_assert_eq!(rest, row);
    }
}

fn any_kept_row() -> impl Strategy<Value = KeptRow> {
    (
        // Few elements, and times that meet.
        (0_u64..4, 0..Category::ALL.len(), prop_oneof![0_u64..9, 0..=i64::MAX as u64]),
        (any::<u64>(), any::<[i32; 3]>(), any::<Option<[u8; 6]>>()),
    )
        .prop_map(|((mac, category, at), (floor, [x_cm, y_cm, confidence_cm], ap))| KeptRow {
            mac: Mac::from_u64(mac),
            category: Category::ALL[category],
            at: Time(at),
            floor: MapId(floor),
            x_cm,
            y_cm,
            confidence_cm,
            ap: ap.map(Mac),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_sealed_is_read_back(rows in prop::collection::vec(any_kept_row(), 1..200)) {
        let scratch = Scratch::new();
        std::fs::create_dir(&scratch.dir).unwrap();
        let (file, content) = sealed::pack(&scratch.dir, (1, 2), rows.clone()).unwrap();
        sealed::write(&scratch.dir, &file, &content).unwrap();
        let path = scratch.dir.join(file.name());
        let mut found = 0;
        for mac in (0..4).map(Mac::from_u64) {
            for category in Category::ALL {
                let (from, until) = (rows[0].at, Time(u64::MAX));
                let mut expected = rows.clone();
                expected.retain(|row| (row.mac, row.category) == (mac, category));
                found += expected.len();
                expected.sort_by_key(|row| row.at);
                let all = sealed::trail(&path, (category, mac), (Time(0), until)).unwrap();
                prop_assert_eq!(all.as_ref(), Some(&expected));
                expected.retain(|row| row.at >= from);
                let late = sealed::trail(&path, (category, mac), (from, until)).unwrap();
                prop_assert_eq!(late, Some(expected));
            }
        }
        prop_assert_eq!(found, rows.len());
    }

    #[test]
    fn what_waits_in_the_tail_is_read_back(rows in prop::collection::vec(any_kept_row(), 1..50)) {
        let scratch = Scratch::new();
        let store = scratch.open();
        let all = store
            .run(|connection| {
                tail::append(connection, 7, &rows)?;
                tail::all(connection)
            })
            .unwrap();
        prop_assert_eq!(all, Some((7, rows)));
    }
}

#[test]
fn a_length_that_is_no_number_is_cut() {
    assert_eq!(cm_column(f32::NAN), 0);
    assert_eq!(cm_column(f32::INFINITY), i32::MAX);
    assert_eq!(cm_column(-1.234), -123);
}

/// Prints what this machine writes; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn measure_rows_per_second() {
    const ROWS: u64 = 1_000_000;
    // 20,000 elements that take turns, as a large site does.
    let rows: Vec<HistoryRow> = (0..ROWS)
        .map(|n| HistoryRow {
            mac: Mac::from_u64((n % 20_000).wrapping_mul(0x9e37_79b9_7f4a)),
            ..row(0, n)
        })
        .collect();
    let scratch = Scratch::new();
    let store = scratch.open();
    let started = Instant::now();
    for batch in rows.chunks(1_000) {
        store.append_history(batch).unwrap();
    }
    let direct = started.elapsed();
    let bytes = store.size_bytes().unwrap() as f64 / ROWS as f64;
    println!("append: {:.0} rows/s, {bytes:.0} bytes/row", ROWS as f64 / direct.as_secs_f64());

    let scratch = Scratch::new();
    let store = scratch.open();
    let started = Instant::now();
    let writer = store.history_writer().unwrap();
    for row in &rows {
        while !writer.push(*row) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    writer.close().unwrap();
    let queued = started.elapsed();
    println!("writer: {:.0} rows/s", ROWS as f64 / queued.as_secs_f64());

    let started = Instant::now();
    let trail = store.trail(Category::WirelessClient, rows[0].mac, Time(0), Time(ROWS), 1_000);
    println!("trail of {} rows: {:?}", trail.unwrap().len(), started.elapsed());
    let started = Instant::now();
    let count = store.history_count().unwrap();
    println!("count of {count} rows: {:?}", started.elapsed());
    let started = Instant::now();
    let removed = store.prune_history(Time(ROWS / 2)).unwrap();
    println!("prune of {removed} rows: {:?}", started.elapsed());
}
