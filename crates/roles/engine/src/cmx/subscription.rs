//! Subscriptions of CMX 10, as `/api/config/v1/notification[s]` takes and shows them.
//!
//! A subscription is a view of a [`Definition`]: one that was made here is shown by the native API,
//! and the other way round (`reference/nmsp-mse-cmx.md` section B.9). A condition is a text,
//! `inout.hierarchy == Campus>Building>Floor>Zone`. What is not understood is refused and named: a
//! condition that is ignored would tell a receiver more than it asked for.
//!
//! # What is ours
//!
//! - `internal`, `cloud`, `userId` and `qos` are taken and mean nothing.
//! - `in/out` and `association` limit a condition to one direction, as programs of the field ask for;
//!   without them both are told.
//! - Receivers are HTTP; other transports of a definition are shown by their place.
//! - The names of conditions that no sample has: `movement.moveDistance` (feet),
//!   `absence.absenceDurationInMinutes`, `batterylife.batteryStatus`, `emergency.emergencyReason`,
//!   `chokepoint.chokepointName`, and the messageFormat `TEXT`.
//! - Quotes around a value are taken away, and written where it would be read otherwise without.

use std::borrow::Cow;
use std::collections::BTreeMap;

use notify::{Boundary, Condition, Definition, Filter, Format, HIDDEN, Receiver, Transport, Trust};
use serde_json::{Value, json};

use crate::notifications::names;
use crate::subscription::{self, Dialect, Refusal, Subscription};

/// Movement and absence of a subscription that does not say how much. Ours.
const DISTANCE_FT: f64 = 33.0;
const ABSENCE_MIN: f64 = 60.0;

/// The definition that a subscription means, made of the one that has its name. `named` is the name in
/// the path, if there is one; `salt` makes a salt for one that wants to scramble without.
pub fn parse(
    body: &Value,
    named: Option<&str>,
    known: &[Definition],
    salt: impl FnOnce() -> String,
) -> Result<Definition, Refusal> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|it| !it.is_empty());
    let name = text("name").or(named).ok_or("the subscription has no 'name'")?;
    if named.is_some_and(|named| named != name) {
        return Err(format!("the path and the body name different subscriptions: '{name}'").into());
    }
    let old = subscription::start(Dialect::Cmx, known, name)?;
    let flag = |key: &str, usual: bool| match body.get(key) {
        None | Some(Value::Null) => Ok(usual),
        Some(value) => names::truth(value).ok_or_else(|| format!("'{key}' is not true or false")),
    };
    let kind = text("notificationType").unwrap_or_default();
    let (conditions, filter) = rules(kind, body.get("rules").unwrap_or(&Value::Null))?;
    let scrambles = flag("enableMacScrambling", false)?;
    let said = Subscription {
        enabled: Some(flag("enabled", true)?),
        conditions,
        filter,
        receivers: receivers(body.get("subscribers").unwrap_or(&Value::Null))?,
        scrambling: scrambles.then(|| text("macScramblingSalt")),
    };
    Ok(said.over(Dialect::Cmx, old, as_said, salt))
}

/// A definition as a subscription, without secrets.
pub fn show(definition: &Definition) -> Value {
    let shown = definition.shown();
    let rules: Vec<Value> = shown
        .conditions
        .iter()
        .map(|condition| json!({"conditions": written(condition, &shown.filter)}))
        .collect();
    let receivers: Vec<Value> = shown.receivers.iter().map(receiver).collect();
    json!({
        "name": shown.name,
        "userId": null,
        "rules": rules,
        "subscribers": [{"receivers": receivers}],
        "enabled": shown.enabled,
        "internal": false,
        "cloud": false,
        "enableMacScrambling": shown.scramble_salt.is_some(),
        "macScramblingSalt": shown.scramble_salt,
        "notificationType": shown.conditions.first().map(names::condition),
    })
}

/// Something that conditions of a kind can be about.
#[derive(Debug, Clone, Copy)]
struct Attribute {
    name: &'static str,
    data_type: &'static str,
    /// Empty: any.
    values: &'static [&'static str],
}

/// What conditions of every kind can be about.
const OF_ALL: [Attribute; 3] = [
    attribute(
        "deviceType",
        "STRING",
        &["client", "tag", "rogueap", "rogueclient", "interferer", "wiredclient", "all"],
    ),
    attribute("macAddressList", "STRING", &[]),
    attribute("hierarchy", "STRING", &[]),
];

/// The kinds of conditions, and what each is about besides.
const KINDS: [(&str, Option<Attribute>); 9] = [
    ("inout", Some(attribute("in/out", "STRING", &["in", "out"]))),
    ("locationupdate", None),
    ("movement", Some(attribute("distance", "DOUBLE", &[]))),
    ("absence", Some(attribute("absenceDurationInMinutes", "INTEGER", &[]))),
    ("areachange", None),
    ("association", Some(attribute("association", "BOOLEAN", &["true", "false"]))),
    ("batterylife", Some(attribute("batteryStatus", "STRING", &["low", "medium", "high"]))),
    ("emergency", Some(attribute("emergencyReason", "STRING", &["panic", "tampered", "detached"]))),
    ("chokepoint", Some(attribute("chokepointName", "STRING", &[]))),
];

const fn attribute(
    name: &'static str,
    data_type: &'static str,
    values: &'static [&'static str],
) -> Attribute {
    Attribute { name, data_type, values }
}

/// What conditions are made of: `nameSpace.name == value`. The keys are from
/// `reference/nmsp-mse-cmx.md` section B.9; what they hold here is what [`parse`] understands.
pub fn attributes() -> Value {
    let of_kind = |(space, own): &(&'static str, Option<Attribute>)| {
        let space = *space;
        OF_ALL.into_iter().chain(*own).map(move |it| {
            json!({
                "name": it.name,
                "dataType": it.data_type,
                "needValueCheck": !it.values.is_empty(),
                "evaluateByProvider": false,
                "validValueSet": it.values,
                "nameSpace": space,
            })
        })
    };
    KINDS.iter().flat_map(of_kind).collect()
}

/// What the rules say, gathered.
#[derive(Debug, Default, PartialEq)]
struct Said {
    filter: Filter,
    hierarchy: Option<String>,
    /// What comes after `in/out`.
    boundary: Option<Boundary>,
    associated: Option<bool>,
    number: Option<f64>,
    word: Option<String>,
}

fn rules(asked: &str, rules: &Value) -> Result<(Vec<Condition>, Filter), String> {
    let asked = kind(asked);
    if !asked.is_empty() && !is_known(&asked) {
        return Err(unknown_kind(&asked));
    }
    let mut conditions = Vec::new();
    let mut kinds = Vec::new();
    let mut filter: Option<Filter> = None;
    let rules = match rules {
        Value::Null => &[],
        Value::Array(rules) => rules.as_slice(),
        _ => return Err("'rules' is not a list".to_owned()),
    };
    let empty = [json!({"conditions": []})];
    for rule in if rules.is_empty() { &empty } else { rules } {
        let (kind, condition, own) = Said::rule(&asked, rule)?;
        kinds.push(kind);
        conditions.push(condition);
        if filter.get_or_insert_with(|| own.clone()) != &own {
            return Err("the rules are about different devices; make a subscription of each".into());
        }
    }
    if !asked.is_empty() && !kinds.contains(&asked) {
        let kinds = kinds.join(", ");
        return Err(format!(
            "the notificationType '{asked}' has no rule, those that there are have conditions of '{kinds}'; make both the same"
        ));
    }
    Ok((conditions, filter.unwrap_or_default()))
}

/// The kind that a word means.
fn kind(word: &str) -> String {
    match word.to_lowercase().as_str() {
        "streamingnotification" => "locationupdate".to_owned(),
        word => word.to_owned(),
    }
}

fn is_known(kind: &str) -> bool {
    KINDS.iter().any(|(known, _)| *known == kind)
}

fn unknown_kind(kind: &str) -> String {
    format!(
        "the notificationType '{kind}' is not known here; use InOut, LocationUpdate, Movement, Absence, AreaChange, Association, BatteryLife, Emergency or Chokepoint"
    )
}

/// A value without the quotes around it. Some end each value with a semicolon, also a list of addresses.
fn unquoted(value: &str) -> &str {
    fn inside(value: &str) -> Option<&str> {
        value.strip_prefix('"')?.strip_suffix('"')
    }
    let value = value.trim();
    let bare = value.trim_end_matches(';').trim_end();
    inside(value).or_else(|| inside(bare)).unwrap_or(bare)
}

/// A value with quotes, if it would be read otherwise without.
fn quoted(value: &str) -> Cow<'_, str> {
    if unquoted(value) == value { value.into() } else { format!("\"{value}\"").into() }
}

impl Said {
    /// The kind of a rule, which the conditions of it begin with, what it asks for, and about whom.
    fn rule(asked: &str, rule: &Value) -> Result<(String, Condition, Filter), String> {
        let texts = match rule.get("conditions") {
            None | Some(Value::Null) => &[],
            Some(Value::Array(texts)) => texts.as_slice(),
            Some(_) => return Err("the 'conditions' of a rule are not a list".to_owned()),
        };
        let mut said = Self::default();
        let mut own: Option<String> = None;
        for text in texts {
            let text = text.get("condition").and_then(Value::as_str);
            let text = text.ok_or("a rule has a condition without the text 'condition'")?;
            let kind = said.take(text)?;
            let first = own.get_or_insert_with(|| kind.clone());
            if *first != kind {
                return Err(format!(
                    "a rule has conditions of '{first}' and of '{kind}'; make a rule of each"
                ));
            }
        }
        let kind = own.unwrap_or_else(|| asked.to_owned());
        let (condition, filter) = said.condition(&kind)?;
        Ok((kind, condition, filter))
    }

    /// Takes `inout.deviceType == client`; returns `inout`.
    fn take(&mut self, text: &str) -> Result<String, String> {
        let bad = || format!("the condition '{text}' is not understood");
        let at = text.find(['=', '>', '<', '!']).ok_or_else(bad)?;
        let (name, rest) = text.split_at(at);
        let value = ["==", ">=", ">", "="].iter().find_map(|it| rest.strip_prefix(it));
        let value = unquoted(value.ok_or_else(bad)?);
        let (prefix, key) = name.trim().split_once('.').ok_or_else(bad)?;
        let kind = kind(prefix);
        if !is_known(&kind) {
            return Err(bad());
        }
        match (kind.as_str(), key.to_lowercase().as_str()) {
            (_, "devicetype" | "entity") => {
                self.filter.categories = names::categories(value).ok_or_else(bad)?;
            }
            (_, "hierarchy") => self.hierarchy = Some(value.to_owned()),
            (_, "macaddresslist" | "macaddress" | "deviceid") => {
                let macs = value.split([';', ',']).map(str::trim).filter(|it| !it.is_empty());
                let macs = macs.map(str::parse).collect::<Result<_, _>>();
                self.filter.macs =
                    macs.map_err(|error: notify::MacPatternError| error.to_string())?;
            }
            ("inout", "in/out") => {
                self.boundary = match value.to_lowercase().as_str() {
                    "in" => Some(Boundary::Inside),
                    "out" => Some(Boundary::Outside),
                    _ => return Err(bad()),
                };
            }
            ("association", "association") => {
                self.associated = Some(names::truth(&json!(value)).ok_or_else(bad)?);
            }
            ("movement", "movedistance" | "movedistanceinft" | "distance")
            | ("absence", "absencedurationinminutes" | "absencetime" | "duration") => {
                self.number = Some(names::number(&json!(value)).ok_or_else(bad)?);
            }
            ("batterylife", "batterystatus")
            | ("emergency", "emergencyreason")
            | ("chokepoint", "chokepointname") => self.word = Some(value.to_owned()),
            _ => return Err(bad()),
        }
        Ok(kind)
    }

    fn condition(mut self, kind: &str) -> Result<(Condition, Filter), String> {
        if kind == "inout" {
            let area = self.hierarchy.ok_or(
                "a subscription of InOut needs the condition 'inout.hierarchy == Campus>Building>Floor>Zone'",
            )?;
            return Ok((Condition::Containment { area, boundary: self.boundary }, self.filter));
        }
        self.filter.area = self.hierarchy.unwrap_or_default();
        let condition = match kind {
            "locationupdate" => Condition::LocationUpdate,
            "movement" => {
                let distance_m = names::metres(self.number.unwrap_or(DISTANCE_FT) as f32);
                Condition::Movement { distance_m }
            }
            "absence" => Condition::Absence { minutes: self.number.unwrap_or(ABSENCE_MIN) as u64 },
            "areachange" => Condition::AreaChange,
            "association" => Condition::Association { associated: self.associated },
            "batterylife" => {
                let word = self.word.as_deref().unwrap_or("low");
                let level = names::battery_level(word).ok_or_else(|| {
                    format!("'{word}' is no battery status; use low, medium or high")
                })?;
                Condition::Battery { level }
            }
            "emergency" => {
                let reason = |word: String| {
                    names::emergency_reason(&word).ok_or_else(|| {
                        format!("'{word}' is no reason of an emergency; use panic, tampered or detached, or none for any")
                    })
                };
                Condition::Emergency { reason: self.word.map(reason).transpose()? }
            }
            "chokepoint" => Condition::Chokepoint { name: self.word },
            other => return Err(unknown_kind(other)),
        };
        Ok((condition, self.filter))
    }
}

fn receivers(subscribers: &Value) -> Result<Vec<Receiver>, String> {
    let subscribers = subscribers.as_array().into_iter().flatten();
    let receivers = subscribers
        .filter_map(|subscriber| subscriber.get("receivers").and_then(Value::as_array))
        .flatten();
    receivers
        .map(|receiver| {
            let url = receiver.get("uri").and_then(Value::as_str);
            let url = url.ok_or("a receiver has no 'uri'")?.to_owned();
            let word = receiver.get("messageFormat").and_then(Value::as_str).unwrap_or("JSON");
            let format = Dialect::Cmx
                .format_named(word)
                .ok_or_else(|| format!("'{word}' is no messageFormat; use JSON, XML or TEXT"))?;
            let headers = receiver.get("headers").and_then(Value::as_object);
            let header =
                |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
            let headers: BTreeMap<_, _> =
                headers.into_iter().flatten().filter_map(header).collect();
            let transport = Transport::Http { url, headers, trust: Trust::System };
            Ok(Receiver { transport, format })
        })
        .collect()
}

/// A condition and the filter as texts.
fn written(condition: &Condition, filter: &Filter) -> Vec<Value> {
    let prefix = names::condition(condition).to_lowercase();
    let text = |key: &str, operator: &str, value: &str| json!({"condition": format!("{prefix}.{key} {operator} {}", quoted(value))});
    let device = names::device_type(filter.categories.first());
    let mut texts = vec![text("deviceType", "==", device)];
    if !filter.macs.is_empty() {
        let macs: Vec<String> = filter.macs.iter().map(ToString::to_string).collect();
        texts.push(text("macAddressList", "==", &macs.join(";")));
    }
    if !filter.area.is_empty() && !matches!(condition, Condition::Containment { .. }) {
        texts.push(text("hierarchy", "==", &filter.area));
    }
    match condition {
        Condition::Containment { area, boundary } => {
            if let Some(boundary) = boundary {
                let word = if *boundary == Boundary::Inside { "in" } else { "out" };
                texts.push(text("in/out", "==", word));
            }
            texts.push(text("hierarchy", "==", area));
        }
        Condition::Association { associated: Some(associated) } => {
            texts.push(text("association", "==", &associated.to_string()));
        }
        Condition::Movement { distance_m } => {
            let feet = names::feet(*distance_m).to_string();
            texts.push(text("moveDistance", ">=", &feet));
        }
        Condition::Absence { minutes } => {
            texts.push(text("absenceDurationInMinutes", ">=", &minutes.to_string()));
        }
        Condition::Battery { level } => {
            texts.push(text("batteryStatus", "==", names::battery(*level)));
        }
        Condition::Emergency { reason: Some(reason) } => {
            texts.push(text("emergencyReason", "==", names::emergency(*reason)));
        }
        Condition::Chokepoint { name: Some(name) } => {
            texts.push(text("chokepointName", "==", name));
        }
        _ => {}
    }
    texts
}

/// A receiver as [`receivers`] reads what [`receiver`] shows of it.
fn as_said(receiver: &Receiver) -> Receiver {
    let (url, headers) = shown(receiver);
    let headers = headers.into_keys().map(|name| (name, HIDDEN.to_owned())).collect();
    let transport = Transport::Http { url, headers, trust: Trust::System };
    Receiver { transport, format: Dialect::Cmx.format(receiver.format) }
}

/// The address and the headers that are shown of a receiver.
fn shown(receiver: &Receiver) -> (String, BTreeMap<String, String>) {
    match &receiver.transport {
        Transport::Http { url, headers, .. } => (url.clone(), headers.clone()),
        _ => (receiver.place(), BTreeMap::new()),
    }
}

fn receiver(receiver: &Receiver) -> Value {
    let (uri, headers) = shown(receiver);
    let format = match receiver.format {
        Format::Cmx | Format::Mse8 | Format::Mse7 => "JSON",
        Format::Xml => "XML",
        Format::Text => "TEXT",
    };
    let headers = (!headers.is_empty()).then_some(headers);
    json!({"uri": uri, "messageFormat": format, "headers": headers, "qos": "AT_MOST_ONCE"})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of a mission of `DevNet`, LM-4901, with its names replaced.
    fn sample() -> Value {
        json!({
            "name": "Zone", "userId": "learning", "enabled": true, "internal": false,
            "rules": [{"conditions": [
                {"condition": "inout.deviceType == client"},
                {"condition": "inout.hierarchy == North>Main>Ground>Lobby"},
            ]}],
            "subscribers": [{"receivers": [{
                "uri": "http://192.0.2.9:8000/", "messageFormat": "JSON",
                "headers": null, "qos": "AT_MOST_ONCE",
            }]}],
            "enableMacScrambling": "true", "macScramblingSalt": "listening",
            "notificationType": "InOut",
        })
    }

    fn check_refused(change: impl FnOnce(&mut Value), expected: &str) {
        let mut body = sample();
        change(&mut body);
        let error = parse(&body, None, &[], String::new).expect_err(expected).to_string();
        assert!(error.contains(expected), "'{error}' does not name {expected}");
    }

    #[test]
    fn the_sample_of_the_field_is_understood() {
        let definition = parse(&sample(), Some("Zone"), &[], String::new).unwrap();
        definition.validate().unwrap();
        let area = "North>Main>Ground>Lobby".to_owned();
        assert_eq!(definition.conditions, [Condition::Containment { area, boundary: None }]);
        assert_eq!(definition.filter.categories, [model::Category::WirelessClient]);
        assert_eq!(definition.scramble_salt.as_deref(), Some("listening"));
        assert!(definition.enabled);
    }

    #[test]
    fn what_is_shown_can_be_put_again() {
        let kinds = [
            ("InOut", "inout.hierarchy == A>B"),
            ("LocationUpdate", "locationupdate.deviceType == tag"),
            ("Movement", "movement.moveDistance >= 33"),
            ("Absence", "absence.absenceDurationInMinutes >= 5"),
            ("AreaChange", "areachange.hierarchy == A"),
            ("Association", "association.macAddressList == 00:0c:cc:*;00:00:5e:00:53:01"),
            ("Association", "association.association == false"),
            ("BatteryLife", "batterylife.batteryStatus == low"),
            ("Emergency", "emergency.deviceType == all"),
            ("Emergency", "emergency.emergencyReason == tampered"),
            ("Chokepoint", "chokepoint.chokepointName == Gate"),
        ];
        for (kind, condition) in kinds {
            let mut body = sample();
            body["notificationType"] = json!(kind);
            body["rules"] = json!([{"conditions": [{"condition": condition}]}]);
            let made = parse(&body, None, &[], String::new).unwrap();
            made.validate().unwrap();
            let mut again = parse(&show(&made), None, &[], String::new).unwrap();
            again.reveal(Some(&made)).unwrap();
            let same = |definition: &Definition| show(definition);
            assert_eq!(same(&again), same(&made), "{kind}");
            assert_eq!(again.filter, made.filter, "{kind}");
        }
    }

    /// As the programs of Zapodeanu and Carvalho subscribe to one direction.
    #[test]
    fn one_direction_can_be_asked_for() {
        let check = |word: &str, boundary| {
            let mut body = sample();
            let conditions = body["rules"][0]["conditions"].as_array_mut().unwrap();
            conditions.push(json!({"condition": format!("inout.in/out == {word}")}));
            let made = parse(&body, None, &[], String::new).unwrap();
            let area = "North>Main>Ground>Lobby".to_owned();
            assert_eq!(made.conditions, [Condition::Containment { area, boundary }]);
            let again = parse(&show(&made), None, &[], String::new).unwrap();
            assert_eq!(again.conditions, made.conditions);
        };
        check("in", Some(Boundary::Inside));
        check("OUT", Some(Boundary::Outside));
    }

    /// As glance subscribes: the list of addresses ends with a semicolon.
    #[test]
    fn conditions_of_glance_are_understood() {
        let check = |kind: &str, conditions: &[&str]| {
            let mut body = sample();
            body["notificationType"] = json!(kind);
            let texts = conditions.iter().map(|text| json!({"condition": text}));
            body["rules"] = json!([{"conditions": texts.collect::<Vec<_>>()}]);
            parse(&body, None, &[], String::new).unwrap()
        };
        let moved = check(
            "LocationUpdate",
            &[
                "locationupdate.deviceType == client",
                "locationupdate.hierarchy == North>Main>Ground",
                "locationupdate.macAddressList == 00:00:5e:00:53:01;00:00:5e:00:53:02;",
            ],
        );
        assert_eq!(moved.filter.macs.len(), 2);
        assert_eq!(moved.filter.area, "North>Main>Ground");
        let left = check(
            "Association",
            &["association.deviceType == client", "association.association == false"],
        );
        assert_eq!(left.conditions, [Condition::Association { associated: Some(false) }]);
    }

    #[test]
    fn every_attribute_is_understood() {
        for attribute in attributes().as_array().unwrap() {
            let [space, name] = ["nameSpace", "name"].map(|key| attribute[key].as_str().unwrap());
            let value = match (attribute["validValueSet"].get(0), name) {
                (Some(value), _) => value.as_str().unwrap(),
                (None, "macAddressList") => "00:00:5e:00:53:01;",
                (None, "hierarchy") => "North",
                (None, _) => "5",
            };
            let mut body = sample();
            body["notificationType"] = json!(space);
            let own = json!({"condition": format!("{space}.{name} == {value}")});
            let place = json!({"condition": format!("{space}.hierarchy == North")});
            body["rules"] = json!([{"conditions": [place, own]}]);
            parse(&body, None, &[], String::new)
                .unwrap_or_else(|error| panic!("{attribute}: {error}"));
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        check_refused(|it| it["name"] = json!(""), "'name'");
        check_refused(|it| it["notificationType"] = json!("Weather"), "'weather'");
        check_refused(|it| it["enabled"] = json!("perhaps"), "'enabled'");
        check_refused(|it| it["subscribers"][0]["receivers"][0]["uri"] = json!(null), "'uri'");
        let condition = |text: &'static str| {
            move |it: &mut Value| it["rules"][0]["conditions"][1]["condition"] = json!(text)
        };
        check_refused(condition("inout.colour == red"), "inout.colour");
        check_refused(condition("inout.deviceType == unicorn"), "unicorn");
        check_refused(condition("inout.deviceType == client"), "inout.hierarchy");
        check_refused(condition("inout.hierarchy != A"), "!= A");
        check_refused(condition("inout.in/out == near"), "near");
        check_refused(condition("inout.batteryStatus == low"), "inout.batteryStatus");
        check_refused(condition("weather.deviceType == client"), "weather.deviceType");
        check_refused(condition("emergency.deviceType == client"), "'inout' and of 'emergency'");
        check_refused(|it| it["rules"] = json!({}), "'rules'");
        check_refused(|it| it["rules"][0]["conditions"] = json!({}), "'conditions'");
    }

    /// Whoever asked for one kind and wrote the conditions of another would be told something else.
    #[test]
    fn a_rule_is_of_the_kind_that_its_conditions_begin_with() {
        check_refused(|it| it["notificationType"] = json!("Association"), "'association'");
        let update = |it: &mut Value| {
            it["notificationType"] = json!("LocationUpdate");
            let text = json!({"condition": "association.association == false"});
            it["rules"] = json!([{"conditions": [text]}]);
        };
        check_refused(update, "'locationupdate'");
        let mut body = sample();
        body["notificationType"] = json!("BatteryLife");
        let rule = |text: &str| json!({"conditions": [{"condition": text}]});
        let rules = ["batterylife.deviceType == tag", "emergency.deviceType == tag"];
        body["rules"] = rules.into_iter().map(rule).collect();
        let conditions = parse(&body, None, &[], String::new).unwrap().conditions;
        let level = model::BatteryLevel::Low;
        assert_eq!(
            conditions,
            [Condition::Battery { level }, Condition::Emergency { reason: None }]
        );
    }

    #[test]
    fn quotes_are_taken_away_in_pairs() {
        let check = |text: &str, expected: &str| {
            assert_eq!(unquoted(text), expected, "{text}");
            assert_eq!(unquoted(&quoted(expected)), expected, "{text}");
        };
        check("A>B", "A>B");
        check(" \"A>B\"; ", "A>B");
        check("\"A>B;\"", "A>B;");
        check("West <e\">", "West <e\">");
        check("West <e\"", "West <e\"");
        check("\"\"A\"\"", "\"A\"");
        check("\"", "\"");
        check("", "");
    }
}
