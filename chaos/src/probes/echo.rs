//! Asks who answers at the virtual address, every few milliseconds.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Echo, Seen, Shared, host};
use crate::ledger::ECHO_PORT;

/// Between two questions. Source: ha.md section 2, "a 5 ms UDP echo".
const EVERY: Duration = Duration::from_millis(5);

pub(super) fn ask(shared: &Shared) -> Result<Seen> {
    let address = SocketAddr::new(shared.address.parse()?, ECHO_PORT);
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut seen = Seen::default();
    // By the number of a question: what was acknowledged before it was asked.
    let mut floors: Vec<u64> = Vec::new();
    let mut next = Instant::now();
    let mut buffer = [0; 128];
    while !shared.is_over() {
        let now = Instant::now();
        if now >= next {
            // Questions that are overdue are not made up for.
            next = now + EVERY;
            floors.push(shared.acknowledged.load(Ordering::Acquire));
            // Where nobody has the address there is nobody to ask.
            let _ = socket.send_to((floors.len() - 1).to_string().as_bytes(), address);
        }
        let left = next.saturating_duration_since(Instant::now());
        socket.set_read_timeout(Some(left.max(Duration::from_micros(100))))?;
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let answer = String::from_utf8_lossy(&buffer[..length]);
        let words: Vec<&str> = answer.split(' ').collect();
        let [number, name, _epoch, index] = words[..] else { continue };
        let floor = number.parse().ok().and_then(|number: usize| floors.get(number));
        let (Some(floor), Some(by), Ok(index)) = (floor, host(name), index.parse::<u64>()) else {
            continue;
        };
        seen.echoes.push(Echo { at: shared.now(), by, is_stale: index < *floor });
    }
    Ok(seen)
}
