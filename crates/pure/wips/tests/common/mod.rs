//! The captures that tests read: third parties made most of them, so they are not in this repository.
#![allow(dead_code, reason = "each test program uses a part of this module")]
#![allow(clippy::disallowed_methods, reason = "captures and vectors are files")]

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use wips::capture::{CaptureError, Captured, Decoder};
use wips::{Link, SensorId};

/// Says what is not tested, past the harness, which hides what a test prints when it passes.
pub(crate) fn skipped(what: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {what}").unwrap();
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/captures")
}

/// Every capture in `sets`, in a fixed order; none, with a word about it, where they are absent.
pub(crate) fn captures(sets: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = sets
        .iter()
        .filter_map(|set| folder().join(set).read_dir().ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_capture(path))
        .collect();
    found.sort();
    if found.is_empty() {
        skipped(&format!("no captures in {}", folder().display()));
    }
    found
}

/// What is in the captures; nothing, with a word about it, where they are absent.
pub(crate) fn manifest() -> Vec<serde_json::Value> {
    let path = folder().join("manifest.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped(&format!("no {}", path.display()));
        return Vec::new();
    };
    serde_json::from_str(&text).unwrap()
}

fn is_capture(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    ["pcap", "pcapng", "cap", "gz"].contains(&extension)
}

/// The bytes of a capture, unpacked.
pub(crate) fn bytes_of(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension() != Some(OsStr::new("gz")) {
        return bytes;
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// Decodes a capture that comes in pieces of `piece` bytes; calls `each` on every packet.
pub(crate) fn decode(
    mut bytes: &[u8],
    piece: usize,
    mut each: impl FnMut(Captured<'_>),
) -> Result<(), CaptureError> {
    let mut decoder = Decoder::new(SensorId(1));
    loop {
        while let Some(captured) = decoder.poll()? {
            each(captured);
        }
        let space = decoder.space();
        let count = bytes.len().min(piece).min(space.len());
        let (now, later) = bytes.split_at(count);
        if now.is_empty() {
            return decoder.end();
        }
        space[..count].copy_from_slice(now);
        decoder.filled(count);
        bytes = later;
    }
}

/// Decodes a capture in large pieces; what it ends with is not asked.
pub(crate) fn packets(path: &Path, each: impl FnMut(Captured<'_>)) {
    let _ = decode(&bytes_of(path), 1 << 16, each);
}

/// The packet of a vector: its link type is the last line of its README.
pub(crate) fn vector(case: &Path) -> (Link, Vec<u8>) {
    let text = |name| std::fs::read_to_string(case.join(name)).unwrap();
    let readme = text("README");
    let number = readme.lines().last().and_then(|line| line.strip_prefix("link: ")).unwrap();
    let digits: Vec<u8> = text("packet.hex").bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    (Link::from_number(number.parse().unwrap()), digits.chunks(2).map(byte).collect())
}
