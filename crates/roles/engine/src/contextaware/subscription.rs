//! Subscriptions of MSE 8, as `/api/contextaware/v1/notifications` takes and shows them.
//!
//! A subscription is a view of a [`Definition`] (`reference/nmsp-mse-cmx.md` section B.8); truth values
//! may be texts, as a script in the field sends them. `zoneTimeout` is taken and means nothing.
//! `EVENT_DRIVEN` without an event, and any other type, is a stream of positions. `entityFilters` are
//! addresses, and may begin one (`00:0c:cc:*`).
//!
//! # What is ours
//!
//! - A body may be XML: attributes and elements have the names of the JSON's members.
//! - Triggers other than those of containment, movement, absence, association and streams, and the keys
//!   `batteryStatus`, `emergencyReason`, `chokepointName` and `association`, as events have them.
//! - `https` of `TransportSyslog` is TLS, and the dataFormat `TEXT`.
//! - `community` of `TransportSNMP`; without it `public`. Mail and MQTT need more than MSE 8 has words
//!   for: they are shown, and taken by `/api/v1/notifications` alone.

use notify::{
    Boundary, Condition, Definition, Filter, Format, HIDDEN, MacPattern, MacPatternError, Receiver,
    SyslogProtocol, Transport, Trust,
};
use serde_json::{Value, json};

use super::xml;
use crate::notifications::names;
use crate::subscription::{self, Dialect, Refusal, Subscription};

/// The member that holds a subscription.
const ROOT: &str = "NotificationSubscription";
/// What a transport without a port uses: those of HTTP, of syslog (RFC 5426) and of traps (RFC 3417).
const PORTS: [(&str, u16); 4] = [("http", 80), ("https", 443), ("syslog", 514), ("snmp", 162)];

/// The definition that a subscription means, made of the one that has its name. `salt` makes a salt for
/// one that wants to scramble, and did not before.
pub fn parse(
    body: &Value,
    known: &[Definition],
    salt: impl FnOnce() -> String,
) -> Result<Definition, Refusal> {
    let body = body.get(ROOT).unwrap_or(body);
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned)
    };
    let name = text(body, "name").ok_or("the subscription has no 'name'")?;
    let old = subscription::start(Dialect::Mse, known, &name)?;
    let events = body.get("subscribedEvents").and_then(Value::as_array);
    let mut conditions = Vec::new();
    let mut filter: Option<Filter> = None;
    for event in events.into_iter().flatten() {
        conditions.push(condition(event)?);
        let entity = text(event, "eventEntity").unwrap_or_else(|| "all".to_owned());
        let categories = names::categories(&entity)
            .ok_or_else(|| format!("the eventEntity '{entity}' is not known"))?;
        let own = Filter { categories, macs: macs(event)?, ..Filter::default() };
        if filter.get_or_insert_with(|| own.clone()) != &own {
            return Err(
                "the events are about different entities; make a subscription of each".into()
            );
        }
    }
    if conditions.is_empty() {
        conditions.push(Condition::LocationUpdate);
    }
    let word = text(body, "dataFormat").unwrap_or_else(|| "JSON".to_owned());
    let format = Dialect::Mse
        .format_named(&word)
        .ok_or_else(|| format!("the dataFormat '{word}' is not known; use JSON, XML or TEXT"))?;
    let receiver = body.pointer("/NotificationReceiverInfo/transport");
    let receiver =
        receiver.ok_or("the subscription has no 'NotificationReceiverInfo.transport'")?;
    let scrambles = flag(receiver, "macScramblingEnabled")?;
    let said = Subscription {
        enabled: None,
        conditions,
        filter: filter.unwrap_or_default(),
        receivers: vec![Receiver { transport: transport(receiver)?, format }],
        scrambling: scrambles.then_some(None),
    };
    Ok(said.over(Dialect::Mse, old, as_said, salt))
}

/// The subscription in a body, which is JSON or XML.
pub fn read(body: &[u8]) -> Result<Value, String> {
    if !body.trim_ascii_start().starts_with(b"<") {
        let read = serde_json::from_slice(body);
        return read.map_err(|error| format!("the subscription is no JSON: {error}"));
    }
    let text = std::str::from_utf8(body).map_err(|_| "the subscription is no UTF-8".to_owned())?;
    xml::read(text, &["subscribedEvents", "entityFilters"])
        .map_err(|error| format!("the subscription is no XML: {error}"))
}

/// A definition as a subscription.
pub fn show(definition: &Definition) -> Value {
    let definition = &definition.shown();
    let entity = definition.filter.categories.first().map_or("ALL", |it| it.entity());
    let macs: Vec<String> = definition.filter.macs.iter().map(ToString::to_string).collect();
    let event = |condition: &Condition| {
        let mut event = trigger(condition, entity);
        if let (Some(event), false) = (event.as_object_mut(), macs.is_empty()) {
            event.insert("entityFilters".to_owned(), json!(macs));
        }
        event
    };
    let events: Vec<Value> = definition.conditions.iter().map(event).collect();
    let receiver = definition.receivers.first();
    let format = match receiver.map(|receiver| receiver.format) {
        None | Some(Format::Cmx | Format::Mse8 | Format::Mse7) => "JSON",
        Some(Format::Xml) => "XML",
        Some(Format::Text) => "TEXT",
    };
    json!({ROOT: {
        "name": definition.name,
        "notificationType": "EVENT_DRIVEN",
        "dataFormat": format,
        "subscribedEvents": events,
        "NotificationReceiverInfo": {
            "transport": receiver.map(|it| shown(it, definition.scramble_salt.is_some())),
        },
    }})
}

/// All definitions as one body.
pub fn list(definitions: &[Definition]) -> Value {
    let entries: Vec<Value> = definitions.iter().map(show).collect();
    json!({"NotificationSubscriptions": {"entries": entries}})
}

/// The addresses of an event; one alone may be a text.
fn macs(event: &Value) -> Result<Vec<MacPattern>, String> {
    let texts = match event.get("entityFilters") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(texts)) => texts.iter().collect(),
        Some(text) => vec![text],
    };
    let read = |text: &Value| {
        let text = text.as_str().ok_or("'entityFilters' holds something that is no text")?;
        text.parse().map_err(|error: MacPatternError| error.to_string())
    };
    texts.into_iter().map(read).collect()
}

fn condition(event: &Value) -> Result<Condition, String> {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| {
        let value = event.get(key).and_then(names::number);
        value.ok_or_else(|| format!("an event of type {kind} needs the number '{key}'"))
    };
    let text = |key: &str| event.get(key).and_then(Value::as_str).filter(|it| !it.is_empty());
    Ok(match kind {
        "ContainmentEventTrigger" => {
            let area = event.get("zoneHierarchy").and_then(Value::as_str);
            let area = area.ok_or("a ContainmentEventTrigger needs the text 'zoneHierarchy'")?;
            let boundary = match event.get("boundary").and_then(Value::as_str) {
                None => None,
                Some("INSIDE") => Some(Boundary::Inside),
                Some("OUTSIDE") => Some(Boundary::Outside),
                Some(other) => {
                    return Err(format!(
                        "the boundary '{other}' is not known; use INSIDE or OUTSIDE"
                    ));
                }
            };
            Condition::Containment { area: area.to_owned(), boundary }
        }
        "MovementEventTrigger" => {
            Condition::Movement { distance_m: names::metres(number("moveDistanceInFt")? as f32) }
        }
        "AbsenceEventTrigger" => {
            Condition::Absence { minutes: number("absenceDurationInMinutes")? as u64 }
        }
        "AssociationEventTrigger" => {
            let associated = match event.get("association") {
                None | Some(Value::Null) => None,
                Some(value) => {
                    Some(names::truth(value).ok_or("'association' is not true or false")?)
                }
            };
            Condition::Association { associated }
        }
        "AreaChangeEventTrigger" => Condition::AreaChange,
        "BatteryLifeEventTrigger" => {
            let level = text("batteryStatus").unwrap_or("low");
            let level = names::battery_level(level);
            Condition::Battery { level: level.ok_or("'batteryStatus' is low, medium or high")? }
        }
        "EmergencyEventTrigger" => {
            let reason = match text("emergencyReason") {
                None => None,
                Some(word) => Some(names::emergency_reason(word).ok_or(
                    "'emergencyReason' is panic, tampered or detached, or is left out for any",
                )?),
            };
            Condition::Emergency { reason }
        }
        "ChokepointEventTrigger" => {
            Condition::Chokepoint { name: text("chokepointName").map(str::to_owned) }
        }
        "StreamingNotification" | "StreamingNotificationTrigger" => Condition::LocationUpdate,
        other => {
            return Err(format!(
                "the event type '{other}' is not known; use ContainmentEventTrigger, MovementEventTrigger, AbsenceEventTrigger, AssociationEventTrigger, AreaChangeEventTrigger, BatteryLifeEventTrigger, EmergencyEventTrigger, ChokepointEventTrigger or StreamingNotification"
            ));
        }
    })
}

fn transport(receiver: &Value) -> Result<Transport, String> {
    let text = |key: &str| receiver.get(key).and_then(Value::as_str).unwrap_or_default();
    let host = text("hostAddress").to_owned();
    if host.is_empty() || host.contains(['/', '@']) {
        return Err("the transport needs a 'hostAddress', a name or an address".to_owned());
    }
    let port = |usual: &str| match receiver.get("port") {
        None | Some(Value::Null) => {
            Ok(PORTS.iter().find(|(name, _)| *name == usual).map_or(0, |(_, port)| *port))
        }
        Some(value) => names::number(value)
            .filter(|port| (1.0..=65_535.0).contains(port))
            .map(|port| port as u16)
            .ok_or("the 'port' is none"),
    };
    let kind = text("type");
    match kind {
        "TransportHttp" | "" => {
            let is_tls = flag(receiver, "https")?;
            let scheme = if is_tls { "https" } else { "http" };
            let path = text("urlPath").trim_start_matches('/');
            let url = format!("{scheme}://{host}:{}/{path}", port(scheme)?);
            Ok(Transport::Http { url, headers: [].into(), trust: Trust::System })
        }
        "TransportSyslog" => {
            let is_tls = flag(receiver, "https")?;
            let protocol = if is_tls { SyslogProtocol::Tls } else { SyslogProtocol::Udp };
            let port = port("syslog")?;
            Ok(Transport::Syslog { host, port, protocol, trust: Trust::System })
        }
        "TransportSNMP" | "TransportSnmp" => {
            let community = match text("community") {
                "" => "public".to_owned(),
                community => community.to_owned(),
            };
            Ok(Transport::Snmp { host, port: port("snmp")?, community })
        }
        other => Err(format!(
            "the transport '{other}' is not taken here; use TransportHttp, TransportSyslog or TransportSNMP, or /api/v1/notifications for all others"
        )),
    }
}

fn flag(value: &Value, key: &str) -> Result<bool, String> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(flag) => names::truth(flag).ok_or_else(|| format!("'{key}' is not true or false")),
    }
}

fn trigger(condition: &Condition, entity: &str) -> Value {
    match condition {
        Condition::Containment { area, boundary } => json!({
            "type": "ContainmentEventTrigger",
            "eventEntity": entity,
            "boundary": boundary.map(names::boundary),
            "zoneHierarchy": area,
        }),
        Condition::Movement { distance_m } => json!({
            "type": "MovementEventTrigger",
            "eventEntity": entity,
            "moveDistanceInFt": names::feet(*distance_m),
        }),
        Condition::Absence { minutes } => json!({
            "type": "AbsenceEventTrigger",
            "eventEntity": entity,
            "absenceDurationInMinutes": minutes,
        }),
        Condition::Association { associated } => json!({
            "type": "AssociationEventTrigger",
            "eventEntity": entity,
            "association": associated,
        }),
        Condition::Battery { level } => json!({
            "type": "BatteryLifeEventTrigger",
            "eventEntity": entity,
            "batteryStatus": names::battery(*level),
        }),
        Condition::Emergency { reason } => json!({
            "type": "EmergencyEventTrigger",
            "eventEntity": entity,
            "emergencyReason": reason.map(names::emergency),
        }),
        Condition::Chokepoint { name } => json!({
            "type": "ChokepointEventTrigger",
            "eventEntity": entity,
            "chokepointName": name,
        }),
        Condition::LocationUpdate => {
            json!({"type": "StreamingNotification", "eventEntity": entity})
        }
        other => json!({
            "type": format!("{}EventTrigger", names::condition(other)),
            "eventEntity": entity,
        }),
    }
}

/// A receiver as [`transport`] reads what [`shown`] shows of it.
fn as_said(receiver: &Receiver) -> Receiver {
    let mut said = receiver.clone();
    if let Transport::Snmp { community, .. } = &mut said.transport {
        HIDDEN.clone_into(community);
    }
    // What cannot be said is refused before.
    said.transport = transport(&shown(&said, false)).unwrap_or(said.transport);
    said.format = Dialect::Mse.format(receiver.format);
    said
}

fn shown(receiver: &Receiver, scrambles: bool) -> Value {
    let (kind, host, port, path, is_tls) = match &receiver.transport {
        Transport::Http { url, .. } => {
            let place = receiver.place();
            let (scheme, authority) = place.split_once("://").unwrap_or_default();
            let path = url.get(place.len()..).unwrap_or_default();
            // The colons of an address in brackets are none before a port.
            let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
            let (host, port) = port.unwrap_or((authority, ""));
            let port = port.parse().unwrap_or(if scheme == "https" { 443 } else { 80 });
            ("TransportHttp", host.to_owned(), port, path.to_owned(), scheme == "https")
        }
        Transport::Syslog { host, port, protocol, .. } => {
            let is_tls = *protocol == SyslogProtocol::Tls;
            ("TransportSyslog", host.clone(), *port, String::new(), is_tls)
        }
        Transport::Snmp { host, port, .. } => {
            ("TransportSNMP", host.clone(), *port, String::new(), false)
        }
        Transport::Email { host, port, .. } => {
            ("TransportEmail", host.clone(), *port, String::new(), false)
        }
        Transport::Mqtt { host, port, tls, .. } => {
            ("TransportMqtt", host.clone(), *port, String::new(), *tls)
        }
    };
    let mut shown = json!({
        "type": kind,
        "hostAddress": host,
        "port": port,
        "macScramblingEnabled": scrambles,
        "urlPath": path,
        "https": is_tls,
    });
    if let Transport::Snmp { community, .. } = &receiver.transport {
        shown["community"] = community.as_str().into();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the script of `PacketFence` sends, with its names replaced.
    fn sample() -> Value {
        json!({"NotificationSubscription": {
            "name": "pf", "notificationType": "EVENT_DRIVEN", "dataFormat": "JSON",
            "subscribedEvents": [{
                "type": "ContainmentEventTrigger", "eventEntity": "WIRELESS_CLIENTS",
                "boundary": "INSIDE", "zoneHierarchy": "North>Main>Ground>Lobby", "zoneTimeout": 10,
            }],
            "NotificationReceiverInfo": {"transport": {
                "type": "TransportHttp", "hostAddress": "192.0.2.9", "port": "9292",
                "macScramblingEnabled": "false", "urlPath": "/mse", "https": "true",
            }},
        }})
    }

    fn check_refused(pointer: &str, value: Value, expected: &str) {
        let mut body = sample();
        *body.pointer_mut(&format!("/{ROOT}{pointer}")).unwrap() = value;
        let error = parse(&body, &[], String::new).expect_err(expected).to_string();
        assert!(error.contains(expected), "'{error}' does not name {expected}");
    }

    #[test]
    fn the_script_of_the_field_is_understood() {
        let definition = parse(&sample(), &[], String::new).unwrap();
        definition.validate().unwrap();
        assert_eq!(definition.receivers[0].place(), "https://192.0.2.9:9292");
        assert_eq!(definition.receivers[0].format, Format::Mse8);
        assert_eq!(definition.scramble_salt, None);
        let again = parse(&show(&definition), &[], String::new).unwrap();
        assert_eq!(again, definition);
    }

    /// As glance asks: without a root, and about these addresses only.
    #[test]
    fn only_the_filtered_entities_are_meant() {
        let mut body = sample()[ROOT].clone();
        body["subscribedEvents"] = json!([{
            "type": "MovementEventTrigger", "eventEntity": "WIRELESS_CLIENTS",
            "entityFilters": ["00:00:5e:00:53:01", "00-00-5E-00-53-02"], "moveDistanceInFt": 1,
        }]);
        let definition = parse(&body, &[], String::new).unwrap();
        assert_eq!(definition.filter.macs.len(), 2);
        let again = parse(&show(&definition), &[], String::new).unwrap();
        assert_eq!(again.filter, definition.filter);
    }

    #[test]
    fn a_body_may_be_xml() {
        let text = r#"<?xml version="1.0"?>
<NotificationSubscription xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="pf"
    notificationType="EVENT_DRIVEN" dataFormat="XML">
  <subscribedEvents xsi:type="ContainmentEventTrigger" eventEntity="WIRELESS_CLIENTS"
      boundary="INSIDE" zoneHierarchy="North&gt;Main&gt;Ground&gt;Lobby" zoneTimeout="10">
    <entityFilters>00:00:5e:00:53:01</entityFilters>
  </subscribedEvents>
  <NotificationReceiverInfo>
    <transport xsi:type="TransportHttp" hostAddress="192.0.2.9" port="9292" urlPath="/mse"
      https="false" macScramblingEnabled="false"/>
  </NotificationReceiverInfo>
</NotificationSubscription>"#;
        let definition = parse(&read(text.as_bytes()).unwrap(), &[], String::new).unwrap();
        assert_eq!(definition.receivers[0].format, Format::Xml);
        assert_eq!(definition.filter.macs.len(), 1);
        let area = "North>Main>Ground>Lobby".to_owned();
        let boundary = Some(Boundary::Inside);
        assert_eq!(definition.conditions, [Condition::Containment { area, boundary }]);
        // What is shown as XML can be put again.
        let shown = xml::write(&show(&definition));
        assert_eq!(parse(&read(&shown).unwrap(), &[], String::new).unwrap(), definition);
        assert!(read(b"<a").unwrap_err().contains("XML"));
        assert!(read(b"{").unwrap_err().contains("JSON"));
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        assert!(read(deep.as_bytes()).unwrap_err().contains("deep"));
    }

    #[test]
    fn every_trigger_that_is_shown_can_be_put_again() {
        let conditions = [
            Condition::AreaChange,
            Condition::Association { associated: Some(false) },
            Condition::Association { associated: None },
            Condition::Battery { level: model::BatteryLevel::Medium },
            Condition::Emergency { reason: Some(model::Emergency::Tampered) },
            Condition::Emergency { reason: None },
            Condition::Chokepoint { name: Some("Gate".to_owned()) },
            Condition::Absence { minutes: 5 },
            Condition::LocationUpdate,
        ];
        let mut definition = parse(&sample(), &[], String::new).unwrap();
        definition.conditions = conditions.into();
        definition.receivers[0].transport =
            Transport::Snmp { host: "192.0.2.9".into(), port: 162, community: "secret".into() };
        let shown = show(&definition);
        assert!(!shown.to_string().contains("secret"), "{shown}");
        let mut again = parse(&shown, &[], String::new).unwrap();
        again.reveal(Some(&definition)).unwrap();
        assert_eq!(again, definition);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        check_refused("/name", json!(""), "'name'");
        check_refused("/dataFormat", json!("CSV"), "'CSV'");
        let whose = json!([{"type": "AssociationEventTrigger", "entityFilters": ["anna"]}]);
        check_refused("/subscribedEvents", whose, "'anna'");
        check_refused("/subscribedEvents/0/type", json!("Weather"), "'Weather'");
        check_refused("/subscribedEvents/0/boundary", json!("NEAR"), "'NEAR'");
        check_refused("/subscribedEvents/0/eventEntity", json!("UNICORNS"), "'UNICORNS'");
        let transport = "/NotificationReceiverInfo/transport";
        check_refused(&format!("{transport}/type"), json!("TransportSOAP"), "'TransportSOAP'");
        check_refused(&format!("{transport}/hostAddress"), json!("a/b"), "'hostAddress'");
        check_refused(&format!("{transport}/port"), json!(70_000), "'port'");
        check_refused(&format!("{transport}/https"), json!("maybe"), "'https'");
    }
}
