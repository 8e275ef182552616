//! Maps: campus > building > floor, with access points, walls, regions and zones.
//!
//! The serialised form of [`Maps`] is the `maps.json` of a map archive and the body of the native API.
//! All lengths are metres; the origin of a floor is its top left corner.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::geometry::{Point, Polygon, Segment};
use crate::{Band, Dbm, Mac, Metres};

/// Most places that one set of maps may hold of each kind; more is a broken or hostile archive.
pub const PLACES_MAX: usize = 10_000;
/// Most walls, regions, rails, chokepoints, switches or zones of one floor, and outlets of one switch: a radio map costs cells times walls.
pub const SHAPES_MAX: usize = 2_000;
/// Longest name of a campus, building, floor, zone or access point, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest side of a floor: beyond it the 1 m grid of the estimator stops being a floor.
pub const FLOOR_SIDE_MAX: Metres = Metres(2_000.0);
/// Most corners of one polygon.
pub const CORNERS_MAX: usize = 256;

/// Identifies a campus, a building, a floor or a zone; `floorRefId` and `aesUid` of the CMX API.
///
/// Ours: the upper 63 bits of the FNV-1a hash of the hierarchy path, so that every engine that
/// imports the same maps gives out the same ids. Serialised as text: JavaScript rounds integers
/// beyond 2^53.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, example = "788149884915780818"))]
pub struct MapId(pub u64);

impl MapId {
    /// The id of the place at `path`, which is `Campus>Building>Floor>Zone` or a beginning of it.
    pub fn of(path: &str) -> Self {
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash >> 1)
    }

    /// The id that a text names, of those that there are.
    ///
    /// Programs in JavaScript read an id as a number and send it back rounded; that will do where no other
    /// id is so near.
    pub fn named(text: &str, ids: impl IntoIterator<Item = Self>) -> Option<Self> {
        let exact: Option<Self> = text.parse().ok();
        let rounded = text.parse().ok().map(f64::to_bits);
        let mut near = None;
        for id in ids {
            if Some(id) == exact {
                return exact;
            }
            near = near.or_else(|| Some(id).filter(|id| Some((id.0 as f64).to_bits()) == rounded));
        }
        near
    }
}

impl fmt::Display for MapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for MapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for MapId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Serialize for MapId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MapId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// All maps of one engine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Maps {
    /// The campuses, in the order they are shown.
    #[serde(default)]
    pub campuses: Vec<Campus>,
}

/// A group of buildings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Campus {
    /// Unique among campuses.
    pub name: String,
    /// Its buildings.
    #[serde(default)]
    pub buildings: Vec<Building>,
}

/// A building.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Building {
    /// Unique in its campus.
    pub name: String,
    /// Its floors.
    #[serde(default)]
    pub floors: Vec<Floor>,
}

/// One storey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Floor {
    /// Unique in its building.
    pub name: String,
    /// Storey number; 0 is the ground floor.
    pub level: i16,
    /// Size along x.
    pub width: Metres,
    /// Size along y.
    pub length: Metres,
    /// Height of the storey.
    #[serde(default = "Floor::usual_height")]
    pub height: Metres,
    /// The plan that is drawn under the dots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<FloorImage>,
    /// Receivers with a known place.
    #[serde(default)]
    pub access_points: Vec<AccessPoint>,
    /// Walls that weaken signals.
    #[serde(default)]
    pub walls: Vec<Wall>,
    /// Where elements can and cannot be. Without an inclusion region the whole floor is included.
    #[serde(default)]
    pub regions: Vec<Region>,
    /// Lines that elements move along. Without one they move freely.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rails: Vec<Segment>,
    /// Places that trigger tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chokepoints: Vec<Chokepoint>,
    /// Switches, whose wired clients are around them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Switch>,
    /// Named areas.
    #[serde(default)]
    pub zones: Vec<Zone>,
}

/// The plan of a floor, kept as a file named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FloorImage {
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// `image/png`, `image/jpeg` or `image/svg+xml`.
    pub media_type: String,
    /// Width in pixels; spans the floor's `width`.
    pub width_px: u32,
    /// Height in pixels; spans the floor's `length`.
    pub height_px: u32,
}

/// A receiver with a known place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AccessPoint {
    /// Base radio address, as controllers report it.
    pub mac: Mac,
    /// Name for people.
    pub name: String,
    /// Place on the floor.
    pub at: Point,
    /// Height above the floor.
    #[serde(default = "AccessPoint::usual_height")]
    pub height: Metres,
    /// Its radios.
    #[serde(default)]
    pub radios: Vec<Radio>,
}

/// One radio of an access point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Radio {
    /// The band it works on.
    pub band: Band,
    /// Channel number.
    pub channel: u8,
    /// Transmit power.
    pub tx_power: Dbm,
    /// Its antenna, when it hears better in one direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub antenna: Option<Antenna>,
}

/// A directional antenna.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Antenna {
    /// Where it points on the plan, in degrees clockwise from the top of the plan.
    pub azimuth: f32,
    /// How far it points down, in degrees: 0 is level, 90 is at the floor.
    #[serde(default)]
    pub tilt: f32,
    /// The angle within which it hears at most 3 dB less than at its best, in degrees.
    pub beamwidth: f32,
    /// Its gain where it hears best, in dBi.
    pub gain: f32,
}

impl Antenna {
    /// Whether its figures are those of an antenna.
    fn is_possible(&self) -> bool {
        (0.0..=360.0).contains(&self.azimuth)
            && (-90.0..=90.0).contains(&self.tilt)
            && (1.0..=360.0).contains(&self.beamwidth)
            && (-20.0..=40.0).contains(&self.gain)
    }
}

/// A wall, drawn as a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Wall {
    /// Where it stands.
    pub line: Segment,
    /// How many decibels it takes: 3 for a light wall, 13 for a heavy one.
    pub loss_db: f32,
}

/// Where elements can or cannot be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Region {
    /// Whether elements can be in it.
    pub kind: RegionKind,
    /// Its outline.
    pub outline: Polygon,
}

/// What a region says about elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum RegionKind {
    /// Elements are inside one of the inclusion regions.
    Inclusion,
    /// Elements are never inside.
    Exclusion,
}

/// A place that triggers every tag within its range, so that the tag says that it is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Chokepoint {
    /// Unique in all maps: a tag says nothing but the name.
    pub name: String,
    /// Its place on the floor.
    pub at: Point,
    /// How far away it triggers tags.
    pub range: Metres,
}

/// A switch, for the places of the clients that are wired to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Switch {
    /// Unique in all maps: as controllers name it.
    pub name: String,
    /// Its place on the floor.
    pub at: Point,
    /// How far away the clients on its ports are at most.
    #[serde(default = "Switch::usual_reach")]
    pub reach: Metres,
    /// Ports that come out at a known place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outlets: Vec<Outlet>,
}

/// Where a port of a switch comes out of the wall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Outlet {
    /// The port, unique on its switch: as controllers name it.
    pub port: String,
    /// Its place on the floor.
    pub at: Point,
}

/// A named area of a floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Zone {
    /// Unique on its floor.
    pub name: String,
    /// Its outline.
    pub outline: Polygon,
}

impl Floor {
    /// A floor of this size in metres with nothing on it.
    pub fn bare(name: &str, level: i16, width: f32, length: f32) -> Self {
        Self {
            name: name.to_owned(),
            level,
            width: Metres(width),
            length: Metres(length),
            height: Self::usual_height(),
            image: None,
            access_points: Vec::new(),
            walls: Vec::new(),
            regions: Vec::new(),
            rails: Vec::new(),
            chokepoints: Vec::new(),
            switches: Vec::new(),
            zones: Vec::new(),
        }
    }

    /// Whether an element can be at `point`: on the floor, in an inclusion region if there is any,
    /// and in no exclusion region.
    pub fn includes(&self, point: Point) -> bool {
        let on_floor =
            (0.0..=self.width.0).contains(&point.x) && (0.0..=self.length.0).contains(&point.y);
        let (mut bounded, mut included) = (false, false);
        for region in &self.regions {
            match region.kind {
                RegionKind::Inclusion => {
                    bounded = true;
                    included |= region.outline.contains(point);
                }
                RegionKind::Exclusion => {
                    if region.outline.contains(point) {
                        return false;
                    }
                }
            }
        }
        on_floor && (included || !bounded)
    }

    /// Names of the zones that hold `point`.
    pub fn zones_at(&self, point: Point) -> impl Iterator<Item = &str> {
        self.zones
            .iter()
            .filter(move |zone| zone.outline.contains(point))
            .map(|zone| zone.name.as_str())
    }

    fn usual_height() -> Metres {
        Metres(3.0)
    }
}

impl AccessPoint {
    fn usual_height() -> Metres {
        Metres(2.5)
    }
}

/// A floor together with the places it lies in.
#[derive(Debug, Clone, Copy)]
pub struct FloorRef<'a> {
    /// The campus of the building.
    pub campus: &'a Campus,
    /// The building of the floor.
    pub building: &'a Building,
    /// The floor.
    pub floor: &'a Floor,
}

impl FloorRef<'_> {
    /// `Campus>Building>Floor`.
    pub fn path(&self) -> String {
        format!("{}>{}>{}", self.campus.name, self.building.name, self.floor.name)
    }

    /// The id of the floor.
    pub fn id(&self) -> MapId {
        MapId::of(&self.path())
    }
}

/// Why a set of maps is refused; each names the culprit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MapError {
    /// A name is missing, too long, or holds a character that the hierarchy path uses.
    #[error(
        "the name '{name}' of a {kind} is empty, longer than {NAME_BYTES_MAX} bytes, or holds '>', '/' or a control character"
    )]
    BadName {
        /// What has the name.
        kind: &'static str,
        /// The name, shortened.
        name: String,
    },
    /// Two places share a path, or two access points an address.
    #[error("{0} is there twice")]
    Duplicate(String),
    /// An access point is on two floors.
    #[error(
        "the access point {mac} is on '{first}' and again on '{second}'; remove it from one of them first"
    )]
    TwoPlaces {
        /// Which one.
        mac: Mac,
        /// Where it is found first.
        first: String,
        /// Where it is found again.
        second: String,
    },
    /// A length or coordinate is not a number, not positive, or too large.
    #[error("{path}: {what} is not a length between 0 and {} m", FLOOR_SIDE_MAX.0)]
    BadLength {
        /// The place.
        path: String,
        /// What is wrong there.
        what: &'static str,
    },
    /// A polygon has too few or too many corners, or a corner that is no number.
    #[error(
        "{path}: the outline of {what} needs 3 to {CORNERS_MAX} corners, each a finite number of metres"
    )]
    BadOutline {
        /// The place.
        path: String,
        /// What the outline belongs to.
        what: String,
    },
    /// A floor has more of one kind than any floor.
    #[error("{path}: more than {SHAPES_MAX} walls, regions, rails, chokepoints, switches or zones")]
    TooManyShapes {
        /// The floor.
        path: String,
    },
    /// A transmit power is not a number.
    #[error("the transmit power of a radio of access point {0} is not a number")]
    BadPower(Mac),
    /// An antenna that there is not.
    #[error(
        "the antenna of access point {0}: azimuth is 0 to 360, tilt -90 to 90, beamwidth 1 to 360 degrees, gain -20 to 40 dBi"
    )]
    BadAntenna(Mac),
    /// An image is described wrongly.
    #[error("{path}: the image description is not valid: {what}")]
    BadImage {
        /// The place.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    /// There are more places than any site has.
    #[error("more than {PLACES_MAX} {0}")]
    TooMany(&'static str),
}

impl Maps {
    /// Every floor with its building and campus, in order.
    pub fn floors(&self) -> impl Iterator<Item = FloorRef<'_>> {
        self.campuses.iter().flat_map(|campus| {
            campus.buildings.iter().flat_map(move |building| {
                building.floors.iter().map(move |floor| FloorRef { campus, building, floor })
            })
        })
    }

    /// The floor with this id.
    pub fn floor(&self, id: MapId) -> Option<FloorRef<'_>> {
        self.floors().find(|floor| floor.id() == id)
    }

    /// Checks everything that the rest of the system relies on.
    pub fn validate(&self) -> Result<(), MapError> {
        let mut paths = BTreeSet::new();
        let mut aps = BTreeMap::new();
        let mut chokepoints = BTreeSet::new();
        let mut switches = BTreeSet::new();
        for campus in &self.campuses {
            check_name("campus", &campus.name)?;
            unique(&mut paths, campus.name.clone())?;
            for building in &campus.buildings {
                check_name("building", &building.name)?;
                unique(&mut paths, format!("{}>{}", campus.name, building.name))?;
                for floor in &building.floors {
                    check_name("floor", &floor.name)?;
                    let path = FloorRef { campus, building, floor }.path();
                    unique(&mut paths, path.clone())?;
                    floor.validate(&path, &mut paths, &mut aps)?;
                    floor.validate_chokepoints(&path, &mut chokepoints)?;
                    floor.validate_switches(&path, &mut switches)?;
                }
            }
        }
        if paths.len() > PLACES_MAX {
            return Err(MapError::TooMany("places"));
        }
        if aps.len() > PLACES_MAX {
            return Err(MapError::TooMany("access points"));
        }
        // Distinct paths with one hash would make two places one; no known pair exists.
        let ids: BTreeSet<MapId> = paths.iter().map(|path| MapId::of(path)).collect();
        if ids.len() == paths.len() { Ok(()) } else { Err(MapError::Duplicate("a map id".into())) }
    }
}

impl Floor {
    fn validate(
        &self,
        path: &str,
        paths: &mut BTreeSet<String>,
        aps: &mut BTreeMap<Mac, String>,
    ) -> Result<(), MapError> {
        let bad_length = |what| MapError::BadLength { path: path.to_owned(), what };
        let sides =
            [(self.width, "the width"), (self.length, "the length"), (self.height, "the height")];
        if let Some((_, what)) = sides.into_iter().find(|(side, _)| !is_length(*side)) {
            return Err(bad_length(what));
        }
        let shapes = [
            self.walls.len(),
            self.regions.len(),
            self.rails.len(),
            self.chokepoints.len(),
            self.switches.len(),
            self.zones.len(),
        ];
        if shapes.into_iter().any(|count| count > SHAPES_MAX) {
            return Err(MapError::TooManyShapes { path: path.to_owned() });
        }
        for ap in &self.access_points {
            if ap.radios.iter().any(|radio| !radio.tx_power.0.is_finite()) {
                return Err(MapError::BadPower(ap.mac));
            }
            if ap.radios.iter().filter_map(|radio| radio.antenna).any(|it| !it.is_possible()) {
                return Err(MapError::BadAntenna(ap.mac));
            }
            check_name("access point", &ap.name)?;
            if !is_place(ap.at) || !(0.0..=FLOOR_SIDE_MAX.0).contains(&ap.height.0) {
                return Err(bad_length("the place of an access point"));
            }
            if let Some(first) = aps.insert(ap.mac, path.to_owned()) {
                let (mac, second) = (ap.mac, path.to_owned());
                return Err(if first == second {
                    MapError::Duplicate(format!("the access point {mac} of '{first}'"))
                } else {
                    MapError::TwoPlaces { mac, first, second }
                });
            }
        }
        for wall in &self.walls {
            if !is_place(wall.line.from)
                || !is_place(wall.line.to)
                || !(0.0..=100.0).contains(&wall.loss_db)
            {
                return Err(bad_length("the end of a wall, or its loss in dB,"));
            }
        }
        for region in &self.regions {
            check_outline(path, "a region", &region.outline)?;
        }
        for rail in &self.rails {
            if !is_place(rail.from) || !is_place(rail.to) {
                return Err(bad_length("the end of a rail"));
            }
        }
        for zone in &self.zones {
            check_name("zone", &zone.name)?;
            check_outline(path, &format!("zone '{}'", zone.name), &zone.outline)?;
            unique(paths, format!("{path}>{}", zone.name))?;
        }
        match &self.image {
            Some(image) => image.validate(path),
            None => Ok(()),
        }
    }
}

impl Floor {
    fn validate_chokepoints<'f>(
        &'f self,
        path: &str,
        names: &mut BTreeSet<&'f str>,
    ) -> Result<(), MapError> {
        for Chokepoint { name, at, range } in &self.chokepoints {
            check_name("chokepoint", name)?;
            if !is_place(*at) || !is_length(*range) {
                let what = "the place or range of a chokepoint";
                return Err(MapError::BadLength { path: path.to_owned(), what });
            }
            if !names.insert(name) {
                return Err(MapError::Duplicate(format!("the chokepoint {name}")));
            }
        }
        Ok(())
    }
}

impl Floor {
    fn validate_switches<'f>(
        &'f self,
        path: &str,
        names: &mut BTreeSet<&'f str>,
    ) -> Result<(), MapError> {
        let bad_length = |what| Err(MapError::BadLength { path: path.to_owned(), what });
        for Switch { name, at, reach, outlets } in &self.switches {
            check_name("switch", name)?;
            if !is_place(*at) || !is_length(*reach) {
                return bad_length("the place or reach of a switch");
            }
            if !names.insert(name) {
                return Err(MapError::Duplicate(format!("the switch {name}")));
            }
            if outlets.len() > SHAPES_MAX {
                return Err(MapError::TooManyShapes { path: path.to_owned() });
            }
            let mut ports = BTreeSet::new();
            for Outlet { port, at } in outlets {
                if port.is_empty() || port.len() > NAME_BYTES_MAX {
                    let (kind, name) = ("port", port.chars().take(64).collect());
                    return Err(MapError::BadName { kind, name });
                }
                if !is_place(*at) {
                    return bad_length("the place of an outlet");
                }
                if !ports.insert(port.as_str()) {
                    return Err(MapError::Duplicate(format!("port {port} of the switch {name}")));
                }
            }
        }
        Ok(())
    }
}

impl Switch {
    /// How far a cable goes from a switch to a wall outlet: 90 m of horizontal cabling are allowed
    /// (TIA-568), which go around corners and up and down. Ours.
    pub fn usual_reach() -> Metres {
        Metres(45.0)
    }

    /// Where a port comes out, and how far from there its client is at most.
    pub fn place_of(&self, port: &str) -> (Point, Metres) {
        let outlet = self.outlets.iter().find(|it| it.port == port);
        outlet.map_or((self.at, self.reach), |it| (it.at, Outlet::REACH))
    }
}

impl Outlet {
    /// A patch cord and the desk that it ends on. Ours.
    pub const REACH: Metres = Metres(5.0);
}

impl FloorImage {
    /// The media types that a floor plan may have.
    pub const MEDIA_TYPES: [&str; 3] = ["image/png", "image/jpeg", "image/svg+xml"];

    fn validate(&self, path: &str) -> Result<(), MapError> {
        let bad = |what| Err(MapError::BadImage { path: path.to_owned(), what });
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_hex) {
            return bad("sha256 is not 64 lower-case hexadecimal digits");
        }
        if !Self::MEDIA_TYPES.contains(&self.media_type.as_str()) {
            return bad("media_type is not image/png, image/jpeg or image/svg+xml");
        }
        if self.width_px == 0 || self.height_px == 0 {
            return bad("its size in pixels is zero");
        }
        Ok(())
    }
}

fn is_length(length: Metres) -> bool {
    length.0 > 0.0 && length <= FLOOR_SIDE_MAX
}

fn is_place(point: Point) -> bool {
    point.x.abs() <= FLOOR_SIDE_MAX.0 && point.y.abs() <= FLOOR_SIDE_MAX.0
}

fn check_name(kind: &'static str, name: &str) -> Result<(), MapError> {
    let forbidden = |c: char| c.is_control() || matches!(c, '>' | '/');
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.contains(forbidden) {
        return Err(MapError::BadName { kind, name: name.chars().take(64).collect() });
    }
    Ok(())
}

fn check_outline(path: &str, what: &str, outline: &Polygon) -> Result<(), MapError> {
    let corners = &outline.corners;
    let fits = (3..=CORNERS_MAX).contains(&corners.len());
    if fits && corners.iter().all(|corner| corner.is_finite()) {
        return Ok(());
    }
    Err(MapError::BadOutline { path: path.to_owned(), what: what.to_owned() })
}

fn unique(paths: &mut BTreeSet<String>, path: String) -> Result<(), MapError> {
    if paths.contains(&path) {
        return Err(MapError::Duplicate(path));
    }
    paths.insert(path);
    Ok(())
}

#[cfg(test)]
mod tests;
