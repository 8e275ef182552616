//! Group frames that are sent again: what the group-key variant of key reinstallation is for.
//!
//! The handshake of group keys is encrypted, so the reinstallation itself cannot be seen. What can be seen
//! is what it allows: a frame of an access point to everybody comes again, byte for byte with its packet
//! number, under another sequence number. Nobody acknowledges group frames, so no honest access point
//! repeats one like that; one that repeats them on purpose (802.11aa) keeps the sequence number.
//!
//! Packet numbers that go back are no sign: an access point has a group key for each VLAN, all of one
//! number, and each counts by itself.

use std::collections::VecDeque;

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::data::{Payload, Security};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;
use crate::window::scattered;

/// Networks that are followed at once. Each takes 1.5 KB.
const NETWORKS_MAX: usize = 512;
/// Frames of a network that are remembered. Ours: a minute of the broadcasts of a home.
const REMEMBERED: usize = 64;
/// What comes again so soon was heard twice: 5 ms measured on one card.
const AGAIN_US: u64 = 20_000;
/// Bytes that tell one frame from another; ciphertext is as good as random.
const NAME_BYTES: usize = 32;

/// Watches group frames.
#[derive(Debug)]
pub(crate) struct Groups {
    networks: Table<Mac, Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// Oldest first.
    sent: VecDeque<Sent>,
    meter: Meter,
}

/// One group frame.
#[derive(Debug, Clone, Copy)]
struct Sent {
    name: u64,
    sequence: u16,
    at: CaptureTime,
}

impl Groups {
    pub(crate) fn new() -> Self {
        Self { networks: Table::new(NETWORKS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let is_to_all = heard.receiver().is_some_and(Mac::is_multicast);
        if !is_to_all || !heard.is_protected() || !heard.is_from_ap() || heard.is_retry() {
            return;
        }
        let (Some(data), Some(bssid), Some(sequence)) =
            (heard.data(), heard.bssid(), heard.header().sequence)
        else {
            return;
        };
        let (Some(Security::Extended(iv)), Payload::Encrypted(bytes)) =
            (data.security, data.payload)
        else {
            return;
        };
        if bytes.len() < NAME_BYTES {
            return;
        }
        let start = u64::from_le_bytes(iv.0) ^ bytes.len() as u64;
        let (words, _) = bytes.as_chunks::<8>();
        let name = words
            .iter()
            .take(NAME_BYTES / 8)
            .fold(start, |name, word| scattered(name ^ u64::from_le_bytes(*word)));
        let sent = Sent { name, sequence: sequence.number, at: heard.at };
        let group = self.networks.entry(bssid, Group::default);
        let Some(before) = group.sent.iter().find(|it| it.name == name).copied() else {
            group.remember(sent);
            return;
        };
        // Some captures hold a frame twice, and sensors with wrong clocks hear it twice.
        if before.sequence == sent.sequence || sent.at.since_us(before.at) <= AGAIN_US {
            return;
        }
        let kind = Kind::GroupKeyReinstallation;
        if let Some(it) = group.meter.add(heard, scene.rules.threshold(kind)) {
            let evidence = EvidenceSet::of(&[Evidence::Signature, Evidence::SequenceMismatch])
                .with_if(scene.is_stray(bssid), Evidence::SignalMismatch)
                .with_if(scene.is_injected(bssid), Evidence::Injected);
            found
                .add(scene, kind, evidence)
                .by(Transmitter::Spoofed { address: bssid })
                .about(Some(bssid))
                .named(scene.air.ssid(bssid))
                .frames(it.since, it.frames);
        }
    }
}

impl Group {
    fn remember(&mut self, sent: Sent) {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }
}
