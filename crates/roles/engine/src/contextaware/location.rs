//! Where elements are and were.

use model::{Category, Element};
use serde_json::{Value, json};

use super::{Form, PAGE_SIZE_MAX, Request};
use crate::cmx::query::Device;
use crate::cmx::shape::{self, Coordinate, Dimension, Feet, IsoTime};
use crate::cmx::tag::TagInfo;
use crate::cmx::{Answer, Located, View};

/// Which of a list is asked for.
#[derive(Debug, Default)]
struct Asked<'q> {
    device: Option<Device>,
    hierarchy: Option<&'q str>,
    /// From 0.
    page: usize,
    page_size: usize,
}

/// The category of a word in a path of MSE 8, which has no location of wired clients.
pub(super) fn category_of(word: &str) -> Option<Category> {
    word.parse().ok().filter(|category| *category != Category::WiredClient)
}

/// The name of one location.
fn name_of(category: Category) -> &'static str {
    match category {
        Category::WirelessClient | Category::WiredClient => "WirelessClientLocation",
        Category::Tag => "TagLocation",
        Category::RogueAp => "RogueApLocation",
        Category::RogueClient => "RogueClientLocation",
        Category::Interferer => "InterfererLocation",
    }
}

/// One element, or why there is none.
pub(super) fn one(elements: &[Element], device: &Device, view: &View<'_>, form: Form) -> Answer {
    let found = elements.iter().filter(|it| device.names(it)).find_map(|it| view.locate(it));
    match found {
        Some(found) => {
            let name = name_of(found.element.category);
            form.answer(200, &json!({name: location(&found, view)}))
        }
        None => form.error(404, "there is no such element, or it has no position"),
    }
}

/// A page of a list, or how many there are.
pub(super) fn list(
    elements: &[Element],
    pairs: &[(String, String)],
    is_count: bool,
    view: &View<'_>,
    request: Request<'_>,
) -> Answer {
    let form = request.form;
    let asked = match Asked::parse(pairs) {
        Ok(asked) => asked,
        Err(error) => return form.error(400, &error),
    };
    let found: Vec<Located<'_>> = elements
        .iter()
        .filter_map(|element| view.locate(element))
        .filter(|located| asked.matches(located))
        .collect();
    if is_count {
        return form.answer(200, &json!({"DeviceCount": {"count": found.len()}}));
    }
    let before = asked.page.saturating_mul(asked.page_size);
    let page = found.iter().skip(before).take(asked.page_size);
    let entries: Vec<Value> = page
        .map(|located| match form {
            Form::Json => location(located, view),
            // In XML an entry has the name of what it is.
            Form::Xml => json!({name_of(located.element.category): location(located, view)}),
        })
        .collect();
    let pages = found.len().div_ceil(asked.page_size);
    let mut locations = json!({
        "totalPages": pages,
        // Of an empty list it is 0, as `totalPages` is.
        "currentPage": pages.min(asked.page.saturating_add(1)),
        "pageSize": asked.page_size,
        "entries": entries,
    });
    if asked.page.saturating_add(1) < pages {
        locations["nextResourceURI"] = next(request, pairs, &asked).into();
    }
    form.answer(200, &json!({"Locations": locations}))
}

/// Where the next page is.
fn next(request: Request<'_>, pairs: &[(String, String)], asked: &Asked<'_>) -> String {
    let others = pairs.iter().filter(|(key, _)| !matches!(key.as_str(), "page" | "pageSize"));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("page", &(asked.page + 1).to_string())
        .append_pair("pageSize", &asked.page_size.to_string())
        .finish();
    format!("{}{}?{query}", request.origin, request.path)
}

fn location(located: &Located<'_>, view: &View<'_>) -> Value {
    let Located { element, position, place } = located;
    let association = &element.association;
    let status = match (element.category, association.associated) {
        (_, true) => "ASSOCIATED",
        (Category::WirelessClient, false) => "PROBING",
        (_, false) => "UNKNOWN",
    };
    let mut location = json!({
        "macAddress": element.mac,
        "currentlyTracked": view.is_tracked(element),
        "confidenceFactor": Feet::from(position.confidence).rounded(),
        "userName": association.username.as_deref().unwrap_or_default(),
        "ssId": association.ssid.as_deref().unwrap_or_default(),
        "band": shape::band(element.band),
        "apMacAddress": association.ap.map(|ap| ap.to_string()).unwrap_or_default(),
        "dot11Status": status,
        "guestUser": false,
        "isGuestUser": false,
        "ipAddress": shape::ip_addresses(element),
        "historyLogReason": null,
        "MapInfo": {
            "mapHierarchyString": place.path,
            "floorRefId": position.floor.to_string(),
            "Dimension": Dimension::of_floor(place.floor.floor),
            "Image": {
                "imageName": place.floor.floor.image.as_ref().map(shape::image_name),
            },
        },
        "MapCoordinate": Coordinate::new(position.point, model::Metres(0.0)).flat(),
        "Statistics": {
            "currentServerTime": IsoTime(view.now),
            "firstLocatedTime": IsoTime(element.first_seen),
            "lastLocatedTime": IsoTime(position.at),
        },
        "GeoCoordinate": null,
    });
    if let (Some(location), Some(Ok(Value::Object(tag)))) =
        (location.as_object_mut(), TagInfo::of(element).map(serde_json::to_value))
    {
        location.extend(tag);
    }
    location
}

impl<'q> Asked<'q> {
    /// Reads the pairs; unknown keys are ignored, even the key `/page` that a sample sends.
    fn parse(pairs: &'q [(String, String)]) -> Result<Self, String> {
        let mut asked = Self { page_size: PAGE_SIZE_MAX, ..Self::default() };
        for (key, value) in pairs {
            let number = || {
                let number = value.trim().parse::<usize>();
                number.map_err(|_| format!("the value of '{key}' is not a number from 0 on"))
            };
            match key.as_str() {
                "macAddress" | "ipAddress" | "userName" | "username" => {
                    asked.device = Some(Device::of(value));
                }
                "mapHierarchy" => asked.hierarchy = Some(value),
                "page" => asked.page = number()?,
                "pageSize" => asked.page_size = number()?.clamp(1, PAGE_SIZE_MAX),
                _ => {}
            }
        }
        Ok(asked)
    }

    fn matches(&self, located: &Located<'_>) -> bool {
        self.device.as_ref().is_none_or(|device| device.names(located.element))
            && self.hierarchy.is_none_or(|text| located.is_within(text))
    }
}
