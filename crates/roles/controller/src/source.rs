//! Where the radio of a controller comes from.
//!
//! A source is a pure machine: it is asked when its next report is due and told the time.
//! The NMSP server sends what it reports; a test drives hours of it in milliseconds.
//! A source deliberately knows no protocol and no subscription: it reports everything it hears.

use std::fmt;
use std::net::IpAddr;

use model::geometry::Point;
use model::map::{AccessPoint, MapId, Maps};
use model::{Association, Mac, Observation, SwitchPort, TagReport, Time};

/// Reports that an endless source makes up for after a pause of the process; earlier ones are left
/// out. Ours: an engine has no use for what was heard while the machine was suspended.
pub(crate) const CATCH_UP_MAX: u64 = 5;

/// Something that hears radio: a recording, or a simulated campus.
pub trait Source: Track + Send {
    /// Maps of the places that this source reports for.
    fn maps(&self) -> &Maps;

    /// The access points that this source reports for.
    fn access_points(&self) -> Vec<AccessPoint> {
        let floors = self.maps().floors();
        floors.flat_map(|place| place.floor.access_points.iter().cloned()).collect()
    }

    /// Addresses of the switches that this source reports for, and of their ports.
    fn switch_ports(&self) -> Vec<SwitchPort> {
        Vec::new()
    }

    /// When the next report is due; none when the source is exhausted.
    fn deadline(&self) -> Option<Time>;

    /// The report that is due at `now`, if any. Call until there is none.
    fn poll(&mut self, now: Time) -> Option<Report>;
}

/// Where elements truly were, so that a demo can score the engine.
pub trait Track {
    /// Where `mac` was at the event time `at`; none for an unknown element, or a time that is not
    /// remembered or not yet simulated.
    fn truth(&self, mac: Mac, at: Time) -> Option<Place>;
}

/// No radio: everything that a controller reports comes from its sensors.
#[derive(Debug, Clone, Default)]
pub struct Nothing(Maps);

impl Source for Nothing {
    fn maps(&self) -> &Maps {
        &self.0
    }

    fn deadline(&self) -> Option<Time> {
        None
    }

    fn poll(&mut self, _: Time) -> Option<Report> {
        None
    }
}

impl Track for Nothing {
    fn truth(&self, _: Mac, _: Time) -> Option<Place> {
        None
    }
}

/// A place on a floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The floor.
    pub floor: MapId,
    /// The place on it.
    pub point: Point,
}

/// What was heard and learnt in one reporting interval.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Event time of the report: no reading in it is newer, and it is never in the future.
    pub at: Time,
    /// What was heard, in the order of category and address.
    pub observations: Vec<Observation>,
    /// Stations whose association changed, with the whole new association.
    pub associations: Vec<(Mac, Association)>,
    /// What tags said about themselves, each of them all of it.
    pub tag_reports: Vec<(Mac, TagReport)>,
    /// Wired stations that appeared or changed.
    pub wired_clients: Vec<WiredClient>,
}

/// A station on a switch port. It is not heard, so its place is that of its switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WiredClient {
    /// Which one.
    pub mac: Mac,
    /// Name of the switch.
    pub switch: Box<str>,
    /// Port of the switch.
    pub port: Port,
    /// VLAN of the port.
    pub vlan: u16,
    /// 802.1X user.
    pub username: Option<Box<str>>,
    /// Addresses, IPv4 first.
    pub ip_addresses: Vec<IpAddr>,
}

/// A switch port, numbered as switches print it: `1/0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Member of the stack.
    pub slot: u8,
    /// Module of the member.
    pub module: u8,
    /// Port of the module.
    pub port: u8,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.slot, self.module, self.port)
    }
}
