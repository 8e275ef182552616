//! Tells what the service sees: to receivers of notifications, and as alarms of the store.
//!
//! Incidents and rogues are told when the thread says so. A sensor is looked at here: what its controller
//! says of it, and whether that is connected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::wips::incident::Transmitter;
use ::wips::profile::rogue::{Rogue, RogueClass, Verdict};
use ::wips::{Kind, Severity};
use locate::Scratch;
use model::{Association, Category, Element, Mac, Metres, Position, Time, geometry::Point};
use nmsp::SensorState;
use node::clock;
use notify::{Alert, Gravity, Incident, Phase, Seen};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::Guard;
use super::place::{self, Place};
use super::records::Record;
use super::sensors::Known;
use crate::api::Shared;

/// News that wait to be told. Ours: more in a second is a flood of incidents, which receivers drop too.
pub(super) const NEWS_MAX: usize = 1_024;
/// Sensors are looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A controller that is gone for less is no news. Ours: a link that fails is dialled again after seconds.
const GONE_MS: u64 = 10_000;
/// A sensor that nobody speaks of any more is no condition after this long. Ours.
const UNKNOWN_MS: u64 = 10 * 60_000;
/// What an alarm of a sensor is called in the store.
const ALARM: &str = "wips_sensor_silent";

/// Something that others may want to be told.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// An incident began or is over; with what was known of it, when it was told before.
    Incident { id: u64, phase: Phase, before: Option<Told> },
    /// An access point of others was found, or is worse than it was.
    Rogue(Box<(Rogue, Verdict)>, RogueClass),
}

/// What was told of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    severity: Severity,
    kinds: Vec<Kind>,
}

impl Told {
    pub(super) fn of(incident: &::wips::Incident) -> Self {
        let kinds = incident.parts.iter().map(|part| part.kind).collect();
        Self { severity: incident.severity, kinds }
    }
}

/// Tells until the task is dropped.
pub(crate) async fn tell(shared: Arc<Shared>, guard: Guard, mut news: mpsc::Receiver<News>) {
    let standing = standing(&shared);
    let mut teller = Teller { guard, shared, standing, gone: BTreeMap::new() };
    let mut look = tokio::time::interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            told = news.recv() => match told {
                Some(told) => teller.tell(told),
                // The thread has ended.
                None => return,
            },
            _ = look.tick() => teller.look().await,
        }
    }
}

/// The alarms of sensors that stand in the store.
fn standing(shared: &Shared) -> BTreeMap<String, Time> {
    let alarms = shared.store.alarms().unwrap_or_else(|error| {
        tracing::warn!(%error, "alarms of sensors cannot be read; those of before stay");
        Vec::new()
    });
    let now = clock::wall();
    let standing = alarms.into_iter().filter(|it| it.kind == ALARM && it.cleared.is_none());
    standing.map(|it| (it.source, now)).collect()
}

struct Teller {
    guard: Guard,
    shared: Arc<Shared>,
    /// Sensors that are known to be in trouble, and when they were so last.
    standing: BTreeMap<String, Time>,
    /// Since when controllers are gone.
    gone: BTreeMap<Arc<str>, Time>,
}

impl Teller {
    fn tell(&self, news: News) {
        let (site, mut scratch) = (self.shared.site.load(), Scratch::default());
        match news {
            News::Incident { id, phase, before } => {
                let Some(record) = self.guard.records().find(id) else { return };
                let place = place::of_record(&record, &self.shared.elements, &site, &mut scratch);
                let incident = &record.incident;
                let mac = incident.transmitter.address().or(incident.bssid).unwrap_or_default();
                let told = alert(&record, phase, before);
                self.shared.notifications.see(element(mac, place, ""), told);
            }
            News::Rogue(found, class) => {
                let (rogue, verdict) = *found;
                let elements = &self.shared.elements;
                let sensors = self.guard.sensors();
                let place = place::of_rogue(&rogue, sensors, elements, &site, &mut scratch);
                let reason = verdict.reason.into();
                let ssid = rogue.ssid.map(Into::into);
                let told = Alert::Rogue { class: class_word(class).into(), reason, ssid };
                self.shared.notifications.see(element(rogue.bssid, place, ""), told);
            }
        }
    }

    /// Looks at every sensor.
    async fn look(&mut self) {
        let now = clock::wall();
        let known: Vec<Known> = self.guard.sensors().read().values().cloned().collect();
        let connected = self.guard.connected();
        self.gone.retain(|controller, _| !connected.contains(&**controller));
        let mut sound = BTreeSet::new();
        for known in known {
            let (source, is_up) = (source(&known), connected.contains(&*known.controller));
            if matches!(known.state(is_up), SensorState::Capturing | SensorState::Ended) {
                sound.insert(source);
                continue;
            }
            if known.sensor.state == SensorState::Capturing && !self.is_gone(&known, now) {
                continue;
            }
            if self.standing.insert(source.clone(), now).is_none() {
                self.fell_silent(&known, &source, known.text(is_up), now).await;
            }
        }
        let is_over =
            |source: &String, last: Time| sound.contains(source) || now.since_ms(last) > UNKNOWN_MS;
        let over: Vec<String> = self
            .standing
            .iter()
            .filter(|(source, last)| is_over(source, **last))
            .map(|(source, _)| source.clone())
            .collect();
        for source in over {
            self.standing.remove(&source);
            if let Err(error) = self.shared.writer.clear_alarm(ALARM, &source, now).await {
                tracing::warn!(%error, source, "the alarm of a sensor is not cleared");
            }
        }
    }

    /// Whether its controller has not been connected for longer than a link is dialled again.
    fn is_gone(&mut self, known: &Known, now: Time) -> bool {
        let since = *self.gone.entry(Arc::clone(&known.controller)).or_insert(now);
        now.since_ms(since) >= GONE_MS
    }

    async fn fell_silent(&self, known: &Known, source: &str, text: String, now: Time) {
        let site = self.shared.site.load();
        let (name, controller) = (known.sensor.name.as_str(), &*known.controller);
        tracing::warn!(sensor = name, controller, why = text, "nothing comes from a sensor");
        let place = known.sensor.ap.and_then(|ap| place::of_access_point(ap, &site));
        let told = Alert::SensorSilent {
            sensor: name.into(),
            controller: controller.into(),
            text: text.as_str().into(),
        };
        let mac = known.sensor.ap.unwrap_or_default();
        self.shared.notifications.see(element(mac, place, controller), told);
        let text = format!("nothing comes from sensor {name}: {text}");
        let cut = text.floor_char_boundary(store::ALARM_TEXT_BYTES_MAX);
        let text = text.get(..cut).unwrap_or_default();
        let writer = &self.shared.writer;
        if let Err(error) =
            writer.raise_alarm(ALARM, store::Severity::Minor, source, text, now).await
        {
            tracing::warn!(%error, source, "the alarm of a sensor is not raised");
        }
    }
}

/// What an alarm of a sensor is about.
fn source(known: &Known) -> String {
    let source = format!("sensor {} of {}", known.sensor.number, known.controller);
    let cut = source.floor_char_boundary(store::ALARM_WORD_BYTES_MAX);
    source.get(..cut).unwrap_or_default().to_owned()
}

fn alert(record: &Record, phase: Phase, before: Option<Told>) -> Alert {
    let incident = &record.incident;
    let Told { severity, mut kinds } = Told::of(incident);
    // The gravest first; the others in the order in which they were seen.
    kinds.sort_by_key(|kind| *kind != incident.kind);
    let (who, transmitter) = match incident.transmitter {
        Transmitter::Own { address } => ("own", Some(address)),
        Transmitter::Spoofed { address } => ("spoofed", Some(address)),
        Transmitter::Invented { example } => ("invented", Some(example)),
        Transmitter::Unnamed => ("unnamed", None),
    };
    Alert::Incident(Box::new(Incident {
        id: incident.id,
        phase,
        seen: seen(severity, &kinds),
        before: before.map(|it| seen(it.severity, &it.kinds)),
        name: incident.kind.article().name.into(),
        fidelity: incident.fidelity.0,
        who: who.into(),
        transmitter,
        victim: incident.victim,
        ssid: incident.ssid.as_deref().map(Into::into),
        frames: incident.frames,
    }))
}

fn seen(severity: Severity, kinds: &[Kind]) -> Seen {
    let severity = match severity {
        Severity::Informational => Gravity::Informational,
        Severity::Minor => Gravity::Minor,
        Severity::Major => Gravity::Major,
        Severity::Critical => Gravity::Critical,
    };
    let words = |kind: &Kind| (word(kind).into(), word(&kind.article().class).into());
    Seen { severity, kinds: kinds.iter().map(words).collect() }
}

/// The word that JSON has for it.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn class_word(class: RogueClass) -> &'static str {
    match class {
        RogueClass::Friendly => "friendly",
        RogueClass::Unclassified => "unclassified",
        RogueClass::Custom => "custom",
        RogueClass::Malicious => "malicious",
    }
}

/// What the wIPS service saw, as an element: notifications are about those.
fn element(mac: Mac, place: Option<Place>, controller: &str) -> Element {
    let at = clock::wall();
    let position = place.map(|it| Position {
        floor: it.floor,
        point: Point::new(it.x, it.y),
        confidence: Metres(it.radius_m),
        at,
    });
    Element {
        category: Category::RogueAp,
        mac,
        first_seen: at,
        last_seen: at,
        band: None,
        strongest: None,
        position,
        association: Association::default(),
        tag: None,
        switch_port: None,
        computed: None,
        controller: controller.into(),
    }
}
