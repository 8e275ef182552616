//! Every condition, as an element's life makes it fire.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use model::geometry::Point;
use model::map::MapId;
use model::{Battery, BatteryLevel, Category, Emergency, Encounter, Mac, TagReport, Telemetry};
use notify::{Area, Boundary, Condition, EventKind, Filter, Input, Subject};

mod common;

use common::{FLOOR, MINUTE_MS, START, World, client, definition, lobby};

fn inside(boundary: Boundary) -> EventKind {
    EventKind::Containment { area: format!("{FLOOR}>Lobby").into(), boundary }
}

/// Probabilities of being in the lobby, one a second, and what each of them fires.
fn check_lobby(wanted: Option<Boundary>, steps: &[(f32, Option<Boundary>)]) {
    let area = format!("{FLOOR}>Lobby");
    let mut world = World::new(vec![definition(
        "lobby",
        vec![Condition::Containment { area, boundary: wanted }],
    )]);
    for (step, (probability, expected)) in steps.iter().enumerate() {
        world.pass(1_000);
        world.observe(client(1, world.now, *probability));
        let expected: Vec<EventKind> = expected.iter().map(|it| inside(*it)).collect();
        assert_eq!(world.kinds(), expected, "step {step}: {probability}");
    }
}

#[test]
fn an_element_on_the_edge_does_not_go_in_and_out() {
    use Boundary::{Inside, Outside};
    check_lobby(
        None,
        &[
            (0.0, None),
            (0.69, None),
            (0.71, Some(Inside)),
            (0.5, None),
            (0.31, None),
            (0.29, Some(Outside)),
            (0.5, None),
            (0.7, None),
            (1.0, Some(Inside)),
        ],
    );
}

#[test]
fn only_the_wanted_side_is_told() {
    use Boundary::{Inside, Outside};
    check_lobby(Some(Inside), &[(1.0, Some(Inside)), (0.0, None), (1.0, Some(Inside))]);
    check_lobby(Some(Outside), &[(0.0, None), (1.0, None), (0.0, Some(Outside)), (0.0, None)]);
}

#[test]
fn who_loses_its_position_has_not_left() {
    let mut world = World::new(vec![definition("lobby", vec![lobby()])]);
    world.observe(client(1, START, 1.0));
    assert_eq!(world.count(), 1);
    world.observe(Subject { place: None, ..client(1, START, 1.0) });
    world.observe(client(1, START, 1.0));
    assert_eq!(world.kinds(), []);
}

#[test]
fn who_leaves_the_area_of_the_filter_leaves_its_zones() {
    let mut watched = definition("lobby", vec![lobby(), Condition::LocationUpdate]);
    watched.filter.area = FLOOR.into();
    let mut world = World::new(vec![watched]);
    world.observe(client(1, START, 1.0));
    assert_eq!(world.kinds(), [inside(Boundary::Inside), EventKind::LocationUpdate]);
    let mut upstairs = client(1, START, 0.0);
    upstairs.place.as_mut().unwrap().floor = "North>Main>First".into();
    world.observe(upstairs.clone());
    assert_eq!(world.kinds(), [inside(Boundary::Outside)], "and no update from there");
    world.observe(upstairs);
    assert_eq!(world.kinds(), []);
}

#[test]
fn movement_is_measured_from_where_it_was_told() {
    let mut world =
        World::new(vec![definition("moves", vec![Condition::Movement { distance_m: 5.0 }])]);
    let mut check = |x: f32, floor: &str, expected: &[EventKind]| {
        let mut subject = client(1, START, 0.0);
        let position = subject.element.position.as_mut().unwrap();
        (position.point, position.floor) = (Point::new(x, 0.0), MapId::of(floor));
        world.observe(subject);
        assert_eq!(world.kinds(), expected, "at {x} on {floor}");
    };
    let moved = |moved_m| EventKind::Movement { moved_m, trigger_m: 5.0 };
    check(0.0, FLOOR, &[]);
    check(4.9, FLOOR, &[]);
    check(5.5, FLOOR, &[moved(Some(5.5))]);
    check(1.0, FLOOR, &[]);
    check(0.5, FLOOR, &[moved(Some(5.0))]);
    check(0.5, "North>Main>First", &[moved(None)]);
}

#[test]
fn absence_is_told_once_per_silence() {
    let mut world = World::new(vec![definition("gone", vec![Condition::Absence { minutes: 5 }])]);
    world.observe(client(1, START, 0.0));
    world.pass(3 * MINUTE_MS);
    world.observe(client(1, world.now, 0.0));
    world.pass(4 * MINUTE_MS);
    assert_eq!(world.kinds(), [], "it was heard again");
    world.pass(MINUTE_MS);
    assert_eq!(world.kinds(), [EventKind::Absence { absent_ms: 5 * MINUTE_MS }]);
    // The table says that it changed when it goes missing: that is not being heard.
    let silent_since = world.now.minus_ms(5 * MINUTE_MS);
    world.observe(client(1, silent_since, 0.0));
    world.pass(60 * MINUTE_MS);
    assert_eq!(world.kinds(), []);
    world.observe(client(1, world.now, 0.0));
    world.pass(5 * MINUTE_MS);
    assert_eq!(world.count(), 1, "a new silence");
}

#[test]
fn who_is_forgotten_is_absent() {
    let mut world =
        World::new(vec![definition("gone", vec![Condition::Absence { minutes: 1_440 }])]);
    world.observe(client(1, START, 0.0));
    world.pass(MINUTE_MS);
    let gone = || Input::Gone { category: Category::WirelessClient, mac: Mac::from_u64(1) };
    world.tell(gone());
    assert_eq!(world.kinds(), [EventKind::Absence { absent_ms: MINUTE_MS }]);
    world.tell(gone());
    world.pass(2_000 * MINUTE_MS);
    assert_eq!(world.kinds(), []);
    assert_eq!(world.notifier.watched(), 0);
}

#[test]
fn who_is_forgotten_has_left_zones_and_network() {
    let association = |associated| Condition::Association { associated };
    let area = || format!("{FLOOR}>Lobby");
    let into = Condition::Containment { area: area(), boundary: Some(Boundary::Inside) };
    let conditions = vec![lobby(), into, association(None), association(Some(true))];
    let mut world = World::new(vec![definition("all", conditions)]);
    let mut subject = client(1, START, 1.0);
    subject.element.association.associated = true;
    world.observe(subject.clone());
    assert_eq!(world.count(), 4);
    let gone = || Input::Gone { category: Category::WirelessClient, mac: Mac::from_u64(1) };
    world.tell(gone());
    let left = [inside(Boundary::Outside), EventKind::Association { associated: false }];
    assert_eq!(world.kinds(), left);
    world.tell(gone());
    assert_eq!(world.kinds(), []);
    world.observe(subject);
    assert_eq!(world.count(), 4, "it comes anew");
}

#[test]
fn a_zone_that_is_left_slowly_is_changed_once() {
    let mut world = World::new(vec![definition("area", vec![Condition::AreaChange])]);
    let mut check = |probability, expected: Option<(&str, &str)>| {
        world.observe(client(1, START, probability));
        let path = |zone: &str| format!("{FLOOR}{zone}").into();
        let change = |(from, to)| EventKind::AreaChange { from: path(from), to: path(to) };
        assert_eq!(world.kinds(), expected.map(change).into_iter().collect::<Vec<_>>());
    };
    check(0.0, None);
    check(0.8, Some(("", ">Lobby")));
    check(0.5, None);
    check(0.2, Some((">Lobby", "")));
    check(0.5, None);
}

#[test]
fn joining_and_leaving_the_network_are_told() {
    let condition = Condition::Association { associated: None };
    let mut world = World::new(vec![definition("wifi", vec![condition])]);
    let mut check = |associated, is_told| {
        let mut subject = client(1, START, 0.0);
        subject.element.association.associated = associated;
        world.observe(subject);
        let expected: Vec<_> =
            Some(EventKind::Association { associated }).into_iter().filter(|_| is_told).collect();
        assert_eq!(world.kinds(), expected);
    };
    check(false, false);
    check(true, true);
    check(true, false);
    check(false, true);
}

#[test]
fn the_first_report_after_a_restart_says_how_things_are() {
    for is_associated in [true, false] {
        let condition = Condition::Association { associated: None };
        let mut world = World::new(Vec::new());
        world.tell(Input::Definitions(vec![definition("wifi", vec![condition])]));
        let mut subject = client(1, START, 0.0);
        subject.element.controller = "".into();
        world.observe(subject);
        world.tell(Input::Learned);
        let mut report = |associated| {
            let mut subject = client(1, START, 0.0);
            subject.element.association.associated = associated;
            world.observe(subject);
            world.kinds()
        };
        assert_eq!(report(is_associated), []);
        let is = EventKind::Association { associated: !is_associated };
        assert_eq!(report(!is_associated), [is]);
    }
}

#[test]
fn only_joining_or_only_leaving_can_be_told() {
    for wanted in [true, false] {
        let condition = Condition::Association { associated: Some(wanted) };
        let mut world = World::new(vec![definition("wifi", vec![condition])]);
        for associated in [true, false, true, false] {
            let mut subject = client(1, START, 0.0);
            subject.element.association.associated = associated;
            world.observe(subject);
        }
        let told = EventKind::Association { associated: wanted };
        assert_eq!(world.kinds(), [told.clone(), told]);
    }
}

#[test]
fn a_tag_tells_of_battery_emergency_and_chokepoint() {
    let mut world = World::new(vec![definition(
        "tags",
        vec![
            Condition::Battery { level: BatteryLevel::Low },
            Condition::Emergency { reason: None },
            Condition::Chokepoint { name: Some("Gate".into()) },
        ],
    )]);
    let mut check = |percent: Option<u8>,
                     emergency,
                     chokepoint: Option<(&str, u64)>,
                     expected: &[EventKind]| {
        let mut subject = client(1, START, 0.0);
        subject.element.tag = Some(Box::new(TagReport {
            at: START,
            battery: percent.map(|percent| Battery { percent, tolerance_percent: 0 }),
            emergency,
            encounter: chokepoint.map(|(name, second)| {
                let at = START.plus_ms(second * 1_000);
                Encounter { chokepoint: name.into(), since: at, until: at }
            }),
            telemetry: Telemetry::default(),
        }));
        world.observe(subject);
        assert_eq!(world.kinds(), expected);
    };
    let low = EventKind::Battery { level: BatteryLevel::Low };
    let panic = EventKind::Emergency { reason: Emergency::PanicButton };
    let gate = EventKind::Chokepoint { name: "Gate".into() };
    let (none, pressed) = (None, Some(Emergency::PanicButton));
    check(Some(40), none, None, &[]);
    check(Some(10), none, None, std::slice::from_ref(&low));
    check(Some(9), pressed, None, std::slice::from_ref(&panic));
    check(Some(100), pressed, Some(("Door", 1)), &[]);
    check(None, none, Some(("Gate", 2)), std::slice::from_ref(&gate));
    check(None, none, Some(("Gate", 2)), &[]);
    check(None, none, Some(("Gate", 90)), std::slice::from_ref(&gate));
    check(Some(10), pressed, Some(("Gate", 90)), &[low, panic]);
}

#[test]
fn what_still_holds_is_told_again_after_the_refresh_time() {
    let mut again = definition("lobby", vec![lobby()]);
    again.refresh_min = 10;
    let mut world = World::new(vec![again]);
    world.observe(client(1, START, 1.0));
    assert_eq!(world.count(), 1);
    world.pass(25 * MINUTE_MS);
    assert_eq!(world.kinds(), [inside(Boundary::Inside), inside(Boundary::Inside)]);
    world.observe(client(1, world.now, 0.0));
    assert_eq!(world.kinds(), [inside(Boundary::Outside)]);
    world.pass(60 * MINUTE_MS);
    assert_eq!(world.kinds(), []);
}

#[test]
fn how_things_are_when_an_engine_takes_over_is_not_news() {
    let conditions = vec![
        lobby(),
        Condition::Absence { minutes: 5 },
        Condition::AreaChange,
        Condition::LocationUpdate,
    ];
    let mut world = World::new(Vec::new());
    world.now = START.plus_ms(60 * MINUTE_MS);
    world.tell(Input::Definitions(vec![definition("all", conditions)]));
    world.observe(client(1, START, 1.0));
    world.tell(Input::Learned);
    world.pass(60 * MINUTE_MS);
    assert_eq!(world.kinds(), [], "neither where it is nor that it was silent before");
    world.observe(client(1, world.now, 0.0));
    assert_eq!(world.count(), 3, "it left, changed areas and has a new position");
    world.pass(5 * MINUTE_MS);
    assert_eq!(world.kinds(), [EventKind::Absence { absent_ms: 5 * MINUTE_MS }]);
}

fn check_filter(filter: &Filter, is_meant: bool) {
    let mut watched = definition("all", vec![Condition::LocationUpdate]);
    watched.filter = filter.clone();
    let mut world = World::new(vec![watched]);
    world.observe(client(0x00_0c_cc_00_00_01, START, 0.0));
    assert_eq!(world.count() == 1, is_meant, "{filter:?}");
    assert!(is_meant || world.notifier.watched() == 0 || !filter.area.is_empty());
}

#[test]
fn a_filter_is_about_all_of_category_address_and_area() {
    let macs = |pattern: &str| vec![pattern.parse().unwrap()];
    let clients = vec![Category::WirelessClient];
    check_filter(&Filter::default(), true);
    check_filter(&Filter { categories: vec![Category::Tag], ..Filter::default() }, false);
    check_filter(&Filter { macs: macs("00:0c:cc:*"), ..Filter::default() }, true);
    check_filter(&Filter { macs: macs("00:0c:cd:*"), ..Filter::default() }, false);
    check_filter(&Filter { area: "North>Main".into(), ..Filter::default() }, true);
    check_filter(&Filter { area: "South".into(), ..Filter::default() }, false);
    let all = Filter { categories: clients, macs: macs("00:0c:cc:00:00:01"), area: FLOOR.into() };
    check_filter(&all, true);
    check_filter(&Filter { area: "South".into(), ..all }, false);
}

#[test]
fn scrambled_events_name_nobody() {
    let mut hidden = definition("all", vec![Condition::LocationUpdate]);
    hidden.scramble_salt = Some("pepper".into());
    let mut world = World::new(vec![hidden]);
    let mut subject = client(1, START, 0.0);
    subject.element.association.username = Some("anna".into());
    subject.element.association.ip_addresses = vec!["192.0.2.10".parse().unwrap()];
    world.observe(subject);
    let element = &world.sent[0].2.subject.element;
    assert_eq!(element.mac, notify::scrambled(Mac::from_u64(1), "pepper"));
    assert_eq!(element.association.username, None);
    assert!(element.association.ip_addresses.is_empty());
}

#[test]
fn a_definition_that_stays_the_same_goes_on_when_others_change() {
    let stays = definition("stays", vec![lobby()]);
    let mut world = World::new(vec![stays.clone()]);
    world.observe(client(1, START, 1.0));
    assert_eq!(world.count(), 1);
    world.define(vec![definition("new", vec![lobby()]), stays.clone()]);
    world.observe(client(1, START, 1.0));
    let told: Vec<_> =
        world.sent.drain(..).map(|(_, _, event)| event.definition.to_string()).collect();
    assert_eq!(told, ["new"], "the old one has told it");
    let mut off = stays;
    off.enabled = false;
    world.define(vec![off]);
    assert!(world.notifier.is_idle());
    world.observe(client(1, START, 0.0));
    assert_eq!(world.kinds(), []);
}

#[test]
fn what_is_known_already_is_no_news_to_a_new_definition() {
    let old = definition("old", vec![lobby()]);
    let mut world = World::new(vec![old.clone()]);
    let told = |world: &mut World| {
        let events = world.sent.drain(..);
        events.map(|(_, _, event)| event.definition.to_string()).collect::<BTreeSet<_>>()
    };
    let learn = |world: &mut World, definitions| {
        world.tell(Input::Definitions(definitions));
        // A notice that was on its way, and what is known.
        world.observe(client(1, START, 1.0));
        world.observe(client(1, START, 1.0));
        world.tell(Input::Learned);
    };
    let both = vec![old, definition("new", vec![lobby()])];
    learn(&mut world, both.clone());
    assert_eq!(told(&mut world), BTreeSet::from(["old".into()]), "to which it came in");
    learn(&mut world, both);
    world.observe(client(1, START, 1.0));
    assert_eq!(told(&mut world), BTreeSet::new(), "definitions that stay remember");
    world.observe(client(1, START, 0.0));
    assert_eq!(told(&mut world), BTreeSet::from(["new".into(), "old".into()]));
}

#[test]
fn zones_of_another_floor_with_the_same_name_are_others() {
    let mut world = World::new(vec![definition("lobby", vec![lobby()])]);
    let mut subject = client(1, START, 0.0);
    let place = subject.place.as_mut().unwrap();
    place.floor = "North>Main>First".into();
    place.zones = vec![Area { zone: "Lobby".into(), probability: 1.0 }];
    world.observe(subject);
    assert_eq!(world.kinds(), []);
}
