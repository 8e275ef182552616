//! One attack is one incident, whatever detectors and sensors saw of it.
//!
//! | module | what is there |
//! |---|---|
//! | [`encyclopaedia`] | what can be seen, what it means, what to do |
//! | [`evidence`] | what speaks for a detection, and how sure that makes it |
//! | [`book`] | puts detections into incidents, and ends incidents that are quiet |

pub mod book;
pub mod encyclopaedia;
pub mod evidence;

use std::borrow::Cow;
use std::fmt;

use model::Mac;
use serde::{Deserialize, Serialize};

pub use self::book::Book;
pub use self::encyclopaedia::{Article, Class, Kind, Severity};
pub use self::evidence::{Evidence, EvidenceSet, Fidelity};
use crate::dot11::Channel;
use crate::packet::{CaptureTime, SensorId};

/// Who sends the frames of an attack, as far as the air tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "who")]
pub enum Transmitter {
    /// One radio, under its own address.
    Own {
        /// Its address.
        address: Mac,
    },
    /// One radio, in the name of another: `address` is not to blame.
    Spoofed {
        /// The address that it uses.
        address: Mac,
    },
    /// Addresses that change from frame to frame.
    Invented {
        /// The first of them.
        example: Mac,
    },
    /// The frames name no transmitter.
    Unnamed,
}

impl Transmitter {
    /// The address in the frames, when there is one.
    pub fn address(self) -> Option<Mac> {
        match self {
            Self::Own { address } | Self::Spoofed { address } => Some(address),
            Self::Invented { .. } | Self::Unnamed => None,
        }
    }

    /// Later frames tell more: a spoofed name wins over a believed one.
    fn sharpened(self, later: Self) -> Self {
        match (self, later) {
            (Self::Own { address: a }, Self::Spoofed { address: b }) if a == b => later,
            (Self::Own { .. } | Self::Spoofed { .. }, Self::Invented { .. })
            | (Self::Unnamed, _) => later,
            _ => self,
        }
    }
}

impl fmt::Display for Transmitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own { address } => write!(f, "{address}"),
            Self::Spoofed { address } => write!(f, "{address} (spoofed)"),
            Self::Invented { example } => write!(f, "{example} and others (invented)"),
            Self::Unnamed => write!(f, "nobody named"),
        }
    }
}

/// What a detector says: these frames are an attack, or part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// What.
    pub kind: Kind,
    /// When the newest frame was captured.
    pub at: CaptureTime,
    /// When the oldest frame of it was.
    pub since: CaptureTime,
    /// Who sends.
    pub transmitter: Transmitter,
    /// Who suffers; nobody in particular when there is none.
    pub victim: Option<Mac>,
    /// The network that it is about.
    pub bssid: Option<Mac>,
    /// Its name.
    pub ssid: Option<String>,
    /// Where.
    pub channel: Option<Channel>,
    /// How many frames it tells of that were not told before.
    pub frames: u32,
    /// What speaks for it.
    pub evidence: EvidenceSet,
    /// What exactly, where a kind has variants.
    pub detail: &'static str,
    /// The frame that shows it is not the attacker's, so its signal is not the attacker's either.
    pub is_reaction: bool,
}

/// What one kind of detection contributes to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What.
    pub kind: Kind,
    /// What exactly, where a kind has variants.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub detail: Cow<'static, str>,
    /// Who sends.
    pub transmitter: Transmitter,
    /// Who suffers.
    pub victim: Option<Mac>,
    /// The network that it is about.
    pub bssid: Option<Mac>,
    /// When the first frame was captured.
    pub first: CaptureTime,
    /// When it was detected.
    pub detected: CaptureTime,
    /// When the last frame was captured.
    pub last: CaptureTime,
    /// How many frames.
    pub frames: u64,
    /// What speaks for it.
    pub evidence: EvidenceSet,
    /// How sure that makes it.
    pub fidelity: Fidelity,
}

/// How strongly one sensor hears the attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hearing {
    /// Which sensor.
    pub sensor: SensorId,
    /// The newest signal, where the sensor tells it.
    pub rssi_dbm: Option<i8>,
    /// How many frames.
    pub frames: u64,
}

/// What became of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It goes on, or ended just now.
    Active,
    /// Somebody looks after it.
    Acknowledged,
    /// It was quiet for long enough.
    Quiet,
    /// Somebody said that it is over.
    Cleared,
}

/// One attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number, the first being 1.
    pub id: u64,
    /// The gravest of what was seen.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is.
    pub fidelity: Fidelity,
    /// Who sends.
    pub transmitter: Transmitter,
    /// Who suffers; nobody in particular when there is none.
    pub victim: Option<Mac>,
    /// The network that it is about.
    pub bssid: Option<Mac>,
    /// Its name.
    pub ssid: Option<String>,
    /// Where.
    pub channel: Option<Channel>,
    /// When the first frame was captured.
    pub first: CaptureTime,
    /// When it was detected.
    pub detected: CaptureTime,
    /// When the last frame was captured.
    pub last: CaptureTime,
    /// How many frames.
    pub frames: u64,
    /// What was seen, each kind once.
    pub parts: Vec<Part>,
    /// Who hears the attacker, and how strongly: where it is.
    pub heard_by: Vec<Hearing>,
    /// What became of it.
    pub standing: Standing,
}
