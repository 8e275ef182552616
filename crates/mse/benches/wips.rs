//! How fast frames are read and judged: `cargo bench --bench wips`.
//!
//! Every figure is on one core, the best of several rounds, because a shared machine only ever makes a
//! round slower. The mixed file is that of the reference (`wips.md`, section 5): 33,900 frames of the
//! captures that radiotap stands in front of, eight times, each time later.
//!
//! | line | what is measured |
//! |---|---|
//! | Parse | frames to what is in them |
//! | Detect | the same, and incidents |
//! | tshark, hcxpcapngtool | the same frames from a file, where they are installed, as in the reference |

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints its figures, and may panic"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wips::capture::{Decoder, Writer};
use wips::{CaptureTime, Link, Packet, Profile, SensorId, Wips};

/// Rounds per figure.
const ROUNDS: usize = 5;
/// Frames of the mixed file, and how often they are repeated.
const FRAMES: usize = 33_900;
const TIMES: u64 = 8;
/// Each repetition begins so much later, when tables have nothing fresh of the one before.
const LATER_US: u64 = 3_600_000_000;

/// One frame of the mixed file.
struct Frame {
    at: CaptureTime,
    bytes: Vec<u8>,
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/captures");
    let frames = mixed(&folder);
    if frames.is_empty() {
        println!("skipped: no captures in {}", folder.display());
        return;
    }
    let count = frames.len() * TIMES as usize;
    let bytes: usize = frames.iter().map(|it| it.bytes.len()).sum::<usize>() * TIMES as usize;
    println!("{count} frames, {} MB", bytes / 1_000_000);
    let parse = best(|| {
        each(&frames, |packet| {
            black_box(wips::parse(packet));
        });
    });
    println!("Parse: {:.0} frames/s/core", rate(count, parse));
    let mut incidents = 0;
    let detect = best(|| {
        let mut wips = Wips::new(Profile::default());
        incidents = 0;
        each(&frames, |packet| {
            wips.handle(packet);
            while let Some(change) = wips.poll() {
                incidents += usize::from(matches!(black_box(change), wips::Change::Opened(_)));
            }
        });
    });
    println!("Detect: {:.0} frames/s/core, {incidents} incidents", rate(count, detect));
    compare(&frames, count, detect);
}

/// Other programs on the same frames.
fn compare(frames: &[Frame], count: usize, ours: Duration) {
    let file =
        std::env::temp_dir().join(format!("openmse-wips-bench-{}.pcapng", std::process::id()));
    let mut capture = Vec::new();
    let mut writer = Writer::new(&mut capture, None);
    each(frames, |packet| writer.packet(&mut capture, packet, None));
    std::fs::write(&file, capture).expect("a file in the temporary directory");
    let path = file.display().to_string();
    let tshark = ["-n", "-r", &path, "-T", "fields", "-e", "wlan.fc.type_subtype", "-e", "wlan.ta"];
    let hcx = ["-o", "/dev/null", &path];
    for (program, arguments) in [("tshark", &tshark[..]), ("hcxpcapngtool", &hcx[..])] {
        let started = Instant::now();
        let status = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let took = started.elapsed();
        match status {
            Ok(_) => println!(
                "{program}: {:.0} frames/s; ours is {:.1} times as fast",
                rate(count, took),
                took.as_secs_f64() / ours.as_secs_f64()
            ),
            Err(_) => println!("{program}: not installed"),
        }
    }
    // What is left behind is in the temporary directory.
    let _ = std::fs::remove_file(file);
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

/// The frames of the captures with radiotap, in the order of their names, one after the other in time.
fn mixed(folder: &Path) -> Vec<Frame> {
    let mut files: Vec<PathBuf> = ["public", "lab"]
        .iter()
        .filter_map(|set| folder.join(set).read_dir().ok())
        .flatten()
        .filter_map(|entry| entry.ok().map(|it| it.path()))
        .collect();
    files.sort();
    let mut frames: Vec<Frame> = Vec::with_capacity(FRAMES);
    for file in files {
        let mut first = None;
        let begin = frames.last().map_or(CaptureTime(1_800_000_000_000_000), |it: &Frame| it.at);
        let bytes = std::fs::read(&file).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut decoder = Decoder::new(SensorId(0));
        loop {
            while let Ok(Some(captured)) = decoder.poll() {
                let packet = captured.packet;
                if packet.link == Link::Radiotap && frames.len() < FRAMES {
                    let first = *first.get_or_insert(packet.at);
                    let at = begin.plus_us(packet.at.since_us(first));
                    frames.push(Frame { at, bytes: packet.bytes.to_vec() });
                }
            }
            let space = decoder.space();
            let count = rest.len().min(space.len());
            if count == 0 {
                break;
            }
            let (now, later) = rest.split_at(count);
            space.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            decoder.filled(count);
            rest = later;
        }
    }
    frames
}

/// The shortest of several rounds.
fn best(mut round: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            round();
            started.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
