use model::{Category, Mac};

use super::*;
use crate::visit::tests::{stay, visits_of};

const HOUR_MIN: u64 = 60;
const DAY_MIN: u64 = 24 * HOUR_MIN;

fn spans(length_min: u64, count: u64) -> Vec<Span> {
    let at = |n: u64| Time(n * length_min * 60_000);
    (0..count).map(|n| Span { from: at(n), until: at(n + 1) }).collect()
}

fn days() -> Vec<Span> {
    spans(DAY_MIN, 3)
}

/// Visitors, connected and passers-by of each hour.
fn check_counts(stays: &[&str], expected: &[(u64, u64, u64)]) {
    let spans = spans(HOUR_MIN, expected.len() as u64);
    let found = counts(&visits_of(stays), &Rules::default(), &spans);
    let found: Vec<_> = found.iter().map(|it| (it.visitors, it.connected, it.passers_by)).collect();
    assert_eq!(found, expected, "{stays:?}");
}

#[test]
fn who_stays_for_hours_is_counted_in_each_of_them() {
    check_counts(&["1 F 30-130 -50"], &[(1, 0, 0), (1, 0, 0), (1, 0, 0), (0, 0, 0)]);
}

#[test]
fn an_hour_ends_where_the_next_begins() {
    check_counts(&["1 F 50-60 -50"], &[(1, 0, 0), (1, 0, 0)]);
    check_counts(&["1 F 50-59 -50"], &[(1, 0, 0), (0, 0, 0)]);
}

#[test]
fn who_comes_twice_is_one_visitor_of_the_highest_standing() {
    check_counts(&["1 F 0-1 -90", "1 F 30-31 -90 c"], &[(1, 1, 0)]);
    check_counts(&["1 F 0-1 -90", "1 F 30-31 -90", "2 F 0-9 -50"], &[(1, 0, 1)]);
}

#[test]
fn connected_ones_are_visitors_too() {
    check_counts(&["1 F 0-1 -90 c", "2 F 0-20 -50", "3 F 0-20 -90"], &[(2, 1, 1)]);
}

/// Visitors of each span by class of dwell, shortest first.
fn check_dwell(stays: &[&str], spans: &[Span], expected: &[[u64; 6]]) {
    let found = dwell(&visits_of(stays), &Rules::default(), &days(), spans);
    let found: Vec<[u64; 6]> =
        found.iter().map(|tallies| tallies.map(|tally| tally.count)).collect();
    assert_eq!(found, expected, "{stays:?}");
}

#[test]
fn a_day_counts_visitors_by_their_dwell() {
    let day = spans(DAY_MIN, 1);
    check_dwell(
        &[
            "1 F 0-2 -50 c",
            "2 F 0-5 -50",
            "3 F 0-30 -50",
            "4 F 0-60 -50",
            "5 F 0-300 -50",
            "6 F 0-480 -50",
            "7 F 0-480 -90",
        ],
        &day,
        &[[1, 1, 1, 1, 1, 1]],
    );
    check_dwell(&["1 F 0-20 -50", "1 F 600-620 -50"], &day, &[[0, 0, 1, 0, 0, 0]]);
}

#[test]
fn an_hour_counts_its_visitors_by_the_dwell_of_their_day() {
    let hours = spans(HOUR_MIN, 3);
    let class = [0, 0, 0, 1, 0, 0];
    check_dwell(&["1 F 50-130 -50"], &hours, &[class, class, class]);
    check_dwell(&["1 F 0-10 -50", "1 F 120-170 -50"], &hours, &[class, [0; 6], class]);
}

#[test]
fn a_night_belongs_to_both_days() {
    let days = spans(DAY_MIN, 2);
    let day = [0, 0, 0, 1, 0, 0];
    check_dwell(&["1 F 1380-1520 -50"], &days, &[day, day]);
}

/// `days` are the days before on which the visitor came; 1 is yesterday.
fn check_repeat(days: &[usize], expected: Repeat) {
    let visitor: Element = (Category::WirelessClient, Mac::from_u64(1));
    let before: Vec<BTreeSet<Element>> = (1..=REPEAT_DAYS)
        .map(|day| days.contains(&day).then_some(visitor).into_iter().collect())
        .collect();
    let found = repeats([&visitor], &before.iter().collect::<Vec<_>>());
    let mut repeats = Repeats::default();
    repeats[expected as usize] = 1;
    assert_eq!(found, repeats, "{days:?} is not {}", expected.word());
}

#[test]
fn a_visitor_has_one_class_of_repeat() {
    check_repeat(&[], Repeat::FirstTime);
    check_repeat(&[1], Repeat::Yesterday);
    check_repeat(&[1, 2, 3, 4], Repeat::Yesterday);
    check_repeat(&[1, 2, 3, 4, 7], Repeat::Daily);
    check_repeat(&[2, 9, 16], Repeat::Weekly);
    check_repeat(&[1, 8, 15, 22], Repeat::Weekly);
    check_repeat(&[2, 9], Repeat::Occasional);
    check_repeat(&[28], Repeat::Occasional);
}

/// Flows of the hours from 1 to 3 as `from to count`; `-` is outside.
fn check_flows(stays: &[&str], expected: &[&str]) {
    let letter = |place: Option<MapId>| place.map_or('-', |place| char::from(place.0 as u8));
    let span = Span { from: spans(HOUR_MIN, 2)[1].from, until: spans(HOUR_MIN, 3)[2].until };
    let mut found: Vec<String> = flows(stays.iter().map(|text| stay(text)).collect(), &span)
        .iter()
        .map(|flow| format!("{} {} {}", letter(flow.from), letter(flow.to), flow.count))
        .collect();
    found.sort();
    assert_eq!(found, expected, "{stays:?}");
}

#[test]
fn elements_flow_from_outside_through_places_and_out() {
    check_flows(&["1 A 60-65", "1 B 66-69"], &["- A 1", "A B 1", "B - 1"]);
    check_flows(
        &["1 A 60-65", "1 B 66-69", "2 A 60-65", "2 B 75-80"],
        &["- A 2", "A B 2", "B - 2"],
    );
}

#[test]
fn a_long_break_leads_outside() {
    check_flows(&["1 A 60-65", "1 B 90-95"], &["- A 1", "- B 1", "A - 1", "B - 1"]);
}

#[test]
fn two_stays_at_one_place_are_no_flow() {
    check_flows(&["1 A 60-65", "1 A 66-69"], &["- A 1", "A - 1"]);
    check_flows(&[], &[]);
}

#[test]
fn what_was_before_is_not_counted_but_tells_where_from() {
    check_flows(&["1 A 30-59", "1 B 61-69"], &["A B 1", "B - 1"]);
    check_flows(&["1 A 0-5"], &[]);
}

#[test]
fn who_was_there_just_now_has_not_left() {
    check_flows(&["1 A 100-170"], &["- A 1"]);
    check_flows(&["1 A 100-169"], &["- A 1", "A - 1"]);
}
