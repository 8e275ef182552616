//! Answers from the stays that are kept and those that go on. Every call reads the store and blocks.
//!
//! Sketch: a day of 20,000 elements with ten stays each at the floors of a site is 200,000 rows, read
//! in order of their key, sorted by element, and counted. `docs/adr/0010` has the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use jiff::civil::Date;
use model::map::MapId;
use model::{Category, Time};
use presence::report::{self, Counts, Flow, REPEAT_DAYS, Repeats, Span, Tallies};
use presence::stays::LOOK_BACK_MS;
use presence::{Element, Rules, Stay, Visit, visits};
use store::{HeatCell, Store, StoreError};

use super::{Analytics, Calendar, Period, Place};

/// Days whose visitors are remembered. Ours: four weeks of four places; 30 MB with 20,000 visitors
/// on each.
const REMEMBERED_DAYS_MAX: usize = 112;

/// Hours that a day's clock shows.
const HOURS: usize = 24;

/// Visitors of days that are over: revision of the maps, place, category and day.
pub(super) type VisitorDays = BTreeMap<(u64, MapId, Category, Date), Arc<BTreeSet<Element>>>;

/// Who asks, when, and what is known.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'a> {
    /// What goes on.
    pub analytics: &'a Analytics,
    /// What is kept.
    pub store: &'a Store,
    /// Revision of the maps that the places are from.
    pub revision: u64,
    /// When.
    pub now: Time,
    /// About whom.
    pub category: Category,
}

impl Inquiry<'_> {
    /// Where days begin.
    pub fn calendar(&self) -> &Calendar {
        self.analytics.calendar()
    }

    /// Who is a visitor.
    pub fn rules(&self) -> &Rules {
        &self.analytics.0.rules
    }

    /// The days of a period.
    pub fn days(&self, period: Period) -> Vec<Span> {
        period.days().map(|day| self.calendar().day(day)).collect()
    }

    /// The hours of a period.
    pub fn hours(&self, period: Period) -> Vec<Span> {
        period.days().flat_map(|day| self.calendar().hours(day)).collect()
    }

    /// A period from its beginning to its end.
    pub fn whole(&self, period: Period) -> Span {
        let (first, last) = (self.calendar().day(period.first), self.calendar().day(period.last));
        Span { from: first.from, until: last.until }
    }

    /// The visits to a place that touch a span. What came before it is looked at as far as a stay
    /// goes back, so that a visit over midnight is judged as a whole.
    pub fn visits(&self, place: &Place, span: Span) -> Result<Vec<Visit>, StoreError> {
        let mut visits = visits(self.stays(&place.parts, span)?);
        visits.retain(|visit| span.touches(visit));
        Ok(visits)
    }

    /// How many were at a place in each of these spans, which follow one another.
    pub fn counts(&self, place: &Place, spans: &[Span]) -> Result<Vec<Counts>, StoreError> {
        let visits = self.visits(place, around(spans))?;
        Ok(report::counts(&visits, self.rules(), spans))
    }

    /// Visitors of a place in each of these spans of a period, by how long they were there that day.
    pub fn dwell(
        &self,
        place: &Place,
        period: Period,
        spans: &[Span],
    ) -> Result<Vec<Tallies>, StoreError> {
        let visits = self.visits(place, self.whole(period))?;
        Ok(report::dwell(&visits, self.rules(), &self.days(period), spans))
    }

    /// How often the visitors of each of these spans of a day had come on the days before.
    pub fn repeats(
        &self,
        place: &Place,
        day: Date,
        spans: &[Span],
    ) -> Result<Vec<Repeats>, StoreError> {
        let visits = self.visits(place, self.calendar().day(day))?;
        let before = std::iter::successors(day.yesterday().ok(), |day| day.yesterday().ok());
        let before: Vec<Arc<BTreeSet<Element>>> = before
            .take(REPEAT_DAYS)
            .map(|day| self.visitors_of(place, day))
            .collect::<Result<_, _>>()?;
        let before: Vec<&BTreeSet<Element>> = before.iter().map(Arc::as_ref).collect();
        let of =
            |span: &Span| report::repeats(&report::visitors(&visits, self.rules(), span), &before);
        Ok(spans.iter().map(of).collect())
    }

    /// The hour of the day that had the most visitors, all days of a period added up; `None` without
    /// any.
    pub fn peak_hour(&self, place: &Place, period: Period) -> Result<Option<u8>, StoreError> {
        let counts = self.counts(place, &self.hours(period))?;
        let mut visitors = [0_u64; HOURS];
        for (hour, count) in counts.iter().enumerate() {
            visitors[hour % HOURS] += count.visitors;
        }
        let most = visitors.iter().copied().max().filter(|most| *most > 0);
        let hour = most.and_then(|most| visitors.iter().position(|count| *count == most));
        Ok(hour.map(|hour| hour as u8))
    }

    /// How elements went from one of these places to another.
    pub fn flows(&self, places: &[MapId], period: Period) -> Result<Vec<Flow>, StoreError> {
        let whole = self.whole(period);
        let span = Span { until: whole.until.min(self.now), ..whole };
        Ok(report::flows(self.stays(places, span)?, &span))
    }

    /// How long clients were in the cells of a floor; the last five minutes are not in it yet.
    /// Hours are those of UTC.
    pub fn heat(&self, floor: MapId, span: Span) -> Result<Vec<HeatCell>, StoreError> {
        self.store.heat(floor, span.from, span.until)
    }

    /// Stays that touch a span or lie just before it.
    fn stays(&self, places: &[MapId], span: Span) -> Result<Vec<Stay>, StoreError> {
        let from = span.from.minus_ms(LOOK_BACK_MS);
        // First what goes on: what ends meanwhile is then there twice, not missing.
        let parts: BTreeSet<MapId> = places.iter().copied().collect();
        let mut stays = self.analytics.open(self.category, &parts);
        stays.retain(|stay| stay.entered < span.until && stay.left >= from);
        stays.extend(self.store.stays(self.category, places, from, span.until)?);
        Ok(stays)
    }

    /// Who was a visitor of a place on a day. Of days that are over for good it is remembered.
    fn visitors_of(&self, place: &Place, day: Date) -> Result<Arc<BTreeSet<Element>>, StoreError> {
        let key = (self.revision, place.id, self.category, day);
        let remembered =
            || self.analytics.0.visitor_days.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered().get(&key) {
            return Ok(Arc::clone(known));
        }
        let span = self.calendar().day(day);
        let visits = self.visits(place, span)?;
        let visitors = Arc::new(report::visitors(&visits, self.rules(), &span));
        if span.until.plus_ms(LOOK_BACK_MS) < self.now {
            let mut remembered = remembered();
            if remembered.len() >= REMEMBERED_DAYS_MAX {
                remembered.clear();
            }
            remembered.insert(key, Arc::clone(&visitors));
        }
        Ok(visitors)
    }
}

/// From the first of these spans to the last.
fn around(spans: &[Span]) -> Span {
    let from = spans.iter().map(|span| span.from).min().unwrap_or_default();
    let until = spans.iter().map(|span| span.until).max().unwrap_or_default();
    Span { from, until }
}
