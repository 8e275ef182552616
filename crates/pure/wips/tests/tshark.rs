//! What we read of every capture, against what tshark reads of it.
//!
//! Every frame of every capture is compared in every field of [`FIELDS`]. Where we differ on purpose, a
//! rule in [`excuse`] says so, and why; how often each was used is printed with the figures.
#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]
#![expect(clippy::print_stdout, reason = "the figures are what this test is for")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use model::Mac;
use wips::Parsed;
use wips::dot11::authentication::Authentication;
use wips::dot11::data::{self, Amsdu, LooksLike, Subframe};
use wips::dot11::eap::Code;
use wips::dot11::eapol::{self, Message};
use wips::dot11::header::QosControl;
use wips::dot11::management::{AssociationResponse, Management};
use wips::dot11::radio::{Fcs, Rate};
use wips::dot11::security::{Security, Suite};
use wips::dot11::{Anomaly, Body, Data, ElementId, FrameType, Header, Kind, Payload, action};

mod common;

/// A field by its name in tshark, and what we read for it, written as tshark writes it.
type Field = (&'static str, fn(&Parsed<'_>) -> String);

/// The fields that are compared.
const FIELDS: [Field; 40] = [
    ("wlan.fc.version", |it| it.header.control.version().to_string()),
    ("wlan.fc.type", |it| frame_type(it).to_string()),
    ("wlan.fc.subtype", |it| it.header.control.subtype().to_string()),
    ("wlan.fc.retry", |it| u8::from(it.header.control.retry()).to_string()),
    ("wlan.duration", |it| text(it.header.duration)),
    ("wlan.ra", |it| text(it.header.receiver)),
    ("wlan.ta", |it| text(it.header.transmitter)),
    ("wlan.sa", |it| with_subframes(it, it.header.source(), |it| it.source)),
    ("wlan.da", |it| with_subframes(it, it.header.destination(), |it| it.destination)),
    ("wlan.bssid", |it| text(it.header.bssid())),
    ("wlan.seq", |it| text(it.header.sequence.map(|it| it.number))),
    ("wlan.frag", |it| text(it.header.sequence.map(|it| it.fragment))),
    ("wlan.qos.tid", |it| text(it.header.qos.map(QosControl::tid))),
    ("wlan.ssid", ssid),
    ("wlan.ds.current_channel", |it| first_bytes(it, ElementId::DS_PARAMETER)),
    ("wlan.ht.info.primarychannel", |it| first_bytes(it, ElementId::HT_OPERATION)),
    ("wlan.rsn.gcs", |it| of_rsn(it, |rsn| suites(rsn.group))),
    ("wlan.rsn.pcs", |it| of_rsn(it, |rsn| suites(rsn.pairwise.iter()))),
    ("wlan.rsn.akms", |it| of_rsn(it, |rsn| suites(rsn.akms.iter()))),
    ("wlan.rsn.capabilities", |it| of_rsn(it, |rsn| hexadecimal(rsn.capabilities.map(|it| it.0)))),
    ("wlan.wfa.ie.wpa.mcs", |it| of_wpa(it, |wpa| suites(wpa.group))),
    ("wlan.wfa.ie.wpa.ucs", |it| of_wpa(it, |wpa| suites(wpa.pairwise.iter()))),
    ("wlan.wfa.ie.wpa.akms", |it| of_wpa(it, |wpa| suites(wpa.akms.iter()))),
    ("wlan.fixed.reason_code", |it| hexadecimal(reason(it))),
    ("wlan.fixed.status_code", |it| hexadecimal(status(it))),
    ("wlan.fixed.auth.alg", |it| text(authentication(it).map(|it| it.algorithm.0))),
    ("wlan.fixed.auth_seq", |it| hexadecimal(authentication(it).map(|it| it.sequence))),
    ("wlan_rsna_eapol.keydes.msgnr", |it| text(key(it).and_then(message))),
    ("eapol.keydes.replay_counter", |it| text(key(it).map(|it| it.replay_counter))),
    ("eapol.type", |it| text(it.eapol().and_then(packet_type))),
    ("eap.code", |it| text(it.eapol().and_then(eapol::Eapol::eap).map(|it| code(it.code)))),
    ("wlan.wep.iv", |it| text(security(it).and_then(wep_iv))),
    ("wlan.tkip.extiv", |it| text(security(it).and_then(|it| extended_iv(it, true)))),
    ("wlan.ccmp.extiv", |it| text(security(it).and_then(|it| extended_iv(it, false)))),
    ("radiotap.channel.freq", |it| text(it.radio.frequency_mhz)),
    ("radiotap.mactime", |it| text(it.radio.tsft)),
    ("radiotap.dbm_antsignal", |it| text(it.radio.signal.map(|it| it.0))),
    ("radiotap.mcs.index", |it| text(it.radio.rate.and_then(ht_mcs))),
    ("radiotap.vht.mcs.0", |it| text(it.radio.rate.and_then(vht_mcs))),
    ("radiotap.ampdu.reference", |it| text(it.radio.ampdu.map(|it| it.reference))),
];

/// Fields of the header, which are also compared where bodies are not.
const HEADER_FIELDS: [&str; 13] = [
    "wlan.fc.version",
    "wlan.fc.type",
    "wlan.fc.subtype",
    "wlan.fc.retry",
    "wlan.duration",
    "wlan.ra",
    "wlan.ta",
    "wlan.sa",
    "wlan.da",
    "wlan.bssid",
    "wlan.seq",
    "wlan.frag",
    "wlan.qos.tid",
];

/// Asked of tshark besides: whether it gave up on the frame.
const MALFORMED: &str = "_ws.malformed";

/// What tshark reads of a capture: a line per frame, and in it a text per field.
fn read_by_tshark(capture: &Path) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-o", "wlan.check_checksum:TRUE", "-o", "wlan.enable_decryption:FALSE"]);
    tshark.args(["-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-r"]).arg(capture);
    for field in FIELDS.iter().map(|(field, _)| *field).chain([MALFORMED]) {
        tshark.args(["-e", field]);
    }
    // It fails at a capture that is cut, after all that can be read.
    let output = tshark.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("valid"), "tshark does not know all fields: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

/// Why a difference between `theirs` and `ours` in `field` is one on purpose.
fn excuse(
    parsed: &Parsed<'_>,
    field: &str,
    theirs: &str,
    ours: &str,
    gave_up: bool,
) -> Option<&'static str> {
    let has = |anomaly| parsed.anomalies.contains(anomaly);
    let Header { kind, control, .. } = parsed.header;
    let is_of_body = !HEADER_FIELDS.contains(&field);
    let is_fragment = parsed.header.is_later_fragment() || control.more_fragments();
    let no_claim = parsed.header.duration.is_none();
    Some(match (kind, field) {
        _ if has(Anomaly::LinkHeader) && parsed.frame.is_empty() => {
            "no radio header: tshark takes what comes for a frame"
        }
        (_, "radiotap.dbm_antsignal") if theirs.split(',').next() == Some(ours) => {
            "signal of each antenna: the first is that of the frame"
        }
        _ if control.version() != 0 => {
            "protocol version is not 0: tshark reads another layout, or nothing"
        }
        (Kind::Reserved, _) => "reserved type: tshark reads nothing, or only what all types have",
        _ if control.frame_type() == FrameType::Extension => {
            "frame of another band: to tshark its only address is the receiver's"
        }
        (Kind::ControlExtension, "wlan.fc.retry") => {
            "control extension: its bits of frame control mean something else"
        }
        (Kind::ControlWrapper, _) => "control wrapper: tshark reads also the frame in it",
        _ if has(Anomaly::BadFcs) && is_of_body => "wrong check sequence: tshark reads the body",
        (_, "wlan.sa" | "wlan.da" | "wlan.bssid")
            if has(Anomaly::BadFcs) && parsed.header.is_amsdu() =>
        {
            "wrong check sequence: tshark reads packets of an A-MSDU"
        }
        (_, "wlan.da") if has(Anomaly::Cut) && parsed.header.transmitter.is_none() => {
            "header is cut: tshark does not call its only address the destination"
        }
        (Kind::CfEnd, "wlan.ta") => "CF-End: to tshark address 2 is only the BSSID",
        (Kind::CfEndAck, "wlan.bssid") => "CF-End with ACK: to tshark address 2 is no BSSID",
        (_, "wlan.ta") if parsed.header.signals_bandwidth => {
            "bandwidth signalled: tshark takes the bit for a part of the address"
        }
        (_, "wlan.duration") if no_claim => "upper bit of the duration: tshark reads the others",
        _ if is_fragment && is_of_body => "fragment: tshark puts them together",
        (_, "wlan.ssid") if has(Anomaly::ElementDuplicate) && theirs == first_ssid(parsed) => {
            "second SSID: tshark does not read it"
        }
        (_, "eapol.keydes.replay_counter") if parsed.eapol().is_some_and(is_key_of_wep) => {
            "key of WEP: we do not read it"
        }
        _ if (has(Anomaly::ElementOverrun) || has(Anomaly::Cut)) && theirs.starts_with(ours) => {
            "last element is cut: tshark reads what is left of it"
        }
        _ if parsed.radio.fcs == Fcs::Present
            && is_of_body
            && !ours.is_empty()
            && theirs.starts_with(ours) =>
        {
            "check sequence that the radio denies: tshark takes it for an element"
        }
        _ if gave_up && ours.starts_with(theirs) => "tshark gave up before",
        _ => return None,
    })
}

fn ht_mcs(rate: Rate) -> Option<u8> {
    if let Rate::Ht(mcs) = rate { Some(mcs) } else { None }
}

fn vht_mcs(rate: Rate) -> Option<u8> {
    if let Rate::Vht { mcs, .. } = rate { Some(mcs) } else { None }
}

fn is_key_of_wep(eapol: &eapol::Eapol<'_>) -> bool {
    matches!(eapol.packet, eapol::Packet::Other { packet_type: Some(3), body: [1, ..] })
}

fn frame_type(parsed: &Parsed<'_>) -> u8 {
    match parsed.header.control.frame_type() {
        FrameType::Management => 0,
        FrameType::Control => 1,
        FrameType::Data => 2,
        FrameType::Extension => 3,
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|it| it.to_string()).unwrap_or_default()
}

fn hexadecimal(value: Option<u16>) -> String {
    text(value.map(|it| format!("0x{it:04x}")))
}

/// Several values of one field, as tshark writes them.
fn joined(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().filter(|it| !it.is_empty()).collect();
    values.join(",")
}

/// An address of the header, and those of the packets in it.
fn with_subframes(
    parsed: &Parsed<'_>,
    of_header: Option<Mac>,
    of_subframe: fn(Subframe<'_>) -> Mac,
) -> String {
    let amsdu = match parsed.body {
        Body::Data(Data { payload: Payload::Amsdu(amsdu), .. }) => Some(amsdu),
        _ => None,
    };
    let inner = amsdu.into_iter().flat_map(Amsdu::subframes).map(of_subframe);
    joined(of_header.into_iter().chain(inner).map(|it| it.to_string()))
}

/// Every name; an empty one shows only when there is no other.
fn ssid(parsed: &Parsed<'_>) -> String {
    let names = parsed.elements.iter().filter(|it| it.id == ElementId::SSID);
    names_of(names.map(|it| it.value))
}

fn first_ssid(parsed: &Parsed<'_>) -> String {
    names_of(parsed.elements.ssid())
}

fn hexadecimal_bytes(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

fn names_of<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut names = names.into_iter().peekable();
    let is_there = names.peek().is_some();
    let names = joined(names.map(hexadecimal_bytes));
    if is_there && names.is_empty() { "<MISSING>".to_owned() } else { names }
}

fn first_bytes(parsed: &Parsed<'_>, id: ElementId) -> String {
    // tshark reads none of a wrong length.
    let length = if id == ElementId::HT_OPERATION { 22 } else { 1 };
    let found = parsed.elements.iter().filter(|it| it.id == id && it.value.len() == length);
    joined(found.map(|it| text(it.value.first())))
}

fn suites(suites: impl IntoIterator<Item = Suite>) -> String {
    joined(suites.into_iter().map(|it| u32::from_be_bytes(it.0).to_string()))
}

/// Every RSN element of the frame, also of a handshake in it.
fn of_rsn(parsed: &Parsed<'_>, write: fn(Security<'_>) -> String) -> String {
    let elements = parsed.elements.iter().filter(|it| it.id == ElementId::RSN).map(|it| it.value);
    let data = key(parsed).into_iter().flat_map(eapol::Key::key_data);
    let of_key = data.filter(|it| ElementId(it.id.into()) == ElementId::RSN).map(|it| it.value);
    joined(elements.chain(of_key).map(|value| write(Security::rsn(value))))
}

/// The same of WPA.
fn of_wpa(parsed: &Parsed<'_>, write: fn(Security<'_>) -> String) -> String {
    const WPA: [u8; 4] = [0x00, 0x50, 0xf2, 1];
    let vendors = parsed.elements.iter().filter(|it| it.id == ElementId::VENDOR);
    let elements = vendors.filter_map(|it| it.value.strip_prefix(&WPA));
    let data = key(parsed).into_iter().flat_map(eapol::Key::key_data);
    let of_key = data.filter(|it| it.selector == Some(WPA)).map(|it| it.value);
    joined(elements.chain(of_key).map(|value| write(Security::wpa(value))))
}

fn authentication<'a>(parsed: &'a Parsed<'_>) -> Option<&'a Authentication<'a>> {
    match parsed.management()? {
        Management::Authentication(authentication) => Some(authentication),
        _ => None,
    }
}

fn key<'a>(parsed: &'a Parsed<'_>) -> Option<&'a eapol::Key<'a>> {
    parsed.eapol()?.key()
}

fn reason(parsed: &Parsed<'_>) -> Option<u16> {
    match parsed.management()? {
        Management::Disassociation(reason) | Management::Deauthentication(reason) => Some(reason.0),
        Management::Action(action) => match action.details {
            action::Details::DeleteBlockAck { reason, .. } => Some(reason.0),
            _ => None,
        },
        _ => None,
    }
}

fn status(parsed: &Parsed<'_>) -> Option<u16> {
    match parsed.management()? {
        Management::AssociationResponse(AssociationResponse { status, .. })
        | Management::ReassociationResponse(AssociationResponse { status, .. }) => Some(status.0),
        Management::Authentication(authentication) => Some(authentication.status.0),
        Management::Action(action) => match action.details {
            action::Details::AddBlockAckResponse { status, .. } => Some(status.0),
            _ => None,
        },
        _ => None,
    }
}

/// tshark numbers also the two of a group handshake.
fn message(key: &eapol::Key<'_>) -> Option<u8> {
    match key.message() {
        Message::M1 | Message::Group1 => Some(1),
        Message::M2 | Message::Group2 => Some(2),
        Message::M3 => Some(3),
        Message::M4 => Some(4),
        Message::Request => None,
    }
}

fn packet_type(eapol: &eapol::Eapol<'_>) -> Option<u8> {
    match eapol.packet {
        eapol::Packet::Eap(_) => Some(0),
        eapol::Packet::Start => Some(1),
        eapol::Packet::Logoff => Some(2),
        eapol::Packet::Key(_) => Some(3),
        eapol::Packet::Other { packet_type, .. } => packet_type,
    }
}

fn code(code: Code) -> u8 {
    match code {
        Code::Request => 1,
        Code::Response => 2,
        Code::Success => 3,
        Code::Failure => 4,
        Code::Other(other) => other,
    }
}

fn security(parsed: &Parsed<'_>) -> Option<data::Security> {
    match parsed.body {
        Body::Data(data) => data.security,
        Body::Protected(security) => security,
        _ => None,
    }
}

fn wep_iv(security: data::Security) -> Option<String> {
    match security {
        data::Security::Wep { iv: [a, b, c], .. } => Some(format!("0x{a:02x}{b:02x}{c:02x}")),
        data::Security::Extended(_) => None,
    }
}

/// The counter of an extended header. What looks like TKIP and like CCMP is TKIP to tshark.
fn extended_iv(security: data::Security, is_tkip: bool) -> Option<String> {
    let data::Security::Extended(iv) = security else { return None };
    let seems_tkip = match iv.cipher() {
        LooksLike::Tkip | LooksLike::Either => true,
        LooksLike::Ccmp => false,
        LooksLike::Neither => return None,
    };
    let counter = if is_tkip { iv.tkip_sequence() } else { iv.packet_number() };
    (seems_tkip == is_tkip).then(|| format!("0x{counter:012X}"))
}

#[test]
fn every_frame_is_read_as_tshark_reads_it() {
    if Command::new("tshark").arg("--version").output().is_err() {
        common::skipped("the comparison with tshark; it is not installed (Debian package tshark)");
        return;
    }
    let captures = common::captures(&["public", "lab", "robustness"]);
    let mut seen = Seen::default();
    for capture in &captures {
        compare(capture, &mut seen);
    }
    println!("{} captures, {} frames, {} values", captures.len(), seen.frames, seen.values);
    for (excuse, count) in &seen.excused {
        println!("{count:6} values: {excuse}");
    }
    for difference in seen.differences.iter().take(DIFFERENCES_SHOWN) {
        println!("{difference}");
    }
    let differences = seen.differences.len();
    assert!(differences == 0, "{differences} of {} values differ", seen.values);
}

/// More would hide the figures.
const DIFFERENCES_SHOWN: usize = 100;

#[derive(Default)]
struct Seen {
    frames: usize,
    values: usize,
    excused: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
}

fn compare(capture: &Path, seen: &mut Seen) {
    let name = capture.file_name().unwrap().to_string_lossy();
    let theirs = read_by_tshark(capture);
    let mut lines = theirs.iter();
    common::packets(capture, |captured| {
        let parsed = wips::parse(&captured.packet);
        seen.frames += 1;
        let number = theirs.len() - lines.len() + 1;
        let Some(line) = lines.next() else {
            seen.differences.push(format!("{name}: tshark has no frame {number}"));
            return;
        };
        let gave_up = line.last().is_some_and(|it| !it.is_empty());
        for ((field, read), theirs) in FIELDS.iter().zip(line) {
            let ours = read(&parsed);
            seen.values += 1;
            if *theirs == ours {
                continue;
            }
            if let Some(excuse) = excuse(&parsed, field, theirs, &ours, gave_up) {
                *seen.excused.entry(excuse).or_default() += 1;
                continue;
            }
            let anomalies = parsed.anomalies;
            seen.differences.push(format!(
                "{name}:{number} {field}: tshark '{theirs}', we '{ours}' {anomalies:?}"
            ));
        }
    });
    if lines.len() > 0 {
        seen.differences.push(format!("{name}: tshark has {} more frames", lines.len()));
    }
}
