//! Queues of receivers: order, pace, retries, drops; and what a flood costs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use model::{Mac, Time};
use notify::{
    CROWD, Condition, Counts, Definition, ELEMENTS_MAX, IN_FLIGHT_MAX, Input, PAUSE_MAX_MS,
    PAUSE_MS, Reach,
};
use proptest::prelude::*;

mod common;

use common::{START, World, client, definition, lobby, receiver};

fn updates() -> Definition {
    definition("updates", vec![Condition::LocationUpdate])
}

fn counts(world: &World, place: usize) -> Counts {
    world.notifier.status()[0].receivers[place].counts
}

/// Position updates of `elements` elements, `each` times.
fn update(world: &mut World, elements: u64, each: u64) {
    for _ in 0..each {
        world.now = world.now.plus_ms(1);
        for number in 1..=elements {
            world.observe(client(number, world.now, 0.0));
        }
    }
}

fn fail(world: &mut World) {
    for (ticket, _, _) in std::mem::take(&mut world.sent) {
        world.tell(Input::Failed { ticket, reason: "answered 500".into() });
    }
}

#[test]
fn one_element_is_told_about_in_order_and_others_beside_it() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 2, 3);
    assert_eq!(world.sent.len(), 2, "one event of each element");
    let (ticket, _, first) = world.sent.remove(0);
    world.tell(Input::Sent { ticket });
    let (_, _, next) = world.sent.last().unwrap();
    assert_eq!(next.subject.element.mac, first.subject.element.mac);
    assert!(next.id > first.id);
}

#[test]
fn so_many_are_on_their_way_at_once() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 30, 1);
    assert_eq!(world.sent.len(), IN_FLIGHT_MAX);
    assert_eq!(counts(&world, 0).waiting, 30 - IN_FLIGHT_MAX);
}

#[test]
fn a_full_queue_drops_the_oldest_and_counts_it() {
    let mut small = updates();
    small.queue_limit = 3;
    let mut world = World::new(vec![small]);
    world.takes = false;
    update(&mut world, 1, 10);
    let expected = Counts { fired: 10, dropped: 6, waiting: 3, in_flight: 1, ..Counts::default() };
    assert_eq!(counts(&world, 0), expected);
    let (ticket, _, _) = world.sent.pop().unwrap();
    world.tell(Input::Sent { ticket });
    assert_eq!(world.sent[0].2.id, 8, "the newest three are left");
}

#[test]
fn a_receiver_that_fails_is_asked_again_after_growing_pauses() {
    let mut stubborn = updates();
    stubborn.retry_count = 10;
    let mut world = World::new(vec![stubborn]);
    world.takes = false;
    update(&mut world, 1, 1);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        fail(&mut world);
        assert!(world.sent.is_empty());
        let at = world.notifier.deadline().unwrap();
        pauses.push(at.since_ms(world.now) / PAUSE_MS);
        world.pass(at.since_ms(world.now));
        assert_eq!(world.sent.len(), 1, "tried again");
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(PAUSE_MAX_MS, 60 * PAUSE_MS);
    let (ticket, _, _) = world.sent.pop().unwrap();
    world.tell(Input::Sent { ticket });
    assert_eq!(world.reach, ["http://192.0.2.9 down: answered 500", "http://192.0.2.9 up"]);
    let expected = Counts { fired: 1, sent: 1, failures: 9, ..Counts::default() };
    assert_eq!(counts(&world, 0), expected);
}

#[test]
fn an_event_is_given_up_after_the_last_try_and_counted() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 1, 1);
    for _ in 0..2 {
        fail(&mut world);
        world.pass(PAUSE_MAX_MS);
    }
    assert!(world.sent.is_empty());
    let expected = Counts { fired: 1, failures: 2, lost: 1, ..Counts::default() };
    assert_eq!(counts(&world, 0), expected);
    assert_eq!(world.notifier.status()[0].receivers[0].reach, Reach::Down);
}

#[test]
fn those_that_fail_together_are_one_failure_of_the_receiver() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 8, 1);
    fail(&mut world);
    let pause_ms = world.notifier.deadline().unwrap().since_ms(world.now);
    assert_eq!(pause_ms, PAUSE_MS);
    world.pass(pause_ms);
    assert_eq!(world.sent.len(), 1, "one asks whether it is back");
    let (ticket, _, _) = world.sent.pop().unwrap();
    world.tell(Input::Sent { ticket });
    assert_eq!(world.sent.len(), 7, "then all go on");
}

#[test]
fn a_receiver_that_hangs_delays_nobody_else() {
    let mut both = updates();
    both.receivers = vec![receiver("http://hangs/"), receiver("http://works/")];
    let mut world = World::new(vec![both, definition("other", vec![Condition::LocationUpdate])]);
    world.takes = false;
    for _ in 0..100 {
        update(&mut world, 5, 1);
        for (ticket, to, _) in std::mem::take(&mut world.sent) {
            if to.place() != "http://hangs" {
                world.tell(Input::Sent { ticket });
            }
        }
    }
    update(&mut world, 0, 1);
    let status = world.notifier.status();
    let of = |definition: usize, place: usize| status[definition].receivers[place].counts;
    assert_eq!(status[0].name, "other");
    assert!(of(0, 0).sent >= 495, "{:?}", of(0, 0));
    assert!(of(1, 1).sent >= 495, "{:?}", of(1, 1));
    assert_eq!((of(1, 0).sent, of(1, 0).in_flight, of(1, 0).waiting), (0, 5, 495));
}

#[test]
fn many_receivers_that_answer_slowly_leave_room_for_others() {
    let slow = (0..CROWD / IN_FLIGHT_MAX * 2).map(|number| {
        let receivers = vec![receiver(&format!("http://slow{number}.example/"))];
        Definition {
            receivers,
            ..definition(&format!("slow{number}"), vec![Condition::LocationUpdate])
        }
    });
    let mut world = World::new(slow.chain([updates()]).collect());
    world.takes = false;
    update(&mut world, 30, 1);
    let slow = CROWD / IN_FLIGHT_MAX * 2;
    assert!(world.sent.len() <= CROWD + slow, "{}", world.sent.len());
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for (_, receiver, _) in &world.sent {
        *told.entry(receiver.place()).or_default() += 1;
    }
    assert_eq!(told.len(), slow + 1, "everybody is told of something");
}

#[test]
fn what_failed_and_waits_again_does_not_exceed_the_limit() {
    let mut world = World::new(vec![Definition { queue_limit: 3, retry_count: 9, ..updates() }]);
    world.takes = false;
    update(&mut world, 30, 1);
    fail(&mut world);
    update(&mut world, 31, 1);
    assert_eq!(counts(&world, 0).waiting, 3);
}

#[test]
fn a_rate_limit_spaces_events() {
    let mut slow = updates();
    slow.rate_limit_ms = 500;
    let mut world = World::new(vec![slow]);
    update(&mut world, 5, 1);
    assert_eq!(world.count(), 1);
    world.pass(499);
    assert_eq!(world.count(), 0);
    world.pass(1);
    assert_eq!(world.count(), 1);
    world.pass(10_000);
    assert_eq!(world.count(), 3);
}

#[test]
fn a_definition_that_changes_keeps_what_waits_and_what_was_counted() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 1, 4);
    let (ticket, _, first) = world.sent.pop().unwrap();
    world.tell(Input::Sent { ticket });
    let (ticket, _, second) = world.sent.pop().unwrap();
    let mut changed = updates();
    (changed.refresh_min, changed.group) = (5, "night".into());
    world.define(vec![changed]);
    let expected = Counts { fired: 4, sent: 1, in_flight: 1, waiting: 2, ..Counts::default() };
    assert_eq!(counts(&world, 0), expected);
    assert!(world.sent.is_empty(), "the second event of the element is still on its way");
    // The answer to what was on its way counts, and the rest follows in order.
    world.tell(Input::Sent { ticket });
    let ids = [first.id, second.id, world.sent[0].2.id];
    assert_eq!(ids, [1, 2, 3]);
    update(&mut world, 1, 1);
    let expected = Counts { fired: 5, sent: 2, in_flight: 1, waiting: 2, ..Counts::default() };
    assert_eq!(counts(&world, 0), expected);
}

#[test]
fn a_receiver_that_is_mended_is_tried_at_once() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 1, 1);
    fail(&mut world);
    assert!(world.sent.is_empty(), "it is left alone for a while");
    // Another path at the same place, as another key or another format would be.
    let mut mended = updates();
    mended.receivers = vec![receiver("http://192.0.2.9/right")];
    world.define(vec![mended]);
    let (ticket, to, _) = world.sent.pop().unwrap();
    assert_eq!(*to, receiver("http://192.0.2.9/right"));
    world.tell(Input::Sent { ticket });
    let expected = Counts { fired: 1, sent: 1, failures: 1, ..Counts::default() };
    assert_eq!(counts(&world, 0), expected);
    assert_eq!(world.reach.last().unwrap(), "http://192.0.2.9 up");
}

#[test]
fn a_change_that_mends_nothing_does_not_shorten_the_pause() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 1, 1);
    fail(&mut world);
    let mut other = updates();
    other.retry_count = 7;
    world.define(vec![other]);
    assert!(world.sent.is_empty());
    world.pass(PAUSE_MS);
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn a_receiver_elsewhere_begins_anew_and_the_others_go_on() {
    let mut two = updates();
    two.receivers = vec![receiver("http://a/"), receiver("http://b/")];
    let mut world = World::new(vec![two.clone()]);
    world.takes = false;
    update(&mut world, 1, 3);
    let to_a = world.sent[0].0;
    // They change places, and one of them its name.
    two.receivers = vec![receiver("http://b/"), receiver("http://c/")];
    world.define(vec![two]);
    let expected = Counts { fired: 3, in_flight: 1, waiting: 2, ..Counts::default() };
    assert_eq!((counts(&world, 0), counts(&world, 1)), (expected, Counts::default()));
    world.tell(Input::Failed { ticket: to_a, reason: "late".into() });
    assert_eq!((counts(&world, 0), counts(&world, 1)), (expected, Counts::default()));
    assert!(world.reach.is_empty(), "nobody asks there any more");
}

#[test]
fn what_does_not_fit_any_more_is_dropped_and_counted() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 1, 6);
    let mut short = updates();
    short.queue_limit = 2;
    world.define(vec![short]);
    let expected = Counts { fired: 6, dropped: 3, waiting: 2, in_flight: 1, ..Counts::default() };
    assert_eq!(counts(&world, 0), expected);
}

#[test]
fn what_waits_is_scrambled_once_that_is_wanted() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 1, 3);
    let (ticket, _, plain) = world.sent.pop().unwrap();
    assert_eq!(plain.subject.element.mac, Mac::from_u64(1));
    let mut discreet = updates();
    discreet.scramble_salt = Some("salt".into());
    world.define(vec![discreet]);
    assert!(world.sent.is_empty(), "one event of an element at once, also under another address");
    world.tell(Input::Failed { ticket, reason: "no".into() });
    world.pass(PAUSE_MS);
    let (_, _, again) = world.sent.pop().unwrap();
    assert_eq!(again.id, plain.id);
    assert_ne!(again.subject.element.mac, Mac::from_u64(1));
}

#[test]
fn a_definition_that_is_switched_off_drops_what_waits() {
    let mut world = World::new(vec![updates()]);
    world.takes = false;
    update(&mut world, 1, 3);
    let off = Definition { enabled: false, ..updates() };
    world.define(vec![off]);
    assert!(world.notifier.status().is_empty());
    world.define(vec![updates()]);
    assert_eq!(counts(&world, 0), Counts::default());
}

#[test]
fn a_flood_of_made_up_addresses_has_its_bound() {
    let mut world = World::new(vec![definition("lobby", vec![lobby()])]);
    let beyond = 1_000;
    for number in 0..ELEMENTS_MAX as u64 + beyond {
        world.observe(client(number, world.now, 1.0));
        world.sent.clear();
    }
    assert_eq!(world.notifier.watched(), ELEMENTS_MAX);
    assert_eq!(world.notifier.overflow(), beyond);
}

#[derive(Debug, Clone)]
enum Step {
    Observe(u64, f32),
    Gone(u64),
    Answer(usize, bool),
    Pass(u64),
    Redefine(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1_u64..6, 0.0_f32..1.0).prop_map(|(number, lobby)| Step::Observe(number, lobby)),
        1 => (1_u64..6).prop_map(Step::Gone),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(which, takes)| Step::Answer(which, takes)),
        3 => (1_u64..120_000).prop_map(Step::Pass),
        1 => (1_usize..9).prop_map(Step::Redefine),
    ]
}

fn redefined(queue_limit: usize) -> Definition {
    let mut definition = definition(
        "any",
        vec![lobby(), Condition::Absence { minutes: 1 }, Condition::LocationUpdate],
    );
    (definition.queue_limit, definition.refresh_min) = (queue_limit, 1);
    definition
}

proptest! {
    /// Whatever happens: every event is somewhere, queues keep their limits, and no two events of an
    /// element are on their way to one receiver.
    #[test]
    fn every_event_is_accounted_for(steps in prop::collection::vec(step(), 1..200)) {
        let mut limit = 5;
        let mut world = World::new(vec![redefined(limit)]);
        world.takes = false;
        let mut last: BTreeMap<Mac, u64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Observe(number, lobby) => world.observe(client(number, world.now, lobby)),
                Step::Gone(number) => world.tell(Input::Gone {
                    category: model::Category::WirelessClient,
                    mac: Mac::from_u64(number),
                }),
                Step::Answer(which, takes) if !world.sent.is_empty() => {
                    let which = which % world.sent.len();
                    let (ticket, _, event) = world.sent.remove(which);
                    if takes {
                        let mac = event.subject.element.mac;
                        prop_assert!(last.insert(mac, event.id).is_none_or(|id| id < event.id));
                        world.tell(Input::Sent { ticket });
                    } else {
                        world.tell(Input::Failed { ticket, reason: "no".into() });
                    }
                }
                Step::Answer(..) => {}
                Step::Pass(ms) => world.pass(ms),
                Step::Redefine(now) => {
                    limit = now;
                    world.define(vec![redefined(limit)]);
                }
            }
            let Counts { fired, sent, lost, dropped, waiting, in_flight, .. } = counts(&world, 0);
            prop_assert_eq!(fired, sent + lost + dropped + (waiting + in_flight) as u64);
            // Those that failed come back before the queue.
            prop_assert!(waiting <= limit + IN_FLIGHT_MAX);
            let mut macs: Vec<Mac> =
                world.sent.iter().map(|(_, _, event)| event.subject.element.mac).collect();
            prop_assert_eq!(macs.len(), in_flight);
            macs.sort_unstable();
            macs.dedup();
            prop_assert_eq!(macs.len(), in_flight, "one of each element");
        }
        prop_assert!(world.now >= START);
        prop_assert!(world.now < Time(u64::MAX));
    }
}
