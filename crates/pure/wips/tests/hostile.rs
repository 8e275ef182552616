//! Damaged frames, impossible times and a thousand sensors: bounded work, and no panic.
#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::path::Path;

use wips::{CaptureTime, Change, Link, Packet, Profile, SensorId, Severity, Wips};

mod common;

/// The same numbers in every run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Packets of one capture, at most so many.
fn packets(path: &Path, most: usize) -> Vec<(CaptureTime, Link, Vec<u8>)> {
    let mut found = Vec::new();
    common::packets(path, |captured| {
        if found.len() < most {
            let Packet { at, link, bytes, .. } = captured.packet;
            found.push((at, link, bytes.to_vec()));
        }
    });
    found
}

fn drained(wips: &mut Wips) -> usize {
    std::iter::from_fn(|| wips.poll()).count()
}

#[test]
fn damaged_captures_are_survived_with_bounded_tables() {
    let mut random = Random(0x5EED);
    let mut wips = Wips::new(Profile { radios_max: 2_048, ..Profile::default() });
    for path in common::captures(&["lab", "public", "robustness"]) {
        for (at, link, mut bytes) in packets(&path, 2_000) {
            for _ in 0..random.next() % 4 {
                let length = bytes.len().max(1) as u64;
                if let Some(byte) = bytes.get_mut((random.next() % length) as usize) {
                    *byte = random.next() as u8;
                }
            }
            let sensor = SensorId((random.next() % 3) as u32);
            wips.handle(&Packet::new(at, sensor, link, &bytes));
            drained(&mut wips);
        }
    }
    let counts = wips.counts();
    assert!(counts.known <= 2_048 * 5 / 4, "{counts:?}");
}

#[test]
fn times_that_cannot_be_do_not_stop_time() {
    let Some(path) =
        common::captures(&["lab"]).into_iter().find(|it| it.ends_with("hwsim_mdk4-d.pcap"))
    else {
        return;
    };
    let found = |lies: &dyn Fn(usize, CaptureTime) -> CaptureTime| {
        let mut wips = Wips::new(Profile::default());
        for (number, (at, link, bytes)) in packets(&path, usize::MAX).iter().enumerate() {
            wips.handle(&Packet::new(lies(number, *at), SensorId(0), *link, bytes));
        }
        let mut opened = Vec::new();
        while let Some(change) = wips.poll() {
            if let Change::Opened(it) = change
                && it.severity >= Severity::Minor
            {
                opened.push(it.kind);
            }
        }
        opened
    };
    let truth = found(&|_, at| at);
    assert_eq!(truth.len(), 1);
    let future = found(&|number, at| if number == 100 { CaptureTime(u64::MAX) } else { at });
    assert_eq!(future, truth);
    let past = found(&|number, at| if number % 50 == 7 { CaptureTime(1) } else { at });
    assert_eq!(past, truth);
    let none = found(&|_, _| CaptureTime(0));
    assert_eq!(none, []);
}

#[test]
fn a_thousand_sensors_hear_one_frame_once() {
    let frame = [
        0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0,
    ];
    let mut wips = Wips::new(Profile::default());
    for beacon in 0..20_u64 {
        let mut frame = frame.to_vec();
        frame.extend((beacon * 102_400).to_le_bytes());
        frame.extend([100, 0, 1, 0]);
        for sensor in 0..1_000_u32 {
            let at = CaptureTime(1_800_000_000_000_000 + beacon * 102_400 + u64::from(sensor) * 4);
            wips.handle(&Packet::new(at, SensorId(sensor), Link::Bare, &frame));
        }
    }
    let counts = wips.counts();
    // Nobody knew of a second sensor when the first frame came, so it was not remembered.
    assert_eq!((counts.packets, counts.copies), (20_000, 20 * 999 - 1));
    let opened = std::iter::from_fn(|| wips.poll()).last().unwrap();
    let Change::Opened(incident) = opened else { panic!("{opened:?}") };
    assert_eq!(incident.severity, Severity::Informational);
}
