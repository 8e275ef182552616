//! Writes an event for a receiver: CMX and MSE bodies, and a line for people.

use model::BatteryLevel;
use node::clock;
use node::notifier::{Message, Severity, Variable};
use notify::{Alert, Boundary, Event, EventKind, Format, Gravity, Phase, Receiver};

use super::names;
use crate::cmx;
use crate::contextaware;
use crate::site::Site;

/// An event as `receiver` is sent it.
pub fn message(
    event: &Event,
    receiver: &Receiver,
    site: &Site,
    sender: &str,
) -> Result<Message, serde_json::Error> {
    let position = event.subject.element.position.as_ref();
    let floor = position.and_then(|position| site.floor(position.floor));
    let (media_type, body) = match receiver.format {
        Format::Cmx => {
            ("application/json", serde_json::to_string(&cmx::push::body(event, floor.as_ref()))?)
        }
        Format::Mse8 | Format::Mse7 => {
            let mut body = contextaware::push::json(event, floor.as_ref(), sender);
            if receiver.format == Format::Mse7 {
                contextaware::push::make_older(&mut body);
            }
            ("application/json", serde_json::to_string(&body)?)
        }
        Format::Xml => ("application/xml", contextaware::push::xml(event, floor.as_ref())),
        Format::Text => ("text/plain; charset=utf-8", line(event)),
    };
    Ok(Message {
        id: event.id,
        at: event.at,
        sender: sender.to_owned(),
        kind: event.kind.word(),
        line: line(event),
        media_type,
        body,
        severity: severity(&event.kind),
        variables: variables(event),
    })
}

/// `lobby: 00:50:56:9c:34:89 (anna) entered North>Main>Ground>Lobby`
pub fn line(event: &Event) -> String {
    let element = &event.subject.element;
    let what = match &event.kind {
        EventKind::Containment { area, boundary: Boundary::Inside } => format!("entered {area}"),
        EventKind::Containment { area, boundary: Boundary::Outside } => format!("left {area}"),
        EventKind::Movement { moved_m: Some(moved_m), .. } => format!("moved {moved_m:.1} m"),
        EventKind::Movement { moved_m: None, .. } => "moved to another floor".to_owned(),
        EventKind::Absence { absent_ms } => {
            let since = clock::text(element.last_seen);
            format!("was not heard for {} min, since {since}", absent_ms / 60_000)
        }
        EventKind::AreaChange { from, to } => format!("went from {from} to {to}"),
        EventKind::Association { associated: true } => "joined the network".to_owned(),
        EventKind::Association { associated: false } => "left the network".to_owned(),
        EventKind::Battery { level } => format!("has a battery that is {}", names::battery(*level)),
        EventKind::Emergency { reason } => format!("calls for help: {}", names::emergency(*reason)),
        EventKind::Chokepoint { name } => format!("was triggered by {name}"),
        EventKind::LocationUpdate => "has a new position".to_owned(),
        EventKind::Alert(alert) => return alert_line(event, alert),
    };
    let at = match (&event.kind, &event.subject.place) {
        (EventKind::Containment { .. } | EventKind::AreaChange { .. }, _) | (_, None) => {
            String::new()
        }
        (_, Some(place)) => format!(", on {}", place.floor),
    };
    let user = element.association.username.as_deref().map(|user| format!(" ({user})"));
    format!("{}: {}{} {what}{at}", event.definition, element.mac, user.unwrap_or_default())
}

/// `air: incident 12 opened: Evil twin (CRITICAL) by 02:00:00:00:03:00 (own), network corp, on ..`
fn alert_line(event: &Event, alert: &Alert) -> String {
    let place = event.subject.place.as_ref();
    let at = place.map(|place| format!(", on {}", place.floor)).unwrap_or_default();
    let named = |ssid: &Option<Box<str>>| {
        let ssid = ssid.as_deref().map(str::escape_debug);
        ssid.map(|ssid| format!(", network {ssid}")).unwrap_or_default()
    };
    let what = match alert {
        Alert::Incident(it) => {
            let phase = match it.phase {
                Phase::Opened => "opened",
                Phase::Closed => "closed",
            };
            let by = it.transmitter.map_or_else(|| "nobody named".to_owned(), |it| it.to_string());
            let victim = it.victim.map(|it| format!(" against {it}")).unwrap_or_default();
            format!(
                "incident {} {phase}: {} ({}) by {by} ({}){victim}{}",
                it.id,
                it.name,
                names::gravity(it.seen.severity),
                it.who,
                named(&it.ssid)
            )
        }
        Alert::Rogue { class, reason, ssid } => {
            let mac = event.subject.element.mac;
            format!("{class} access point {mac} found: {reason}{}", named(ssid))
        }
        Alert::SensorSilent { sensor, controller, text } => {
            let why = if text.is_empty() { String::new() } else { format!(": {text}") };
            format!("nothing comes from sensor {sensor} of {controller}{why}")
        }
    };
    format!("{}: {what}{at}", event.definition)
}

fn severity(kind: &EventKind) -> Severity {
    match kind {
        EventKind::Alert(alert) => match &**alert {
            Alert::Incident(it) if it.phase == Phase::Closed => Severity::Notice,
            Alert::Incident(it) => match it.seen.severity {
                Gravity::Critical => Severity::Alert,
                Gravity::Major | Gravity::Minor => Severity::Warning,
                Gravity::Informational => Severity::Notice,
            },
            Alert::Rogue { .. } | Alert::SensorSilent { .. } => Severity::Warning,
        },
        EventKind::Emergency { .. } => Severity::Alert,
        EventKind::Absence { .. } | EventKind::Battery { level: BatteryLevel::Low } => {
            Severity::Warning
        }
        _ => Severity::Notice,
    }
}

/// What a trap says. The numbers are in `docs/guide/notifications.md` and stay.
fn variables(event: &Event) -> Vec<Variable> {
    let element = &event.subject.element;
    let area = match (&event.kind, &event.subject.place) {
        (EventKind::Containment { area, .. }, _) => area.to_string(),
        (EventKind::AreaChange { to, .. }, _) => to.to_string(),
        (_, Some(place)) => place.floor.to_string(),
        (_, None) => String::new(),
    };
    [
        line(event),
        event.definition.to_string(),
        event.kind.word().to_owned(),
        element.category.entity().to_owned(),
        element.mac.to_string(),
        area,
    ]
    .into_iter()
    .zip(1..)
    .map(|(text, number)| Variable { number, text })
    .collect()
}
