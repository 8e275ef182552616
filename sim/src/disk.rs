//! A disk that forgets what was not synced, and breaks in the ways disks break.
//!
//! Bytes reach the platter in any order until a sync, in sectors of 512; names reach it in order.
//! The machine's driver decides when a sync fails, stalls or finds no room.

use std::cell::RefCell;
use std::rc::Rc;

use journal::{Disk, DiskError, DiskErrorKind};

use crate::queue::Micros;
use crate::rng::Rng;

/// What a write tears at. Source: ha.md section 6.3.
const SECTOR: usize = 512;

/// What a disk that fails loses at once.
const PAGE: usize = 4_096;
/// So many of a hundred flips spoil a whole page.
const PAGES: u32 = 30;

/// So many of a hundred spoil a whole file, its header first.
const FILES: u32 = 15;

/// So many of a hundred hit what was synced just before: nothing but the records behind tells then
/// that it was durable.
const FRESH: u32 = 40;

/// What a flip has hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flip {
    /// There is nothing yet.
    Nothing,
    /// One bit of what was synced last but one.
    Fresh,
    /// Anything.
    Old,
}

/// The files of one node, shared with the journal that is open on them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(Rc<RefCell<Inner>>);

#[derive(Debug, Clone, Default)]
struct Inner {
    nodes: Vec<Node>,
    /// Name and node, as processes see them.
    names: Vec<(String, usize)>,
    /// What a crash leaves at least.
    durable_names: Vec<(String, usize)>,
    /// Changes of names since then, oldest first.
    changes: Vec<Vec<(String, usize)>>,
    sync_fails: bool,
    is_full: bool,
    stall: Micros,
}

#[derive(Debug, Clone, Default)]
struct Node {
    data: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<(usize, usize)>,
    was_synced: bool,
    /// Where the last synced write ended, and the one before: what lies below the latter is
    /// followed by something that was synced later.
    synced_end: usize,
    settled_end: usize,
}

/// An image of a disk.
#[derive(Debug, Clone)]
pub(crate) struct Image(Inner);

impl Files {
    /// A copy of what is on the platter now.
    pub(crate) fn image(&self) -> Image {
        let mut inner = self.0.borrow().clone();
        inner.lose(None);
        Image(inner)
    }

    /// The disk is set back to an image.
    pub(crate) fn revert(&self, image: &Image) {
        *self.0.borrow_mut() = image.0.clone();
    }

    /// The disk is replaced by an empty one.
    pub(crate) fn replace(&self) {
        *self.0.borrow_mut() = Inner::default();
    }

    /// The machine loses power: what was not synced is lost, wholly or partly.
    pub(crate) fn crash(&self, rng: &mut Rng) {
        let mut inner = self.0.borrow_mut();
        inner.lose(Some(rng));
    }

    /// The next sync fails.
    pub(crate) fn fail_sync(&self) {
        self.0.borrow_mut().sync_fails = true;
    }

    /// Whether there is room.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.0.borrow_mut().is_full = is_full;
    }

    /// The next sync takes so long.
    pub(crate) fn stall(&self, duration: Micros) {
        self.0.borrow_mut().stall = duration;
    }

    /// How long the last syncs took beyond the usual.
    pub(crate) fn take_stall(&self) -> Micros {
        let mut inner = self.0.borrow_mut();
        // Half is kept as a marker: a stall is taken by the first sync after it was ordered.
        std::mem::take(&mut inner.stall)
    }

    /// Flips one bit of a segment below what was synced last but one, or spoils a page around it, or
    /// the whole file. Says what was done.
    pub(crate) fn flip(&self, rng: &mut Rng) -> Flip {
        let mut inner = self.0.borrow_mut();
        let candidates: Vec<usize> = inner
            .names
            .iter()
            .filter(|(name, _)| name != crate::storage::SLOTS)
            .map(|(_, node)| *node)
            .filter(|node| inner.nodes[*node].settled_end > 0)
            .collect();
        if candidates.is_empty() {
            return Flip::Nothing;
        }
        let newest = candidates[candidates.len() - 1];
        let is_fresh = rng.percent(FRESH);
        let node = &mut inner.nodes[if is_fresh { newest } else { rng.pick(&candidates) }];
        if is_fresh {
            let at = node.settled_end - 1 - rng.below(node.settled_end.min(SECTOR) as u64) as usize;
            node.spoil(at..at + 1, 1 << rng.below(8));
            return Flip::Fresh;
        }
        let at = rng.below(node.settled_end as u64) as usize;
        let bit = 1 << rng.below(8);
        let spoilt = if rng.percent(FILES) {
            0..node.settled_end
        } else if rng.percent(PAGES) {
            let page = at / PAGE * PAGE;
            page..(page + PAGE).min(node.settled_end)
        } else {
            at..at + 1
        };
        node.spoil(spoilt, bit);
        Flip::Old
    }
}

impl Node {
    fn spoil(&mut self, places: std::ops::Range<usize>, bit: u8) {
        for at in places {
            self.data[at] ^= bit;
            if let Some(byte) = self.durable.get_mut(at) {
                *byte ^= bit;
            }
        }
    }
}

impl Inner {
    fn node(&self, name: &str) -> Result<usize, DiskError> {
        let found = self.names.iter().find(|(known, _)| known == name);
        found.map(|(_, node)| *node).ok_or_else(|| error(DiskErrorKind::NotFound, name))
    }

    fn rename(&mut self, change: impl FnOnce(&mut Vec<(String, usize)>)) {
        change(&mut self.names);
        self.changes.push(self.names.clone());
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        if std::mem::take(&mut self.sync_fails) {
            return Err(error(DiskErrorKind::Sync, name));
        }
        Ok(())
    }

    /// Without dice everything that was not synced is lost.
    fn lose(&mut self, mut rng: Option<&mut Rng>) {
        let kept = rng.as_mut().map_or(0, |rng| rng.below(self.changes.len() as u64 + 1)) as usize;
        if kept > 0 {
            self.durable_names.clone_from(&self.changes[kept - 1]);
        }
        self.changes.clear();
        self.names.clone_from(&self.durable_names);
        for node in &mut self.nodes {
            node.lose(rng.as_deref_mut());
        }
        self.stall = 0;
        self.sync_fails = false;
    }
}

impl Node {
    fn lose(&mut self, rng: Option<&mut Rng>) {
        if let Some(rng) = rng {
            let size_is_known = self.was_synced || rng.percent(50);
            if size_is_known {
                self.durable.resize(self.data.len(), 0);
                // All, none, or each sector by itself.
                let mode = rng.below(3);
                for (from, to) in self.dirty.iter().copied() {
                    let mut at = from;
                    while at < to {
                        let end = ((at / SECTOR + 1) * SECTOR).min(to);
                        if mode == 0 || mode == 1 && rng.percent(50) {
                            self.durable[at..end].copy_from_slice(&self.data[at..end]);
                        }
                        at = end;
                    }
                }
            }
        }
        self.dirty.clear();
        self.data.clone_from(&self.durable);
        self.settled_end = self.settled_end.min(self.data.len());
        self.synced_end = self.synced_end.min(self.data.len());
    }

    fn sync(&mut self) {
        self.durable.resize(self.data.len(), 0);
        let mut end = self.synced_end;
        for (from, to) in self.dirty.drain(..) {
            self.durable[from..to].copy_from_slice(&self.data[from..to]);
            end = end.max(to);
        }
        if end > self.synced_end {
            self.settled_end = self.synced_end;
            self.synced_end = end;
        }
        self.was_synced = true;
    }
}

impl Disk for Files {
    fn names(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.0.borrow().names.iter().map(|(name, _)| name.clone()).collect())
    }

    fn size(&self, name: &str) -> Result<u64, DiskError> {
        let inner = self.0.borrow();
        Ok(inner.nodes[inner.node(name)?].data.len() as u64)
    }

    fn create(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        let mut inner = self.0.borrow_mut();
        if inner.is_full {
            return Err(error(DiskErrorKind::NoSpace, name));
        }
        let inner = &mut *inner;
        // Nodes that no name leads to any more are used again.
        let used = |node: usize| {
            let leads = |(_, at): &(String, usize)| *at == node;
            inner.names.iter().any(leads)
                || inner.durable_names.iter().any(leads)
                || inner.changes.iter().flatten().any(leads)
        };
        let free = (0..inner.nodes.len()).find(|node| !used(*node));
        let node = free.unwrap_or(inner.nodes.len());
        let fresh = Node { data: vec![0; bytes as usize], ..Node::default() };
        if node == inner.nodes.len() {
            inner.nodes.push(fresh);
        } else {
            inner.nodes[node] = fresh;
        }
        inner.rename(|names| {
            names.retain(|(known, _)| known != name);
            names.push((name.to_owned(), node));
        });
        Ok(())
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let inner = self.0.borrow();
        let data = &inner.nodes[inner.node(name)?].data;
        let from = (offset as usize).min(data.len());
        let to = (from + buffer.len()).min(data.len());
        buffer[..to - from].copy_from_slice(&data[from..to]);
        Ok(to - from)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut inner = self.0.borrow_mut();
        let node = inner.node(name)?;
        let is_full = inner.is_full;
        let node = &mut inner.nodes[node];
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        if to > node.data.len() {
            if is_full {
                return Err(error(DiskErrorKind::NoSpace, name));
            }
            node.data.resize(to, 0);
        }
        node.data[from..to].copy_from_slice(bytes);
        node.dirty.push((from, to));
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let mut inner = self.0.borrow_mut();
        inner.sync(name)?;
        let node = inner.node(name)?;
        inner.nodes[node].sync();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut inner = self.0.borrow_mut();
        let node = inner.node(from)?;
        inner.rename(|names| {
            names.retain(|(known, _)| known != from && known != to);
            names.push((to.to_owned(), node));
        });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let mut inner = self.0.borrow_mut();
        inner.node(name)?;
        inner.rename(|names| names.retain(|(known, _)| known != name));
        Ok(())
    }

    fn sync_names(&mut self) -> Result<(), DiskError> {
        let mut inner = self.0.borrow_mut();
        inner.sync(".")?;
        inner.changes.clear();
        let names = inner.names.clone();
        inner.durable_names = names;
        Ok(())
    }
}

fn error(kind: DiskErrorKind, name: &str) -> DiskError {
    DiskError { kind, name: name.to_owned(), detail: "simulated".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(files: &Files, name: &str) -> Option<Vec<u8>> {
        let mut buffer = vec![0; files.size(name).ok()? as usize];
        files.read_at(name, 0, &mut buffer).ok()?;
        Some(buffer)
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_may_be_torn_at_sectors() {
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let mut files = Files::default();
            files.create("log", 2_048).unwrap();
            files.write_at("log", 0, &[1; 512]).unwrap();
            files.sync("log").unwrap();
            files.sync_names().unwrap();
            files.write_at("log", 512, &[2; 1_024]).unwrap();
            files.crash(&mut Rng::new(seed, 0));
            let bytes = content(&files, "log").unwrap();
            assert_eq!(bytes[..512], [1; 512]);
            kinds.insert((bytes[512], bytes[1_024]));
            assert_eq!(bytes[512..1_024], [bytes[512]; 512]);
        }
        assert_eq!(kinds.len(), 4, "{kinds:?}");
    }

    #[test]
    fn names_survive_in_the_order_of_their_changes() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let mut files = Files::default();
            files.create("a", 0).unwrap();
            files.sync_names().unwrap();
            files.create("b", 0).unwrap();
            files.remove("a").unwrap();
            files.crash(&mut Rng::new(seed, 0));
            seen.insert(files.names().unwrap());
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(!seen.contains(&Vec::new()));
    }

    #[test]
    fn a_disk_fails_as_it_was_told_to() {
        let mut files = Files::default();
        files.create("a", 16).unwrap();
        files.fail_sync();
        assert_eq!(files.sync("a").unwrap_err().kind, DiskErrorKind::Sync);
        files.sync("a").unwrap();
        files.set_full(true);
        assert_eq!(files.create("b", 1).unwrap_err().kind, DiskErrorKind::NoSpace);
        files.write_at("a", 0, &[1; 16]).unwrap();
        assert!(files.write_at("a", 8, &[1; 16]).is_err());
    }
}
