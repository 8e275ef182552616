//! The machine: packets in, incidents out.
//!
//! Capture time is the only time there is, so a recording says the same at any speed. It never goes back:
//! a packet that is older than the newest counts as now.
//!
//! # Sketch
//!
//! * memory: bounded tables, 20 MB at most with the default profile
//! * CPU: a frame is parsed once, looked up in three to six maps of some thousand entries, and shown to
//!   each detector, most of which leave it after one comparison: 1 us

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::Mac;
use serde::Serialize;

use crate::advert::{Advert, Protection};
use crate::air::Air;
use crate::copies::Copies;
use crate::detect::alike::Alikes;
use crate::detect::beacon::Beacons;
use crate::detect::blockack::Windows;
use crate::detect::clear::Clear;
use crate::detect::clone::Clones;
use crate::detect::disconnect::Disconnects;
use crate::detect::eapol::Exchanges;
use crate::detect::flood::Floods;
use crate::detect::frag::Fragments;
use crate::detect::group::Groups;
use crate::detect::krack::Keys;
use crate::detect::listed::Listed;
use crate::detect::malformed::Malformed;
use crate::detect::medium::Medium;
use crate::detect::noise::Noises;
use crate::detect::omerta::Omertas;
use crate::detect::policy::Policy;
use crate::detect::relay::Relays;
use crate::detect::roam::Roams;
use crate::detect::spoof::Spoofs;
use crate::detect::station::Stations;
use crate::detect::tunnel::Tunnels;
use crate::detect::twin::Names;
use crate::detect::wep::Wep;
use crate::detect::wps::Setups;
use crate::detect::{Found, Rules, Scene, tool};
use crate::dot11::{Anomaly, Channel, FrameType, Header, Kind as FrameKind, parse};
use crate::heard::Heard;
use crate::incident::book::{Book, Change, Quiet};
use crate::incident::{Class, Detection, Incident, Transmitter};
use crate::packet::{CaptureTime, Packet, SensorId};
use crate::profile::Profile;
use crate::profile::rogue::{Rogue, Verdict, classify};

/// Sensors at once.
const SENSORS_MAX: usize = 4_096;
/// So many management frames take longer on the air: 16 of 50 us and the pauses between them. A sensor
/// that reports them faster has no clock.
const BURST_FRAMES: u32 = 16;
const BURST_US: u64 = 800;
/// A packet so much later than the one before needs another one to confirm it. Ours: captures have quiet
/// nights, so a leap is doubted, not refused.
const LEAP_US: u64 = 3_600_000_000;
/// A packet so much older than the newest has no time that rates can be counted by. Ours: sensors deliver
/// within seconds.
const LATE_US: u64 = 10_000_000;
/// No secret, so that a replay says the same: who makes two frames with one key hides one of them from a
/// second sensor for 5 ms.
const COPY_SEED: u64 = 0;
/// A parked sensor that is silent for longer may have been elsewhere.
const PARKED_US: u64 = 60_000_000;

/// Sees attacks in captured packets.
#[derive(Debug)]
pub struct Wips {
    rules: Rules,
    now: CaptureTime,
    /// A time far ahead that only one packet told.
    leap: Option<CaptureTime>,
    copies: Copies,
    sensors: BTreeMap<SensorId, Listening>,
    dwells: BTreeMap<Option<Channel>, Dwell>,
    air: Air,
    detectors: Detectors,
    book: Book,
    found: Found,
    touched: Vec<u64>,
    counts: Counts,
}

/// What was taken in, and what there was no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Packets that another sensor had heard before.
    pub copies: u64,
    /// Packets whose check sequence is wrong; they are not looked at.
    pub damaged: u64,
    /// Addresses and networks that are known now.
    pub known: usize,
    /// Addresses and networks that were dropped to make room.
    pub forgotten: u64,
    /// Detections and changes that there was no room for.
    pub dropped: u64,
}

/// Where a sensor is.
#[derive(Debug, Clone, Copy, Default)]
struct Listening {
    channel: Option<Channel>,
    at: CaptureTime,
    /// It told a signal or a channel before.
    tells: bool,
    /// Since when management frames came, and how many, to see whether it has a clock.
    burst: CaptureTime,
    burst_frames: u32,
}

/// How long somebody listened on a channel.
#[derive(Debug, Clone, Copy, Default)]
struct Dwell {
    total_us: u64,
    until: CaptureTime,
}

#[derive(Debug)]
struct Detectors {
    floods: Floods,
    disconnects: Disconnects,
    medium: Medium,
    beacons: Beacons,
    names: Names,
    clones: Clones,
    stations: Stations,
    exchanges: Exchanges,
    keys: Keys,
    fragments: Fragments,
    setups: Setups,
    wep: Wep,
    malformed: Malformed,
    policy: Policy,
    windows: Windows,
    clear: Clear,
    spoofs: Spoofs,
    alikes: Alikes,
    groups: Groups,
    relays: Relays,
    tunnels: Tunnels,
    omertas: Omertas,
    listed: Listed,
    roams: Roams,
    noises: Noises,
}

impl Wips {
    /// A machine that has heard nothing yet.
    pub fn new(profile: Profile) -> Self {
        let quiet = quiet_of(&profile);
        Self {
            air: Air::new(profile.radios_max),
            now: CaptureTime(0),
            leap: None,
            copies: Copies::default(),
            sensors: BTreeMap::new(),
            dwells: BTreeMap::new(),
            detectors: Detectors::new(&profile),
            book: Book::new(quiet),
            found: Found::default(),
            touched: Vec::new(),
            counts: Counts::default(),
            rules: Rules::new(profile),
        }
    }

    /// The same, which numbers incidents from `id` on: those before are known from elsewhere.
    #[must_use]
    pub fn numbered_from(mut self, id: u64) -> Self {
        self.book.number_from(id);
        self
    }

    /// Takes up an incident that went on when another machine stopped, by what that one told last.
    pub fn resume(&mut self, incident: Incident) {
        self.book.resume(incident);
    }

    /// Takes another profile; what is known of the air stays. How many radios are followed is decided
    /// when the machine is made.
    pub fn set_profile(&mut self, profile: Profile) {
        self.book.set_quiet(quiet_of(&profile));
        self.detectors.alikes = Alikes::new(&profile);
        self.rules = Rules::new(profile);
    }

    /// Takes a packet. Packets of several sensors come in the order of their times.
    pub fn handle(&mut self, packet: &Packet<'_>) {
        self.counts.packets += 1;
        let at = self.copies.corrected(packet.at, packet.sensor);
        let is_timely = self.advance(at);
        self.book.tick(self.now);
        self.touched.clear();
        let parsed = parse(packet);
        if parsed.anomalies.contains(Anomaly::BadFcs) {
            self.counts.damaged += 1;
            return;
        }
        let signal_dbm = parsed.radio.signal.map(|it| it.0);
        let told = parsed.radio.channel;
        let beacon = parsed.header.transmitter.filter(|_| parsed.header.kind == FrameKind::Beacon);
        let key = self.copies.has_several(packet.sensor).then(|| parsed.key(COPY_SEED));
        if let Some(key) = key {
            let is_copy =
                beacon.is_some() && self.copies.compare(key, packet.at, self.now, packet.sensor);
            let incidents = self.copies.find(key, at, self.now, packet.sensor);
            if incidents.is_some() || is_copy {
                self.counts.copies += 1;
                let incidents = incidents.unwrap_or_default();
                for incident in incidents {
                    self.book.hear(*incident, packet.sensor, signal_dbm);
                }
                self.touched.extend_from_slice(incidents);
                if let Some(bssid) = beacon {
                    self.air.hear(bssid, (packet.sensor, signal_dbm), self.now);
                }
                return;
            }
        }
        let (channel, is_bare) = self.listen(packet.sensor, told, signal_dbm.is_some());
        let has_clock = self.has_clock(packet.sensor, &parsed.header) && is_timely;
        let dwell_us = self.dwells.get(&channel).map_or(0, |it| it.total_us);
        let heard = Heard {
            at: self.now,
            sensor: packet.sensor,
            dwell_us,
            has_clock,
            channel,
            signal_dbm,
            is_bare,
            parsed: &parsed,
            advert: Advert::read(&parsed),
        };
        let scene = Scene { heard: &heard, air: &self.air, rules: &self.rules };
        self.detectors.see(scene, &mut self.found);
        self.air.learn(&heard);
        if let Some(bssid) = beacon {
            self.air.hear(bssid, (packet.sensor, signal_dbm), self.now);
        }
        let mut found = std::mem::take(&mut self.found);
        for detection in found.0.drain(..) {
            self.take(&detection, packet.sensor, signal_dbm);
        }
        self.found = found;
        if let Some(key) = key {
            self.copies.note(key, at, self.now, packet.sensor, &self.touched);
        }
    }

    /// Says that time passed without packets.
    pub fn tick(&mut self, now: CaptureTime) {
        self.now = self.now.max(now);
        self.book.tick(self.now);
    }

    /// The next change of an incident.
    pub fn poll(&mut self) -> Option<Change> {
        self.book.poll()
    }

    /// When [`tick`](Self::tick) is wanted at the latest.
    pub fn deadline(&self) -> Option<CaptureTime> {
        self.book.deadline()
    }

    /// The incidents that go on.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.book.open()
    }

    /// The incidents that the newest packet is evidence of.
    pub fn touched(&self) -> &[u64] {
        &self.touched
    }

    /// Every network that is heard, with its name unless that is hidden.
    pub fn networks(&self) -> impl Iterator<Item = (Mac, Option<Cow<'_, str>>)> {
        let networks = self.air.networks().filter(|(_, it)| it.is_settled());
        networks.map(|(bssid, it)| (bssid, it.ssid().map(String::from_utf8_lossy)))
    }

    /// Somebody looks after an incident. `false` when it does not go on.
    pub fn acknowledge(&mut self, id: u64) -> bool {
        self.book.acknowledge(id)
    }

    /// Somebody says that an incident is over. `false` when it does not go on.
    pub fn clear(&mut self, id: u64) -> bool {
        self.book.clear(id)
    }

    /// The access points that are not managed, sorted into classes, by their addresses.
    pub fn rogues(&self) -> Vec<(Rogue, Verdict)> {
        let profile = &self.rules.profile;
        let stations = self.air.stations();
        let attacker = |bssid| {
            self.book.open().find(|it| {
                it.transmitter == Transmitter::Own { address: bssid }
                    && it.kind.article().class != Class::Policy
            })
        };
        let mut rogues: Vec<_> = self
            .air
            .networks()
            .filter(|(bssid, it)| it.is_settled() && !profile.managed.bssids.contains(bssid))
            .map(|(bssid, network)| {
                let ssid = network.ssid().map(|it| String::from_utf8_lossy(it).into_owned());
                let attack = attacker(bssid);
                let signal = self.air.radio(bssid).and_then(|it| it.signal.mean_dbm());
                let heard_by = network.heard_by();
                let of_attack = attack.map_or(1, |it| it.heard_by.len());
                let rogue = Rogue {
                    bssid,
                    channel: network.channel(),
                    first: network.first,
                    last: network.last,
                    has_managed_ssid: ssid
                        .as_ref()
                        .is_some_and(|it| profile.managed.ssids.contains(it)),
                    is_open: network.protection == Protection::Open,
                    requires_pmf: network.requires_pmf,
                    rssi_dbm: signal.map(|it| it.round() as i8),
                    lasted_s: (network.last.since_us(network.first) / 1_000_000) as u32,
                    sensors: of_attack.max(heard_by.len()) as u32,
                    heard_by,
                    stations: stations.get(&bssid).copied().unwrap_or(0),
                    is_on_wire: profile.is_on_wire(bssid),
                    is_attacking: attack.is_some(),
                    ssid,
                };
                let is_known = profile.knows(bssid, rogue.ssid.as_deref());
                let verdict = classify(&profile.rules, &rogue, is_known);
                (rogue, verdict)
            })
            .collect();
        rogues.sort_by_key(|(rogue, _)| rogue.bssid);
        rogues
    }

    /// What was taken in, and what there was no room for.
    pub fn counts(&self) -> Counts {
        Counts {
            known: self.air.len(),
            forgotten: self.air.dropped(),
            dropped: self.book.dropped(),
            ..self.counts
        }
    }

    fn take(&mut self, detection: &Detection, sensor: SensorId, signal_dbm: Option<f32>) {
        if !self.rules.is_enabled(detection.kind) {
            return;
        }
        let Detection { kind, bssid, .. } = *detection;
        if let Some(bssid) = bssid.filter(|_| kind.is_disconnection()) {
            self.air.disturb(bssid, detection.at);
        }
        let ssid = detection.ssid.as_deref();
        let severity = self.rules.profile.severity_against(kind, bssid, ssid, detection.victim);
        if let Some(id) = self.book.take(detection, severity)
            && !detection.is_reaction
            && !self.touched.contains(&id)
        {
            self.touched.push(id);
            self.book.hear(id, sensor, signal_dbm);
        }
    }

    /// The channel that a sensor is on, and whether this frame has nothing of what it usually tells.
    fn listen(
        &mut self,
        sensor: SensorId,
        told: Option<Channel>,
        has_signal: bool,
    ) -> (Option<Channel>, bool) {
        if self.sensors.len() >= SENSORS_MAX && !self.sensors.contains_key(&sensor) {
            return (told, false);
        }
        let before = self.sensors.get(&sensor).copied().unwrap_or_default();
        let channel = told.or(before.channel);
        let tells = before.tells || told.is_some() || has_signal;
        let is_bare = before.tells && told.is_none() && !has_signal;
        self.sensors.insert(sensor, Listening { channel, at: self.now, tells, ..before });
        let dwell = self.dwells.entry(channel).or_default();
        // Whoever is heard on a channel twice in a row was there all the while.
        if before.channel == channel {
            let since = before.at.max(dwell.until);
            if before.at != CaptureTime(0) {
                dwell.total_us += self.now.since_us(since).min(PARKED_US);
            }
        }
        dwell.until = self.now;
        (channel, is_bare)
    }
}

impl Wips {
    /// Moves on to the time of a packet, and says whether that can be true.
    ///
    /// One packet from the far future would end time for all that follow, so a leap is believed when the
    /// next packet has made it too.
    fn advance(&mut self, at: CaptureTime) -> bool {
        let is_leap = self.now != CaptureTime(0) && at.since_us(self.now) > LEAP_US;
        if is_leap && self.leap.is_none_or(|it| at.0.abs_diff(it.0) > LEAP_US) {
            self.leap = Some(at);
            return false;
        }
        self.leap = None;
        self.now = self.now.max(at);
        self.now.since_us(at) <= LATE_US
    }

    /// Whether the times of a sensor can be true.
    fn has_clock(&mut self, sensor: SensorId, header: &Header) -> bool {
        let Some(listening) = self.sensors.get_mut(&sensor) else { return true };
        let is_management = header.control.frame_type() == FrameType::Management;
        if self.now.since_us(listening.burst) > BURST_US {
            (listening.burst, listening.burst_frames) = (self.now, 0);
        }
        listening.burst_frames += u32::from(is_management);
        self.now != CaptureTime(0) && listening.burst_frames < BURST_FRAMES
    }
}

fn quiet_of(profile: &Profile) -> Quiet {
    Quiet {
        min_us: u64::from(profile.quiet_s_min) * 1_000_000,
        max_us: u64::from(profile.quiet_s_max.max(profile.quiet_s_min)) * 1_000_000,
    }
}

impl Detectors {
    fn new(profile: &Profile) -> Self {
        Self {
            floods: Floods::new(),
            disconnects: Disconnects::new(),
            medium: Medium::new(),
            beacons: Beacons::new(),
            names: Names::new(),
            clones: Clones::new(),
            stations: Stations::new(),
            exchanges: Exchanges::new(),
            keys: Keys::new(),
            fragments: Fragments::new(),
            setups: Setups::new(),
            wep: Wep::new(),
            malformed: Malformed::new(),
            policy: Policy::new(),
            windows: Windows::new(),
            clear: Clear::new(),
            spoofs: Spoofs::new(),
            alikes: Alikes::new(profile),
            groups: Groups::new(),
            relays: Relays::new(),
            tunnels: Tunnels::new(),
            omertas: Omertas::new(),
            listed: Listed::new(),
            roams: Roams::new(),
            noises: Noises::new(),
        }
    }

    fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        self.beacons.see(scene, found);
        self.names.see(scene, found);
        self.clones.see(scene, found);
        self.floods.see(scene, found);
        self.disconnects.see(scene, found);
        self.medium.see(scene, found);
        self.stations.see(scene, found);
        self.exchanges.see(scene, found);
        self.keys.see(scene, found);
        self.fragments.see(scene, found);
        self.setups.see(scene, found);
        self.wep.see(scene, found);
        self.malformed.see(scene, found);
        self.policy.see(scene, found);
        self.windows.see(scene, found);
        self.clear.see(scene, found);
        self.spoofs.see(scene, found);
        self.alikes.see(scene, found);
        self.groups.see(scene, found);
        self.relays.see(scene, found);
        self.tunnels.see(scene, found);
        self.omertas.see(scene, found);
        self.listed.see(scene, found);
        self.roams.see(scene, found);
        self.noises.see(scene, found);
        tool::see(scene, found);
    }
}
