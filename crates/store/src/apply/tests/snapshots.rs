//! A snapshot is one moment of the state, from which a node goes on.

use super::*;
use crate::Session;

fn traffic() -> Vec<Entry> {
    let mut changes = vec![add("anna", Role::Admin), put("a", "1"), event(3)];
    changes.extend((0..15).map(|n| rows(n * 12, 12)));
    changes.push(raise("disk", "node", Severity::Minor));
    journal(&changes)
}

fn holder() -> (Scratch, Store) {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    store.apply(&traffic()).unwrap();
    (scratch, store)
}

#[test]
fn a_node_goes_on_from_a_snapshot() {
    let (scratch, store) = holder();
    // What is the node's own does not travel.
    let session = Session {
        token_hash: [7; 32],
        user: "anna".into(),
        created: Time(1),
        last_access: Time(1),
        expires: Time(9),
        address: String::new(),
    };
    store.add_session(&session).unwrap();
    store.append_history(&[crate::HistoryRow::from(&row(1, 1))]).unwrap();
    let place = scratch.dir.join("snapshot");
    let snapshot = store.snapshot_to(&place).unwrap();
    assert_eq!(snapshot.position, store.applied().unwrap());
    assert_eq!(snapshot.hash, store.state_hash().unwrap());
    let names: Vec<&str> = snapshot.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!((names.len(), names[0]), (4, "state.db"));
    assert_eq!(names[1], format!("history/{:020}-{:020}.parquet", 4, 8));
    for file in &snapshot.files {
        let content = fs::read(place.join(&file.name)).unwrap();
        assert_eq!(content.len() as u64, file.bytes, "{}", file.name);
        assert_eq!(blake3::hash(&content).as_bytes(), &file.blake3, "{}", file.name);
    }
    // The holder goes on meanwhile, and lets a file of the snapshot expire.
    let more = journal_after(
        traffic().len() as u64,
        &[Change::HistoryExpired { before: Time(70) }, rows(180, 60), put("a", "2")],
    );
    store.apply(&more).unwrap();
    assert_eq!(store.sealed_files().unwrap().len(), 3, "one has expired, one is new");

    let other = Scratch::new();
    open(&other, SMALL).apply(&traffic()[..9]).unwrap();
    drop(Store::restore_from(&place, &other.dir).unwrap());
    let rejoined = open(&other, SMALL);
    assert_eq!(rejoined.state_hash().unwrap(), snapshot.hash);
    assert_eq!(rejoined.sessions().unwrap(), []);
    assert_eq!(rejoined.history_count().unwrap(), 180, "none that came without an entry");
    rejoined.apply(&more).unwrap();
    assert_eq!(rejoined.state_hash().unwrap(), store.state_hash().unwrap());
    assert_eq!(sealed_files(&other), sealed_files(&scratch));
}

#[test]
fn a_snapshot_is_one_moment_while_entries_are_applied() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let change = |n: u64| match n % 6 {
        2 => put("n", &n.to_string()),
        4 => Change::HistoryExpired { before: Time((n * 7).saturating_sub(600)) },
        _ => rows(n * 7, 30),
    };
    let journal = journal(&(0..300).map(change).collect::<Vec<_>>());
    let mut places = Vec::new();
    std::thread::scope(|scope| {
        let applying = scope.spawn(|| {
            for entry in &journal {
                store.apply(std::slice::from_ref(entry)).unwrap();
            }
        });
        while !applying.is_finished() {
            let place = scratch.dir.join(format!("snapshot-{}", places.len()));
            places.push((store.snapshot_to(&place).unwrap(), place));
        }
    });
    assert!(places.iter().any(|(it, _)| (1..300).contains(&it.position.index)), "meanwhile");
    for (snapshot, place) in places.iter().step_by(4) {
        let (copy, calm) = (Scratch::new(), Scratch::new());
        drop(Store::restore_from(place, &copy.dir).unwrap());
        assert_eq!(open(&copy, SMALL).state_hash().unwrap(), snapshot.hash);
        let calm_store = open(&calm, SMALL);
        calm_store.apply(&journal[..snapshot.position.index as usize]).unwrap();
        assert_eq!(calm_store.state_hash().unwrap(), snapshot.hash);
        assert_eq!(sealed_files(&copy), sealed_files(&calm));
    }
}

#[test]
fn a_snapshot_without_history_is_a_whole_one() {
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let place = scratch.dir.join("snapshot");
    let snapshot = store.snapshot_to(&place).unwrap();
    assert_eq!((snapshot.position.index, snapshot.files.len()), (0, 1));
    check_error(store.snapshot_to(&place), &["something is there already"]);
    let other = Scratch::new();
    let restored = Store::restore_from(&place, &other.dir).unwrap();
    assert_eq!(restored.state_hash().unwrap(), snapshot.hash);
    check_error(Store::restore_from(&scratch.dir.join("no"), &other.dir), &["no state.db"]);
}

#[test]
fn plans_are_part_of_a_snapshot() {
    let (scratch, store) = holder();
    let plan = store.files().put(b"plan").unwrap();
    let place = scratch.dir.join("snapshot");
    let snapshot = store.snapshot_to(&place).unwrap();
    let listed = snapshot.files.last().unwrap();
    assert_eq!((listed.name.as_str(), listed.bytes), (&*format!("files/{plan}"), 4));

    let other = Scratch::new();
    let had = open(&other, SMALL).files().put(b"another").unwrap();
    let rejoined = Store::restore_from(&place, &other.dir).unwrap();
    assert!(rejoined.files().has(&plan) && rejoined.files().has(&had), "none is lost");
    drop(rejoined);
    // As the peer may send it: damaged on the way.
    let sent = place.join("files").join(&plan);
    fs::remove_file(&sent).unwrap();
    fs::write(&sent, b"other").unwrap();
    let third = Scratch::new();
    check_error(Store::restore_from(&place, &third.dir), &[&*plan, "not what its name says"]);
    assert!(!third.dir.join("state.db").exists());
}

#[test]
fn a_store_that_is_cleared_is_an_empty_one() {
    let (scratch, store) = holder();
    store.files().put(b"plan").unwrap();
    drop(store);
    let store = Store::clear_in(&scratch.dir).unwrap();
    let empty = Scratch::new();
    assert_eq!(store.state_hash().unwrap(), open(&empty, SMALL).state_hash().unwrap());
    assert_eq!(store.files().names().unwrap(), Vec::<String>::new());
    assert_eq!(sealed_files(&scratch).len(), 0);
    store.apply(&traffic()).unwrap();
}

#[test]
fn a_damaged_snapshot_leaves_the_node_as_it_was() {
    let (scratch, store) = holder();
    let place = scratch.dir.join("snapshot");
    let snapshot = store.snapshot_to(&place).unwrap();
    let other = Scratch::new();
    let before = {
        let store = open(&other, SMALL);
        store.apply(&traffic()[..9]).unwrap();
        store.state_hash().unwrap()
    };
    let damaged = place.join(&snapshot.files[2].name);
    let mut content = fs::read(&damaged).unwrap();
    content[100] ^= 1;
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, &content).unwrap();
    check_error(Store::restore_from(&place, &other.dir), &[damaged.to_str().unwrap(), "sealed"]);
    fs::remove_file(&damaged).unwrap();
    check_error(Store::restore_from(&place, &other.dir), &[damaged.to_str().unwrap()]);
    assert!(!other.dir.join("state.db.partial").exists(), "nothing is left behind");
    assert_eq!(open(&other, SMALL).state_hash().unwrap(), before);
    assert_eq!(sealed_files(&other).len(), 1);
}

#[test]
fn a_node_that_died_while_it_was_restored_starts_empty() {
    let (scratch, store) = holder();
    let place = scratch.dir.join("snapshot");
    let snapshot = store.snapshot_to(&place).unwrap();
    let other = Scratch::new();
    drop(Store::restore_from(&place, &other.dir).unwrap());
    // As after the links and before the database gets its name.
    fs::rename(other.dir.join("state.db"), other.dir.join("state.db.partial")).unwrap();
    let store = open(&other, SMALL);
    assert_eq!(store.applied().unwrap().index, 0);
    assert_eq!(sealed_files(&other).len(), 0, "links that nothing knows are leftovers");
    check_error(store.apply(&traffic()[3..]), &["entry 4 cannot be applied after entry 0"]);
    drop(store);
    drop(Store::restore_from(&place, &other.dir).unwrap());
    assert_eq!(open(&other, SMALL).state_hash().unwrap(), snapshot.hash);
}
