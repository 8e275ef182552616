//! How fast frames are read: `cargo bench -p wips`.
//!
//! Prints one line per figure, on one core, the best of several rounds, because a shared machine only
//! ever makes a round slower. The frames are those of every radiotap capture, already in memory; where
//! there are none, those of the vectors.
//!
//! | line | what is measured |
//! |---|---|
//! | decode | bytes of a capture to packets |
//! | parse | packets to [`wips::Parsed`] |
//! | parse and ask | the same, and name, security and channel of each, and its key |

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench may panic")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time and reads files")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use wips::capture::Writer;
use wips::{CaptureTime, Link, Packet, SensorId};

#[path = "../tests/common/mod.rs"]
mod common;

/// Rounds per figure.
const ROUNDS: usize = 9;
/// As often as in `reference/wips.md`, section 5: what does not fit a cache is read as it is at work.
const COPIES: usize = 8;

fn main() {
    // `cargo test --benches` passes flags; there is nothing to test here.
    let frames = frames();
    let packets: Vec<Packet<'_>> = (0..COPIES)
        .flat_map(|_| &frames)
        .map(|(at, link, bytes)| Packet::new(*at, SensorId(1), *link, bytes))
        .collect();
    let bytes: usize = packets.iter().map(|packet| packet.bytes.len()).sum();
    println!("{} frames, {:.1} MB", packets.len(), bytes as f64 / 1e6);

    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, None);
    for packet in &packets {
        writer.packet(&mut file, packet, None);
    }
    report("decode", packets.len(), bytes, || {
        common::decode(&file, 1 << 16, |captured| {
            black_box(captured);
        })
        .unwrap();
    });
    report("parse", packets.len(), bytes, || {
        for packet in &packets {
            black_box(wips::parse(packet));
        }
    });
    report("parse and ask", packets.len(), bytes, || {
        for packet in &packets {
            let parsed = wips::parse(packet);
            let elements = parsed.elements;
            black_box((elements.ssid(), elements.rsn(), elements.primary_channel()));
            black_box(parsed.key(1));
        }
    });
}

/// When, behind which header, and the bytes of each frame.
fn frames() -> Vec<(CaptureTime, Link, Vec<u8>)> {
    let mut frames = Vec::new();
    for capture in common::captures(&["public", "lab"]) {
        common::packets(&capture, |captured| {
            let packet = captured.packet;
            if packet.link == Link::Radiotap {
                frames.push((packet.at, packet.link, packet.bytes.to_vec()));
            }
        });
    }
    if frames.is_empty() {
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
        for case in vectors.read_dir().unwrap() {
            let (link, bytes) = common::vector(&case.unwrap().path());
            frames.push((CaptureTime(0), link, bytes));
        }
    }
    frames
}

fn report(what: &str, frames: usize, bytes: usize, mut round: impl FnMut()) {
    let best = (0..ROUNDS).map(|_| time(&mut round)).min().unwrap_or_default();
    let seconds = best.as_secs_f64();
    println!(
        "{what}: {:.2} M frames/s, {:.0} ns a frame, {:.2} GB/s",
        frames as f64 / seconds / 1e6,
        seconds * 1e9 / frames as f64,
        bytes as f64 / seconds / 1e9
    );
}

fn time(round: &mut impl FnMut()) -> Duration {
    let started = Instant::now();
    round();
    started.elapsed()
}
