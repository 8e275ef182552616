//! Sensors: what of the air arrives at a machine, and in which form.

use std::collections::BTreeMap;

use wips::{CaptureTime, Change, Incident, Link, Packet, Profile, SensorId, Severity, Wips};

use super::{Random, Sent};

/// What a card writes in front of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Radiotap with channel and signal.
    Full,
    /// Radiotap with a channel alone.
    NoSignal,
    /// Radiotap with a signal alone.
    NoChannel,
    /// Radiotap with the clock of the card alone.
    ClockOnly,
    /// Nothing.
    Bare,
    /// Nothing, and the check sequence behind it.
    BareFcs,
    /// Radiotap, and the check sequence behind the frame, of which the header says nothing.
    FullFcs,
}

/// One sensor.
#[derive(Debug, Clone)]
pub(crate) struct Sensor {
    pub(crate) form: Form,
    /// The share of frames that it does not hear.
    pub(crate) loss: f64,
    /// Standard deviation of its signals, roughly, in dB.
    pub(crate) noise_db: f32,
    /// The channels that it hops over, and how long it stays on each; it stays on 6 where there are none.
    pub(crate) hops: &'static [u8],
    pub(crate) stay_us: u64,
    /// How much its clock is ahead.
    pub(crate) ahead_us: i64,
    /// It begins to listen so late.
    pub(crate) begin_us: u64,
    /// What is weaker it does not hear.
    pub(crate) floor_dbm: f32,
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            form: Form::Full,
            loss: 0.0,
            noise_db: 2.5,
            hops: &[],
            stay_us: 250_000,
            ahead_us: 0,
            begin_us: 0,
            floor_dbm: -95.0,
        }
    }
}

impl Sensor {
    fn channel_at(&self, at_us: u64) -> u8 {
        if self.hops.is_empty() {
            return 6;
        }
        let step = at_us / self.stay_us;
        self.hops[(step % self.hops.len() as u64) as usize]
    }

    fn packet(&self, sent: &Sent, dbm: f32) -> (Link, Vec<u8>) {
        let mhz = match sent.channel {
            14.. => 5_000 + u16::from(sent.channel) * 5,
            channel => 2_407 + u16::from(channel) * 5,
        };
        let [low, high] = mhz.to_le_bytes();
        let signal = (dbm.round() as i8).cast_unsigned();
        let (link, mut bytes) = match self.form {
            Form::Full | Form::FullFcs => {
                (Link::Radiotap, vec![0, 0, 13, 0, 0x28, 0, 0, 0, low, high, 0xa0, 0, signal])
            }
            Form::NoSignal => {
                (Link::Radiotap, vec![0, 0, 12, 0, 0x08, 0, 0, 0, low, high, 0xa0, 0])
            }
            Form::NoChannel => (Link::Radiotap, vec![0, 0, 9, 0, 0x20, 0, 0, 0, signal]),
            Form::ClockOnly => {
                let mut header = vec![0, 0, 16, 0, 0x01, 0, 0, 0];
                header.extend(sent.at_us.to_le_bytes());
                (Link::Radiotap, header)
            }
            Form::Bare | Form::BareFcs => (Link::Bare, Vec::new()),
        };
        bytes.extend(&sent.bytes);
        if matches!(self.form, Form::FullFcs | Form::BareFcs) {
            bytes.extend(crc32fast::hash(&sent.bytes).to_le_bytes());
        }
        (link, bytes)
    }
}

/// What a machine says of an air.
pub(crate) fn told(
    sent: &[Sent],
    sensors: &[Sensor],
    seed: u64,
    profile: Profile,
) -> Vec<Incident> {
    let mut random = Random::new(seed ^ 0x5e5e);
    let mut wips = Wips::new(profile);
    let mut packets = Vec::new();
    for sent in sent {
        for (number, sensor) in (0_u16..).zip(sensors) {
            let dbm = sent.dbm + random.noise() * sensor.noise_db * 2.0 - f32::from(number) * 7.0;
            let is_here = sensor.channel_at(sent.at_us) == sent.channel
                && sent.at_us >= super::BEGIN_US + sensor.begin_us
                && dbm >= sensor.floor_dbm;
            if !is_here || random.chance(sensor.loss) {
                continue;
            }
            let at = sent.at_us.saturating_add_signed(sensor.ahead_us);
            let (link, bytes) = sensor.packet(sent, dbm);
            packets.push((at, u32::from(number), link, bytes));
        }
    }
    packets.sort_by_key(|(at, number, ..)| (*at, *number));
    let mut incidents = BTreeMap::new();
    for (at, number, link, bytes) in &packets {
        wips.handle(&Packet::new(CaptureTime(*at), SensorId(*number), *link, bytes));
        while let Some(change) = wips.poll() {
            let (Change::Opened(it) | Change::Updated(it) | Change::Closed(it)) = change;
            incidents.insert(it.id, it);
        }
    }
    for it in wips.open() {
        incidents.insert(it.id, it.clone());
    }
    incidents.into_values().filter(|it| it.severity >= Severity::Minor).collect()
}
