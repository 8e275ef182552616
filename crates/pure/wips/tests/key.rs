//! Keys of frames: what makes two of them the same.

use wips::dot11::FrameKey;
use wips::{CaptureTime, Link, Packet, SensorId};

/// A frame of data: addresses, sequence number 9, and something to say.
const FRAME: [u8; 30] = [
    0x08, 0x01, 0x3a, 0x01, 2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 2, 0, 0x90, 0, 1, 2, 3,
    4, 5, 6,
];
const RETRY: u8 = 0x08;

/// A frame with the lowest bits of one byte flipped.
fn changed(at: usize, bits: u8) -> Vec<u8> {
    let mut frame = FRAME.to_vec();
    frame[at] ^= bits;
    frame
}

fn keys(link: Link, bytes: &[u8], seed: u64) -> (FrameKey, Option<FrameKey>) {
    let parsed = wips::parse(&Packet::new(CaptureTime(0), SensorId(1), link, bytes));
    (parsed.key(seed), parsed.retry_key(seed))
}

#[test]
fn radio_header_and_check_sequence_do_not_count() {
    let radiotap = [&[0, 0, 9, 0, 0x20, 0, 0, 0, 200][..], &FRAME].concat();
    let mut with_fcs = radiotap.clone();
    with_fcs.extend_from_slice(&crc32fast::hash(&FRAME).to_le_bytes());
    let expected = keys(Link::Bare, &FRAME, 1);
    assert_eq!(keys(Link::Radiotap, &radiotap, 1), expected);
    assert_eq!(keys(Link::Radiotap, &with_fcs, 1), expected);
}

#[test]
fn a_retry_is_another_transmission_of_the_same_frame() {
    let first = keys(Link::Bare, &FRAME, 1);
    let retry = keys(Link::Bare, &changed(1, RETRY), 1);
    assert_ne!(retry.0, first.0);
    assert_eq!(retry.1, first.1);
    // At a lower rate its acknowledgement takes longer.
    assert_eq!(keys(Link::Bare, &changed(2, 1), 1).1, first.1);
}

#[test]
fn everything_else_counts() {
    let first = keys(Link::Bare, &FRAME, 1);
    for at in (0..FRAME.len()).filter(|at| ![1, 2, 3].contains(at)) {
        let other = keys(Link::Bare, &changed(at, 0x10), 1);
        assert_ne!(other.0, first.0, "byte {at}");
        assert_ne!(other.1, first.1, "byte {at}");
    }
    assert_ne!(keys(Link::Bare, &FRAME, 2), first, "the seed");
}

#[test]
fn what_has_no_sequence_number_is_never_a_retry() {
    let ack = [0xd4, 0, 0, 0, 2, 0, 0, 0, 1, 0];
    assert_eq!(keys(Link::Bare, &ack, 1).1, None);
}
