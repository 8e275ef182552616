//! A snapshot on its way: offered by the holder, fetched in chunks, verified, cut and resumed.
//!
//! What is in a chunk does not matter here; which of them have arrived does.

use ha::{History, Input, Log};
use journal::{Base, Pin};
use model::pair::Epoch;

use crate::coverage::Seen;
use crate::network::{Address, Load, data};
use crate::process::Inbound;
use crate::queue::{Event, MS, Micros};
use crate::state::State;
use crate::world::{World, seat_of};

/// Chunks of one snapshot.
const CHUNKS: u32 = 24;
/// Between two chunks: snapshots are sent at a limited rate.
const CHUNK_PAUSE: Micros = 15 * MS;
/// A chunk that has not come is asked for again.
const CHUNK_PATIENCE: Micros = 300 * MS;

/// A part of a snapshot.
#[derive(Debug, Clone)]
pub(crate) enum Push {
    /// There is one.
    Offer { session: Epoch, base: Base, state: Box<State> },
    /// The receiver wants that chunk of it.
    Want { id: u64, chunk: u32 },
    /// Here it is.
    Chunk { id: u64, chunk: u32 },
}

/// A snapshot that a holder keeps for its backup.
#[derive(Debug)]
pub(crate) struct Sending {
    state: State,
    base: Base,
    pin: Pin,
}

/// A snapshot that a backup has in parts.
#[derive(Debug)]
pub(crate) struct Receiving {
    session: Epoch,
    state: State,
    base: Base,
    chunks: u32,
    asked_at: Micros,
}

impl World {
    /// The backup needs a snapshot: offers one, the same as before if it still helps.
    pub(crate) fn offer_snapshot(&mut self, process: usize) -> Result<(), String> {
        let node = &mut self.processes[process];
        let Some(session) = node.member.as_ref().and_then(|member| member.replica().session())
        else {
            return Ok(());
        };
        let first = node.storage.journal()?.first_index();
        let is_of_use =
            node.sending.as_ref().is_some_and(|sending| sending.base.position.index + 1 >= first);
        if !is_of_use {
            if let Some(old) = node.sending.take() {
                node.storage.journal()?.unpin(old.pin);
            }
            let state = node.storage.state;
            if state.applied.index + 1 < first {
                return Err("the state is older than the journal".to_owned());
            }
            let base = node.storage.base_at(state.applied.index)?;
            let pin = node.storage.journal()?.pin(state.applied.index);
            node.sending = Some(Sending { state, base, pin });
        }
        if let Some(Sending { state, base, .. }) = &self.processes[process].sending {
            let push = Push::Offer { session, base: base.clone(), state: Box::new(*state) };
            self.push(process, push);
        }
        Ok(())
    }

    /// A part of a snapshot arrives.
    pub(crate) fn pushed(&mut self, process: usize, push: Push) -> Result<(), String> {
        match push {
            Push::Offer { session, base, state } => self.offered(process, session, base, *state),
            Push::Want { id, chunk } => {
                let sending = self.processes[process].sending.as_ref();
                if sending.is_some_and(|sending| sending.state.hash == id) {
                    self.push(process, Push::Chunk { id, chunk });
                }
                Ok(())
            }
            Push::Chunk { id, chunk } => {
                self.chunk_came(process, id, chunk);
                Ok(())
            }
        }
    }

    fn offered(
        &mut self,
        process: usize,
        session: Epoch,
        base: Base,
        state: State,
    ) -> Result<(), String> {
        let now = self.now;
        let node = &mut self.processes[process];
        let follows = node.member.as_ref().and_then(|member| member.replica().followed());
        // One that cannot read an entry needs it, however long its log is.
        let is_needed = node.has_holes || node.storage.journal()?.end().index < base.position.index;
        if follows != Some(session) || !is_needed {
            return Ok(());
        }
        match &mut node.receiving {
            Some(old) if old.state.hash == state.hash => {
                if old.session != session && old.chunks > 0 {
                    self.coverage.see(Seen::SnapshotResumed);
                }
                let node = &mut self.processes[process];
                if let Some(old) = &mut node.receiving {
                    old.session = session;
                    if old.chunks == CHUNKS {
                        self.complete(process);
                        return Ok(());
                    }
                }
            }
            _ => {
                node.receiving = Some(Receiving { session, state, base, chunks: 0, asked_at: now });
            }
        }
        self.want_chunk(process);
        Ok(())
    }

    fn chunk_came(&mut self, process: usize, id: u64, chunk: u32) {
        let now = self.now;
        let node = &mut self.processes[process];
        let Some(receiving) = &mut node.receiving else { return };
        if receiving.state.hash != id || receiving.chunks != chunk {
            return;
        }
        receiving.chunks += 1;
        let done = u64::from(receiving.chunks);
        receiving.asked_at = now;
        node.inbox.push_back(Inbound::Input(Input::Snapshot { done, total: u64::from(CHUNKS) }));
        if receiving.chunks == CHUNKS {
            return self.complete(process);
        }
        let life = node.life;
        self.queue.plan(now + CHUNK_PAUSE, Event::Transfer { process: process as u8, life });
    }

    /// All chunks are there: the member says whether they are still of use.
    fn complete(&mut self, process: usize) {
        let node = &mut self.processes[process];
        if let Some(Receiving { session, base, .. }) = &node.receiving {
            let (session, log) = (*session, Log::recovered(History::new(base.epochs.clone())));
            node.inbox.push_back(Inbound::Input(Input::Install { session, log }));
        }
    }

    /// The journal and the state begin at the snapshot.
    pub(crate) fn install(&mut self, process: usize) -> Result<(), String> {
        let node = &mut self.processes[process];
        let Some(Receiving { state, base, .. }) = node.receiving.take() else { return Ok(()) };
        node.storage.install(base, state)?;
        node.inbox.push_back(Inbound::Input(Input::Retained(state.applied.index + 1)));
        self.coverage.see(Seen::SnapshotInstalled);
        Ok(())
    }

    /// The next chunk is due, or the last request went astray.
    pub(crate) fn transfer(&mut self, process: usize) {
        let now = self.now;
        let Some(receiving) = &mut self.processes[process].receiving else { return };
        let waited = now - receiving.asked_at;
        if receiving.chunks < CHUNKS && waited >= CHUNK_PAUSE {
            self.want_chunk(process);
        }
    }

    fn want_chunk(&mut self, process: usize) {
        let now = self.now;
        let node = &mut self.processes[process];
        let Some(receiving) = &mut node.receiving else { return };
        receiving.asked_at = now;
        let push = Push::Want { id: receiving.state.hash, chunk: receiving.chunks };
        let life = node.life;
        self.queue.plan(now + CHUNK_PATIENCE, Event::Transfer { process: process as u8, life });
        self.push(process, push);
    }

    fn push(&mut self, process: usize, push: Push) {
        let to = data(process / 2, seat_of(process).peer());
        self.send(Address::Data(process as u8), to, Load::Push(Box::new(push)));
    }
}
