//! Byte vectors: `tests/vectors/<case>/packet.hex` is a packet, `outcome.txt` what is read of it.
//!
//! `README` says what the case shows; its last line is the link type. `UPDATE_GOLDEN=1 cargo test -p
//! wips` rewrites the outcomes; read the difference before committing it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the vectors are files")]

use std::fmt::Write as _;
use std::path::Path;

use wips::dot11::data::{Content, Msdu};
use wips::dot11::{Body, Data, Payload};
use wips::{CaptureTime, Packet, Parsed, SensorId};

mod common;

#[test]
fn every_vector_has_its_outcome() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 88, "vectors are missing");
    for case in cases {
        check(&case);
    }
}

fn check(case: &Path) {
    let (link, bytes) = common::vector(case);
    let outcome = outcome(&wips::parse(&Packet::new(CaptureTime(0), SensorId(0), link, &bytes)));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(case.join("outcome.txt"), &outcome).unwrap();
    }
    let expected = std::fs::read_to_string(case.join("outcome.txt")).unwrap_or_default();
    assert_eq!(outcome, expected, "{}", case.display());
}

/// What is read, a line for each part; absent parts have none.
fn outcome(parsed: &Parsed<'_>) -> String {
    let mut out = String::new();
    let Parsed { radio, frame, header, body, elements, anomalies } = parsed;
    line(&mut out, "radio", Some(radio));
    line(&mut out, "frame bytes", Some(frame.len()));
    line(&mut out, "header", Some(header));
    let ends = (header.source(), header.destination(), header.bssid());
    line(&mut out, "from, to, network", Some(ends));
    match body {
        Body::Data(Data { payload: Payload::Msdu(packet), .. }) => msdu(&mut out, packet),
        Body::Data(Data { payload: Payload::Amsdu(packets), .. }) => {
            for packet in packets.subframes() {
                line(&mut out, "subframe", Some((packet.source, packet.destination)));
                msdu(&mut out, &packet.msdu);
            }
        }
        other => line(&mut out, "body", Some(other)),
    }
    let listed: Vec<String> =
        elements.iter().map(|it| format!("{}:{}", it.id.0, it.value.len())).collect();
    line(&mut out, "elements", Some(listed.join(" ")).filter(|it| !it.is_empty()));
    line(&mut out, "ssid", elements.ssid().map(String::from_utf8_lossy));
    line(&mut out, "channel", elements.channel());
    line(&mut out, "channel switch", elements.channel_switch());
    line(&mut out, "traffic", elements.tim());
    line(&mut out, "country", elements.country());
    line(&mut out, "mobility domain", elements.mobility_domain());
    line(&mut out, "ht operation", elements.ht_operation());
    line(&mut out, "he operation", elements.he_operation());
    line(&mut out, "rsn", elements.rsn());
    line(&mut out, "wpa", elements.wpa());
    if let Some(wps) = elements.wps() {
        line(&mut out, "wps", Some((wps.state(), wps.is_setup_locked())));
    }
    line(&mut out, "anomalies", Some(anomalies));
    out
}

/// Packets of authentication are shown by what they mean as well.
fn msdu(out: &mut String, msdu: &Msdu<'_>) {
    line(out, "ethertype", msdu.ethertype);
    line(out, "content", Some(msdu.content));
    let Content::Eapol(eapol) = &msdu.content else { return };
    if let Some(key) = eapol.key() {
        line(out, "message", Some(key.message()));
        line(out, "zero nonce, zero mic", Some((key.has_zero_nonce(), key.has_zero_mic())));
        line(out, "pmkid", key.pmkid());
    }
    if let Some(eap) = eapol.eap() {
        line(out, "identity", eap.identity().map(String::from_utf8_lossy));
        if let Some(wsc) = eap.wsc() {
            line(out, "wps", Some((wsc.op, wsc.attributes.message_type())));
        }
    }
}

fn line(out: &mut String, name: &str, value: Option<impl std::fmt::Debug>) {
    if let Some(value) = value {
        writeln!(out, "{name}: {value:?}").unwrap();
    }
}
