//! How fast frames are read and judged: `cargo bench -p wips --bench detect`.
//!
//! Every figure is on one core, the best of several rounds, because a shared machine only ever makes a
//! round slower. The mixed file is that of the reference (`wips.md`, section 5): 33,900 radiotap frames,
//! eight times, each time an hour later.
//!
//! | line | what is measured |
//! |---|---|
//! | parse | packets to what is in them |
//! | detect | the same, and incidents |
//! | tshark, hcxpcapngtool | the same frames from a file, where they are installed, as in the reference |

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench may panic")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time and writes a file")]

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wips::capture::Writer;
use wips::{CaptureTime, Change, Link, Packet, Profile, SensorId, Wips};

#[path = "../tests/common/mod.rs"]
mod common;

/// Rounds per figure.
const ROUNDS: usize = 5;
/// Frames of the mixed file, and how often they are repeated.
const FRAMES: usize = 33_900;
const TIMES: u64 = 8;
const LATER_US: u64 = 3_600_000_000;
const BEGIN: CaptureTime = CaptureTime(1_800_000_000_000_000);

/// One frame of the mixed file.
struct Frame {
    at: CaptureTime,
    bytes: Vec<u8>,
}

fn main() {
    // `cargo test --benches` passes flags; there is nothing to test here.
    let frames = mixed();
    let count = frames.len() * TIMES as usize;
    let bytes: usize = frames.iter().map(|it| it.bytes.len()).sum::<usize>() * TIMES as usize;
    println!("{count} frames, {:.1} MB", bytes as f64 / 1e6);
    if frames.is_empty() {
        return;
    }
    let parse = best(|| {
        each(&frames, |packet| {
            black_box(wips::parse(packet));
        });
    });
    println!("parse: {:.2} M frames/s", rate(count, parse) / 1e6);
    let mut incidents = 0;
    let detect = best(|| {
        let mut wips = Wips::new(Profile::default());
        incidents = 0;
        each(&frames, |packet| {
            wips.handle(packet);
            while let Some(change) = wips.poll() {
                incidents += usize::from(matches!(black_box(change), Change::Opened(_)));
            }
        });
    });
    println!("detect: {:.2} M frames/s, {incidents} incidents", rate(count, detect) / 1e6);
    compare(&frames, count, detect);
}

/// Other programs on the same frames.
fn compare(frames: &[Frame], count: usize, ours: Duration) {
    let file = std::env::temp_dir().join(format!("openmse-wips-{}.pcapng", std::process::id()));
    let mut capture = Vec::new();
    let mut writer = Writer::new(&mut capture, None);
    each(frames, |packet| writer.packet(&mut capture, packet, None));
    std::fs::write(&file, capture).unwrap();
    let path = file.display().to_string();
    let tshark = ["-n", "-r", &path, "-T", "fields", "-e", "wlan.fc.type_subtype", "-e", "wlan.ta"];
    // Where nothing was worth writing this program deletes what it was to write to, devices too.
    let hashes = file.with_extension("22000").display().to_string();
    let hcx = ["-o", &hashes, &path];
    for (program, arguments) in [("tshark", &tshark[..]), ("hcxpcapngtool", &hcx[..])] {
        let started = Instant::now();
        let mut command = Command::new(program);
        let ran = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let took = started.elapsed();
        if ran.is_ok() {
            let ratio = took.as_secs_f64() / ours.as_secs_f64();
            println!(
                "{program}: {:.0} frames/s; ours is {ratio:.1} times as fast",
                rate(count, took)
            );
        } else {
            println!("{program}: not installed");
        }
    }
    // What is left behind is in the temporary directory.
    let _ = std::fs::remove_file(file);
    let _ = std::fs::remove_file(hashes);
}

/// Every frame, as often as the mixed file repeats it.
fn each(frames: &[Frame], mut what: impl FnMut(&Packet<'_>)) {
    for time in 0..TIMES {
        for frame in frames {
            let at = frame.at.plus_us(time * LATER_US);
            what(&Packet::new(at, SensorId(0), Link::Radiotap, &frame.bytes));
        }
    }
}

/// The frames of the captures with radiotap, one capture after the other in time.
fn mixed() -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::with_capacity(FRAMES);
    for capture in common::captures(&["public", "lab"]) {
        let begin = frames.last().map_or(BEGIN, |it| it.at);
        let mut first = None;
        common::packets(&capture, |captured| {
            let packet = captured.packet;
            if packet.link == Link::Radiotap && frames.len() < FRAMES {
                let first = *first.get_or_insert(packet.at);
                let at = begin.plus_us(packet.at.since_us(first));
                frames.push(Frame { at, bytes: packet.bytes.to_vec() });
            }
        });
    }
    frames
}

/// The shortest of several rounds.
fn best(mut round: impl FnMut()) -> Duration {
    let mut time = || {
        let started = Instant::now();
        round();
        started.elapsed()
    };
    (0..ROUNDS).map(|_| time()).min().unwrap_or_default()
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
