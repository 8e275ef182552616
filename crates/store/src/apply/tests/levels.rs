//! Programs of two ages apply one journal.

use super::*;
use crate::apply::change::Kind;
use crate::apply::level::ContentMigration;

/// The level of the newer program.
const NEXT: u32 = FEATURE_LEVEL + 1;
/// What the newer program brings: a kind, and a content migration.
const NEW_KINDS: [Kind; KINDS.len()] = {
    let mut kinds = KINDS;
    kinds[11].level = NEXT;
    kinds
};
const NEW_CONTENT: &[ContentMigration] = &[ContentMigration {
    level: NEXT,
    sql: "UPDATE settings SET value = value || '!' WHERE key = 'greeting'",
}];
/// The older program does not know them.
const N: Program = Program { kinds: &NEW_KINDS, ..SMALL };
const N1: Program = Program { feature_level: NEXT, content_migrations: NEW_CONTENT, ..N };

/// One node of the pair, whose program can be replaced.
struct Node {
    scratch: Scratch,
    program: Program,
    hashes: BTreeMap<u64, [u8; 32]>,
}

impl Node {
    fn new() -> Self {
        Self { scratch: Scratch::new(), program: N, hashes: BTreeMap::new() }
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let store = open(&self.scratch, self.program);
        let applied = store.apply(std::slice::from_ref(entry))?;
        self.hashes.extend(applied.hashes.iter().map(|it| (it.index, it.hash)));
        let hash = store.state_hash()?;
        self.hashes.insert(hash.index, hash.hash);
        Ok(())
    }

    fn level(&self) -> u32 {
        open(&self.scratch, self.program).feature_level().unwrap()
    }
}

/// Runs a pair through an upgrade. `holder_first` says who is upgraded first.
fn check_upgrade(holder_first: bool) {
    let (mut holder, mut backup) = (Node::new(), Node::new());
    let mut index = 0;
    let mut write = |holder: &mut Node, backup: &mut Node, change: &Change| {
        let level = holder.level();
        let Encoded { kind, version, payload } = holder.program.encode(change, level)?;
        index += 1;
        let position = Position { epoch: EPOCH, index };
        let entry = Entry { position, kind, version, payload };
        holder.apply(&entry)?;
        backup.apply(&entry)
    };
    let traffic = [put("greeting", "hello"), event(1), rows(0, 30), rows(30, 30)];
    let new = [
        Change::RecordsExpired { before: Time(2) },
        Change::ContentMigrated { to: 1 },
        put("greeting", "good day"),
    ];
    for change in &traffic {
        write(&mut holder, &mut backup, change).unwrap();
    }
    if holder_first {
        holder.program = N1;
    } else {
        backup.program = N1;
    }
    assert_eq!(pairing(2, 3).unwrap(), 2);
    for change in &traffic {
        write(&mut holder, &mut backup, change).unwrap();
    }
    let refused = write(&mut holder, &mut backup, &new[0]);
    check_error(refused, &["'records expired' needs feature level 5", "agreed on 1"]);
    write(&mut holder, &mut backup, &new[1]).unwrap_err();
    holder.program = N1;
    backup.program = N1;
    write(&mut holder, &mut backup, &Change::LevelRaised { level: NEXT }).unwrap();
    for change in new.iter().chain(&traffic) {
        write(&mut holder, &mut backup, change).unwrap();
    }
    assert_eq!(holder.hashes.len(), 16);
    assert_eq!(holder.hashes, backup.hashes);
    assert_eq!(sealed_files(&holder.scratch), sealed_files(&backup.scratch));
    assert_eq!(holder.level(), NEXT);
    let store = open(&holder.scratch, N1);
    assert_eq!(store.content_version().unwrap(), 1);
    assert_eq!(store.events(u64::MAX, 9).unwrap().len(), 1, "the older ones expired");
}

#[test]
fn a_pair_is_upgraded_backup_first() {
    check_upgrade(false);
}

#[test]
fn a_pair_is_upgraded_holder_first() {
    check_upgrade(true);
}

#[test]
fn an_older_program_says_that_it_has_to_be_upgraded() {
    let check = |change: &Change, words: &[&str]| {
        let Encoded { kind, version, payload } = N1.encode(change, NEXT).unwrap();
        let entry = Entry { position: Position { epoch: EPOCH, index: 1 }, kind, version, payload };
        let mut node = Node::new();
        check_error(node.apply(&entry), words);
        assert_eq!(open(&node.scratch, N).applied().unwrap().index, 0);
        node.program = N1;
        node.apply(&entry).unwrap();
    };
    let expired = Change::RecordsExpired { before: Time(2) };
    check(&expired, &["entry 1", "'records expired' (kind 12, version 1)", "upgrade this node"]);
    check(&Change::LevelRaised { level: NEXT }, &["feature level 5", "upgrade this node first"]);
    check(&Change::ContentMigrated { to: 1 }, &["version 1 of the content", "upgrade this node"]);
}

#[test]
fn an_older_program_does_not_open_the_state_of_a_newer_one() {
    let (mut node, mut index) = (Node::new(), 0);
    node.program = N1;
    let mut check = |change: Change, words: &[&str]| {
        let Encoded { kind, version, payload } = N1.encode(&change, NEXT).unwrap();
        index += 1;
        let position = Position { epoch: EPOCH, index };
        node.apply(&Entry { position, kind, version, payload }).unwrap();
        check_error(Store::open_as(&node.scratch.dir, N), words);
    };
    check(Change::ContentMigrated { to: 1 }, &["entry 1 needs version 1 of the content"]);
    check(Change::LevelRaised { level: NEXT }, &["entry 2 needs feature level 5", "upgrade"]);
}

#[test]
fn content_is_migrated_one_step_at_a_time() {
    const TWO: &[ContentMigration] = &[
        ContentMigration { level: 1, sql: "UPDATE settings SET value = value || '1'" },
        ContentMigration { level: 1, sql: "UPDATE settings SET value = value || '2'" },
    ];
    let program = Program { content_migrations: TWO, ..SMALL };
    let scratch = Scratch::new();
    let store = open(&scratch, program);
    let check = |change: &Change, expected: &str| {
        let Encoded { kind, version, payload } = program.encode(change, 1).unwrap();
        let index = store.applied().unwrap().index + 1;
        let entry = Entry { position: Position { epoch: EPOCH, index }, kind, version, payload };
        let outcome = format!("{:?}", store.apply(&[entry]).unwrap().outcomes);
        assert!(outcome.contains(expected), "'{outcome}' is not '{expected}'");
    };
    check(&put("a", "0"), "Done");
    check(&Change::ContentMigrated { to: 2 }, "one step at a time");
    check(&Change::ContentMigrated { to: 1 }, "Done");
    check(&Change::ContentMigrated { to: 1 }, "Unchanged");
    check(&Change::ContentMigrated { to: 2 }, "Done");
    assert_eq!(store.setting("a").unwrap().as_deref(), Some("012"));
}

#[test]
fn programs_may_differ_by_one_level() {
    let check = |ours, theirs, agreed: Option<u32>| {
        assert_eq!(pairing(ours, theirs).ok(), agreed, "{ours} and {theirs}");
    };
    check(3, 3, Some(3));
    check(3, 4, Some(3));
    check(4, 3, Some(3));
    check(3, 5, None);
    check(5, 3, None);
    check_error(pairing(5, 3), &["5 and 3", "differ by one"]);
}
