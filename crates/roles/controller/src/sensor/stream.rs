//! Bytes of a capture that is made now become packets.

use std::sync::Arc;

use node::clock;
use wips::capture::{CaptureError, Decoder};
use wips::{CaptureTime, Link};

use super::clock::LiveClock;
use super::lane::Lane;

/// Why a capture is not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum StreamError {
    /// Its bytes are wrong.
    #[error("{0}; give what tcpdump or Wireshark write, pcap or pcapng")]
    PeerCapture(#[from] CaptureError),
    /// It captured something else.
    #[error(
        "its packets are of link type {link}, which is not 802.11; capture from an interface in monitor mode"
    )]
    PeerLink {
        /// The number of the tcpdump registry.
        link: u16,
    },
}

impl StreamError {
    /// What is not a frame of 802.11 is refused.
    pub(super) fn check(link: Link) -> Result<(), Self> {
        match link {
            Link::Other(link) => Err(Self::PeerLink { link }),
            _ => Ok(()),
        }
    }
}

/// One capture, from its beginning.
#[derive(Debug)]
pub(super) struct Stream {
    lane: Arc<Lane>,
    decoder: Decoder,
    clock: LiveClock,
    note: Option<String>,
}

impl Stream {
    pub(super) fn new(lane: &Arc<Lane>) -> Self {
        let decoder = Decoder::new(lane.sensor());
        Self { lane: Arc::clone(lane), decoder, clock: LiveClock::default(), note: None }
    }

    /// Where the next bytes shall be put; then [`Stream::filled`] is told how many they are.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.decoder.space()
    }

    /// Takes `bytes`, however many they are.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            let space = self.space();
            let (now, later) = bytes.split_at(bytes.len().min(space.len()));
            if let Some(slot) = space.get_mut(..now.len()) {
                slot.copy_from_slice(now);
            }
            self.filled(now.len())?;
            bytes = later;
        }
        Ok(())
    }

    /// Hands on the packets that are whole now.
    pub(super) fn filled(&mut self, count: usize) -> Result<(), StreamError> {
        self.decoder.filled(count);
        let now = CaptureTime(clock::wall().0.saturating_mul(1_000));
        while let Some(captured) = self.decoder.poll()? {
            let packet = captured.packet;
            StreamError::check(packet.link)?;
            let at = self.clock.place(packet.at, now);
            self.lane.offer(self.lane.take(&packet, at));
        }
        let note = self.clock.note();
        if note != self.note {
            self.note = note;
            self.lane.entry.captures(self.note.clone(), self.lane.clock.now());
        }
        Ok(())
    }

    /// The capture ends here.
    pub(super) fn end(self) -> Result<(), StreamError> {
        Ok(self.decoder.end()?)
    }
}
