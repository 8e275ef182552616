//! A member's timers on a perfect network: what operators may count on, in milliseconds.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Voter, World};
use ha::{
    AddressKind, Command, Event, Input, Mode, Record, Service, Settings, Standing, State, Value,
};
use model::pair::Entry;
use model::pair::Seat::{self, Primary, Secondary};

const A: Voter = Voter::Data(Primary);
const B: Voter = Voter::Data(Secondary);
const W: Voter = Voter::Witness;

fn check_states(world: &World, primary: State, secondary: State) {
    assert_eq!((world.state(Primary), world.state(Secondary)), (primary, secondary));
}

fn check_value(world: &World, seat: Seat, value: Value) {
    let record = world.node(seat).member.replica().record();
    assert_eq!(record.value, value);
    assert!(record.is_decided(), "{record}");
}

#[test]
fn a_new_pair_forms_by_itself() {
    let mut world = World::new(Settings::fast());
    let took_ms = world.until(3_000, |world| world.standing(Primary) == Standing::PairHolder);
    assert!(took_ms < 1_500, "{took_ms} ms");
    world.run_ms(1_000);
    check_states(&world, State::PrimaryActive, State::SecondaryActive);
    check_value(&world, Secondary, Value::Pair(Primary));
    assert_eq!(world.owner(), Some(Primary));
}

#[test]
fn a_write_is_acknowledged_when_both_have_it() {
    let mut world = World::formed(Settings::fast());
    world.write(Primary);
    assert_eq!(world.node(Primary).committed, 0);
    let took_ms = world.until(100, |world| world.node(Primary).committed == 1);
    assert!(took_ms <= 3, "{took_ms} ms");
    assert_eq!(world.node(Secondary).entries, world.node(Primary).entries);
}

#[test]
fn a_dead_holder_is_replaced_after_failover_wait() {
    let mut world = World::formed(Settings::fast());
    world.write(Primary);
    world.run_ms(100);
    world.kill(Primary);
    let took_ms = world.until(5_000, |world| world.owner() == Some(Secondary));
    assert!((2_400..=2_800).contains(&took_ms), "{took_ms} ms");
    assert_eq!(world.state(Secondary), State::FailoverActive);
    assert_eq!(world.node(Secondary).committed, 1);
}

#[test]
fn a_cut_between_the_nodes_is_won_by_the_holder() {
    let mut world = World::formed(Settings::fast());
    world.cut(A, B);
    world.write(Primary);
    let took_ms = world.until(1_000, |world| world.node(Primary).committed == 1);
    assert!(took_ms <= 600, "{took_ms} ms");
    world.run_ms(10_000);
    check_value(&world, Primary, Value::Sole(Primary));
    assert_eq!(world.owner(), Some(Primary));
    world.heal();
    world.run_ms(12_000);
    check_states(&world, State::PrimaryActive, State::SecondaryActive);
    check_value(&world, Primary, Value::Pair(Primary));
}

#[test]
fn a_one_way_cut_is_a_cut() {
    for (from, to) in [(A, B), (B, A)] {
        let mut world = World::formed(Settings::fast());
        world.cut_one_way(from, to);
        world.run_ms(5_000);
        check_value(&world, Primary, Value::Sole(Primary));
        assert_eq!(world.owner(), Some(Primary));
    }
}

#[test]
fn an_isolated_holder_lets_go_before_its_backup_takes_over() {
    let mut world = World::formed(Settings::fast());
    world.cut(A, B);
    world.cut(A, W);
    let lost_ms = world.until(3_000, |world| world.owner().is_none());
    assert!(lost_ms <= 1_700, "{lost_ms} ms");
    assert_eq!(world.state(Primary), State::Suspended);
    world.until(3_000, |world| world.owner() == Some(Secondary));
    world.write(Primary);
    world.heal();
    world.run_ms(15_000);
    check_states(&world, State::Terminated, State::FailoverActive);
    check_value(&world, Secondary, Value::Pair(Secondary));
    assert_eq!(world.node(Primary).committed, 0);
}

#[test]
fn a_dead_witness_disarms_and_stops_nobody() {
    let mut world = World::formed(Settings::fast());
    world.kill_witness();
    world.run_ms(4_000);
    check_value(&world, Primary, Value::Sole(Primary));
    assert_eq!(world.owner(), Some(Primary));
    world.write(Primary);
    world.run_ms(10);
    assert_eq!(world.node(Secondary).entries.len(), 1, "replication stays synchronous");
    world.kill(Secondary);
    world.run_ms(5_000);
    world.write(Primary);
    world.run_ms(1_000);
    assert_eq!(world.node(Primary).committed, 2);
    world.start(Secondary);
    world.start_witness(8);
    world.run_ms(12_000);
    check_value(&world, Primary, Value::Pair(Primary));
}

#[test]
fn the_witness_and_the_peer_lost_together_suspend_visibly() {
    let mut world = World::formed(Settings::fast());
    world.kill_witness();
    world.kill(Secondary);
    world.run_ms(3_000);
    assert_eq!(world.state(Primary), State::Suspended);
    assert_eq!(world.owner(), None);
    world.start(Secondary);
    world.run_ms(4_000);
    assert_eq!(world.owner(), Some(Primary));
}

#[test]
fn a_planned_switchover_pauses_for_milliseconds() {
    let mut world = World::formed(Settings::fast());
    world.write(Primary);
    world.command(Primary, Command::Switchover);
    let took_ms = world.until(1_000, |world| world.owner() == Some(Secondary));
    assert!(took_ms <= 100, "{took_ms} ms");
    world.run_ms(1_000);
    check_states(&world, State::Terminated, State::FailoverActive);
    check_value(&world, Primary, Value::Pair(Secondary));
    world.command(Secondary, Command::Switchover);
    world.until(1_000, |world| world.owner() == Some(Primary));
    world.run_ms(1_000);
    check_states(&world, State::PrimaryActive, State::SecondaryActive);
}

#[test]
fn a_service_that_fails_hands_over_at_once() {
    let mut world = World::formed(Settings::fast());
    world.handle(Primary, Input::Service(Service::Failed));
    let took_ms = world.until(1_000, |world| world.owner() == Some(Secondary));
    assert!(took_ms <= 300, "{took_ms} ms");
    world.handle(Primary, Input::Service(Service::Well));
    world.run_ms(5_000);
    check_states(&world, State::Terminated, State::FailoverActive);
    check_value(&world, Secondary, Value::Pair(Secondary));
}

#[test]
fn a_service_that_recovers_does_not_serve_in_the_session_it_gave_up() {
    let mut world = World::formed(Settings::fast());
    world.cut_one_way(A, B);
    world.handle(Primary, Input::Service(Service::Failed));
    world.handle(Primary, Input::Service(Service::Well));
    world.write(Primary);
    assert_eq!(world.owner(), None);
    world.run_ms(1_000);
    check_value(&world, Primary, Value::Sole(Primary));
    assert_eq!(world.owner(), Some(Primary));
}

#[test]
fn manual_mode_needs_no_witness_and_never_promises_a_takeover() {
    let settings = Settings { failover: Mode::Manual, has_witness: false, ..Settings::fast() };
    let mut world = World::formed(settings);
    check_value(&world, Primary, Value::Sole(Primary));
    check_states(&world, State::PrimaryActive, State::SecondaryActive);
    world.command(Primary, Command::Switchover);
    world.run_ms(1_000);
    check_value(&world, Primary, Value::Sole(Secondary));
    assert_eq!(world.owner(), Some(Secondary));
    world.kill(Secondary);
    world.run_ms(20_000);
    assert_eq!(world.owner(), None);
    world.command(Primary, Command::Force);
    world.run_ms(1_000);
    assert_eq!(world.owner(), Some(Primary));
    world.start(Secondary);
    world.run_ms(5_000);
    check_states(&world, State::PrimaryActive, State::SecondaryActive);
}

#[test]
fn a_stable_pair_fails_back_by_itself_when_told_to() {
    let settings = Settings { failback: Mode::Automatic, stable_ms: 20_000, ..Settings::fast() };
    let mut world = World::formed(settings);
    world.kill(Primary);
    world.run_ms(5_000);
    world.start(Primary);
    world.run_ms(15_000);
    assert_eq!(world.owner(), Some(Secondary));
    world.until(20_000, |world| world.owner() == Some(Primary));
}

#[test]
fn a_graceful_shutdown_hands_over_first() {
    let mut world = World::formed(Settings::fast());
    world.command(Primary, Command::Shutdown);
    let took_ms = world.until(1_000, |world| world.owner() == Some(Secondary));
    assert!(took_ms <= 100, "{took_ms} ms");
    assert_eq!(world.state(Primary), State::GracefulShutdown);
    assert!(world.node(Primary).has_stopped);
    world.kill(Primary);
    world.until(1_000, |world| world.standing(Secondary) == Standing::SoleHolder);
}

#[test]
fn a_pair_that_flaps_stops_until_an_operator_resumes() {
    let mut world = World::formed(Settings { readmit_ms: 1_000, ..Settings::fast() });
    for _ in 0..3 {
        let owner = world.owner().unwrap();
        world.kill(owner);
        world.run_ms(5_000);
        world.start(owner);
        world.run_ms(5_000);
    }
    let owner = world.owner().unwrap();
    check_value(&world, owner, Value::Sole(owner));
    world.kill(owner);
    world.run_ms(20_000);
    assert_eq!(world.owner(), None, "automatic failover is off");
    world.start(owner);
    world.run_ms(1_000);
    assert_eq!(world.owner(), Some(owner), "a sole holder serves again");
    for seat in Seat::ALL {
        world.command(seat, Command::Resume);
    }
    world.run_ms(12_000);
    check_value(&world, owner, Value::Pair(owner));
}

#[test]
fn planned_switchovers_are_not_flapping() {
    let mut world = World::formed(Settings::fast());
    for _ in 0..6 {
        let owner = world.owner().unwrap();
        world.command(owner, Command::Switchover);
        world.run_ms(2_000);
        assert_eq!(world.owner(), Some(owner.peer()));
    }
}

#[test]
fn a_group_is_dissolved_with_the_peer_dead() {
    let mut world = World::formed(Settings::fast());
    world.command(Primary, Command::Unpair);
    assert_eq!(world.node(Primary).refused.len(), 1, "a pair is not dissolved behind its back");
    world.kill(Secondary);
    world.run_ms(1_000);
    world.command(Primary, Command::Unpair);
    assert_eq!(world.standing(Primary), Standing::Alone);
    world.start(Secondary);
    world.run_ms(1_000);
    assert_eq!(world.standing(Secondary), Standing::Dissolved);
    assert_eq!(world.owner(), Some(Primary), "unpairing stops nobody");
    world.write(Primary);
    assert_eq!(world.node(Primary).committed, 1);
    world.kill(Primary);
    world.start(Primary);
    world.run_ms(100);
    assert_eq!(world.owner(), Some(Primary));
}

#[test]
fn a_holder_whose_answers_come_too_late_goes_on_alone() {
    let mut world = World::formed(Settings::fast());
    world.slow_down(A, 500);
    let took_ms = world.until(4_000, |world| world.standing(Primary) == Standing::SoleHolder);
    // Noticed after `suspect_ms`, then the calls of a change, one round trip each.
    assert!((1_500..=2_800).contains(&took_ms), "{took_ms} ms");
    world.run_ms(20_000);
    assert_eq!(world.owner(), Some(Primary), "nobody else may serve");
    check_value(&world, Primary, Value::Sole(Primary));
    world.write(Primary);
    world.run_ms(500);
    assert_eq!(world.node(Primary).committed, 1, "it does not wait for a slow backup for ever");
    world.slow_down(A, 0);
    world.run_ms(12_000);
    check_value(&world, Primary, Value::Pair(Primary));
}

#[test]
fn a_path_that_is_only_slow_is_no_reason_to_give_a_backup_up() {
    let mut world = World::formed(Settings::fast());
    world.slow_down(B, 150);
    world.run_ms(20_000);
    check_value(&world, Primary, Value::Pair(Primary));
}

#[test]
fn a_backup_whose_service_fails_again_and_again_is_taken_back_in_ever_later() {
    let mut world = World::formed(Settings::fast());
    let mut pauses_ms = Vec::new();
    for _ in 0..3 {
        world.run_ms(4_000);
        world.handle(Secondary, Input::Service(Service::Failed));
        world.until(4_000, |world| world.standing(Primary) == Standing::SoleHolder);
        world.handle(Secondary, Input::Service(Service::Well));
        pauses_ms
            .push(world.until(60_000, |world| world.standing(Primary) == Standing::PairHolder));
    }
    let [first, second, third] = pauses_ms.try_into().unwrap();
    assert!(first < 1_000, "a service may fail once: {first} ms");
    assert!((10_000..12_000).contains(&second), "{second} ms");
    assert!((20_000..22_000).contains(&third), "{third} ms");
}

#[test]
fn a_backup_that_waits_for_a_snapshot_has_not_come_far() {
    let mut world = World::formed(Settings::fast());
    for _ in 0..10 {
        world.write(Primary);
        world.run_ms(10);
    }
    world.replace_disk(Secondary, (Record::blank(1), Vec::new()));
    world.run_ms(1_000);
    world.handle(Primary, Input::Retained(9));
    world.start(Secondary);
    world.run_ms(1_000);
    let percents = |world: &World| {
        Seat::ALL.map(|seat| world.node(seat).member.status(world.now).sync_percent)
    };
    assert_eq!(percents(&world), [0, 0]);
    world.handle(Secondary, Input::Snapshot { done: 1, total: 2 });
    assert_eq!(percents(&world)[1], 45);
    let stalled = |world: &World, seat| {
        let is_stalled = |event: &&Event| matches!(event, Event::SynchronizationStalled { .. });
        world.node(seat).events.iter().filter(is_stalled).count()
    };
    // Who takes the snapshot knows how it comes along; who sends it does not, and says nothing.
    for chunk in 1..=3 {
        world.run_ms(50_000);
        world.handle(Secondary, Input::Snapshot { done: 1_000 + chunk, total: 2_000 });
    }
    assert_eq!(Seat::ALL.map(|seat| stalled(&world, seat)), [0, 0]);
    world.run_ms(70_000);
    assert_eq!(Seat::ALL.map(|seat| stalled(&world, seat)), [0, 1]);
}

/// Its peer recognised it while the witness was away; the peer dies, and the disk is set back. Source:
/// seed 1940 of the simulation.
#[test]
fn a_witness_that_was_away_hears_of_every_life() {
    let mut world = World::formed(Settings::fast());
    let old = world.image(Secondary);
    world.kill(Secondary);
    world.cut(B, W);
    world.start(Secondary);
    world.run_ms(1_000);
    world.write(Primary);
    world.run_ms(200);
    world.heal();
    world.run_ms(500);
    world.kill(Primary);
    world.replace_disk(Secondary, old);
    world.start(Secondary);
    world.run_ms(500);
    assert_eq!(world.standing(Secondary), Standing::Blank);
}

#[test]
fn a_power_loss_of_everything_ends_where_it_began() {
    let mut world = World::formed(Settings::fast());
    world.write(Primary);
    world.run_ms(100);
    for seat in Seat::ALL {
        world.kill(seat);
    }
    world.kill_witness();
    world.run_ms(60_000);
    world.start(Secondary);
    world.run_ms(1_000);
    assert_eq!(world.owner(), None);
    world.start(Primary);
    world.until(2_000, |world| world.owner() == Some(Primary));
    assert_eq!(world.node(Primary).entries.len(), 1);
}

/// Kills one node, starts it on another disk, and sees that it is blank, recalls, and rejoins.
fn check_amnesia(world: &mut World, seat: Seat, disk: (Record, Vec<Entry>)) {
    world.replace_disk(seat, disk);
    world.run_ms(20_000);
    world.start(seat);
    world.until(1_000, |world| {
        world.node(seat).events.contains(&Event::Blank)
            || world.standing(seat) == Standing::Rebuilding
    });
    let holder = seat.peer();
    world.run_ms(12_000);
    check_value(world, holder, Value::Pair(holder));
    assert_eq!(world.standing(seat), Standing::Standby);
    assert_eq!(world.node(seat).entries, world.node(holder).entries);
}

#[test]
fn a_node_with_an_empty_disk_recalls_and_rejoins() {
    for seat in Seat::ALL {
        let mut world = World::formed(Settings::fast());
        world.write(Primary);
        world.run_ms(100);
        check_amnesia(&mut world, seat, (Record::blank(1), Vec::new()));
    }
}

#[test]
fn a_node_whose_disk_was_set_back_is_found_out() {
    for seat in Seat::ALL {
        let mut world = World::formed(Settings::fast());
        let image = world.image(seat);
        world.write(Primary);
        world.run_ms(2_000);
        check_amnesia(&mut world, seat, image);
    }
}

#[test]
fn a_set_back_backup_does_not_take_over_when_only_the_witness_remembers() {
    let mut world = World::formed(Settings::fast());
    let image = world.image(Secondary);
    world.write(Primary);
    world.run_ms(2_000);
    world.kill(Primary);
    world.replace_disk(Secondary, image);
    world.start(Secondary);
    world.run_ms(20_000);
    assert_eq!(world.state(Secondary), State::Blank);
    assert_eq!(world.owner(), None);
}

#[test]
fn the_address_is_never_on_two_nodes_at_either_profile_and_floor() {
    for address in [AddressKind::V4, AddressKind::V6] {
        for settings in [
            Settings { address, failover_wait_ms: 2_200, ..Settings::fast() },
            Settings { address, failover_wait_ms: 4_100, ..Settings::standard() },
        ] {
            let mut world = World::formed(settings);
            world.run_ms(12_000);
            world.cut(A, B);
            world.cut(A, W);
            world.run_ms(20_000);
            assert_eq!(world.owner(), Some(Secondary));
        }
    }
}

#[test]
fn a_sole_holder_that_starts_waits_a_moment_for_somebody_who_remembers_more() {
    let mut world = World::formed(Settings::fast());
    world.kill(Secondary);
    world.run_ms(1_000);
    check_value(&world, Primary, Value::Sole(Primary));
    for is_alone in [false, true] {
        if is_alone {
            world.kill_witness();
        }
        world.kill(Primary);
        world.start(Primary);
        let took_ms = world.until(1_000, |world| world.owner() == Some(Primary));
        assert_eq!(took_ms >= 400, is_alone, "{took_ms} ms");
        assert!(took_ms <= 500, "{took_ms} ms");
    }
}

#[test]
fn a_disk_that_was_set_back_to_a_sole_holder_does_not_serve() {
    let mut world = World::formed(Settings::fast());
    world.kill(Secondary);
    world.run_ms(1_000);
    let image = world.image(Primary);
    world.start(Secondary);
    world.run_ms(15_000);
    check_value(&world, Primary, Value::Pair(Primary));
    world.kill(Primary);
    world.run_ms(5_000);
    assert_eq!(world.owner(), Some(Secondary));
    world.replace_disk(Primary, image);
    world.start(Primary);
    world.run_ms(2_000);
    assert_eq!(world.owner(), Some(Secondary));
    assert!(world.node(Primary).events.contains(&Event::Blank));
}

#[test]
fn a_holder_that_can_send_but_not_receive_is_replaced() {
    let mut world = World::formed(Settings::fast());
    world.cut_one_way(B, A);
    world.cut_one_way(W, A);
    world.until(8_000, |world| world.owner() == Some(Secondary));
}

#[test]
fn a_handover_whose_last_words_are_lost_is_found_out() {
    let settings = Settings { failover: Mode::Manual, ..Settings::fast() };
    let mut world = World::formed(settings);
    world.command(Primary, Command::Switchover);
    // The witness accepts; what is said to the secondary is lost.
    world.cut(A, B);
    world.run_ms(2_000);
    world.heal();
    world.until(10_000, |world| world.owner().is_some());
    world.write(world.owner().unwrap());
}

#[test]
fn a_lost_backup_is_lost_once_however_often_the_change_is_tried() {
    let mut world = World::formed(Settings::fast());
    world.cut(A, B);
    world.cut(A, W);
    world.run_ms(2_000);
    let lost = |event: &&Event| matches!(event, Event::BackupLost { .. });
    assert_eq!(world.node(Primary).events.iter().filter(lost).count(), 1);
    world.heal();
    world.run_ms(12_000);
    let owner = world.owner().unwrap();
    check_value(&world, owner, Value::Pair(owner));
}

#[test]
fn a_sole_holder_waits_for_its_backup_under_any_load() {
    let settings = Settings { failover: Mode::Manual, has_witness: false, ..Settings::fast() };
    let mut world = World::formed(settings);
    for _ in 0..2_000 {
        world.write(Primary);
        world.run_ms(1);
        let had = world.node(Secondary).entries.len() as u64;
        assert!(world.node(Primary).committed <= had, "acknowledged ahead of its backup");
    }
}

#[test]
fn a_backup_that_would_not_take_over_is_not_promised_to() {
    let mut world = World::formed(Settings::fast());
    world.handle(Secondary, Input::Admission(false));
    world.run_ms(5_000);
    check_value(&world, Primary, Value::Sole(Primary));
    assert_eq!(world.state(Primary), State::Disarmed);
    world.handle(Secondary, Input::Admission(true));
    world.run_ms(12_000);
    check_value(&world, Primary, Value::Pair(Primary));
}

#[test]
fn a_service_that_fails_without_a_promise_gives_way_all_the_same() {
    let mut world = World::formed(Settings::fast());
    world.kill_witness();
    world.run_ms(4_000);
    check_value(&world, Primary, Value::Sole(Primary));
    world.handle(Primary, Input::Service(Service::Failed));
    let took_ms = world.until(1_000, |world| world.owner() == Some(Secondary));
    assert!(took_ms <= 300, "{took_ms} ms");
}

#[test]
fn a_holder_that_returns_first_of_all_is_not_replaced_with_its_own_vote() {
    let mut world = World::formed(Settings::fast());
    for seat in Seat::ALL {
        world.kill(seat);
    }
    world.kill_witness();
    world.start(Secondary);
    world.run_ms(20_000);
    assert_eq!(world.owner(), None);
    world.start(Primary);
    world.until(1_000, |world| world.owner().is_some());
    assert_eq!(world.owner(), Some(Primary));
}
