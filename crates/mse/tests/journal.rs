//! `mse journal`: real files, the real program.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::{Command, Output};

use journal::{Journal, Settings};
use model::pair::{Entry, Position};
use node::journal::Files;
use serde_json::Value;

/// A directory with a journal of 100 entries in several segments; removed at the end.
struct Written(PathBuf);

impl Written {
    fn new(name: &str) -> Self {
        Self::of_kind(name, 3)
    }

    fn of_kind(name: &str, kind: u16) -> Self {
        let dir = std::env::temp_dir().join(format!("openmse-mse-{name}-{}", std::process::id()));
        let settings = Settings { group: 7, segment_bytes: 16 << 10, ..Settings::default() };
        let (mut journal, _) = Journal::open(Files::open(&dir).unwrap(), settings, 0).unwrap();
        for index in 1..=100 {
            let position = Position { index, ..Position::default() };
            let payload = vec![index as u8; 400];
            journal.append(&[Entry { position, kind, version: 2, payload }]).unwrap();
            journal.sync().unwrap();
        }
        Self(dir)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Changes a byte of the first segment.
    fn damage(&self, offset: usize) {
        let mut segments: Vec<_> =
            std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect();
        segments.retain(|path| path.extension().is_some_and(|suffix| suffix == "log"));
        segments.sort();
        let mut bytes = std::fs::read(&segments[0]).unwrap();
        bytes[offset] ^= 1;
        std::fs::write(&segments[0], bytes).unwrap();
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn mse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mse")).args(arguments).output().unwrap()
}

fn check(arguments: &[&str], code: i32, expected: &str) -> Output {
    let output = mse(arguments);
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    let all = String::from_utf8(all).unwrap();
    assert_eq!(output.status.code(), Some(code), "mse {arguments:?}: {all}");
    assert!(all.contains(expected), "mse {arguments:?} does not say '{expected}': {all}");
    output
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_whole_journal_is_said_to_be_whole() {
    let written = Written::new("whole");
    check(&["journal", "verify", written.path()], 0, "Entries: 1 to 100");
    let output = check(&["--json", "journal", "verify", written.path()], 0, "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["group"], &report["end"]["index"]), (&7.into(), &100.into()));
    let segments = report["segments"].as_array().unwrap();
    assert!(segments.len() > 3 && segments[0]["sealed"] == true);
    assert!(segments.iter().all(|segment| segment["problems"] == serde_json::json!([])));
}

#[test]
fn damage_is_found_and_is_exit_code_1() {
    let written = Written::new("damaged");
    written.damage(8192 + 3 * 448 + 100);
    check(&["journal", "verify", written.path()], 1, "entries 4 to 4 are corrupt");
    check(&["journal", "verify", written.path()], 1, "1 of ");
    check(&["journal", "dump", written.path()], 1, "entries 4 to 4 are corrupt");
    let output =
        check(&["--json", "journal", "dump", written.path(), "--limit", "4"], 1, "corrupt");
    let lines = lines(&output);
    assert_eq!(lines[4]["entry"]["position"]["index"], 5);
}

#[test]
fn what_heals_itself_is_told_and_is_no_failure() {
    let written = Written::new("header");
    written.damage(20);
    check(&["journal", "verify", written.path()], 0, "the next start heals it");
}

#[test]
fn entries_are_printed_from_an_index_on_up_to_a_limit() {
    let written = Written::new("dump");
    let arguments = ["journal", "dump", written.path(), "--from", "60", "--limit", "3"];
    let output = check(&arguments, 0, "60@0.0p/0  kind 3.2  400 bytes  chain ");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    let output = check(&[&["--json"], &arguments[..], &["--payload"]].concat(), 0, "");
    let lines = lines(&output);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["entry"]["payload"], "3e".repeat(400));
    check(&["journal", "dump", written.path(), "--from", "101"], 4, "the log ends before 101");
}

#[test]
fn what_holds_a_password_or_a_key_is_not_printed() {
    // User added, password set, service identity set.
    for kind in [4, 5, 17] {
        let written = Written::of_kind(&format!("secret-{kind}"), kind);
        let arguments = ["journal", "dump", written.path(), "--limit", "1", "--payload"];
        check(&arguments, 0, "400 bytes  chain ");
        let output = check(&arguments, 0, "(not shown)");
        assert!(!String::from_utf8(output.stdout).unwrap().contains("0101"));
        let lines = lines(&check(&[&["--json"], &arguments[..]].concat(), 0, ""));
        assert_eq!(lines[0]["entry"]["payload"], "(not shown)");
    }
}

#[test]
fn a_directory_without_a_journal_is_exit_code_4() {
    let empty = std::env::temp_dir();
    check(&["journal", "verify", "/nonexistent"], 4, "/nonexistent holds no journal");
    check(&["journal", "dump", "/nonexistent"], 4, "/nonexistent holds no journal");
    check(&["journal", "verify", empty.to_str().unwrap()], 4, "holds no journal");
}
