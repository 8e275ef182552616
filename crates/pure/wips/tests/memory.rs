//! A million beacons of invented access points leave no more memory behind than ten thousand do, nor does a
//! million frames of invented stations, each of which a detector keeps something of.
#![expect(clippy::print_stdout, reason = "the figures are what this test is for")]
#![expect(unsafe_code, reason = "counting allocations takes an allocator of one's own")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use wips::{CaptureTime, Link, Packet, Profile, SensorId, Wips};

/// Counts the bytes that are allocated now.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRAMES: u64 = 1_000_000;
/// Tables are full by then.
const FULL: u64 = 100_000;
/// The most that the machine holds with the default profile, whatever is sent.
const BYTES_MAX: usize = 24 * 1024 * 1024;

/// A beacon of an access point and a network that nobody heard of.
fn beacon(number: u64) -> Vec<u8> {
    let [_, _, a, b, c, d, e, f] =
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17).to_be_bytes();
    let bssid = [a & !1, b, c, d, e, f];
    let mut frame = vec![0x80, 0, 0, 0];
    frame.extend([0xff; 6]);
    frame.extend(bssid);
    frame.extend(bssid);
    frame.extend([0, 0]);
    frame.extend(number.to_le_bytes());
    frame.extend([100, 0, 1, 0]);
    frame.extend([0, 8]);
    frame.extend(number.to_be_bytes());
    frame.extend([1, 4, 0x82, 0x84, 0x8b, 0x96, 3, 1, 6]);
    frame
}

/// A frame of a station that nobody heard of, which comes twice so that it is no newcomer: group data, a
/// request for an address, a long name, an echo, an identity, a disassociation, or a station that joins.
fn of_station(number: u64) -> Vec<u8> {
    let [_, _, a, b, c, d, e, f] = (number / 14).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let (station, ap) = ([a & !1, b, c, d, e, f], [0, 0x11, 0x22, d, e, f & 0x0f]);
    let data = |control: [u8; 2], to: [u8; 6], from: [u8; 6], body: &[u8]| {
        let mut frame = [&control[..], &[0, 0], &to, &from, &[0, 0x1b, 0x21, 0, 0, 1]].concat();
        frame.extend((((number & 0x0fff) as u16) << 4).to_le_bytes());
        frame.extend(body);
        frame
    };
    let clear = |ethertype: [u8; 2], packet: &[u8]| {
        let body = [&[0xaa, 0xaa, 3, 0, 0, 0][..], &ethertype, packet].concat();
        data([0x08, 0x01], ap, station, &body)
    };
    let ip = |protocol: u8, body: &[u8]| {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 7];
        packet.extend([10, d, e, f]);
        packet.extend(body);
        let bytes = packet.len() as u16;
        packet.splice(2..4, bytes.to_be_bytes());
        clear([0x08, 0x00], &packet)
    };
    let noise = number.wrapping_mul(0xBF58_476D_1CE4_E5B9).to_be_bytes();
    match number % 14 / 2 {
        0 => {
            let body = [&noise[..3], &[0x20], &[0; 4], &noise.repeat(6)].concat();
            data([0x08, 0x42], [0xff; 6], station, &body)
        }
        1 => {
            let head = [0, 68, 0, 67, 1, 0, 0, 0, 1, 1, 6, 0];
            ip(17, &[&head[..], &[0; 24], &noise, &[0; 202]].concat())
        }
        2 => {
            let head = [0x9c, 0x40, 0, 53, 0, 200, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            let labels = [&[62][..], &[b'x'; 54], &noise, &[62], &[b'y'; 62]].concat();
            ip(17, &[&head[..], &labels, &[0, 0, 1, 0, 1]].concat())
        }
        3 => ip(1, &[&[8, 0, 0, 0, 0, 1, 0, 1][..], &noise.repeat(6)].concat()),
        4 => {
            let eap = [&[2, 0, 0, 13, 2, 7, 0, 13, 1][..], &noise].concat();
            clear([0x88, 0x8e], &eap)
        }
        5 => {
            let mut frame = data([0xa0, 0], ap, station, &[1, 0]);
            frame.splice(16..22, ap);
            frame
        }
        _ => {
            let mut frame = data([0x10, 0], station, ap, &[0x31, 4, 0, 0, 1, 0xc0]);
            frame.splice(16..22, ap);
            frame
        }
    }
}

#[test]
fn memory_is_flat_under_a_million_invented_access_points_and_stations() {
    flood("beacons", beacon);
    flood("frames of stations", of_station);
}

fn flood(what: &str, frame: fn(u64) -> Vec<u8>) {
    let before = ALLOCATED.load(Ordering::Relaxed);
    let mut wips = Wips::new(Profile::default());
    let mut when_full = 0;
    for number in 0..FRAMES {
        let frame = frame(number);
        let at = CaptureTime(1_800_000_000_000_000 + number * 1_000);
        wips.handle(&Packet::new(at, SensorId(0), Link::Bare, &frame));
        while wips.poll().is_some() {}
        if number == FULL {
            when_full = ALLOCATED.load(Ordering::Relaxed) - before;
        }
    }
    let after = ALLOCATED.load(Ordering::Relaxed) - before;
    let counts = wips.counts();
    println!(
        "{} KiB after {FULL} {what}, {} KiB after {FRAMES}; {} known, {} forgotten",
        when_full / 1024,
        after / 1024,
        counts.known,
        counts.forgotten
    );
    assert!(counts.known <= Profile::default().radios_max * 5 / 4, "{counts:?}");
    assert!(after <= when_full + when_full / 4, "{after} after {when_full}");
    assert!(after <= BYTES_MAX, "{after}");
}
