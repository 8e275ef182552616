//! What the owner of the air wants: whom to protect, when to speak, and how loudly.
//!
//! A profile is a document (TOML or JSON). Everything in it has a default that is safe: nothing is
//! contained, nobody is trusted, and every network is watched.
//!
//! | module | what is there |
//! |---|---|
//! | [`lists`] | vendors, countries, channels, words and networks that the owner lists |
//! | [`rogue`] | rules that sort the access points of others, and what is recommended against them |
//!
//! # Thresholds
//!
//! A threshold is reached by so many frames, or by so many transmitters, within so many seconds *that
//! a sensor listened on the channel*. The defaults are the start values of section 3 of the reference
//! `wips.md`, which are those that vendors publish (Fortinet, Netgear, Ruijie, Cisco), or have their
//! reason beside them.

pub mod lists;
pub mod rogue;

use std::collections::{BTreeMap, BTreeSet};

use model::Mac;
use serde::{Deserialize, Serialize};

use self::lists::Lists;
use self::rogue::Rule;
use crate::incident::{Class, Kind, Severity};
use crate::packet::CaptureTime;

/// When a detector speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// So many frames.
    pub frames: u32,
    /// Or so many transmitters; none counts them when there is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmitters: Option<u32>,
    /// Within so many seconds.
    pub seconds: u32,
}

impl Threshold {
    const fn frames(frames: u32, seconds: u32) -> Self {
        Self { frames, transmitters: None, seconds }
    }

    const fn or_transmitters(self, transmitters: u32) -> Self {
        Self { transmitters: Some(transmitters), ..self }
    }

    /// Its span.
    pub(crate) fn span_us(self) -> u64 {
        u64::from(self.seconds.max(1)) * 1_000_000
    }

    /// What a kind has by default.
    #[expect(clippy::match_same_arms, reason = "equal numbers have different reasons")]
    pub const fn default_of(kind: Kind) -> Self {
        match kind {
            // Fortinet: 30 in 10 s. Ours: 20 new stations in 10 s are more than walk in.
            Kind::AuthenticationFlood | Kind::AssociationFlood | Kind::ReassociationFlood => {
                Self::frames(30, 10).or_transmitters(20)
            }
            Kind::EapolStartFlood => Self::frames(30, 10),
            Kind::SaeCommitFlood => Self::frames(20, 10).or_transmitters(20),
            Kind::PsPollFlood => Self::frames(50, 10),
            Kind::AuthenticationFailureFlood => Self::frames(20, 10),
            Kind::UnauthenticatedAssociation => Self::frames(5, 10),
            // Cisco's advice is to leave the rate alone: crowds of telephones reach it. So many new
            // addresses count only when they have one signal strength.
            Kind::ProbeRequestFlood => Self::frames(500, 60).or_transmitters(40),
            Kind::SsidBruteForce => Self::frames(30, 10),
            Kind::AddbaSpoof | Kind::DelbaSpoof => Self::frames(5, 10),
            // Ours: no honest sender goes on before the window that it asked for, but a sensor may hear
            // frames out of order once.
            Kind::BlockAckRequestSpoof => Self::frames(3, 10),
            // Ours: an offer and an acknowledgement; a claim that was contradicted, and again.
            Kind::FakeDhcpServer => Self::frames(2, 60),
            Kind::ArpPoisoning => Self::frames(3, 60),
            // Ours: ten, because fewer come from damage where sensors do not check frames.
            Kind::MalformedFrames => Self::frames(10, 60),
            // Ours: half of the 100 in a second that are the start value, since monitors miss frames, and
            // what is answered or used does not count.
            Kind::RtsFlood => Self::frames(250, 5),
            // A busy home has 80 in a second to one receiver, whose requests no sensor hears.
            Kind::CtsFlood => Self::frames(300, 3),
            Kind::VirtualCarrier => Self::frames(10, 10),
            Kind::BeaconFlood => Self::frames(25, 60),
            Kind::ChannelSwitchSpoof | Kind::QuietSpoof => Self::frames(2, 60),
            Kind::DeauthenticationFlood | Kind::DisassociationFlood => Self::frames(10, 5),
            // An access point that restarts sends one or two.
            Kind::DeauthenticationBroadcast | Kind::DisassociationBroadcast => Self::frames(3, 60),
            Kind::SpoofedDisconnect => Self::frames(4, 60),
            // Netgear: 2, where an honest one is rare.
            Kind::EapolLogoff | Kind::PrematureEapSuccess | Kind::PrematureEapFailure => {
                Self::frames(2, 10)
            }
            Kind::AuthenticationFailureSpoof | Kind::FataJack => Self::frames(2, 10),
            Kind::ProbeResponseFlood => Self::frames(100, 10),
            Kind::NullProbeResponse => Self::frames(5, 60),
            Kind::PowerSaveAttack => Self::frames(20, 10),
            // Ours: ten strangers that all send TKIP before the access point knows them.
            Kind::MichaelAttack => Self::frames(20, 10),
            // Two close a TKIP network (IEEE 802.11-2020, 12.5.2.4).
            Kind::MichaelFailure => Self::frames(2, 60),
            Kind::BssidSpoof => Self::frames(3, 60),
            Kind::Karma => Self::frames(3, 60),
            Kind::WpsBruteForce => Self::frames(3, 60),
            Kind::HandshakeHarvest | Kind::PmkidHarvest => Self::frames(2, 60),
            Kind::WepReplay => Self::frames(100, 5),
            Kind::WepCracking => Self::frames(32, 5),
            Kind::EapBruteForce => Self::frames(10, 60),
            Kind::RepeatedAuthenticationFailure => Self::frames(2, 60),
            Kind::MacSpoof => Self::frames(20, 10),
            // Ours: one frame may be heard twice with another number once, three are sent again.
            Kind::GroupKeyReinstallation => Self::frames(3, 60),
            Kind::ForgedData => Self::frames(10, 10),
            // Ours: so many devices behind one address are more than a repeater brings in a minute.
            Kind::DhcpStarvation => Self::frames(30, 60),
            // Ours: a page asks for some long names at once, a tunnel goes on.
            Kind::DnsTunnel => Self::frames(50, 10),
            Kind::IcmpTunnel => Self::frames(20, 10),
            Kind::Omerta => Self::frames(10, 5),
            Kind::MalformedEapTls => Self::frames(3, 60),
            // Ours: what is raised for five seconds is no burst of a microwave oven, which pulses with the
            // mains.
            Kind::NoiseRaised => Self::frames(50, 5),
            Kind::ClientToClient => Self::frames(3, 60),
            Kind::ExcessiveRoaming => Self::frames(10, 60),
            Kind::UnencryptedData => Self::frames(5, 60),
            Kind::WeakWepIv => Self::frames(3, 60),
            _ => Self::frames(1, 60),
        }
    }
}

/// When networks are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// From this hour of the day on, 0 to 23.
    pub from_h: u8,
    /// Up to this one, 1 to 24; before `from_h` where people work through the night.
    pub to_h: u8,
    /// How many minutes local time is ahead of UTC. Ours: a profile is changed twice a year, or both hours
    /// are taken wide enough.
    #[serde(default)]
    pub utc_offset_min: i16,
    /// Also on Saturday and Sunday.
    #[serde(default)]
    pub weekends: bool,
}

impl Hours {
    /// Whether a point in time is within them.
    pub fn contain(self, at: CaptureTime) -> bool {
        const MINUTE_US: i64 = 60_000_000;
        const DAY_MIN: i64 = 24 * 60;
        let local_min = at.0.cast_signed() / MINUTE_US + i64::from(self.utc_offset_min);
        let (day, minute) = (local_min.div_euclid(DAY_MIN), local_min.rem_euclid(DAY_MIN));
        // The first of January 1970 was a Thursday.
        let is_weekend = (day + 3).rem_euclid(7) >= 5;
        let (from, to) = (i64::from(self.from_h) * 60, i64::from(self.to_h) * 60);
        let is_within =
            if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to };
        is_within && (self.weekends || !is_weekend)
    }
}

/// The infrastructure and the stations of the owner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Managed {
    /// Names of its networks.
    pub ssids: BTreeSet<String>,
    /// Base addresses of its radios.
    pub bssids: BTreeSet<Mac>,
    /// Its stations.
    pub stations: BTreeSet<Mac>,
}

impl Managed {
    /// Whether nothing is said, so that every network is watched.
    pub fn is_empty(&self) -> bool {
        self.ssids.is_empty() && self.bssids.is_empty() && self.stations.is_empty()
    }
}

/// What the owner of the air wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Whom to protect. What is aimed at others is told as informational; everybody is protected when
    /// this is empty.
    pub managed: Managed,
    /// Access points of others that are known and harmless.
    pub approved_bssids: BTreeSet<Mac>,
    /// Names of networks of others that are known and harmless.
    pub approved_ssids: BTreeSet<String>,
    /// Names that no network has, in no letter but the owner's: who shows one answers to anything.
    pub canary_ssids: BTreeSet<String>,
    /// When managed networks are used; always, when there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Addresses that the owner's switches have seen: a rogue access point next to one of them is on the
    /// owner's wire.
    pub wired: BTreeSet<Mac>,
    /// What is allowed in managed networks, and what nobody may be called.
    pub lists: Lists,
    /// How access points that are not managed are sorted; the first rule that fits counts.
    pub rules: Vec<Rule>,
    /// Kinds that are not looked for.
    pub disabled: BTreeSet<Kind>,
    /// Thresholds that are not the default.
    pub thresholds: BTreeMap<Kind, Threshold>,
    /// Severities that are not those of the encyclopaedia.
    pub severities: BTreeMap<Kind, Severity>,
    /// An incident is quiet after so many seconds at least.
    pub quiet_s_min: u32,
    /// And after so many seconds at most.
    pub quiet_s_max: u32,
    /// Stations and access points that are followed at once.
    pub radios_max: usize,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            managed: Managed::default(),
            approved_bssids: BTreeSet::new(),
            approved_ssids: BTreeSet::new(),
            canary_ssids: BTreeSet::new(),
            hours: None,
            wired: BTreeSet::new(),
            lists: Lists::default(),
            rules: Vec::new(),
            disabled: BTreeSet::new(),
            thresholds: BTreeMap::new(),
            severities: BTreeMap::new(),
            // Half of Cisco's sampling period of one minute, and the time Aruba needs to believe that a
            // flood has ended is three of our maximum.
            quiet_s_min: 30,
            quiet_s_max: 300,
            radios_max: 16_384,
        }
    }
}

impl Profile {
    /// When the detector of a kind speaks.
    pub fn threshold(&self, kind: Kind) -> Threshold {
        self.thresholds.get(&kind).copied().unwrap_or_else(|| Threshold::default_of(kind))
    }

    /// How much a kind matters to the owner when it is about this network.
    pub fn severity(&self, kind: Kind, bssid: Option<Mac>, ssid: Option<&str>) -> Severity {
        let of_kind =
            self.severities.get(&kind).copied().unwrap_or_else(|| kind.article().severity);
        let is_ours = bssid.is_some_and(|it| self.managed.bssids.contains(&it))
            || ssid.is_some_and(|it| {
                self.managed.ssids.contains(it) || self.canary_ssids.contains(it)
            });
        let is_about_nobody = bssid.is_none() && ssid.is_none();
        if self.managed.is_empty() || is_about_nobody {
            return of_kind;
        }
        match kind.article().class {
            // Only stations of the owner are told of, wherever they are.
            _ if kind == Kind::Misassociation => of_kind,
            // What looks like ours is not ours by definition.
            _ if matches!(kind, Kind::LookAlikeSsid | Kind::CanarySsid) => of_kind,
            // What the owner lists is the owner's concern, whoever does it.
            _ if matches!(kind, Kind::ForbiddenSsid | Kind::VendorNotListed) => of_kind,
            // What breaks the owner's policy in the owner's network is the owner's problem.
            Class::Policy if is_ours => of_kind.max(Severity::Minor),
            _ if is_ours => of_kind,
            _ => Severity::Informational,
        }
    }

    /// The same where it is known who suffers: an attack on a station of the owner matters wherever it is.
    pub fn severity_against(
        &self,
        kind: Kind,
        bssid: Option<Mac>,
        ssid: Option<&str>,
        victim: Option<Mac>,
    ) -> Severity {
        let Managed { bssids, stations, .. } = &self.managed;
        let is_ours = victim.is_some_and(|it| stations.contains(&it) || bssids.contains(&it));
        if is_ours && kind.article().class != Class::Policy {
            return self.severities.get(&kind).copied().unwrap_or_else(|| kind.article().severity);
        }
        self.severity(kind, bssid, ssid)
    }

    /// Whether a network is the owner's.
    pub(crate) fn owns(&self, bssid: Mac, ssid: Option<&[u8]>) -> bool {
        let is_name = || {
            let name = ssid.and_then(|it| std::str::from_utf8(it).ok());
            name.is_some_and(|it| self.managed.ssids.contains(it))
        };
        // A name is anybody's to take; it counts where nothing better is known.
        self.managed.bssids.contains(&bssid) || (self.managed.bssids.is_empty() && is_name())
    }

    /// Whether an access point hangs on the owner's wire: its radio and its wired address are neighbours,
    /// and radios change the bit that says that an address was made up.
    pub fn is_on_wire(&self, bssid: Mac) -> bool {
        const MADE_UP: u64 = 0x0200_0000_0000;
        // Ours: access points number their radios and their port within two of each other.
        const NEIGHBOURS: u64 = 2;
        let number = |mac: Mac| mac.to_u64() & !MADE_UP;
        self.wired.iter().any(|it| number(*it).abs_diff(number(bssid)) <= NEIGHBOURS)
    }

    /// Whether an access point belongs to the owner, or is known and harmless.
    pub fn knows(&self, bssid: Mac, ssid: Option<&str>) -> bool {
        self.managed.bssids.contains(&bssid)
            || self.approved_bssids.contains(&bssid)
            || ssid.is_some_and(|it| self.approved_ssids.contains(it))
    }
}
