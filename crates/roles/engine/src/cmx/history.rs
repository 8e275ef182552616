//! `/api/location/v1/historylite` and `/history`: where clients were.
//!
//! Pure: [`request`] says what is asked for, [`Lite`] and [`records`] are the answers; whoever has a
//! history reads it in between. Newest first: programs of the field take the first one for where the
//! client is.
//!
//! `/historylite/..` has the shape of the samples. Of `/history/clients` programs of the field read an
//! array of clients, of `/history/clients/{mac}` the key `Records`, each as v1 and v2 list a client; the
//! other keys are ours, and `/history` without a client has the newest positions of each.

use std::net::IpAddr;

use model::map::MapId;
use model::{Association, Element, Mac, Metres, Time};
use serde::Serialize;
use serde_json::json;

use super::query::{Device, QueryError, V2Query};
use super::shape::Feet;
use super::{Answer, View, v2};

/// Most positions of an answer. Ours: about 1 MB.
pub const POSITIONS_MAX: u32 = 5_000;

/// How a history is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As [`Lite`].
    Lite,
    /// As [`records`].
    Records,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub form: Form,
    /// Whose history; `None` is everybody's.
    pub device: Option<Device>,
    /// Of which day, as `2016/07/10`; of any, when absent.
    pub day: Option<String>,
}

/// The positions of one client.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lite {
    macaddress: Mac,
    count: usize,
    data: Vec<Position>,
}

/// One position. Every value is a text, as in the samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Position {
    x: String,
    y: String,
    flr: MapId,
    #[serde(rename = "chgOn")]
    changed_on: String,
    /// Whether the client is associated, as `1` or `0`.
    s: &'static str,
    ssid: String,
    ap: String,
    un: String,
    ip: String,
    lat: &'static str,
    long: &'static str,
}

/// Where a client was at one time.
#[derive(Debug, Clone, Copy)]
pub struct Was {
    /// When.
    pub at: Time,
    /// On which floor.
    pub floor: MapId,
    /// Metres from the left.
    pub x: Metres,
    /// Metres from the top.
    pub y: Metres,
    /// Access point that heard it best.
    pub ap: Option<Mac>,
}

/// What a path and its pairs ask for; `None` when it is no history.
pub fn request(
    segments: &[&str],
    pairs: &[(String, String)],
) -> Option<Result<Request, QueryError>> {
    let value = |key: &str| {
        let pair = pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
        pair.map(|(_, value)| value.clone())
    };
    let (form, by, id) = match *segments {
        ["api", "location", "v1", "historylite", by, id] => (Form::Lite, by, Some(id.to_owned())),
        ["api", "location", "v1", "history", by, id] => (Form::Records, by, Some(id.to_owned())),
        ["api", "location", "v1", "history", "clients"] => {
            (Form::Records, "clients", value("macAddress"))
        }
        _ => return None,
    };
    let day = value("date");
    let Some(id) = id else { return Some(Ok(Request { form, device: None, day })) };
    let bad = |key, allowed| QueryError::PeerBadValue {
        key,
        value: id.chars().take(64).collect(),
        allowed,
    };
    let device = match by {
        "clients" | "bymacaddress" => match V2Query::of_device(&id).device {
            Some(device @ (Device::Mac(_) | Device::Ip(_))) => Ok(device),
            _ => Err(bad("macAddress", "a MAC address, as 00:50:56:9c:34:89")),
        },
        "byipaddress" => {
            id.parse::<IpAddr>().map(Device::Ip).map_err(|_| bad("ipAddress", "an IP address"))
        }
        "byusername" => Ok(Device::Username(id.clone())),
        _ => return None,
    };
    Some(device.map(|device| Request { form, device: Some(device), day }))
}

/// The answer with whole clients: of one, or of everybody. `past` is newest first.
pub fn records(
    mac: Option<Mac>,
    pairs: &[(String, String)],
    view: &View<'_>,
    past: &[Element],
) -> Answer {
    let query = match V2Query::parse(pairs) {
        // Whose history it is was found out before.
        Ok(query) => V2Query { device: None, ..query },
        Err(error) => return Answer::bad_query(&error),
    };
    let located = past.iter().filter_map(|element| view.locate(element));
    let found = v2::select(located, &query);
    let clients: Vec<_> = found.into_iter().map(|it| v2::Client::past(it, view)).collect();
    match mac {
        Some(mac) => {
            let count = clients.len();
            Answer::ok(&json!({"Macaddress": mac, "Count": count, "Records": clients}))
        }
        None if clients.is_empty() => Answer::nothing(),
        None => Answer::ok(&clients),
    }
}

impl Lite {
    /// The answer for a client; `past` is newest first, `known` is what is known of it now.
    pub fn new(mac: Mac, known: Option<&Association>, past: &[Was]) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let position = |was: &Was| Position {
            x: Feet::from(was.x).to_string(),
            y: Feet::from(was.y).to_string(),
            flr: was.floor,
            changed_on: was.at.0.to_string(),
            s: if known.is_some_and(|known| known.associated) { "1" } else { "0" },
            ssid: text(known.and_then(|known| known.ssid.as_deref())),
            ap: was.ap.map_or_else(String::new, |ap| ap.to_string()),
            un: text(known.and_then(|known| known.username.as_deref())),
            ip: known
                .and_then(|known| known.ip_addresses.first())
                .map_or_else(String::new, IpAddr::to_string),
            lat: "-999.0",
            long: "-999.0",
        };
        Self { macaddress: mac, count: past.len(), data: past.iter().map(position).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Result<&str, &str>) {
        let segments: Vec<&str> = path.split('/').collect();
        let pairs = [("date".to_owned(), "2026/11/28".to_owned())];
        match (request(&segments, &pairs).unwrap(), expected) {
            (Ok(request), Ok(device)) => {
                assert_eq!(format!("{:?}", request.device.unwrap()), device, "{path}");
                assert_eq!(request.day.as_deref(), Some("2026/11/28"));
            }
            (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{error}"),
            (found, expected) => panic!("{path}: {found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_history_is_asked_for_by_address_or_user() {
        let base = "api/location/v1/historylite";
        check(&format!("{base}/clients/00:50:56:9c:34:89"), Ok("Mac(00:50:56:9c:34:89)"));
        check(&format!("{base}/byipaddress/192.0.2.1"), Ok("Ip(192.0.2.1)"));
        check(&format!("{base}/byusername/anna"), Ok("Username(\"anna\")"));
        check(&format!("{base}/clients/anna"), Err("MAC address"));
        check(&format!("{base}/byipaddress/anna"), Err("IP address"));
        let full = "api/location/v1/history";
        check(&format!("{full}/clients/00:50:56:9c:34:89"), Ok("Mac(00:50:56:9c:34:89)"));
        let all = ["api", "location", "v1", "history", "clients"];
        let everybody = request(&all, &[]).unwrap().unwrap();
        assert_eq!((everybody.form, everybody.device), (Form::Records, None));
        let pairs = [("macaddress".to_owned(), "0050.569c.3489".to_owned())];
        assert!(request(&all, &pairs).unwrap().unwrap().device.is_some());
        let other = ["api", "location", "v1", "historylite", "bycolour", "red"];
        assert!(request(&other, &[]).is_none());
    }

    #[test]
    fn every_value_is_a_text() {
        let was = Was {
            at: Time(1_795_825_800_000),
            floor: MapId(7),
            x: Metres(3.048),
            y: Metres(1.0),
            ap: None,
        };
        let known = Association { associated: true, ..Association::default() };
        let lite = Lite::new(Mac::from_u64(1), Some(&known), &[was]);
        let expected = serde_json::json!({
            "Macaddress": "00:00:00:00:00:01",
            "Count": 1,
            "Data": [{
                "x": "10", "y": "3.28", "flr": "7", "chgOn": "1795825800000", "s": "1", "ssid": "",
                "ap": "", "un": "", "ip": "", "lat": "-999.0", "long": "-999.0",
            }],
        });
        assert_eq!(serde_json::to_value(lite).unwrap(), expected);
    }
}
