//! `/api/location/v3`: elements in the shape of the notification that reports them.

use model::map::MapId;
use model::{Category, Mac};
use serde::Serialize;

use super::query::V3Query;
use super::shape::{
    Coordinate, Feet, GeoCoordinate, IsoTime, LOC_COMPUTE_TYPE, MaxDetectedRssi, RawLocation, band,
    ip_addresses,
};
use super::tag::TagInfo;
use super::{Located, View};

/// One element.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LocationUpdate<'v> {
    notification_type: &'static str,
    subscription_name: Option<&'static str>,
    event_id: u64,
    location_map_hierarchy: &'v str,
    location_coordinate: Coordinate,
    geo_coordinate: GeoCoordinate,
    confidence_factor: i64,
    ap_mac_address: Option<Mac>,
    associated: bool,
    username: &'v str,
    ip_address: Vec<String>,
    ssid: Option<&'v str>,
    band: &'static str,
    floor_id: u64,
    floor_ref_id: String,
    entity: &'static str,
    device_id: Mac,
    mac_address: Mac,
    last_seen: IsoTime,
    raw_location: RawLocation,
    tag_vendor_data: Option<&'static str>,
    loc_compute_type: &'static str,
    manufacturer: Option<String>,
    max_detected_rssi: MaxDetectedRssi,
    timestamp: u64,
    source_notification: Option<&'static str>,
    source_notification_key: Option<&'static str>,
    /// Milliseconds as text, as in the sample.
    notification_time: String,
    #[serde(flatten)]
    tag: Option<TagInfo>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    total_count: usize,
    associated_count: usize,
    probing_count: usize,
}

impl<'v> LocationUpdate<'v> {
    pub(super) fn new(located: Located<'v>, view: &View<'_>) -> Self {
        let Located { element, position, place } = located;
        let association = &element.association;
        Self {
            notification_type: "locationupdate",
            subscription_name: None,
            event_id: 0,
            location_map_hierarchy: &place.path,
            location_coordinate: Coordinate::new(position.point, model::Metres(0.0)),
            geo_coordinate: GeoCoordinate::UNKNOWN,
            confidence_factor: Feet::from(position.confidence).rounded(),
            ap_mac_address: association.ap,
            associated: association.associated,
            username: association.username.as_deref().unwrap_or_default(),
            ip_address: ip_addresses(element),
            ssid: association.ssid.as_deref(),
            band: band(element.band),
            floor_id: position.floor.0,
            floor_ref_id: position.floor.to_string(),
            entity: element.category.entity(),
            device_id: element.mac,
            mac_address: element.mac,
            last_seen: IsoTime(element.last_seen),
            raw_location: RawLocation::UNKNOWN,
            tag_vendor_data: None,
            loc_compute_type: LOC_COMPUTE_TYPE,
            manufacturer: view.manufacturers.name(element.mac),
            max_detected_rssi: MaxDetectedRssi::new(element.strongest.as_ref(), view.now),
            timestamp: element.last_seen.0,
            source_notification: None,
            source_notification_key: None,
            notification_time: view.now.0.to_string(),
            tag: TagInfo::of(element),
        }
    }
}

impl Count {
    pub(super) fn of<'v>(located: impl Iterator<Item = Located<'v>>) -> Self {
        located.fold(Self::default(), |count, located| {
            let is_associated = located.element.association.associated;
            let is_client = located.element.category == Category::WirelessClient;
            Self {
                total_count: count.total_count + 1,
                associated_count: count.associated_count + usize::from(is_associated),
                probing_count: count.probing_count + usize::from(is_client && !is_associated),
            }
        })
    }
}

/// What the query asks for.
pub(super) fn select<'v>(
    located: impl Iterator<Item = Located<'v>>,
    query: &V3Query,
    view: &View<'_>,
) -> impl Iterator<Item = Located<'v>> {
    let floors = view.maps.floors().map(|floor| floor.id());
    let floor = query.floor_ref_id.as_deref().map(|text| MapId::named(text, floors));
    located.filter(move |located| {
        floor.is_none_or(|floor| floor == Some(located.position.floor))
            && query.matches(located, view)
    })
}
