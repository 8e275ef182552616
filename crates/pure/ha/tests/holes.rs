//! Counterexamples to the design note, each kept as the shortest run that shows it.
//!
//! `docs/adr/0006-what-building-the-pair-changed.md` lists them. The replica has no clock, so every
//! message comes exactly when it does harm.

use ha::replica::{Effect, Input};
use ha::{
    Change, Disk, Draft, From, History, Identity, Incarnation, Known, Life, Log, Memory, Message,
    Record, Replica, Standing, To, Value, Witness,
};
use model::pair::Seat::{self, Primary, Secondary};
use model::pair::{Ballot, Epoch, Position};

const WITNESS: Incarnation = Incarnation(7);

/// Ballot of generation 1.
fn ballot(round: u32, by: Seat) -> Ballot {
    Ballot { generation: 1, round, by }
}

fn at(round: u32, run: u32, index: u64) -> Position {
    Position { epoch: Epoch { ballot: ballot(round, Primary), run }, index }
}

/// A record that has accepted and decided `value` at `round` of the primary.
fn record(run: u32, round: u32, value: Value) -> Record {
    let ballot = ballot(round, Primary);
    Record {
        run,
        promised: ballot,
        accepted: ballot,
        decided: ballot,
        value,
        witness: WITNESS,
        memory: Memory::Whole,
        ..Record::member(1, 1)
    }
}

/// A node that has started and was recognised.
fn node(seat: Seat, record: Record, log: &[Position]) -> Replica {
    let identity = Identity { seat, has_witness: true, level: 1, birth: u64::from(record.run) + 9 };
    let log = Log::recovered(History::new(log.to_vec()));
    let disk = Disk { record, log, applied: 0, has_holes: false };
    let mut node = Replica::start(identity, disk);
    recognise(&mut node);
    effects(&mut node);
    node
}

fn recognise(node: &mut Replica) {
    let Life { run, birth, .. } = node.life();
    tell(node, Message::Welcome { run, birth, level: 1 });
}

fn effects(node: &mut Replica) -> Vec<Effect> {
    std::iter::from_fn(|| node.poll()).collect()
}

fn tell(node: &mut Replica, message: Message) {
    node.handle(Input::Message(From::Peer, message));
}

fn sent(effects: &[Effect]) -> Vec<Message> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(To::Peer, message) => Some(message.clone()),
            _ => None,
        })
        .collect()
}

fn write(node: &mut Replica) -> Position {
    node.handle(Input::Write(vec![Draft { kind: 1, version: 1, payload: Vec::new() }]));
    node.log().end()
}

fn known(round: u32, value: Value) -> Known {
    let ballot = ballot(round, Primary);
    Known { promised: ballot, accepted: ballot, value, decided: ballot }
}

#[test]
fn an_answer_to_an_earlier_run_of_the_holder_acknowledges_nothing() {
    // The first run wrote entry 2, the backup has it, the holder's disk lost it.
    let mut holder = node(Primary, record(1, 4, Value::Pair(Primary)), &[at(4, 1, 1)]);
    let session = holder.session().unwrap();
    tell(&mut holder, Message::Ack { session, run: 3, durable: 1 });
    let position = write(&mut holder);
    assert_eq!(position.index, 2);
    holder.handle(Input::Durable(position));
    let earlier = Epoch { run: 1, ..session };
    tell(&mut holder, Message::Ack { session: earlier, run: 3, durable: 2 });
    holder.handle(Input::Advance { with_backup: false });
    assert_eq!(holder.commit(), 1, "what the backup has at 2 is another entry");
}

#[test]
fn an_answer_of_an_earlier_run_of_the_backup_acknowledges_nothing() {
    let mut holder = node(Primary, record(1, 4, Value::Pair(Primary)), &[]);
    let session = holder.session().unwrap();
    let position = write(&mut holder);
    holder.handle(Input::Durable(position));
    // The backup's third run has started on a new disk, and has nothing.
    tell(&mut holder, Message::Ack { session, run: 3, durable: 0 });
    tell(&mut holder, Message::Ack { session, run: 2, durable: 1 });
    holder.handle(Input::Advance { with_backup: false });
    assert_eq!(holder.commit(), 0);
    tell(&mut holder, Message::Ack { session, run: 3, durable: 1 });
    holder.handle(Input::Advance { with_backup: false });
    assert_eq!(holder.commit(), 1);
}

#[test]
fn a_late_opening_of_an_earlier_run_cuts_nothing() {
    let log = [at(4, 1, 3), at(4, 2, 5)];
    let mut backup = node(Secondary, record(1, 4, Value::Pair(Primary)), &log);
    let open = Message::Open {
        session: Epoch { ballot: ballot(4, Primary), run: 1 },
        value: Value::Pair(Primary),
        backup_run: backup.record().run,
        base: History::default(),
        owed: 0,
        commit: 0,
    };
    tell(&mut backup, open);
    let effects = effects(&mut backup);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Truncate { .. } | Effect::Wipe)));
    assert_eq!(backup.log().end(), at(4, 2, 5));
}

#[test]
fn a_holder_whose_state_lags_behind_its_log_owes_the_whole_log() {
    // It acknowledged entries 1 to 5 before it died; its database had applied none of them.
    let mut holder = node(Primary, record(1, 4, Value::Sole(Primary)), &[at(4, 1, 5)]);
    let session = holder.session().unwrap();
    assert_eq!(holder.owed(), 5);
    tell(&mut holder, Message::Ack { session, run: 1, durable: 0 });
    assert!(!holder.backup_is_complete());
    holder.handle(Input::Attempt(Change::Readmit));
    let promise = Message::Promise {
        ballot: holder.record().promised,
        accepted: ballot(4, Primary),
        value: Value::Sole(Primary),
    };
    tell(&mut holder, promise);
    assert_eq!(holder.record().value, Value::Sole(Primary), "it merely learns");
}

#[test]
fn a_report_to_an_earlier_witness_says_nothing_to_a_later_one() {
    let mut witness = Witness::start(Incarnation(2));
    let report = |asker, value| Message::Report {
        asker,
        known: known(4, value),
        life: Life::default(),
        witness: WITNESS,
        left: Vec::new(),
    };
    witness.handle(Primary, &report(1, Value::Pair(Primary)));
    witness.handle(Secondary, &report(2, Value::Pair(Primary)));
    assert!(!witness.is_valid());
    witness.handle(Primary, &report(2, Value::Sole(Primary)));
    assert!(witness.is_valid());
}

#[test]
fn a_witness_that_was_left_collects_no_votes() {
    let mut holder = node(Primary, record(1, 4, Value::Pair(Primary)), &[]);
    let ask = |incarnation: u128| {
        let message = Message::Ask { life: incarnation };
        Input::Message(From::Witness(Incarnation(incarnation)), message)
    };
    holder.handle(ask(8));
    holder.handle(ask(7));
    assert_eq!(holder.record().witness, Incarnation(8), "there is no way back to 7");
    holder.handle(Input::Attempt(Change::Shrink));
    let promise = Message::Promise {
        ballot: holder.record().promised,
        accepted: ballot(4, Primary),
        value: Value::Pair(Primary),
    };
    holder.handle(Input::Message(From::Witness(WITNESS), promise.clone()));
    assert_eq!(holder.record().value, Value::Pair(Primary));
    holder.handle(Input::Message(From::Witness(Incarnation(8)), promise));
    assert_eq!(holder.record().value, Value::Sole(Primary));
}

#[test]
fn a_log_that_was_cut_on_purpose_is_not_lost_memory() {
    let mut backup =
        node(Secondary, record(1, 4, Value::Pair(Primary)), &[at(4, 1, 3), at(4, 2, 5)]);
    let before = backup.life();
    let open = Message::Open {
        session: Epoch { ballot: ballot(4, Primary), run: 3 },
        value: Value::Pair(Primary),
        backup_run: backup.record().run,
        base: History::new(vec![at(4, 1, 3)]),
        owed: 3,
        commit: 3,
    };
    tell(&mut backup, open);
    assert!(effects(&mut backup).contains(&Effect::Truncate { after: 3 }));
    // It starts again; whoever remembers entry 5 recognises it all the same.
    let again = node(Secondary, backup.record().clone(), backup.log().history().ends());
    let mut holder = node(Primary, record(3, 4, Value::Pair(Primary)), &[at(4, 1, 3)]);
    tell(&mut holder, Message::Hello { life: before, level: 1 });
    tell(&mut holder, Message::Hello { life: again.life(), level: 1 });
    let answers = sent(&effects(&mut holder));
    assert!(matches!(answers.last(), Some(Message::Welcome { .. })), "{answers:?}");
}

#[test]
fn a_disk_that_was_set_back_is_recognised_by_what_others_have_seen() {
    let mut holder = node(Primary, record(3, 4, Value::Pair(Primary)), &[at(4, 1, 9)]);
    let seen =
        Life { run: 5, birth: 1, promised: ballot(4, Primary), cuts: 2, durable: at(4, 1, 9) };
    tell(&mut holder, Message::Hello { life: seen, level: 1 });
    let next = Life { run: 6, birth: 2, ..seen };
    for (is_set_back, life) in [
        (true, Life { durable: at(4, 1, 8), ..next }),
        (true, Life { promised: ballot(3, Primary), ..next }),
        (true, Life { cuts: 1, ..next }),
        (true, Life { run: 5, ..next }),
        (true, Life { run: 4, ..next }),
        (false, seen),
        (false, Life { durable: at(4, 1, 8), cuts: 3, ..next }),
    ] {
        effects(&mut holder);
        tell(&mut holder, Message::Hello { life, level: 1 });
        let answers = sent(&effects(&mut holder));
        let is_found_out = matches!(answers.last(), Some(Message::Forgotten { .. }));
        assert_eq!(is_found_out, is_set_back, "{life:?}: {answers:?}");
    }
}

#[test]
fn two_forced_nodes_found_two_generations_and_the_higher_one_wins() {
    let mut primary = node(Primary, record(1, 4, Value::Pair(Primary)), &[at(4, 1, 1)]);
    let mut secondary = node(Secondary, record(1, 4, Value::Pair(Primary)), &[at(4, 1, 1)]);
    primary.handle(Input::Force);
    secondary.handle(Input::Force);
    assert_eq!(primary.record().accepted, Ballot::founding(3));
    assert_eq!(secondary.record().accepted, Ballot::founding(2));
    // Any message of the higher generation will do; it need not carry the value.
    tell(&mut secondary, Message::Prepare { ballot: Ballot { round: 5, ..Ballot::founding(3) } });
    assert_eq!(secondary.record().value, Value::Sole(Primary));
    assert_eq!(secondary.standing(), Standing::Rebuilding);
}

#[test]
fn a_sole_holder_goes_on_while_others_only_propose_it_again() {
    let mut holder = node(Primary, record(1, 4, Value::Sole(Primary)), &[]);
    let confirm = ballot(5, Secondary);
    tell(&mut holder, Message::Prepare { ballot: confirm });
    tell(&mut holder, Message::Accept { ballot: confirm, value: Value::Sole(Primary) });
    assert_eq!(holder.standing(), Standing::SoleHolder);
    let position = write(&mut holder);
    holder.handle(Input::Durable(position));
    holder.handle(Input::Advance { with_backup: false });
    assert_eq!(holder.commit(), 1);
}

#[test]
fn a_witness_that_was_left_is_told_and_ends_its_life() {
    let mut witness = Witness::start(WITNESS);
    for seat in Seat::ALL {
        let report = Message::Report {
            asker: WITNESS.0,
            known: known(4, Value::Pair(Primary)),
            life: Life::default(),
            witness: WITNESS,
            left: Vec::new(),
        };
        witness.handle(seat, &report);
    }
    assert!(witness.is_valid());
    witness.handle(Primary, &Message::Left { incarnation: Incarnation(6) });
    assert!(witness.is_valid(), "that was said to another one");
    witness.handle(Primary, &Message::Left { incarnation: WITNESS });
    assert!(witness.is_left() && !witness.is_valid());
}

#[test]
fn a_sole_holder_that_hears_of_its_own_confirmation_writes_it_down() {
    let mut holder = node(Primary, record(1, 4, Value::Sole(Primary)), &[]);
    let confirmed = ballot(5, Secondary);
    tell(&mut holder, Message::Decided { ballot: confirmed, value: Value::Sole(Primary) });
    let effects = effects(&mut holder);
    let is_on_disk =
        |effect: &Effect| matches!(effect, Effect::Persist(record) if record.promised == confirmed);
    assert!(effects.iter().any(is_on_disk), "it would forget what it promised: {effects:?}");
}

#[test]
fn a_state_that_is_ahead_of_its_log_has_lost_memory() {
    let identity = Identity { seat: Secondary, has_witness: true, level: 1, birth: 1 };
    let log = Log::recovered(History::new(vec![at(4, 1, 3)]));
    let record = record(1, 4, Value::Pair(Primary));
    let disk = Disk { record, log, applied: 5, has_holes: false };
    let mut node = Replica::start(identity, disk);
    assert_eq!(node.standing(), Standing::Blank);
    assert!(effects(&mut node).contains(&Effect::Wipe));
    assert_eq!(node.commit(), 0);
}

#[test]
fn a_whole_backup_does_not_undo_what_it_has_applied() {
    let mut backup = node(Secondary, record(1, 4, Value::Pair(Primary)), &[at(4, 1, 3)]);
    let session = Epoch { ballot: ballot(4, Primary), run: 1 };
    let open = |base: Vec<Position>, session| Message::Open {
        session,
        value: Value::Pair(Primary),
        backup_run: 2,
        base: History::new(base),
        owed: 3,
        commit: 3,
    };
    tell(&mut backup, open(Vec::new(), session));
    assert_eq!(backup.commit(), 3);
    tell(&mut backup, open(Vec::new(), Epoch { run: 2, ..session }));
    let effects = effects(&mut backup);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Truncate { .. } | Effect::Wipe)));
    assert!(matches!(sent(&effects).last(), Some(Message::Nack { .. })), "{effects:?}");
}

#[test]
fn a_backup_that_becomes_holder_owes_what_it_has_not_been_told_is_committed() {
    let mut backup = node(Secondary, record(1, 4, Value::Pair(Primary)), &[]);
    let session = Epoch { ballot: ballot(4, Primary), run: 1 };
    let entry = |index| model::pair::Entry {
        position: Position { epoch: session, index },
        kind: 1,
        version: 1,
        payload: Vec::new(),
    };
    let open = Message::Open {
        session,
        value: Value::Pair(Primary),
        backup_run: 2,
        base: History::default(),
        owed: 0,
        commit: 0,
    };
    tell(&mut backup, open);
    let append =
        Message::Append { session, backup_run: 2, entries: vec![entry(1), entry(2)], commit: 0 };
    tell(&mut backup, append);
    backup.handle(Input::Durable(entry(2).position));
    let handed = ballot(5, Primary);
    tell(&mut backup, Message::Decided { ballot: handed, value: Value::Pair(Secondary) });
    assert_eq!(backup.standing(), Standing::PairHolder);
    assert_eq!(backup.owed(), 2, "the old holder may have acknowledged both");
}

#[test]
fn what_others_have_seen_promised_is_promised_again() {
    let identity = Identity { seat: Secondary, has_witness: true, level: 1, birth: 5 };
    let disk = Disk { record: Record::blank(1), log: Log::default(), applied: 0, has_holes: false };
    let mut node = Replica::start(identity, disk);
    let seen = Life { run: 3, birth: 1, promised: ballot(9, Secondary), ..Life::default() };
    let report = Message::Report {
        asker: 5,
        known: known(4, Value::Pair(Primary)),
        life: seen,
        witness: WITNESS,
        left: Vec::new(),
    };
    tell(&mut node, report.clone());
    node.handle(Input::Message(From::Witness(WITNESS), report));
    assert_eq!(node.standing(), Standing::Rebuilding);
    assert_eq!(node.record().promised, ballot(9, Secondary), "or it is called forgetful for ever");
}

#[test]
fn a_backup_that_cannot_read_an_entry_does_not_say_that_it_has_it() {
    let identity = Identity { seat: Secondary, has_witness: true, level: 1, birth: 5 };
    let log = Log::recovered(History::new(vec![at(4, 1, 3)]));
    let record = record(1, 4, Value::Pair(Primary));
    let mut backup = Replica::start(identity, Disk { record, log, applied: 3, has_holes: true });
    recognise(&mut backup);
    let open = Message::Open {
        session: Epoch { ballot: ballot(4, Primary), run: 1 },
        value: Value::Pair(Primary),
        backup_run: 2,
        base: History::default(),
        owed: 3,
        commit: 3,
    };
    tell(&mut backup, open);
    let has_acked =
        |effects: &[Effect]| sent(effects).iter().any(|m| matches!(m, Message::Ack { .. }));
    assert!(!has_acked(&effects(&mut backup)));
    backup.handle(Input::Repaired);
    assert!(has_acked(&effects(&mut backup)));
    assert_eq!(backup.standing(), Standing::Standby);
}

#[test]
fn a_snapshot_replaces_only_what_follows_its_session_and_is_shorter() {
    let mut backup = node(Secondary, record(1, 4, Value::Sole(Primary)), &[at(4, 1, 3)]);
    let session = Epoch { ballot: ballot(4, Primary), run: 1 };
    let installs = |backup: &mut Replica, session, end| {
        let log = Log::recovered(History::new(vec![at(4, 1, end)]));
        backup.handle(Input::Install(session, log));
        effects(backup).contains(&Effect::Install)
    };
    assert!(!installs(&mut backup, session, 9), "it follows nobody");
    let open = Message::Open {
        session,
        value: Value::Sole(Primary),
        backup_run: 2,
        base: History::default(),
        owed: 3,
        commit: 3,
    };
    tell(&mut backup, open);
    assert!(!installs(&mut backup, Epoch { run: 2, ..session }, 9), "another session");
    assert!(!installs(&mut backup, session, 3), "it brings nothing");
    assert!(installs(&mut backup, session, 9));
    assert_eq!(backup.standing(), Standing::Rebuilding, "until the session is opened anew");
    assert_eq!(backup.log().durable(), 9);
}

#[test]
fn what_is_remembered_of_the_peer_survives_a_restart() {
    let mut holder = node(Primary, record(3, 4, Value::Pair(Primary)), &[at(4, 1, 9)]);
    let seen =
        Life { run: 5, birth: 1, promised: ballot(4, Primary), cuts: 2, durable: at(4, 1, 9) };
    tell(&mut holder, Message::Hello { life: seen, level: 1 });
    let effects_of_greeting = effects(&mut holder);
    let written =
        |effect: &Effect| matches!(effect, Effect::Persist(record) if record.peer == seen);
    assert!(effects_of_greeting.iter().any(written), "{effects_of_greeting:?}");
    let mut again = node(Primary, holder.record().clone(), &[at(4, 1, 9)]);
    let set_back = Life { run: 5, birth: 2, ..seen };
    tell(&mut again, Message::Hello { life: set_back, level: 1 });
    let answers = sent(&effects(&mut again));
    assert!(matches!(answers.last(), Some(Message::Forgotten { .. })), "{answers:?}");
}

#[test]
fn entries_that_are_here_already_are_acknowledged_again() {
    let mut backup = node(Secondary, record(1, 4, Value::Pair(Primary)), &[]);
    let session = Epoch { ballot: ballot(4, Primary), run: 1 };
    let open = Message::Open {
        session,
        value: Value::Pair(Primary),
        backup_run: 2,
        base: History::default(),
        owed: 0,
        commit: 0,
    };
    tell(&mut backup, open);
    let position = Position { epoch: session, index: 1 };
    let entry = model::pair::Entry { position, kind: 1, version: 1, payload: Vec::new() };
    let append = Message::Append { session, backup_run: 2, entries: vec![entry], commit: 0 };
    tell(&mut backup, append.clone());
    backup.handle(Input::Durable(position));
    effects(&mut backup);
    // The answer was lost; the holder sends again.
    tell(&mut backup, append);
    let answers = sent(&effects(&mut backup));
    assert!(matches!(answers[..], [Message::Ack { durable: 1, .. }]), "{answers:?}");
}

#[test]
fn a_blank_node_is_neither_forced_nor_enrolled_before_it_has_heard_anybody() {
    let identity = Identity { seat: Secondary, has_witness: true, level: 1, birth: 5 };
    let disk = Disk { record: Record::blank(1), log: Log::default(), applied: 0, has_holes: false };
    let mut node = Replica::start(identity, disk);
    for input in [Input::Force, Input::Enrol] {
        effects(&mut node);
        node.handle(input);
        assert!(matches!(effects(&mut node)[..], [Effect::Refuse { .. }]));
        assert_eq!(node.standing(), Standing::Blank);
    }
    let report = Message::Report {
        asker: 5,
        known: known(4, Value::Pair(Primary)),
        life: Life::default(),
        witness: WITNESS,
        left: Vec::new(),
    };
    tell(&mut node, report);
    node.handle(Input::Enrol);
    assert_eq!(node.standing(), Standing::Rebuilding);
}

#[test]
fn a_rebuilding_node_that_has_promised_too_much_finds_its_way_back() {
    // It prepared a ballot that nobody answered, then lost an entry: the holder's ballot is lower.
    let mut record = record(1, 4, Value::Pair(Primary));
    record.promised = ballot(9, Secondary);
    record.memory = Memory::Partial;
    let mut backup = node(Secondary, record, &[]);
    assert_eq!(backup.standing(), Standing::Rebuilding);
    backup.handle(Input::Attempt(Change::Confirm));
    let ballot = backup.record().promised;
    let accepted = Ballot { round: 5, by: Primary, ..ballot };
    tell(&mut backup, Message::Promise { ballot, accepted, value: Value::Sole(Primary) });
    tell(&mut backup, Message::Accepted { ballot });
    assert_eq!(backup.record().value, Value::Sole(Primary));
    assert!(backup.record().is_decided());
    assert_eq!(backup.standing(), Standing::Rebuilding);
}

#[test]
fn a_snapshot_mends_what_no_journal_keeps_any_more() {
    let identity = Identity { seat: Secondary, has_witness: true, level: 1, birth: 5 };
    let log = Log::recovered(History::new(vec![at(4, 1, 12)]));
    let record = record(1, 4, Value::Sole(Primary));
    let mut backup = Replica::start(identity, Disk { record, log, applied: 3, has_holes: true });
    recognise(&mut backup);
    let session = Epoch { ballot: ballot(4, Primary), run: 1 };
    let open = Message::Open {
        session,
        value: Value::Sole(Primary),
        backup_run: 2,
        base: History::default(),
        owed: 12,
        commit: 12,
    };
    tell(&mut backup, open.clone());
    let snapshot = Log::recovered(History::new(vec![at(4, 1, 9)]));
    backup.handle(Input::Install(session, snapshot));
    assert!(effects(&mut backup).contains(&Effect::Install));
    tell(&mut backup, open);
    let answers = sent(&effects(&mut backup));
    assert!(answers.iter().any(|m| matches!(m, Message::Ack { durable: 9, .. })), "{answers:?}");
}

#[test]
fn a_late_greeting_accuses_nobody() {
    let mut holder = node(Primary, record(1, 4, Value::Pair(Primary)), &[]);
    let greeting = holder.life();
    holder.handle(Input::Attempt(Change::Shrink));
    let proposed = holder.record().promised;
    let mut backup = node(Secondary, record(1, 4, Value::Pair(Primary)), &[]);
    tell(&mut backup, Message::Prepare { ballot: proposed });
    tell(&mut backup, Message::Accept { ballot: proposed, value: Value::Sole(Primary) });
    effects(&mut backup);
    tell(&mut backup, Message::Hello { life: greeting, level: 1 });
    for answer in sent(&effects(&mut backup)) {
        tell(&mut holder, answer);
    }
    assert_ne!(holder.standing(), Standing::Blank);
}

#[test]
fn a_blank_node_does_not_serve_a_group_that_its_peer_dissolved() {
    let identity = Identity { seat: Primary, has_witness: true, level: 1, birth: 5 };
    let disk = Disk { record: Record::blank(1), log: Log::default(), applied: 0, has_holes: false };
    let mut node = Replica::start(identity, disk);
    tell(&mut node, Message::Dissolved { generation: 4 });
    assert_eq!(node.standing(), Standing::Dissolved);
}

#[test]
fn a_late_welcome_to_a_life_that_was_lost_recognises_nobody() {
    let life = |birth| {
        let identity = Identity { seat: Secondary, has_witness: true, level: 1, birth };
        let record = record(4, 4, Value::Pair(Primary));
        let log = Log::recovered(History::new(vec![at(4, 1, 3)]));
        Replica::start(identity, Disk { record, log, applied: 3, has_holes: false })
    };
    // Run 5 greeted and was welcomed; then its disk was set back to the end of run 4, and the
    // start after that counts run 5 once more.
    let lost = life(1);
    let mut set_back = life(2);
    let Life { run, birth, .. } = lost.life();
    assert_eq!(run, set_back.life().run);
    tell(&mut set_back, Message::Welcome { run, birth, level: 1 });
    assert_eq!(set_back.standing(), Standing::Arriving);
    let seen = Life { durable: at(4, 1, 9), ..lost.life() };
    tell(&mut set_back, Message::Forgotten { run, birth, life: seen });
    assert_eq!(set_back.standing(), Standing::Arriving, "it was not this life that was judged");
    recognise(&mut set_back);
    assert_eq!(set_back.standing(), Standing::Standby);
}
