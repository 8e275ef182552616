//! The small site that the golden cases ask about, and the cases themselves.
//!
//! What programs of the field ask over HTTP is in `tests/cmx_http/`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as expected")]

use std::fs;
use std::path::{Path, PathBuf};

use model::geometry::{Point, Polygon};
use model::map::{AccessPoint, Building, Campus, Floor, FloorImage, MapId, Maps, Radio, Zone};
use model::{
    Association, Band, Battery, Category, Dbm, Element, Emergency, Encounter, Mac, Metres,
    Position, Reading, TagReport, Telemetry, Time,
};
use serde_json::Value;

/// 2018-07-06T08:04:10.486Z
pub(crate) const NOW: Time = Time(1_530_864_250_486);
/// The default of MSE: 60 minutes.
pub(crate) const MISSING_AFTER_MS: u64 = 3_600_000;

/// One directory of `tests/cmx/`.
pub(crate) struct Case {
    pub(crate) dir: PathBuf,
    pub(crate) path: String,
    pub(crate) query: String,
}

/// Every case, by name.
pub(crate) fn cases() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmx");
    let mut cases: Vec<Case> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|dir| {
            let request = fs::read_to_string(dir.join("request.txt")).unwrap();
            let url = request.trim().strip_prefix("GET ").unwrap();
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            let (path, query) = (path.to_owned(), query.to_owned());
            Case { dir, path, query }
        })
        .collect();
    cases.sort_by(|a, b| a.dir.cmp(&b.dir));
    cases
}

impl Case {
    /// Compares `{"status", "body"}` with the golden file, or writes it when `UPDATE_GOLDEN` is set.
    pub(crate) fn check(&self, status: u16, body: &[u8]) {
        // What is no JSON is a text.
        let body = match body {
            [] => Value::Null,
            body => serde_json::from_slice(body)
                .unwrap_or_else(|_| String::from_utf8(body.to_vec()).unwrap().into()),
        };
        let answer = serde_json::json!({"status": status, "body": body});
        let golden = self.dir.join("expected.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let text = serde_json::to_string_pretty(&answer).unwrap();
            fs::write(&golden, text + "\n").unwrap();
        }
        let expected: Value = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
        assert!(
            answer == expected,
            "{}:\n{answer:#}\nis not what is expected:\n{expected:#}",
            self.dir.display()
        );
    }
}

/// One campus, two buildings, three floors.
pub(crate) fn maps() -> Maps {
    let mut ground = floor("Ground", 0);
    ground.image = Some(FloorImage {
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into(),
        media_type: "image/png".into(),
        width_px: 568,
        height_px: 1080,
    });
    ground.access_points = vec![
        access_point(0x10, "ap-ground-west", 1.5, &[(Band::Ghz2_4, 6), (Band::Ghz5, 36)]),
        access_point(0x20, "ap-ground-east", 18.0, &[(Band::Ghz5, 44)]),
    ];
    ground
        .zones
        .push(Zone { name: "Lobby".into(), outline: Polygon::rectangle(0.0, 0.0, 8.0, 8.0) });
    let mut first = floor("First Floor", 1);
    first.access_points = vec![access_point(0x30, "ap-first", 9.0, &[])];
    let building = |name: &str, floors| Building { name: name.into(), floors };
    Maps {
        campuses: vec![Campus {
            name: "System Campus".into(),
            buildings: vec![
                building("Main", vec![ground, first]),
                building("Annex", vec![floor("Ground", 0)]),
            ],
        }],
    }
}

/// Three clients that are located, one that is not, and a tag.
pub(crate) fn elements() -> Vec<Element> {
    let mut associated = element(Category::WirelessClient, 1, "Main>Ground", 6.5, 3.2);
    associated.association = Association {
        associated: true,
        ap: Some(ap_mac(0x10)),
        ssid: Some("corp".into()),
        username: Some("anna".into()),
        ip_addresses: vec![
            "192.0.2.10".parse().unwrap(),
            "fe80::f953:31c3:a5c9:1865".parse().unwrap(),
        ],
        bytes_sent: 154,
        bytes_received: 140,
    };
    let mut probing = element(Category::WirelessClient, 2, "Main>First Floor", 12.0, 9.75);
    probing.band = Some(Band::Ghz2_4);
    let mut silent = element(Category::WirelessClient, 3, "Annex>Ground", 1.0, 1.0);
    silent.association = Association {
        associated: true,
        ap: Some(ap_mac(0x10)),
        ssid: Some("guest".into()),
        ip_addresses: vec!["192.0.2.30".parse().unwrap()],
        ..Association::default()
    };
    silent.last_seen = NOW.minus_ms(2 * MISSING_AFTER_MS);
    silent.strongest = None;
    let mut unheard = element(Category::WirelessClient, 4, "Main>Ground", 0.0, 0.0);
    unheard.position = None;
    let mut tag = element(Category::Tag, 5, "Main>Ground", 15.0, 2.0);
    let met = NOW.minus_ms(3_400);
    tag.tag = Some(Box::new(TagReport {
        at: met,
        battery: Some(Battery { percent: 12, tolerance_percent: 5 }),
        emergency: Some(Emergency::PanicButton),
        encounter: Some(Encounter { chokepoint: "Gate <1>".into(), since: met, until: met }),
        telemetry: Telemetry { motion_percent: Some(95.0), ..Telemetry::default() },
    }));
    tag.computed =
        tag.position.map(|position| Position { point: Point::new(13.0, 4.0), ..position });
    vec![silent, associated, unheard, tag, probing]
}

fn floor(name: &str, level: i16) -> Floor {
    Floor::bare(name, level, 20.7, 17.6)
}

fn access_point(last: u8, name: &str, x: f32, radios: &[(Band, u8)]) -> AccessPoint {
    AccessPoint {
        mac: ap_mac(last),
        name: name.into(),
        at: Point::new(x, 4.0),
        height: Metres(2.5),
        radios: radios
            .iter()
            .map(|(band, channel)| Radio {
                band: *band,
                channel: *channel,
                tx_power: Dbm(14.0),
                antenna: None,
            })
            .collect(),
    }
}

fn element(category: Category, last: u8, floor: &str, x: f32, y: f32) -> Element {
    let at = NOW.minus_ms(3_400);
    Element {
        category,
        mac: Mac([0x00, 0x50, 0x56, 0x9c, 0x34, last]),
        first_seen: NOW.minus_ms(86_400_000),
        last_seen: NOW.minus_ms(1_000),
        band: Some(Band::Ghz5),
        strongest: Some(Reading { ap: ap_mac(0x10), band: Band::Ghz5, rssi: Dbm(-52.6), at }),
        position: Some(Position {
            floor: MapId::of(&format!("System Campus>{floor}")),
            point: Point::new(x, y),
            confidence: Metres(3.2),
            at,
        }),
        association: Association::default(),
        tag: None,
        switch_port: None,
        computed: None,
        controller: "192.0.2.1:16113".into(),
    }
}

fn ap_mac(last: u8) -> Mac {
    Mac([0x70, 0xdf, 0x2f, 0xb5, 0x38, last])
}
