//! A million beacons of invented access points leave no more memory behind than ten thousand do.
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

const BEACONS: u64 = 1_000_000;
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

#[test]
fn memory_is_flat_under_a_million_invented_access_points() {
    let mut wips = Wips::new(Profile::default());
    let before = ALLOCATED.load(Ordering::Relaxed);
    let mut when_full = 0;
    for number in 0..BEACONS {
        let frame = beacon(number);
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
        "{} KiB after {FULL} beacons, {} KiB after {BEACONS}; {} known, {} forgotten",
        when_full / 1024,
        after / 1024,
        counts.known,
        counts.forgotten
    );
    assert!(counts.known <= Profile::default().radios_max * 5 / 4, "{counts:?}");
    assert!(after <= when_full + when_full / 4, "{after} after {when_full}");
    assert!(after <= BYTES_MAX, "{after}");
}
