//! What this machine does with real rows: `OPENMSE_ROWS=<state.db> cargo test --release -p store
//! -- --ignored --nocapture measure`, with the database of an engine that has tracked a campus.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use super::*;

/// The rows that an engine wrote without entries, in the order of its writing.
fn recorded_rows() -> Option<Vec<KeptRow>> {
    let path = std::env::var_os("OPENMSE_ROWS")?;
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT mac, category, at_ms, floor, x_cm, y_cm, confidence_cm, ap FROM history")
        .unwrap();
    // A simulated campus numbers its devices; real addresses are spread.
    let spread = |mac: i64| Mac::from_u64((mac as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
    let rows = statement.query_map([], |row| {
        Ok(KeptRow {
            mac: spread(row.get(0)?),
            category: Category::ALL[row.get::<_, u32>(1)? as usize],
            at: Time(row.get::<_, i64>(2)? as u64),
            floor: MapId(row.get::<_, i64>(3)? as u64),
            x_cm: row.get(4)?,
            y_cm: row.get(5)?,
            confidence_cm: row.get(6)?,
            ap: row.get::<_, Option<i64>>(7)?.map(|mac| Mac::from_u64(mac as u64)),
        })
    });
    Some(rows.unwrap().map(Result::unwrap).collect())
}

#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn measure_sealing() {
    let Some(rows) = recorded_rows() else { return };
    for count in [1 << 17, 1 << 18, 1 << 19, 1 << 20] {
        let some: Vec<KeptRow> = rows.iter().copied().cycle().take(count).collect();
        let started = Instant::now();
        let (file, content) = sealed::pack(Path::new(""), (1, 2), some).unwrap();
        let packed = started.elapsed();
        let scratch = Scratch::new();
        fs::create_dir(&scratch.dir).unwrap();
        sealed::write(&scratch.dir, &file, &content).unwrap();
        let path = scratch.dir.join(file.name());
        let started = Instant::now();
        let mut found = 0;
        for n in 0..100 {
            let row = rows[n * 997];
            let element = (row.category, row.mac);
            let trail = sealed::trail(&path, element, (Time(0), Time(u64::MAX))).unwrap();
            found += trail.unwrap().len();
        }
        println!(
            "{count} rows: {:.2} bytes/row, {:.2} M rows/s, trail of {} rows {:?}",
            content.len() as f64 / count as f64,
            count as f64 / packed.as_secs_f64() / 1e6,
            found / 100,
            started.elapsed() / 100
        );
    }
}

#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn measure_apply() {
    let Some(rows) = recorded_rows() else { return };
    for size in [200, 1_000] {
        let batches: Vec<Change> =
            rows.chunks(size).map(|rows| Change::HistoryAppended { rows: rows.to_vec() }).collect();
        let journal = journal(&batches);
        let bytes: usize = journal.iter().map(|entry| entry.payload.len()).sum();
        println!("{size} rows an entry: {:.1} bytes/row", bytes as f64 / rows.len() as f64);
        let scratch = Scratch::new();
        let store = open(&scratch, Program::THIS);
        let started = Instant::now();
        let mut slowest = std::time::Duration::ZERO;
        for batch in journal.chunks(4) {
            let started = Instant::now();
            store.apply(batch).unwrap();
            slowest = slowest.max(started.elapsed());
        }
        let per_second = rows.len() as f64 / started.elapsed().as_secs_f64();
        println!("  apply and seal: {:.2} M rows/s, slowest call {slowest:?}", per_second / 1e6);
        let started = Instant::now();
        black_box(store.state_hash().unwrap());
        let tail = store.history_count().unwrap()
            - store.sealed_files().unwrap().iter().map(|file| file.rows).sum::<u64>();
        println!("  state hash with {tail} rows in the tail: {:?}", started.elapsed());
        let started = Instant::now();
        for n in 0..20 {
            let row = rows[n * 997];
            let all = (Time(0), Time(u64::MAX));
            black_box(store.trail(row.category, row.mac, all.0, all.1, 100_000).unwrap());
        }
        println!("  whole trail: {:?}", started.elapsed() / 20);
    }
}

#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn measure_state_hash() {
    let scratch = Scratch::new();
    let store = open(&scratch, Program::THIS);
    // As large as the limits allow: 1,000 users, all alarms, all events, a long tail.
    let mut changes: Vec<Change> =
        (0..1_000).map(|n| add(&format!("user{n}"), Role::Admin)).collect();
    changes.extend((0..1_000).map(|n| put(&format!("key{n}"), &"x".repeat(100))));
    let alarms = u64::from(crate::ALARMS_MAX);
    changes.extend((0..alarms).map(|n| raise("lost", &format!("ap {n}"), Severity::Minor)));
    changes.extend((0..u64::from(crate::EVENTS_MAX)).map(event));
    changes.extend((0..520).map(|n| rows(n * 1_000, 1_000)));
    let journal = journal(&changes);
    let started = Instant::now();
    store.apply(&journal).unwrap();
    println!("{} entries applied in {:?}", journal.len(), started.elapsed());
    let started = Instant::now();
    black_box(store.state_hash().unwrap());
    println!("state hash: {:?} ({} bytes)", started.elapsed(), store.size_bytes().unwrap());
    let started = Instant::now();
    black_box(store.snapshot_to(&scratch.dir.join("snapshot")).unwrap());
    println!("snapshot: {:?}", started.elapsed());
}
