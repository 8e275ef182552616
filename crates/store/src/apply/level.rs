//! What a program knows, and how two programs of different age make a pair.
//!
//! A feature level counts the releases that brought something new into the journal. The pair writes
//! only what both nodes know: the agreed level is part of the replicated state and is raised by an
//! entry, after both nodes were upgraded. Nodes may differ by one level, so that a pair is upgraded
//! one node at a time.
//!
//! Everything that shapes the state belongs to the level: the meaning of kinds, the rules, and also
//! when and how history is sealed. Two programs of one level make the same state of the same log.

use crate::StoreError;
use crate::apply::change::{KINDS, Kind};
use crate::apply::replica::Replica;

/// The feature level of this program.
///
/// 1: settings, maps, users, alarms, events, history.
/// 2: the identity of the service, plans ([`crate::Change::FilePut`]), sessions.
/// 3: documents.
/// 4: stays and heat maps.
pub const FEATURE_LEVEL: u32 = 4;
/// Every so many entries the nodes compare the hashes of their states.
pub const STATE_HASH_INTERVAL: u64 = 10_000;
/// History is sealed when this many rows wait. Ours, measured: 0.1 to 0.2 s of work and 45 MB of
/// memory, every 26 s at 20,000 rows/s; half as many take 7 % more bytes a row.
const SEAL_ROWS: u64 = 1 << 19;

/// What a program knows. There is one for each level; tests run others beside [`Program::THIS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) feature_level: u32,
    pub(crate) kinds: &'static [Kind],
    /// Version `n` of the content is the result of the first `n`.
    pub(crate) content_migrations: &'static [ContentMigration],
    pub(crate) seal_rows: u64,
    pub(crate) hash_interval: u64,
}

/// A change of what is stored, made by both nodes at one entry. Its SQL must come to the same result
/// on both: no clock, no random numbers, an order for every limit.
#[derive(Debug)]
pub(crate) struct ContentMigration {
    /// The feature level that brought it.
    pub(crate) level: u32,
    pub(crate) sql: &'static str,
}

impl Program {
    pub(crate) const THIS: Self = Self {
        feature_level: FEATURE_LEVEL,
        kinds: &KINDS,
        content_migrations: &[],
        seal_rows: SEAL_ROWS,
        hash_interval: STATE_HASH_INTERVAL,
    };

    /// Refuses a state that a newer program has made.
    pub(crate) fn check(&self, replica: &Replica) -> Result<(), StoreError> {
        let Replica { applied, feature_level, content_version, .. } = *replica;
        let what = if feature_level > self.feature_level {
            format!("feature level {feature_level}")
        } else if content_version > self.content_version(self.feature_level) {
            format!("version {content_version} of the content")
        } else {
            return Ok(());
        };
        Err(StoreError::LocalOlderProgram { index: applied.index, what })
    }

    /// The highest version of the content that programs of this level know.
    pub(crate) fn content_version(&self, level: u32) -> u32 {
        self.content_migrations.iter().take_while(|it| it.level <= level).count() as u32
    }
}

/// The level that programs of these two levels may agree on, when they can be a pair at all.
pub fn pairing(ours: u32, theirs: u32) -> Result<u32, StoreError> {
    if ours.abs_diff(theirs) > 1 {
        return Err(StoreError::PeerLevels { ours, theirs });
    }
    Ok(ours.min(theirs))
}
