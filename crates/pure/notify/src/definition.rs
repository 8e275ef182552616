//! What people configure: which elements, which conditions, who is told, and how fast.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use model::{BatteryLevel, Category, Emergency, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::alert::{Alert, Gravity, Phase, Seen};
use crate::event::{Boundary, Subject};
use crate::receiver::{HIDDEN, Receiver};

/// Most definitions of one engine. Ours: each is looked at for every element that changes.
pub const DEFINITIONS_MAX: usize = 256;
/// Most conditions of one definition. Ours.
pub const CONDITIONS_MAX: usize = 16;
/// Most receivers of one definition. Ours: each has a queue of its own.
pub const RECEIVERS_MAX: usize = 8;
/// Most address patterns of one filter. Ours.
pub const MACS_MAX: usize = 256;
/// Most kinds or classes of one condition. Ours: there are some sixty kinds of incidents.
pub const WORDS_MAX: usize = 128;
/// Longest name of a definition or group, in bytes. Ours; the store allows twice as many.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest path of an area, in bytes: four names of the maps with what stands between them.
const AREA_BYTES_MAX: usize = 4 * (model::map::NAME_BYTES_MAX + 1);
/// Longest salt, in bytes. Ours.
const SALT_BYTES_MAX: usize = 256;
/// Events that wait for one receiver (MSE: `trackQueueLimit`, B.4 of the reference).
pub const QUEUE_LIMIT: usize = 500;
/// Most that may wait: the limit of the largest MSE, the 3350.
pub const QUEUE_LIMIT_MAX: usize = 30_000;
/// Tries after the first (MSE: `retryCount`).
pub const RETRY_COUNT: u32 = 1;
/// Most tries after the first. Ours.
pub const RETRY_COUNT_MAX: u32 = 10;
/// Longest pause between two events for a receiver (MSE: `trackRateLimitInMsecs`). Ours: a minute.
pub const RATE_LIMIT_MS_MAX: u64 = 60_000;
/// Longest time until a standing condition is told again. Ours: a week.
pub const REFRESH_MIN_MAX: u64 = 7 * 24 * 60;
/// Longest absence that is waited for. MSE forgets a missing element after 1,440 minutes.
pub const ABSENCE_MIN_MAX: u64 = 1_440;
/// Farthest movement that is waited for, in metres: the longest side of a floor.
const MOVEMENT_M_MAX: f32 = model::map::FLOOR_SIDE_MAX.0;

/// An element is in the area of a filter when that is more probable than not.
const LIKELY: f32 = 0.5;

/// Somebody wants to be told something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Definition {
    /// Unique; `subscriptionName` of what is sent.
    pub name: String,
    /// The event group that it belongs to, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Whether it fires.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// When: any of these.
    pub conditions: Vec<Condition>,
    /// About whom: all of these.
    #[serde(default)]
    pub filter: Filter,
    /// Who is told: each of these.
    pub receivers: Vec<Receiver>,
    /// Sends scrambled addresses, made with this salt, and neither user names nor IP addresses. The
    /// salt is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scramble_salt: Option<String>,
    /// Minutes after which a condition that still holds is told again; 0: it is told once.
    #[serde(default)]
    pub refresh_min: u64,
    /// Tries after the first, when a receiver fails.
    #[serde(default = "Definition::usual_retry_count")]
    pub retry_count: u32,
    /// Least milliseconds between two events for one receiver; 0: as fast as they occur.
    #[serde(default)]
    pub rate_limit_ms: u64,
    /// Events that wait for one receiver; beyond it the oldest is dropped and counted.
    #[serde(default = "Definition::usual_queue_limit")]
    pub queue_limit: usize,
}

/// When a definition fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Condition {
    /// An element enters or leaves an area.
    Containment {
        /// `Campus>Building>Floor>Zone`, or a beginning of it.
        area: String,
        /// Which of both; absent: both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boundary: Option<Boundary>,
    },
    /// An element is so far from where it was when that was last told, or on another floor.
    Movement {
        /// In metres.
        distance_m: f32,
    },
    /// An element is not heard for so long.
    Absence {
        /// In minutes.
        minutes: u64,
    },
    /// An element goes from one zone or floor to another.
    AreaChange,
    /// A station joins the network or leaves it.
    Association {
        /// Only who joins, or only who leaves; absent: both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        associated: Option<bool>,
    },
    /// A tag's battery goes to this level.
    Battery {
        /// Which.
        level: BatteryLevel,
    },
    /// A tag calls for help.
    Emergency {
        /// Why; absent: for any reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Emergency>,
    },
    /// A chokepoint triggers a tag.
    Chokepoint {
        /// Which; absent: any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// An element's position is computed anew.
    LocationUpdate,
    /// An attack on the air begins, grows into what is wanted, or is over.
    Incident {
        /// Which of both; absent: both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phase: Option<Phase>,
        /// At least so bad; absent: however bad.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Gravity>,
        /// With one of these kinds among what was seen, as `evil-twin`; empty: any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kinds: Vec<String>,
        /// With a kind of one of these classes among what was seen, as `impersonation`; empty: any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        classes: Vec<String>,
    },
    /// An access point of others is found, or is worse than it was.
    Rogue {
        /// Of one of these classes, as `malicious`; empty: any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        classes: Vec<String>,
    },
    /// Nothing comes from a sensor any more.
    SensorSilent,
}

/// About whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Filter {
    /// Of these categories; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// With an address like one of these; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, example = json!(["00:0c:cc:*"])))]
    pub macs: Vec<MacPattern>,
    /// Somewhere in this area: `Campus>Building>Floor>Zone`, or a beginning of it; empty: anywhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub area: String,
}

/// A MAC address, or the beginning of one: `00:0c:cc:*`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MacPattern {
    octets: Mac,
    /// Octets that count.
    count: usize,
}

/// A text that is no pattern of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is neither a MAC address nor the beginning of one; write all of it (00:0c:cc:5d:04:01), or \
     whole octets and a star (00:0c:cc:*)"
)]
pub struct MacPatternError {
    text: String,
}

/// Why a definition is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// The name cannot be used.
    #[error(
        "{what} is empty, longer than {NAME_BYTES_MAX} bytes, or holds '/' or a control character"
    )]
    BadName {
        /// Which.
        what: &'static str,
    },
    /// Too few or too many of something.
    #[error("{count} {what}; a definition has {least} to {most}")]
    BadCount {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// Least.
        least: usize,
        /// Most.
        most: usize,
    },
    /// A number is out of its range.
    #[error("{what} is {is}; it can be {least} to {most}")]
    BadNumber {
        /// Which.
        what: &'static str,
        /// What it is.
        is: String,
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
    /// A path that no place can have.
    #[error("'{0}' names no area; write Campus>Building>Floor>Zone, or a beginning of it")]
    BadArea(String),
    /// A receiver cannot be used.
    #[error("the receiver's {what} must be {is}")]
    BadReceiver {
        /// Which part.
        what: &'static str,
        /// What it has to be.
        is: &'static str,
    },
    /// The salt cannot be used.
    #[error("scramble_salt must have 1 to {SALT_BYTES_MAX} bytes")]
    BadSalt,
    /// A secret was left out that is not known.
    #[error(
        "'{HIDDEN}' stands for a secret as it was, but there is none for this receiver at this place; send the secret"
    )]
    UnknownSecret,
}

impl Definition {
    /// Whether it can be used.
    pub fn validate(&self) -> Result<(), DefinitionError> {
        check_name("the name", &self.name)?;
        if !self.group.is_empty() {
            check_name("the group", &self.group)?;
        }
        count("conditions", self.conditions.len(), 1, CONDITIONS_MAX)?;
        count("receivers", self.receivers.len(), 1, RECEIVERS_MAX)?;
        count("address patterns", self.filter.macs.len(), 0, MACS_MAX)?;
        count("categories", self.filter.categories.len(), 0, Category::ALL.len())?;
        number("refresh_min", self.refresh_min, 0, REFRESH_MIN_MAX)?;
        number("retry_count", self.retry_count.into(), 0, RETRY_COUNT_MAX.into())?;
        number("rate_limit_ms", self.rate_limit_ms, 0, RATE_LIMIT_MS_MAX)?;
        number("queue_limit", self.queue_limit as u64, 1, QUEUE_LIMIT_MAX as u64)?;
        if !self.filter.area.is_empty() {
            check_area(&self.filter.area)?;
        }
        if self.scramble_salt.as_ref().is_some_and(|it| it.is_empty() || it.len() > SALT_BYTES_MAX)
        {
            return Err(DefinitionError::BadSalt);
        }
        self.conditions.iter().try_for_each(Condition::validate)?;
        self.receivers.iter().try_for_each(Receiver::validate)
    }

    /// Whether any of its conditions is about elements.
    pub(crate) fn is_about_elements(&self) -> bool {
        self.conditions.iter().any(Condition::is_about_elements)
    }

    /// The definition as it may be shown: secrets are [`HIDDEN`].
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        shown.receivers = self.receivers.iter().map(Receiver::shown).collect();
        if let Some(salt) = &mut shown.scramble_salt {
            HIDDEN.clone_into(salt);
        }
        shown
    }

    /// Puts the secrets of the definition that this one replaces where [`HIDDEN`] stands. A secret
    /// never goes to another place than it was meant for.
    pub fn reveal(&mut self, old: Option<&Self>) -> Result<(), DefinitionError> {
        for (at, receiver) in self.receivers.iter_mut().enumerate() {
            let old = old.into_iter().flat_map(|old| &old.receivers).enumerate();
            // Several at one place have secrets of their own: the one that was shown so, and stood here.
            let likeness = |(was, it): &(usize, &Receiver)| (it.shown() == *receiver, *was == at);
            let same = old.filter(|(_, it)| it.is_same_place(receiver)).max_by_key(likeness);
            if !receiver.reveal(same.map(|(_, it)| it)) {
                return Err(DefinitionError::UnknownSecret);
            }
        }
        if let Some(salt) = self.scramble_salt.as_mut().filter(|salt| *salt == HIDDEN) {
            let known = old.and_then(|old| old.scramble_salt.clone());
            *salt = known.ok_or(DefinitionError::UnknownSecret)?;
        }
        Ok(())
    }

    fn usual_retry_count() -> u32 {
        RETRY_COUNT
    }

    fn usual_queue_limit() -> usize {
        QUEUE_LIMIT
    }
}

fn yes() -> bool {
    true
}

impl Condition {
    fn validate(&self) -> Result<(), DefinitionError> {
        match self {
            Self::Containment { area, .. } => check_area(area),
            Self::Movement { distance_m } if (0.1..=MOVEMENT_M_MAX).contains(distance_m) => Ok(()),
            Self::Movement { distance_m } => Err(DefinitionError::BadNumber {
                what: "distance_m",
                is: distance_m.to_string(),
                least: 0,
                most: MOVEMENT_M_MAX as u64,
            }),
            Self::Absence { minutes } => number("minutes", *minutes, 1, ABSENCE_MIN_MAX),
            Self::Chokepoint { name: Some(name) } => check_name("the chokepoint", name),
            Self::Incident { kinds, classes, .. } => {
                check_words("kinds", kinds).and_then(|()| check_words("classes", classes))
            }
            Self::Rogue { classes } => check_words("classes", classes),
            Self::AreaChange
            | Self::Association { .. }
            | Self::Battery { .. }
            | Self::Emergency { .. }
            | Self::Chokepoint { name: None }
            | Self::LocationUpdate
            | Self::SensorSilent => Ok(()),
        }
    }

    /// Whether it is about elements, and not about what the wIPS service sees.
    pub fn is_about_elements(&self) -> bool {
        !matches!(self, Self::Incident { .. } | Self::Rogue { .. } | Self::SensorSilent)
    }

    /// Whether it fires for what was seen.
    pub(crate) fn matches(&self, alert: &Alert) -> bool {
        let has =
            |wanted: &[String], word: &str| wanted.is_empty() || wanted.iter().any(|it| it == word);
        match (self, alert) {
            (Self::Incident { phase, severity, kinds, classes }, Alert::Incident(it)) => {
                let fits = |seen: &Seen| {
                    severity.is_none_or(|least| seen.severity >= least)
                        && seen.kinds.iter().any(|(kind, _)| has(kinds, kind))
                        && seen.kinds.iter().any(|(_, class)| has(classes, class))
                };
                // One that has grown is told to whom it did not concern before.
                let is_news = it.before.as_ref().is_none_or(|before| !fits(before));
                phase.is_none_or(|phase| phase == it.phase) && fits(&it.seen) && is_news
            }
            (Self::Rogue { classes }, Alert::Rogue { class, .. }) => has(classes, class),
            (Self::SensorSilent, Alert::SensorSilent { .. }) => true,
            _ => false,
        }
    }
}

impl Filter {
    /// Whether an element can be meant, wherever it is.
    pub fn is_about(&self, category: Category, mac: Mac) -> bool {
        (self.categories.is_empty() || self.categories.contains(&category))
            && (self.macs.is_empty() || self.macs.iter().any(|it| it.matches(mac)))
    }

    /// Whether an element is meant, where it is now. Who is nowhere is not in an area.
    pub(crate) fn matches(&self, subject: &Subject) -> bool {
        self.is_about(subject.element.category, subject.element.mac) && self.is_there(subject)
    }

    /// Whether what the wIPS service saw is meant: it is of no category.
    pub(crate) fn matches_alert(&self, subject: &Subject) -> bool {
        let mac = subject.element.mac;
        (self.macs.is_empty() || self.macs.iter().any(|it| it.matches(mac)))
            && self.is_there(subject)
    }

    fn is_there(&self, subject: &Subject) -> bool {
        let place = subject.place.as_ref();
        self.area.is_empty() || place.is_some_and(|place| place.probability(&self.area) > LIKELY)
    }
}

impl MacPattern {
    /// Whether an address is like this.
    pub fn matches(&self, mac: Mac) -> bool {
        mac.0.iter().zip(self.octets.0).take(self.count).all(|(a, b)| *a == b)
    }
}

impl FromStr for MacPattern {
    type Err = MacPatternError;

    fn from_str(text: &str) -> Result<Self, MacPatternError> {
        let error = || MacPatternError { text: text.chars().take(64).collect() };
        let trimmed = text.trim();
        let Some(beginning) = trimmed.strip_suffix('*') else {
            let octets = trimmed.parse().map_err(|_| error())?;
            return Ok(Self { octets, count: 6 });
        };
        let digits: String = beginning.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let is_whole = digits.len().is_multiple_of(2) && digits.len() <= 12;
        let padded = format!("{digits:0<12}");
        match padded.parse() {
            Ok(octets) if is_whole => Ok(Self { octets, count: digits.len() / 2 }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for MacPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 6 {
            return fmt::Display::fmt(&self.octets, f);
        }
        self.octets.0.iter().take(self.count).try_for_each(|octet| write!(f, "{octet:02x}:"))?;
        f.write_str("*")
    }
}

impl fmt::Debug for MacPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MacPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), DefinitionError> {
    let is_bad = name.is_empty()
        || name.len() > NAME_BYTES_MAX
        || name.chars().any(|c| c == '/' || c.is_control());
    if is_bad { Err(DefinitionError::BadName { what }) } else { Ok(()) }
}

fn check_words(what: &'static str, words: &[String]) -> Result<(), DefinitionError> {
    count(what, words.len(), 0, WORDS_MAX)?;
    words.iter().try_for_each(|word| check_name(what, word))
}

fn check_area(path: &str) -> Result<(), DefinitionError> {
    let names = path.split('>').collect::<Vec<_>>();
    let fits = path.len() <= AREA_BYTES_MAX
        && names.len() <= 4
        && names.iter().all(|name| !name.is_empty() && !name.chars().any(char::is_control));
    if fits {
        return Ok(());
    }
    Err(DefinitionError::BadArea(path.chars().take(AREA_BYTES_MAX).collect()))
}

fn count(
    what: &'static str,
    count: usize,
    least: usize,
    most: usize,
) -> Result<(), DefinitionError> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(DefinitionError::BadCount { what, count, least, most })
}

fn number(what: &'static str, is: u64, least: u64, most: u64) -> Result<(), DefinitionError> {
    if (least..=most).contains(&is) {
        return Ok(());
    }
    Err(DefinitionError::BadNumber { what, is: is.to_string(), least, most })
}

/// Names that are there twice; the second of two would never be seen.
pub(crate) fn unique(definitions: Vec<Definition>) -> Vec<Definition> {
    let mut seen = BTreeSet::new();
    definitions.into_iter().filter(|it| seen.insert(it.name.clone())).collect()
}

#[cfg(test)]
mod tests;
