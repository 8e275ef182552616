use std::time::Instant;

use super::*;
use crate::tests::Scratch;

fn stay(place: u64, mac: u64, entered: u64, left: u64) -> Stay {
    Stay {
        category: Category::WirelessClient,
        mac: Mac::from_u64(mac),
        place: MapId(place),
        entered: Time(entered),
        left: Time(left),
        strongest_dbm: Some(-60),
        is_connected: false,
    }
}

/// What is found at place 1 of `kept` from 100 up to 200.
fn check(kept: &[Stay], expected: &[Stay]) {
    let scratch = Scratch::new();
    let store = scratch.open();
    for stay in kept {
        store.keep_stays(&[*stay]).unwrap();
    }
    let client = Category::WirelessClient;
    assert_eq!(store.stays(client, &[MapId(1)], Time(100), Time(200)).unwrap(), expected);
}

#[test]
fn stays_that_touch_the_time_are_found() {
    let inside = [stay(1, 7, 50, 100), stay(1, 7, 120, 130), stay(1, 7, 199, 900)];
    check(&inside, &inside);
    check(&[stay(1, 7, 50, 99), stay(1, 7, 200, 300), stay(2, 7, 120, 130)], &[]);
    check(&[Stay { category: Category::Tag, ..stay(1, 7, 120, 130) }], &[]);
}

#[test]
fn a_long_stay_is_found_at_its_end() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let begun = 5 * LOOK_BACK_MS;
    let long = stay(1, 7, begun, begun + LOOK_BACK_MS);
    store.keep_stays(&[long]).unwrap();
    let at = long.left;
    let found = store.stays(Category::WirelessClient, &[MapId(1)], at, at.plus_ms(1));
    assert_eq!(found.unwrap(), [long]);
}

#[test]
fn what_is_known_later_replaces_what_was_known() {
    let earlier = stay(1, 7, 100, 110);
    let later = Stay { strongest_dbm: Some(-50), is_connected: true, ..stay(1, 7, 100, 120) };
    check(&[earlier, later], &[later]);
    check(&[later, earlier], &[later]);
    let unheard = Stay { strongest_dbm: None, ..earlier };
    check(&[earlier, unheard], &[earlier]);
    check(&[unheard, earlier], &[earlier]);
    check(&[unheard, unheard], &[unheard]);
}

#[test]
fn old_stays_are_removed_everywhere() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let new = [stay(1, 7, 200, 300), stay(u64::MAX >> 1, 7, 200, 300)];
    let old = [stay(0, 7, 100, 300), stay(1, 7, 199, 300), stay(5, 7, 0, 0)];
    store.keep_stays(&[old.as_slice(), &new].concat()).unwrap();
    assert_eq!(store.prune_analytics(Time(200)).unwrap(), 3);
    let places: Vec<MapId> = [0, 1, 5, u64::MAX >> 1].map(MapId).into();
    let left = store.stays(Category::WirelessClient, &places, Time(0), Time(999)).unwrap();
    assert_eq!(left, new);
}

#[test]
fn an_entry_holds_so_many_stays() {
    let count = |count| super::check(&vec![stay(1, 1, 0, 0); count]);
    assert!(count(0).is_err());
    assert!(count(STAYS_BATCH_MAX).is_ok());
    assert!(count(STAYS_BATCH_MAX + 1).is_err());
}

/// `cargo test --release -p store -- --ignored --nocapture measure_a_day`
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn measure_a_day() {
    const ELEMENTS: u64 = 20_000;
    const FLOORS: u64 = 20;
    const STAYS: u64 = 10;
    let scratch = Scratch::new();
    let store = scratch.open();
    let hour_ms = 3_600_000;
    let started = Instant::now();
    for n in 0..STAYS {
        let stays: Vec<Stay> = (0..ELEMENTS)
            .map(|mac| {
                let entered = n * 2 * hour_ms + mac.wrapping_mul(0x9e37_79b9) % hour_ms;
                stay((mac + n) % FLOORS, mac, entered, entered + 40 * 60_000)
            })
            .collect();
        for batch in stays.chunks(STAYS_BATCH_MAX) {
            store.keep_stays(batch).unwrap();
        }
    }
    println!("{} stays kept in {:?}", STAYS * ELEMENTS, started.elapsed());
    println!("{:.1} bytes each", store.size_bytes().unwrap() as f64 / (STAYS * ELEMENTS) as f64);
    let floors: Vec<MapId> = (0..FLOORS).map(MapId).collect();
    let started = Instant::now();
    let day = (Time(0), Time(24 * hour_ms));
    let found = store.stays(Category::WirelessClient, &floors, day.0, day.1).unwrap();
    let read = started.elapsed();
    assert_eq!(found.len() as u64, STAYS * ELEMENTS);
    let started = Instant::now();
    let visits = presence::visits(found);
    let hours: Vec<presence::report::Span> = (0..24)
        .map(|n| presence::report::Span { from: Time(n * hour_ms), until: Time((n + 1) * hour_ms) })
        .collect();
    let counts = presence::report::counts(&visits, &presence::Rules::default(), &hours);
    println!(
        "a day of all floors: read in {read:?}, counted by the hour in {:?}",
        started.elapsed()
    );
    println!("{:?}", counts.iter().map(|count| count.visitors).collect::<Vec<_>>());
}
