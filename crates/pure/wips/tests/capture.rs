//! Captures: every form that tools write, what is wrong with one, and our own read by others.

#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "captures are files")]

use std::path::Path;
use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use wips::capture::{BLOCK_MAX, CaptureError, PACKET_MAX, Writer};
use wips::{CaptureTime, Link, Packet, SensorId};

mod common;

/// What a capture gives: interface, time, link type, length on the air, check sequence, bytes.
type Given = (u32, u64, Link, usize, Option<u8>, Vec<u8>);

/// All packets of a capture that comes in pieces of `piece` bytes, and how it ends.
fn given(bytes: &[u8], piece: usize) -> (Vec<Given>, Result<(), CaptureError>) {
    let mut all = Vec::new();
    let end = common::decode(bytes, piece, |it| {
        let packet = it.packet;
        all.push((
            it.interface,
            packet.at.0,
            packet.link,
            packet.wire_bytes,
            packet.fcs_bytes,
            packet.bytes.to_vec(),
        ));
    });
    (all, end)
}

/// The same whatever the pieces are.
#[track_caller]
fn check(bytes: &[u8], expected: &[Given], end: Result<(), CaptureError>) {
    for piece in [1, 3, 16, usize::MAX] {
        assert_eq!(given(bytes, piece), (expected.to_vec(), end), "in pieces of {piece}");
    }
}

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        [self.u32(magic).to_vec(), version, self.words(&[0, 0, 65_535, link])].concat()
    }

    fn pcap_packet(self, seconds: u32, fraction: u32, bytes: &[u8], wire_bytes: u32) -> Vec<u8> {
        let length = bytes.len() as u32;
        [self.words(&[seconds, fraction, length, wire_bytes]), bytes.to_vec()].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = self.u32((body.len() + padding.len() + 12) as u32);
        [&self.u32(kind), &length, body, &padding, &length].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        let body = [self.words(&[0x1a2b_3c4d]), version, vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(self, number: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.u16(number), &self.u16(value.len() as u16), value, &padding].concat()
    }

    fn interface(self, link: u16, snap_bytes: u32, options: &[u8]) -> Vec<u8> {
        let head = [self.u16(link), self.u16(0)].concat();
        self.block(1, &[&head, &self.u32(snap_bytes)[..], options].concat())
    }

    fn packet(self, interface: u32, units: u64, bytes: &[u8], options: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u32;
        let head = [interface, (units >> 32) as u32, units as u32, length, length];
        let padding = vec![0; bytes.len().next_multiple_of(4) - bytes.len()];
        self.block(6, &[&self.words(&head), bytes, &padding, options].concat())
    }
}

#[test]
fn pcap_is_read_in_both_orders_and_units() {
    for order in [Order::Little, Order::Big] {
        for (magic, fraction) in [(0xa1b2_c3d4, 6), (0xa1b2_3c4d, 6_999)] {
            let file = [
                order.pcap(magic, 127),
                order.pcap_packet(5, fraction, b"abc", 3),
                order.pcap_packet(6, 0, b"", 100),
            ]
            .concat();
            let expected = [
                (0, 5_000_006, Link::Radiotap, 3, None, b"abc".to_vec()),
                (0, 6_000_000, Link::Radiotap, 100, None, vec![]),
            ];
            check(&file, &expected, Ok(()));
        }
    }
}

#[test]
fn pcap_tells_the_length_of_check_sequences() {
    let order = Order::Little;
    let file = [order.pcap(0xa1b2_c3d4, 0x2400_0069), order.pcap_packet(0, 0, b"abcde", 5)];
    check(&file.concat(), &[(0, 0, Link::Bare, 5, Some(4), b"abcde".to_vec())], Ok(()));
}

#[test]
fn pcapng_is_read_with_sections_interfaces_and_units_of_time() {
    const UNIT: u16 = 9;
    const FCS: u16 = 13;
    const OFFSET: u16 = 14;
    let (little, big) = (Order::Little, Order::Big);
    let file = [
        little.section(),
        little.interface(105, 0, &little.option(FCS, &[4])),
        little.interface(127, 0, &little.option(UNIT, &[9])),
        little.block(0x0bad, b"a block of somebody else"),
        little.packet(1, 7_000_123_456, b"nano", &[]),
        little.packet(0, 8_000_000, b"micro", &[]),
        // A simple packet, cut by nothing, takes the time of the one before.
        little.block(3, &[&little.u32(2)[..], b"hi"].concat()),
        // The flags of a packet say that its check sequence has 2 bytes.
        little.packet(0, 9_000_000, b"flag", &little.option(2, &little.u32(2 << 5))),
        big.section(),
        big.interface(
            119,
            3,
            &[big.option(UNIT, &[0x8a]), big.option(OFFSET, &[0, 0, 0, 0, 0, 0, 0, 2])].concat(),
        ),
        big.packet(0, 1536, b"binary", &[]),
        // The same kind of packet, cut by its interface.
        big.block(3, &[&big.u32(6)[..], b"abc"].concat()),
    ]
    .concat();
    let expected = [
        (1, 7_000_123, Link::Radiotap, 4, None, b"nano".to_vec()),
        (0, 8_000_000, Link::Bare, 5, Some(4), b"micro".to_vec()),
        (0, 8_000_000, Link::Bare, 2, Some(4), b"hi".to_vec()),
        (0, 9_000_000, Link::Bare, 4, Some(2), b"flag".to_vec()),
        (0, 3_500_000, Link::Prism, 6, None, b"binary".to_vec()),
        (0, 3_500_000, Link::Prism, 6, None, b"abc".to_vec()),
    ];
    check(&file, &expected, Ok(()));
}

#[test]
fn a_capture_that_is_cut_gives_what_is_whole_and_says_where_the_rest_begins() {
    let order = Order::Little;
    let head = order.pcap(0xa1b2_c3d4, 105);
    let packet = order.pcap_packet(1, 0, b"abc", 3);
    let file = [head.clone(), packet.clone(), packet.clone()].concat();
    let second_at = head.len() + packet.len();
    for end in 0..file.len() {
        let (packets, outcome) = given(&file[..end], 5);
        let whole = end.saturating_sub(head.len()) / packet.len();
        assert_eq!(packets.len(), whole, "{end}");
        let expected = if end == 0 || end == head.len() || end == second_at {
            Ok(())
        } else {
            let at = if end < head.len() { 0 } else { head.len() + whole * packet.len() };
            Err(CaptureError::FileTruncated { at: at as u64 })
        };
        assert_eq!(outcome, expected, "{end}");
    }
}

#[test]
fn a_block_that_is_cut_is_told_by_where_it_begins_even_if_nobody_wants_it() {
    let order = Order::Little;
    let blocks = [
        order.section(),
        order.block(0x0bad, b"a block of somebody else"),
        order.interface(105, 0, &[]),
        order.packet(0, 1, b"x", &[]),
    ];
    let file = blocks.concat();
    let mut begins = 0;
    for block in blocks {
        for end in begins + 1..begins + block.len() {
            let at = begins as u64;
            let (_, outcome) = given(&file[..end], 5);
            assert_eq!(outcome, Err(CaptureError::FileTruncated { at }), "{end}");
        }
        begins += block.len();
        assert_eq!(given(&file[..begins], 5).1, Ok(()));
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let order = Order::Little;
    let begin = [order.section(), order.interface(105, 0, &[])].concat();
    let at = begin.len() as u64;
    let after = |block: &[u8]| [&begin[..], block].concat();
    check(b"GIF89a", &[], Err(CaptureError::FileUnknown { found: *b"GIF8" }));
    let long = PACKET_MAX as u32 + 1;
    let pcap = [order.pcap(0xa1b2_c3d4, 105), order.words(&[0, 0, long, long])].concat();
    check(&pcap, &[], Err(CaptureError::FileOversized { at: 24, length: long }));
    let malformed = Err(CaptureError::FileMalformed { at });
    // An interface that nobody described; more bytes than the block has; two lengths; half a word.
    check(&after(&order.packet(1, 0, b"x", &[])), &[], malformed);
    check(&after(&order.block(6, &order.words(&[0, 0, 0, 99, 99]))), &[], malformed);
    let mut lengths = order.packet(0, 0, b"x", &[]);
    *lengths.last_mut().unwrap() = 9;
    check(&after(&lengths), &[], malformed);
    check(&after(&order.words(&[6, 33])), &[], malformed);
    let length = BLOCK_MAX as u32 + 4;
    let oversized = Err(CaptureError::FileOversized { at, length });
    check(&after(&order.words(&[6, length])), &[], oversized);
    let order_unknown = order.block(0x0a0d_0d0a, &[7; 16]);
    check(&order_unknown, &[], Err(CaptureError::FileMalformed { at: 0 }));
}

#[test]
fn a_long_block_of_somebody_else_is_skipped_without_being_kept() {
    let order = Order::Little;
    let file = [
        order.section(),
        order.block(0x0bad, &vec![0; 3 * BLOCK_MAX]),
        order.interface(105, 0, &[]),
        order.packet(0, 1, b"x", &[]),
    ]
    .concat();
    let expected = vec![(0, 1, Link::Bare, 1, None, b"x".to_vec())];
    assert_eq!(given(&file, 1 << 16), (expected, Ok(())));
}

#[test]
fn every_capture_has_the_frames_of_the_manifest_and_only_those_that_are_cut_say_so() {
    let captures = common::captures(&["public", "lab"]);
    let Some(first) = captures.first() else { return };
    let manifest = first.parent().unwrap().parent().unwrap().join("manifest.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    for capture in &captures {
        let name = capture.file_name().unwrap().to_str().unwrap();
        let entry = manifest.as_array().unwrap().iter().find(|it| it["file"] == name).unwrap();
        let mut frames = 0;
        let end = common::decode(&common::bytes_of(capture), 1 << 16, |_| frames += 1);
        assert_eq!(frames, entry["frames"].as_u64().unwrap(), "{name}");
        let is_cut = matches!(end, Err(CaptureError::FileTruncated { .. }));
        assert_eq!(is_cut, entry["truncated"].as_bool().unwrap(), "{name}: {end:?}");
        assert!(is_cut || end.is_ok(), "{name}: {end:?}");
    }
}

/// A file with a comment about itself, and packets of which the first has one of its own.
fn written(packets: &[Packet<'_>], comment: &str) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, Some("incident 7"));
    for (number, packet) in packets.iter().enumerate() {
        writer.packet(&mut file, packet, (number == 0).then_some(comment));
    }
    file
}

#[test]
fn tshark_reads_what_we_write() {
    if Command::new("tshark").arg("--version").output().is_err() {
        common::skipped("our pcapng in tshark; it is not installed (Debian package tshark)");
        return;
    }
    let ack = [0xd4, 0, 0, 0, 2, 0, 0, 0, 1, 0];
    let mut packet = Packet::new(CaptureTime(1_700_000_000_123_456), SensorId(3), Link::Bare, &ack);
    let first = packet;
    packet.sensor = SensorId(4);
    packet.at = packet.at.plus_us(2_000);
    let file = written(&[first, packet], "attacker 02:00:00:00:01:00, ünïcode");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("written.pcapng");
    std::fs::write(&path, file).unwrap();
    let fields = ["frame.time_epoch", "frame.interface_name", "frame.comment", "wlan.ra"];
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-E", "separator=|", "-r"]).arg(&path);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().unwrap();
    let expected = "1700000000.123456000|sensor 3|attacker 02:00:00:00:01:00, ünïcode|02:00:00:00:01:00\n\
                    1700000000.125456000|sensor 4||02:00:00:00:01:00\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        packets in vec((any::<u64>(), 0..3_u32, any::<u16>(), vec(any::<u8>(), 0..80), 0..9_usize), 0..20),
        fcs_bytes: Option<u8>,
        comment in ".{0,200}",
        piece in 1..200_usize,
    ) {
        let packets: Vec<Packet<'_>> = packets
            .iter()
            .map(|(at, sensor, link, bytes, missing)| Packet {
                at: CaptureTime(*at),
                sensor: SensorId(*sensor),
                link: Link::from_number(*link),
                wire_bytes: bytes.len() + missing,
                fcs_bytes,
                bytes,
            })
            .collect();
        let (read, end) = given(&written(&packets, &comment), piece);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(read.len(), packets.len());
        for (read, packet) in read.iter().zip(&packets) {
            let Packet { at, link, wire_bytes, fcs_bytes, bytes, .. } = *packet;
            let written = (read.0, at.0, link, wire_bytes, fcs_bytes, bytes.to_vec());
            prop_assert_eq!(read, &written);
        }
    }
}
