//! Byte vectors: `tests/vectors/<case>/received.hex` is what arrives, `outcome.txt` what comes of it.
//!
//! `README` says what the case shows and which side receives. `UPDATE_GOLDEN=1 cargo test -p nmsp`
//! rewrites the outcomes; read the difference before committing it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the vectors are files")]

use std::fmt::Write as _;
use std::path::Path;

use model::Time;
use nmsp::{Event, Input, Output, Session, Settings, Side, SubserviceMask};

#[test]
fn every_vector_has_its_outcome() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 25, "vectors are missing");
    for case in cases {
        check(&case);
    }
}

fn check(case: &Path) {
    let text =
        |name| String::from_utf8(std::fs::read(case.join(name)).unwrap_or_default()).unwrap();
    let side = match text("README").lines().last() {
        Some("side: engine") => Side::Engine,
        Some("side: controller") => Side::Controller,
        other => panic!("{}: the last line of README is {other:?}", case.display()),
    };
    let outcome = outcome(side, &bytes(&text("received.hex")));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(case.join("outcome.txt"), &outcome).unwrap();
    }
    assert_eq!(outcome, text("outcome.txt"), "{}", case.display());
}

/// What a session says when it receives these bytes, all at once and then one by one: the same.
fn outcome(side: Side, bytes: &[u8]) -> String {
    let whole = transcript(side, bytes, bytes.len().max(1));
    let told = |transcript: &str| {
        transcript
            .lines()
            .filter(|line| !line.starts_with("sends"))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(&whole),
        told(&transcript(side, bytes, 1)),
        "the outcome depends on how the stream is cut"
    );
    whole
}

fn transcript(side: Side, bytes: &[u8], piece: usize) -> String {
    let now = Time(1_000_000);
    let mut session = Session::new(side, Settings::default(), SubserviceMask::ALL, "here", now);
    let mut lines = String::new();
    for bytes in bytes.chunks(piece) {
        session.handle(now, Input::Received(bytes.into()));
        while let Some(output) = session.poll() {
            describe(&output, &mut lines);
        }
    }
    writeln!(lines, "state {}, unsupported {}", session.state(), session.counters().unsupported)
        .unwrap();
    lines
}

fn describe(output: &Output<'_>, lines: &mut String) {
    match output {
        Output::Transmit(bytes) => {
            lines.push_str("sends ");
            bytes.iter().for_each(|byte| write!(lines, "{byte:02x}").unwrap());
            lines.push('\n');
        }
        Output::Close(reason) => writeln!(lines, "closes: {reason}").unwrap(),
        Output::Event(Event::Active { subscribed }) => {
            writeln!(lines, "active {subscribed:?}").unwrap();
        }
        Output::Event(Event::Request { id, transaction }) => {
            writeln!(lines, "request {} {transaction}", id.name()).unwrap();
        }
        Output::Event(Event::Data { id, records }) => {
            writeln!(lines, "data {}", id.name()).unwrap();
            for measured in records.measured() {
                writeln!(lines, "  measured {:?} {}", measured.category, measured.mac).unwrap();
                for it in measured.readings() {
                    let (band, rssi, at) = (it.band.name(), it.rssi.0, it.at.0);
                    writeln!(lines, "    {} {band} {rssi} dBm at {at}", it.ap).unwrap();
                }
            }
            records.informations().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
            records.access_points().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
            records.attachments().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
            records.departures().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
            records.tag_reports().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
            records.sensors().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
            records.switch_ports().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
            records.captured().for_each(|it| writeln!(lines, "  {it:?}").unwrap());
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
