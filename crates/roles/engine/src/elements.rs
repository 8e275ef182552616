//! The element table: every tracked thing, per category, with limits and timers.
//!
//! Plain data that is told the time; the [tracker](crate::tracker) owns the writing end, the APIs
//! read it.
//!
//! Memory sketch: an element is its readings (< 512 bytes), its position and times (~150), its
//! association and a tag's report in boxes only when there is one, and its map slot: below 1 KiB, 50 MB
//! for 50,000.

use std::collections::HashMap;
use std::sync::Arc;

use locate::{PreviousFloor, ReadingStore, Track, Walk};
use model::map::MapId;
use model::{Association, Category, Element, Mac, Position, Reading, SwitchPort, TagReport, Time};

use crate::config::Tracking;

/// Elements that are remembered as "not tracked", per category; the count stays there beyond it.
const NOT_TRACKED_MAX: usize = 65_536;

/// One tracked element.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// When it was first heard.
    pub first_seen: Time,
    /// When it was last heard.
    pub last_seen: Time,
    /// What it is heard with.
    pub readings: ReadingStore,
    /// Its strongest reading in the last report.
    pub strongest: Option<Reading>,
    /// Where it is.
    pub position: Option<Position>,
    /// Where its readings put it, while a chokepoint says where it is.
    pub computed: Option<Position>,
    /// How it moves: a track, or a walk where that is worth its cost.
    pub(crate) track: Option<Track>,
    pub(crate) walk: Option<Box<Walk>>,
    /// What the floor decision remembers.
    pub(crate) previous_floor: Option<PreviousFloor>,
    /// When its position was last written to the history.
    pub(crate) recorded_at: Time,
    /// What the network knows about it.
    pub association: Option<Box<Association>>,
    /// What it said last about itself, if it is a tag.
    pub tag: Option<Box<TagReport>>,
    /// What it is plugged into, if it is wired.
    pub switch_port: Option<Box<SwitchPort>>,
    /// The controller that reported it last.
    pub controller: Arc<str>,
    /// Whether it was not heard for too long, or the controller said that it left.
    pub is_missing: bool,
}

/// The elements of one category.
#[derive(Debug, Default)]
struct Shelf {
    elements: HashMap<Mac, Tracked>,
    not_tracked: HashMap<Mac, Time>,
    missing: usize,
    located: usize,
}

/// Counts of one category, for `getserverinfo` and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Tracked elements that are not missing.
    pub active: usize,
    /// Tracked elements, missing ones included.
    pub tracked: usize,
    /// Those with a position.
    pub located: usize,
    /// Most that are tracked.
    pub limit: usize,
    /// Elements that were heard and not tracked due to the limit.
    pub not_tracked: usize,
}

/// What a run of the timers found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Not heard for too long.
    pub(crate) became_missing: Vec<(Category, Mac)>,
    /// Missing for too long, and removed.
    pub(crate) absent: Vec<(Category, Mac)>,
}

/// Every tracked element.
#[derive(Debug)]
pub struct Elements {
    shelves: [Shelf; Category::ALL.len()],
    limits: [usize; Category::ALL.len()],
    limit: usize,
    missing_after_ms: u64,
    absent_after_ms: u64,
}

impl Elements {
    /// An empty table.
    pub fn new(tracking: &Tracking) -> Self {
        let limit_of = |category| {
            let config = tracking.categories.of(category);
            if config.enabled {
                config.limit.unwrap_or(tracking.limit).min(tracking.limit)
            } else {
                0
            }
        };
        Self {
            shelves: Default::default(),
            limits: Category::ALL.map(limit_of),
            limit: tracking.limit,
            missing_after_ms: tracking.missing_after_min.saturating_mul(60_000),
            absent_after_ms: tracking.absent_after_min.saturating_mul(60_000),
        }
    }

    /// Most elements of all categories together.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Tracked elements of all categories.
    pub fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.elements.len()).sum()
    }

    /// Whether nothing is tracked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts of one category.
    pub fn count(&self, category: Category) -> Count {
        let Shelf { elements, not_tracked, missing, located } = self.shelf(category);
        Count {
            active: elements.len() - missing,
            tracked: elements.len(),
            located: *located,
            limit: self.limits[category.index()],
            not_tracked: not_tracked.len(),
        }
    }

    /// One element.
    pub fn find(&self, category: Category, mac: Mac) -> Option<&Tracked> {
        self.shelf(category).elements.get(&mac)
    }

    /// The elements of one category, in no order.
    pub fn of(&self, category: Category) -> impl Iterator<Item = (Mac, &Tracked)> {
        self.shelf(category).elements.iter().map(|(mac, tracked)| (*mac, tracked))
    }

    /// Every element, in no order within a category.
    pub fn iter(&self) -> impl Iterator<Item = (Category, Mac, &Tracked)> {
        Category::ALL.into_iter().flat_map(|category| {
            self.of(category).map(move |(mac, tracked)| (category, mac, tracked))
        })
    }

    /// Hears from an element, which is made when there is room; `None` when it is not tracked.
    ///
    /// `change` must not touch `is_missing`: hearing from an element ends that.
    pub(crate) fn hear<T>(
        &mut self,
        category: Category,
        mac: Mac,
        controller: &Arc<str>,
        at: Time,
        change: impl FnOnce(&mut Tracked) -> T,
    ) -> Option<T> {
        let has_room = self.len() < self.limit;
        let limit = self.limits[category.index()];
        let shelf = self.shelf_mut(category);
        if !shelf.elements.contains_key(&mac) {
            if limit == 0 {
                // Switched off: not tracked because nobody asked, not because of a limit.
                return None;
            }
            if !has_room || shelf.elements.len() >= limit {
                if shelf.not_tracked.len() < NOT_TRACKED_MAX || shelf.not_tracked.contains_key(&mac)
                {
                    shelf.not_tracked.insert(mac, at);
                }
                return None;
            }
            shelf.not_tracked.remove(&mac);
        }
        let tracked = shelf.elements.entry(mac).or_insert_with(|| Tracked::new(controller, at));
        shelf.missing -= usize::from(std::mem::take(&mut tracked.is_missing));
        let was_located = tracked.position.is_some();
        let outcome = change(tracked);
        shelf.located += usize::from(tracked.position.is_some());
        shelf.located -= usize::from(was_located);
        Some(outcome)
    }

    /// Changes what is known about a tracked element, without having heard from it.
    pub(crate) fn annotate<T>(
        &mut self,
        category: Category,
        mac: Mac,
        change: impl FnOnce(&mut Tracked) -> T,
    ) -> Option<T> {
        self.shelf_mut(category).elements.get_mut(&mac).map(change)
    }

    /// A controller says that an element left. True when that is news, and when no other controller
    /// heard it since.
    pub(crate) fn depart(&mut self, category: Category, mac: Mac, controller: &str) -> bool {
        let shelf = self.shelf_mut(category);
        match shelf.elements.get_mut(&mac) {
            Some(tracked) if !tracked.is_missing && &*tracked.controller == controller => {
                tracked.is_missing = true;
                shelf.missing += 1;
                true
            }
            _ => false,
        }
    }

    /// Wired clients were last seen when their controller was; those that left stay missing.
    pub(crate) fn renew_wired(&mut self, heard: impl Fn(&str) -> Option<Time>) {
        for tracked in self.shelf_mut(Category::WiredClient).elements.values_mut() {
            if let Some(at) = heard(&tracked.controller)
                && !tracked.is_missing
            {
                tracked.last_seen = tracked.last_seen.max(at);
                if let Some(position) = &mut tracked.position {
                    position.at = position.at.max(at);
                }
            }
        }
    }

    /// Learns something new about what all wired clients are plugged into.
    pub(crate) fn rewire(&mut self, mut change: impl FnMut(Mac, &mut Tracked)) {
        let shelf = self.shelf_mut(Category::WiredClient);
        for (mac, tracked) in &mut shelf.elements {
            shelf.located -= usize::from(tracked.position.is_some());
            change(*mac, tracked);
            shelf.located += usize::from(tracked.position.is_some());
        }
    }

    /// Runs the timers: names the elements that became missing, and removes and names the absent.
    pub(crate) fn sweep(&mut self, now: Time) -> Swept {
        let Swept { mut became_missing, mut absent } = Swept::default();
        let (missing_after_ms, absent_after_ms) = (self.missing_after_ms, self.absent_after_ms);
        let forgotten_after_ms = missing_after_ms.saturating_add(absent_after_ms);
        for category in Category::ALL {
            let shelf = self.shelf_mut(category);
            shelf.not_tracked.retain(|_, at| now.since_ms(*at) < missing_after_ms);
            for (mac, tracked) in &mut shelf.elements {
                let silent_ms = now.since_ms(tracked.last_seen);
                if silent_ms >= forgotten_after_ms {
                    absent.push((category, *mac));
                } else if silent_ms >= missing_after_ms && !tracked.is_missing {
                    tracked.is_missing = true;
                    shelf.missing += 1;
                    became_missing.push((category, *mac));
                }
            }
        }
        for (category, mac) in &absent {
            let shelf = self.shelf_mut(*category);
            if let Some(tracked) = shelf.elements.remove(mac) {
                shelf.missing -= usize::from(tracked.is_missing);
                shelf.located -= usize::from(tracked.position.is_some());
            }
        }
        Swept { became_missing, absent }
    }

    /// Forgets the positions on one floor, or all of them, because the maps changed.
    pub(crate) fn forget_positions(&mut self, floor: Option<MapId>) {
        for shelf in &mut self.shelves {
            for tracked in shelf.elements.values_mut() {
                let is_here = |position: Position| floor.is_none_or(|it| it == position.floor);
                // Where nothing was known nothing is forgotten, but for what is remembered of floors.
                if floor.is_some() && !tracked.position.is_some_and(is_here) {
                    continue;
                }
                shelf.located -= usize::from(tracked.position.is_some());
                tracked.position = None;
                tracked.computed = None;
                tracked.track = None;
                tracked.previous_floor = None;
            }
        }
    }

    fn shelf(&self, category: Category) -> &Shelf {
        &self.shelves[category.index()]
    }

    fn shelf_mut(&mut self, category: Category) -> &mut Shelf {
        &mut self.shelves[category.index()]
    }
}

impl Tracked {
    fn new(controller: &Arc<str>, at: Time) -> Self {
        Self {
            first_seen: at,
            last_seen: at,
            readings: ReadingStore::default(),
            strongest: None,
            position: None,
            computed: None,
            track: None,
            walk: None,
            previous_floor: None,
            recorded_at: Time(0),
            association: None,
            tag: None,
            switch_port: None,
            controller: Arc::clone(controller),
            is_missing: false,
        }
    }

    /// Keeps what a tag says about itself; true when it met a chokepoint. How it moved ends there: where it
    /// is now is known, and nothing before it may draw it back.
    pub(crate) fn take_tag_report(&mut self, said: &TagReport) -> bool {
        let met = |report: &TagReport| {
            let encounter = report.encounter.as_ref();
            encounter.map(|it| (it.chokepoint.clone(), it.since))
        };
        let meets = met(said);
        let is_met_anew = meets.is_some() && meets != self.tag.as_deref().and_then(met);
        if is_met_anew {
            self.track = None;
            self.walk = None;
            self.previous_floor = None;
        }
        self.tag = Some(Box::new(said.clone()));
        is_met_anew
    }

    /// The element as it is published.
    pub fn publish(&self, category: Category, mac: Mac) -> Element {
        Element {
            category,
            mac,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            band: self.strongest.map(|reading| reading.band),
            strongest: self.strongest,
            position: self.position,
            computed: self.computed,
            association: self.association.as_deref().cloned().unwrap_or_default(),
            tag: self.tag.clone(),
            switch_port: self.switch_port.clone(),
            controller: (&*self.controller).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CategoryConfig;

    const MINUTE_MS: u64 = 60_000;

    fn hear(elements: &mut Elements, category: Category, number: u64, at: Time) -> bool {
        let heard = |tracked: &mut Tracked| tracked.last_seen = at;
        elements.hear(category, Mac::from_u64(number), &"wlc".into(), at, heard).is_some()
    }

    #[test]
    fn elements_beyond_the_limit_are_counted_once_each() {
        let mut tracking = Tracking { limit: 3, ..Tracking::default() };
        tracking.categories.tags.limit = Some(1);
        tracking.categories.interferers = CategoryConfig { enabled: false, limit: None };
        let mut elements = Elements::new(&tracking);
        assert!(hear(&mut elements, Category::Tag, 1, Time(0)));
        for _ in 0..5 {
            assert!(!hear(&mut elements, Category::Tag, 2, Time(0)));
        }
        assert_eq!(
            elements.count(Category::Tag),
            Count { active: 1, tracked: 1, located: 0, limit: 1, not_tracked: 1 }
        );
        assert!(hear(&mut elements, Category::WirelessClient, 3, Time(0)));
        assert!(hear(&mut elements, Category::WirelessClient, 4, Time(0)));
        assert!(!hear(&mut elements, Category::WirelessClient, 5, Time(0)), "the limit of all");
        assert!(!hear(&mut elements, Category::Interferer, 6, Time(0)), "switched off");
        assert_eq!(elements.count(Category::Interferer).not_tracked, 0);
        assert_eq!(elements.len(), 3);
    }

    #[test]
    fn silence_makes_missing_then_absent_and_makes_room() {
        let mut elements = Elements::new(&Tracking { limit: 1, ..Tracking::default() });
        let tag = (Category::Tag, Mac::from_u64(1));
        let missing = || Swept { became_missing: vec![tag], absent: vec![] };
        hear(&mut elements, Category::Tag, 1, Time(0));
        assert_eq!(elements.sweep(Time(59 * MINUTE_MS)), Swept::default());
        assert_eq!(elements.sweep(Time(60 * MINUTE_MS)), missing());
        assert_eq!(elements.sweep(Time(61 * MINUTE_MS)), Swept::default(), "told once");
        assert_eq!(elements.count(Category::Tag).active, 0);

        hear(&mut elements, Category::Tag, 1, Time(62 * MINUTE_MS));
        assert_eq!(elements.count(Category::Tag).active, 1, "heard again");

        let absent = Swept { became_missing: vec![], absent: vec![tag] };
        assert_eq!(elements.sweep(Time((62 + 60 + 1_440) * MINUTE_MS)), absent);
        assert!(hear(&mut elements, Category::Tag, 2, Time(0)), "there is room again");
    }

    #[test]
    fn a_departure_makes_missing_at_once() {
        let mut elements = Elements::new(&Tracking::default());
        hear(&mut elements, Category::RogueAp, 1, Time(0));
        let mut depart = |number, controller| {
            elements.depart(Category::RogueAp, Mac::from_u64(number), controller)
        };
        assert!(!depart(1, "other"), "it was heard by this controller since");
        assert!(depart(1, "wlc"));
        assert!(!depart(1, "wlc"), "told once");
        assert!(!depart(2, "wlc"), "never heard of");
        assert_eq!(elements.count(Category::RogueAp).active, 0);
    }
}
