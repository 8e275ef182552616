use model::map::MapId;
use model::{Category, Mac};

use super::*;

/// `1 F 0-10 -60 c`: element, place, minutes, dBm, connected.
pub(crate) fn stay(text: &str) -> Stay {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (entered, left) = words[2].split_once('-').unwrap();
    let minutes = |text: &str| Time(text.parse::<u64>().unwrap() * 60_000);
    Stay {
        category: Category::WirelessClient,
        mac: Mac::from_u64(words[0].parse().unwrap()),
        place: MapId(u64::from(words[1].bytes().next().unwrap())),
        entered: minutes(entered),
        left: minutes(left),
        strongest_dbm: words.get(3).map(|dbm| dbm.parse().unwrap()),
        is_connected: words.get(4) == Some(&"c"),
    }
}

pub(crate) fn visits_of(stays: &[&str]) -> Vec<Visit> {
    visits(stays.iter().map(|text| stay(text)).collect())
}

/// Visits as `1 0-10 dwell`, in minutes.
fn check(stays: &[&str], expected: &[&str]) {
    let shown = |visit: &Visit| {
        let minutes = |ms: u64| ms / 60_000;
        let (from, until) = (minutes(visit.from.0), minutes(visit.until.0));
        format!("{} {from}-{until} {}", visit.element.1.to_u64(), minutes(visit.dwell_ms))
    };
    let found: Vec<String> = visits_of(stays).iter().map(shown).collect();
    assert_eq!(found, expected, "{stays:?}");
}

#[test]
fn short_breaks_do_not_end_a_visit_and_are_left_out_of_its_dwell() {
    check(&["1 F 0-10", "1 G 15-20"], &["1 0-20 15"]);
    check(&["1 F 0-10", "1 G 20-25"], &["1 0-25 15"]);
    check(&["1 F 0-10", "1 G 21-25"], &["1 0-10 10", "1 21-25 4"]);
}

#[test]
fn time_at_two_places_counts_once() {
    check(&["1 F 0-10", "1 L 2-4", "1 G 8-12"], &["1 0-12 12"]);
}

#[test]
fn elements_are_apart() {
    check(&["2 F 0-10", "1 F 0-10", "1 F 5-6"], &["1 0-10 10", "2 0-10 10"]);
}

fn check_standing(stays: &[&str], expected: Standing) {
    let visits = visits_of(stays);
    let [visit] = &visits[..] else { panic!("{visits:?} is not one visit") };
    assert_eq!(visit.standing(&Rules::default()), expected, "{stays:?}");
}

#[test]
fn a_visitor_is_connected_or_heard_well_for_long() {
    check_standing(&["1 F 0-1 -90 c"], Standing::Connected);
    check_standing(&["1 F 0-5 -65"], Standing::Visitor);
    check_standing(&["1 F 0-4 -40"], Standing::PasserBy);
    check_standing(&["1 F 0-60 -66"], Standing::PasserBy);
    check_standing(&["1 F 0-60"], Standing::PasserBy);
    // Each part alone would not be enough.
    check_standing(&["1 F 0-3 -50", "1 G 3-6 -80"], Standing::Visitor);
}
