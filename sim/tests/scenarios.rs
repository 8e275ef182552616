//! Every row of the table in `shared/design/ha.md` section 4.7, and what else the design promises,
//! played in a world without dice. The checkers of the simulator watch every step.

use ha::{Command, Memory, Message, Mode, Settings, Standing, Value};
use model::pair::{Epoch, Seat};
use sim::scenario::{Node, Scenario};

use Node::{A, B, W};

const PAIR_A: Option<Value> = Some(Value::Pair(Seat::Primary));
const PAIR_B: Option<Value> = Some(Value::Pair(Seat::Secondary));
const SOLE_A: Option<Value> = Some(Value::Sole(Seat::Primary));
const SOLE_B: Option<Value> = Some(Value::Sole(Seat::Secondary));

/// The fast profile with short pauses before a backup is taken back in.
fn fast() -> Settings {
    Settings { readmit_ms: 1_000, rearm_ms: 2_000, ..Settings::fast() }
}

fn manual() -> Settings {
    Settings { failover: Mode::Manual, has_witness: false, ..fast() }
}

/// A pair at work.
fn pair() -> Scenario {
    let scenario = Scenario::new(fast());
    assert_eq!(scenario.value(A), PAIR_A, "{}", scenario.trace());
    assert!(scenario.serves(A), "{}", scenario.trace());
    scenario
}

/// What must come about, within so many milliseconds, and every promise kept. Says how long it
/// took.
#[track_caller]
fn expect(
    scenario: &mut Scenario,
    within_ms: u64,
    what: &str,
    holds: impl Fn(&Scenario) -> bool,
) -> u64 {
    let took = scenario.until(within_ms, holds);
    assert_eq!(scenario.violation(), None, "{}", scenario.trace());
    let Some(took_ms) = took else { panic!("not {what}\n{}", scenario.trace()) };
    took_ms
}

/// Nothing of it for so long, and every promise kept.
#[track_caller]
fn never(scenario: &mut Scenario, for_ms: u64, what: &str, holds: impl Fn(&Scenario) -> bool) {
    let took = scenario.until(for_ms, holds);
    assert_eq!(scenario.violation(), None, "{}", scenario.trace());
    assert_eq!(took, None, "{what}\n{}", scenario.trace());
}

/// Writes are acknowledged again: as many more as nobody would call a rest.
#[track_caller]
fn writes(scenario: &mut Scenario, within_ms: u64) {
    let before = scenario.committed();
    expect(scenario, within_ms, "writing", |s| s.committed() >= before + 5);
}

#[test]
fn when_the_holder_dies_its_backup_takes_over_after_the_wait() {
    for (settings, wait_ms) in [(fast(), 2_500), (Settings::standard(), 10_000)] {
        let mut scenario = Scenario::new(settings);
        assert_eq!(scenario.value(A), PAIR_A);
        scenario.power_off(A);
        let took_ms = expect(&mut scenario, 20_000, "taken over", |s| s.serves(B));
        assert!((wait_ms - 200..=wait_ms + 300).contains(&took_ms), "{took_ms} ms");
        assert_eq!(scenario.value(B), SOLE_B);
        writes(&mut scenario, 2_000);
    }
}

#[test]
fn an_isolated_holder_lets_go_before_its_backup_takes_over() {
    let mut scenario = pair();
    scenario.cut(A, B);
    scenario.cut(A, W);
    let settings = fast();
    let dropped_ms = expect(&mut scenario, 5_000, "dropped", |s| !s.has_address(A));
    assert!(dropped_ms <= settings.lease_ms + settings.address_life_ms + 100, "{dropped_ms} ms");
    assert!(!scenario.serves(A));
    expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
    writes(&mut scenario, 3_000);
    scenario.mend();
    expect(&mut scenario, 10_000, "a pair again", |s| s.value(A) == PAIR_B && s.serves(B));
}

#[test]
fn when_the_backup_dies_the_holder_goes_on_alone() {
    let mut scenario = pair();
    scenario.watch_pause();
    scenario.power_off(B);
    expect(&mut scenario, 2_000, "alone", |s| s.value(A) == SOLE_A);
    writes(&mut scenario, 2_000);
    assert!(scenario.longest_pause_ms() <= 1_100, "{} ms", scenario.longest_pause_ms());
    assert!(scenario.serves(A));
}

#[test]
fn the_holder_wins_when_the_two_lose_sight_of_each_other() {
    for (one, other) in [(true, true), (true, false), (false, true)] {
        let mut scenario = pair();
        scenario.watch_pause();
        if one {
            scenario.cut_one_way(A, B);
        }
        if other {
            scenario.cut_one_way(B, A);
        }
        expect(&mut scenario, 2_000, "alone", |s| s.value(A) == SOLE_A);
        never(&mut scenario, 10_000, "two holders", |s| s.serves(B));
        assert!(scenario.serves(A));
        assert!(scenario.longest_pause_ms() <= 1_100, "{} ms", scenario.longest_pause_ms());
        scenario.mend();
        expect(&mut scenario, 10_000, "a pair again", |s| s.value(B) == PAIR_A);
    }
}

#[test]
fn one_node_that_sees_the_witness_keeps_the_pair_armed() {
    for node in [A, B] {
        let mut scenario = pair();
        scenario.watch_pause();
        scenario.cut(node, W);
        never(&mut scenario, 10_000, "a change", |s| s.value(A) != PAIR_A);
        assert!(scenario.serves(A));
        assert!(scenario.longest_pause_ms() <= 300, "{} ms", scenario.longest_pause_ms());
    }
}

#[test]
fn a_pair_that_loses_its_witness_disarms_and_serves_on() {
    let mut scenario = pair();
    scenario.watch_pause();
    scenario.kill(W);
    let took_ms = expect(&mut scenario, 6_000, "disarmed", |s| s.value(A) == SOLE_A);
    assert!(took_ms >= 2_500, "{took_ms} ms");
    scenario.run_ms(1_000);
    assert!(scenario.longest_pause_ms() <= 300, "{} ms", scenario.longest_pause_ms());
    assert!(scenario.durable(B) + 2 >= scenario.committed(), "replication stays synchronous");

    // Its backup may die now, too.
    scenario.power_off(B);
    never(&mut scenario, 5_000, "a stop", |s| !s.serves(A));
    writes(&mut scenario, 2_000);
}

#[test]
fn a_disarmed_pair_is_armed_again_when_the_witness_is_back() {
    let mut scenario = pair();
    scenario.kill(W);
    expect(&mut scenario, 6_000, "disarmed", |s| s.value(A) == SOLE_A);
    scenario.start(W);
    expect(&mut scenario, 10_000, "armed", |s| s.value(A) == PAIR_A);
    assert_eq!(scenario.met("rearm"), 1);
}

#[test]
fn a_disarmed_backup_takes_over_by_order_only() {
    let mut scenario = pair();
    scenario.kill(W);
    expect(&mut scenario, 6_000, "disarmed", |s| s.value(B) == SOLE_A);
    scenario.power_off(A);
    never(&mut scenario, 15_000, "a takeover", |s| s.serves(B));
    scenario.order(B, Command::Force);
    expect(&mut scenario, 1_000, "forced", |s| s.serves(B));
    assert_eq!(scenario.record(B).promised.generation, 2);
    writes(&mut scenario, 2_000);
}

#[test]
fn a_holder_that_loses_both_at_once_suspends_and_resumes_when_one_is_back() {
    for back in [B, W] {
        let mut scenario = pair();
        scenario.cut(A, B);
        scenario.cut(A, W);
        scenario.power_off(B);
        expect(&mut scenario, 3_000, "suspended", |s| !s.serves(A) && !s.has_address(A));
        let committed = scenario.committed();
        never(&mut scenario, 10_000, "an acknowledgement", |s| s.committed() > committed);
        scenario.mend();
        if back == B {
            scenario.cut(A, W);
            scenario.start(B);
        }
        expect(&mut scenario, 10_000, "resumed", |s| s.serves(A));
        writes(&mut scenario, 2_000);
    }
}

#[test]
fn a_witness_that_has_forgotten_everything_is_back_in_use_at_once() {
    let mut scenario = pair();
    scenario.watch_pause();
    scenario.kill(W);
    scenario.run_ms(500);
    scenario.start(W);
    expect(&mut scenario, 3_000, "valid", Scenario::witness_is_valid);
    never(&mut scenario, 5_000, "a change", |s| s.value(A) != PAIR_A);
    assert!(scenario.longest_pause_ms() <= 300, "{} ms", scenario.longest_pause_ms());
    scenario.power_off(A);
    expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
}

#[test]
fn a_witness_that_restarts_with_one_node_dead_arbitrates_nothing() {
    let mut scenario = pair();
    scenario.power_off(A);
    scenario.kill(W);
    scenario.start(W);
    never(&mut scenario, 10_000, "a takeover", |s| s.serves(B));
    scenario.start(A);
    expect(&mut scenario, 5_000, "served", |s| s.serves(A) || s.serves(B));
}

#[test]
fn both_resume_without_the_witness_after_a_power_cut() {
    let mut scenario = pair();
    scenario.kill(W);
    scenario.power_off(A);
    scenario.power_off(B);
    scenario.run_ms(5_000);
    scenario.start(B);
    scenario.run_ms(1_000);
    never(&mut scenario, 4_000, "alone", |s| s.serves(B));
    scenario.start(A);
    expect(&mut scenario, 5_000, "served", |s| s.serves(A));
    writes(&mut scenario, 2_000);
}

#[test]
fn the_holder_that_returns_alone_goes_on_with_the_witness() {
    let mut scenario = pair();
    scenario.power_off(A);
    scenario.power_off(B);
    scenario.run_ms(1_000);
    scenario.start(A);
    let took_ms = expect(&mut scenario, 5_000, "served", |s| s.serves(A));
    assert!(took_ms <= 2_000, "{took_ms} ms");
    assert_eq!(scenario.value(A), SOLE_A);
}

#[test]
fn a_backup_that_returns_alone_takes_over_after_a_full_wait() {
    let mut scenario = pair();
    scenario.power_off(A);
    scenario.power_off(B);
    scenario.run_ms(10_000);
    scenario.start(B);
    let took_ms = expect(&mut scenario, 5_000, "served", |s| s.serves(B));
    assert!(took_ms >= 2_400, "it may have promised patience just before it died: {took_ms} ms");
    assert_eq!(scenario.value(B), SOLE_B);
}

#[test]
fn a_sole_holder_that_restarts_alone_serves_at_once() {
    let mut scenario = pair();
    scenario.power_off(B);
    expect(&mut scenario, 2_000, "alone", |s| s.value(A) == SOLE_A);
    scenario.kill(W);
    scenario.power_off(A);
    scenario.run_ms(1_000);
    scenario.start(A);
    let took_ms = expect(&mut scenario, 5_000, "served", |s| s.serves(A));
    assert!(took_ms <= 1_000, "{took_ms} ms");
    writes(&mut scenario, 2_000);
}

#[test]
fn who_was_replaced_returns_as_backup_and_gets_the_service_back_by_order() {
    let mut scenario = pair();
    scenario.power_off(A);
    expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
    writes(&mut scenario, 2_000);
    scenario.start(A);
    expect(&mut scenario, 10_000, "a pair", |s| s.value(B) == PAIR_B && s.value(A) == PAIR_B);
    never(&mut scenario, 10_000, "a failback that nobody ordered", |s| s.serves(A));
    scenario.order(B, Command::Switchover);
    expect(&mut scenario, 1_000, "failed back", |s| s.serves(A));
    expect(&mut scenario, 5_000, "a pair", |s| s.value(A) == PAIR_A);
}

#[test]
fn an_automatic_failback_waits_until_the_pair_is_stable() {
    let settings = Settings { failback: Mode::Automatic, stable_ms: 5_000, ..fast() };
    let mut scenario = Scenario::new(settings);
    scenario.power_off(A);
    expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
    scenario.start(A);
    expect(&mut scenario, 10_000, "a pair", |s| s.value(B) == PAIR_B);
    let took_ms = expect(&mut scenario, 8_000, "failed back", |s| s.serves(A));
    assert!(took_ms >= 4_900, "{took_ms} ms");
}

#[test]
fn a_node_whose_disk_fails_ends_itself() {
    let mut scenario = pair();
    scenario.watch_pause();
    scenario.fail_sync(B);
    expect(&mut scenario, 3_000, "aborted", |s| s.met("abort") == 1);
    writes(&mut scenario, 2_000);
    assert!(scenario.longest_pause_ms() <= 1_100, "{} ms", scenario.longest_pause_ms());
    expect(&mut scenario, 10_000, "a pair again", |s| s.value(A) == PAIR_A);

    scenario.fail_sync(A);
    expect(&mut scenario, 10_000, "served by one of both", |s| {
        s.met("abort") == 2 && (s.serves(A) || s.serves(B))
    });
    writes(&mut scenario, 3_000);
}

#[test]
fn a_failed_service_is_taken_over_at_once() {
    let mut scenario = pair();
    scenario.watch_pause();
    scenario.fail_service(A);
    let took_ms = expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
    assert!(took_ms <= 300, "{took_ms} ms");
    assert!(!scenario.has_address(A));
    writes(&mut scenario, 2_000);
    scenario.restart_service(A);
    expect(&mut scenario, 10_000, "a pair again", |s| s.value(A) == PAIR_B);
}

#[test]
fn a_planned_switchover_pauses_for_a_moment() {
    let mut scenario = pair();
    for (from, to) in [(A, B), (B, A), (A, B)] {
        scenario.watch_pause();
        scenario.order(from, Command::Switchover);
        expect(&mut scenario, 1_000, "moved", |s| s.serves(to) && !s.has_address(from));
        writes(&mut scenario, 2_000);
        assert!(scenario.longest_pause_ms() <= 300, "{} ms", scenario.longest_pause_ms());
        scenario.run_ms(3_000);
    }
    assert_eq!(scenario.met("unknown outcome"), 0);
}

#[test]
fn a_handover_that_cannot_drain_is_given_up() {
    let mut scenario = pair();
    scenario.freeze(B);
    scenario.run_ms(100);
    scenario.order(A, Command::Switchover);
    expect(&mut scenario, 3_000, "given up", |s| s.met("handover aborted") == 1 || s.serves(A));
    scenario.run_ms(2_000);
    expect(&mut scenario, 3_000, "serving", |s| s.serves(A) && s.value(A) == SOLE_A);
    writes(&mut scenario, 2_000);
}

#[test]
fn a_frozen_holder_is_replaced_and_acknowledges_nothing_afterwards() {
    let mut scenario = pair();
    scenario.freeze(A);
    let dropped_ms = expect(&mut scenario, 3_000, "dropped", |s| !s.has_address(A));
    assert!(dropped_ms <= 1_700, "{dropped_ms} ms");
    expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
    scenario.run_ms(25_000);
    scenario.thaw(A);
    never(&mut scenario, 500, "two who serve", |s| s.serves(A));
    expect(&mut scenario, 10_000, "a pair again", |s| s.value(A) == PAIR_B);
}

#[test]
fn a_node_with_an_empty_disk_waits_for_both_and_is_brought_up_to_date() {
    for node in [A, B] {
        let mut scenario = pair();
        scenario.replace_disk(node);
        scenario.start_later(node, 1_000);
        expect(&mut scenario, 20_000, "known to be blank", |s| s.met("blank recalled") == 1);
        expect(&mut scenario, 20_000, "a pair again", |s| {
            s.value(A).is_some_and(Value::is_pair)
                && s.value(A) == s.value(B)
                && s.record(node).memory == Memory::Whole
        });
        writes(&mut scenario, 3_000);
    }
}

#[test]
fn a_node_with_an_empty_disk_neither_votes_nor_serves() {
    let mut scenario = pair();
    scenario.power_off(A);
    scenario.replace_disk(B);
    scenario.start(B);
    never(&mut scenario, 10_000, "a takeover", |s| s.serves(B));
    assert_eq!(scenario.standing(B), Some(Standing::Blank));
    scenario.start(A);
    expect(&mut scenario, 10_000, "served", |s| s.serves(A));
}

#[test]
fn a_node_that_is_set_back_to_when_it_was_alone_is_told_so_before_it_serves() {
    let mut scenario = pair();
    scenario.power_off(B);
    expect(&mut scenario, 2_000, "alone", |s| s.value(A) == SOLE_A);
    writes(&mut scenario, 2_000);
    let image = scenario.copy_disk(A);
    scenario.start(B);
    expect(&mut scenario, 10_000, "a pair", |s| s.value(A) == PAIR_A);
    scenario.power_off(A);
    expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
    writes(&mut scenario, 2_000);
    scenario.revert_disk(A, &image);
    scenario.start(A);
    never(&mut scenario, 3_000, "two who serve", |s| s.serves(A) || s.has_address(A));
    expect(&mut scenario, 20_000, "a pair again", |s| s.value(A) == PAIR_B);
}

#[test]
fn a_backup_that_lacks_too_much_gets_a_snapshot() {
    let mut scenario = Scenario::forgetful(fast());
    scenario.power_off(B);
    scenario.run_ms(30_000);
    scenario.start(B);
    expect(&mut scenario, 10_000, "a snapshot", |s| s.met("snapshot installed") == 1);
    expect(&mut scenario, 10_000, "a pair", |s| s.value(B) == PAIR_A);
}

#[test]
fn who_was_forced_out_gives_way_and_throws_away_what_only_it_had() {
    let mut scenario = pair();
    scenario.cut(A, B);
    expect(&mut scenario, 2_000, "alone", |s| s.value(A) == SOLE_A);
    writes(&mut scenario, 2_000);
    scenario.cut(A, W);
    scenario.order(B, Command::Force);
    expect(&mut scenario, 2_000, "forced", |s| s.serves(B));
    writes(&mut scenario, 3_000);
    scenario.mend();
    expect(&mut scenario, 3_000, "abdicated", |s| !s.serves(A) && !s.has_address(A));
    expect(&mut scenario, 10_000, "a pair of the new generation", |s| {
        s.value(A) == PAIR_B && s.record(A).promised.generation == 2
    });
    assert_eq!(scenario.met("divergence wiped"), 1);
}

#[test]
fn two_witnesses_of_one_name_never_make_two_holders() {
    let mut scenario = pair();
    scenario.double_witness();
    scenario.run_ms(5_000);
    scenario.cut(A, B);
    never(&mut scenario, 10_000, "two who serve", |s| s.serves(A) && s.serves(B));
    scenario.mend();
    scenario.kill_first_witness();
    scenario.run_ms(10_000);
    expect(&mut scenario, 5_000, "served", |s| s.serves(A) || s.serves(B));
    writes(&mut scenario, 3_000);
}

#[test]
fn an_acknowledgement_of_an_earlier_run_counts_for_nothing() {
    let mut scenario = pair();
    let record = scenario.record(A);
    let session = Epoch { ballot: record.accepted, run: record.run };
    // The backup's host dies; what an earlier run of it might have said arrives late, again and
    // again: under PAIR nothing may be acknowledged on its word.
    scenario.power_off(B);
    let run = scenario.record(B).run;
    scenario.start(B);
    scenario.run_ms(300);
    for _ in 0..50 {
        let durable = scenario.committed() + 3;
        scenario.replay(A, Message::Ack { session, run, durable });
        scenario.run_ms(20);
        assert_eq!(scenario.violation(), None, "{}", scenario.trace());
    }
    writes(&mut scenario, 5_000);
}

#[test]
fn an_acknowledgement_of_an_earlier_session_counts_for_nothing() {
    let mut scenario = pair();
    let record = scenario.record(A);
    let session = Epoch { ballot: record.accepted, run: record.run };
    scenario.power_off(A);
    scenario.start(A);
    expect(&mut scenario, 5_000, "served", |s| s.serves(A) && s.value(A) == PAIR_A);
    let run = scenario.record(B).run;
    for _ in 0..100 {
        let durable = scenario.committed() + 3;
        scenario.replay(A, Message::Ack { session, run, durable });
        scenario.run_ms(20);
        assert_eq!(scenario.violation(), None, "{}", scenario.trace());
    }
    writes(&mut scenario, 5_000);
}

#[test]
fn a_session_of_an_earlier_run_is_not_followed() {
    let mut scenario = pair();
    let record = scenario.record(A);
    let session = Epoch { ballot: record.accepted, run: record.run };
    scenario.power_off(A);
    scenario.start(A);
    expect(&mut scenario, 5_000, "served", |s| s.serves(A));
    scenario.run_ms(1_000);
    let committed = scenario.committed();
    let open = Message::Open {
        session,
        value: record.value,
        backup_run: scenario.record(B).run,
        base: ha::History::default(),
        owed: 0,
        commit: 0,
    };
    scenario.replay(B, open);
    scenario.run_ms(100);
    assert_eq!(scenario.violation(), None, "{}", scenario.trace());
    assert!(scenario.durable(B) >= committed, "{}", scenario.trace());
    scenario.power_off(A);
    expect(&mut scenario, 5_000, "taken over", |s| s.serves(B));
}

/// Found by seed 376 of the first swarm: replication stood still for ever.
#[test]
fn an_answer_that_was_lost_is_given_again() {
    let mut scenario = Scenario::new(manual());
    scenario.cut_one_way(B, A);
    scenario.run_ms(150);
    scenario.dismiss_clients();
    scenario.run_ms(50);
    scenario.mend();
    scenario.run_ms(3_000);
    scenario.order(A, Command::Switchover);
    expect(&mut scenario, 1_000, "moved", |s| s.serves(B));
}

/// Found by seed 297: both nodes and the witness were well, and nobody served for ever.
#[test]
fn a_handover_of_which_the_new_holder_heard_nothing_comes_to_an_end() {
    for cut_after_ms in 0..8 {
        let mut scenario = Scenario::new(Settings { readmit_ms: 60_000, ..fast() });
        scenario.power_off(B);
        expect(&mut scenario, 2_000, "alone", |s| s.value(A) == SOLE_A);
        scenario.start(B);
        scenario.run_ms(5_000);
        scenario.order(A, Command::Switchover);
        scenario.run_ms(cut_after_ms);
        scenario.cut_one_way(A, B);
        scenario.run_ms(1_000);
        scenario.mend();
        expect(&mut scenario, 10_000, "served", |s| s.serves(A) || s.serves(B));
        writes(&mut scenario, 3_000);
    }
}

/// Found by seed 229: acknowledged entries were lost, although only one node had lost its memory.
#[test]
fn a_peer_that_was_restarted_still_knows_who_has_forgotten() {
    let mut scenario = pair();
    let image = scenario.copy_disk(B);
    writes(&mut scenario, 2_000);
    scenario.power_off(A);
    expect(&mut scenario, 3_000, "taken over", |s| s.serves(B));
    writes(&mut scenario, 2_000);
    scenario.start(A);
    scenario.run_ms(500);
    scenario.revert_disk(B, &image);
    scenario.power_off(A);
    scenario.run_ms(1_000);
    scenario.start(A);
    scenario.cut(B, W);
    scenario.start(B);
    never(&mut scenario, 8_000, "served by who has forgotten", |s| s.serves(B));
    scenario.mend();
    scenario.run_ms(20_000);
    assert_eq!(scenario.violation(), None, "{}", scenario.trace());
}

#[test]
fn a_manual_pair_replicates_and_moves_by_order_only() {
    let mut scenario = Scenario::new(manual());
    assert_eq!(scenario.value(A), SOLE_A);
    assert!(scenario.durable(B) + 2 >= scenario.committed(), "replication is synchronous");
    scenario.order(A, Command::Switchover);
    expect(&mut scenario, 1_000, "moved", |s| s.serves(B));
    assert_eq!(scenario.value(B), SOLE_B);
    scenario.power_off(B);
    never(&mut scenario, 15_000, "a takeover", |s| s.serves(A));
    scenario.start(B);
    expect(&mut scenario, 2_000, "served", |s| s.serves(B));
    writes(&mut scenario, 2_000);
}

#[test]
fn a_holder_that_is_shut_down_hands_over_first() {
    let mut scenario = pair();
    scenario.watch_pause();
    scenario.order(A, Command::Shutdown);
    expect(&mut scenario, 2_000, "moved", |s| s.serves(B) && s.standing(A).is_none());
    writes(&mut scenario, 2_000);
    assert!(scenario.longest_pause_ms() <= 1_000, "{} ms", scenario.longest_pause_ms());
}

#[test]
fn a_pause_keeps_the_holder_where_it_is() {
    let mut scenario = pair();
    scenario.order(A, Command::Pause);
    scenario.order(B, Command::Pause);
    expect(&mut scenario, 3_000, "disarmed", |s| s.value(B) == SOLE_A);
    scenario.power_off(A);
    never(&mut scenario, 10_000, "a takeover", |s| s.serves(B));
    scenario.start(A);
    expect(&mut scenario, 3_000, "served", |s| s.serves(A));
    scenario.order(A, Command::Resume);
    scenario.order(B, Command::Resume);
    expect(&mut scenario, 10_000, "armed", |s| s.value(B) == PAIR_A);
}

#[test]
fn a_stalled_disk_neither_doubles_the_address_nor_loses_a_write() {
    for node in [A, B] {
        let mut scenario = pair();
        scenario.stall_disk(node, 4_000);
        scenario.run_ms(8_000);
        assert_eq!(scenario.violation(), None, "{}", scenario.trace());
        expect(&mut scenario, 5_000, "served", |s| s.serves(A) || s.serves(B));
        writes(&mut scenario, 3_000);
    }
}
