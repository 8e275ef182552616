//! `docs/protocol.md` says what the code does.
//!
//! `UPDATE_GOLDEN=1 cargo test -p nmsp --test protocol_page` writes the table of transitions into the
//! page; everything else there is written by hand and only compared.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the page is a file")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use model::Time;
use nmsp::codec::{FRAME_VERSION, HEADER_BYTES, MAGIC};
use nmsp::limits::{FRAME_BODY_MAX, IP_ADDRESSES_MAX, READINGS_MAX, TELEMETRY_MAX, VERSION};
use nmsp::{
    Input, MessageId, Output, Session, Settings, SettingsError, Side, State, Subservice,
    SubserviceMask,
};

const BEGIN: &str =
    "<!-- transitions: written by UPDATE_GOLDEN=1 cargo test -p nmsp --test protocol_page -->\n";
const END: &str = "<!-- end of transitions -->";
const START: Time = Time(1_000_000);

fn page_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/protocol.md")
}

fn read(path: &Path) -> String {
    String::from_utf8(std::fs::read(path).unwrap()).unwrap()
}

/// Fails unless a line of the page begins with `row`.
fn check(row: &str) {
    let page = read(&page_path());
    assert!(page.lines().any(|line| line.starts_with(row)), "docs/protocol.md has no row '{row}'");
}

#[test]
fn the_table_of_transitions_is_that_of_the_code() {
    let page = read(&page_path());
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let expected = format!("\n{}\n", nmsp::table::markdown());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(page_path(), format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert_eq!(found, expected, "write it anew with UPDATE_GOLDEN=1");
    }
}

#[test]
fn every_message_has_a_row() {
    for id in MessageId::ALL {
        let origin = if id.to_wire() < 0x8000 { "published" } else { "ours" };
        check(&format!("| {} | `{}` | {origin} |", id.to_wire(), id.name()));
    }
}

#[test]
fn every_subservice_has_a_row() {
    for subservice in Subservice::ALL {
        let (service, name) = subservice.names();
        check(&format!("| {} | {service} | {name} |", subservice as u8));
    }
}

#[test]
fn the_header_is_that_of_the_code() {
    check(&format!("| 0 | 2 | magic, `{MAGIC:#06x}` (\"NM\") |"));
    check(&format!("| 2 | 1 | version of the frame layout, {FRAME_VERSION} |"));
    check(&format!("| {HEADER_BYTES} | | body |"));
    check(&format!("The **controller** is the TCP and TLS server, on port {}.", nmsp::PORT));
}

#[test]
fn the_timers_are_those_of_the_code() {
    let defaults = Settings::default();
    for key in
        ["echo_interval_ms", "dead_interval_ms", "response_timeout_ms", "retransmit_interval_ms"]
    {
        let mut settings = serde_json::to_value(defaults).unwrap();
        let default = settings[key].take();
        settings[key] = 0.into();
        let zeroed: Settings = serde_json::from_value(settings).unwrap();
        let Err(SettingsError::ConfigRange { key, min_ms, max_ms, .. }) = zeroed.validate() else {
            panic!("zero is accepted as {key}");
        };
        check(&format!("| `{key}` | {default} | {min_ms} | {max_ms} |"));
    }
    check(&format!("| `retransmits_max` | {} |", defaults.retransmits_max));
}

#[test]
fn the_limits_are_those_of_the_code() {
    let waits_ms = |session: &Session| session.deadline().unwrap().since_ms(START);
    let slow = waits_ms(&session(""));
    // An active engine would wait for its next echo; half a frame makes it wait for the rest.
    let active = handshake() + "4e4d";
    let stalled = waits_ms(&session(&active));
    let limits = [
        ("bytes of a body", FRAME_BODY_MAX as u64),
        ("readings of one element in one message", READINGS_MAX as u64),
        ("addresses of one station", IP_ADDRESSES_MAX as u64),
        ("radios of one access point", most_radios()),
        ("telemetry values of one tag", TELEMETRY_MAX as u64),
        ("bytes of a peer's name that are kept", longest_name()),
        ("milliseconds from the start to an active session", slow),
        ("milliseconds from the first byte of a frame to its last", stalled),
    ];
    for (what, limit) in limits {
        check(&format!("| {what} | {limit} |"));
    }
}

#[test]
fn the_worked_example_is_what_happens() {
    let vector = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/measurement");
    let received = example("received");
    assert_eq!(received, digits(&read(&vector.join("received.hex"))));
    assert_eq!(example("sent"), run(&received).1);
}

/// An engine that has received these bytes.
fn session(hex: &str) -> Session {
    run(hex).0
}

/// An engine that has received these bytes, and what it sent.
fn run(hex: &str) -> (Session, String) {
    let (settings, wanted) = (Settings::default(), SubserviceMask::ALL);
    let mut session = Session::new(Side::Engine, settings, wanted, "here", START);
    let mut sent = String::new();
    session.handle(START, Input::Received(bytes(hex).into()));
    while let Some(output) = session.poll() {
        if let Output::Transmit(bytes) = output {
            for byte in bytes {
                write!(sent, "{byte:02x}").unwrap();
            }
        }
    }
    (session, sent)
}

/// What a controller sends until the session is active.
fn handshake() -> String {
    capability("wlc-1") + &frame(31, "0002000800000000007fffff")
}

fn capability(name: &str) -> String {
    let mut body = format!("00010002{VERSION:02x}{VERSION:02x}");
    write!(body, "0003{:04x}{:02x}", name.len() + 1, name.len()).unwrap();
    name.bytes().for_each(|byte| write!(body, "{byte:02x}").unwrap());
    frame(7, &body)
}

fn frame(message: u16, body: &str) -> String {
    format!("4e4d0100{message:04x}000000000000{:08x}{body}", body.len() / 2)
}

/// How many radios of an access point are accepted.
fn most_radios() -> u64 {
    let is_accepted = |count: &u64| {
        let value = format!("02000000000100{count:02x}") + &"000114".repeat(*count as usize);
        let body = format!("0012{:04x}{value}", value.len() / 2);
        session(&(handshake() + &frame(67, &body))).state() == State::Active
    };
    (1..=255).take_while(is_accepted).last().unwrap()
}

/// How much of a long name is kept.
fn longest_name() -> u64 {
    session(&capability(&"n".repeat(250))).peer().name.len() as u64
}

/// The bytes of an example of the page, without its comments.
fn example(which: &str) -> String {
    let page = read(&page_path());
    let (_, rest) = page.split_once(&format!("```hex {which}\n")).unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let code = block.lines().map(|line| line.split(';').next().unwrap_or_default());
    digits(&code.collect::<String>())
}

fn digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).unwrap() as u8;
    let digits: Vec<u8> = hex.chars().map(digit).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
