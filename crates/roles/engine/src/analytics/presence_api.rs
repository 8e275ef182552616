//! `/api/presence/v1`: the presence API of CMX, answered from stays.
//!
//! Path and query in, status and body out, as [`crate::cmx`]; it reads the store and blocks. The
//! shapes are from `reference/nmsp-mse-cmx.md` section B.9 and from programs of the field.
//!
//! | path (GET) | answer |
//! |---|---|
//! | `/{connected,visitor,passerby}/{count,total}` | a number: different ones in the period; those of each day, added up |
//! | `/{..}/hourly` | `{"0": n, .., "23": n}`; of several days, that by date |
//! | `/{..}/daily` | `{"2026-11-28": n, ..}` |
//! | `/{..}/average` | a number: those of a day on average |
//! | `/{..}/{period}/peakhour` | a number: the hour with the most visitors |
//! | `/dwell/{count,hourly,daily}`, `/repeatvisitors/{count,hourly,daily}` | as above, with a number for each class in place of one |
//! | `/dwell/average`, `/repeatvisitors/average` | minutes; visitors of a day by class |
//! | `/kpisummary` | the figures of a period |
//! | `/clients` | who was there, which is ours: the shape of CMX is not public |
//!
//! After any of them comes `/today`, `/yesterday`, `/3days`, `/lastweek` or `/lastmonth`, or `date=`, or
//! `startDate=` and `endDate=` in the query; else it is today. `siteId` names a campus, or any other
//! place; without it everywhere is meant.

use std::collections::{BTreeMap, BTreeSet};

use model::Mac;
use model::map::Maps;
use presence::Standing;
use presence::report::{Counts, Dwell, Repeat, Repeats, Span, Tallies};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use store::StoreError;

use super::{Inquiry, Period, PeriodError, Place};
use crate::cmx::shape::IsoTime;
use crate::cmx::{Answer, Manufacturers};

/// Hours that a day's clock shows.
const HOURS: usize = 24;
/// Most manufacturers of a summary. Ours: a list for people.
const MANUFACTURERS_MAX: usize = 10;
const MINUTE_MS: f64 = 60_000.0;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Connected,
    Visitor,
    PasserBy,
    Dwell,
    Repeat,
}

/// A value for each hour, written as an object whose keys are in the order of the hours: programs plot
/// them as they come.
#[derive(Debug, Default)]
struct Hours(Vec<Value>);

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body {
    Plain(Value),
    Day(Hours),
    /// By date.
    Days(BTreeMap<String, Hours>),
}

/// What is asked for, understood.
struct Asked<'a> {
    inquiry: &'a Inquiry<'a>,
    place: Place,
    period: Period,
}

/// Answers what comes after `/api/presence/v1`; `None` when CMX has no such resource.
pub fn answer(
    (rest, pairs): (&[&str], &[(String, String)]),
    maps: &Maps,
    inquiry: &Inquiry<'_>,
    manufacturers: Manufacturers<'_>,
) -> Result<Option<Answer>, StoreError> {
    let (what, word) = match *rest {
        [subject, word, "peakhour"] | [subject, "peakhour", word] => {
            (vec![subject, "peakhour"], Some(word))
        }
        ["kpisummary", word] => (vec!["kpisummary"], Some(word)),
        ["clients", word] => (vec!["clients"], Some(word)),
        [subject, form, word] => (vec![subject, form], Some(word)),
        _ => (rest.to_vec(), None),
    };
    let value = |key: &str| pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str());
    let place = match Place::find(maps, value("siteId").unwrap_or_default()) {
        Ok(place) => place,
        Err(error) => return Ok(Some(Answer::bad_query(&error))),
    };
    let period = period(inquiry, word, value);
    let period = match period {
        Ok(period) => period,
        Err(error) => return Ok(Some(Answer::bad_query(&error))),
    };
    let asked = Asked { inquiry, place, period };
    let body = match what[..] {
        ["kpisummary"] => Body::Plain(asked.summary(manufacturers)?),
        ["clients"] => Body::Plain(asked.clients()?),
        [subject, form] => {
            let Some(subject) = Subject::of(subject) else { return Ok(None) };
            match asked.figures(subject, form)? {
                Some(body) => body,
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(Answer::ok(&body)))
}

fn period<'v>(
    inquiry: &Inquiry<'_>,
    word: Option<&str>,
    value: impl Fn(&str) -> Option<&'v str>,
) -> Result<Period, PeriodError> {
    let (first, last) = (value("startDate"), value("endDate"));
    match (word, value("date").or(first)) {
        (Some(word), _) => inquiry.calendar().period(word, inquiry.now),
        (None, Some(first)) => Period::between(first, last.unwrap_or(first)),
        (None, None) => inquiry.calendar().period("today", inquiry.now),
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().enumerate())
    }
}

impl Subject {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "connected" => Self::Connected,
            "visitor" => Self::Visitor,
            "passerby" => Self::PasserBy,
            "dwell" => Self::Dwell,
            "repeatvisitors" => Self::Repeat,
            _ => return None,
        })
    }

    fn number(self, counts: &Counts) -> u64 {
        match self {
            Self::Connected => counts.connected,
            Self::PasserBy => counts.passers_by,
            Self::Visitor | Self::Dwell | Self::Repeat => counts.visitors,
        }
    }
}

impl Asked<'_> {
    fn figures(&self, subject: Subject, form: &str) -> Result<Option<Body>, StoreError> {
        let days = self.inquiry.days(self.period);
        let body = match (subject, form) {
            (_, "hourly") => return Ok(Some(self.hourly(subject)?)),
            (_, "daily") => {
                let dates = self.period.days().map(|day| day.to_string());
                dates.zip(self.each(subject, &days)?).collect::<Map<_, _>>().into()
            }
            (_, "peakhour") => json!(self.inquiry.peak_hour(&self.place, self.period)?),
            (Subject::Dwell, "count" | "total") => classes_of_dwell(&self.dwell()?),
            (Subject::Dwell, "average") => json!(average_min(&self.dwell()?)),
            (Subject::Repeat, "count" | "total") => classes_of_repeat(&self.repeats()?),
            (Subject::Repeat, "average") => {
                classes_of_repeat(&self.repeats()?.map(|count| mean(count, days.len())))
            }
            (_, "count") => {
                let whole = [self.inquiry.whole(self.period)];
                let counts = self.inquiry.counts(&self.place, &whole)?;
                json!(counts.iter().map(|count| subject.number(count)).sum::<u64>())
            }
            (_, "total") => json!(self.total(subject, &days)?),
            (_, "average") => json!(mean(self.total(subject, &days)?, days.len())),
            _ => return Ok(None),
        };
        Ok(Some(Body::Plain(body)))
    }

    /// What is counted in each of these spans, which lie in the period.
    fn each(&self, subject: Subject, spans: &[Span]) -> Result<Vec<Value>, StoreError> {
        Ok(match subject {
            Subject::Dwell => {
                let tallies = self.inquiry.dwell(&self.place, self.period, spans)?;
                tallies.iter().map(classes_of_dwell).collect()
            }
            Subject::Repeat => {
                let mut values = Vec::with_capacity(spans.len());
                for day in self.period.days() {
                    let whole = self.inquiry.calendar().day(day);
                    let own: Vec<Span> = spans
                        .iter()
                        .copied()
                        .filter(|span| (whole.from..whole.until).contains(&span.from))
                        .collect();
                    let repeats = self.inquiry.repeats(&self.place, day, &own)?;
                    values.extend(repeats.iter().map(classes_of_repeat));
                }
                values
            }
            _ => {
                let counts = self.inquiry.counts(&self.place, spans)?;
                counts.iter().map(|count| json!(subject.number(count))).collect()
            }
        })
    }

    /// By the hour; of several days by date, then by the hour.
    fn hourly(&self, subject: Subject) -> Result<Body, StoreError> {
        let values = self.each(subject, &self.inquiry.hours(self.period))?;
        let mut days = values.chunks(HOURS).map(|day| Hours(day.to_vec()));
        if self.period.first == self.period.last {
            return Ok(Body::Day(days.next().unwrap_or_default()));
        }
        Ok(Body::Days(self.period.days().map(|day| day.to_string()).zip(days).collect()))
    }

    /// Those of each day, added up.
    fn total(&self, subject: Subject, days: &[Span]) -> Result<u64, StoreError> {
        let counts = self.inquiry.counts(&self.place, days)?;
        Ok(counts.iter().map(|count| subject.number(count)).sum())
    }

    /// Visitors of each day by dwell, added up.
    fn dwell(&self) -> Result<Tallies, StoreError> {
        let days = self.inquiry.days(self.period);
        let mut sums = Tallies::default();
        for day in self.inquiry.dwell(&self.place, self.period, &days)? {
            for (sum, tally) in sums.iter_mut().zip(day) {
                sum.count += tally.count;
                sum.dwell_ms += tally.dwell_ms;
            }
        }
        Ok(sums)
    }

    /// Visitors of each day by how often they came before, added up.
    fn repeats(&self) -> Result<Repeats, StoreError> {
        let mut sums = Repeats::default();
        for day in self.period.days() {
            let whole = [self.inquiry.calendar().day(day)];
            for day in self.inquiry.repeats(&self.place, day, &whole)? {
                for (sum, count) in sums.iter_mut().zip(day) {
                    *sum += count;
                }
            }
        }
        Ok(sums)
    }

    fn summary(&self, manufacturers: Manufacturers<'_>) -> Result<Value, StoreError> {
        let whole = [self.inquiry.whole(self.period)];
        let counts = self.inquiry.counts(&self.place, &whole)?.pop().unwrap_or_default();
        let dwell = self.dwell()?;
        let peak_hour = self.inquiry.peak_hour(&self.place, self.period)?;
        let levels = shown_classes(&dwell).map(|(class, tally)| {
            let average = average_min(&[*tally; 1]);
            (class.word().to_owned(), json!({"count": tally.count, "average": average}))
        });
        let peak = json!({"peakHour": peak_hour, "peakDate": self.period.last.to_string()});
        let mut summary = json!({
            "visitorCount": counts.visitors,
            "totalVisitorCount": counts.visitors,
            "totalConnectedCount": counts.connected,
            "totalPasserbyCount": counts.passers_by,
            "averageDwell": average_min(&dwell),
            "averageDwellByLevels": levels.collect::<Map<_, _>>(),
            "conversionRate": percent(counts.visitors, counts.visitors + counts.passers_by),
            "connectedPercentage": percent(counts.connected, counts.visitors),
            "topManufacturers": self.manufacturers(manufacturers)?,
            "peakSummary": peak,
        });
        // Programs look for the peak of a long period under another name.
        let days = self.period.days().count();
        if let Some(summary) = summary.as_object_mut().filter(|_| days >= 7) {
            summary.insert("peakWeekSummary".to_owned(), peak.clone());
            if days >= 30 {
                summary.insert("peakMonthSummary".to_owned(), peak);
            }
        }
        Ok(summary)
    }

    /// Who made the devices of visitors. Programs look into the object also when nobody is known.
    fn manufacturers(&self, manufacturers: Manufacturers<'_>) -> Result<Value, StoreError> {
        let visits = self.inquiry.visits(&self.place, self.inquiry.whole(self.period))?;
        let is_visitor =
            |visit: &&presence::Visit| visit.standing(self.inquiry.rules()) != Standing::PasserBy;
        let macs: BTreeSet<Mac> =
            visits.iter().filter(is_visitor).map(|visit| visit.element.1).collect();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for name in macs.into_iter().filter_map(|mac| manufacturers.name(mac)) {
            *counts.entry(name).or_default() += 1;
        }
        let mut most: Vec<(String, u64)> = counts.into_iter().collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        most.truncate(MANUFACTURERS_MAX);
        let (name, count) = most.first().cloned().unwrap_or_default();
        let counts: Map<String, Value> =
            most.into_iter().map(|(name, count)| (name, count.into())).collect();
        Ok(json!({"name": name, "count": count, "manufacturerCounts": counts}))
    }

    fn clients(&self) -> Result<Value, StoreError> {
        let visits = self.inquiry.visits(&self.place, self.inquiry.whole(self.period))?;
        let client = |visit: &presence::Visit| {
            json!({
                "macAddress": visit.element.1,
                "status": match visit.standing(self.inquiry.rules()) {
                    Standing::PasserBy => "PASSERBY",
                    Standing::Visitor => "VISITOR",
                    Standing::Connected => "CONNECTED",
                },
                "firstSeen": IsoTime(visit.from),
                "lastSeen": IsoTime(visit.until),
                "dwellMinutes": visit.dwell_ms / 60_000,
            })
        };
        Ok(visits.iter().map(client).collect::<Vec<_>>().into())
    }
}

/// The classes that CMX has, with their tallies.
fn shown_classes(tallies: &Tallies) -> impl Iterator<Item = (Dwell, &presence::report::Tally)> {
    let all = Dwell::ALL.into_iter().zip(tallies);
    all.filter(|(class, _)| *class != Dwell::UnderFiveMinutes)
}

fn classes_of_dwell(tallies: &Tallies) -> Value {
    let classes = shown_classes(tallies).map(|(it, tally)| (it.word().into(), json!(tally.count)));
    classes.collect::<Map<_, _>>().into()
}

fn classes_of_repeat(repeats: &Repeats) -> Value {
    let classes = Repeat::ALL.iter().zip(repeats);
    classes.map(|(class, count)| (class.word().into(), json!(count))).collect::<Map<_, _>>().into()
}

/// Minutes of a visitor on average, to the tenth.
fn average_min(tallies: &[presence::report::Tally]) -> f64 {
    let visitors: u64 = tallies.iter().map(|tally| tally.count).sum();
    let dwell_ms: u64 = tallies.iter().map(|tally| tally.dwell_ms).sum();
    (dwell_ms as f64 / MINUTE_MS / visitors.max(1) as f64 * 10.0).round() / 10.0
}

fn mean(sum: u64, days: usize) -> u64 {
    (sum as f64 / days.max(1) as f64).round() as u64
}

fn percent(part: u64, whole: u64) -> u64 {
    (part as f64 / whole.max(1) as f64 * 100.0).round() as u64
}
