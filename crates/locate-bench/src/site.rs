//! A recorded site as an engine would have it: maps and a survey.

use std::collections::BTreeMap;
use std::path::Path;

use model::geometry::{Point, Polygon, Segment};
use model::map::{
    AccessPoint, Building, Campus, FLOOR_SIDE_MAX, Floor, MapId, Maps, NAME_BYTES_MAX, Region,
    RegionKind, Wall,
};
use model::survey::{READINGS_MAX, Survey, SurveyPoint, SurveyReading};
use model::{Band, Dbm, Mac, Metres, Reading, Time};

use crate::BenchError;
use crate::dataset::{Row, Table};
use crate::occupancy::{self, Blocked};
use crate::words::{Label, Words, level_of};

/// Beyond the outermost access point, wall or survey point a floor goes on for so far (ours): a plan
/// shows more than the rooms with access points. That people are among them is for the estimator.
pub(crate) const MARGIN: Metres = Metres(10.0);
/// What a wall takes when the table does not say: a light one.
const WALL_LOSS_DB: f32 = 3.0;

/// Maps and survey, with what is needed to read and to answer queries.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) maps: Maps,
    pub(crate) survey: Survey,
    /// What tables call each floor.
    labels: BTreeMap<MapId, Label>,
    bands: BTreeMap<u64, Band>,
    /// The place of the tables' origin on the floors.
    origin: Point,
    has_one_building: bool,
}

/// What is known of a floor while tables are read.
#[derive(Debug, Default)]
struct Draft {
    access_points: Vec<(u64, String, Point, Option<f32>)>,
    walls: Vec<Wall>,
    points: Vec<Point>,
}

impl Site {
    /// Reads a site; `train` are the rows of the survey that may be used.
    pub(crate) fn read(folder: &Path, train: &[Row<'_>]) -> Result<Self, BenchError> {
        let mut drafts: BTreeMap<Label, Draft> = BTreeMap::new();
        let aps = Table::read(folder, "aps.csv")?;
        if let Some(aps) = &aps {
            aps.require(&["ap"])?;
        }
        let ap_rows: Vec<Row<'_>> = aps.iter().flat_map(Table::rows).collect();
        let words = Words::of(folder, &ap_rows, train);
        let mut bands = BTreeMap::new();
        for row in &ap_rows {
            let number = row.whole("ap")?;
            if bands.insert(number, band_of(row)?).is_some() {
                let what = "an access point is on one floor and at one place";
                return Err(row.wrong(format!("access point {number} is there twice; {what}")));
            }
            if let (Some(x), Some(y)) = (row.number("x")?, row.number("y")?) {
                let at = (number, row.text("name").to_owned(), Point::new(x, y), row.number("z")?);
                let draft = drafts.entry(words.of_access_point(row, x, y)).or_default();
                draft.access_points.push(at);
            }
        }
        for row in train {
            let at = Point::new(row.needed("x")?, row.needed("y")?);
            drafts.entry(words.of_point(row)).or_default().points.push(at);
        }
        if drafts.is_empty() {
            let what = "neither an access point with a place nor a survey point may be used; give \
                        aps.csv places, or choose a mode that uses the survey";
            return Err(BenchError::PeerSite { folder: folder.to_owned(), what: what.to_owned() });
        }
        add_walls(folder, &mut drafts)?;
        let blocked = occupancy::read(folder)?;
        let outline = outline(folder, &drafts, &blocked, MARGIN)?;
        let mut site = Self::build(folder, drafts, outline, &blocked, |it| words.on_maps(it))?;
        site.bands = bands;
        site.has_one_building = words.has_one_building();
        let points: Result<Vec<SurveyPoint>, BenchError> =
            train.iter().map(|row| site.survey_point(row, &words.of_point(row))).collect();
        site.survey.points = points?;
        Ok(site)
    }

    /// Makes maps of receivers, which reach `margin` beyond them and the walls.
    pub(crate) fn build_floors(
        folder: &Path,
        floors: BTreeMap<Label, Vec<(Mac, Point)>>,
        margin: Metres,
    ) -> Result<Self, BenchError> {
        let mut drafts: BTreeMap<Label, Draft> = BTreeMap::new();
        for (label, places) in floors {
            let draft = drafts.entry(label).or_default();
            for (mac, at) in places {
                draft.access_points.push((mac.to_u64(), mac.to_string(), at, None));
            }
        }
        add_walls(folder, &mut drafts)?;
        let outline = outline(folder, &drafts, &[], margin)?;
        Self::build(folder, drafts, outline, &[], |_| String::new())
    }

    fn build(
        folder: &Path,
        drafts: BTreeMap<Label, Draft>,
        outline: Outline,
        blocked: &[Blocked],
        on_maps: impl Fn(&str) -> String,
    ) -> Result<Self, BenchError> {
        let origin = outline.from;
        let mut buildings: BTreeMap<String, Vec<Floor>> = BTreeMap::new();
        let mut labels = BTreeMap::new();
        for (index, (label, draft)) in drafts.into_iter().enumerate() {
            let level = level_of(&label.1).unwrap_or(index as i16);
            let floor = draft.floor(&label.1, level, &outline, blocked);
            let building = map_name(&on_maps(&label.0), "building");
            labels.insert(MapId::of(&format!("recorded>{building}>{}", floor.name)), label);
            buildings.entry(building).or_default().push(floor);
        }
        let building = |(name, floors)| Building { name, floors };
        let buildings = buildings.into_iter().map(building).collect();
        let maps = Maps { campuses: vec![Campus { name: "recorded".to_owned(), buildings }] };
        maps.validate().map_err(|error| BenchError::PeerSite {
            folder: folder.to_owned(),
            what: error.to_string(),
        })?;
        Ok(Self {
            has_one_building: maps.campuses.iter().all(|campus| campus.buildings.len() == 1),
            maps,
            survey: Survey::default(),
            labels,
            bands: BTreeMap::new(),
            origin,
        })
    }

    /// A place of the tables on the floors.
    pub(crate) fn inwards(&self, place: Point) -> Point {
        Point::new(place.x - self.origin.x, place.y - self.origin.y)
    }

    /// A place of the floors in the tables.
    pub(crate) fn outwards(&self, place: Point) -> Point {
        Point::new(place.x + self.origin.x, place.y + self.origin.y)
    }

    /// What the tables call a floor.
    pub(crate) fn label(&self, floor: MapId) -> Option<&Label> {
        self.labels.get(&floor)
    }

    /// Whether a building is named so; a site with one building has one, however it is called.
    pub(crate) fn is_building(&self, label: &Label, building: &str) -> bool {
        self.has_one_building || label.0 == building
    }

    /// A reading of the tables.
    pub(crate) fn reading(&self, ap: u64, rssi: f32, at: Time) -> Reading {
        let band = self.bands.get(&ap).copied().unwrap_or(Band::Ghz2_4);
        Reading { ap: Mac::from_u64(ap), band, rssi: Dbm(rssi), at }
    }

    /// The readings of a row.
    pub(crate) fn readings(&self, row: &Row<'_>) -> Result<Vec<Reading>, BenchError> {
        let pairs = row.pairs("obs")?;
        Ok(pairs.into_iter().map(|(ap, rssi)| self.reading(ap, rssi, Time(0))).collect())
    }

    fn survey_point(&self, row: &Row<'_>, label: &Label) -> Result<SurveyPoint, BenchError> {
        let floor = self.labels.iter().find(|(_, known)| *known == label);
        let floor = floor.map(|(id, _)| *id).unwrap_or_default();
        let mut readings = self.readings(row)?;
        readings.sort_by(|a, b| b.rssi.0.total_cmp(&a.rssi.0));
        readings.truncate(READINGS_MAX);
        let reading = |it: Reading| SurveyReading { ap: it.ap, band: it.band, rssi: it.rssi };
        Ok(SurveyPoint {
            floor,
            at: self.inwards(Point::new(row.needed("x")?, row.needed("y")?)),
            taken: Time(0),
            device: row.text("device").to_owned(),
            readings: readings.into_iter().map(reading).collect(),
        })
    }
}

impl Draft {
    fn floor(self, name: &str, level: i16, outline: &Outline, blocked: &[Blocked]) -> Floor {
        let Outline { from, to } = *outline;
        let inwards = |at: Point| Point::new(at.x - from.x, at.y - from.y);
        let access_point = |(number, name, at, z): (u64, String, Point, Option<f32>)| AccessPoint {
            mac: Mac::from_u64(number),
            name: map_name(&name, &number.to_string()),
            at: inwards(at),
            height: Metres(z.filter(|z| (0.0..=20.0).contains(z)).unwrap_or(2.5)),
            radios: Vec::new(),
        };
        let wall = |wall: Wall| Wall {
            line: Segment { from: inwards(wall.line.from), to: inwards(wall.line.to) },
            ..wall
        };
        let region = |area: &Blocked| {
            let (from, to) = (inwards(area.from), inwards(area.to));
            let outline = Polygon::rectangle(from.x, from.y, to.x, to.y);
            Region { kind: RegionKind::Exclusion, outline }
        };
        Floor {
            access_points: self.access_points.into_iter().map(access_point).collect(),
            walls: self.walls.into_iter().map(wall).collect(),
            regions: blocked.iter().map(region).collect(),
            ..Floor::bare(&map_name(name, "floor"), level, to.x - from.x, to.y - from.y)
        }
    }
}

/// The rectangle that all floors share.
#[derive(Debug, Clone, Copy)]
struct Outline {
    from: Point,
    to: Point,
}

impl Outline {
    fn around(places: impl Iterator<Item = Point>, margin: Metres) -> Option<Self> {
        let mut outline: Option<Self> = None;
        for at in places {
            let Self { from, to } = outline.unwrap_or(Self { from: at, to: at });
            outline = Some(Self {
                from: Point::new(from.x.min(at.x), from.y.min(at.y)),
                to: Point::new(to.x.max(at.x), to.y.max(at.y)),
            });
        }
        outline.map(|Self { from, to }| Self {
            from: Point::new(from.x - margin.0, from.y - margin.0),
            to: Point::new(to.x + margin.0, to.y + margin.0),
        })
    }
}

/// The rectangle around everything that is known of a site, and `margin` beyond.
fn outline(
    folder: &Path,
    drafts: &BTreeMap<Label, Draft>,
    blocked: &[Blocked],
    margin: Metres,
) -> Result<Outline, BenchError> {
    let places = drafts.values().flat_map(|draft| {
        let aps = draft.access_points.iter().map(|(.., at, _)| *at);
        let walls = draft.walls.iter().flat_map(|wall| [wall.line.from, wall.line.to]);
        aps.chain(walls).chain(draft.points.iter().copied())
    });
    let blocked = blocked.iter().flat_map(|area| [area.from, area.to]);
    let outline = Outline::around(places.chain(blocked), margin);
    let wrong = |what: String| BenchError::PeerSite { folder: folder.to_owned(), what };
    let Outline { from, to } = outline.ok_or_else(|| wrong("nothing has a place".to_owned()))?;
    let side = (to.x - from.x).max(to.y - from.y);
    if side > FLOOR_SIDE_MAX.0 {
        return Err(wrong(format!("its places span {side:.0} m; a floor has {FLOOR_SIDE_MAX}")));
    }
    Ok(Outline { from, to })
}

/// A name of the tables as maps can have it; `otherwise` when there is none.
fn map_name(text: &str, otherwise: &str) -> String {
    let is_bad = |c: char| c.is_control() || matches!(c, '/' | '>');
    let mut name = text.replace(is_bad, " ");
    while name.len() > NAME_BYTES_MAX {
        name.pop();
    }
    if name.trim().is_empty() { otherwise.to_owned() } else { name }
}

/// Sites that do not say which Wi-Fi band they used count as 2.4 GHz.
fn band_of(row: &Row<'_>) -> Result<Band, BenchError> {
    match row.text("band") {
        "" | "2.4" | "wifi" => Ok(Band::Ghz2_4),
        "5" => Ok(Band::Ghz5),
        "6" => Ok(Band::Ghz6),
        "ble" => Ok(Band::Ble),
        other => Err(row.wrong(format!("band is '{other}'; 2.4, 5, 6, wifi and ble are known"))),
    }
}

/// Walls belong to the floor that the row names, or to all.
fn add_walls(folder: &Path, drafts: &mut BTreeMap<Label, Draft>) -> Result<(), BenchError> {
    let Some(table) = Table::read(folder, "walls.csv")? else { return Ok(()) };
    table.require(&["x1", "y1", "x2", "y2"])?;
    for row in table.rows() {
        let end = |x, y| Ok(Point::new(row.needed(x)?, row.needed(y)?));
        let line = Segment { from: end("x1", "y1")?, to: end("x2", "y2")? };
        let wall = Wall { line, loss_db: row.number("loss_db")?.unwrap_or(WALL_LOSS_DB) };
        let floor = row.text("floor");
        for (label, draft) in drafts.iter_mut() {
            if floor.is_empty() || label.1 == floor {
                draft.walls.push(wall);
            }
        }
    }
    Ok(())
}
