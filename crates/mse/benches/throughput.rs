//! How fast and how small: `cargo bench`.
//!
//! Prints one line per figure. Every figure is on one core, the best of several rounds, because a
//! shared machine only ever makes a round slower.
//!
//! | line | what is measured |
//! |---|---|
//! | NMSP decode | frames through a session to readings: messages, readings and bytes a second |
//! | Estimate | a full 1 m grid on an 80 x 48 m floor, 15 access points, 8 readings |
//! | Path | TLS records -> session -> report -> element table -> estimate -> history, readings a second |
//! | Memory | allocated bytes per tracked element, counted by the allocator |

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints its figures, and may panic"
)]
#![expect(unsafe_code, reason = "counting allocations takes an allocator of one's own")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::config::Tracking;
use engine::history::History;
use engine::report::Report;
use engine::site::{CurrentSite, Site};
use engine::tracker::{Task, Tracker};
use locate::{Locator, Power, Scratch};
use model::geometry::Point;
use model::map::{AccessPoint, Building, Campus, Floor, Maps};
use model::survey::{Survey, SurveyPoint, SurveyReading};
use model::{Band, Category, Dbm, Mac, Metres, Observation, Reading, Time};
use nmsp::{Batch, Command, Event, Input, Output, Session, Settings, Side, SubserviceMask};
use node::identity::{Identity, Validity};

/// Counts the bytes that are allocated now.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rounds per figure, and how long short ones go on: a neighbour on the machine may take a tenth of a
/// second.
const ROUNDS: usize = 7;
const LEAST: Duration = Duration::from_millis(500);
/// Elements that are tracked, and readings of each.
const ELEMENTS: u64 = 20_000;
const READINGS: usize = 8;
const NOW: Time = Time(1_800_000_000_000);

fn main() {
    // `cargo test --benches` passes flags; there is nothing to test here.
    decode();
    estimate();
    path();
    memory();
}

/// The shortest of several rounds.
fn best(mut round: impl FnMut()) -> Duration {
    let began = Instant::now();
    let mut best = Duration::MAX;
    let mut rounds = 0;
    while rounds < ROUNDS || began.elapsed() < LEAST {
        let started = Instant::now();
        round();
        best = best.min(started.elapsed());
        rounds += 1;
    }
    best
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn decode() {
    let (mut controller, mut engine) = active_pair();
    let frames = encoded(&mut controller, &observations(NOW, 0.0));
    let (mut messages, mut readings) = (0, 0);
    let time = best(|| {
        (messages, readings) = (0, 0);
        for bytes in frames.chunks(64 * 1024) {
            engine.handle(NOW, Input::Received(bytes.into()));
            while let Some(output) = engine.poll() {
                if let Output::Event(Event::Data { records, .. }) = output {
                    messages += 1;
                    for measured in records.measured() {
                        for reading in measured.readings() {
                            black_box(reading);
                            readings += 1;
                        }
                    }
                }
            }
        }
    });
    println!(
        "NMSP decode: {:.0} messages/s, {:.1} M readings/s, {:.2} GB/s",
        rate(messages, time),
        rate(readings, time) / 1e6,
        rate(frames.len(), time) / 1e9
    );
}

/// From a reading vector to position and zones: on the floor of the sketch, on a large one, and on the
/// first after a survey.
fn estimate() {
    let small = maps();
    estimate_on("80 x 48 m, 15 access points", &small, &Survey::default());
    estimate_on("200 x 120 m, 77 access points", &large_maps(), &Survey::default());
    estimate_on("80 x 48 m, surveyed every 4 m", &small, &survey(&small));
}

fn estimate_on(what: &str, maps: &Maps, survey: &Survey) {
    let started = Instant::now();
    let locator = Locator::new(maps, survey, locate::Settings::default());
    let made = started.elapsed();
    let mut scratch = Scratch::default();
    let heard: Vec<Vec<Reading>> = places_on(maps).map(|place| heard_on(maps, place)).collect();
    let mut round = || {
        for readings in &heard {
            let estimate =
                locator.estimate(&mut scratch, readings.iter().copied(), Power::Known, None);
            let zones = locator.zones(&scratch).map(|(_, share)| share).sum::<f32>();
            black_box((estimate, zones));
        }
    };
    // Layers are made on first use.
    let started = Instant::now();
    round();
    let layers = started.elapsed();
    let time = best(&mut round);
    let mut times: Vec<Duration> = Vec::new();
    for readings in heard.iter().cycle().take(20_000) {
        let started = Instant::now();
        black_box(locator.estimate(&mut scratch, readings.iter().copied(), Power::Known, None));
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    println!(
        "Estimate: {:.0} /s/core, {:.1} us each, p99 {:.1} us, {what}, {READINGS} readings, to position and zones",
        rate(heard.len(), time),
        time.as_secs_f64() * 1e6 / heard.len() as f64,
        p99.as_secs_f64() * 1e6,
    );
    println!(
        "  made in {:.0} ms and {:.0} ms for its layers, {:.0} KiB",
        made.as_secs_f64() * 1e3,
        layers.as_secs_f64() * 1e3,
        locator.bytes() as f64 / 1024.0
    );
}

/// A thousand places of the first floor.
fn places_on(maps: &Maps) -> impl Iterator<Item = Point> {
    let floor = maps.floors().next().expect("a floor").floor;
    let (width, length) = (floor.width.0, floor.length.0);
    (0..1_000_u16).map(move |step| {
        // Two steps of golden ratios cover the floor evenly.
        let part = |ratio: f32| (f32::from(step) * ratio).fract();
        Point::new(part(0.754_877_7) * width, part(0.569_840_3) * length)
    })
}

/// What the nearest access points hear of an element at `place`, by a law of our own and with a
/// deviation that depends on the place.
fn heard_on(maps: &Maps, place: Point) -> Vec<Reading> {
    let floor = maps.floors().next().expect("a floor").floor;
    let mut readings: Vec<Reading> = floor
        .access_points
        .iter()
        .map(|ap| {
            let distance = ap.at.distance(place).hypot(1.5);
            let shadowing = 5.0 * (ap.at.x * 1.3 + place.x * 0.7 + place.y * 0.9).sin();
            let rssi = Dbm(-33.0 - 34.0 * distance.log10() + shadowing);
            Reading { ap: ap.mac, band: Band::Ghz5, rssi, at: NOW }
        })
        .collect();
    readings.sort_by(|a, b| b.rssi.0.total_cmp(&a.rssi.0));
    readings.truncate(READINGS);
    readings
}

fn survey(maps: &Maps) -> Survey {
    let found = maps.floors().next().expect("a floor");
    let floor = found.floor;
    let steps = |length: f32| (0..(length / 4.0) as u16).map(|step| 2.0 + 4.0 * f32::from(step));
    let mut points = Vec::new();
    for (x, y) in steps(floor.width.0).flat_map(|x| steps(floor.length.0).map(move |y| (x, y))) {
        let at = Point::new(x, y);
        let readings = heard_on(maps, at)
            .into_iter()
            .map(|it| SurveyReading { ap: it.ap, band: it.band, rssi: it.rssi })
            .collect();
        let (floor, device) = (found.id(), String::new());
        points.push(SurveyPoint { floor, at, taken: NOW, device, readings });
    }
    Survey { points }
}

/// A hall of 200 x 120 m with 77 access points.
fn large_maps() -> Maps {
    let mut maps = maps();
    for floor in
        maps.campuses.iter_mut().flat_map(|it| &mut it.buildings).flat_map(|it| &mut it.floors)
    {
        floor.width = Metres(200.0);
        floor.length = Metres(120.0);
        let proto = floor.access_points.first().cloned().expect("an access point");
        floor.access_points = (0..77_u16)
            .map(|number| AccessPoint {
                mac: Mac::from_u64(0x0200_0000_1000 + u64::from(number)),
                at: Point::new(
                    9.0 + 18.0 * f32::from(number % 11),
                    9.0 + 17.0 * f32::from(number / 11),
                ),
                ..proto.clone()
            })
            .collect();
    }
    maps
}

/// The whole way in, on one thread: a client-side TLS connection decrypts what a server-side one
/// encrypted before the clock started; the history goes to a real SQLite file on a thread of its own.
fn path() {
    let dir = std::env::temp_dir().join(format!("openmse-bench-{}", std::process::id()));
    let store = store::Store::open(&dir).expect("a store in the temporary directory");
    let history = History::Own(Arc::new(store.history_writer().expect("a history writer")));
    let site = CurrentSite::new(Site::new(1, maps()));
    let mut tracker = Tracker::new(&Tracking::default(), site, Some(history));
    let counters = tracker.counters();
    let (mut controller, mut engine) = active_pair();
    let (mut server, mut client) = tls_pair();
    let source: Arc<str> = "bench".into();

    let mut best_time = Duration::MAX;
    for round in 0..ROUNDS as u64 {
        // Every round everybody has moved, so that every element is estimated anew.
        let at = NOW.plus_ms(round * 10_000);
        let shift = if round.is_multiple_of(2) { 0.0 } else { 17.0 };
        let frames = encoded(&mut controller, &observations(at, shift));
        let records = encrypted(&mut server, &frames);
        let started = Instant::now();
        let mut plain = vec![0; 64 * 1024];
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).expect("bytes are there");
            client.process_new_packets().expect("good records");
            while let Ok(count) = client.reader().read(&mut plain) {
                if count == 0 {
                    break;
                }
                engine.handle(at, Input::Received(plain.get(..count).unwrap_or_default().into()));
                while let Some(output) = engine.poll() {
                    if let Output::Event(Event::Data { id, records }) = output {
                        tracker.handle(
                            at,
                            Task::Report(Box::new(Report::new(&source, id, records, at))),
                        );
                    }
                }
            }
        }
        best_time = best_time.min(started.elapsed());
        assert!(rest.is_empty() && engine.buffered_bytes() == 0);
    }
    let readings = ELEMENTS as usize * READINGS;
    let estimates = counters.estimates.load(Ordering::Relaxed);
    let taken_in = counters.readings.load(Ordering::Relaxed);
    assert_eq!(taken_in, (readings * ROUNDS) as u64, "every reading of every round came through");
    println!(
        "Path: {:.0} readings/s/core from TLS to a stored position ({} elements with {READINGS} readings, {:.2} estimates per report)",
        rate(readings, best_time),
        ELEMENTS,
        estimates as f64 / (ELEMENTS * ROUNDS as u64) as f64
    );
    drop(tracker);
    drop(store);
    let _ = std::fs::remove_dir_all(dir);
}

fn memory() {
    let site = CurrentSite::new(Site::new(1, maps()));
    let mut tracker = Tracker::new(&Tracking::default(), site, None);
    let (mut controller, mut engine) = active_pair();
    let frames = encoded(&mut controller, &observations(NOW, 0.0));
    let source: Arc<str> = "bench".into();
    let mut deliver = |tracker: &mut Tracker| {
        engine.handle(NOW, Input::Received(frames.as_slice().into()));
        while let Some(output) = engine.poll() {
            if let Output::Event(Event::Data { id, records }) = output {
                tracker.handle(NOW, Task::Report(Box::new(Report::new(&source, id, records, NOW))));
            }
        }
    };
    let before = ALLOCATED.load(Ordering::Relaxed);
    deliver(&mut tracker);
    let after = ALLOCATED.load(Ordering::Relaxed);
    let tracked = tracker.elements().read().len();
    // What the session buffered and the propagation maps are counted too: an upper bound.
    println!(
        "Memory: {:.0} bytes per tracked element ({tracked} elements, propagation maps and buffers included)",
        (after.saturating_sub(before)) as f64 / tracked as f64
    );
}

/// An 80 x 48 m floor with 15 access points, as in `reference/location.md` section 6.1.
fn maps() -> Maps {
    let access_point = |number: u8| AccessPoint {
        mac: ap(number),
        name: format!("AP-{number}"),
        at: ap_at(number),
        height: Metres(2.5),
        radios: Vec::new(),
    };
    let floor = Floor {
        access_points: (0..15).map(access_point).collect(),
        ..Floor::bare("Ground", 0, 80.0, 48.0)
    };
    let building = Building { name: "Main".to_owned(), floors: vec![floor] };
    Maps { campuses: vec![Campus { name: "Bench".to_owned(), buildings: vec![building] }] }
}

fn ap(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn ap_at(number: u8) -> Point {
    Point::new(8.0 + 16.0 * f32::from(number % 5), 8.0 + 16.0 * f32::from(number / 5))
}

/// Every element at a place of its own, heard by its eight nearest access points with some noise.
fn observations(at: Time, shift: f32) -> Vec<Observation> {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut uniform = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 40) as f32 / (1_u64 << 24) as f32
    };
    let mut observation = |number| {
        let place =
            Point::new((uniform() * 80.0 + shift) % 80.0, (uniform() * 48.0 + shift) % 48.0);
        let mut readings: Vec<Reading> = (0..15)
            .map(|number| {
                let noise = (0..4).map(|_| uniform() - 0.5).sum::<f32>() * 7.0;
                let distance = place.distance(ap_at(number)).max(1.0);
                let rssi = Dbm((-35.0 - 25.0 * distance.log10() + noise).round());
                Reading { ap: ap(number), band: Band::Ghz5, rssi, at }
            })
            .collect();
        readings.sort_by(|a, b| b.rssi.0.total_cmp(&a.rssi.0));
        readings.truncate(READINGS);
        Observation { category: Category::WirelessClient, mac: Mac::from_u64(number), readings }
    };
    (1..=ELEMENTS).map(&mut observation).collect()
}

fn active_pair() -> (Session, Session) {
    // The rounds jump through more time than the usual timers allow.
    let settings =
        Settings { echo_interval_ms: 120_000, dead_interval_ms: 240_000, ..Settings::default() };
    let session = |side| Session::new(side, settings, SubserviceMask::ALL, "bench", NOW);
    let (mut controller, mut engine) = (session(Side::Controller), session(Side::Engine));
    for _ in 0..3 {
        let (to_engine, to_controller) = (transmitted(&mut controller), transmitted(&mut engine));
        engine.handle(NOW, Input::Received(to_engine.into()));
        controller.handle(NOW, Input::Received(to_controller.into()));
    }
    transmitted(&mut engine);
    (controller, engine)
}

fn transmitted(session: &mut Session) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(output) = session.poll() {
        if let Output::Transmit(more) = output {
            bytes.extend_from_slice(more);
        }
    }
    bytes
}

/// The frames of one report.
fn encoded(controller: &mut Session, observations: &[Observation]) -> Vec<u8> {
    let at = observations.first().and_then(|it| it.readings.first()).map_or(NOW, |it| it.at);
    let batch = Batch::Measurements { at, observations: observations.to_vec() };
    controller.handle(NOW, Input::Command(Command::Send { transaction: None, batch }));
    transmitted(controller)
}

/// Two ends of one TLS connection, with the real configurations of controller and engine.
fn tls_pair() -> (rustls::ServerConnection, rustls::ClientConnection) {
    let identity = |mac| {
        let now_s = i64::try_from(node::clock::wall().0 / 1_000).unwrap_or(i64::MAX);
        Identity::ephemeral(mac, Validity::around(now_s)).expect("an identity")
    };
    let (controller, engine) = (identity(ap(200)), identity(ap(201)));
    let server = node::tls::nmsp_server(&controller, None).expect("a server configuration");
    let client = node::tls::nmsp_client(&engine, controller.credentials.sha256)
        .expect("a client configuration");
    let mut server = rustls::ServerConnection::new(Arc::new(server)).expect("a server");
    let name = "localhost".try_into().expect("a name");
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).expect("a client");
    server.set_buffer_limit(None);
    while server.is_handshaking() || client.is_handshaking() {
        carry(|out| client.write_tls(out).map(drop), |bytes| server.read_tls(bytes).map(drop));
        server.process_new_packets().expect("a handshake");
        carry(|out| server.write_tls(out).map(drop), |bytes| client.read_tls(bytes).map(drop));
        client.process_new_packets().expect("a handshake");
    }
    (server, client)
}

fn carry(
    mut write: impl FnMut(&mut Vec<u8>) -> std::io::Result<()>,
    mut read: impl FnMut(&mut &[u8]) -> std::io::Result<()>,
) {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("writing to memory");
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        read(&mut rest).expect("reading from memory");
    }
}

fn encrypted(server: &mut rustls::ServerConnection, frames: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    server.writer().write_all(frames).expect("no buffer limit");
    while server.wants_write() {
        server.write_tls(&mut records).expect("writing to memory");
    }
    records
}
