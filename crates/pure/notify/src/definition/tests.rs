use super::*;
use crate::receiver::{Format, Transport, Trust};

fn definition(conditions: &str, receiver: &str) -> Result<Definition, String> {
    let text = format!(
        r#"{{"name": "lobby", "conditions": [{conditions}], "receivers": [{{"transport": {receiver}}}]}}"#
    );
    let definition: Definition = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    definition.validate().map_err(|error| error.to_string())?;
    Ok(definition)
}

const INSIDE: &str = r#"{"type": "containment", "area": "North>Main", "boundary": "inside"}"#;
const HTTP: &str = r#"{"type": "http", "url": "http://192.0.2.1/"}"#;

fn check_refused(conditions: &str, receiver: &str, expected: &str) {
    let error = definition(conditions, receiver).expect_err(expected);
    assert!(error.contains(expected), "'{error}' does not name {expected}");
}

#[test]
fn a_name_a_condition_and_a_receiver_are_enough() {
    let definition = definition(INSIDE, HTTP).unwrap();
    assert!(definition.enabled);
    assert_eq!((definition.refresh_min, definition.retry_count), (0, RETRY_COUNT));
    assert_eq!((definition.rate_limit_ms, definition.queue_limit), (0, QUEUE_LIMIT));
    assert_eq!(definition.receivers[0].format, Format::Cmx);
    let text = serde_json::to_string(&definition).unwrap();
    assert_eq!(serde_json::from_str::<Definition>(&text).unwrap(), definition);
}

#[test]
fn what_is_wrong_is_named() {
    check_refused("", HTTP, "0 conditions");
    check_refused(&[INSIDE; 17].join(","), HTTP, "17 conditions");
    check_refused(r#"{"type": "containment", "area": "North>>Main"}"#, HTTP, "North>>Main");
    check_refused(r#"{"type": "containment", "area": "A>B>C>D>E"}"#, HTTP, "A>B>C>D>E");
    check_refused(r#"{"type": "movement", "distance_m": 0}"#, HTTP, "distance_m is 0");
    check_refused(r#"{"type": "absence", "minutes": 1441}"#, HTTP, "minutes is 1441");
    check_refused(r#"{"type": "absense", "minutes": 5}"#, HTTP, "absense");
    check_refused(INSIDE, r#"{"type": "http", "url": "file:///etc/passwd"}"#, "url");
    check_refused(INSIDE, r#"{"type": "http", "url": "http://a b/"}"#, "url");
    check_refused(INSIDE, r#"{"type": "http", "url": "http://u:p@a/"}"#, "login");
    let smuggled = r#"{"type": "http", "url": "http://a/", "headers": {"X": "a\r\nHost: b"}}"#;
    check_refused(INSIDE, smuggled, "headers");
    let reserved = r#"{"type": "http", "url": "http://a/", "headers": {"Host": "b"}}"#;
    check_refused(INSIDE, reserved, "headers");
    let port = r#"{"type": "syslog", "host": "a", "port": 0, "protocol": "udp"}"#;
    check_refused(INSIDE, port, "port");
    let clear = r#"{"type": "mqtt", "host": "a", "port": 1883, "topic": "t",
        "login": {"username": "u", "password": "p"}}"#;
    check_refused(INSIDE, clear, "tls");
    let mail = r#"{"type": "email", "host": "a", "port": 25, "security": "none",
        "from": "a@b", "to": "c@d", "login": {"username": "u", "password": "p"}}"#;
    check_refused(INSIDE, mail, "security");
    let pin = r#"{"type": "http", "url": "https://a/", "trust": {"pin": "6ab9"}}"#;
    check_refused(INSIDE, pin, "trust.pin");
}

fn check_pattern(pattern: &str, shown: &str, is_like: &[&str], is_unlike: &[&str]) {
    let pattern: MacPattern = pattern.parse().unwrap();
    assert_eq!(pattern.to_string(), shown);
    for mac in is_like {
        assert!(pattern.matches(mac.parse().unwrap()), "{pattern} is like {mac}");
    }
    for mac in is_unlike {
        assert!(!pattern.matches(mac.parse().unwrap()), "{pattern} is unlike {mac}");
    }
}

#[test]
fn an_address_may_end_in_a_star() {
    let (tag, other) = ("00:0c:cc:5d:04:01", "00:0c:cd:5d:04:01");
    check_pattern("00:0C:CC:*", "00:0c:cc:*", &[tag], &[other]);
    check_pattern("000c.cc*", "00:0c:cc:*", &[tag], &[other]);
    check_pattern("*", "*", &[tag, other], &[]);
    check_pattern(tag, tag, &[tag], &[other]);
    for text in ["", "00:0c:c*", "00:*:cc", "zz:*", "00:0c:cc:5d:04:01:02:*"] {
        assert!(text.parse::<MacPattern>().is_err(), "{text}");
    }
}

fn http(url: &str, value: &str) -> Receiver {
    let headers = [("Authorization".to_owned(), value.to_owned())].into();
    let transport = Transport::Http { url: url.into(), headers, trust: Trust::System };
    Receiver { transport, format: Format::Cmx }
}

#[test]
fn secrets_are_hidden_and_come_back() {
    let mut old = definition(INSIDE, HTTP).unwrap();
    old.receivers = vec![http("https://a/x", "Bearer one"), http("https://b/", "Bearer two")];
    old.scramble_salt = Some("pepper".into());
    let shown = old.shown();
    let text = serde_json::to_string(&shown).unwrap();
    for secret in ["Bearer", "pepper"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let mut again = shown.clone();
    again.reveal(Some(&old)).unwrap();
    assert_eq!(again, old);

    let mut swapped = shown.clone();
    swapped.receivers.reverse();
    swapped.reveal(Some(&old)).unwrap();
    assert_eq!(swapped.receivers[0], old.receivers[1], "found by place, not by order");

    let mut two = old.clone();
    two.receivers[1] = http("https://a/y", "Bearer two");
    let mut back = two.shown();
    back.reveal(Some(&two)).unwrap();
    assert_eq!(back, two, "each at one place keeps its own");
    let mut back = two.shown();
    back.receivers.reverse();
    back.reveal(Some(&two)).unwrap();
    assert_eq!(back.receivers[0], two.receivers[1], "also in another order");

    let mut elsewhere = shown.clone();
    elsewhere.receivers[0] = http("https://thief/x", HIDDEN);
    assert_eq!(elsewhere.reveal(Some(&old)), Err(DefinitionError::UnknownSecret));
    assert_eq!(shown.clone().reveal(None), Err(DefinitionError::UnknownSecret));
}

#[test]
fn a_place_shows_neither_path_nor_login() {
    assert_eq!(
        http("https://hook.example:8443/T0/secret?k=1", "x").place(),
        "https://hook.example:8443"
    );
    let snmp = Transport::Snmp { host: "2001:db8::1".into(), port: 162, community: "c".into() };
    let snmp = Receiver { transport: snmp, format: Format::Cmx };
    assert_eq!(snmp.place(), "snmp://[2001:db8::1]:162");
}
