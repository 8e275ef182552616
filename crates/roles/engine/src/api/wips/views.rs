//! How the API shows what the wIPS service knows: with places, vendors and names.

use std::sync::Arc;

use locate::Scratch;
use model::{Category, Mac, Time};
use nmsp::{SensorMode, SensorState};
use serde::Serialize;
use utoipa::ToSchema;
use wips::dot11::Channel;
use wips::incident::Class;
use wips::profile::Threshold;
use wips::profile::rogue::{Recommendation, Rogue, RogueClass, Verdict};
use wips::{CaptureTime, Incident, Kind, Profile, SensorId, Severity};

use crate::api::Shared;
use crate::site::Site;
use crate::tracker::SharedElements;
use crate::wips::Guard;
use crate::wips::place::{self, Place};
use crate::wips::records::{Forensics, Heard, Record, Said};
use crate::wips::sensors::Known;
use crate::wips::trust::Classes;

/// What an address that suffers may be tracked as.
const SUFFERERS: [Category; 4] =
    [Category::WirelessClient, Category::Tag, Category::RogueClient, Category::RogueAp];

/// One incident, with what the engine knows beside it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentView {
    /// As `mse wips replay --json` prints it.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    incident: Incident,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    said: Said,
    /// Where the attacker is.
    place: Option<Place>,
    /// Where the victim is, when it is tracked.
    victim_place: Option<Place>,
    /// Who made the attacker's radio, or `randomised`.
    transmitter_vendor: Option<String>,
    /// Who made the victim's radio, or `randomised`.
    victim_vendor: Option<String>,
    /// Who hears the attacker.
    #[schema(value_type = Vec<Object>)]
    sensors: Vec<Heard>,
    /// The file with what was captured around it.
    #[schema(value_type = Option<Object>)]
    forensics: Option<Forensics>,
}

/// One access point of others.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question that a person may ask")]
pub struct RogueView {
    #[schema(value_type = String)]
    bssid: Mac,
    ssid: Option<String>,
    /// What it is: the person's word, or the rule's.
    #[schema(value_type = String)]
    class: RogueClass,
    /// What a class of the owner's own is called.
    custom: Option<String>,
    /// The rule that gave the class, or what is built in; null when a person did.
    rule: Option<String>,
    /// The person who gave the class.
    set_by: Option<String>,
    /// When, in milliseconds.
    set_at: Option<u64>,
    /// How sure the class is, in percent.
    confidence: u8,
    /// What is recommended; nothing is done by itself.
    #[schema(value_type = String)]
    recommendation: Recommendation,
    #[schema(value_type = Option<Object>)]
    channel: Option<Channel>,
    rssi_dbm: Option<i8>,
    /// How many stations it has.
    stations: u32,
    /// How many sensors hear it.
    sensors: u32,
    is_open: bool,
    requires_pmf: bool,
    is_on_wire: bool,
    is_attacking: bool,
    /// When it was heard first; microseconds.
    #[schema(value_type = u64)]
    first: CaptureTime,
    /// When it was heard last; microseconds.
    #[schema(value_type = u64)]
    last: CaptureTime,
    /// Who made it, or `randomised`.
    vendor: Option<String>,
    /// Where it is.
    place: Option<Place>,
}

/// One sensor.
#[derive(Debug, Serialize, ToSchema)]
pub struct SensorView {
    /// The engine's number of it.
    #[schema(value_type = u32)]
    id: SensorId,
    /// Address of its controller.
    controller: String,
    /// Its number there.
    number: u32,
    name: String,
    /// The access point that it is, or stands beside.
    #[schema(value_type = Option<String>)]
    ap: Option<Mac>,
    /// Its name on the maps.
    ap_name: Option<String>,
    /// `monitor` or `local`.
    #[schema(value_type = String)]
    mode: SensorMode,
    /// `capturing`, `silent`, `failed` or `ended`.
    #[schema(value_type = String)]
    state: SensorState,
    /// Why.
    text: String,
    /// When it captured last, by its own clock; milliseconds.
    #[schema(value_type = Option<u64>)]
    last: Option<Time>,
    /// Packets captured since its controller started.
    packets: u64,
    /// Packets that did not find room on their way.
    dropped: u64,
    /// Where its access point is.
    place: Option<Place>,
}

/// An article of the encyclopaedia, with what the profile makes of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Article {
    #[schema(value_type = String)]
    kind: Kind,
    name: &'static str,
    #[schema(value_type = String)]
    class: Class,
    #[schema(value_type = String)]
    severity: Severity,
    description: &'static str,
    remedy: &'static str,
    /// Whether the profile has it looked for.
    is_enabled: bool,
    /// When its detector speaks, by the profile.
    #[schema(value_type = Object)]
    threshold: Threshold,
    /// The severity where the profile says nothing.
    #[schema(value_type = String)]
    default_severity: Severity,
    /// When its detector speaks where the profile says nothing.
    #[schema(value_type = Object)]
    default_threshold: Threshold,
}

/// Adds what the engine knows to what the service knows.
pub(super) struct Viewer<'a> {
    guard: &'a Guard,
    elements: SharedElements,
    site: Arc<Site>,
    scratch: Scratch,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(shared: &Shared, guard: &'a Guard) -> Self {
        Self {
            guard,
            elements: shared.elements.clone(),
            site: shared.site.load(),
            scratch: Scratch::default(),
        }
    }

    pub(super) fn incident(&mut self, record: Record) -> IncidentView {
        let place = place::of_record(&record, &self.elements, &self.site, &mut self.scratch);
        let Record { incident, sensors, said, forensics } = record;
        let victim_place = incident.victim.and_then(|victim| {
            self.access_point(victim).or_else(|| self.element(victim, &SUFFERERS))
        });
        IncidentView {
            place,
            victim_place,
            transmitter_vendor: incident.transmitter.address().and_then(|it| self.vendor(it)),
            victim_vendor: incident.victim.and_then(|it| self.vendor(it)),
            incident,
            said,
            sensors,
            forensics,
        }
    }

    pub(super) fn rogue(
        &mut self,
        rogue: &Rogue,
        verdict: &Verdict,
        classes: &Classes,
    ) -> RogueView {
        let (sensors, elements) = (self.guard.sensors(), &self.elements);
        let place = place::of_rogue(rogue, sensors, elements, &self.site, &mut self.scratch);
        let set = classes.get(&rogue.bssid);
        RogueView {
            bssid: rogue.bssid,
            ssid: rogue.ssid.clone(),
            class: set.map_or(verdict.class, |it| it.class),
            custom: set.and_then(|it| it.custom.clone()),
            rule: set.is_none().then(|| verdict.reason.clone()),
            set_by: set.map(|it| it.by.clone()),
            set_at: set.map(|it| it.at.0),
            confidence: if set.is_some() { 100 } else { verdict.confidence },
            recommendation: match set {
                Some(set) if set.class == RogueClass::Friendly => Recommendation::Leave,
                _ => verdict.recommendation,
            },
            channel: rogue.channel,
            rssi_dbm: rogue.rssi_dbm,
            stations: rogue.stations,
            sensors: rogue.sensors,
            is_open: rogue.is_open,
            requires_pmf: rogue.requires_pmf,
            is_on_wire: rogue.is_on_wire,
            is_attacking: rogue.is_attacking,
            first: rogue.first,
            last: rogue.last,
            vendor: self.vendor(rogue.bssid),
            place,
        }
    }

    fn element(&self, mac: Mac, categories: &[Category]) -> Option<Place> {
        place::of_element(mac, categories, &self.elements, &self.site)
    }

    /// An access point of the maps is where it was drawn.
    fn access_point(&self, mac: Mac) -> Option<Place> {
        place::of_access_point(mac, &self.site)
    }

    fn vendor(&self, mac: Mac) -> Option<String> {
        self.guard.vendor(mac).map(str::to_owned)
    }
}

impl SensorView {
    pub(super) fn new(id: SensorId, known: &Known, is_up: bool, site: &Site) -> Self {
        let Known { controller, sensor, .. } = known;
        Self {
            id,
            controller: controller.to_string(),
            number: sensor.number,
            name: sensor.name.clone(),
            ap: sensor.ap,
            ap_name: sensor.ap.and_then(|ap| site.access_point_name(ap)).map(str::to_owned),
            mode: sensor.mode,
            state: known.state(is_up),
            text: known.text(is_up),
            last: sensor.last,
            packets: sensor.packets,
            dropped: sensor.dropped,
            place: sensor.ap.and_then(|ap| place::of_access_point(ap, site)),
        }
    }

    pub(super) fn place_in_list(&self) -> (&str, u32) {
        (&self.controller, self.number)
    }
}

impl Article {
    pub(super) fn new(kind: Kind, profile: &Profile) -> Self {
        let article = kind.article();
        Self {
            kind,
            name: article.name,
            class: article.class,
            severity: profile.severities.get(&kind).copied().unwrap_or(article.severity),
            description: article.about,
            remedy: article.remedy,
            is_enabled: !profile.disabled.contains(&kind),
            threshold: profile.threshold(kind),
            default_severity: article.severity,
            default_threshold: Threshold::default_of(kind),
        }
    }
}
