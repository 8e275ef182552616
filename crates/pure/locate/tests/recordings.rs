//! The shipped defaults on recorded sites, against the figures of `reference/location.md`.
//!
//! Prints a table (`cargo test -p locate --release --test recordings -- --nocapture`). Where the
//! recordings are absent the tests say so and pass.
#![expect(clippy::print_stdout, reason = "the table is what this test is for")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common::{Packet, Site, folder};
use locate::{Change, Estimate, Locator, Power, ReadingStore, Scratch, Settings};
use model::survey::Survey;
use model::{Dbm, Mac, Reading};

/// Differences below this are noise: `reference/location.md` section 7.
const TOLERANCE: f32 = 1.05;

/// Mean, median and 90th percentile of errors, in metres.
#[derive(Clone, Copy)]
struct Errors {
    mean: f32,
    median: f32,
    p90: f32,
}

impl Errors {
    fn of(mut errors: Vec<f32>) -> Self {
        errors.sort_by(f32::total_cmp);
        Self {
            mean: errors.iter().sum::<f32>() / errors.len() as f32,
            median: errors[errors.len() / 2],
            p90: errors[errors.len() * 9 / 10],
        }
    }
}

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:5.2} {:5.2} {:5.1}", self.mean, self.median, self.p90)
    }
}

/// Section 3, known access points, row "Bayes grid + 4 strongest and all ≥ −75 dBm".
const SITES: [(&str, Errors); 5] = [
    ("sod_cetc331", row(4.49, 3.54, 8.5)),
    ("sod_syl", row(4.87, 3.99, 8.4)),
    ("rtt_lecture_theatre", row(3.16, 3.07, 5.1)),
    ("rtt_corridor", row(5.05, 4.67, 6.7)),
    ("ujible_geo", BLE),
];

/// The bar for Bluetooth in the same row.
const BLE: Errors = row(3.26, 2.84, 6.5);

const fn row(mean: f32, median: f32, p90: f32) -> Errors {
    Errors { mean, median, p90 }
}

#[test]
fn every_site_is_as_good_as_the_reference() {
    let mut table =
        "site                  floor  covered  mean median p90   reference\n".to_owned();
    let mut outcomes = Vec::new();
    for (name, reference) in SITES {
        let Some(folder) = folder(name) else {
            println!("skipped: no recordings of {name}");
            continue;
        };
        let outcome = locate_all(&Site::read(&folder));
        let Outcome { floors_percent, covered_percent, errors, .. } = outcome;
        writeln!(
            table,
            "{name:20} {floors_percent:5.1} % {covered_percent:5.1} %  {errors}   {reference}"
        )
        .unwrap();
        outcomes.push((name, reference, outcome));
    }
    println!("{table}");
    for (name, reference, outcome) in outcomes {
        let mean = outcome.errors.mean;
        assert!(mean <= reference.mean * TOLERANCE, "{name}: mean {mean} m");
        let floors = outcome.floors_percent;
        assert!(floors >= 99.0, "{name}: {floors} % on the right floor");
        let answered = outcome.answered_percent;
        assert!(answered >= 99.0, "{name}: {answered} % answered");
    }
}

struct Outcome {
    /// Samples that got an answer.
    answered_percent: f32,
    /// Answers on the right floor.
    floors_percent: f32,
    /// Answers whose confidence circle holds the truth.
    covered_percent: f32,
    errors: Errors,
}

/// Locates every sample of a site by itself.
fn locate_all(site: &Site) -> Outcome {
    let locator = Locator::new(&site.maps, &Survey::default(), Settings::default());
    let mut scratch = Scratch::default();
    let (mut errors, mut floors, mut covered) = (Vec::new(), 0, 0);
    for sample in &site.samples {
        let readings = sample.readings.iter().copied();
        let Some(estimate) = locator.estimate(&mut scratch, readings, Power::Known, None) else {
            continue;
        };
        let position = estimate.position;
        let error = position.point.distance(sample.truth);
        errors.push(error);
        covered += usize::from(error <= position.confidence.0);
        let floor = site.maps.floor(position.floor);
        floors += usize::from(floor.is_some_and(|place| place.floor.name == sample.floor));
    }
    let percent = |part: usize, of: usize| 100.0 * part as f32 / of as f32;
    Outcome {
        answered_percent: percent(errors.len(), site.samples.len()),
        floors_percent: percent(floors, errors.len()),
        covered_percent: percent(covered, errors.len()),
        errors: Errors::of(errors),
    }
}

const TRACKS: [&str; 5] = [
    "rectangular_without_rotation",
    "straight_01",
    "straight_02",
    "straight_03",
    "zigzagging_without_rotation",
];

#[test]
fn a_moving_tag_is_followed_end_to_end() {
    let Some(folder) = folder("tetam") else {
        println!("skipped: no recordings of tetam");
        return;
    };
    let mut site = Site::read(&folder);
    let mut table = String::new();
    let mut rectangles = Vec::new();
    for regions in ["whole floor", "passable cells"] {
        if regions == "passable cells" {
            site.exclude(&folder.join("occupancy_0.5m.csv.gz"), 0.5);
        }
        writeln!(table, "{regions:38}  mean median p90").unwrap();
        let mut all = Vec::new();
        for track in TRACKS {
            let packets = site.track(&folder.join(format!("stream_{track}.csv.gz")));
            let errors = follow(&site, &packets);
            all.extend_from_slice(&errors);
            let found = Errors::of(errors);
            writeln!(table, "  {track:36} {found}").unwrap();
            if track == TRACKS[0] {
                rectangles.push((regions, found));
            }
        }
        writeln!(table, "  {:36} {}", "all tracks", Errors::of(all)).unwrap();
    }
    println!("{table}");
    for (regions, found) in rectangles {
        assert!(found.mean <= BLE.mean, "{regions}: mean {} m", found.mean);
        assert!(found.median <= BLE.median, "{regions}: median {} m", found.median);
        assert!(found.p90 <= BLE.p90, "{regions}: p90 {} m", found.p90);
    }
}

/// The errors along a track, as the product works: one report a second, each with the mean strength
/// at every access point; an estimate when the store asks for one; the error at every report.
fn follow(site: &Site, packets: &[Packet]) -> Vec<f32> {
    let locator = Locator::new(&site.maps, &Survey::default(), Settings::default());
    let settings = locator.settings();
    let mut scratch = Scratch::default();
    let mut store = ReadingStore::default();
    let mut last: Option<Estimate> = None;
    let second = |packet: &Packet| packet.reading.at.0 / 1_000;
    packets
        .chunk_by(|a, b| second(a) == second(b))
        .filter_map(|packets| {
            if store.update(&report(packets), settings) == Change::Moved {
                let readings = store.readings(store.newest()?, settings);
                let previous = last.map(|last| last.previous);
                last = locator.estimate(&mut scratch, readings, Power::Known, previous);
            }
            let truth = packets.last()?.truth;
            Some(last?.position.point.distance(truth))
        })
        .collect()
}

/// One reading per access point: the mean of its packets, at the time of the newest.
fn report(packets: &[Packet]) -> Vec<Reading> {
    let mut by_ap: BTreeMap<Mac, Vec<Reading>> = BTreeMap::new();
    for packet in packets {
        by_ap.entry(packet.reading.ap).or_default().push(packet.reading);
    }
    let mean = |readings: &Vec<Reading>| {
        let sum: f32 = readings.iter().map(|reading| reading.rssi.0).sum();
        readings.last().map(|newest| Reading { rssi: Dbm(sum / readings.len() as f32), ..*newest })
    };
    by_ap.values().filter_map(mean).collect()
}
