//! Detectors: one file each, one question each.
//!
//! | module | what it sees |
//! |---|---|
//! | [`flood`] | too many frames, or too many transmitters, at one access point or on one channel |
//! | [`disconnect`] | deauthentications and disassociations that their names did not send |
//! | [`omerta`] | a disassociation behind every frame of data |
//! | [`medium`] | the channel reserved for nobody: RTS, CTS, durations |
//! | [`beacon`] | access points that do not exist |
//! | [`twin`] | access points that take a name: evil twin, karma, ad-hoc |
//! | [`clone`] | two radios under one BSSID; channel switches and quiet periods that were not announced by it |
//! | [`station`] | frames in the name of a station, or that harm one |
//! | [`eapol`] | logoff, success and failure out of place, handshakes collected, broken key messages |
//! | [`krack`] | messages repeated and packet numbers that begin again |
//! | [`group`] | frames to everybody that somebody sends again |
//! | [`frag`] | fragments and aggregates that no honest station sends |
//! | [`wps`] | PINs tried one after the other |
//! | [`wep`] | replay and decryption by trial |
//! | [`malformed`] | frames that contradict the standard |
//! | [`tool`] | patterns of known tools |
//! | [`blockack`] | windows that somebody else moved |
//! | [`clear`] | what data in clear gives away: two answers, false servers, addresses that two claim, one that asks for many |
//! | [`relay`] | what stations of one network say to each other, passed on or forged |
//! | [`tunnel`] | data that passes for questions about names, or for echoes |
//! | [`spoof`] | two radios under the address of one station |
//! | [`alike`] | names that look like one of the owner's, and names that nobody has |
//! | [`noise`] | noise that rises and stays |
//! | [`roam`] | stations that move again and again |
//! | [`listed`] | what the lists of the owner do not allow |
//! | [`policy`] | what is no attack, but not as the owner wants it |
//!
//! A detector is shown every frame once, before the frame changes what is known of the air. It keeps
//! counts in bounded tables, and says what it found.

pub(crate) mod alike;
pub(crate) mod beacon;
pub(crate) mod blockack;
pub(crate) mod clear;
pub(crate) mod clone;
pub(crate) mod disconnect;
pub(crate) mod eapol;
pub(crate) mod flood;
pub(crate) mod frag;
pub(crate) mod group;
pub(crate) mod krack;
pub(crate) mod listed;
pub(crate) mod malformed;
pub(crate) mod medium;
pub(crate) mod meter;
pub(crate) mod noise;
pub(crate) mod omerta;
pub(crate) mod policy;
pub(crate) mod relay;
pub(crate) mod roam;
pub(crate) mod spoof;
pub(crate) mod station;
pub(crate) mod tool;
pub(crate) mod tunnel;
pub(crate) mod twin;
pub(crate) mod wep;
pub(crate) mod wps;

use model::Mac;

use crate::air::Air;
use crate::heard::Heard;
use crate::incident::{Detection, EvidenceSet, Kind, Transmitter};
use crate::packet::CaptureTime;
use crate::profile::{Profile, Threshold};

/// What a detector is shown.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The frame.
    pub(crate) heard: &'a Heard<'a>,
    /// What was known before it.
    pub(crate) air: &'a Air,
    /// What the owner wants.
    pub(crate) rules: &'a Rules,
}

impl Scene<'_> {
    /// Whether the frame is too strong or too weak to come from the radio of this address.
    pub(crate) fn is_stray(&self, mac: Mac) -> bool {
        let track = self.air.radio(mac).map(|it| it.signal);
        matches!((self.heard.signal_dbm, track), (Some(dbm), Some(track)) if track.is_stray(dbm))
    }

    /// Whether the frame comes from where the radio of this address is.
    pub(crate) fn is_placed(&self, mac: Mac) -> bool {
        let is_known = self.air.radio(mac).is_some_and(|it| it.signal.is_known());
        is_known && self.heard.signal_dbm.is_some() && !self.is_stray(mac)
    }

    /// Whether the sensor tells the signal of this address, and not of this frame: it was injected there.
    pub(crate) fn is_injected(&self, mac: Mac) -> bool {
        self.heard.is_bare && self.air.radio(mac).is_some_and(|it| it.signal.is_known())
    }
}

/// The thresholds of a profile, found by number.
#[derive(Debug)]
pub(crate) struct Rules {
    thresholds: Vec<Threshold>,
    is_enabled: Vec<bool>,
    pub(crate) profile: Profile,
}

impl Rules {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            thresholds: Kind::ALL.iter().map(|kind| profile.threshold(*kind)).collect(),
            is_enabled: Kind::ALL.iter().map(|kind| !profile.disabled.contains(kind)).collect(),
            profile,
        }
    }

    /// When the detector of a kind speaks.
    pub(crate) fn threshold(&self, kind: Kind) -> Threshold {
        let default = || Threshold::default_of(kind);
        self.thresholds.get(kind as usize).copied().unwrap_or_else(default)
    }

    /// Whether a kind is looked for.
    pub(crate) fn is_enabled(&self, kind: Kind) -> bool {
        self.is_enabled.get(kind as usize).copied().unwrap_or(true)
    }
}

/// What was found in one frame.
#[derive(Debug, Default)]
pub(crate) struct Found(pub(crate) Vec<Detection>);

impl Found {
    /// One more finding, about the frame of `scene`. The rest is told by the methods of [`Finding`].
    pub(crate) fn add(
        &mut self,
        scene: Scene<'_>,
        kind: Kind,
        evidence: EvidenceSet,
    ) -> Finding<'_> {
        let Heard { at, channel, .. } = *scene.heard;
        self.0.push(Detection {
            kind,
            at,
            since: at,
            transmitter: Transmitter::Unnamed,
            victim: None,
            bssid: None,
            ssid: None,
            channel,
            frames: 1,
            evidence,
            detail: "",
            is_reaction: false,
        });
        Finding(self.0.last_mut())
    }
}

/// The newest finding, to be told in full.
pub(crate) struct Finding<'a>(Option<&'a mut Detection>);

impl Finding<'_> {
    fn set(mut self, change: impl FnOnce(&mut Detection)) -> Self {
        if let Some(detection) = &mut self.0 {
            change(detection);
        }
        self
    }

    pub(crate) fn by(self, transmitter: Transmitter) -> Self {
        self.set(|it| it.transmitter = transmitter)
    }

    pub(crate) fn against(self, victim: Option<Mac>) -> Self {
        self.set(|it| it.victim = victim.filter(|it| !it.is_multicast()))
    }

    pub(crate) fn about(self, bssid: Option<Mac>) -> Self {
        self.set(|it| it.bssid = bssid.filter(|it| !it.is_multicast()))
    }

    /// Aimed at whoever is asked or cleared: an access point, or a station.
    pub(crate) fn at_receiver(self, receiver: Mac, is_network: bool) -> Self {
        self.against(Some(receiver)).about(is_network.then_some(receiver))
    }

    pub(crate) fn named(self, ssid: Option<&[u8]>) -> Self {
        let ssid = ssid.filter(|it| !it.is_empty());
        self.set(|it| it.ssid = ssid.map(|it| String::from_utf8_lossy(it).into_owned()))
    }

    pub(crate) fn frames(self, since: CaptureTime, frames: u32) -> Self {
        self.set(|it| (it.since, it.frames) = (since.min(it.at), frames))
    }

    /// The frame of the scene is the victim's, or an answer to the attacker.
    pub(crate) fn by_reaction(self) -> Self {
        self.set(|it| it.is_reaction = true)
    }

    /// The same, if it is so.
    pub(crate) fn by_reaction_if(self, is_so: bool) -> Self {
        if is_so { self.by_reaction() } else { self }
    }

    pub(crate) fn detail(self, detail: &'static str) -> Self {
        self.set(|it| it.detail = detail)
    }
}
