//! The state of a node and its two duties, order by order.
//!
//! Orders come one at a time, on a thread that may wait. What waits for the pair never runs on it:
//! the answer to a write is an order, too.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use model::pair::{Entry, Epoch, Position};
use node::clock;
use node::identity::Identity;
use node::service::{Applied, Line, Replicated};
use store::{FEATURE_LEVEL, Outcome, StateHash, Store, StoreError};
use tokio::runtime::Handle;

use super::newest::Newest;
use super::{Desk, founding};
use crate::config::Config;
use crate::engine::{Engine, Ground, StartError};
use crate::writer::Writer;

/// Requests that were being worked off when the engine stopped serving let go of the store within
/// this time. Ours: the longest are exports of maps, with a second to spare.
const RELEASE_MAX: Duration = Duration::from_secs(5);
/// How often it is looked at whether they did.
const RELEASE_INTERVAL: Duration = Duration::from_millis(5);

/// The engine as its monitor sees it.
pub(super) struct Replica {
    config: Config,
    starts: u64,
    /// None while a snapshot takes its place.
    store: Option<Arc<Store>>,
    newest: Newest,
    line: Line<Outcome>,
    desk: Arc<Desk>,
    runtime: Handle,
    engine: Option<Engine>,
}

impl Replica {
    pub(super) fn new(
        config: Config,
        starts: u64,
        (store, newest): (Arc<Store>, Newest),
        line: Line<Outcome>,
        desk: Arc<Desk>,
        runtime: Handle,
    ) -> Self {
        Self { config, starts, store: Some(store), newest, line, desk, runtime, engine: None }
    }

    fn store(&self) -> Result<&Arc<Store>, String> {
        self.store
            .as_ref()
            .ok_or_else(|| "the state is not open: an earlier order failed".to_owned())
    }

    /// Replaces the store by what `make` makes of its directory, while no store is open there.
    fn replace_store(
        &mut self,
        make: impl FnOnce(&Path) -> Result<Store, StoreError>,
    ) -> Result<Position, String> {
        if self.engine.is_some() {
            return Err(
                "the state of an active node is not replaced; deactivate it first".to_owned()
            );
        }
        if let Some(store) = self.store.take() {
            let released = Arc::downgrade(&store);
            drop(store);
            let deadline = clock::boot().plus_ms(RELEASE_MAX.as_millis() as u64);
            while released.strong_count() > 0 {
                if clock::boot() > deadline {
                    return Err(
                        "a request still reads the state; the engine has to start again".to_owned()
                    );
                }
                thread::sleep(RELEASE_INTERVAL);
            }
        }
        let store = Arc::new(make(&self.config.data).map_err(told)?);
        self.desk.dormant.look_at(&store);
        self.newest = Newest::read(&store, &self.config).map_err(told)?;
        let position = store.applied().map_err(told)?;
        self.store = Some(store);
        Ok(position)
    }

    fn serve(&mut self) -> Result<Activation, StartError> {
        let Some(store) = self.store.clone() else {
            return Err(StartError::LocalMonitor("the state is not open".to_owned()));
        };
        let (identity, candidate) = founding::identity(&store, &self.config.data)?;
        let newest = self.newest.at(clock::wall());
        let elements = newest.len();
        let writer = Writer::Replicated { store: Arc::clone(&store), line: self.line.clone() };
        let identity: Arc<Identity> = Arc::new(identity);
        let (starts, is_early) = (self.starts, true);
        let ground = Ground { identity, store, writer, starts, newest, is_early };
        let mut engine = self.runtime.block_on(Engine::open(&self.config, ground))?;
        let _inside = self.runtime.enter();
        let (shared, level) = (Arc::clone(&engine.shared), self.line.level());
        let is_founded = candidate.is_none() && !engine.shared.store.users()?.is_empty();
        if is_founded {
            engine.link(&self.config)?;
            engine.services.spawn(founding::follow_level(shared, level));
        } else {
            // Controllers are told nothing that the pair has not kept.
            let found = founding::found(self.config.clone(), shared, level, candidate);
            engine.services.spawn(found);
        }
        self.desk.active(engine.router(), &engine.shared);
        let activation = Activation { elements, controllers: engine.shared.links.len() };
        self.engine = Some(engine);
        Ok(activation)
    }
}

/// What an activation found.
struct Activation {
    elements: usize,
    controllers: usize,
}

impl Replicated for Replica {
    type Outcome = Outcome;

    fn level(&self) -> u16 {
        // Levels are counted by releases.
        u16::try_from(FEATURE_LEVEL).unwrap_or(u16::MAX)
    }

    fn applied(&self) -> Result<Position, String> {
        self.store()?.applied().map_err(told)
    }

    fn apply(&mut self, entries: &[Entry]) -> Result<Applied<Outcome>, String> {
        let store::Applied { position, outcomes, hashes } =
            self.store()?.apply(entries).map_err(told)?;
        let first = outcomes.first().map_or(u64::MAX, |(index, _)| *index);
        let skipped = entries.iter().take_while(|entry| entry.position.index < first).count();
        self.newest.note(entries.get(skipped..).unwrap_or_default());
        let hashes = hashes.iter().map(|it| (it.index, folded(it))).collect();
        Ok(Applied { position, outcomes, hashes })
    }

    fn sync(&mut self) -> Result<Position, String> {
        self.store()?.sync().map_err(told)
    }

    fn snapshot(&mut self, dir: &Path) -> Result<Position, String> {
        // Made by the monitor, perhaps: it appears when it is complete. One that is not empty stays,
        // and is refused by the store.
        let _ = fs::remove_dir(dir);
        Ok(self.store()?.snapshot_to(dir).map_err(told)?.position)
    }

    fn restore(&mut self, dir: &Path) -> Result<Position, String> {
        self.replace_store(|data| Store::restore_from(dir, data))
    }

    fn clear(&mut self) -> Result<Position, String> {
        self.replace_store(Store::clear_in)
    }

    fn activate(&mut self, epoch: Epoch) -> Result<(), String> {
        if self.engine.is_some() {
            return Ok(());
        }
        let began = clock::boot();
        let Activation { elements, controllers } =
            self.serve().map_err(|error| error.to_string())?;
        let took_ms = clock::boot().since_ms(began);
        tracing::info!(%epoch, elements, controllers, "activated in {took_ms} ms");
        Ok(())
    }

    fn deactivate(&mut self) -> Result<(), String> {
        let Some(engine) = self.engine.take() else { return Ok(()) };
        let began = clock::boot();
        self.desk.dormant();
        self.runtime.block_on(engine.leave());
        let took_ms = clock::boot().since_ms(began);
        tracing::info!("deactivated in {took_ms} ms");
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        self.applied()?;
        self.engine.as_ref().map_or(Ok(()), Engine::check)
    }
}

/// A hash as the line carries it.
fn folded(hash: &StateHash) -> u64 {
    let (words, _) = hash.hash.as_chunks::<8>();
    words.iter().fold(0, |folded, word| folded ^ u64::from_le_bytes(*word))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn told(error: StoreError) -> String {
    error.to_string()
}
