//! Recorded tracks: one answer a second from the packets of the last two.

use std::collections::BTreeMap;
use std::path::Path;

use locate::{Locator, Power, Scratch, Settings, Walk};
use model::geometry::Point;
use model::{Reading, Time};

use crate::BenchError;
use crate::dataset::Table;
use crate::modes::{Answered, Truth, answer, keep_strongest, lacks, stream_files};
use crate::site::Site;

/// An answer is given so often.
const STEP_MS: u64 = 1_000;
/// Packets of so long count.
const WINDOW_MS: u64 = 2_000;

struct Packet {
    at: Time,
    ap: u64,
    rssi: f32,
    truth: Option<Point>,
}

/// Follows every stream of the folder.
pub(crate) fn follow(
    folder: &Path,
    site: &Site,
    keep: Option<usize>,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Vec<Answered>, BenchError> {
    let files = stream_files(folder)?;
    if files.is_empty() {
        return Err(lacks(folder, "stream_*.csv.gz", "track"));
    }
    progress("calibrating", 0, 1);
    let locator = Locator::new(&site.maps, &site.survey, Settings::default());
    let mut all = Vec::new();
    for (index, (name, path)) in files.iter().enumerate() {
        progress("following", index, files.len());
        let packets = packets(&Table::of(path)?)?;
        all.push(track(&locator, site, keep, name, &packets));
    }
    progress("following", files.len(), files.len());
    Ok(all)
}

fn packets(table: &Table) -> Result<Vec<Packet>, BenchError> {
    table.require(&["t_ms", "ap", "rssi"])?;
    let mut packets = Vec::with_capacity(table.len());
    for row in table.rows() {
        let truth = match (row.number("x")?, row.number("y")?) {
            (Some(x), Some(y)) => Some(Point::new(x, y)),
            _ => None,
        };
        packets.push(Packet {
            at: Time(row.whole("t_ms")?),
            ap: row.whole("ap")?,
            rssi: row.strength("rssi")?,
            truth,
        });
    }
    packets.sort_by_key(|packet| packet.at);
    Ok(packets)
}

fn track(
    locator: &Locator,
    site: &Site,
    keep: Option<usize>,
    name: &str,
    packets: &[Packet],
) -> Answered {
    let mut answered = Answered::new(name.to_owned());
    let mut scratch = Scratch::default();
    let mut walk: Option<Box<Walk>> = None;
    let Some((first, last)) = packets.first().zip(packets.last()) else { return answered };
    // Answers are at whole seconds of the stream's own clock.
    let mut now = step_after(first.at);
    while now <= last.at {
        let from = now.0.saturating_sub(WINDOW_MS);
        let first = packets.partition_point(|packet| packet.at.0 <= from);
        let end = packets.partition_point(|packet| packet.at <= now);
        let recent = &packets[first..end.max(first)];
        if let (true, Some(next)) = (recent.is_empty(), packets.get(end)) {
            // Nobody hears it: seconds of a pause, or hours.
            let next = Time(next.at.0.next_multiple_of(STEP_MS));
            answered.unanswered((next.since_ms(now) / STEP_MS) as usize);
            now = next;
            continue;
        }
        let mut readings = readings(site, recent, now);
        keep_strongest(&mut readings, keep);
        let estimate = locator.estimate(&mut scratch, readings, Power::Known, None);
        let id = now.0.to_string();
        let found = estimate.map(|estimate| {
            let position = locator.follow(&mut scratch, &mut walk, &estimate);
            answer(site, &id, &locator.snapped(position))
        });
        let truth = recent.last().and_then(|packet| packet.truth);
        let truth = truth.map(|at| Truth { at, floor: None, is_building_right: true });
        answered.add(found, truth.as_ref());
        now = now.plus_ms(STEP_MS);
    }
    answered
}

/// The first moment of an answer after `at`.
fn step_after(at: Time) -> Time {
    Time(at.0 - at.0 % STEP_MS).plus_ms(STEP_MS)
}

/// The mean strength at each access point.
fn readings(site: &Site, packets: &[Packet], now: Time) -> Vec<Reading> {
    let mut sums: BTreeMap<u64, (f32, f32)> = BTreeMap::new();
    for packet in packets {
        let (sum, count) = sums.entry(packet.ap).or_default();
        *sum += packet.rssi;
        *count += 1.0;
    }
    sums.into_iter().map(|(ap, (sum, count))| site.reading(ap, sum / count, now)).collect()
}
