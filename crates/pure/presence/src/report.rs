//! Counts, dwell, repeat visitors and flow over spans of time.
//!
//! A span goes from a moment up to another one that is not in it. Who was there for a moment of a
//! span is counted in it, once, by the highest [`Standing`] of the visits that touch it; so the same
//! person is a visitor of each hour of a long visit, and one visitor of the day.

use std::collections::{BTreeMap, BTreeSet};

use model::Time;
use model::map::MapId;

use crate::{Element, Rules, Standing, Stay, Visit};

/// From a moment up to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: Time,
    /// The first moment after it.
    pub until: Time,
}

/// How many elements there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Visitors, connected ones included.
    pub visitors: u64,
    /// Visitors that were connected.
    pub connected: u64,
    /// Passers-by.
    pub passers_by: u64,
}

/// How long visitors were there on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dwell {
    /// Only who was connected is a visitor after so little; CMX does not count these.
    UnderFiveMinutes,
    /// Up to half an hour.
    FiveToThirtyMinutes,
    /// Up to an hour.
    ThirtyToSixtyMinutes,
    /// Up to five hours.
    OneToFiveHours,
    /// Up to eight hours.
    FiveToEightHours,
    /// Eight hours and more.
    EightPlusHours,
}

/// Visitors of one class of dwell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How long they were there, all together.
    pub dwell_ms: u64,
}

/// Visitors by [`Dwell`], in the order of [`Dwell::ALL`].
pub type Tallies = [Tally; Dwell::ALL.len()];

/// How often visitors had come before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repeat {
    /// Not on any of the [`REPEAT_DAYS`] days before.
    FirstTime,
    /// On the day before, and not as often as the others.
    Yesterday,
    /// On five or more of the seven days before.
    Daily,
    /// In three or more of the four weeks before.
    Weekly,
    /// On any other day.
    Occasional,
}

/// Visitors by [`Repeat`], in the order of [`Repeat::ALL`].
pub type Repeats = [u64; Repeat::ALL.len()];

/// Elements that went from one place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Where they came from; `None` is outside.
    pub from: Option<MapId>,
    /// Where they went; `None` is outside.
    pub to: Option<MapId>,
    /// How many times.
    pub count: u64,
}

/// Days that are looked at to tell how often a visitor came before.
pub const REPEAT_DAYS: usize = 28;
/// Days of a week.
const WEEK: usize = 7;
/// Who comes on so many of seven days comes daily. Ours: a working week.
const DAILY_MIN: usize = 5;
/// Who comes in so many of four weeks comes weekly. Ours: one holiday a month.
const WEEKLY_MIN: usize = 3;

impl Span {
    /// Whether a visit touches the span. An hour that a change of the clock skips is touched by none.
    pub fn touches(&self, visit: &Visit) -> bool {
        self.from < self.until && visit.from < self.until && visit.until >= self.from
    }

    fn overlap_ms(&self, visit: &Visit) -> u64 {
        self.until.min(visit.until).since_ms(self.from.max(visit.from))
    }
}

impl Dwell {
    /// Every class, shortest first.
    pub const ALL: [Self; 6] = [
        Self::UnderFiveMinutes,
        Self::FiveToThirtyMinutes,
        Self::ThirtyToSixtyMinutes,
        Self::OneToFiveHours,
        Self::FiveToEightHours,
        Self::EightPlusHours,
    ];

    /// The class of a dwell.
    pub fn of(dwell_ms: u64) -> Self {
        match dwell_ms / 60_000 {
            0..5 => Self::UnderFiveMinutes,
            5..30 => Self::FiveToThirtyMinutes,
            30..60 => Self::ThirtyToSixtyMinutes,
            60..300 => Self::OneToFiveHours,
            300..480 => Self::FiveToEightHours,
            _ => Self::EightPlusHours,
        }
    }

    /// The word of CMX; the first class has none there, and ours.
    pub fn word(self) -> &'static str {
        match self {
            Self::UnderFiveMinutes => "UNDER_FIVE_MINUTES",
            Self::FiveToThirtyMinutes => "FIVE_TO_THIRTY_MINUTES",
            Self::ThirtyToSixtyMinutes => "THIRTY_TO_SIXTY_MINUTES",
            Self::OneToFiveHours => "ONE_TO_FIVE_HOURS",
            Self::FiveToEightHours => "FIVE_TO_EIGHT_HOURS",
            Self::EightPlusHours => "EIGHT_PLUS_HOURS",
        }
    }
}

impl Repeat {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::FirstTime, Self::Yesterday, Self::Daily, Self::Weekly, Self::Occasional];

    /// The word of CMX.
    pub fn word(self) -> &'static str {
        match self {
            Self::FirstTime => "FIRST_TIME",
            Self::Yesterday => "YESTERDAY",
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Occasional => "OCCASIONAL",
        }
    }

    /// The class of who came on some of the days before; day 0 is yesterday.
    fn of(came: impl Fn(usize) -> bool) -> Self {
        let came = |day: &usize| came(*day);
        let weeks = (0..REPEAT_DAYS / WEEK)
            .filter(|week| (week * WEEK..(week + 1) * WEEK).any(|day| came(&day)));
        if !(0..REPEAT_DAYS).any(|day| came(&day)) {
            Self::FirstTime
        } else if (0..WEEK).filter(came).count() >= DAILY_MIN {
            Self::Daily
        } else if weeks.count() >= WEEKLY_MIN {
            Self::Weekly
        } else if came(&0) {
            Self::Yesterday
        } else {
            Self::Occasional
        }
    }
}

/// How many elements there were in each span. `visits` are ordered by element.
pub fn counts(visits: &[Visit], rules: &Rules, spans: &[Span]) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); spans.len()];
    for visits in of_each_element(visits) {
        for (count, span) in counts.iter_mut().zip(spans) {
            match highest(visits, rules, span) {
                None => {}
                Some(Standing::PasserBy) => count.passers_by += 1,
                Some(Standing::Visitor) => count.visitors += 1,
                Some(Standing::Connected) => {
                    count.visitors += 1;
                    count.connected += 1;
                }
            }
        }
    }
    counts
}

/// Who was a visitor in a span.
pub fn visitors(visits: &[Visit], rules: &Rules, span: &Span) -> BTreeSet<Element> {
    let is_visitor =
        |visit: &&Visit| span.touches(visit) && visit.standing(rules) >= Standing::Visitor;
    visits.iter().filter(is_visitor).map(|visit| visit.element).collect()
}

/// Visitors of each span by how long they were there on its day. A span lies within one of `days`.
/// `visits` are ordered by element.
pub fn dwell(visits: &[Visit], rules: &Rules, days: &[Span], spans: &[Span]) -> Vec<Tallies> {
    let mut tallies = vec![Tallies::default(); spans.len()];
    for visits in of_each_element(visits) {
        let on = |day: &Span| -> u64 {
            // Breaks are not known one by one: no more than was there in all.
            visits.iter().map(|visit| day.overlap_ms(visit).min(visit.dwell_ms)).sum()
        };
        let dwells: Vec<u64> = days.iter().map(on).collect();
        for (tallies, span) in tallies.iter_mut().zip(spans) {
            let day = days.iter().position(|day| day.from <= span.from && span.from < day.until);
            let Some(dwell_ms) = day.and_then(|day| dwells.get(day)) else { continue };
            if highest(visits, rules, span) >= Some(Standing::Visitor) {
                let tally = &mut tallies[Dwell::of(*dwell_ms) as usize];
                tally.count += 1;
                tally.dwell_ms += dwell_ms;
            }
        }
    }
    tallies
}

/// How often these visitors had come on the days before; the first of `before` is yesterday.
pub fn repeats<'a>(
    visitors: impl IntoIterator<Item = &'a Element>,
    before: &[&BTreeSet<Element>],
) -> Repeats {
    let mut repeats = Repeats::default();
    for visitor in visitors {
        let came = |day: usize| before.get(day).is_some_and(|day| day.contains(visitor));
        repeats[Repeat::of(came) as usize] += 1;
    }
    repeats
}

/// How elements went from place to place during a span, most frequent first; a span that is not over
/// ends now. Who comes after a break of more than a visit's comes from outside, and so does who was
/// not at any of these places before; who was there just now has not left. What an element does at two
/// places at once has no direction: the one that it entered later comes after.
pub fn flows(mut stays: Vec<Stay>, span: &Span) -> Vec<Flow> {
    stays.sort_unstable_by_key(|stay| (stay.category, stay.mac, stay.entered, stay.place));
    let mut flows: BTreeMap<(Option<MapId>, Option<MapId>), u64> = BTreeMap::new();
    let mut count = |from, to, at: Time| {
        if (span.from..span.until).contains(&at) {
            *flows.entry((from, to)).or_default() += 1;
        }
    };
    let follows = |before: &Stay, stay: &Stay| {
        before.element() == stay.element()
            && stay.entered.since_ms(before.left) <= crate::visit::BREAK_MS
    };
    for (number, stay) in stays.iter().enumerate() {
        let before = number.checked_sub(1).and_then(|number| stays.get(number));
        match before.filter(|before| follows(before, stay)) {
            Some(before) if before.place == stay.place => {}
            before => count(before.map(|before| before.place), Some(stay.place), stay.entered),
        }
        let goes_on = stays.get(number + 1).is_some_and(|next| follows(stay, next))
            || span.until.since_ms(stay.left) <= crate::visit::BREAK_MS;
        if !goes_on {
            count(Some(stay.place), None, stay.left);
        }
    }
    let mut flows: Vec<Flow> =
        flows.into_iter().map(|((from, to), count)| Flow { from, to, count }).collect();
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.count));
    flows
}

/// The highest standing of the visits that touch a span.
fn highest(visits: &[Visit], rules: &Rules, span: &Span) -> Option<Standing> {
    let touching = visits.iter().filter(|visit| span.touches(visit));
    touching.map(|visit| visit.standing(rules)).max()
}

fn of_each_element(visits: &[Visit]) -> impl Iterator<Item = &[Visit]> {
    visits.chunk_by(|a, b| a.element == b.element)
}

#[cfg(test)]
mod tests;
