//! The journal on a real disk: modes, locking, group commit, and what a failed sync does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use journal::{Disk, DiskError, DiskErrorKind, Error, Journal, Settings};
use model::pair::{Entry, Position};
use node::journal::{Files, Progress, Writer};

/// A directory that is removed with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("openmse-journal-{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open<D: Disk>(disk: D) -> Journal<D> {
    let settings = Settings { group: 1, segment_bytes: 64 << 10, ..Settings::default() };
    Journal::open(disk, settings, 0).unwrap().0
}

fn entry(index: u64) -> Entry {
    let position = Position { index, ..Position::default() };
    Entry { position, kind: 1, version: 1, payload: vec![index as u8; 500] }
}

fn writer<D: Disk + Send + 'static>(disk: D) -> (Writer<D>, Receiver<Progress>) {
    let (report, reports) = channel();
    let report = move |progress| drop(report.send(progress));
    (Writer::start(open(disk), report).unwrap(), reports)
}

#[test]
fn files_belong_to_their_owner_only_and_to_one_process() {
    let scratch = Scratch::new("modes");
    let mut journal = open(Files::open(&scratch.0).unwrap());
    journal.append(&[entry(1)]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.0), 0o700);
    for file in std::fs::read_dir(&scratch.0).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    let refused = Files::open(&scratch.0).unwrap_err();
    assert!(refused.to_string().contains("another process"), "{refused}");
    let mut looking = Files::look_at(&scratch.0);
    assert_eq!(journal::verify(&looking).unwrap().end.index, 1);
    assert!(looking.create("x", 1).is_err());
}

#[test]
fn what_was_appended_is_durable_when_it_is_reported_and_when_the_writer_ends() {
    let scratch = Scratch::new("writer");
    let (writer, reports) = writer(Files::open(&scratch.0).unwrap());
    let (go, gate) = channel::<()>();
    std::thread::scope(|scope| {
        // As long as a disk may take: what comes meanwhile is a group.
        let held = scope.spawn(|| writer.run(move |_| Ok(gate.recv().is_ok())).unwrap());
        for index in 1..=300 {
            writer.append(vec![entry(index)]).unwrap();
        }
        go.send(()).unwrap();
        held.join().unwrap().unwrap();
    });
    let read = writer.run(|journal| journal.read(299, usize::MAX, usize::MAX)).unwrap().unwrap();
    assert_eq!(read, [entry(299), entry(300)]);
    let mut syncs = 0;
    loop {
        let report = reports.recv_timeout(Duration::from_secs(10)).unwrap();
        let Progress::Durable(position) = report else { panic!("{report:?}") };
        syncs += 1;
        if position.index == 300 {
            break;
        }
    }
    assert!(syncs < 150, "{syncs} reports of 300 entries are no groups");
    writer.append(vec![entry(302)]).unwrap();
    let report = reports.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(report, Progress::Refused(Error::OutOfPlace { .. })), "{report:?}");
    writer.append(vec![entry(301)]).unwrap();
    drop(writer);
    let mut journal = open(Files::open(&scratch.0).unwrap());
    assert_eq!(journal.durable().index, 301);
    assert_eq!(journal.read(1, usize::MAX, usize::MAX).unwrap().len(), 301);
    journal.truncate(10).unwrap();
    journal.retain_from(10).unwrap();
    drop(journal);
    assert_eq!(open(Files::open(&scratch.0).unwrap()).end().index, 10);
}

#[test]
fn a_full_queue_hands_the_entries_back() {
    let scratch = Scratch::new("full");
    let (writer, _reports) = writer(Files::open(&scratch.0).unwrap());
    let (go, gate) = channel::<()>();
    std::thread::scope(|scope| {
        let held = scope.spawn(|| writer.run(move |_| Ok(gate.recv().is_ok())).unwrap());
        let mut index = 0;
        let full = loop {
            index += 1;
            match writer.append(vec![entry(index)]) {
                Ok(()) => assert!(index < 5_000, "never full"),
                Err(full) => break full,
            }
        };
        assert_eq!(full.0, [entry(index)]);
        go.send(()).unwrap();
        held.join().unwrap().unwrap();
        while writer.append(full.0.clone()).is_err() {}
        assert_eq!(writer.run(|journal| Ok(journal.end().index)).unwrap(), Ok(index));
    });
}

/// Real files, but a sync fails once it was told to.
struct Failing(Files, bool);

#[rustfmt::skip]
impl Disk for Failing {
    fn names(&self) -> Result<Vec<String>, DiskError> { self.0.names() }
    fn size(&self, name: &str) -> Result<u64, DiskError> { self.0.size(name) }
    fn create(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> { self.0.create(name, bytes) }
    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> { self.0.read_at(name, offset, buffer) }
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.1 |= bytes.windows(4).any(|window| window == b"fail");
        self.0.write_at(name, offset, bytes)
    }
    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        if self.1 {
            let (name, detail) = (name.to_owned(), "Input/output error".to_owned());
            return Err(DiskError { kind: DiskErrorKind::Sync, name, detail });
        }
        self.0.sync(name)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> { self.0.rename(from, to) }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> { self.0.remove(name) }
    fn sync_names(&mut self) -> Result<(), DiskError> { self.0.sync_names() }
}

/// Where the child of the next test writes; set in it only.
const CHILD_DIR: &str = "OPENMSE_TEST_JOURNAL";

#[test]
fn a_failed_sync_aborts_the_process_and_is_never_tried_again() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        let disk = Failing(Files::open(Path::new(&dir)).unwrap(), false);
        let (writer, reports) = writer(disk);
        writer.append(vec![entry(1)]).unwrap();
        let report = reports.recv_timeout(Duration::from_secs(10));
        assert!(matches!(report, Ok(Progress::Durable(_))));
        writer.append(vec![Entry { payload: b"fail".to_vec(), ..entry(2) }]).unwrap();
        // Neither a report nor the end of the thread: the process is gone.
        let _ = reports.recv_timeout(Duration::from_secs(10));
        std::process::exit(0);
    }
    let scratch = Scratch::new("abort");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_failed_sync_aborts_the_process_and_is_never_tried_again"])
        .env(CHILD_DIR, &scratch.0)
        .output()
        .unwrap()
        .status;
    assert_eq!(status.signal(), Some(6), "SIGABRT, not {status}");
    let journal = open(Files::open(&scratch.0).unwrap());
    assert!(journal.durable().index >= 1);
}
