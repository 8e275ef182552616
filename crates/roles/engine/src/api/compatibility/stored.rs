//! Answers of the CMX API that the element table does not have: histories, presence, users.

use model::{Category, Element, Metres, Time};
use serde_json::json;
use store::{HistoryRow, Role, StoreError};

use super::super::Shared;
use super::super::access::Principal;
use super::super::error::ApiError;
use crate::analytics::{Calendar, Period, presence_api};
use crate::cmx::history::{self, Lite, POSITIONS_MAX, Was};
use crate::cmx::query::Device;
use crate::cmx::{Answer, query};
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
            Ok(request) => lite(shared, &request)?,
            Err(error) => Answer::bad_query(&error),
        }));
    }
    match segments {
        ["api", "presence", "v1", rest @ ..] => {
            let site = shared.site.load();
            let inquiry = shared.inquiry(Category::WirelessClient, site.revision)?;
            Ok(presence_api::answer(rest, &pairs, &site.maps, &inquiry)?)
        }
        ["api", "config", "v1", "aaa", "users"] => {
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

fn lite(shared: &Shared, request: &history::Request) -> Result<Answer, ApiError> {
    let category = Category::WirelessClient;
    let known = known(shared, category, &request.device);
    let mac = match (&request.device, &known) {
        (Device::Mac(mac), _) => *mac,
        (_, Some(known)) => known.mac,
        (_, None) => return Ok(Answer::not_found("such client")),
    };
    let (from, until) = match &request.day {
        None => (Time(0), Time(u64::MAX)),
        Some(day) => match Period::between(day, day) {
            Ok(period) => {
                let day = calendar(shared).day(period.first);
                (day.from, day.until.minus_ms(1))
            }
            Err(error) => return Ok(Answer::bad_query(&error)),
        },
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

/// The positions that MSE 8 tells of the past, newest first.
pub(super) fn past(
    shared: &Shared,
    elements: &[Element],
    past: &Past,
) -> Result<Vec<Element>, ApiError> {
    let trail = |mac, limit, known: Option<&Element>| -> Result<Vec<Element>, StoreError> {
        let rows = shared.store.trail(past.category, mac, Time(0), Time(u64::MAX), limit)?;
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
