//! Frames and captures with random damage: nothing panics, whatever comes.
//!
//! The quick runs are part of every check. The long one takes minutes:
//! `cargo test --release -p wips --test mutation -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]
#![expect(clippy::print_stdout, reason = "the figures are what the long run is for")]
#![expect(clippy::disallowed_methods, reason = "the vectors are files, and the long run is timed")]

use std::path::Path;
use std::time::Instant;

use wips::Link;

mod common;

const QUICK: u64 = 300_000;
const LONG: u64 = 100_000_000;
/// Frames of each public capture that are damaged; more of one kind would teach nothing.
const FRAMES_PER_CAPTURE: usize = 200;

/// A frame before it is damaged.
type Seed = (Link, Vec<u8>);

/// The vectors, and frames of every capture that is there.
fn seeds(captures: &[std::path::PathBuf]) -> Vec<Seed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases: Vec<_> = root.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut seeds: Vec<Seed> = cases.iter().map(|case| common::vector(case)).collect();
    for capture in captures {
        let mut taken = 0;
        common::packets(capture, |captured| {
            if taken < FRAMES_PER_CAPTURE {
                seeds.push((captured.packet.link, captured.packet.bytes.to_vec()));
                taken += 1;
            }
        });
    }
    seeds
}

/// The generator splitmix64: the same damage in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Bytes that lengths, counts and flags are most often wrong with.
const EDGES: [u8; 10] = [0, 1, 2, 0x20, 0x7f, 0x80, 0xdd, 0xf0, 0xfe, 0xff];

/// One to four kinds of damage.
fn damage(bytes: &mut Vec<u8>, seeds: &[Seed], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = *random.of(&EDGES),
            2 => bytes.truncate(at),
            3 => {
                bytes.splice(at..at, (0..random.below(40)).map(|_| random.next() as u8));
            }
            4 if !bytes.is_empty() => {
                bytes.drain(at..at + random.below(bytes.len() - at));
            }
            // The end of one frame after the beginning of another.
            _ => {
                let (_, other) = random.of(seeds);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len())..]);
            }
        }
    }
}

const LINKS: [Link; 5] = [Link::Radiotap, Link::Bare, Link::Prism, Link::Avs, Link::Ppi];

fn run(seeds: &[Seed], count: u64) {
    let mut random = Random(count);
    let mut bytes = Vec::new();
    for _ in 0..count {
        let (link, seed) = random.of(seeds);
        // Most often the right link type: a wrong one seldom reaches the frame.
        let link = if random.below(8) == 0 { *random.of(&LINKS) } else { *link };
        bytes.clear();
        bytes.extend_from_slice(seed);
        damage(&mut bytes, seeds, &mut random);
        wips::fuzz_parse(link, &bytes);
    }
}

#[test]
fn damaged_frames_are_read_without_panic() {
    run(&seeds(&common::captures(&["robustness"])), QUICK);
}

#[test]
#[ignore = "takes minutes; in release only"]
fn a_hundred_million_damaged_frames_are_read_without_panic() {
    let seeds = seeds(&common::captures(&["public", "lab", "robustness"]));
    let started = Instant::now();
    run(&seeds, LONG);
    println!("{LONG} damaged frames of {} seeds in {:.0?}", seeds.len(), started.elapsed());
}

#[test]
fn damaged_captures_are_decoded_without_panic() {
    let files = common::captures(&["robustness"]);
    let mut random = Random(7);
    for file in &files {
        let whole = common::bytes_of(file);
        for _ in 0..200 {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] =
                    if random.below(2) == 0 { *random.of(&EDGES) } else { random.next() as u8 };
            }
            wips::fuzz_decode(&bytes, 1 + random.below(300));
        }
    }
}

#[test]
fn every_capture_is_read_without_panic() {
    for capture in common::captures(&["public", "lab", "robustness"]) {
        common::packets(&capture, |it| wips::fuzz_parse(it.packet.link, it.packet.bytes));
    }
}

#[test]
fn every_frame_cut_anywhere_is_read_without_panic() {
    for (link, bytes) in seeds(&[]) {
        for end in 0..bytes.len() {
            wips::fuzz_parse(link, &bytes[..end]);
        }
    }
}
