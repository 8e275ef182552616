//! The monitor's end of the line, without a pair: it keeps a list of entries in memory and commits
//! each at once.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use engine::Service;
use engine::config::Config;
use engine::service::Place;
use model::pair::{Ballot, Entry, Epoch, Position, Seat};
use node::clock;
use node::service::{Draft, Order, Report, read_frame, read_greeting, write_frame};
use store::{Change, Encoded, FEATURE_LEVEL};

use super::{Dir, PATIENCE};

/// What the monitor does with writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// Commits them.
    Committed,
    /// Says no.
    Refused,
    /// Says nothing.
    InTheDark,
}

/// The journal of a pair, as all its monitors see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn changes(&self) -> Vec<Change> {
        self.entries().iter().map(|entry| Change::of(entry).unwrap()).collect()
    }

    /// Writes past every engine, as a former holder did.
    pub(crate) fn write(&self, changes: &[Change]) {
        let draft = |change: &Change| {
            let Encoded { kind, version, payload } = change.encode(FEATURE_LEVEL).unwrap();
            Draft { kind, version, payload }
        };
        self.append(epoch(0), changes.iter().map(draft).collect());
    }

    fn append(&self, epoch: Epoch, drafts: Vec<Draft>) -> Vec<Entry> {
        let mut entries = self.0.lock().unwrap();
        let first = entries.last().map_or(1, |last| last.position.index + 1);
        let entry = |(index, Draft { kind, version, payload }): (u64, Draft)| Entry {
            position: Position { epoch, index },
            kind,
            version,
            payload,
        };
        let new: Vec<Entry> = (first..).zip(drafts).map(entry).collect();
        entries.extend(new.iter().cloned());
        new
    }
}

/// One node: an engine, and the monitor that it believes in.
pub(crate) struct Node {
    pub(crate) service: Service,
    pub(crate) dir: Dir,
    stream: UnixStream,
    /// What the engine says, but for writes, which are worked off by themselves.
    reports: Receiver<Report>,
    state: Arc<Mutex<State>>,
}

struct State {
    journal: Journal,
    epoch: Epoch,
    writes: Writes,
}

/// The epoch of one activation after the other.
pub(crate) fn epoch(round: u32) -> Epoch {
    Epoch { ballot: Ballot { generation: 1, round, by: Seat::Primary }, run: 1 }
}

impl Node {
    /// Starts an engine in a directory, and hears its first word.
    pub(crate) async fn start(journal: &Journal, configure: impl FnOnce(&Dir) -> Config) -> Self {
        let dir = Dir::empty();
        let config = configure(&dir);
        Self::start_in(journal, dir, config).await
    }

    pub(crate) async fn start_in(journal: &Journal, dir: Dir, mut config: Config) -> Self {
        std::fs::create_dir_all(dir.path()).unwrap();
        let socket = dir.path().join("monitor.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let place = Place { socket, data: dir.path().to_owned(), address: None };
        config.data = PathBuf::from("/the/monitor/says/where");
        let service = Service::start(config, place).await.unwrap();
        let (stream, _) = listener.accept().unwrap();
        let writes = Writes::Committed;
        let state = State { journal: journal.clone(), epoch: Epoch::default(), writes };
        let state = Arc::new(Mutex::new(state));
        let (say, reports) = channel();
        let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let shared = Arc::clone(&state);
        read_greeting(&mut reader).unwrap();
        thread::spawn(move || {
            while let Ok(Some(report)) = read_frame::<Report>(&mut reader) {
                let Report::Write { ticket, drafts } = report else {
                    if say.send(report).is_err() {
                        return;
                    }
                    continue;
                };
                for order in shared.lock().unwrap().work_off(ticket, drafts) {
                    if write_frame(&mut writer, &order).is_err() {
                        return;
                    }
                }
            }
        });
        let node = Self { service, dir, stream, reports, state };
        let Report::Hello { level, .. } = node.hear() else { panic!("no hello") };
        assert_eq!(u32::from(level), store::FEATURE_LEVEL);
        node
    }

    /// What it says next, besides writes and that entries were applied.
    pub(crate) fn hear(&self) -> Report {
        loop {
            let report = self.reports.recv_timeout(PATIENCE).expect("the engine says something");
            if !matches!(report, Report::Applied { .. }) {
                return report;
            }
        }
    }

    /// Hands it these entries; the hashes of states that it tells.
    pub(crate) fn apply(&self, entries: &[Entry]) -> Vec<(u64, u64)> {
        self.say(&Order::Apply(entries.to_vec()));
        let report = self.reports.recv_timeout(PATIENCE).expect("the engine says something");
        let Report::Applied { position, hashes } = report else { panic!("{report:?}") };
        assert_eq!(Some(position), entries.last().map(|entry| entry.position));
        hashes
    }

    pub(crate) fn say(&self, order: &Order) {
        // One frame is not torn by another: orders are short, and the writer of commits is idle or
        // waits for the lock that the state of this node has.
        let _alone = self.state.lock().unwrap();
        write_frame(&mut (&self.stream), order).unwrap();
    }

    /// Everything in the journal is applied, it serves, and may be asked.
    pub(crate) fn activate(&self, round: u32) {
        self.activate_at(round, FEATURE_LEVEL as u16);
    }

    /// The same, where both nodes understand this feature level.
    pub(crate) fn activate_at(&self, round: u32, level: u16) {
        self.state.lock().unwrap().epoch = epoch(round);
        self.catch_up();
        self.say(&Order::Level(level));
        self.say(&Order::Activate(epoch(round)));
        assert_eq!(self.answer(), Report::Active);
        self.lease(600_000);
        self.pass();
    }

    pub(crate) fn deactivate(&self) {
        self.say(&Order::Deactivate);
        assert_eq!(self.answer(), Report::Dormant);
    }

    /// Hands it all that it has not got.
    pub(crate) fn catch_up(&self) {
        let entries = self.state.lock().unwrap().journal.entries();
        if !entries.is_empty() {
            self.say(&Order::Apply(entries));
        }
    }

    /// Reads may be answered for so long from now on.
    pub(crate) fn lease(&self, ms: u64) {
        self.say(&Order::Reads(clock::boot().plus_ms(ms)));
    }

    pub(crate) fn writes(&self, writes: Writes) {
        self.state.lock().unwrap().writes = writes;
    }

    /// Waits until the orders until now were carried out.
    pub(crate) fn pass(&self) {
        self.say(&Order::Check(7));
        assert_eq!(self.answer(), Report::Well(7));
    }

    /// The answer to an order, while the engine's own tasks go on.
    pub(crate) fn answer(&self) -> Report {
        tokio::task::block_in_place(|| self.hear())
    }

    /// Has it copy its state.
    pub(crate) fn snapshot(&self, dir: &Path) -> Position {
        self.say(&Order::Snapshot(dir.to_owned()));
        let Report::Snapshot(position) = self.answer() else { panic!("no snapshot") };
        position
    }

    /// Has it take over a state.
    pub(crate) fn restore(&self, dir: &Path) -> Position {
        self.say(&Order::Restore(dir.to_owned()));
        let Report::Restored(position) = self.answer() else { panic!("not restored") };
        position
    }

    /// The monitor dies.
    pub(crate) fn lose_monitor(&self) {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
    }
}

impl State {
    fn work_off(&self, ticket: u64, drafts: Vec<Draft>) -> Vec<Order> {
        match self.writes {
            Writes::Committed => {
                let entries = self.journal.append(self.epoch, drafts);
                let first = entries[0].position.index;
                vec![Order::Written { ticket, first }, Order::Apply(entries)]
            }
            Writes::Refused => {
                vec![Order::Refused { ticket, reason: "the peer is rebuilt".to_owned() }]
            }
            Writes::InTheDark => Vec::new(),
        }
    }
}
