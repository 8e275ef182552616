//! The examples of the reference parser: headers, and what its program prints of them.

#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "the examples are files")]

use std::path::Path;

use wips::dot11::Anomaly;
use wips::dot11::radio::Rate;
use wips::{CaptureTime, Link, Packet, SensorId};

mod common;

/// The first value of `name` in what the reference prints.
fn printed<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn headers_are_read_as_the_reference_reads_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../../shared/data/captures/robustness/radiotap-library");
    let Ok(entries) = folder.read_dir() else {
        common::skipped("the examples of the radiotap library; they are not there");
        return;
    };
    let mut examples = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        examples += 1;
        let name = path.file_name().unwrap().to_string_lossy();
        let expected = std::fs::read_to_string(path.with_extension("out")).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let packet = Packet::new(CaptureTime(0), SensorId(0), Link::Radiotap, &bytes);
        let parsed = wips::parse(&packet);
        let tsft = printed(&expected, "TSFT").map(|it| it.parse().unwrap());
        assert_eq!(parsed.radio.tsft, tsft, "{name}");
        // In units of 500 kb/s, where the reference writes megabits. The first one counts.
        let rate = printed(&expected, "rate").map(|it| it.parse::<f64>().unwrap());
        let ours = match parsed.radio.rate {
            Some(Rate::Legacy(units)) => Some(f64::from(units) / 2.0),
            _ => None,
        };
        assert_eq!(ours, rate, "{name}");
        let flags = printed(&expected, "flags").map(|it| u8::from_str_radix(it, 16).unwrap());
        let data_pad = flags.is_some_and(|it| it & 0x20 != 0);
        assert_eq!(parsed.radio.data_pad, data_pad, "{name}");
        let is_malformed = expected.contains("malformed");
        assert_eq!(parsed.anomalies.contains(Anomaly::LinkHeader), is_malformed, "{name}");
    }
    assert_eq!(examples, 10);
}
