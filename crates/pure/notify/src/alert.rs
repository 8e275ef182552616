//! What the wIPS service saw: something happened once, so nothing is remembered of it here.
//!
//! Kinds and classes are words: which there are is known by who watches the air.

use model::Mac;
use serde::{Deserialize, Serialize};

use crate::scramble::scrambled;

/// How bad an incident is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Gravity {
    /// Worth knowing.
    #[default]
    Informational,
    /// Somebody tries something that harms little.
    Minor,
    /// Service is denied, or an attack prepares.
    Major,
    /// Somebody gets in, or gets between.
    Critical,
}

/// Which end of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Phase {
    /// It began.
    Opened,
    /// It is over.
    Closed,
}

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alert {
    /// An attack began or is over.
    Incident(Box<Incident>),
    /// An access point of others was found, or is worse than it was.
    Rogue {
        /// What it is.
        class: Box<str>,
        /// Why.
        reason: Box<str>,
        /// Its name.
        ssid: Option<Box<str>>,
    },
    /// Nothing comes from a sensor any more.
    SensorSilent {
        /// Its name.
        sensor: Box<str>,
        /// Address of its controller.
        controller: Box<str>,
        /// Why, where that is known.
        text: Box<str>,
    },
}

/// An attack, as far as a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: u64,
    /// Which end of it.
    pub phase: Phase,
    /// What was seen.
    pub seen: Seen,
    /// What had been seen when it was told last: it grew since. Absent when it is told first.
    pub before: Option<Seen>,
    /// Name of the gravest, for people.
    pub name: Box<str>,
    /// How sure it is, in percent.
    pub fidelity: u8,
    /// Whose the address is that sends: `own`, `spoofed`, `invented` or `unnamed`.
    pub who: Box<str>,
    /// The address that sends.
    pub transmitter: Option<Mac>,
    /// Who suffers.
    pub victim: Option<Mac>,
    /// Name of the network.
    pub ssid: Option<Box<str>>,
    /// How many frames.
    pub frames: u64,
}

/// How bad an incident is, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How bad it is.
    pub severity: Gravity,
    /// Everything that was seen, the gravest first, and the class of each.
    pub kinds: Vec<(Box<str>, Box<str>)>,
}

impl Alert {
    /// What happened, in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Incident(it) => match it.phase {
                Phase::Opened => "incident_opened",
                Phase::Closed => "incident_closed",
            },
            Self::Rogue { .. } => "rogue_found",
            Self::SensorSilent { .. } => "sensor_silent",
        }
    }

    /// The same without addresses that can be traced back.
    #[must_use]
    pub(crate) fn anonymous(&self, salt: &str) -> Self {
        let mut alert = self.clone();
        if let Self::Incident(incident) = &mut alert {
            for mac in [&mut incident.transmitter, &mut incident.victim].into_iter().flatten() {
                *mac = scrambled(*mac, salt);
            }
        }
        alert
    }
}
