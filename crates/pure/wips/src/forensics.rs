//! What a radio heard around an incident, for people who want to see it themselves.
//!
//! ```text
//! packets --> Ring: the newest of each sensor --+
//!    |                                          v
//!    +--------------------------------------> Case: 5 s before, 5 s after --> pcapng
//! ```
//!
//! A [`Ring`] costs the same at any time; a [`Case`] is held for seconds, and written when it is over.
//! What is written to a case is a copy, so that a flood that turns the ring over takes nothing from it.
//!
//! Sketch: a packet is copied once into its ring, 0.1 us; memory, [`RING_BYTES_MAX`] and
//! [`CASE_BYTES_MAX`] for each case that is held.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::capture::Writer;
use crate::packet::{CaptureTime, Link, Packet, SensorId};

/// Bytes that are held of one sensor. Ours: 5 s of a busy channel are 1,500 frames a second of 130 bytes.
pub const SENSOR_BYTES_MAX: usize = 1 << 20;
/// Bytes that are held of all sensors together; more sensors than fit share it. Ours.
pub const RING_BYTES_MAX: usize = 256 << 20;
/// Bytes of packets in one case. Ours: a pair's journal takes it as one entry.
pub const CASE_BYTES_MAX: usize = 4 << 20;
/// Packets in one case. Ours: more than anybody looks at.
pub const CASE_PACKETS_MAX: usize = 20_000;
/// A case begins so long before the detection, and ends so long after it. Ours: floods are detected
/// within 5 s, and what they cause is seen within as much.
pub const BEFORE_US: u64 = 5_000_000;
/// See [`BEFORE_US`].
pub const AFTER_US: u64 = 5_000_000;

/// What is known of a packet, beside its bytes.
#[derive(Debug, Clone, Copy)]
struct Head {
    at: CaptureTime,
    link: Link,
    fcs_bytes: Option<u8>,
    wire_bytes: u32,
    bytes: u32,
    /// The incident that it is evidence of; one that it is, where it is of several.
    evidence: Option<u64>,
}

impl Head {
    fn of(packet: &Packet<'_>, evidence: Option<u64>) -> Self {
        let Packet { at, link, fcs_bytes, wire_bytes, bytes, .. } = *packet;
        let wire_bytes = u32::try_from(wire_bytes).unwrap_or(u32::MAX);
        let bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self { at, link, fcs_bytes, wire_bytes, bytes, evidence }
    }

    /// What it takes, with itself.
    fn cost(&self) -> usize {
        self.bytes as usize + size_of::<Self>()
    }
}

/// The newest packets of each sensor.
#[derive(Debug, Default)]
pub struct Ring {
    tapes: BTreeMap<SensorId, Tape>,
}

#[derive(Debug, Default)]
struct Tape {
    heads: VecDeque<Head>,
    bytes: VecDeque<u8>,
    cost: usize,
}

impl Tape {
    fn drop_oldest(&mut self) {
        let Some(head) = self.heads.pop_front() else { return };
        self.bytes.drain(..(head.bytes as usize).min(self.bytes.len()));
        self.cost -= head.cost().min(self.cost);
    }

    fn shrink(&mut self, bytes_max: usize) {
        while self.cost > bytes_max {
            self.drop_oldest();
        }
    }
}

impl Ring {
    /// Holds a packet; the oldest of its sensor make room. `evidence` is an incident that it is part of.
    pub fn push(&mut self, packet: &Packet<'_>, evidence: Option<u64>) {
        let is_new = !self.tapes.contains_key(&packet.sensor);
        let share = SENSOR_BYTES_MAX.min(RING_BYTES_MAX / (self.tapes.len() + usize::from(is_new)));
        if is_new && share < SENSOR_BYTES_MAX {
            self.tapes.values_mut().for_each(|tape| tape.shrink(share));
        }
        let head = Head::of(packet, evidence);
        let Some(room) = share.checked_sub(head.cost()) else { return };
        let tape = self.tapes.entry(packet.sensor).or_default();
        tape.shrink(room);
        tape.bytes.extend(packet.bytes);
        tape.cost += head.cost();
        tape.heads.push_back(head);
    }

    /// Forgets a sensor.
    pub fn forget(&mut self, sensor: SensorId) {
        self.tapes.remove(&sensor);
    }

    /// Bytes that are held, with what is known of packets.
    pub fn bytes(&self) -> usize {
        self.tapes.values().map(|tape| tape.cost).sum()
    }

    /// The packets of a sensor from `from` on, the newest first.
    fn newest(&self, sensor: SensorId, from: CaptureTime) -> impl Iterator<Item = Held> {
        let tape = self.tapes.get(&sensor);
        let mut end = tape.map_or(0, |tape| tape.bytes.len());
        tape.into_iter()
            .flat_map(|tape| tape.heads.iter().rev().map(move |head| (tape, head)))
            .map_while(move |(tape, head)| {
                let start = end.checked_sub(head.bytes as usize)?;
                let bytes = tape.bytes.range(start..end).copied().collect();
                end = start;
                (head.at >= from).then_some(Held { sensor, head: *head, bytes })
            })
    }
}

/// A packet of a case.
#[derive(Debug)]
struct Held {
    sensor: SensorId,
    head: Head,
    bytes: Box<[u8]>,
}

impl Held {
    fn packet(&self) -> Packet<'_> {
        let Head { at, link, fcs_bytes, wire_bytes, .. } = self.head;
        let wire_bytes = wire_bytes as usize;
        Packet { at, sensor: self.sensor, link, wire_bytes, fcs_bytes, bytes: &self.bytes }
    }
}

/// What is gathered around one incident.
#[derive(Debug)]
pub struct Case {
    /// Number of the incident.
    pub incident: u64,
    from: CaptureTime,
    until: CaptureTime,
    sensors: BTreeSet<SensorId>,
    packets: Vec<Held>,
    bytes: usize,
    /// Packets that there was no room for.
    left_out: u64,
}

/// A case as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// pcapng.
    pub content: Vec<u8>,
    /// How many packets are in it.
    pub packets: usize,
}

impl Case {
    /// Begins to gather around an incident that was detected at `detected`.
    pub fn open(incident: u64, detected: CaptureTime) -> Self {
        Self {
            incident,
            from: CaptureTime(detected.0.saturating_sub(BEFORE_US)),
            until: detected.plus_us(AFTER_US),
            sensors: BTreeSet::new(),
            packets: Vec::new(),
            bytes: 0,
            left_out: 0,
        }
    }

    /// Whether it gathers what this sensor hears.
    pub fn has(&self, sensor: SensorId) -> bool {
        self.sensors.contains(&sensor)
    }

    /// Gathers what this sensor hears, from now on and what `ring` has of it. That takes half of the room
    /// that is left, the newest first, so that there is room for what comes.
    pub fn join(&mut self, sensor: SensorId, ring: &Ring) {
        if !self.sensors.insert(sensor) {
            return;
        }
        let first = self.packets.len();
        let mut packets_left = (CASE_PACKETS_MAX - self.packets.len().min(CASE_PACKETS_MAX)) / 2;
        let mut bytes_left = (CASE_BYTES_MAX - self.bytes.min(CASE_BYTES_MAX)) / 2;
        for held in ring.newest(sensor, self.from) {
            let cost = held.head.cost();
            if packets_left == 0 || bytes_left < cost {
                // Those before are no nearer to the incident.
                self.left_out += 1;
                break;
            }
            packets_left -= 1;
            bytes_left -= cost;
            self.bytes += cost;
            self.packets.push(held);
        }
        if let Some(joined) = self.packets.get_mut(first..) {
            joined.reverse();
        }
    }

    /// Adds a packet of a sensor that it gathers.
    pub fn add(&mut self, packet: &Packet<'_>, is_evidence: bool) {
        if packet.at > self.until || !self.has(packet.sensor) {
            return;
        }
        let head = Head::of(packet, is_evidence.then_some(self.incident));
        let has_room = self.packets.len() < CASE_PACKETS_MAX;
        if !has_room || self.bytes + head.cost() > CASE_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes += head.cost();
        self.packets.push(Held { sensor: packet.sensor, head, bytes: packet.bytes.into() });
    }

    /// Whether nothing comes any more.
    pub fn is_over(&self, now: CaptureTime) -> bool {
        now > self.until
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes it, in the order of capture. `title` says what it is about, `name` what a sensor is called.
    pub fn write(mut self, title: &str, name: impl Fn(SensorId) -> String) -> File {
        let left_out = match self.left_out {
            0 => String::new(),
            count => format!("; at least {count} more packets had no room"),
        };
        let comment = format!("incident {}: {title}{left_out}", self.incident);
        let evidence = format!("evidence of incident {}", self.incident);
        let mut content = Vec::with_capacity(self.bytes);
        let mut writer = Writer::new(&mut content, Some(&comment));
        for sensor in &self.sensors {
            writer.name(*sensor, &name(*sensor));
        }
        // Stable: packets of one sensor at one time stay in their order.
        self.packets.sort_by_key(|it| it.head.at);
        for held in &self.packets {
            let is_evidence = held.head.evidence == Some(self.incident);
            let comment = is_evidence.then_some(evidence.as_str());
            writer.packet(&mut content, &held.packet(), comment);
        }
        File { packets: self.packets.len(), content }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Decoder;

    fn packet(at: u64, sensor: u32, bytes: &[u8]) -> Packet<'_> {
        Packet::new(CaptureTime(at), SensorId(sensor), Link::Bare, bytes)
    }

    /// The first byte of each packet of a file, in order.
    fn read(file: &File) -> Vec<u8> {
        let mut decoder = Decoder::new(SensorId(0));
        let (mut rest, mut found) = (file.content.as_slice(), Vec::new());
        loop {
            while let Some(captured) = decoder.poll().unwrap() {
                found.extend(captured.packet.bytes.first());
            }
            let space = decoder.space();
            let count = rest.len().min(space.len());
            if count == 0 {
                break;
            }
            let (now, later) = rest.split_at(count);
            space.iter_mut().zip(now).for_each(|(slot, byte)| *slot = *byte);
            decoder.filled(count);
            rest = later;
        }
        decoder.end().unwrap();
        found
    }

    #[test]
    fn a_ring_keeps_the_newest_of_each_sensor() {
        let mut ring = Ring::default();
        let bytes = [7; 1_000];
        for at in 0..5_000 {
            ring.push(&packet(at, 1, &bytes), None);
        }
        ring.push(&packet(0, 2, &[2]), None);
        let held: Vec<_> = ring.newest(SensorId(1), CaptureTime(0)).collect();
        assert_eq!(held.first().unwrap().head.at, CaptureTime(4_999));
        assert!(held.iter().all(|it| it.bytes.as_ref() == bytes.as_slice()));
        assert!(ring.bytes() <= SENSOR_BYTES_MAX + 100 && ring.bytes() > SENSOR_BYTES_MAX / 2);
        assert_eq!(ring.newest(SensorId(2), CaptureTime(0)).count(), 1, "nobody else's place");
    }

    #[test]
    fn many_sensors_share_what_there_is() {
        let mut ring = Ring::default();
        let bytes = [7; 4_096];
        for sensor in 0..1_024 {
            for at in 0..300 {
                ring.push(&packet(at, sensor, &bytes), None);
            }
        }
        assert!(ring.bytes() <= RING_BYTES_MAX, "{}", ring.bytes());
        assert!(
            ring.newest(SensorId(0), CaptureTime(0)).count() > 50,
            "the first still has a share"
        );
    }

    #[test]
    fn a_case_holds_what_was_before_and_after_and_nothing_else() {
        let mut ring = Ring::default();
        let s = 1_000_000;
        for (second, byte) in (10..20).zip(10..) {
            ring.push(&packet(second * s, 1, &[byte]), None);
        }
        let mut case = Case::open(3, CaptureTime(19 * s));
        case.join(SensorId(1), &ring);
        case.join(SensorId(1), &ring);
        case.add(&packet(20 * s, 1, &[20]), true);
        case.add(&packet(20 * s, 9, &[99]), false);
        case.add(&packet(25 * s, 1, &[25]), false);
        assert!(!case.is_over(CaptureTime(24 * s)) && case.is_over(CaptureTime(25 * s)));
        let file = case.write("a test", |it| format!("roof {}", it.0));
        assert_eq!(read(&file), [14, 15, 16, 17, 18, 19, 20]);
        assert_eq!(file.packets, 7);
        let text = String::from_utf8_lossy(&file.content);
        for part in ["incident 3: a test", "roof 1", "evidence of incident 3"] {
            assert!(text.contains(part), "{part}");
        }
    }

    #[test]
    fn a_flood_fills_a_case_and_no_more() {
        let ring = Ring::default();
        let mut case = Case::open(1, CaptureTime(0));
        case.join(SensorId(0), &ring);
        for at in 0..30_000 {
            case.add(&packet(at, 0, &[1; 300]), false);
        }
        assert!(case.bytes() <= CASE_BYTES_MAX);
        let file = case.write("a flood", |_| String::new());
        assert!(file.packets <= CASE_PACKETS_MAX && file.content.len() < 2 * CASE_BYTES_MAX);
        assert!(String::from_utf8_lossy(&file.content).contains("more packets had no room"));
    }
}
