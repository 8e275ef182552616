//! `mse analytics`: visitors of a place, by the hour or by the day, and how long they were there.

use std::io::{self, Write};

use engine::api::analytics::{CountsView, Series, Summary};
use engine::engine::SOCKET_NAME;
use serde::Serialize;

use crate::cli::AnalyticsArguments;
use crate::local;
use crate::output::{Failure, Output};

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
struct Figures {
    summary: Summary,
    counts: Series<CountsView>,
}

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    arguments: &AnalyticsArguments,
) -> Result<(), Failure> {
    let query = query(arguments);
    let data = &arguments.data.data;
    let get = |what: &str| format!("/api/v1/analytics/{what}?{query}");
    let summary = local::get(data, SOCKET_NAME, &get("summary")).await?;
    let counts = local::get(data, SOCKET_NAME, &get("counts")).await?;
    let figures = Figures { summary, counts };
    output.show(&figures, |out| write(out, &figures))
}

fn query(arguments: &AnalyticsArguments) -> String {
    let AnalyticsArguments { place, period, from, until, tags, .. } = arguments;
    let category = if *tags { Some("tags") } else { None };
    let pairs = [
        ("place", place.as_deref()),
        ("period", period.as_deref()),
        ("from", from.as_deref()),
        ("until", until.as_deref()),
        ("category", category),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in pairs {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    query.finish()
}

fn write(out: &mut dyn Write, figures: &Figures) -> io::Result<()> {
    let Figures { summary, counts } = figures;
    let place = if summary.place.is_empty() { "everywhere" } else { &summary.place };
    let CountsView { visitors, connected, passers_by } = summary.counts;
    writeln!(out, "{place}, days of {}", summary.time_zone)?;
    writeln!(out, "{visitors} visitors, {connected} of them connected; {passers_by} passers-by")?;
    let minutes = summary.dwell.average_min;
    let peak = summary.peak_hour.map(|hour| format!("; most at {hour:02}:00"));
    writeln!(out, "{minutes:.0} min on average{}", peak.unwrap_or_default())?;
    writeln!(out)?;
    writeln!(out, "{:<16}  {:>8}  {:>9}  {:>10}", "from", "visitors", "connected", "passers-by")?;
    for bucket in &counts.buckets {
        let CountsView { visitors, connected, passers_by } = bucket.value;
        // A day begins at midnight; only hours need their time.
        let from =
            if counts.buckets.len() == HOURS { bucket.local.as_str() } else { day(&bucket.local) };
        writeln!(out, "{from:<16}  {visitors:>8}  {connected:>9}  {passers_by:>10}")?;
    }
    Ok(())
}

/// Hours that a day's clock shows.
const HOURS: usize = 24;

fn day(local: &str) -> &str {
    local.split('T').next().unwrap_or(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(figures: &serde_json::Value, expected: &[&str]) {
        let figures = Figures {
            summary: serde_json::from_value(figures["summary"].clone()).unwrap(),
            counts: serde_json::from_value(figures["counts"].clone()).unwrap(),
        };
        let mut text = Vec::new();
        write(&mut text, &figures).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn days_are_printed_without_their_midnight() {
        let bucket = |local: &str, visitors| {
            serde_json::json!({
                "from": 0, "until": 0, "local": local,
                "visitors": visitors, "connected": 1, "passers_by": 0,
            })
        };
        check(
            &serde_json::json!({
                "summary": {
                    "place": "", "time_zone": "UTC", "from": 0, "until": 0,
                    "visitors": 3, "connected": 1, "passers_by": 2,
                    "dwell": {"average_min": 41.6, "classes": {}}, "peak_hour": 9,
                },
                "counts": {
                    "place": "", "time_zone": "UTC",
                    "buckets": [bucket("2026-11-27T00:00", 1), bucket("2026-11-28T00:00", 2)],
                },
            }),
            &[
                "everywhere, days of UTC",
                "3 visitors, 1 of them connected; 2 passers-by",
                "42 min on average; most at 09:00",
                "",
                "from              visitors  connected  passers-by",
                "2026-11-27               1          1           0",
                "2026-11-28               2          1           0",
            ],
        );
    }
}
