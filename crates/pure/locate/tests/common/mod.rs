//! Reads the recorded data sets: `reference/location.md` section 2 has the format.
#![expect(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "recordings are files, which the crate itself never opens, and a broken one fails the test"
)]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use model::geometry::{Point, Polygon};
use model::map::{AccessPoint, Building, Campus, Floor, Maps, Region, RegionKind};
use model::{Band, Dbm, Mac, Metres, Reading, Time};

/// How far floors reach beyond the surveyed points and access points (ours): the data sets have no
/// outlines, and people do not survey along the walls. The same for every site.
const MARGIN_M: f32 = 2.0;

/// A site with known access points.
pub(crate) struct Site {
    pub(crate) maps: Maps,
    pub(crate) samples: Vec<Sample>,
    /// Band of each access point, by number.
    bands: Vec<Band>,
    /// From the coordinates of the data set to those of the floors.
    origin: Point,
}

/// What was heard at a place.
pub(crate) struct Sample {
    pub(crate) truth: Point,
    pub(crate) floor: String,
    pub(crate) readings: Vec<Reading>,
}

/// One packet of a track.
pub(crate) struct Packet {
    pub(crate) truth: Point,
    pub(crate) reading: Reading,
}

/// The folder of a data set; none when the recordings are not there.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/location");
    let folder = root.join(name);
    folder.is_dir().then_some(folder)
}

impl Site {
    pub(crate) fn read(folder: &Path) -> Self {
        let aps = rows(&folder.join("aps.csv"));
        let survey = rows(&folder.join("train.csv.gz"));
        let place = |row: &Row| Point::new(row.number("x"), row.number("y"));
        let places: Vec<Point> = aps.iter().chain(&survey).map(place).collect();
        let least = |of: fn(&Point) -> f32| places.iter().map(of).fold(f32::MAX, f32::min);
        let most = |of: fn(&Point) -> f32| places.iter().map(of).fold(f32::MIN, f32::max);
        let origin = Point::new(least(|p| p.x) - MARGIN_M, least(|p| p.y) - MARGIN_M);
        let width = most(|p| p.x) + MARGIN_M - origin.x;
        let length = most(|p| p.y) + MARGIN_M - origin.y;

        let mut floors: Vec<Floor> = Vec::new();
        for (number, ap) in aps.iter().enumerate() {
            let name = ap.text("floor");
            if !floors.iter().any(|floor| floor.name == name) {
                floors.push(empty_floor(name, width, length));
            }
            let floor = floors.iter_mut().find(|floor| floor.name == name).unwrap();
            let at = place(ap);
            floor.access_points.push(AccessPoint {
                mac: Mac::from_u64(number as u64),
                name: ap.text("name").to_owned(),
                at: Point::new(at.x - origin.x, at.y - origin.y),
                // Where no height is given, the usual one of the maps.
                height: Metres(ap.text("z").parse().unwrap_or(2.5)),
                radios: Vec::new(),
            });
        }
        let bands = aps.iter().map(|ap| band(ap.text("band"))).collect();
        let mut site = Self {
            maps: Maps {
                campuses: vec![Campus {
                    name: "recordings".to_owned(),
                    buildings: vec![Building { name: "site".to_owned(), floors }],
                }],
            },
            samples: Vec::new(),
            bands,
            origin,
        };
        let test = folder.join("test_dev.csv.gz");
        if test.is_file() {
            site.samples = rows(&test).iter().map(|row| site.sample(row)).collect();
        }
        site
    }

    /// The packets of a track.
    pub(crate) fn track(&self, file: &Path) -> Vec<Packet> {
        let packet = |row: &Row| Packet {
            truth: self.place(row),
            reading: self.reading(row.text("ap"), row.text("rssi"), row.number("t_ms") as u64),
        };
        rows(file).iter().map(packet).collect()
    }

    /// Makes an exclusion region of every blocked square of an occupancy map.
    pub(crate) fn exclude(&mut self, file: &Path, side_m: f32) {
        let half = side_m / 2.0;
        let blocked = rows(file).into_iter().filter(|row| row.text("passable") == "0");
        let regions: Vec<Region> = blocked
            .map(|row| self.place(&row))
            .map(|Point { x, y }| Region {
                kind: RegionKind::Exclusion,
                outline: Polygon::rectangle(x - half, y - half, x + half, y + half),
            })
            .collect();
        self.maps.campuses[0].buildings[0].floors[0].regions = regions;
    }

    fn place(&self, row: &Row) -> Point {
        Point::new(row.number("x") - self.origin.x, row.number("y") - self.origin.y)
    }

    fn sample(&self, row: &Row) -> Sample {
        let reading = |text: &str| {
            let (ap, rssi) = text.split_once(':').unwrap();
            self.reading(ap, rssi, 0)
        };
        Sample {
            truth: self.place(row),
            floor: row.text("floor").to_owned(),
            readings: row.text("obs").split_whitespace().map(reading).collect(),
        }
    }

    fn reading(&self, ap: &str, rssi: &str, at_ms: u64) -> Reading {
        let number: usize = ap.parse().unwrap();
        Reading {
            ap: Mac::from_u64(number as u64),
            band: self.bands[number],
            rssi: Dbm(rssi.parse().unwrap()),
            at: Time(at_ms),
        }
    }
}

fn empty_floor(name: &str, width: f32, length: f32) -> Floor {
    Floor {
        name: name.to_owned(),
        level: name.parse().unwrap(),
        width: Metres(width),
        length: Metres(length),
        height: Metres(3.0),
        image: None,
        access_points: Vec::new(),
        walls: Vec::new(),
        regions: Vec::new(),
        rails: Vec::new(),
        zones: Vec::new(),
    }
}

/// Sites that do not say which Wi-Fi band they used count as 2.4 GHz.
fn band(text: &str) -> Band {
    match text {
        "2.4" | "wifi" => Band::Ghz2_4,
        "5" => Band::Ghz5,
        "ble" => Band::Ble,
        other => panic!("unknown band {other}"),
    }
}

/// One line of a table, with the names of its columns.
struct Row {
    names: std::rc::Rc<[String]>,
    fields: Vec<String>,
}

impl Row {
    fn text(&self, name: &str) -> &str {
        let column = self.names.iter().position(|known| known == name);
        &self.fields[column.unwrap_or_else(|| panic!("no column {name}"))]
    }

    fn number(&self, name: &str) -> f32 {
        self.text(name).parse().unwrap()
    }
}

/// The lines of a table; none of the data sets quotes a comma.
fn rows(file: &Path) -> Vec<Row> {
    let mut text = String::new();
    let mut plain = File::open(file).unwrap();
    if file.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(plain).read_to_string(&mut text).unwrap();
    } else {
        plain.read_to_string(&mut text).unwrap();
    }
    let split = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = text.lines();
    let names: std::rc::Rc<[String]> = split(lines.next().unwrap()).into();
    lines.map(|line| Row { names: std::rc::Rc::clone(&names), fields: split(line) }).collect()
}
