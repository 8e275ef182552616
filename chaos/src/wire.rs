//! A bad wire: carries frames between two interfaces, each after a delay.
//!
//! The kernels that this must run on have no `netem`. A relay of two packet sockets does the same:
//! frames keep their order, and none is lost below [`QUEUE_FRAMES_MAX`].
//!
//! A sending machine leaves checksums to its network card, and a relay is none: it fills them in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::packets::Packets;

/// Frames on the way in one direction. Ours: a second of a busy pair; more are lost, as on a wire.
const QUEUE_FRAMES_MAX: usize = 65_536;
/// Longest frame. Source: IEEE 802.3, 1,500 bytes and their header; with room for a tag.
const FRAME_BYTES_MAX: usize = 1_522;
/// Ethernet header.
const HEADER: usize = 14;
/// Source: IANA protocol numbers.
const TCP: u8 = 6;
/// See [`TCP`].
const UDP: u8 = 17;

/// The relay between two interfaces. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Wire {
    delay_ms: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Wire {
    /// Between two interfaces of this thread's namespace; without delay at first.
    pub(crate) fn start(near: &str, far: &str) -> Result<Self> {
        let (near, far) = (Arc::new(Packets::open(near)?), Arc::new(Packets::open(far)?));
        let (delay_ms, is_over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let mut threads = Vec::new();
        for (from, to) in [(&near, &far), (&far, &near)] {
            let (queue, frames) = sync_channel(QUEUE_FRAMES_MAX);
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            let (delay_ms, is_over) = (Arc::clone(&delay_ms), Arc::clone(&is_over));
            let named = |name: &str| thread::Builder::new().name(name.to_owned());
            threads.push(named("wire-in").spawn(move || {
                take(&from, &queue, &delay_ms, &is_over);
            })?);
            threads.push(named("wire-out").spawn(move || give(&to, &frames))?);
        }
        Ok(Self { delay_ms, is_over, threads })
    }

    /// Frames that come from now on take so long.
    pub(crate) fn delay(&self, delay_ms: u64) {
        self.delay_ms.store(delay_ms, Ordering::Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // One that had failed is no worse than one that ended.
            let _ = thread.join();
        }
    }
}

fn take(
    from: &Packets,
    queue: &SyncSender<(Instant, Vec<u8>)>,
    delay_ms: &AtomicU64,
    is_over: &AtomicBool,
) {
    let mut buffer = [0; FRAME_BYTES_MAX];
    while !is_over.load(Ordering::Acquire) {
        let Ok(received) = from.receive(&mut buffer) else { return };
        let Some(length) = received else { continue };
        let delay = Duration::from_millis(delay_ms.load(Ordering::Relaxed));
        let mut frame = buffer[..length].to_vec();
        fill_checksum(&mut frame);
        match queue.try_send((Instant::now() + delay, frame)) {
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => return,
        }
    }
}

fn give(to: &Packets, frames: &Receiver<(Instant, Vec<u8>)>) {
    for (due, frame) in frames {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        to.send(&frame);
    }
}

/// Computes the checksum of TCP and UDP over IPv4; other frames have theirs.
fn fill_checksum(frame: &mut [u8]) -> Option<()> {
    // Ethertype. Source: IEEE 802 numbers.
    if frame.get(HEADER - 2..HEADER)? != [8, 0] {
        return None;
    }
    let packet = frame.get_mut(HEADER..)?;
    // Source: RFC 791 section 3.1.
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let is_fragment = *packet.get(6)? & 0x3f != 0 || *packet.get(7)? != 0;
    let protocol = *packet.get(9)?;
    let place = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return None,
    };
    if is_fragment {
        return None;
    }
    let (head, body) = packet.get_mut(..total)?.split_at_mut_checked(header)?;
    body.get_mut(place..place + 2)?.fill(0);
    let addresses = head.get(12..20)?;
    let length = (body.len() as u16).to_be_bytes();
    let sum = checksum(&[addresses, &[0, protocol], &length, body]);
    // Source: RFC 768: zero means that there is none.
    let sum = if sum == 0 { u16::MAX } else { sum };
    body.get_mut(place..place + 2)?.copy_from_slice(&sum.to_be_bytes());
    Some(())
}

/// The internet checksum of parts of which only the last may have an odd length. Source: RFC 1071.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words
        .map(|word| match *word {
            [high, low] => u32::from(u16::from_be_bytes([high, low])),
            [high] => u32::from(high) << 8,
            _ => 0,
        })
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_that_was_left_out_is_filled_in() {
        // An IPv4 header without options, UDP 1 to 2, three bytes; as worked out by hand.
        let mut frame = vec![0; 12];
        frame
            .extend([8, 0, 0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, UDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0, 1, 0, 2, 0, 11, 0xff, 0xff, 1, 2, 3, 99, 99]);
        fill_checksum(&mut frame).unwrap();
        // 0a00+0001+0a00+0002+0011+000b+0001+0002+000b+0102+0300 = 182f
        assert_eq!(frame[40..42], (!0x182f_u16).to_be_bytes());
    }

    #[test]
    fn what_is_no_packet_or_a_part_of_one_stays() {
        let mut arp = vec![0; 42];
        arp[12..14].copy_from_slice(&[8, 6]);
        assert_eq!(fill_checksum(&mut arp), None);
        let mut fragment = vec![0; 60];
        fragment[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 46, 0, 0, 0x20, 0, 64, TCP]);
        assert_eq!(fill_checksum(&mut fragment), None);
        assert_eq!(fill_checksum(&mut [0; 9]), None);
    }
}
