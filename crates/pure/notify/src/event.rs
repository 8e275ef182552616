//! What is known about an element, and what happened to it.

use std::sync::Arc;

use model::{BatteryLevel, Element, Emergency, Time};

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Gravity, Incident, Phase, Seen};
use crate::definition::{Condition, Definition};

/// What an element is known to be and to do, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The element as it is published.
    pub element: Element,
    /// The areas that it may be in; absent when it has no position on these maps.
    pub place: Option<Place>,
}

/// Where an element is in the hierarchy of the maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// `Campus>Building>Floor`.
    pub floor: Box<str>,
    /// The zones of that floor that may hold it.
    pub zones: Vec<Area>,
}

/// A zone, and how probable it is that the element is inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Name of the zone.
    pub zone: Box<str>,
    /// From 0 to 1.
    pub probability: f32,
}

/// Which side of an area's edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Boundary {
    /// It came in.
    Inside,
    /// It went out.
    Outside,
}

/// What kind of area a path names, by its depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AreaType {
    /// One name.
    Campus,
    /// Two.
    Building,
    /// Three.
    Floor,
    /// Four.
    Zone,
}

/// Something happened that somebody wants to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Counts the events of this engine since it began to serve.
    pub id: u64,
    /// Name of the definition that fired.
    pub definition: Arc<str>,
    /// What happened.
    pub kind: EventKind,
    /// To whom. The address is scrambled already where the definition says so.
    pub subject: Arc<Subject>,
    /// When it fired.
    pub at: Time,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// It entered or left an area.
    Containment {
        /// The area's path.
        area: Arc<str>,
        /// Which of both.
        boundary: Boundary,
    },
    /// It went far enough from where it was when that was last told.
    Movement {
        /// How far, in metres; absent when it changed floors.
        moved_m: Option<f32>,
        /// How far was enough.
        trigger_m: f32,
    },
    /// It has not been heard.
    Absence {
        /// For this long.
        absent_ms: u64,
    },
    /// It went from one zone or floor to another.
    AreaChange {
        /// The path of where it was.
        from: Arc<str>,
        /// The path of where it is.
        to: Arc<str>,
    },
    /// It joined the network or left it.
    Association {
        /// Which of both.
        associated: bool,
    },
    /// Its battery went to this level.
    Battery {
        /// Which.
        level: BatteryLevel,
    },
    /// It calls for help.
    Emergency {
        /// Why.
        reason: Emergency,
    },
    /// A chokepoint triggered it.
    Chokepoint {
        /// Which.
        name: Arc<str>,
    },
    /// Its position was computed anew.
    LocationUpdate,
    /// The wIPS service saw something; its subject is who sends, as far as that is known.
    Alert(Arc<Alert>),
}

impl Place {
    /// The path of the smallest area that surely holds it: a zone, or else the floor. `is_inside`
    /// decides what is sure.
    pub(crate) fn path(&self, is_inside: impl Fn(&Area) -> bool) -> Arc<str> {
        match self.zones.iter().find(|area| is_inside(area)) {
            Some(area) => format!("{}>{}", self.floor, area.zone).into(),
            None => self.floor.as_ref().into(),
        }
    }

    /// How probable it is that the element is in the area with this path: a campus, a building, a
    /// floor or a zone.
    pub fn probability(&self, path: &str) -> f32 {
        if is_within(&self.floor, path) {
            return 1.0;
        }
        let Some(zone) = path.strip_prefix(&*self.floor).and_then(|rest| rest.strip_prefix('>'))
        else {
            return 0.0;
        };
        self.zones.iter().find(|area| *area.zone == *zone).map_or(0.0, |area| area.probability)
    }
}

impl AreaType {
    /// What the path names.
    pub fn of(path: &str) -> Self {
        match path.matches('>').count() {
            0 => Self::Campus,
            1 => Self::Building,
            2 => Self::Floor,
            _ => Self::Zone,
        }
    }
}

impl Event {
    /// What a definition would tell about `subject`, to try its receivers with.
    pub fn sample(definition: &Definition, subject: Subject, at: Time) -> Self {
        let kind = match definition.conditions.first() {
            Some(Condition::Containment { area, boundary }) => EventKind::Containment {
                area: area.as_str().into(),
                boundary: boundary.unwrap_or(Boundary::Inside),
            },
            Some(Condition::Movement { distance_m }) => {
                EventKind::Movement { moved_m: Some(*distance_m), trigger_m: *distance_m }
            }
            Some(Condition::Absence { minutes }) => {
                EventKind::Absence { absent_ms: minutes.saturating_mul(60_000) }
            }
            Some(Condition::AreaChange) => {
                let floor = subject.place.as_ref().map_or("", |place| &*place.floor);
                EventKind::AreaChange { from: floor.into(), to: floor.into() }
            }
            Some(Condition::Association { associated }) => {
                EventKind::Association { associated: associated.unwrap_or(true) }
            }
            Some(Condition::Battery { level }) => EventKind::Battery { level: *level },
            Some(Condition::Emergency { reason }) => {
                EventKind::Emergency { reason: reason.unwrap_or(Emergency::PanicButton) }
            }
            Some(Condition::Chokepoint { name }) => {
                EventKind::Chokepoint { name: name.as_deref().unwrap_or_default().into() }
            }
            Some(Condition::Incident { phase, severity, kinds, classes }) => {
                let word = |words: &[String], usual: &str| {
                    words.first().map_or(usual, String::as_str).into()
                };
                EventKind::Alert(Arc::new(Alert::Incident(Box::new(Incident {
                    id: 0,
                    phase: phase.unwrap_or(Phase::Opened),
                    seen: Seen {
                        severity: severity.unwrap_or(Gravity::Critical),
                        kinds: vec![(word(kinds, "evil-twin"), word(classes, "impersonation"))],
                    },
                    before: None,
                    name: "Test".into(),
                    fidelity: 100,
                    who: "own".into(),
                    transmitter: Some(subject.element.mac),
                    victim: None,
                    ssid: Some("test".into()),
                    frames: 1,
                }))))
            }
            Some(Condition::Rogue { classes }) => EventKind::Alert(Arc::new(Alert::Rogue {
                class: classes.first().map_or("malicious", String::as_str).into(),
                reason: "a test".into(),
                ssid: Some("test".into()),
            })),
            Some(Condition::SensorSilent) => EventKind::Alert(Arc::new(Alert::SensorSilent {
                sensor: "test".into(),
                controller: "test:16113".into(),
                text: "a test".into(),
            })),
            Some(Condition::LocationUpdate) | None => EventKind::LocationUpdate,
        };
        let definition = definition.name.as_str().into();
        Self { id: 0, definition, kind, subject: Arc::new(subject), at }
    }
}

/// Whether the place with this path is `area` or lies in it.
pub(crate) fn is_within(path: &str, area: &str) -> bool {
    path.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('>'))
}

impl EventKind {
    /// The kind in one word, for logs and lists.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Containment { .. } => "containment",
            Self::Movement { .. } => "movement",
            Self::Absence { .. } => "absence",
            Self::AreaChange { .. } => "area_change",
            Self::Association { .. } => "association",
            Self::Battery { .. } => "battery",
            Self::Emergency { .. } => "emergency",
            Self::Chokepoint { .. } => "chokepoint",
            Self::LocationUpdate => "location_update",
            Self::Alert(alert) => alert.word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: f32) {
        let area = Area { zone: "Lobby".into(), probability: 0.4 };
        let place = Place { floor: "North>Main>Ground".into(), zones: vec![area] };
        assert!((place.probability(path) - expected).abs() < f32::EPSILON, "{path}");
    }

    #[test]
    fn an_element_is_in_everything_around_its_floor() {
        check("North", 1.0);
        check("North>Main", 1.0);
        check("North>Main>Ground", 1.0);
        check("North>Main>Ground>Lobby", 0.4);
    }

    #[test]
    fn a_name_that_only_begins_alike_is_another_place() {
        check("Nor", 0.0);
        check("North>Ma", 0.0);
        check("North>Main>Ground>Lobby2", 0.0);
        check("North>Main>GroundX", 0.0);
        check("", 0.0);
    }
}
