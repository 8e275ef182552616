//! The REST API of MSE 8, `/api/contextaware/v1`: maps, locations and histories, as JSON or XML.
//!
//! Pure, as [`crate::cmx`]: path, query, maps and elements in, status and body out. The shapes are
//! from `reference/nmsp-mse-cmx.md` section B.8, the tolerance from section C.2. Subscriptions and
//! what they are sent are in [`subscription`] and [`push`].
//!
//! | path (GET) | answer |
//! |---|---|
//! | `/maps` | `{"Maps": {"Campus": [..]}}` |
//! | `/maps/count` | `{"MapsCount": {"campuses", "buildings", "floors", "accessPoints"}}` |
//! | `/maps/info/{campus}[/{building}[/{floor}]]` | `{"Campus": ..}`, `{"Building": ..}` or `{"Floor": ..}` |
//! | `/location/{clients,tags,rogueaps,rogueclients,interferers}` | `{"Locations": {"totalPages", "entries": [..]}}` |
//! | `/location/{..}/{mac, address or user}` | `{"WirelessClientLocation": ..}`, and the like |
//! | `/location/history/{..}[/{..}]` | as the list, newest first |
//! | any of these lists with `/count` | `{"DeviceCount": {"count": n}}` |
//!
//! `page` of a request counts from 0. `currentPage` of a list says how many pages there were until here,
//! so that it is `totalPages` at the end, and `nextResourceURI` is where the next one is: programs of
//! the field follow it until then. Errors are `{"error": ".."}`. XML has the same names: what is a text or a
//! number is an attribute, what is an object is an element, a list repeats its element.
//!
//! # What is ours
//!
//! - JSON, unless XML is asked for by `.xml` at the end of the path, or preferred by `Accept`; errors,
//!   too.
//! - A history without an id has the newest positions of each element that is tracked.
//! - A history does not know network, user and address of its time: those of today stand for them.
//! - The names of the counts, and what of a map is told.

use std::cmp::Reverse;

use model::{Category, Element, Position};
use serde_json::{Value, json};
use store::HistoryRow;

use crate::cmx::query::{self, Device};
use crate::cmx::{Answer, View, path};

mod location;
mod maps;
pub mod push;
pub mod subscription;
mod xml;

/// Most entries of one page, and of a page whose size is not said. Ours.
pub const PAGE_SIZE_MAX: usize = 5_000;
/// Most positions of a history with an id. Ours.
pub const HISTORY_MAX: u32 = 5_000;
/// Most positions of each element in a history without an id. Ours.
pub const HISTORY_OF_EACH_MAX: u32 = 20;

const XML: &str = "application/xml;charset=UTF-8";

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As JSON.
    Json,
    /// As XML.
    Xml,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// As it came, encoded.
    pub path: &'r str,
    /// What comes after `?`, encoded.
    pub query: &'r str,
    /// How it is answered.
    pub form: Form,
    /// `https://host:port`, as the program knows it; may be empty.
    pub origin: &'r str,
}

/// Whose past is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// What kind.
    pub category: Category,
    /// Which one; `None` is all of them.
    pub device: Option<Device>,
}

impl Form {
    /// The form that a path or else the header `Accept` asks for: the one of higher quality, of equal
    /// ones the one that comes first (RFC 9110 section 12.5.1).
    pub fn of(path: &str, accept: &str) -> Self {
        let suffix = path.trim_end_matches('/').rsplit_once('.').map(|(_, suffix)| suffix);
        match suffix {
            Some("xml") => return Self::Xml,
            Some("json") => return Self::Json,
            _ => {}
        }
        let ranges: Vec<(String, u16)> = accept.split(',').filter_map(range).collect();
        // Its quality, and its place: what is not named is like all others, and comes last.
        let asked = |wanted: &str| {
            let find = |word: &str| ranges.iter().enumerate().find(|(_, (kind, _))| kind == word);
            let named = find(wanted).map(|(at, (_, quality))| (*quality, Reverse(at)));
            named.or_else(|| find("*").map(|(_, (_, quality))| (*quality, Reverse(usize::MAX))))
        };
        match (asked("xml"), asked("json")) {
            (Some(xml), json) if xml.0 > 0 && Some(xml) > json => Self::Xml,
            _ => Self::Json,
        }
    }

    /// Writes a body, an object with one member.
    pub fn answer(self, status: u16, body: &Value) -> Answer {
        match self {
            Self::Json => Answer::json(status, body),
            Self::Xml => Answer { status, media_type: XML, body: xml::write(body) },
        }
    }

    /// Writes an error.
    pub fn error(self, status: u16, message: &str) -> Answer {
        self.answer(status, &json!({"error": message}))
    }
}

/// The second half of a media range in lower case, and its quality in thousandths.
fn range(range: &str) -> Option<(String, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let (_, kind) = parts.next()?.split_once('/')?;
    let quality = parts
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .and_then(|(_, value)| value.trim().parse::<f32>().ok())
        .filter(|quality| quality.is_finite());
    let thousandths = (quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1_000.0).round() as u16;
    Some((kind.to_ascii_lowercase(), thousandths))
}

/// Whose past a path asks for; `None` when it asks for something else.
pub fn past(segments: &[&str]) -> Option<Past> {
    let ["api", "contextaware", "v1", "location", "history", kind, rest @ ..] = segments else {
        return None;
    };
    let device = match rest {
        [] | ["count"] => None,
        [id] | [id, "count"] => Some(Device::of(id)),
        _ => return None,
    };
    Some(Past { category: location::category_of(kind)?, device })
}

/// An element as it was.
pub fn was(row: &HistoryRow, known: Option<&Element>) -> Element {
    let HistoryRow { category, mac, at, floor, point, confidence, ap: _ } = *row;
    Element {
        category,
        mac,
        first_seen: at,
        last_seen: at,
        band: None,
        strongest: None,
        position: Some(Position { floor, point, confidence, at }),
        association: known.map(|known| known.association.clone()).unwrap_or_default(),
        tag: None,
        switch_port: None,
        computed: None,
        controller: known.map_or_else(|| "".into(), |known| known.controller.clone()),
    }
}

/// Answers a GET. `elements` are those that are tracked, `past` is what [`past`] asked for, newest
/// first. `None` when MSE 8 has no such resource.
pub fn answer(
    request: Request<'_>,
    view: &View<'_>,
    elements: &[Element],
    past: &[Element],
) -> Option<Answer> {
    let form = request.form;
    let segments = path::segments(request.path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let pairs = query::pairs(request.query);
    match segments[..] {
        ["api", "contextaware", "v1", "maps", ref rest @ ..] => maps::answer(rest, view, form),
        ["api", "contextaware", "v1", "location", "history", kind, ref rest @ ..] => {
            location::category_of(kind)?;
            let is_count = rest.last() == Some(&"count");
            Some(location::list(past, &pairs, is_count, view, request))
        }
        ["api", "contextaware", "v1", "location", kind, ref rest @ ..] => {
            let category = location::category_of(kind)?;
            let own: Vec<Element> =
                elements.iter().filter(|it| it.category == category).cloned().collect();
            match rest {
                [] => Some(location::list(&own, &pairs, false, view, request)),
                ["count"] => Some(location::list(&own, &pairs, true, view, request)),
                [id] => Some(location::one(&own, &Device::of(id), view, form)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, accept: &str, expected: Form) {
        assert_eq!(Form::of(path, accept), expected, "{path} {accept}");
    }

    #[test]
    fn a_suffix_counts_then_the_header() {
        check("/maps", "", Form::Json);
        check("/maps", "*/*", Form::Json);
        check("/maps", " application/json", Form::Json);
        check("/maps", "application/xml", Form::Xml);
        check("/maps", "text/xml;q=0.9, application/json", Form::Json);
        check("/maps", "text/html, text/xml;q=0.9, application/json", Form::Json);
        check("/maps", "application/json;q=0.1, application/xml;q=0.9", Form::Xml);
        check("/maps", "application/xml;q=0, application/json", Form::Json);
        check("/maps", "application/xml;q=0", Form::Json);
        check("/maps", "application/xml; charset=utf-8; Q=0.5, application/json;q=0.4", Form::Xml);
        check("/maps", "APPLICATION/XML", Form::Xml);
        check("/maps", "application/xml, application/json", Form::Xml);
        check("/maps", "text/html, application/xml;q=0.9, */*;q=0.8", Form::Xml);
        check("/maps", "application/xml;q=0.5, */*", Form::Json);
        check("/maps", "*/*, application/xml", Form::Xml);
        check("/maps", "*/*, application/json;q=0", Form::Xml);
        check("/maps", "application/xml;q=nan, application/json;q=x", Form::Xml);
        check("/maps", "application/json, application/xml", Form::Json);
        check("/maps.xml", "application/json", Form::Xml);
        check("/maps.json/", "application/xml", Form::Json);
        check("/maps", "image/svg+xml", Form::Json);
    }

    fn check_past(path: &str, expected: Option<(Category, Option<&str>)>) {
        let segments: Vec<&str> = path.split('/').collect();
        let expected = expected.map(|(category, id)| Past { category, device: id.map(Device::of) });
        assert_eq!(past(&segments), expected, "{path}");
    }

    #[test]
    fn a_past_is_that_of_one_or_of_all() {
        let base = "api/contextaware/v1/location";
        check_past(&format!("{base}/history/tags"), Some((Category::Tag, None)));
        check_past(&format!("{base}/history/tags/count"), Some((Category::Tag, None)));
        let anna = Some((Category::WirelessClient, Some("anna")));
        check_past(&format!("{base}/history/clients/anna"), anna);
        check_past(&format!("{base}/history/clients/anna/count"), anna);
        check_past(&format!("{base}/clients/anna"), None);
        check_past(&format!("{base}/history/unicorns"), None);
    }
}
