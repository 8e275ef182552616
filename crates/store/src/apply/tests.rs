use std::collections::BTreeMap;
use std::fs;

use model::map::MapId;
use model::pair::{Ballot, Epoch, Seat};
use model::{Category, Mac};
use presence::Stay;
use proptest::prelude::*;

use super::change::KINDS;
use super::*;
use crate::tests::Scratch;
use crate::{HeatCell, KeptRow, Role, ServiceIdentity, Severity};

mod determinism;
mod levels;
mod measure;
mod newest;
mod snapshots;
mod vectors;

/// As this program, but seals and hashes often enough for a test.
const SMALL: Program = Program { seal_rows: 50, hash_interval: 16, ..Program::THIS };

const EPOCH: Epoch =
    Epoch { ballot: Ballot { generation: 1, round: 3, by: Seat::Primary }, run: 2 };

fn open(scratch: &Scratch, program: Program) -> Store {
    Store::open_as(&scratch.dir, program).unwrap()
}

/// A journal from entry 1 on.
fn journal(changes: &[Change]) -> Vec<Entry> {
    journal_after(0, changes)
}

fn journal_after(index: u64, changes: &[Change]) -> Vec<Entry> {
    let entry = |(n, change): (usize, &Change)| {
        let Encoded { kind, version, payload } = change.encode(FEATURE_LEVEL).unwrap();
        let position = Position { epoch: EPOCH, index: index + 1 + n as u64 };
        Entry { position, kind, version, payload }
    };
    changes.iter().enumerate().map(entry).collect()
}

fn put(key: &str, value: &str) -> Change {
    Change::SettingPut { key: key.into(), value: value.into() }
}

fn add(name: &str, role: Role) -> Change {
    Change::UserAdded {
        name: name.into(),
        role,
        password_hash: Secret("$argon2id$...".into()),
        must_change_password: false,
        at: Time(5),
    }
}

fn raise(kind: &str, source: &str, severity: Severity) -> Change {
    let (kind, source, text) = (kind.into(), source.into(), "It is so.".into());
    Change::AlarmRaised { kind, severity, source, text, at: Time(7) }
}

fn identity(certificate: &str, key: &str) -> Change {
    Change::ServiceIdentitySet { certificate: certificate.into(), key: Secret(key.into()) }
}

fn begun(token_hash: [u8; 32], user: &str, at: Time) -> Change {
    let (expires, address) = (at.plus_ms(1_800_000), "192.0.2.7".into());
    Change::SessionBegun { token_hash, user: user.into(), at, expires, address }
}

fn file(content: &[u8]) -> Change {
    Change::FilePut { content: Content(content.to_vec()) }
}

fn event(at: u64) -> Change {
    Change::EventRecorded {
        at: Time(at),
        kind: "takeover".into(),
        generated_by: "secondary".into(),
        text: "The secondary took over.".into(),
        remarks: String::new(),
    }
}

/// A row of element `mac`; everything else follows from `at`.
fn row(mac: u64, at: u64) -> KeptRow {
    KeptRow {
        mac: Mac::from_u64(mac),
        category: Category::ALL[(mac % 6) as usize],
        at: Time(at),
        floor: MapId(at % 3),
        x_cm: (at % 4_000) as i32 - 1_000,
        y_cm: (at % 3_000) as i32,
        confidence_cm: 250,
        ap: (!at.is_multiple_of(4)).then(|| Mac::from_u64(at % 5)),
    }
}

/// A batch of `count` rows from time `at` on, of seven elements in turns.
fn rows(at: u64, count: u64) -> Change {
    Change::HistoryAppended { rows: (at..at + count).map(|at| row(at % 7, at)).collect() }
}

/// Every sealed file with its content.
fn sealed_files(scratch: &Scratch) -> BTreeMap<String, Vec<u8>> {
    let folder = fs::read_dir(scratch.dir.join("history")).unwrap();
    let read = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    folder.map(|entry| read(entry.unwrap())).collect()
}

/// Checks that `result` is an error whose text holds every one of `words`.
fn check_error<T: std::fmt::Debug>(result: Result<T, StoreError>, words: &[&str]) {
    let error = result.unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "'{error}' does not say '{word}'");
    }
}

/// Applies `changes` to an empty store and checks the outcomes, as `{:?}` writes them.
fn check_outcomes(changes: &[Change], expected: &[&str]) -> (Scratch, Store) {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let applied = store.apply(&journal(changes)).unwrap();
    let outcomes: Vec<String> = applied
        .outcomes
        .iter()
        .map(|(_, outcome)| match outcome {
            Outcome::Refused(error) => format!("refused: {error}"),
            outcome => format!("{outcome:?}"),
        })
        .collect();
    assert_eq!(outcomes.len(), expected.len(), "{outcomes:?}");
    for (outcome, expected) in outcomes.iter().zip(expected) {
        assert!(outcome.contains(expected), "'{outcome}' is not '{expected}'");
    }
    (scratch, store)
}

#[test]
fn entries_say_where_the_state_stands() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    assert_eq!(store.applied().unwrap(), Position::default());
    let journal = journal(&[put("a", "1"), put("a", "2"), put("b", "3")]);
    let applied = store.apply(&journal[..2]).unwrap();
    assert_eq!(applied.position, journal[1].position);
    assert_eq!(applied.outcomes.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.setting("a").unwrap().as_deref(), Some("2"));
    drop(store);
    let store = open(&scratch, SMALL);
    assert_eq!(store.applied().unwrap(), journal[1].position);
    assert_eq!(store.sync().unwrap(), journal[1].position);
    assert_eq!(store.apply(&journal).unwrap().outcomes.len(), 1, "two are skipped");
    assert_eq!(store.applied().unwrap().index, 3);
}

#[test]
fn a_gap_is_refused_by_both_indexes() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let journal = journal(&[put("a", "1"), put("a", "2"), put("a", "3"), put("a", "4")]);
    check_error(store.apply(&journal[1..]), &["entry 2 cannot be applied after entry 0"]);
    store.apply(&journal[..1]).unwrap();
    let holed = [journal[1].clone(), journal[3].clone()];
    check_error(store.apply(&holed), &["entry 4 cannot be applied after entry 2"]);
    assert_eq!(store.applied().unwrap().index, 1, "one transaction: nothing or all");
    assert_eq!(store.setting("a").unwrap().as_deref(), Some("1"));
}

#[test]
fn another_journal_is_refused() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let mut journal = journal(&[put("a", "1"), put("a", "2"), put("a", "3")]);
    store.apply(&journal[..2]).unwrap();
    journal[1].position.epoch.run += 1;
    check_error(store.apply(&journal), &["2@1.3p/3", "2@1.3p/2", "rebuilt"]);
}

#[test]
fn what_the_rules_refuse_changes_nothing() {
    let role = |name: &str, role| Change::RoleSet { name: name.into(), role, at: Time(9) };
    let remove = |name: &str| Change::UserRemoved { name: name.into() };
    let changes = [
        add("anna", Role::Admin),
        add("anna", Role::Viewer),
        remove("anna"),
        role("anna", Role::Viewer),
        role("bob", Role::Admin),
        add("bob", Role::Admin),
        remove("anna"),
        Change::SettingRemoved { key: "a".into() },
        Change::AlarmAcknowledged { id: 3, by: "bob".into() },
        Change::LevelRaised { level: 1 },
    ];
    let expected = [
        "Done",
        "refused: there is a user 'anna'",
        "refused: 'anna' is the last admin",
        "refused: 'anna' is the last admin",
        "refused: there is no user 'bob'",
        "Done",
        "Done",
        "Unchanged",
        "refused: there is no alarm 3",
        "Unchanged",
    ];
    let (_scratch, store) = check_outcomes(&changes, &expected);
    let [bob] = &store.users().unwrap()[..] else { panic!() };
    assert_eq!((bob.name.as_str(), bob.role, bob.created), ("bob", Role::Admin, Time(5)));
}

#[test]
fn the_first_identity_of_the_service_stays() {
    let changes = [identity("certificate", "key"), identity("another", "other")];
    let (scratch, store) = check_outcomes(&changes, &["Done", "Unchanged"]);
    let first = ServiceIdentity { certificate: "certificate".into(), key: Secret("key".into()) };
    assert_eq!(store.service_identity().unwrap().as_ref(), Some(&first));
    assert_eq!(Store::service_identity_in(&scratch.dir).unwrap(), Some(first), "from outside");
    let nowhere = scratch.dir.join("history");
    assert_eq!(Store::service_identity_in(&nowhere).unwrap(), None);
    assert!(!nowhere.join("state.db").exists(), "looking makes nothing");
    assert!(store.settings().unwrap().is_empty(), "it is no setting");
}

#[test]
fn a_file_comes_by_an_entry() {
    let (_scratch, store) = check_outcomes(&[file(b"plan"), file(b"plan")], &["Done", "Done"]);
    let [name] = &store.files().names().unwrap()[..] else { panic!() };
    assert!(store.files().has(name));
}

#[test]
fn documents_come_by_entries() {
    let put = |name: &str, document: &str| Change::DocumentPut {
        collection: "notifications".into(),
        name: name.into(),
        document: Secret(document.into()),
    };
    let remove =
        || Change::DocumentRemoved { collection: "notifications".into(), name: "porch".into() };
    let changes = [put("lobby", "1"), put("porch", "2"), put("lobby", "3"), remove(), remove()];
    let (_scratch, store) =
        check_outcomes(&changes, &["Done", "Done", "Done", "Done", "Unchanged"]);
    let lobby = ("lobby".to_owned(), "3".to_owned());
    assert_eq!(store.documents("notifications").unwrap(), [lobby]);
    assert_eq!(store.documents("survey").unwrap(), []);
}

#[test]
fn logins_come_by_entries_and_are_not_compared() {
    let renewed = |number, at, expires| Change::SessionRenewed {
        token_hash: [number; 32],
        at: Time(at),
        expires: Time(expires),
    };
    let changes = [
        add("anna", Role::Admin),
        begun([1; 32], "anna", Time(10)),
        begun([2; 32], "anna", Time(20)),
        begun([3; 32], "anna", Time(30)),
        begun([4; 32], "nobody", Time(40)),
        renewed(2, 50, 9_000_000),
        renewed(2, 9_000_000, 9_900_000),
        Change::SessionEnded { token_hash: [1; 32] },
        Change::SessionEnded { token_hash: [1; 32] },
        Change::SessionsEnded { user: "anna".into(), kept: Some([2; 32]) },
    ];
    let expected = [
        "Done",
        "Done",
        "Done",
        "Done",
        "refused: there is no user 'nobody'",
        "Done",
        "Unchanged",
        "Done",
        "Unchanged",
        "Numbered(1)",
    ];
    let (_scratch, store) = check_outcomes(&changes, &expected);
    let [session] = &store.sessions().unwrap()[..] else { panic!() };
    assert_eq!((session.token_hash, session.last_access), ([2; 32], Time(50)));
    assert_eq!(session.expires, Time(9_000_000), "what has expired is not renewed");
    let hash = store.state_hash().unwrap();
    store.purge_sessions(Time(u64::MAX)).unwrap();
    assert_eq!(store.state_hash().unwrap(), hash);
}

#[test]
fn an_alarm_stands_once_and_is_numbered_by_its_entry() {
    let cleared = Change::AlarmCleared { id: 1, at: Time(9) };
    let changes = [
        raise("disk full", "node 1", Severity::Warning),
        raise("disk full", "node 2", Severity::Warning),
        raise("disk full", "node 1", Severity::Critical),
        Change::AlarmAcknowledged { id: 1, by: "bob".into() },
        cleared.clone(),
        cleared,
        raise("disk full", "node 1", Severity::Minor),
    ];
    let expected =
        ["Numbered(1)", "Numbered(2)", "Numbered(1)", "Done", "Done", "Unchanged", "Numbered(7)"];
    let (_scratch, store) = check_outcomes(&changes, &expected);
    let alarms = store.alarms().unwrap();
    assert_eq!(alarms.iter().map(|alarm| alarm.id).collect::<Vec<_>>(), [7, 2, 1]);
    let oldest = &alarms[2];
    assert_eq!(oldest.severity, Severity::Critical, "renewed");
    assert_eq!((oldest.raised, oldest.cleared), (Time(7), Some(Time(9))));
    assert_eq!(oldest.acknowledged_by.as_deref(), Some("bob"));
    let standing = store.standing_alarm("disk full", "node 1").unwrap();
    assert_eq!(standing.as_ref(), alarms.first());
}

#[test]
fn there_is_a_limit_of_alarms() {
    let scratch = Scratch::new();
    let store = open(&scratch, Program::THIS);
    let most = crate::ALARMS_MAX as u64;
    let mut changes: Vec<Change> =
        (0..most).map(|n| raise("lost", &format!("ap {n}"), Severity::Minor)).collect();
    changes.push(raise("lost", "one more", Severity::Minor));
    changes.push(Change::AlarmCleared { id: 5, at: Time(1) });
    changes.push(raise("lost", "one more", Severity::Minor));
    let applied = store.apply(&journal(&changes)).unwrap();
    let [.., (_, first), _, (_, second)] = &applied.outcomes[..] else { panic!() };
    assert!(matches!(first, Outcome::Refused(_)), "all stand: {first:?}");
    assert!(matches!(second, Outcome::Numbered(n) if *n == most + 3), "{second:?}");
    let alarms = store.alarms().unwrap();
    assert_eq!(alarms.len() as u64, most);
    assert!(alarms.iter().all(|alarm| alarm.id != 5), "the cleared one made room");
}

#[test]
fn the_newest_events_are_kept() {
    let scratch = Scratch::new();
    let store = open(&scratch, Program::THIS);
    let most = u64::from(crate::EVENTS_MAX);
    let changes: Vec<Change> = (0..most + 3).map(event).collect();
    store.apply(&journal(&changes)).unwrap();
    let events = store.events(u64::MAX, u32::MAX).unwrap();
    assert_eq!(events.len() as u64, most);
    assert_eq!((events[0].id, events[0].at), (most + 3, Time(most + 2)));
    assert_eq!(events.last().unwrap().id, 4);
    assert_eq!(store.events(10, 2).unwrap().iter().map(|it| it.id).collect::<Vec<_>>(), [9, 8]);

    let expired = journal_after(most + 3, &[Change::RecordsExpired { before: Time(most) }]);
    store.apply(&expired).unwrap();
    assert_eq!(store.events(u64::MAX, u32::MAX).unwrap().len(), 3);
}

#[test]
fn history_is_sealed_by_the_entry_that_fills_it() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let changes = [rows(0, 30), put("a", "1"), rows(30, 30), rows(60, 10)];
    store.apply(&journal(&changes)).unwrap();
    let [file] = &store.sealed_files().unwrap()[..] else { panic!() };
    assert_eq!((file.first, file.last, file.rows), (1, 3, 60));
    assert_eq!((file.oldest, file.newest), (Time(0), Time(59)));
    let files = sealed_files(&scratch);
    let content = &files[&file.name()];
    assert_eq!((files.len(), content.len() as u64), (1, file.bytes));
    assert_eq!(blake3::hash(content).as_bytes(), &file.blake3);
    assert_eq!(store.history_count().unwrap(), 70);
}

#[test]
fn a_trail_is_read_from_files_and_tail() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let changes: Vec<Change> = (0..20).map(|n| rows(n * 12, 12)).collect();
    store.apply(&journal(&changes)).unwrap();
    assert_eq!(store.sealed_files().unwrap().len(), 4, "0..60, ..120, ..180, ..240");
    store.apply(&journal_after(20, &[rows(240, 12)])).unwrap();
    // A row that was written without an entry, and one that comes late.
    let mut late = row(3, 17);
    late.x_cm = 77;
    store.append_history(&[crate::HistoryRow::from(&row(3, 500))]).unwrap();
    store.apply(&journal_after(21, &[Change::HistoryAppended { rows: vec![late] }])).unwrap();
    let check = |from, until, limit, expected: &[u64]| {
        let category = row(3, 0).category;
        let trail =
            store.trail(category, Mac::from_u64(3), Time(from), Time(until), limit).unwrap();
        assert_eq!(trail.iter().map(|row| row.at.0).collect::<Vec<_>>(), expected);
        for row in trail.iter().filter(|row| row.at != Time(17)) {
            assert_eq!(KeptRow::from(row), super::tests::row(3, row.at.0));
        }
        trail
    };
    check(100, 130, 100, &[101, 108, 115, 122, 129]);
    check(230, 250, 100, &[234, 241, 248]);
    check(0, 600, 4, &[234, 241, 248, 500]);
    check(101, 101, 9, &[101]);
    check(102, 107, 9, &[]);
    let trail = check(10, 24, 9, &[10, 17, 17, 24]);
    assert_eq!(KeptRow::from(&trail[2]).x_cm, 77, "the later entry is the later row");
    let other = store.trail(Category::Tag, Mac::from_u64(3), Time(0), Time(600), 9).unwrap();
    assert_eq!(other, [], "another category");
}

#[test]
fn expired_history_is_gone_from_the_disk_and_from_trails() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let mut changes: Vec<Change> = (0..12).map(|n| rows(n * 10, 10)).collect();
    changes.push(Change::HistoryExpired { before: Time(75) });
    let applied = store.apply(&journal(&changes)).unwrap();
    assert!(matches!(applied.outcomes[12].1, Outcome::Numbered(1)), "{:?}", applied.outcomes[12]);
    let names: Vec<String> = sealed_files(&scratch).into_keys().collect();
    assert_eq!(names, [format!("{:020}-{:020}.parquet", 6, 10)]);
    let trail = |store: &Store| {
        let mac = Mac::from_u64(3);
        let trail = store.trail(row(3, 0).category, mac, Time(0), Time(1_000), 100).unwrap();
        trail.iter().map(|row| row.at.0).collect::<Vec<_>>()
    };
    assert_eq!(trail(&store), [80, 87, 94, 101, 108, 115], "73 is in a file that stays");
    drop(store);
    assert_eq!(trail(&open(&scratch, SMALL)), [80, 87, 94, 101, 108, 115]);
    // The rows that wait to be sealed expire too.
    let store = open(&scratch, SMALL);
    let expired = Change::HistoryExpired { before: Time(1_000) };
    store.apply(&journal_after(13, &[expired])).unwrap();
    assert_eq!(store.history_count().unwrap(), 0);
    assert_eq!(sealed_files(&scratch).len(), 0);
}

#[test]
fn a_file_that_is_lost_or_damaged_is_named() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    store.apply(&journal(&[rows(0, 60)])).unwrap();
    let file_name = store.sealed_files().unwrap()[0].name();
    let path = scratch.dir.join("history").join(&file_name);
    let trail =
        |store: &Store| store.trail(row(3, 0).category, Mac::from_u64(3), Time(0), Time(99), 10);
    let content = fs::read(&path).unwrap();
    fs::write(&path, vec![0; content.len()]).unwrap();
    check_error(trail(&store), &[path.to_str().unwrap(), "damaged", "fetch it from the peer"]);
    fs::remove_file(&path).unwrap();
    check_error(trail(&store), &[path.to_str().unwrap(), "missing"]);
    drop(store);
    let store = open(&scratch, SMALL);
    assert_eq!(store.damaged_files().unwrap(), store.sealed_files().unwrap());
    check_error(store.snapshot_to(&scratch.dir.join("snapshot")), &[&*file_name]);
    fs::write(&path, &content).unwrap();
    assert_eq!(store.damaged_files().unwrap(), []);
    assert_eq!(trail(&store).unwrap().len(), 9, "as good as new");
}

#[test]
fn what_cannot_be_is_not_encoded() {
    let check = |change: Change, word: &str| check_error(change.encode(FEATURE_LEVEL), &[word]);
    check(put("", "1"), "key of a setting");
    check(Change::MapsSaved { document: "{".into() }, "not saved");
    check(add("a b", Role::Viewer), "name of a user");
    check(Change::HistoryAppended { rows: Vec::new() }, "1 to 1000 rows");
    check(Change::HistoryAppended { rows: vec![row(1, 1); 1_001] }, "1 to 1000 rows");
    check(raise("", "x", Severity::Minor), "kind of an alarm");
    check(Change::LevelRaised { level: 5 }, "at most 4");
    check(identity("", "key"), "certificate of the service");
    check(identity("certificate", &"k".repeat(20_000)), "key of the service");
    let too_long = Content(vec![0; ENTRY_BYTES_MAX]);
    check(Change::FilePut { content: too_long }, "file put");
    check(Change::ContentMigrated { to: 1 }, "at most 0");
}

#[test]
fn what_is_no_change_is_refused() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let good = journal(&[put("a", "1")]).remove(0);
    let check = |entry: Entry, words: &[&str]| {
        check_error(store.apply(&[entry]), words);
        assert_eq!(store.applied().unwrap().index, 0);
    };
    let payload = [&good.payload[..], &[0]].concat();
    check(Entry { payload, ..good.clone() }, &["entry 1 is no setting put", "1 bytes too many"]);
    let payload = good.payload[..good.payload.len() - 1].to_vec();
    check(Entry { payload, ..good.clone() }, &["entry 1 is no setting put"]);
    check(Entry { kind: 2, ..good.clone() }, &["no setting removed", "it holds 'setting put'"]);
    check(Entry { version: 2, ..good.clone() }, &["version 2", "upgrade this node first"]);
    check(Entry { kind: 99, ..good.clone() }, &["kind 99", "upgrade this node first"]);
    store.apply(&[good]).unwrap();
}

proptest! {
    #[test]
    fn reading_an_entry_never_panics(
        kind in 0_u16..26,
        payload in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let position = Position { epoch: EPOCH, index: 1 };
        let _ = Change::of(&Entry { position, kind, version: 1, payload });
    }

    #[test]
    fn what_is_encoded_is_read_back(change in determinism::any_change()) {
        prop_assert_eq!(&Change::of(&journal(std::slice::from_ref(&change))[0]).unwrap(), &change);
    }
}

#[test]
fn what_people_see_of_a_change_has_no_secrets() {
    let entry = journal(&[add("anna", Role::Admin)]).remove(0);
    let shown = serde_json::to_string(&Change::of(&entry).unwrap()).unwrap();
    assert!(shown.starts_with(r#"{"user_added":{"name":"anna","role":"admin""#), "{shown}");
    assert!(!shown.contains("argon2id") && !format!("{entry:?}").contains("argon2id"));
    let entries = journal(&[identity("certificate", "-----BEGIN"), file(b"plan"), put("a", "1")]);
    let shown = serde_json::to_string(&Change::of(&entries[0]).unwrap()).unwrap();
    assert!(
        !shown.contains("BEGIN") && !format!("{:?}", Change::of(&entries[0])).contains("BEGIN")
    );
    assert_eq!(
        [&entry, &entries[0], &entries[1], &entries[2]].map(holds_secret),
        [true, true, false, false]
    );
    let shown = serde_json::to_string(&Change::of(&entries[1]).unwrap()).unwrap();
    assert_eq!(shown, r#"{"file_put":{"content":"(4 bytes)"}}"#);
    let entry = journal(&[rows(4, 1)]).remove(0);
    let shown = serde_json::to_string(&Change::of(&entry).unwrap()).unwrap();
    assert!(shown.contains(r#""mac":"00:00:00:00:00:04""#), "{shown}");
}
