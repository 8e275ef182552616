//! Where days and hours begin, and which days are asked for.
//!
//! The only place of the engine that knows time zones. A day has 23 to 25 hours; the hour that a
//! clock passes twice is one hour of two, the hour that it skips is empty.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use model::Time;
use presence::report::Span;

/// Most days that are asked for at once. Ours: a quarter.
const DAYS_MAX: usize = 92;
/// Hours that a day's clock shows.
const HOURS: i8 = 24;

/// Where days begin.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
}

/// Years whose days are counted: their times are from 1970 on, and before the last one that there is,
/// in every time zone.
const YEARS: RangeInclusive<i16> = 1970..=9998;

/// Whole days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
}

/// Why no period can be made of what is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// No such word.
    #[error("'{0}' is no period; use today, yesterday, 3days, lastweek or lastmonth")]
    PeerWord(String),
    /// No such day.
    #[error("'{0}' is no day; write it as 2026-11-28")]
    PeerDay(String),
    /// Before or after all days that are counted.
    #[error("from {0} until {1}: days are counted from 1970-01-01 until 9998-12-31")]
    PeerYear(Date, Date),
    /// The wrong way round, or too long.
    #[error("from {0} until {1}: a period goes forward and has at most {DAYS_MAX} days")]
    PeerOrder(Date, Date),
}

impl Default for Calendar {
    /// That of UTC.
    fn default() -> Self {
        Self { zone: TimeZone::UTC }
    }
}

impl Calendar {
    /// The calendar of a time zone; `None` when there is no such zone.
    pub fn new(zone: &str) -> Option<Self> {
        let zone = if zone == "UTC" { TimeZone::UTC } else { TimeZone::get(zone).ok()? };
        Some(Self { zone })
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The day of a time.
    pub fn day_of(&self, at: Time) -> Date {
        self.zoned(at).date()
    }

    /// What clocks show, to the minute: `2026-11-28T08:00`.
    pub fn local(&self, at: Time) -> String {
        self.zoned(at).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// A day from its beginning to that of the next.
    pub fn day(&self, day: Date) -> Span {
        let next = day.tomorrow().unwrap_or(day);
        Span { from: self.at(day, 0), until: self.at(next, 0) }
    }

    /// The 24 hours that a day's clock shows, from 0 on.
    pub fn hours(&self, day: Date) -> impl Iterator<Item = Span> {
        let end = self.day(day).until;
        (0..HOURS).map(move |hour| Span {
            from: self.at(day, hour),
            until: if hour + 1 < HOURS { self.at(day, hour + 1) } else { end },
        })
    }

    /// The period that a word means. "The last days" are those before today, which is not over.
    pub fn period(&self, word: &str, now: Time) -> Result<Period, PeriodError> {
        let today = self.day_of(now);
        let yesterday = today.yesterday().unwrap_or(today);
        let before = |days: i32| Period {
            first: today.checked_sub(days.days()).unwrap_or(today),
            last: yesterday,
        };
        Ok(match word {
            "today" => Period { first: today, last: today },
            "yesterday" => before(1),
            "3days" => before(3),
            "lastweek" => before(7),
            "lastmonth" => before(30),
            other => return Err(PeriodError::PeerWord(other.chars().take(32).collect())),
        })
    }

    fn zoned(&self, at: Time) -> Zoned {
        let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
        // Beyond the year 9999 there is no such day.
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        at.to_zoned(self.zone.clone())
    }

    fn at(&self, day: Date, hour: i8) -> Time {
        let moment = day.at(hour, 0, 0, 0).to_zoned(self.zone.clone());
        let ms = moment.map_or(0, |moment| moment.timestamp().as_millisecond());
        Time(u64::try_from(ms).unwrap_or(0))
    }
}

impl Period {
    /// From one day until another one, both as `2026-11-28`, or with slashes as CMX has them in paths
    /// of the history.
    pub fn between(first: &str, last: &str) -> Result<Self, PeriodError> {
        let period = Self { first: day(first)?, last: day(last)? };
        if ![period.first, period.last].iter().all(|day| YEARS.contains(&day.year())) {
            return Err(PeriodError::PeerYear(period.first, period.last));
        }
        let days = period.last.since(period.first).map_or(-1, |span| span.get_days());
        let is_allowed = usize::try_from(days).is_ok_and(|days| days < DAYS_MAX);
        is_allowed.then_some(period).ok_or(PeriodError::PeerOrder(period.first, period.last))
    }

    /// Its days.
    pub fn days(&self) -> impl Iterator<Item = Date> {
        let last = self.last;
        std::iter::successors(Some(self.first), |day| day.tomorrow().ok())
            .take_while(move |day| *day <= last)
    }
}

fn day(text: &str) -> Result<Date, PeriodError> {
    let bad = || PeriodError::PeerDay(text.chars().take(32).collect());
    // Not what a date may be followed by, as a time.
    let is_plain = text.len() == "2026-11-28".len();
    let day: Option<Date> = text.replace('/', "-").parse().ok().filter(|_| is_plain);
    day.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    /// 2026-11-28T00:30Z
    const NOW: Time = Time(1_795_825_800_000);

    fn check_period(zone: &str, word: &str, expected: &str) {
        let period = Calendar::new(zone).unwrap().period(word, NOW).unwrap();
        assert_eq!(format!("{} {}", period.first, period.last), expected, "{word} in {zone}");
    }

    #[test]
    fn words_mean_days_of_the_time_zone() {
        check_period("UTC", "today", "2026-11-28 2026-11-28");
        check_period("America/New_York", "today", "2026-11-27 2026-11-27");
        check_period("UTC", "yesterday", "2026-11-27 2026-11-27");
        check_period("UTC", "3days", "2026-11-25 2026-11-27");
        check_period("UTC", "lastweek", "2026-11-21 2026-11-27");
        check_period("UTC", "lastmonth", "2026-10-29 2026-11-27");
        let error = Calendar::new("UTC").unwrap().period("tomorrow", NOW).unwrap_err();
        assert!(error.to_string().contains("'tomorrow' is no period"), "{error}");
    }

    #[test]
    fn clocks_show_the_time_of_the_zone() {
        assert_eq!(Calendar::default().local(NOW), "2026-11-28T00:30");
        assert_eq!(Calendar::new("Europe/Zurich").unwrap().local(NOW), "2026-11-28T01:30");
        assert_eq!(Calendar::default().local(Time(u64::MAX)), "9999-12-30T22:00");
    }

    fn check_hours(day: &str, expected_ms: &[u64]) {
        let calendar = Calendar::new("Europe/Zurich").unwrap();
        let day = day.parse().unwrap();
        let hours: Vec<u64> =
            calendar.hours(day).map(|hour| hour.until.since_ms(hour.from)).collect();
        assert_eq!(hours, expected_ms, "{day}");
        let whole = calendar.day(day);
        assert_eq!(whole.until.since_ms(whole.from), hours.iter().sum::<u64>(), "{day}");
    }

    #[test]
    fn the_clock_is_put_forward_and_back() {
        let mut hours = [HOUR_MS; 24];
        check_hours("2026-11-28", &hours);
        hours[2] = 0;
        check_hours("2026-03-29", &hours);
        hours[2] = 2 * HOUR_MS;
        check_hours("2026-10-25", &hours);
    }

    fn check_between(first: &str, last: &str, expected: Result<usize, &str>) {
        match (Period::between(first, last), expected) {
            (Ok(period), Ok(days)) => assert_eq!(period.days().count(), days, "{first} {last}"),
            (Err(error), Err(word)) => {
                assert!(error.to_string().contains(word), "'{error}' does not tell {word}");
            }
            (found, expected) => panic!("{first} {last}: {found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_period_goes_forward_and_has_an_end() {
        check_between("2026-11-28", "2026-11-28", Ok(1));
        check_between("2026/11/28", "2026-12-01", Ok(4));
        check_between("2026-09-01", "2026-12-01", Ok(92));
        check_between("2026-09-01", "2026-12-02", Err("at most 92 days"));
        check_between("2026-11-28", "2026-11-27", Err("goes forward"));
        check_between("2026-13-28", "2026-11-27", Err("'2026-13-28' is no day"));
        check_between("2026-11-28T10:00", "2026-11-28", Err("is no day"));
        check_between("", "2026-11-28", Err("is no day"));
        check_between("1970-01-01", "1970-01-02", Ok(2));
        check_between("9998-12-30", "9998-12-31", Ok(2));
        for (first, last) in [
            ("9999-12-31", "9999-12-31"),
            ("0001-01-01", "0001-01-01"),
            ("9998-12-31", "9999-01-01"),
        ] {
            check_between(
                first,
                last,
                Err(&format!("from {first} until {last}: days are counted")),
            );
        }
    }

    #[test]
    fn an_unknown_zone_has_no_calendar() {
        assert!(Calendar::new("Mars/Base").is_none());
        assert_eq!(Calendar::new("Europe/Zurich").unwrap().zone(), "Europe/Zurich");
    }
}
