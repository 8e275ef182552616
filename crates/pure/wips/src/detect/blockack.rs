//! Block acknowledgement: somebody moves the window of a receiver, which drops what comes then.
//!
//! Whoever opens a window, or moves it, goes on sending where the window begins. When the next data goes on
//! where it was before, somebody else moved it. That needs no signal; [`super::station`] sees the same by
//! signals.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::action::Details;
use crate::dot11::header::Kind as FrameKind;
use crate::dot11::management::Management;
use crate::dot11::{Body, Control};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::table::Table;

/// Queues that are followed at once: eight of each station at most.
const QUEUES_MAX: usize = 4_096;
/// A window has 64 frames, and one of 802.11ax 256. Who moves it farther drops all of it.
const FAR: u16 = 256;
/// Sequence numbers are counted modulo that.
const NUMBERS: u16 = 4_096;
/// The data that contradicts comes so soon. Ours: a station that works sends several times a second.
const CONTRADICTED_US: u64 = 1_000_000;
/// Data goes on where it was when it is ahead by no more than a window.
const WINDOW: u16 = 64;

/// Watches windows.
#[derive(Debug)]
pub(crate) struct Windows {
    queues: Table<(Mac, Mac, u8), Queue>,
    meters: Table<(Kind, Mac), Meter>,
}

/// From one radio to another, of one kind of traffic.
#[derive(Debug, Clone, Copy, Default)]
struct Queue {
    /// The number of the newest frame.
    newest: u16,
    /// The window was moved far.
    moved: Option<(Kind, CaptureTime)>,
}

impl Windows {
    pub(crate) fn new() -> Self {
        Self { queues: Table::new(QUEUES_MAX), meters: Table::new(QUEUES_MAX / 4) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let (Some(from), Some(to)) = (heard.transmitter(), heard.receiver()) else { return };
        match &heard.parsed.body {
            Body::Data(_) if heard.kind() == FrameKind::QosData && !to.is_multicast() => {
                self.data(scene, (from, to), found);
            }
            Body::Control(Control::BlockAckRequest(it)) => {
                if let Some(start) = it.start {
                    self.moves(scene, (from, to, it.tid()), Kind::BlockAckRequestSpoof, start);
                }
            }
            Body::Management(Management::Action(it)) => {
                if let Details::AddBlockAckRequest { parameters, start, .. } = it.details {
                    self.moves(scene, (from, to, parameters.tid()), Kind::AddbaSpoof, start);
                }
            }
            _ => {}
        }
    }

    fn moves(&mut self, scene: Scene<'_>, key: (Mac, Mac, u8), kind: Kind, start: u16) {
        let Some(queue) = self.queues.get_mut(&key) else { return };
        let ahead = start.wrapping_sub(queue.newest) % NUMBERS;
        if (FAR..NUMBERS - FAR).contains(&ahead) {
            queue.moved = Some((kind, scene.heard.at));
        }
    }

    fn data(&mut self, scene: Scene<'_>, (from, to): (Mac, Mac), found: &mut Found) {
        let heard = scene.heard;
        let (Some(sequence), Some(qos)) = (heard.header().sequence, heard.header().qos) else {
            return;
        };
        let queue = self.queues.entry((from, to, qos.tid()), Queue::default);
        let ahead = sequence.number.wrapping_sub(queue.newest) % NUMBERS;
        queue.newest = sequence.number;
        let Some((kind, at)) = queue.moved.take() else { return };
        if ahead > WINDOW || heard.at.since_us(at) > CONTRADICTED_US {
            return;
        }
        let meter = self.meters.entry((kind, from), Meter::default);
        if let Some(it) = meter.add(heard, scene.rules.threshold(kind)) {
            let bssid = heard.bssid();
            let victim = if heard.is_from_ap() { to } else { from };
            found
                .add(scene, kind, EvidenceSet::of(&[Evidence::Rate, Evidence::Contradiction]))
                .by(Transmitter::Spoofed { address: from })
                .against(Some(victim))
                .about(bssid)
                .named(bssid.and_then(|it| scene.air.ssid(it)))
                .frames(it.since, it.frames)
                .by_reaction()
                .detail("data goes on before the window");
        }
    }
}
