//! What the wIPS service sees, and who is told of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use model::{Category, Mac};
use notify::{Alert, Condition, EventKind, Gravity, Incident, Input, MacPattern, Phase, Seen};

mod common;

use common::{START, World, client, definition};

fn incident(phase: Phase, severity: Gravity) -> Alert {
    Alert::Incident(Box::new(Incident {
        id: 7,
        phase,
        seen: Seen {
            severity,
            kinds: vec![
                ("evil-twin".into(), "impersonation".into()),
                ("deauthentication-flood".into(), "station".into()),
            ],
        },
        before: None,
        name: "Evil twin".into(),
        fidelity: 92,
        who: "own".into(),
        transmitter: Some(Mac::from_u64(9)),
        victim: Some(Mac::from_u64(8)),
        ssid: Some("corp".into()),
        frames: 3,
    }))
}

fn wanted(kinds: &[&str], classes: &[&str], severity: Option<Gravity>) -> Condition {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    Condition::Incident {
        phase: Some(Phase::Opened),
        severity,
        kinds: words(kinds),
        classes: words(classes),
    }
}

fn see(world: &mut World, alert: Alert) {
    let subject = Box::new(client(9, START, 1.0));
    world.tell(Input::Seen { subject, alert: Box::new(alert) });
}

fn check(condition: &Condition, alert: Alert, expected: usize) {
    let mut world = World::new(vec![definition("air", vec![condition.clone()])]);
    see(&mut world, alert);
    assert_eq!(world.count(), expected, "{condition:?}");
}

#[test]
fn an_incident_is_told_to_whom_it_concerns() {
    let opened = || incident(Phase::Opened, Gravity::Major);
    check(&wanted(&[], &[], None), opened(), 1);
    check(&wanted(&[], &[], None), incident(Phase::Closed, Gravity::Major), 0);
    check(&wanted(&["deauthentication-flood"], &[], None), opened(), 1);
    check(&wanted(&["karma"], &[], None), opened(), 0);
    check(&wanted(&[], &["station"], None), opened(), 1);
    check(&wanted(&[], &["medium"], None), opened(), 0);
    check(&wanted(&[], &[], Some(Gravity::Major)), opened(), 1);
    check(&wanted(&[], &[], Some(Gravity::Critical)), opened(), 0);
    check(&Condition::SensorSilent, opened(), 0);
    check(&Condition::LocationUpdate, opened(), 0);
}

#[test]
fn an_incident_that_grows_is_told_to_whom_it_did_not_concern_before() {
    let grown = || {
        let Alert::Incident(mut it) = incident(Phase::Opened, Gravity::Critical) else { panic!() };
        let kinds = vec![("deauthentication-flood".into(), "station".into())];
        it.before = Some(Seen { severity: Gravity::Major, kinds });
        Alert::Incident(it)
    };
    check(&wanted(&[], &[], None), grown(), 0);
    check(&wanted(&[], &[], Some(Gravity::Major)), grown(), 0);
    check(&wanted(&[], &[], Some(Gravity::Critical)), grown(), 1);
    check(&wanted(&["evil-twin"], &[], None), grown(), 1);
    check(&wanted(&["deauthentication-flood"], &[], None), grown(), 0);
}

#[test]
fn rogues_are_told_by_class() {
    let rogue = || Alert::Rogue { class: "malicious".into(), reason: "attacks".into(), ssid: None };
    check(&Condition::Rogue { classes: vec![] }, rogue(), 1);
    check(&Condition::Rogue { classes: vec!["malicious".into()] }, rogue(), 1);
    check(&Condition::Rogue { classes: vec!["friendly".into()] }, rogue(), 0);
}

#[test]
fn the_filter_asks_for_address_and_area_and_not_for_a_category() {
    let silent = || Alert::SensorSilent {
        sensor: "roof".into(),
        controller: "wlc:1".into(),
        text: "".into(),
    };
    let mut air = definition("air", vec![Condition::SensorSilent]);
    air.filter.categories = vec![Category::Tag];
    let mut elsewhere = air.clone();
    (elsewhere.name, elsewhere.filter.area) = ("elsewhere".into(), "South".into());
    let mut other = air.clone();
    (other.name, other.filter.macs) =
        ("other".into(), vec!["00:00:00:00:00:01".parse::<MacPattern>().unwrap()]);
    let mut world = World::new(vec![air, elsewhere, other]);
    see(&mut world, silent());
    let told: Vec<_> =
        world.sent.iter().map(|(_, _, event)| event.definition.to_string()).collect();
    assert_eq!(told, ["air"]);
}

#[test]
fn scrambled_addresses_are_scrambled_in_incidents_too() {
    let mut air = definition("air", vec![wanted(&[], &[], None)]);
    air.scramble_salt = Some("salt".into());
    let mut world = World::new(vec![air]);
    see(&mut world, incident(Phase::Opened, Gravity::Major));
    let kinds = world.kinds();
    let [EventKind::Alert(alert)] = kinds.as_slice() else { panic!("{kinds:?}") };
    let Alert::Incident(told) = &**alert else { panic!("{alert:?}") };
    assert_eq!(told.transmitter, Some(notify::scrambled(Mac::from_u64(9), "salt")));
    assert_eq!(told.victim, Some(notify::scrambled(Mac::from_u64(8), "salt")));
}

#[test]
fn who_only_watches_the_air_watches_no_elements() {
    let mut world = World::new(vec![definition("air", vec![Condition::SensorSilent])]);
    assert!(!world.notifier.is_about(Category::WirelessClient, Mac::from_u64(1)));
    world.observe(client(1, START, 1.0));
    assert_eq!((world.notifier.watched(), world.count()), (0, 0));
}
