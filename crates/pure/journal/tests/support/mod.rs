//! A disk in memory that stops after so many operations, and what the tests put on it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use journal::{Disk, DiskError, DiskErrorKind, Journal, Recovered, Settings};
use model::pair::{Ballot, Entry, Epoch, Position, Seat};

/// A crash keeps or loses each of these, as the disk pleases. Source: what `Disk` promises.
const SECTOR_BYTES: usize = 512;

/// What a file holds now, and what of it was synced.
#[derive(Debug, Clone, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
}

/// A disk in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<u64, Content>,
    /// What the names lead to now, and what they led to when they were synced.
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    next: u64,
    /// Operations that changed something, so far.
    pub operations: usize,
    /// From this operation on nothing works.
    pub stop_at: Option<usize>,
    /// No file may be made any more.
    pub is_full: bool,
}

fn error(kind: DiskErrorKind, name: &str) -> DiskError {
    DiskError { kind, name: name.to_owned(), detail: format!("{kind:?}") }
}

impl Memory {
    fn operate(&mut self, name: &str) -> Result<(), DiskError> {
        if self.stop_at.is_some_and(|stop| self.operations >= stop) {
            return Err(error(DiskErrorKind::Other, name));
        }
        self.operations += 1;
        Ok(())
    }

    fn content(&self, name: &str) -> Result<&Content, DiskError> {
        let file = self.names.get(name).and_then(|id| self.files.get(id));
        file.ok_or_else(|| error(DiskErrorKind::NotFound, name))
    }

    fn content_mut(&mut self, name: &str) -> Result<&mut Content, DiskError> {
        let file = self.names.get(name).and_then(|id| self.files.get_mut(id));
        file.ok_or_else(|| error(DiskErrorKind::NotFound, name))
    }

    /// The power fails. `keeps` decides for each sector and each name that was not synced.
    pub fn crash(&mut self, mut keeps: impl FnMut() -> bool) {
        let mut names = self.synced_names.clone();
        let all: Vec<_> = self.names.keys().chain(self.synced_names.keys()).cloned().collect();
        for name in all {
            let (now, before) = (self.names.get(&name), self.synced_names.get(&name));
            if now == before || !keeps() {
                continue;
            }
            match (now, before) {
                // A rename is atomic: the new name takes the file from the old one.
                (Some(id), _) => {
                    names.retain(|_, other| other != id);
                    names.insert(name, *id);
                }
                // A name that lost its file to another one is settled there.
                (None, Some(id)) if !self.names.values().any(|now| now == id) => {
                    names.remove(&name);
                }
                (None, _) => {}
            }
        }
        self.names = names.clone();
        self.synced_names = names;
        for content in self.files.values_mut() {
            // The size of a file is a matter of its own; here it is kept.
            content.synced.resize(content.now.len(), 0);
            let sectors = content.now.chunks(SECTOR_BYTES).zip(0..);
            for (now, nth) in sectors {
                let from = nth * SECTOR_BYTES;
                let synced = &mut content.synced[from..from + now.len()];
                if synced != now && keeps() {
                    synced.copy_from_slice(now);
                }
            }
            content.now.clone_from(&content.synced);
        }
        self.stop_at = None;
    }

    /// Everything that was written is on disk.
    pub fn settle(&mut self) {
        self.crash(|| true);
    }

    /// Changes a file behind the journal's back.
    pub fn tamper(&mut self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let content = self.content_mut(name).unwrap();
        change(&mut content.now);
        content.synced.clone_from(&content.now);
    }

    pub fn bytes(&self, name: &str) -> &[u8] {
        &self.content(name).unwrap().now
    }

    /// Files of the log, oldest first.
    pub fn segments(&self) -> Vec<String> {
        self.with_suffix(".log")
    }

    pub fn with_suffix(&self, suffix: &str) -> Vec<String> {
        self.names.keys().filter(|name| name.ends_with(suffix)).cloned().collect()
    }
}

impl Disk for Memory {
    fn names(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.names.keys().cloned().collect())
    }

    fn size(&self, name: &str) -> Result<u64, DiskError> {
        Ok(self.content(name)?.now.len() as u64)
    }

    fn create(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        self.operate(name)?;
        if self.is_full {
            return Err(error(DiskErrorKind::NoSpace, name));
        }
        let zeros = vec![0; bytes as usize];
        self.files.insert(self.next, Content { now: zeros, synced: Vec::new() });
        self.names.insert(name.to_owned(), self.next);
        self.next += 1;
        Ok(())
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let content = &self.content(name)?.now;
        let rest = content.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.operate(name)?;
        let content = &mut self.content_mut(name)?.now;
        let end = offset as usize + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.operate(name)?;
        let content = self.content_mut(name)?;
        content.synced.clone_from(&content.now);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.operate(from)?;
        let id = self.names.remove(from).ok_or_else(|| error(DiskErrorKind::NotFound, from))?;
        self.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.operate(name)?;
        let removed = self.names.remove(name);
        removed.map(drop).ok_or_else(|| error(DiskErrorKind::NotFound, name))
    }

    fn sync_names(&mut self) -> Result<(), DiskError> {
        self.operate("")?;
        self.synced_names = self.names.clone();
        Ok(())
    }
}

/// A journal with segments of 16 KiB, which is room for about 7 KiB of records.
pub fn open(disk: &mut Memory, hint: u64) -> (Journal<&mut Memory>, Recovered) {
    Journal::open(disk, settings(), hint).unwrap()
}

pub fn settings() -> Settings {
    Settings { group: 7, segment_bytes: 16 << 10, ..Settings::default() }
}

pub fn epoch(round: u32) -> Epoch {
    Epoch { ballot: Ballot { generation: 1, round, by: Seat::Primary }, run: 1 }
}

/// An entry whose content tells its epoch and index.
pub fn entry(round: u32, index: u64, payload_bytes: usize) -> Entry {
    let text = format!("{round}/{index} ");
    let payload = text.bytes().cycle().take(payload_bytes).collect();
    let position = Position { epoch: epoch(round), index };
    Entry { position, kind: 40 + round as u16, version: 1, payload }
}

pub fn entries(round: u32, indexes: std::ops::RangeInclusive<u64>, bytes: usize) -> Vec<Entry> {
    indexes.map(|index| entry(round, index, bytes)).collect()
}

/// Everything that the log holds.
pub fn all(journal: &mut Journal<&mut Memory>) -> Vec<Entry> {
    journal.read(journal.first_index(), usize::MAX, usize::MAX).unwrap()
}

/// A reproducible coin.
pub struct Coin(u64);

impl Coin {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    pub fn toss(&mut self) -> bool {
        self.below(2) == 0
    }
}
