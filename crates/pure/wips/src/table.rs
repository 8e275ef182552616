//! Tables that a flood of invented addresses cannot fill.
//!
//! A table keeps two kinds of entries apart: newcomers, which were asked for once, and residents, which
//! were asked for again. A flood of random addresses only ever makes newcomers, so it pushes out other
//! newcomers and never the stations that are really here. Each kind is held in two generations: when
//! the young one is full it becomes the old one, and what was in the old one and not asked for since
//! is dropped. That is the order of last use, roughly, without a list to keep.
//!
//! Sketch: one or two look-ups in a `BTreeMap` for each call; memory, never more than the bound.

use std::collections::BTreeMap;

/// What is kept for a bounded number of keys.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    residents: Generations<K, V>,
    newcomers: Generations<K, V>,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
    /// Entries of one generation at most.
    half: usize,
    dropped: u64,
}

impl<K: Ord + Copy, V> Table<K, V> {
    /// An empty table of at most `max` entries, a quarter of them newcomers.
    pub(crate) fn new(max: usize) -> Self {
        Self { residents: Generations::new(max / 4 * 3), newcomers: Generations::new(max / 4) }
    }

    /// The entry of `key`, made when there is none.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if self.residents.refresh(&key) {
            return self.residents.young.entry(key).or_insert_with(make);
        }
        match self.newcomers.take(&key) {
            Some(value) => self.residents.insert(key, value),
            None => self.newcomers.insert(key, make()),
        }
    }

    /// The entry of `key`, if there is one.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.residents.get(key).or_else(|| self.newcomers.get(key))
    }

    /// The entry of `key`, if there is one, to be changed.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.residents.get_mut(key).or_else(|| self.newcomers.get_mut(key))
    }

    /// Every entry that is held, in no order that means something.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let Self { residents, newcomers } = self;
        residents.young.iter().chain(&residents.old).chain(&newcomers.young).chain(&newcomers.old)
    }

    /// How many entries are held.
    pub(crate) fn len(&self) -> usize {
        self.residents.len() + self.newcomers.len()
    }

    /// How many entries were dropped to make room.
    pub(crate) fn dropped(&self) -> u64 {
        self.residents.dropped + self.newcomers.dropped
    }
}

impl<K: Ord + Copy, V> Generations<K, V> {
    fn new(max: usize) -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new(), half: (max / 2).max(1), dropped: 0 }
    }

    /// Whether `key` is here; it is in the young generation then.
    fn refresh(&mut self, key: &K) -> bool {
        if self.young.contains_key(key) {
            return true;
        }
        match self.old.remove(key) {
            Some(value) => {
                self.insert(*key, value);
                true
            }
            None => false,
        }
    }

    fn insert(&mut self, key: K, value: V) -> &mut V {
        if self.young.len() >= self.half {
            self.dropped += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
        }
        self.young.entry(key).or_insert(value)
    }

    fn take(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_strangers_do_not_push_out_who_is_here() {
        let mut table: Table<u64, u64> = Table::new(1_000);
        for stranger in 1_000..1_001_000 {
            if stranger % 100 == 0 {
                *table.entry(7, || 0) += 1;
            }
            table.entry(stranger, || 0);
            assert!(table.len() <= 1_000);
        }
        assert_eq!(table.get(&7), Some(&10_000));
        assert!(table.dropped() > 999_000);
    }

    #[test]
    fn who_comes_back_often_stays_longest() {
        let mut table: Table<u32, u32> = Table::new(8);
        for round in 0..1_000 {
            *table.entry(1, || 0) += 1;
            table.entry(1_000 + round, || 0);
            table.entry(1_000 + round, || 0);
        }
        assert_eq!(table.get(&1), Some(&1_000));
    }
}
