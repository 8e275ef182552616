use std::sync::mpsc;
use std::thread;

use super::*;

/// Counts what it is told; an entry's outcome is its index.
#[derive(Debug, Default)]
struct Counter {
    applied: Position,
    is_active: bool,
    is_ill: bool,
}

impl Replicated for Counter {
    type Outcome = u64;

    fn level(&self) -> u16 {
        3
    }

    fn applied(&self) -> Result<Position, String> {
        Ok(self.applied)
    }

    fn apply(&mut self, entries: &[Entry]) -> Result<Applied<u64>, String> {
        let mut outcomes = Vec::new();
        for entry in entries {
            if entry.position.index > self.applied.index {
                self.applied = entry.position;
                outcomes.push((entry.position.index, entry.position.index));
            }
        }
        Ok(Applied { position: self.applied, outcomes, hashes: Vec::new() })
    }

    fn sync(&mut self) -> Result<Position, String> {
        Ok(self.applied)
    }

    fn snapshot(&mut self, _dir: &Path) -> Result<Position, String> {
        Ok(self.applied)
    }

    fn restore(&mut self, dir: &Path) -> Result<Position, String> {
        Err(format!("there is no {}", dir.display()))
    }

    fn clear(&mut self) -> Result<Position, String> {
        self.applied = Position::default();
        Ok(self.applied)
    }

    fn activate(&mut self, _epoch: Epoch) -> Result<(), String> {
        self.is_active = true;
        Ok(())
    }

    fn deactivate(&mut self) -> Result<(), String> {
        self.is_active = false;
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        if self.is_ill { Err("out of memory".to_owned()) } else { Ok(()) }
    }
}

fn entry(index: u64) -> Entry {
    let position = Position { epoch: Epoch::default(), index };
    Entry { position, kind: 1, version: 1, payload: vec![7] }
}

fn draft() -> Draft {
    Draft { kind: 1, version: 1, payload: vec![7] }
}

/// A line whose other end the test plays, and the service's thread with its outcome.
struct Pair {
    monitor: UnixStream,
    line: Line<u64>,
    ended: mpsc::Receiver<(Result<(), String>, Counter)>,
}

impl Pair {
    fn start(mut counter: Counter) -> Self {
        let (monitor, service) = UnixStream::pair().unwrap();
        let (line, orders) = line(service).unwrap();
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            let outcome = orders.serve(&mut counter);
            end.send((outcome, counter)).unwrap();
        });
        let mut pair = Self { monitor, line, ended };
        read_greeting(&mut pair.monitor).unwrap();
        assert_eq!(pair.hear(), Report::Hello { applied: Position::default(), level: 3 });
        pair
    }

    fn say(&mut self, order: &Order) {
        write_frame(&mut self.monitor, order).unwrap();
    }

    fn hear(&mut self) -> Report {
        read_frame(&mut self.monitor).unwrap().expect("the line is open")
    }

    /// Writes in the background; says the ticket.
    fn write(&mut self, count: usize) -> (u64, thread::JoinHandle<Result<Vec<u64>, WriteError>>) {
        let line = self.line.clone();
        let writes = thread::spawn(move || line.write_blocking(vec![draft(); count]));
        let Report::Write { ticket, drafts } = self.hear() else { panic!("no write came") };
        assert_eq!(drafts.len(), count);
        (ticket, writes)
    }
}

#[test]
fn a_write_is_answered_when_all_its_entries_are_applied() {
    let mut pair = Pair::start(Counter::default());
    pair.say(&Order::Activate(Epoch::default()));
    assert_eq!(pair.hear(), Report::Active);
    let (ticket, writes) = pair.write(2);
    pair.say(&Order::Written { ticket, first: 2 });
    pair.say(&Order::Apply(vec![entry(1), entry(2)]));
    assert!(matches!(pair.hear(), Report::Applied { position, .. } if position.index == 2));
    assert!(!writes.is_finished(), "one of its entries is not safe yet");
    pair.say(&Order::Apply(vec![entry(3)]));
    assert_eq!(writes.join().unwrap(), Ok(vec![2, 3]));
}

#[test]
fn a_refused_write_says_why_and_one_in_the_dark_says_so() {
    let mut pair = Pair::start(Counter::default());
    let (ticket, refused) = pair.write(1);
    pair.say(&Order::Refused { ticket, reason: "this node is dormant".to_owned() });
    assert_eq!(
        refused.join().unwrap(),
        Err(WriteError::Refused("this node is dormant".to_owned()))
    );
    let (ticket, appended) = pair.write(1);
    let (_, asked) = pair.write(1);
    pair.say(&Order::Written { ticket, first: 1 });
    pair.say(&Order::Deactivate);
    assert_eq!(pair.hear(), Report::Dormant);
    assert_eq!(appended.join().unwrap(), Err(WriteError::Unknown));
    assert_eq!(asked.join().unwrap(), Err(WriteError::Unknown));
}

#[test]
fn the_level_of_both_nodes_is_known_before_the_next_order_is_obeyed() {
    let mut pair = Pair::start(Counter::default());
    let level = pair.line.level();
    assert_eq!(*level.borrow(), 0, "the monitor has not said");
    for now in [2, 3] {
        pair.say(&Order::Level(now));
        pair.say(&Order::Check(1));
        assert_eq!(pair.hear(), Report::Well(1));
        assert_eq!(*level.borrow(), now);
    }
}

#[test]
fn reads_end_with_the_lease_and_with_the_line() {
    let mut pair = Pair::start(Counter::default());
    assert!(!pair.line.may_read());
    pair.say(&Order::Reads(clock::boot().plus_ms(60_000)));
    pair.say(&Order::Check(1));
    assert_eq!(pair.hear(), Report::Well(1));
    assert!(pair.line.may_read());
    let line = pair.line.clone();
    drop(pair.monitor);
    let (outcome, counter) = pair.ended.recv().unwrap();
    assert_eq!(outcome, Ok(()));
    assert!(!line.may_read());
    assert!(!counter.is_active);
    let refused = line.write_blocking(vec![draft()]);
    assert!(matches!(refused, Err(WriteError::Refused(_))), "{refused:?}");
}

#[test]
fn a_service_that_leaves_becomes_dormant() {
    let mut pair = Pair::start(Counter::default());
    pair.say(&Order::Activate(Epoch::default()));
    assert_eq!(pair.hear(), Report::Active);
    pair.line.hang_up();
    let (outcome, counter) = pair.ended.recv().unwrap();
    assert_eq!((outcome, counter.is_active), (Ok(()), false));
}

#[test]
fn a_service_that_is_not_well_says_so_and_goes_on() {
    let mut pair = Pair::start(Counter { is_ill: true, ..Counter::default() });
    pair.say(&Order::Check(7));
    assert_eq!(pair.hear(), Report::Failed("out of memory".to_owned()));
    pair.say(&Order::Sync);
    assert_eq!(pair.hear(), Report::Synced(Position::default()));
}

#[test]
fn a_service_that_cannot_go_on_ends_with_its_reason() {
    let mut pair = Pair::start(Counter::default());
    pair.say(&Order::Restore(PathBuf::from("/nowhere")));
    assert_eq!(pair.hear(), Report::Failed("there is no /nowhere".to_owned()));
    let (outcome, _) = pair.ended.recv().unwrap();
    assert_eq!(outcome, Err("there is no /nowhere".to_owned()));
}

#[test]
fn a_frame_that_is_too_long_or_no_order_is_refused() {
    for frame in [vec![255, 255, 255, 255], vec![1, 0, 0, 0, 99]] {
        let mut pair = Pair::start(Counter::default());
        pair.monitor.write_all(&frame).unwrap();
        let (outcome, _) = pair.ended.recv().unwrap();
        assert!(outcome.unwrap_err().contains("no order"));
    }
}

/// What a service of another release says first.
#[test]
fn a_greeting_of_another_version_names_both() {
    let check = |greeting: &[u8], expected: &[&str]| {
        let text = read_greeting(&mut &*greeting).unwrap_err().to_string();
        for word in expected {
            assert!(text.contains(word), "{word}: {text}");
        }
    };
    let own = format!("this health monitor version {LINE_VERSION}");
    let mut newer = Vec::new();
    write_greeting(&mut newer, LINE_VERSION + 1).unwrap();
    check(&newer, &[&format!("version {} of", LINE_VERSION + 1), &own]);
    // The first frame of a release that had no greeting: a length.
    check(&[9, 0, 0, 0, 0, 0, 0], &["names no version", &LINE_VERSION.to_string()]);
    check(&newer[..3], &["ended"]);
    let mut own = Vec::new();
    write_greeting(&mut own, LINE_VERSION).unwrap();
    assert!(read_greeting(&mut own.as_slice()).is_ok());
}
