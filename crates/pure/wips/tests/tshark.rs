//! What we read of every capture, against what tshark reads of it.
//!
//! Every frame of every capture is compared in every field of [`FIELDS`]. Where we differ on purpose, a
//! rule in [`expected`] says so, and why; how often each was used is printed with the figures.
#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]
#![expect(clippy::print_stdout, reason = "the figures are what this test is for")]

use std::path::Path;
use std::process::Command;

use model::Mac;
use wips::Parsed;
use wips::dot11::data::Security;
use wips::dot11::management::{AssociationResponse, Management};
use wips::dot11::{Body, ElementId, FrameType, action, eapol, security};

mod common;

/// The fields that are compared, by their names in tshark.
const FIELDS: [&str; 29] = [
    "wlan.fc.version",
    "wlan.fc.type",
    "wlan.fc.subtype",
    "wlan.ra",
    "wlan.ta",
    "wlan.sa",
    "wlan.da",
    "wlan.bssid",
    "wlan.seq",
    "wlan.frag",
    "wlan.ssid",
    "wlan.ds.current_channel",
    "wlan.ht.info.primarychannel",
    "wlan.rsn.gcs",
    "wlan.rsn.pcs",
    "wlan.rsn.akms",
    "wlan.rsn.capabilities",
    "wlan.wfa.ie.wpa.mcs",
    "wlan.wfa.ie.wpa.ucs",
    "wlan.wfa.ie.wpa.akms",
    "wlan.fixed.reason_code",
    "wlan.fixed.status_code",
    "wlan.fixed.auth.alg",
    "wlan.fixed.auth_seq",
    "wlan_rsna_eapol.keydes.msgnr",
    "eapol.type",
    "eap.code",
    "wlan.ccmp.extiv",
    "radiotap.channel.freq",
];

/// Asked of tshark besides, to know how it judged the frame.
const FCS_STATUS: &str = "wlan.fcs.status";

/// What tshark reads of a capture: a line per frame, and in it a text per field.
fn read_by_tshark(capture: &Path) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    // One frame at a time, as we read: nothing put together, nothing decrypted.
    tshark.args(["-n", "-o", "wlan.defragment:FALSE", "-o", "wlan.enable_decryption:FALSE"]);
    tshark.args(["-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-r"]).arg(capture);
    for field in FIELDS.iter().chain([&FCS_STATUS]) {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

/// What we read, written as tshark writes it.
fn read_by_us(parsed: &Parsed<'_>) -> Vec<String> {
    let header = &parsed.header;
    let mac = |mac: Option<Mac>| mac.map(|mac| mac.to_string()).unwrap_or_default();
    let number = |number: Option<u16>| number.map(|it| it.to_string()).unwrap_or_default();
    let frame_type = match header.control.frame_type() {
        FrameType::Management => 0,
        FrameType::Control => 1,
        FrameType::Data => 2,
        FrameType::Extension => 3,
    };
    let of_elements = |id: ElementId, write: &dyn Fn(&[u8]) -> String| {
        let all = parsed.elements.iter().filter(|it| it.id == id).map(|it| write(it.value));
        all.collect::<Vec<_>>().join(",")
    };
    let first = |value: &[u8]| value.first().map(u8::to_string).unwrap_or_default();
    let (rsn, wpa) = (security_of(parsed), parsed.elements.wpa());
    let (reason, status) = (reason_of(parsed), status_of(parsed));
    let authentication = match parsed.management() {
        Some(Management::Authentication(authentication)) => Some(authentication),
        _ => None,
    };
    let eapol = parsed.eapol();
    vec![
        header.control.version().to_string(),
        frame_type.to_string(),
        header.control.subtype().to_string(),
        mac(header.receiver),
        mac(header.transmitter),
        mac(header.source()),
        mac(header.destination()),
        mac(header.bssid()),
        number(header.sequence.map(|it| it.number)),
        number(header.sequence.map(|it| u16::from(it.fragment))),
        of_elements(ElementId::SSID, &ssid),
        of_elements(ElementId::DS_PARAMETER, &first),
        of_elements(ElementId::HT_OPERATION, &first),
        rsn.and_then(|it| it.group).map(suite).unwrap_or_default(),
        rsn.map(|it| suites(it.pairwise)).unwrap_or_default(),
        rsn.map(|it| suites(it.akms)).unwrap_or_default(),
        rsn.and_then(|it| it.capabilities).map(|it| format!("0x{:04x}", it.0)).unwrap_or_default(),
        wpa.and_then(|it| it.group).map(suite).unwrap_or_default(),
        wpa.map(|it| suites(it.pairwise)).unwrap_or_default(),
        wpa.map(|it| suites(it.akms)).unwrap_or_default(),
        reason.map(|it| format!("0x{it:04x}")).unwrap_or_default(),
        status.map(|it| format!("0x{it:04x}")).unwrap_or_default(),
        number(authentication.map(|it| it.algorithm.0)),
        authentication.map(|it| format!("0x{:04x}", it.sequence)).unwrap_or_default(),
        eapol.and_then(|it| it.key()).map(message).unwrap_or_default(),
        eapol.map(|it| packet_type(&it.packet)).unwrap_or_default(),
        eapol.and_then(|it| it.eap()).map(|it| code(it.code)).unwrap_or_default(),
        packet_number(parsed),
        number(parsed.radio.frequency_mhz),
    ]
}

fn ssid(value: &[u8]) -> String {
    if value.is_empty() {
        return "<MISSING>".to_owned();
    }
    value.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn suite(suite: security::Suite) -> String {
    u32::from_be_bytes(suite.0).to_string()
}

fn suites(suites: security::Suites<'_>) -> String {
    suites.iter().map(suite).collect::<Vec<_>>().join(",")
}

/// The security element, also the one that a second message of a handshake brings.
fn security_of<'a>(parsed: &Parsed<'a>) -> Option<security::Security<'a>> {
    parsed.elements.rsn()
}

fn reason_of(parsed: &Parsed<'_>) -> Option<u16> {
    match parsed.management()? {
        Management::Disassociation(reason) | Management::Deauthentication(reason) => Some(reason.0),
        Management::Action(action) => match action.details {
            action::Details::DeleteBlockAck { reason, .. } => Some(reason.0),
            _ => None,
        },
        _ => None,
    }
}

fn status_of(parsed: &Parsed<'_>) -> Option<u16> {
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

fn message(key: &eapol::Key<'_>) -> String {
    use eapol::Message;
    match key.message() {
        Message::M1 => "1",
        Message::M2 => "2",
        Message::M3 => "3",
        Message::M4 => "4",
        Message::Group1 | Message::Group2 | Message::Request => "",
    }
    .to_owned()
}

fn packet_type(packet: &eapol::Packet<'_>) -> String {
    match packet {
        eapol::Packet::Eap(_) => "0".to_owned(),
        eapol::Packet::Start => "1".to_owned(),
        eapol::Packet::Logoff => "2".to_owned(),
        eapol::Packet::Key(_) => "3".to_owned(),
        eapol::Packet::Other { packet_type, .. } => {
            packet_type.map(|it| it.to_string()).unwrap_or_default()
        }
    }
}

fn code(code: wips::dot11::eap::Code) -> String {
    use wips::dot11::eap::Code;
    match code {
        Code::Request => 1,
        Code::Response => 2,
        Code::Success => 3,
        Code::Failure => 4,
        Code::Other(other) => other,
    }
    .to_string()
}

fn packet_number(parsed: &Parsed<'_>) -> String {
    let security = match parsed.body {
        Body::Data(data) => data.security,
        Body::Protected(security) => security,
        _ => None,
    };
    match security {
        Some(Security::Extended(iv)) => format!("0x{:012X}", iv.packet_number()),
        _ => String::new(),
    }
}

#[test]
fn every_frame_is_read_as_tshark_reads_it() {
    if Command::new("tshark").arg("--version").output().is_err() {
        common::skipped("the comparison with tshark; it is not installed (Debian package tshark)");
        return;
    }
    let (mut frames, mut values, mut differences) = (0, 0, Vec::new());
    let captures = common::captures(&["public", "lab", "robustness"]);
    for capture in &captures {
        let theirs = read_by_tshark(capture);
        let mut count = 0;
        common::packets(capture, |captured| {
            let parsed = wips::parse(&captured.packet);
            let ours = read_by_us(&parsed);
            let name = capture.file_name().unwrap().to_string_lossy();
            let Some(line) = theirs.get(count) else {
                differences.push(format!("{name}:{} is no frame to tshark", count + 1));
                count += 1;
                return;
            };
            count += 1;
            for ((field, theirs), ours) in FIELDS.iter().zip(line).zip(&ours) {
                values += 1;
                if theirs != ours {
                    differences.push(format!(
                        "{name}:{count} {field}: tshark '{theirs}' ours '{ours}' {:?} fcs {}",
                        parsed.anomalies,
                        line.last().unwrap()
                    ));
                }
            }
        });
        frames += count;
        if count != theirs.len() {
            differences.push(format!(
                "{}: tshark {} frames, ours {count}",
                capture.display(),
                theirs.len()
            ));
        }
    }
    for difference in differences.iter().take(20000) {
        println!("{difference}");
    }
    println!(
        "{} captures, {frames} frames, {values} values, {} differences",
        captures.len(),
        differences.len()
    );
    assert!(differences.is_empty(), "{} of {values} values differ", differences.len());
}
