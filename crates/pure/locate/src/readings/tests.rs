use proptest::prelude::*;

use super::*;
use crate::Settings;

fn reading(ap: u64, rssi: f32, at_ms: u64) -> Reading {
    Reading { ap: Mac::from_u64(ap), band: Band::Ghz5, rssi: Dbm(rssi), at: Time(at_ms) }
}

fn update(store: &mut ReadingStore, readings: &[Reading]) -> Change {
    store.update(readings, &Settings::default().moving)
}

/// What the store holds at its newest reading, by access point.
fn held(store: &ReadingStore) -> Vec<(u64, f32)> {
    let now = store.newest().unwrap_or_default();
    let keeping = Settings::default().moving;
    let readings = store.readings(now, &keeping);
    let mut held: Vec<_> = readings.map(|r| (r.ap.to_u64(), r.rssi.0)).collect();
    held.sort_by_key(|(ap, _)| *ap);
    held
}

#[test]
fn a_store_is_small() {
    // The record of an element has 2 KiB for everything; the store takes a quarter at most.
    assert!(size_of::<ReadingStore>() <= 512);
}

#[test]
fn a_value_follows_its_readings_with_the_time_constant() {
    let mut store = ReadingStore::default();
    update(&mut store, &[reading(1, -60.0, 10_000)]);
    update(&mut store, &[reading(1, -70.0, 12_000)]);
    let (_, rssi) = held(&store)[0];
    assert!((rssi - (-60.0 - 10.0 * 0.632)).abs() < 0.01, "{rssi}");
    // Long after, only the new reading counts.
    update(&mut store, &[reading(1, -50.0, 60_000)]);
    let (_, rssi) = held(&store)[0];
    assert!((rssi + 50.0).abs() < 0.01, "{rssi}");
}

#[test]
fn what_stands_is_heard_over_minutes() {
    let settings = Settings::default();
    let held_with = |keeping: &Keeping| {
        let mut store = ReadingStore::default();
        for minute in 0..20 {
            let (ap, wobble) = (minute % 4, if minute % 8 < 4 { 4.0 } else { -4.0 });
            store.update(&[reading(ap, -60.0 + wobble, minute * 60_000)], keeping);
        }
        let now = store.newest().unwrap();
        store.readings(now, keeping).map(|it| it.rssi.0).collect::<Vec<_>>()
    };
    let standing = held_with(&settings.standing);
    assert_eq!(standing.len(), 4, "each is off the others' minute");
    assert!(standing.iter().all(|rssi| (rssi + 60.0).abs() < 4.0), "{standing:?}");
    assert_eq!(held_with(&settings.moving).len(), 1);
}

#[test]
fn bands_of_one_access_point_are_kept_apart() {
    let mut store = ReadingStore::default();
    let other = Reading { band: Band::Ghz2_4, ..reading(1, -50.0, 0) };
    update(&mut store, &[reading(1, -60.0, 0), other]);
    assert_eq!(held(&store).len(), 2);
}

#[test]
fn duplicates_and_late_readings_change_nothing() {
    let mut store = ReadingStore::default();
    let report = [reading(1, -60.0, 5_000), reading(2, -65.0, 5_000)];
    assert_eq!(update(&mut store, &report), Change::Moved);
    assert_eq!(update(&mut store, &report), Change::Nothing);
    assert_eq!(update(&mut store, &[reading(1, -30.0, 4_000)]), Change::Nothing);
    assert_eq!(held(&store), [(1, -60.0), (2, -65.0)]);
}

#[test]
fn strengths_that_no_radio_reports_are_refused() {
    let mut store = ReadingStore::default();
    for rssi in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9, -200.0] {
        assert_eq!(update(&mut store, &[reading(1, rssi, 1)]), Change::Nothing);
    }
    assert_eq!(store.newest(), None);
}

#[test]
fn only_a_real_change_asks_for_an_estimate() {
    let mut store = ReadingStore::default();
    let report = |rssi, at_ms| [reading(1, rssi, at_ms), reading(2, -60.0, at_ms)];
    assert_eq!(update(&mut store, &report(-60.0, 0)), Change::Moved);
    assert_eq!(update(&mut store, &report(-61.0, 60_000)), Change::Renewed);
    // Small steps add up.
    assert_eq!(update(&mut store, &report(-62.5, 120_000)), Change::Moved);
    assert_eq!(update(&mut store, &report(-62.5, 180_000)), Change::Renewed);
    // One more, and one less.
    let mut more = report(-62.5, 240_000).to_vec();
    more.push(reading(3, -80.0, 240_000));
    assert_eq!(update(&mut store, &more), Change::Moved);
    assert_eq!(update(&mut store, &report(-62.5, 300_000)), Change::Moved);
}

#[test]
fn readings_that_are_old_beside_the_newest_are_forgotten() {
    let mut store = ReadingStore::default();
    update(&mut store, &[reading(1, -60.0, 0), reading(2, -60.0, 9_000)]);
    assert_eq!(held(&store).len(), 2);
    update(&mut store, &[reading(2, -60.0, 11_000)]);
    assert_eq!(held(&store), [(2, -60.0)]);
    // One that arrives as late as that is not taken in either.
    assert_eq!(update(&mut store, &[reading(1, -60.0, 500)]), Change::Nothing);
}

#[test]
fn readings_that_are_old_beside_the_present_are_not_used() {
    let mut store = ReadingStore::default();
    update(&mut store, &[reading(1, -60.0, 1_000)]);
    let keeping = Settings::default().moving;
    assert_eq!(store.readings(Time(61_000), &keeping).count(), 1);
    assert_eq!(store.readings(Time(61_001), &keeping).count(), 0);
}

#[test]
fn a_full_store_gives_up_its_weakest_then_its_oldest() {
    let mut store = ReadingStore::default();
    let full: Vec<_> = (0..SLOTS_MAX as u64)
        .map(|ap| reading(ap, if ap < 2 { -90.0 } else { -70.0 }, 1_000 - ap))
        .collect();
    update(&mut store, &full);
    assert_eq!(update(&mut store, &[reading(100, -95.0, 1_000)]), Change::Nothing);
    update(&mut store, &[reading(100, -50.0, 1_000)]);
    let held = held(&store);
    assert_eq!(held.len(), SLOTS_MAX);
    // Number 1 was as weak as number 0, and older.
    assert_eq!((held[0].0, held[1].0), (0, 2));
    assert_eq!(held[SLOTS_MAX - 1], (100, -50.0));
}

fn any_rssi() -> impl Strategy<Value = f32> {
    prop_oneof![8 => -100.0_f32..-20.0, 1 => any::<f32>()]
}

proptest! {
    #[test]
    fn any_reports_leave_a_sound_store(
        reports in prop::collection::vec(
            prop::collection::vec((0_u64..40, any_rssi(), 0_u64..100_000), 0..30),
            0..20,
        ),
    ) {
        let mut store = ReadingStore::default();
        for report in reports {
            let report: Vec<_> = report
                .into_iter()
                .map(|(ap, rssi, at_ms)| reading(ap, rssi, at_ms))
                .collect();
            let before = held(&store);
            let change = update(&mut store, &report);
            let held = held(&store);
            prop_assert!(held.len() <= SLOTS_MAX);
            prop_assert!(held.iter().all(|(_, rssi)| Reading::STRENGTHS.contains(rssi)));
            prop_assert!(held.windows(2).all(|pair| pair[0].0 != pair[1].0));
            if change == Change::Nothing {
                prop_assert_eq!(before, held);
            }
        }
    }
}
