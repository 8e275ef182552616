//! Answers of the CMX API that the element table does not have: histories, presence, users.

use std::collections::BTreeSet;

use model::{Category, Element, Mac, Metres, Time};
use node::clock;
use serde_json::json;
use store::{HistoryRow, Role, StoreError};

use super::super::Shared;
use super::super::access::Principal;
use super::super::error::ApiError;
use crate::analytics::{Calendar, Period, PeriodError, Place, presence_api};
use crate::cmx::history::{self, Form, Lite, POSITIONS_MAX, Was};
use crate::cmx::query::Device;
use crate::cmx::{Answer, Manufacturers, View, query};
use crate::contextaware::{self, HISTORY_MAX, HISTORY_OF_EACH_MAX, Past};

/// Answers a GET; `None` when it is for somebody else.
pub(super) fn answer(
    shared: &Shared,
    principal: &Principal,
    segments: &[&str],
    query: &str,
) -> Result<Option<Answer>, ApiError> {
    let pairs = query::pairs(query);
    if let Some(request) = history::request(segments, &pairs) {
        return Ok(Some(match request {
            Ok(request) if request.form == Form::Lite => lite(shared, &request)?,
            Ok(request) => records(shared, &pairs, request)?,
            Err(error) => Answer::bad_query(&error),
        }));
    }
    match segments {
        ["api", "location", "v1", "history", "uniqueclientsbyhierarchy"] => {
            unique_clients(shared, &pairs).map(Some)
        }
        ["api", "presence", "v1", rest @ ..] => presence(shared, rest, &pairs),
        // Programs of the field print it; its shape is not public, so it has the figures of the day.
        ["api", "analytics", "v1", "summary"] => presence(shared, &["kpisummary"], &pairs),
        ["api", "config", "v1", "users"] | ["api", "config", "v1", "aaa", "users"] => {
            principal.require(Role::Admin)?;
            let user = |user: store::User| {
                let role = user.role.to_string();
                json!({"username": user.name, "roles": [role], "firstName": null, "lastName": null})
            };
            let users = shared.store.users()?;
            Ok(Some(Answer::ok(&users.into_iter().map(user).collect::<Vec<_>>())))
        }
        _ => Ok(None),
    }
}

/// What comes after `/api/presence/v1`.
fn presence(
    shared: &Shared,
    rest: &[&str],
    pairs: &[(String, String)],
) -> Result<Option<Answer>, ApiError> {
    let site = shared.site.load();
    let inquiry = shared.inquiry(Category::WirelessClient, site.revision)?;
    let named = |mac| super::manufacturer(shared, mac);
    let named = Manufacturers(&named);
    Ok(presence_api::answer((rest, pairs), &site.maps, &inquiry, named)?)
}

fn lite(shared: &Shared, request: &history::Request) -> Result<Answer, ApiError> {
    let category = Category::WirelessClient;
    let known = request.device.as_ref().and_then(|device| known(shared, category, device));
    let mac = match (&request.device, &known) {
        (Some(Device::Mac(mac)), _) => *mac,
        (_, Some(known)) => known.mac,
        (_, None) => return Ok(Answer::not_found("such client")),
    };
    let (from, until) = match span(shared, request.day.as_deref()) {
        Ok(span) => span,
        Err(error) => return Ok(Answer::bad_query(&error)),
    };
    let rows = shared.store.trail(category, mac, from, until, POSITIONS_MAX)?;
    let was = |row: &HistoryRow| Was {
        at: row.at,
        floor: row.floor,
        x: Metres(row.point.x),
        y: Metres(row.point.y),
        ap: row.ap,
    };
    let past: Vec<Was> = rows.iter().rev().map(was).collect();
    Ok(Answer::ok(&Lite::new(mac, known.as_ref().map(|known| &known.association), &past)))
}

/// A history with whole clients.
fn records(
    shared: &Shared,
    pairs: &[(String, String)],
    request: history::Request,
) -> Result<Answer, ApiError> {
    let span = match span(shared, request.day.as_deref()) {
        Ok(span) => span,
        Err(error) => return Ok(Answer::bad_query(&error)),
    };
    let elements = super::elements(shared);
    let past = Past { category: Category::WirelessClient, device: request.device };
    let mac = match &past.device {
        None => None,
        Some(Device::Mac(mac)) => Some(*mac),
        Some(device) => match known(shared, past.category, device) {
            Some(known) => Some(known.mac),
            None => return Ok(Answer::not_found("such client")),
        },
    };
    let past = self::past(shared, &elements, &past, span)?;
    let site = shared.site.load();
    let named = |mac| super::manufacturer(shared, mac);
    let view = View::new(&site.maps, clock::wall(), shared.missing_after_ms);
    Ok(history::records(mac, pairs, &view.naming(Manufacturers(&named)), &past))
}

/// Who was at a place on a day: `hierarchy` as `Campus/Building/Floor`, or the id of a floor or zone.
fn unique_clients(shared: &Shared, pairs: &[(String, String)]) -> Result<Answer, ApiError> {
    let value = |key: &str| {
        let pair = pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let site = shared.site.load();
    let inquiry = shared.inquiry(Category::WirelessClient, site.revision)?;
    let hierarchy = value("hierarchy").map(|path| path.replace('/', ">"));
    let asked = value("zoneid").or_else(|| value("floorid")).or(hierarchy.as_deref());
    let place = match Place::find(&site.maps, asked.unwrap_or_default()) {
        Ok(place) => place,
        Err(error) => return Ok(Answer::bad_query(&error)),
    };
    let period = match value("date") {
        Some(day) => Period::between(day, day),
        None => inquiry.calendar().period("today", inquiry.now),
    };
    let period = match period {
        Ok(period) => period,
        Err(error) => return Ok(Answer::bad_query(&error)),
    };
    let visits = inquiry.visits(&place, inquiry.whole(period))?;
    let macs: BTreeSet<Mac> = visits.iter().map(|visit| visit.element.1).collect();
    Ok(Answer::ok(&json!({
        "date": period.first.to_string(),
        "hierarchy": place.path,
        "count": macs.len(),
        "macaddresses": macs,
    })))
}

/// From when until when a history is asked for.
fn span(shared: &Shared, day: Option<&str>) -> Result<(Time, Time), PeriodError> {
    let Some(day) = day else { return Ok((Time(0), Time(u64::MAX))) };
    let day = calendar(shared).day(Period::between(day, day)?.first);
    Ok((day.from, day.until.minus_ms(1)))
}

/// The positions of a span, newest first.
pub(super) fn past(
    shared: &Shared,
    elements: &[Element],
    past: &Past,
    (from, until): (Time, Time),
) -> Result<Vec<Element>, ApiError> {
    let trail = |mac, limit, known: Option<&Element>| -> Result<Vec<Element>, StoreError> {
        let rows = shared.store.trail(past.category, mac, from, until, limit)?;
        Ok(rows.iter().rev().map(|row| contextaware::was(row, known)).collect())
    };
    let own = || elements.iter().filter(|element| element.category == past.category);
    if let Some(device) = &past.device {
        let known = own().find(|element| device.names(element));
        let mac = match device {
            Device::Mac(mac) => Some(*mac),
            Device::Ip(_) | Device::Username(_) => known.map(|known| known.mac),
        };
        let found = mac.map(|mac| trail(mac, HISTORY_MAX, known)).transpose()?;
        return Ok(found.unwrap_or_default());
    }
    let mut all = Vec::new();
    for element in own() {
        all.extend(trail(element.mac, HISTORY_OF_EACH_MAX, Some(element))?);
        if all.len() >= HISTORY_MAX as usize {
            break;
        }
    }
    Ok(all)
}

/// The element that a client names, as it is now.
pub(super) fn known(shared: &Shared, category: Category, device: &Device) -> Option<Element> {
    let elements = shared.elements.read();
    if let Device::Mac(mac) = device {
        return elements.find(category, *mac).map(|tracked| tracked.publish(category, *mac));
    }
    let mut all = elements.of(category).map(|(mac, tracked)| tracked.publish(category, mac));
    all.find(|element| device.names(element))
}

/// Where days begin, also when nothing is counted.
fn calendar(shared: &Shared) -> Calendar {
    let configured = shared.analytics.as_ref().map(|analytics| analytics.calendar().clone());
    configured.unwrap_or_default()
}
