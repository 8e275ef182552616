//! Parts that several answers of CMX have in common.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use model::geometry::Point;
use model::map::{Floor, FloorImage};
use model::{Band, Element, Mac, Metres, Reading, Time};
use serde::{Serialize, Serializer};

/// What stands for a coordinate that is not known (`reference/nmsp-mse-cmx.md` section B.9).
const UNKNOWN: i32 = -999;
/// How every position is computed.
pub const LOC_COMPUTE_TYPE: &str = "RSSI";
/// The only unit of length that is spoken.
const FEET: &str = "FEET";
/// International foot in metres, exact.
const FOOT_M: f64 = 0.3048;
/// Side of a tile in pixels, inferred: the samples' `zoomLevel` and `maxResolution` fit it.
const TILE_PX: u32 = 256;

/// Feet, to the hundredth: three millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Feet(f64);

/// `2018-07-06T16:04:10.486+0000`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsoTime(pub Time);

/// A place on a floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coordinate {
    x: Feet,
    y: Feet,
    z: Feet,
    unit: &'static str,
}

/// How large a place is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dimension {
    length: Feet,
    width: Feet,
    height: Feet,
    offset_x: Feet,
    offset_y: Feet,
    unit: &'static str,
}

/// The plan of a floor. Without one it is an object all the same, with zeros: programs in the field look
/// into it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    image_name: Option<String>,
    zoom_level: u32,
    width: u32,
    height: u32,
    size: u32,
    max_resolution: u32,
    color_depth: u32,
}

/// A position before it was moved into the regions of the floor; never known here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RawLocation {
    raw_x: i32,
    raw_y: i32,
    unit: &'static str,
}

/// A position on the globe; never known here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GeoCoordinate {
    latitude: i32,
    longitude: i32,
    unit: &'static str,
}

/// The strongest reading. Without one it is an object all the same: programs in the field look into it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MaxDetectedRssi {
    ap_mac_address: Option<Mac>,
    band: &'static str,
    slot: Option<u8>,
    rssi: Option<i32>,
    antenna_index: u8,
    last_heard_in_seconds: Option<u64>,
}

impl From<Metres> for Feet {
    fn from(length: Metres) -> Self {
        Self((f64::from(length.0) / FOOT_M * 100.0).round() / 100.0)
    }
}

impl Feet {
    /// In whole feet.
    pub fn rounded(self) -> i64 {
        self.0.round() as i64
    }
}

impl fmt::Display for Feet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for IsoTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = i64::try_from(self.0.0).unwrap_or(i64::MAX);
        // Beyond the year 9999 there is no such text.
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        serializer.collect_str(&at.strftime("%Y-%m-%dT%H:%M:%S.%3f%z"))
    }
}

impl Coordinate {
    /// A point at a height above the floor.
    pub fn new(point: Point, height: Metres) -> Self {
        Self { x: Metres(point.x).into(), y: Metres(point.y).into(), z: height.into(), unit: FEET }
    }
}

impl Coordinate {
    /// The place as MSE 8 tells it: without a height.
    pub fn flat(self) -> serde_json::Value {
        serde_json::json!({"x": self.x, "y": self.y, "unit": self.unit})
    }
}

impl Dimension {
    /// The size of a floor.
    pub fn of_floor(floor: &Floor) -> Self {
        Self::new(floor.width, floor.length, floor.height)
    }

    /// The size of what holds these floors.
    pub fn around<'a>(floors: impl Iterator<Item = &'a Floor>) -> Self {
        let nothing = (Metres(0.0), Metres(0.0), Metres(0.0));
        let (width, length, height) = floors.fold(nothing, |(width, length, height), floor| {
            (larger(width, floor.width), larger(length, floor.length), larger(height, floor.height))
        });
        Self::new(width, length, height)
    }

    fn new(width: Metres, length: Metres, height: Metres) -> Self {
        Self {
            length: length.into(),
            width: width.into(),
            height: height.into(),
            offset_x: Feet(0.0),
            offset_y: Feet(0.0),
            unit: FEET,
        }
    }
}

impl Image {
    /// Describes the plan of a floor.
    pub fn of(floor: &Floor) -> Self {
        floor.image.as_ref().map(Self::new).unwrap_or_default()
    }

    fn new(image: &FloorImage) -> Self {
        let size = image.width_px.max(image.height_px);
        let doublings = size.div_ceil(TILE_PX).next_power_of_two().trailing_zeros();
        Self {
            image_name: Some(image_name(image)),
            zoom_level: doublings + 1,
            width: image.width_px,
            height: image.height_px,
            size,
            max_resolution: 1 << doublings,
            color_depth: 8,
        }
    }
}

impl RawLocation {
    /// The only one there is.
    pub const UNKNOWN: Self = Self { raw_x: UNKNOWN, raw_y: UNKNOWN, unit: FEET };
}

impl GeoCoordinate {
    /// The only one there is.
    pub const UNKNOWN: Self = Self { latitude: UNKNOWN, longitude: UNKNOWN, unit: "DEGREES" };
}

impl MaxDetectedRssi {
    /// Describes a reading.
    pub fn new(reading: Option<&Reading>, now: Time) -> Self {
        Self {
            ap_mac_address: reading.map(|reading| reading.ap),
            band: band(reading.map(|reading| reading.band)),
            slot: reading.map(|reading| slot(reading.band)),
            rssi: reading.map(|reading| reading.rssi.0.round() as i32),
            antenna_index: 0,
            last_heard_in_seconds: reading.map(|reading| now.since_ms(reading.at) / 1_000),
        }
    }
}

/// The name under which the plan of a floor is served: `<sha256>.png`.
pub fn image_name(image: &FloorImage) -> String {
    let extension = match image.media_type.as_str() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        _ => "svg",
    };
    format!("{}.{extension}", image.sha256)
}

/// The word for a band.
pub fn band(band: Option<Band>) -> &'static str {
    match band {
        Some(Band::Ghz2_4) => "IEEE_802_11_B",
        Some(Band::Ghz5) => "IEEE_802_11_A",
        Some(Band::Ghz6 | Band::Ble) | None => "UNKNOWN",
    }
}

/// The radio slot of a band, as in the samples; 6 GHz and BLE are ours.
pub fn slot(band: Band) -> u8 {
    match band {
        Band::Ghz2_4 => 0,
        Band::Ghz5 => 1,
        Band::Ghz6 => 2,
        Band::Ble => 3,
    }
}

/// Addresses as text; IPv6 in full, as in the samples.
pub fn ip_addresses(element: &Element) -> Vec<String> {
    let text = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments().map(|segment| format!("{segment:04x}")).join(":"),
    };
    element.association.ip_addresses.iter().map(text).collect()
}

/// The address of the controller without its port.
pub fn controller(element: &Element) -> String {
    match element.controller.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => element.controller.to_string(),
    }
}

fn larger(a: Metres, b: Metres) -> Metres {
    Metres(a.0.max(b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_time(ms: u64, expected: &str) {
        let text = serde_json::to_string(&IsoTime(Time(ms))).unwrap();
        assert_eq!(text, format!("\"{expected}\""));
    }

    #[test]
    fn times_have_milliseconds_and_a_zone_without_colon() {
        check_time(1_530_864_250_486, "2018-07-06T08:04:10.486+0000");
        check_time(0, "1970-01-01T00:00:00.000+0000");
        check_time(1_000, "1970-01-01T00:00:01.000+0000");
        check_time(u64::MAX, "9999-12-30T22:00:00.999+0000");
    }

    #[test]
    fn lengths_are_feet() {
        assert_eq!(Feet::from(Metres(3.048)), Feet(10.0));
        assert_eq!(Feet::from(Metres(1.0)), Feet(3.28));
    }

    #[test]
    fn the_zoom_of_a_plan_fits_the_sample() {
        let image = Image::new(&FloorImage {
            sha256: "0".repeat(64),
            media_type: "image/png".into(),
            width_px: 568,
            height_px: 1080,
        });
        assert_eq!((image.zoom_level, image.size, image.max_resolution), (4, 1080, 8));
    }
}
