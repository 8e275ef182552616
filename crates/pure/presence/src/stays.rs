//! Sightings become stays while they are made.
//!
//! One [`Presence`] holds the stays that are still going on, a few of each element. A stay is handed out
//! when it has begun, every few minutes as far as it got, and when it has ended, so that little is lost
//! with the process. Whoever keeps stays replaces the earlier one: element,
//! place and [`Stay::entered`] name it.
//!
//! Sketch for 20,000 elements that are heard every 2 s: 10,000 sightings/s of a map look-up and a
//! comparison each; memory, 300 bytes an element; handed out, 20,000 x 2 places / 300 s = 133 stays/s.

use std::collections::BTreeMap;

use model::geometry::Point;
use model::map::MapId;
use model::{Category, Dbm, Mac, Time};
use serde::{Deserialize, Serialize};

use crate::{Element, Heat};

/// An element that is silent for longer has left. Ours: phones in a pocket are heard every few
/// minutes.
pub const SILENT_MS: u64 = 10 * 60_000;
/// An element that is heard elsewhere for longer has left. Ours: positions at a border flicker.
pub const ELSEWHERE_MS: u64 = 60_000;
/// A stay that goes on is handed out after so much more of it. Ours.
pub const SAVED_MS: u64 = 5 * 60_000;
/// A stay that has lasted so long ends with the next sighting, and another one follows without a gap.
/// Ours: who looks for the stays of a day looks back by a sixth of it.
pub const STAY_MS_MAX: u64 = 4 * 3_600_000;
/// No stay began longer before it ended.
pub const LOOK_BACK_MS: u64 = STAY_MS_MAX + SILENT_MS;
/// Places of one element at once: its floor, zones that overlap, and those that it left just now.
/// Ours.
pub const PLACES_MAX: usize = 12;
/// Stays that wait to be taken. Ours: a whole site that leaves at once, 6 MB.
pub const WAITING_MAX: usize = 100_000;

/// An element was heard, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// What kind.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
    /// When.
    pub at: Time,
    /// On which floor.
    pub floor: MapId,
    /// Where on it.
    pub point: Point,
    /// In which zones.
    pub zones: &'a [MapId],
    /// Its strongest reading.
    pub strongest: Option<Dbm>,
    /// Whether it is associated.
    pub is_connected: bool,
}

/// An element was at one place for some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stay {
    /// What kind.
    pub category: Category,
    /// Which one.
    pub mac: Mac,
    /// Where: the id of a floor or of a zone.
    pub place: MapId,
    /// When it was first seen there.
    pub entered: Time,
    /// When it was last seen there.
    pub left: Time,
    /// Its strongest reading there, in whole dBm.
    pub strongest_dbm: Option<i8>,
    /// Whether it was ever associated meanwhile.
    pub is_connected: bool,
}

impl Stay {
    /// Whose stay it is.
    pub fn element(&self) -> Element {
        (self.category, self.mac)
    }
}

/// What could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    /// Sightings of elements beyond the limit, or at too many places at once.
    pub sightings: u64,
    /// Stays that nobody took in time.
    pub stays: u64,
}

/// The stays that go on.
#[derive(Debug)]
pub struct Presence {
    elements: BTreeMap<Element, Here>,
    elements_max: usize,
    waiting: Vec<Stay>,
    heat: Heat,
    refused: Refused,
}

/// Where one element is.
#[derive(Debug)]
struct Here {
    floor: MapId,
    point: Point,
    at: Time,
    stays: Vec<Open>,
}

/// A stay that goes on.
#[derive(Debug, Clone, Copy)]
struct Open {
    stay: Stay,
    /// As it was handed out.
    told: Option<Stay>,
}

impl Presence {
    /// Nobody is anywhere yet. More than `elements_max` elements at once are not followed.
    pub fn new(elements_max: usize) -> Self {
        Self {
            elements: BTreeMap::new(),
            elements_max,
            waiting: Vec::new(),
            heat: Heat::default(),
            refused: Refused::default(),
        }
    }

    /// Takes note of a sighting. One that is older than the newest of its element is left out.
    pub fn see(&mut self, sighting: &Sighting<'_>) {
        let Self { elements, elements_max, waiting, heat, refused } = self;
        let Sighting { category, mac, at, floor, point, .. } = *sighting;
        let is_full = elements.len() >= *elements_max;
        let here = match elements.get_mut(&(category, mac)) {
            Some(here) => here,
            None if is_full => {
                refused.sightings += 1;
                return;
            }
            None => {
                let here = Here { floor, point, at, stays: Vec::with_capacity(2) };
                elements.entry((category, mac)).or_insert(here)
            }
        };
        if at < here.at {
            return;
        }
        if category == Category::WirelessClient {
            heat.add(here.floor, here.point, here.at, at);
        }
        (here.floor, here.point, here.at) = (floor, point, at);
        let mut hand_out = |stay| keep(waiting, &mut refused.stays, stay);
        // First, so that who comes back after a long silence begins a new stay.
        here.stays.retain(|open| {
            let away_ms = at.since_ms(open.stay.left);
            let is_there = open.stay.place == floor || sighting.zones.contains(&open.stay.place);
            let is_long = at.since_ms(open.stay.entered) >= STAY_MS_MAX;
            let goes_on = away_ms <= if is_there { SILENT_MS } else { ELSEWHERE_MS };
            if goes_on && !(is_there && is_long) {
                return true;
            }
            let left = if goes_on { at } else { open.stay.left };
            hand_out(Stay { left, ..open.stay });
            false
        });
        for place in std::iter::once(&floor).chain(sighting.zones) {
            if let Some(open) = here.stays.iter_mut().find(|open| open.stay.place == *place) {
                open.extend(sighting);
            } else if here.stays.len() < PLACES_MAX {
                here.stays.push(Open::new(*place, sighting));
            } else {
                refused.sightings += 1;
            }
        }
    }

    /// Goes on with stays as they were kept before a restart or a takeover, where their elements were seen
    /// again since then. Before the first [`sweep`](Self::sweep).
    pub fn go_on(&mut self, mut kept: Vec<Stay>) {
        // Of two at one place the later one goes on.
        kept.sort_by_key(|stay| std::cmp::Reverse(stay.left));
        for kept in kept {
            let here = self.elements.get_mut(&kept.element());
            let stays = here.into_iter().flat_map(|here| &mut here.stays);
            for open in stays.filter(|open| open.goes_on_with(&kept)) {
                let stay = &mut open.stay;
                stay.entered = kept.entered;
                stay.strongest_dbm = stay.strongest_dbm.max(kept.strongest_dbm);
                stay.is_connected |= kept.is_connected;
                open.told = Some(kept);
            }
        }
    }

    /// Ends the stays of those that are silent, and hands out what goes on for long.
    pub fn sweep(&mut self, now: Time) {
        let Self { elements, waiting, refused, .. } = self;
        let mut hand_out = |stay| keep(waiting, &mut refused.stays, stay);
        elements.retain(|_, here| {
            let is_silent = now.since_ms(here.at) > SILENT_MS;
            here.stays.retain_mut(|open| {
                if is_silent || now.since_ms(open.stay.left) > SILENT_MS {
                    hand_out(open.stay);
                    return false;
                }
                if open.is_news() {
                    open.told = Some(open.stay);
                    hand_out(open.stay);
                }
                true
            });
            !is_silent
        });
    }

    /// Hands out everything as far as it got: the end.
    pub fn finish(&mut self) {
        let Self { elements, waiting, refused, .. } = self;
        for open in std::mem::take(elements).into_values().flat_map(|here| here.stays) {
            keep(waiting, &mut refused.stays, open.stay);
        }
    }

    /// The stays that wait to be kept; those of one element and place in the order of time.
    pub fn take(&mut self) -> Vec<Stay> {
        std::mem::take(&mut self.waiting)
    }

    /// The stays that go on, as far as they got.
    pub fn open(&self) -> impl Iterator<Item = Stay> {
        self.elements.values().flat_map(|here| here.stays.iter().map(|open| open.stay))
    }

    /// What was gathered for heat maps.
    pub fn heat(&mut self) -> &mut Heat {
        &mut self.heat
    }

    /// What could not be kept until now.
    pub fn refused(&self) -> Refused {
        self.refused
    }
}

impl Open {
    fn new(place: MapId, sighting: &Sighting<'_>) -> Self {
        let Sighting { category, mac, at, is_connected, .. } = *sighting;
        let strongest_dbm = sighting.strongest.map(whole_dbm);
        let (entered, left) = (at, at);
        let stay = Stay { category, mac, place, entered, left, strongest_dbm, is_connected };
        Self { stay, told: None }
    }

    /// Whether it is the rest of a stay that was kept.
    fn goes_on_with(&self, kept: &Stay) -> bool {
        self.told.is_none()
            && self.stay.place == kept.place
            && kept.entered <= self.stay.entered
            && self.stay.entered.since_ms(kept.left) <= SILENT_MS
    }

    /// Whether it should be handed out as far as it got.
    fn is_news(&self) -> bool {
        self.told.is_none_or(|told| {
            self.stay.left.since_ms(told.left) >= SAVED_MS
                || self.stay.is_connected != told.is_connected
        })
    }

    fn extend(&mut self, sighting: &Sighting<'_>) {
        let stay = &mut self.stay;
        stay.left = stay.left.max(sighting.at);
        stay.strongest_dbm = stay.strongest_dbm.max(sighting.strongest.map(whole_dbm));
        stay.is_connected |= sighting.is_connected;
    }
}

fn keep(waiting: &mut Vec<Stay>, lost: &mut u64, stay: Stay) {
    if waiting.len() < WAITING_MAX {
        waiting.push(stay);
    } else {
        *lost += 1;
    }
}

/// The cast cuts to what fits.
fn whole_dbm(rssi: Dbm) -> i8 {
    rssi.0.round() as i8
}

#[cfg(test)]
mod tests;
