//! The smallest service that a pair can keep running: it remembers which value each key was given.
//!
//! It stands in for the engine where what matters is what a client was told. A client that was told
//! `OK` can ask for everything afterwards, and what is not there was lost.
//!
//! On the group's virtual address, port [`PORT`], one line for one line:
//!
//! ```text
//! PUT 7 700      -> OK <index> <epoch> <node>     safe, and applied here
//!                   NO <reason>                   not written, or nobody knows
//! GET 7          -> IS 700 <index>                or NONE, or NO <reason>
//! FILL 1000      -> OK, as for PUT                an entry of so many bytes of nothing
//! ALL            -> <index> <key> <value>         for every row, in order; then END <count>
//! ```
//!
//! Lines that a client sends without waiting are one entry, unless told otherwise, and share its
//! index. On UDP port [`ECHO_PORT`] every
//! datagram comes back with `<node> <epoch> <index>` behind it, as long as reads may be answered.
//!
//! Its state is a file of lines that only grows: what was applied, in order; and perhaps one of
//! ballast, which is there from the beginning and goes along with every snapshot. It deliberately
//! knows no other kind of entry, no deletion and no compression.

pub(crate) mod state;
mod talk;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, bail};
use model::pair::{Entry, Epoch, Position};
use node::service::{Applied, Line, Replicated};

use self::state::{Batch, State};
use self::talk::Talk;
pub(crate) use self::talk::open;

/// Where rows are put. Ours.
pub const PORT: u16 = 7_000;
/// Where datagrams come back. Ours.
pub const ECHO_PORT: u16 = 7_001;
/// Kind of its entries. Ours.
const KIND: u16 = 700;
/// Its feature level: what monitors told for every service before services said it themselves, so that
/// a pair of such a build can be upgraded. Source: commit 6a0f38e, `monitor::group`.
const LEVEL: u16 = 2;
/// Set by the monitor. Source: `monitor::group::service`.
const SOCKET_VARIABLE: &str = "MSE_SERVICE_SOCKET";
/// Set by the monitor. Source: `monitor::group::service`.
const DATA_VARIABLE: &str = "MSE_SERVICE_DATA";
/// Set by the monitor. Source: `monitor::group::service`.
const ADDRESS_VARIABLE: &str = "MSE_SERVICE_ADDRESS";

/// How rows become entries.
#[derive(Debug, Clone, Copy)]
struct Entries {
    /// Most rows of one.
    rows_max: usize,
    /// Bytes of nothing in each, which the journal has to keep.
    pad_bytes: usize,
}

/// Where an entry was written, which is what its client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written(Position);

/// The service.
#[derive(Debug)]
struct Ledger {
    name: String,
    entries: Entries,
    address: IpAddr,
    line: Line<Written>,
    state: Arc<State>,
    serving: Option<Serving>,
}

/// What runs while the node serves.
#[derive(Debug)]
struct Serving {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Runs the service until its monitor is gone. Its words are the node's name and, if need be, how
/// `Entries` are: most rows, bytes of nothing; then MiB of ballast.
pub fn run(words: &[String]) -> Result<()> {
    let number = |nth: usize| words.get(nth).map(|word| word.parse()).transpose();
    let name = words.first().context("the node's name is missing")?;
    let (rows_max, pad_bytes) = (number(1)?.unwrap_or(usize::MAX), number(2)?.unwrap_or(0));
    let entries = Entries { rows_max, pad_bytes };
    let variable = |name| {
        std::env::var(name)
            .with_context(|| format!("{name} is not set; the health monitor starts this service"))
    };
    let socket = PathBuf::from(variable(SOCKET_VARIABLE)?);
    let folder = PathBuf::from(variable(DATA_VARIABLE)?);
    let address = variable(ADDRESS_VARIABLE)?;
    let address = address
        .parse()
        .with_context(|| format!("{ADDRESS_VARIABLE} is no address: '{address}'"))?;
    let state = Arc::new(State::open(&folder, number(3)?.unwrap_or(0))?);
    let (line, orders) = node::service::connect(&socket)
        .with_context(|| format!("nobody listens at {}", socket.display()))?;
    let name = name.clone();
    let mut ledger = Ledger { name, entries, address, line, state, serving: None };
    match orders.serve(&mut ledger) {
        Ok(()) => Ok(()),
        Err(reason) => bail!("{reason}"),
    }
}

impl Replicated for Ledger {
    type Outcome = Written;

    fn level(&self) -> u16 {
        LEVEL
    }

    fn applied(&self) -> Result<Position, String> {
        Ok(self.state.position())
    }

    fn apply(&mut self, entries: &[Entry]) -> Result<Applied<Written>, String> {
        let mut outcomes = Vec::with_capacity(entries.len());
        let mut batches = Vec::with_capacity(entries.len());
        let applied = self.state.position().index;
        for entry in entries.iter().filter(|entry| entry.position.index > applied) {
            let is_ours = entry.kind == KIND;
            let rows = if is_ours { state::unpacked(&entry.payload) } else { Vec::new() };
            batches.push(Batch { position: entry.position, rows });
            outcomes.push((entry.position.index, Written(entry.position)));
        }
        let hashes = self.state.append(batches).map_err(|error| error.to_string())?;
        Ok(Applied { position: self.state.position(), outcomes, hashes })
    }

    fn sync(&mut self) -> Result<Position, String> {
        self.state.sync().map_err(|error| error.to_string())
    }

    fn snapshot(&mut self, dir: &Path) -> Result<Position, String> {
        self.state.copy_to(dir).map_err(|error| error.to_string())
    }

    fn restore(&mut self, dir: &Path) -> Result<Position, String> {
        self.state.replace_by(Some(dir)).map_err(|error| format!("{error:#}"))
    }

    fn clear(&mut self) -> Result<Position, String> {
        self.state.replace_by(None).map_err(|error| format!("{error:#}"))
    }

    fn activate(&mut self, epoch: Epoch) -> Result<(), String> {
        self.deactivate()?;
        let talk = Talk {
            name: self.name.clone(),
            entries: self.entries,
            epoch,
            line: self.line.clone(),
            state: Arc::clone(&self.state),
            is_over: Arc::default(),
        };
        let is_over = Arc::clone(&talk.is_over);
        let threads = talk::listen(
            talk,
            SocketAddr::new(self.address, PORT),
            SocketAddr::new(self.address, ECHO_PORT),
        );
        let threads = threads.map_err(|error| format!("cannot listen: {error}"))?;
        self.serving = Some(Serving { is_over, threads });
        Ok(())
    }

    fn deactivate(&mut self) -> Result<(), String> {
        let Some(Serving { is_over, threads }) = self.serving.take() else { return Ok(()) };
        is_over.store(true, std::sync::atomic::Ordering::Release);
        for thread in &threads {
            thread.thread().unpark();
        }
        for thread in threads {
            thread.join().map_err(|_| "a listener had failed".to_owned())?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
