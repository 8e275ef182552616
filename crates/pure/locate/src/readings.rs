//! What one element is heard with: one smoothed value per access point and band.
//!
//! Smoothing is exponential in decibels with a time constant, so that it does not depend on how
//! often an access point reports (`reference/location.md` section 6). The store also remembers what
//! the last estimate was made from, because most reports change nothing worth computing.
//!
//! It is one of the two things that exist once per tracked element, so its size is fixed.

use model::{Band, Dbm, Mac, Reading, Time};

use crate::Keeping;

/// Most access points and bands per element, in the store and in an estimate: as many as Cisco's
/// controllers report (`reference/location.md` section 5). Section 6 has the eight strongest; all
/// that pass the cut are measurably better (tracks of twelve receivers: 2.02 m instead of 2.97 m).
pub const SLOTS_MAX: usize = 16;

/// So many of the strongest decide whether a new estimate is needed (section 6).
const WATCHED: usize = 8;

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing in it was new: duplicates, old or broken readings.
    Nothing,
    /// It confirms what is known: the last estimate still stands, only its time is renewed.
    Renewed,
    /// The strongest readings are others, or moved: a new estimate is needed.
    Moved,
}

/// The readings of one element.
#[derive(Debug, Clone, Default)]
pub struct ReadingStore {
    slots: [Slot; SLOTS_MAX],
    used: u8,
    /// How many of the slots the last estimate was made from.
    basis: u8,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    at: Time,
    rssi: f32,
    /// The value that the last estimate was made from; NaN when it was not among the strongest.
    estimated: f32,
    ap: Mac,
    band: Band,
}

impl Default for Slot {
    fn default() -> Self {
        Self { at: Time(0), rssi: 0.0, estimated: f32::NAN, ap: Mac::default(), band: Band::Ghz2_4 }
    }
}

impl ReadingStore {
    /// Takes in one report. After [`Change::Moved`] the caller owes an estimate: the next report is
    /// compared with what is in the store now.
    pub fn update(&mut self, readings: &[Reading], keeping: &Keeping) -> Change {
        let mut news = false;
        for reading in readings {
            news |= self.take(reading, keeping);
        }
        if !news {
            return Change::Nothing;
        }
        self.forget_old(keeping);
        if self.remember_strongest(keeping.moved_db) { Change::Moved } else { Change::Renewed }
    }

    /// The smoothed readings that are young enough at `now`, in no particular order.
    pub fn readings(&self, now: Time, keeping: &Keeping) -> impl Iterator<Item = Reading> {
        let age_max_ms = keeping.absolute_age_max_ms;
        self.live()
            .iter()
            .filter(move |slot| now.since_ms(slot.at) <= age_max_ms)
            .map(|slot| Reading { ap: slot.ap, band: slot.band, rssi: Dbm(slot.rssi), at: slot.at })
    }

    /// The time of the newest reading.
    pub fn newest(&self) -> Option<Time> {
        self.live().iter().map(|slot| slot.at).max()
    }

    fn live(&self) -> &[Slot] {
        self.slots.get(..usize::from(self.used)).unwrap_or_default()
    }

    fn live_mut(&mut self) -> &mut [Slot] {
        self.slots.get_mut(..usize::from(self.used)).unwrap_or_default()
    }

    /// Whether the reading was new.
    fn take(&mut self, reading: &Reading, keeping: &Keeping) -> bool {
        if !Reading::STRENGTHS.contains(&reading.rssi.0) {
            return false;
        }
        let known = |slot: &&mut Slot| slot.ap == reading.ap && slot.band == reading.band;
        if let Some(slot) = self.live_mut().iter_mut().find(known) {
            let elapsed_ms = reading.at.since_ms(slot.at);
            if elapsed_ms == 0 {
                return false;
            }
            let share = 1.0 - (-(elapsed_ms as f32) / keeping.smoothing_ms as f32).exp();
            slot.rssi += share * (reading.rssi.0 - slot.rssi);
            slot.at = reading.at;
            return true;
        }
        let outdated = |newest: Time| newest.since_ms(reading.at) > keeping.relative_age_max_ms;
        if self.newest().is_some_and(outdated) {
            return false;
        }
        self.insert(Slot {
            at: reading.at,
            rssi: reading.rssi.0,
            estimated: f32::NAN,
            ap: reading.ap,
            band: reading.band,
        })
    }

    /// Puts `slot` into a free place, or into that of the weakest (of equals the oldest) if it is
    /// stronger than that.
    fn insert(&mut self, slot: Slot) -> bool {
        if let Some(free) = self.slots.get_mut(usize::from(self.used)) {
            *free = slot;
            self.used += 1;
            return true;
        }
        let order = |a: &Slot, b: &Slot| a.rssi.total_cmp(&b.rssi).then(a.at.cmp(&b.at));
        match self.slots.iter_mut().min_by(|a, b| order(a, b)) {
            Some(weakest) if order(weakest, &slot).is_lt() => {
                *weakest = slot;
                true
            }
            _ => false,
        }
    }

    fn forget_old(&mut self, keeping: &Keeping) {
        let Some(newest) = self.newest() else {
            return;
        };
        let mut kept = 0;
        for index in 0..usize::from(self.used) {
            let slot = self.slots[index];
            if newest.since_ms(slot.at) <= keeping.relative_age_max_ms {
                self.slots[kept] = slot;
                kept += 1;
            }
        }
        self.used = kept as u8;
    }

    /// Marks the strongest as the basis of an estimate if they differ enough from the last basis.
    fn remember_strongest(&mut self, moved_db: f32) -> bool {
        self.live_mut().sort_unstable_by(|a, b| {
            b.rssi.total_cmp(&a.rssi).then_with(|| (a.ap, a.band).cmp(&(b.ap, b.band)))
        });
        let top = self.live().len().min(WATCHED);
        let basis = usize::from(self.basis);
        self.basis = top as u8;
        let (strongest, rest) = self.live_mut().split_at_mut(top);
        // A slot without basis gives NaN, which is not below the limit: newcomers count as moved.
        let stands = top == basis
            && strongest.iter().all(|slot| (slot.rssi - slot.estimated).abs() < moved_db);
        if stands {
            return false;
        }
        for slot in strongest {
            slot.estimated = slot.rssi;
        }
        for slot in rest {
            slot.estimated = f32::NAN;
        }
        true
    }
}

#[cfg(test)]
mod tests;
