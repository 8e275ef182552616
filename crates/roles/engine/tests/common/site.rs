//! The building of the tests and what is in it: fixed maps, fixed addresses, exact readings.
//!
//! Readings are those of log-distance path loss as in `reference/location.md` section 6, so that an
//! element is found near the place it is said to be at.

use model::geometry::{Point, Polygon};
use model::map::{
    AccessPoint, Building, Campus, Chokepoint, Floor, FloorImage, MapId, Maps, Radio, Zone,
};
use model::{Association, Band, Category, Dbm, Mac, Metres, Observation, Reading, TagReport, Time};
use nmsp::{AccessPointInfo, Attachment, Batch, Information, TagInformation};

/// A PNG of 2 x 3 pixels: signature and header, all that the engine looks at.
pub(crate) const PLAN_PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0\0\0\0\0";
/// A drawing of 20 x 16 pixels.
pub(crate) const PLAN_SVG: &[u8] =
    br#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 16"><path d="M0 0L20 16"/></svg>"#;

/// An element of the story, by the last octet of its address (RFC 7042: for documentation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name(Category, u8);

/// Associated; in the lobby on the ground floor.
pub(crate) const ANNA: Name = Name(Category::WirelessClient, 1);
/// Probing; on the ground floor, far from the lobby.
pub(crate) const PASSER_BY: Name = Name(Category::WirelessClient, 2);
/// Associated as a guest; on the first floor.
pub(crate) const GUEST: Name = Name(Category::WirelessClient, 3);
/// Probing; heard by an access point without a place only.
pub(crate) const NOWHERE: Name = Name(Category::WirelessClient, 4);
/// A tag on the ground floor.
pub(crate) const TAG: Name = Name(Category::Tag, 5);
/// A rogue access point on the first floor.
pub(crate) const ROGUE: Name = Name(Category::RogueAp, 6);
/// On a switch port.
pub(crate) const WIRED: Name = Name(Category::WiredClient, 7);
/// How many there are, and how many of them have a position.
pub(crate) const ELEMENTS: usize = 7;
pub(crate) const LOCATED: usize = 5;
/// What arrives as statistics.
pub(crate) const ANNA_BYTES_SENT: u64 = 154;
/// The story is this old when it is told: what is heard later replaces all of it at once.
pub(crate) const STORY_AGE_MS: u64 = 20_000;

/// Where the chokepoint of the ground floor is, in a corner of the lobby.
pub(crate) const GATE: Point = Point { x: 2.0, y: 6.0 };

/// Levels of the floors.
pub(crate) const GROUND: i16 = 0;
pub(crate) const FIRST: i16 = 1;

impl Name {
    pub(crate) fn mac(self) -> Mac {
        Mac([0x00, 0x00, 0x5e, 0x00, 0x53, self.1])
    }

    pub(crate) fn text(self) -> String {
        self.mac().to_string()
    }

    /// Where the native API tells about it.
    pub(crate) fn path(self) -> String {
        format!("/api/v1/elements/{}/{}", self.0.path(), self.mac())
    }
}

/// The id of the floor with this name.
pub(crate) fn floor_id(name: &str) -> String {
    MapId::of(&format!("North>Main>{name}")).to_string()
}

/// One campus, one building, three floors; nothing is on the roof.
pub(crate) fn maps() -> Maps {
    let mut ground = floor("Ground", GROUND);
    ground.image = Some(image(PLAN_PNG, "image/png", 2, 3));
    ground.zones =
        vec![Zone { name: "Lobby".into(), outline: Polygon::rectangle(0.0, 0.0, 8.0, 8.0) }];
    ground.chokepoints = vec![Chokepoint { name: "Gate".into(), at: GATE, range: Metres(2.0) }];
    let corners = [(1.0, 1.0), (19.0, 1.0), (1.0, 15.0), (19.0, 15.0), (10.0, 8.0)];
    ground.access_points = access_points(0x10, "ground", &corners);
    let mut first = floor("First", FIRST);
    first.image = Some(image(PLAN_SVG, "image/svg+xml", 20, 16));
    let corners = [(2.0, 2.0), (18.0, 2.0), (2.0, 14.0), (18.0, 14.0)];
    first.access_points = access_points(0x20, "first", &corners);
    Maps {
        campuses: vec![Campus {
            name: "North".into(),
            buildings: vec![Building {
                name: "Main".into(),
                floors: vec![ground, first, floor("Roof", 2)],
            }],
        }],
    }
}

/// An element at a place, as all access points that can hear it report it.
pub(crate) fn observed(name: Name, level: i16, (x, y): (f32, f32), at: Time) -> Observation {
    let maps = maps();
    let reading = |floor: &Floor, ap: &AccessPoint| Reading {
        ap: ap.mac,
        band: Band::Ghz5,
        rssi: rssi(floor.level, ap, level, Point::new(x, y)),
        at,
    };
    let readings = maps
        .floors()
        .flat_map(|it| it.floor.access_points.iter().map(|ap| reading(it.floor, ap)))
        .filter(|reading| reading.rssi.0 > -90.0)
        .collect();
    Observation { category: name.0, mac: name.mac(), readings }
}

/// A measurement of one element, now.
pub(crate) fn measurement(name: Name, level: i16, place: (f32, f32)) -> Batch {
    let at = node::clock::wall();
    Batch::Measurements { at, observations: vec![observed(name, level, place, at)] }
}

/// What the tag says about itself.
pub(crate) fn tag_report(report: TagReport) -> Batch {
    Batch::TagReports(vec![TagInformation { mac: TAG.mac(), report }])
}

/// What the controller tells without being asked.
pub(crate) fn story() -> Vec<Batch> {
    let at = node::clock::wall().minus_ms(STORY_AGE_MS);
    let strange = Reading {
        ap: Mac([0x70, 0xdf, 0x2f, 0xb5, 0x38, 0xff]),
        band: Band::Ghz2_4,
        rssi: Dbm(-60.0),
        at,
    };
    let observations = vec![
        observed(ANNA, GROUND, (4.0, 4.0), at),
        observed(PASSER_BY, GROUND, (15.0, 11.0), at),
        observed(GUEST, FIRST, (6.0, 5.0), at),
        Observation {
            category: Category::WirelessClient,
            mac: NOWHERE.mac(),
            readings: vec![strange],
        },
        observed(TAG, GROUND, (16.0, 3.0), at),
        observed(ROGUE, FIRST, (13.0, 10.0), at),
    ];
    let info = |ap: &AccessPoint| AccessPointInfo {
        mac: ap.mac,
        name: ap.name.clone(),
        radios: ap.radios.clone(),
    };
    let maps = maps();
    let known = maps.floors().flat_map(|it| &it.floor.access_points);
    let attachment = Attachment {
        mac: WIRED.mac(),
        attached: true,
        port: "Gi1/0/7".into(),
        username: "carol".into(),
        ip_addresses: vec!["192.0.2.70".parse().unwrap()],
    };
    vec![
        Batch::AccessPoints(known.map(info).collect()),
        Batch::Attachments(vec![attachment]),
        Batch::Measurements { at, observations },
    ]
}

/// What the controller knows when it is asked; traffic counters are told as statistics only.
pub(crate) fn informations() -> Vec<Information> {
    let ground_ap = Some(Mac([0x70, 0xdf, 0x2f, 0xb5, 0x38, 0x10]));
    let anna = Association {
        associated: true,
        ap: ground_ap,
        ssid: Some("corp".into()),
        username: Some("anna".into()),
        ip_addresses: vec![
            "192.0.2.10".parse().unwrap(),
            "fe80::f953:31c3:a5c9:1865".parse().unwrap(),
        ],
        bytes_sent: ANNA_BYTES_SENT,
        bytes_received: 140,
    };
    let guest = Association {
        associated: true,
        ap: ground_ap,
        ssid: Some("guest".into()),
        ip_addresses: vec!["192.0.2.30".parse().unwrap()],
        ..Association::default()
    };
    let information = |name: Name, association| Information {
        category: Category::WirelessClient,
        mac: name.mac(),
        association,
    };
    vec![information(ANNA, anna), information(GUEST, guest)]
}

fn rssi(ap_level: i16, ap: &AccessPoint, level: i16, place: Point) -> Dbm {
    let storeys = f32::from(ap_level - level);
    // Floors are 3 m high, access points hang at 2.5 m, elements are carried at 1.1 m.
    let distance = ap.at.distance(place).hypot(1.4 + 3.0 * storeys);
    Dbm(-35.0 - 35.0 * distance.max(1.0).log10() - 16.0 * storeys.abs())
}

fn floor(name: &str, level: i16) -> Floor {
    Floor::bare(name, level, 20.0, 16.0)
}

fn image(content: &[u8], media_type: &str, width_px: u32, height_px: u32) -> FloorImage {
    FloorImage {
        sha256: node::token::hex(&node::token::sha256(content)),
        media_type: media_type.into(),
        width_px,
        height_px,
    }
}

fn access_points(first: u8, floor: &str, places: &[(f32, f32)]) -> Vec<AccessPoint> {
    let access_point = |(number, (x, y)): (u8, &(f32, f32))| AccessPoint {
        mac: Mac([0x70, 0xdf, 0x2f, 0xb5, 0x38, first + number]),
        name: format!("ap-{floor}-{number}"),
        at: Point::new(*x, *y),
        height: Metres(2.5),
        radios: [(Band::Ghz2_4, 6), (Band::Ghz5, 36 + 4 * number)]
            .map(|(band, channel)| Radio { band, channel, tx_power: Dbm(14.0), antenna: None })
            .into(),
    };
    (0..).zip(places).map(access_point).collect()
}
