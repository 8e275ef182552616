//! The state is a function of the journal: not of batches, restarts, crashes or failures.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

/// What a node has made of a journal, and what it found on the way.
#[derive(Debug, PartialEq)]
struct Seen {
    hash: StateHash,
    hashes: BTreeMap<u64, [u8; 32]>,
    outcomes: BTreeMap<u64, String>,
    files: BTreeMap<String, Vec<u8>>,
}

/// What happens to a node after a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    GoesOn,
    Restarts,
    /// The transaction of the batch fails at its end, and the process dies.
    DiesInApply,
    /// As before, but the node goes on without a restart.
    FailsInApply,
    /// The file of the first sealing is written, its transaction fails, and the process dies.
    DiesInSealing,
    /// As before, but the node goes on without a restart.
    FailsInSealing,
}

const FAIL_APPLY: &str = "CREATE TRIGGER stop BEFORE UPDATE ON replica BEGIN
    SELECT raise(ABORT, 'stopped'); END";
const FAIL_RECORD: &str = "CREATE TRIGGER stop BEFORE INSERT ON history_sealed BEGIN
    SELECT raise(ABORT, 'stopped'); END";
const FAIL_CLEAR: &str = "CREATE TRIGGER stop BEFORE DELETE ON history_tail BEGIN
    SELECT raise(ABORT, 'stopped'); END";

fn sql(store: &Store, sql: &str) {
    store.run(|connection| connection.execute_batch(sql)).unwrap();
}

/// Lets a node with the program `SMALL` apply `journal` in batches, each with a fate.
fn live(journal: &[Entry], batches: &[(usize, Fate)]) -> Seen {
    let scratch = Scratch::new();
    let mut store = open(&scratch, SMALL);
    let (mut hashes, mut outcomes) = (BTreeMap::new(), BTreeMap::new());
    let mut note = |applied: Applied| {
        hashes.extend(applied.hashes.iter().map(|it| (it.index, it.hash)));
        outcomes.extend(applied.outcomes.iter().map(|(index, it)| (*index, format!("{it:?}"))));
    };
    for (size, fate) in batches {
        let from = store.applied().unwrap().index as usize;
        let batch = &journal[from..journal.len().min(from + size)];
        match fate {
            Fate::GoesOn | Fate::Restarts => note(store.apply(batch).unwrap()),
            Fate::DiesInApply | Fate::FailsInApply | Fate::DiesInSealing | Fate::FailsInSealing => {
                let is_apply = matches!(fate, Fate::DiesInApply | Fate::FailsInApply);
                sql(&store, if is_apply { FAIL_APPLY } else { FAIL_RECORD });
                // What a failed call did is told by nobody: only the state is compared then.
                let _ = store.apply(batch);
                if matches!(fate, Fate::DiesInApply | Fate::DiesInSealing) {
                    drop(store);
                    fs::write(scratch.dir.join("history").join("x.parquet.partial"), "x").unwrap();
                    store = open(&scratch, SMALL);
                }
                sql(&store, "DROP TRIGGER stop");
                assert_eq!(store.damaged_files().unwrap(), [], "what counts is there");
            }
        }
        if *fate == Fate::Restarts {
            drop(store);
            store = open(&scratch, SMALL);
        }
    }
    // The journal is replayed from its beginning, as recovery does.
    note(store.apply(journal).unwrap());
    drop(store);
    let store = open(&scratch, SMALL);
    let hash = store.state_hash().unwrap();
    Seen { hash, hashes, outcomes, files: sealed_files(&scratch) }
}

pub(super) fn any_change() -> impl Strategy<Value = Change> {
    let name = || prop::sample::select(vec!["anna", "bob", "carl"]).prop_map(str::to_owned);
    let role = || prop::sample::select(Role::ALL.to_vec());
    let time = || prop_oneof![9 => 0_u64..400, 1 => Just(u64::MAX)].prop_map(Time);
    let secret = || "[a-z]{1,8}".prop_map(Secret);
    let severity = prop::sample::select(Severity::ALL.to_vec());
    prop_oneof![
        2 => (name(), "[a-z]{0,20}").prop_map(|(key, value)| Change::SettingPut { key, value }),
        1 => name().prop_map(|key| Change::SettingRemoved { key }),
        1 => Just(Change::maps(&model::map::Maps::default()).unwrap()),
        2 => (name(), role(), secret(), any::<bool>(), time()).prop_map(
            |(name, role, password_hash, must_change_password, at)| Change::UserAdded {
                name, role, password_hash, must_change_password, at
            }
        ),
        1 => (name(), secret(), any::<bool>(), time()).prop_map(
            |(name, password_hash, must_change_password, at)| Change::PasswordSet {
                name, password_hash, must_change_password, at
            }
        ),
        1 => (name(), role(), time()).prop_map(|(name, role, at)| Change::RoleSet { name, role, at }),
        1 => name().prop_map(|name| Change::UserRemoved { name }),
        2 => (name(), name(), severity, time()).prop_map(|(kind, source, severity, at)| {
            Change::AlarmRaised { kind, severity, source, text: String::new(), at }
        }),
        1 => (1_u64..150, time()).prop_map(|(id, at)| Change::AlarmCleared { id, at }),
        1 => (1_u64..150, name()).prop_map(|(id, by)| Change::AlarmAcknowledged { id, by }),
        1 => ("[a-z]{1,3}", "[a-z]{1,3}").prop_map(|(certificate, key)| identity(&certificate, &key)),
        1 => "[a-z]{0,3}".prop_map(|content| file(content.as_bytes())),
        2 => (0_u64..400).prop_map(event),
        1 => (0_u64..400).prop_map(|before| Change::RecordsExpired { before: Time(before) }),
        8 => (0_u64..400, 1_u64..40, any::<i32>()).prop_map(|(at, count, x_cm)| {
            // Rows of one element and time differ, so that their order shows.
            let rows = (at..at + count).map(|at| KeptRow { x_cm, ..row(at % 7, at) });
            Change::HistoryAppended { rows: rows.collect() }
        }),
        1 => time().prop_map(|before| Change::HistoryExpired { before }),
        1 => Just(Change::LevelRaised { level: 1 }),
        2 => (0_u64..9, 0_u64..400, 1_u64..40, any::<bool>()).prop_map(
            |(mac, entered, count, is_connected)| {
                let stays = (0..count).map(|n| Stay {
                    category: Category::WirelessClient,
                    mac: Mac::from_u64(mac),
                    place: MapId(n % 3),
                    entered: Time(entered),
                    left: Time(entered + n),
                    strongest_dbm: Some(-(n as i8)),
                    is_connected,
                });
                Change::StaysKept { stays: stays.collect() }
            }
        ),
        1 => (0_u64..3, 0_u64..3, 1_u16..9).prop_map(|(floor, hour, count)| {
            let cells = (0..count).map(|row| HeatCell { row, column: 0, time_ms: 1 });
            Change::HeatAdded { floor: MapId(floor), hour: Time(hour), cells: cells.collect() }
        }),
        1 => time().prop_map(|before| Change::AnalyticsExpired { before }),
    ]
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::GoesOn),
        2 => Just(Fate::Restarts),
        1 => Just(Fate::DiesInApply),
        1 => Just(Fate::FailsInApply),
        1 => Just(Fate::DiesInSealing),
        1 => Just(Fate::FailsInSealing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn two_nodes_come_to_the_same_state(
        changes in prop::collection::vec(any_change(), 1..160),
        batches in prop::collection::vec((1_usize..50, any_fate()), 0..12),
    ) {
        let journal = journal(&changes);
        let calm = live(&journal, &[(journal.len(), Fate::GoesOn)]);
        let rough = live(&journal, &batches);
        prop_assert_eq!(&calm.files, &rough.files);
        prop_assert_eq!(calm.hash, rough.hash);
        // A call that failed does not tell, but what was told is the same.
        for (index, hash) in &rough.hashes {
            prop_assert_eq!(calm.hashes.get(index), Some(hash), "at entry {}", index);
        }
        for (index, outcome) in &rough.outcomes {
            prop_assert_eq!(calm.outcomes.get(index), Some(outcome), "at entry {}", index);
        }
        prop_assert_eq!(calm.hashes.len(), journal.len() / 16);
    }
}

/// A journal that seals five files, one of them at an index where a hash is due.
fn sealing_journal() -> Vec<Entry> {
    let change = |n: u64| match n % 8 {
        3 => put("n", &n.to_string()),
        5 => event(n),
        _ => rows(n * 7, 5),
    };
    journal(&(0..64).map(change).collect::<Vec<_>>())
}

#[test]
fn batches_make_no_difference() {
    let journal = sealing_journal();
    let all = live(&journal, &[]);
    assert!(all.files.len() >= 4, "{:?}", all.files.keys());
    assert_eq!(all.hashes.len(), 4);
    for size in [1, 2, 3, 7, 16, 17, 63] {
        let batches = vec![(size, Fate::GoesOn); journal.len() / size];
        assert_eq!(live(&journal, &batches), all, "batches of {size}");
        let batches = vec![(size, Fate::Restarts); journal.len() / size];
        assert_eq!(live(&journal, &batches), all, "batches of {size} with restarts");
    }
}

/// Lets sealing fail at one step, checks that nothing of it shows, and that the node comes to the
/// state of one that had luck, with a restart or without.
#[test]
fn sealing_that_fails_at_any_step_is_done_again() {
    type Act = fn(&Store, &Path);
    let steps: [(&str, Act, Act); 4] = [
        (
            "the temporary file cannot be made",
            |_, path| fs::create_dir(path.with_extension("parquet.partial")).unwrap(),
            |_, path| fs::remove_dir(path.with_extension("parquet.partial")).unwrap(),
        ),
        (
            "the file cannot get its name",
            |_, path| fs::create_dir(path).unwrap(),
            |_, path| fs::remove_dir(path).unwrap(),
        ),
        (
            "it cannot be recorded",
            |store, _| sql(store, FAIL_RECORD),
            |store, _| {
                sql(store, "DROP TRIGGER stop");
            },
        ),
        (
            "the tail cannot be cleared",
            |store, _| sql(store, FAIL_CLEAR),
            |store, _| {
                sql(store, "DROP TRIGGER stop");
            },
        ),
    ];
    let journal = journal(&[rows(0, 30), put("a", "1"), rows(30, 30), rows(60, 10)]);
    let lucky = live(&journal, &[]);
    let trail = |store: &Store| {
        let mac = Mac::from_u64(3);
        store.trail(row(3, 0).category, mac, Time(0), Time(100), 100).unwrap().len()
    };
    for (step, harm, mend) in steps {
        for is_restarted in [false, true] {
            let scratch = Scratch::new();
            let mut store = open(&scratch, SMALL);
            let path = scratch.dir.join("history").join(lucky.files.keys().next().unwrap());
            harm(&store, &path);
            store.apply(&journal).unwrap_err();
            assert_eq!(store.applied().unwrap().index, 3, "{step}: the entries are applied");
            assert_eq!(store.sealed_files().unwrap(), [], "{step}");
            assert_eq!(trail(&store), 9, "{step}: no row is lost, none is there twice");
            mend(&store, &path);
            if is_restarted {
                drop(store);
                store = open(&scratch, SMALL);
                assert_eq!(sealed_files(&scratch).len(), 0, "{step}: leftovers are removed");
                assert_eq!(trail(&store), 9, "{step}");
            }
            store.apply(&journal).unwrap();
            assert_eq!(store.state_hash().unwrap(), lucky.hash, "{step}");
            assert_eq!(sealed_files(&scratch), lucky.files, "{step}");
        }
    }
}

#[test]
fn files_expire_only_when_that_is_committed() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let journal = journal(&[rows(0, 60), Change::HistoryExpired { before: Time(u64::MAX) }]);
    store.apply(&journal[..1]).unwrap();
    sql(&store, FAIL_APPLY);
    store.apply(&journal).unwrap_err();
    assert_eq!(store.sealed_files().unwrap().len(), 1);
    assert_eq!(store.damaged_files().unwrap(), []);
    sql(&store, "DROP TRIGGER stop");
    store.apply(&journal).unwrap();
    assert_eq!(sealed_files(&scratch).len(), 0);
    // A time that SQLite cannot keep in full is not kept in full before the restart either.
    let hash = store.state_hash().unwrap();
    drop(store);
    assert_eq!(open(&scratch, SMALL).state_hash().unwrap(), hash);
}

/// The directory of [`victim`].
const VICTIM: &str = "OPENMSE_STORE_VICTIM";

/// Not a check: the process that [`a_killed_process_leaves_a_whole_state`] kills. It writes a line
/// whenever it has applied something.
#[test]
#[ignore = "only for the test that kills it"]
#[expect(clippy::print_stdout, reason = "the one who kills it reads this")]
fn victim() {
    let Some(dir) = std::env::var_os(VICTIM) else { return };
    let store = Store::open_as(Path::new(&dir), SMALL).unwrap();
    for batch in long_journal().chunks(3) {
        if !store.apply(batch).unwrap().outcomes.is_empty() {
            println!("applied");
        }
    }
}

fn long_journal() -> Vec<Entry> {
    let change = |n: u64| match n % 9 {
        2 => put(&format!("key {}", n % 40), &n.to_string()),
        4 => event(n),
        7 => Change::HistoryExpired { before: Time((n * 7).saturating_sub(900)) },
        _ => rows(n * 7, 20),
    };
    journal(&(0..1_500).map(change).collect::<Vec<_>>())
}

#[test]
fn a_killed_process_leaves_a_whole_state() {
    let scratch = Scratch::new();
    let journal = long_journal();
    let mut stops = Vec::new();
    for round in 0..8 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "apply::tests::determinism::victim", "--ignored", "--nocapture"])
            .env(VICTIM, &scratch.dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut applied = lines.map(Result::unwrap).filter(|line| line.ends_with("applied"));
        assert_eq!(applied.by_ref().take(5 + round * 11).count(), 5 + round * 11);
        victim.kill().unwrap();
        victim.wait().unwrap();
        drop(applied);
        // Where it died, it has the state of a node that came there without haste.
        let store = open(&scratch, SMALL);
        let died_at = store.applied().unwrap().index;
        let calm = live(&journal[..died_at as usize], &[]);
        assert_eq!(store.state_hash().unwrap(), calm.hash, "killed at entry {died_at}");
        assert_eq!(sealed_files(&scratch), calm.files, "killed at entry {died_at}");
        stops.push(died_at);
    }
    assert!(stops.iter().any(|at| (1..1_500).contains(at)), "killed in the middle: {stops:?}");
    let store = open(&scratch, SMALL);
    store.apply(&journal).unwrap();
    assert_eq!(store.state_hash().unwrap(), live(&journal, &[]).hash);
}

#[test]
fn a_hash_depends_on_every_table() {
    let base = [
        add("anna", Role::Admin),
        put("a", "1"),
        raise("disk", "node", Severity::Minor),
        event(1),
        rows(0, 60),
        rows(60, 3),
        Change::maps(&model::map::Maps::default()).unwrap(),
    ];
    let hash = |changes: &[Change]| live(&journal(changes), &[]).hash;
    let expected = hash(&base);
    let check = |place: usize, change: Change| {
        let mut changes = base.to_vec();
        changes[place] = change;
        assert_ne!(hash(&changes), expected, "{place}");
    };
    check(0, add("anne", Role::Admin));
    check(1, put("a", "2"));
    check(2, raise("disk", "node", Severity::Major));
    check(3, event(2));
    check(4, rows(1, 60));
    check(5, rows(61, 3));
    check(6, put("b", "1"));
}
