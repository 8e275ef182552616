//! `/api/location/v1` and `/v2`: elements as the location service of CMX lists them.

use std::cmp::Ordering;

use model::map::{FloorRef, MapId};
use model::{Category, Mac};
use serde::Serialize;

use super::query::{SortField, V2Query};
use super::shape::{
    Coordinate, Dimension, Feet, GeoCoordinate, Image, IsoTime, LOC_COMPUTE_TYPE, MaxDetectedRssi,
    RawLocation, band, controller, ip_addresses,
};
use super::tag::TagInfo;
use super::{Located, View};

/// One element. Every key is always there, but for those of [`TagInfo`]: programs in the field read all
/// of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Client<'v> {
    mac_address: Mac,
    map_info: MapInfo<'v>,
    map_coordinate: Coordinate,
    currently_tracked: bool,
    confidence_factor: i64,
    loc_compute_type: &'static str,
    statistics: Statistics,
    history_log_reason: Option<&'static str>,
    geo_coordinate: Option<GeoCoordinate>,
    raw_location: RawLocation,
    network_status: &'static str,
    changed_on: u64,
    ip_address: Option<Vec<String>>,
    user_name: &'v str,
    ss_id: Option<&'v str>,
    source_timestamp: Option<u64>,
    band: &'static str,
    ap_mac_address: Option<Mac>,
    dot11_status: &'static str,
    manufacturer: Option<&'static str>,
    area_global_id_list: [u64; 0],
    detecting_controllers: String,
    bytes_sent: u64,
    bytes_received: u64,
    guest_user: bool,
    #[serde(flatten)]
    tag: Option<TagInfo>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct MapInfo<'v> {
    map_hierarchy_string: &'v str,
    floor_ref_id: String,
    floor_dimension: Dimension,
    image: Image,
    tag_list: Vec<&'v str>,
    map_hierarchy_details: HierarchyDetails<'v>,
}

/// The places of the path, each with its id; programs of the field read the names here.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct HierarchyDetails<'v> {
    campus: &'v str,
    campus_aes_uid: u64,
    building: &'v str,
    building_aes_uid: u64,
    floor: &'v str,
    floor_aes_uid: u64,
    /// Names of the zones with a comma between; how CMX writes several is not public.
    zones: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    current_server_time: IsoTime,
    first_located_time: IsoTime,
    last_located_time: IsoTime,
    max_detected_rssi: MaxDetectedRssi,
}

impl<'v> Client<'v> {
    pub(super) fn new(located: Located<'v>, view: &View<'_>) -> Self {
        let Located { element, position, place } = located;
        let association = &element.association;
        let is_tracked = view.is_tracked(element);
        let ip_addresses = ip_addresses(element);
        let zones: Vec<&str> = place.floor.floor.zones_at(position.point).collect();
        Self {
            mac_address: element.mac,
            map_info: MapInfo {
                map_hierarchy_string: &place.path,
                floor_ref_id: position.floor.to_string(),
                floor_dimension: Dimension::of_floor(place.floor.floor),
                image: Image::of(place.floor.floor),
                map_hierarchy_details: HierarchyDetails::new(&place.floor, &zones),
                tag_list: zones,
            },
            map_coordinate: Coordinate::new(position.point, model::Metres(0.0)),
            currently_tracked: is_tracked,
            confidence_factor: Feet::from(position.confidence).rounded(),
            loc_compute_type: LOC_COMPUTE_TYPE,
            statistics: Statistics {
                current_server_time: IsoTime(view.now),
                first_located_time: IsoTime(element.first_seen),
                last_located_time: IsoTime(position.at),
                max_detected_rssi: MaxDetectedRssi::new(element.strongest.as_ref(), view.now),
            },
            history_log_reason: None,
            geo_coordinate: None,
            raw_location: RawLocation::UNKNOWN,
            network_status: if is_tracked { "ACTIVE" } else { "INACTIVE" },
            changed_on: position.at.0,
            ip_address: (!ip_addresses.is_empty()).then_some(ip_addresses),
            user_name: association.username.as_deref().unwrap_or_default(),
            ss_id: association.ssid.as_deref(),
            source_timestamp: None,
            band: band(element.band),
            ap_mac_address: association.ap,
            dot11_status: match (element.category, association.associated) {
                (_, true) => "ASSOCIATED",
                (Category::WirelessClient, false) => "PROBING",
                (_, false) => "UNKNOWN",
            },
            manufacturer: None,
            area_global_id_list: [],
            detecting_controllers: controller(element),
            bytes_sent: association.bytes_sent,
            bytes_received: association.bytes_received,
            guest_user: false,
            tag: TagInfo::of(element),
        }
    }

    /// As a history has it: a client without an address has an empty list there.
    pub(super) fn past(located: Located<'v>, view: &View<'_>) -> Self {
        let mut client = Self::new(located, view);
        client.ip_address.get_or_insert_default();
        client
    }
}

impl<'v> HierarchyDetails<'v> {
    fn new(place: &FloorRef<'v>, zones: &[&str]) -> Self {
        let FloorRef { campus, building, floor } = *place;
        let building_path = format!("{}>{}", campus.name, building.name);
        Self {
            campus: &campus.name,
            campus_aes_uid: MapId::of(&campus.name).0,
            building: &building.name,
            building_aes_uid: MapId::of(&building_path).0,
            floor: &floor.name,
            floor_aes_uid: place.id().0,
            zones: (!zones.is_empty()).then(|| zones.join(",")),
        }
    }
}

/// What the query asks for, in its order.
pub(super) fn select<'v>(
    located: impl Iterator<Item = Located<'v>>,
    query: &V2Query,
) -> Vec<Located<'v>> {
    let mut found: Vec<_> = located.filter(|located| query.matches(located)).collect();
    // Pages need an order that is the same at each request.
    found.sort_by(|a, b| {
        let order = query.sort.map_or(Ordering::Equal, |sort| {
            let order = compare(sort.field, a, b);
            if sort.is_descending { order.reverse() } else { order }
        });
        order.then(a.element.mac.cmp(&b.element.mac))
    });
    match query.page {
        None => found,
        Some(page) => {
            let before = (page.number - 1).saturating_mul(page.size);
            found.into_iter().skip(before).take(page.size).collect()
        }
    }
}

/// How many fit the query, on all pages.
pub(super) fn count<'v>(located: impl Iterator<Item = Located<'v>>, query: &V2Query) -> usize {
    located.filter(|located| query.matches(located)).count()
}

fn compare(field: SortField, a: &Located<'_>, b: &Located<'_>) -> Ordering {
    let (of_a, of_b) = (&a.element.association, &b.element.association);
    match field {
        SortField::ApMacAddress => of_a.ap.cmp(&of_b.ap),
        SortField::Band => band(a.element.band).cmp(band(b.element.band)),
        SortField::BytesReceived => of_a.bytes_received.cmp(&of_b.bytes_received),
        SortField::BytesSent => of_a.bytes_sent.cmp(&of_b.bytes_sent),
        SortField::ChangedOn | SortField::LastLocatedTime => a.position.at.cmp(&b.position.at),
        SortField::ConfidenceFactor => a.position.confidence.0.total_cmp(&b.position.confidence.0),
        // ASSOCIATED comes before PROBING.
        SortField::Dot11Status => of_b.associated.cmp(&of_a.associated),
        SortField::FirstLocatedTime => a.element.first_seen.cmp(&b.element.first_seen),
        SortField::IpAddress => of_a.ip_addresses.cmp(&of_b.ip_addresses),
        SortField::MacAddress => a.element.mac.cmp(&b.element.mac),
        SortField::MapHierarchy => a.place.path.cmp(&b.place.path),
        SortField::SsId => of_a.ssid.cmp(&of_b.ssid),
        SortField::UserName => of_a.username.cmp(&of_b.username),
    }
}
