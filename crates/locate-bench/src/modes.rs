//! What a site is measured with, and the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use locate::{Locator, Power, Scratch, Settings};
use model::geometry::Point;
use model::{Mac, Metres, Reading, Time};

use crate::dataset::{Row, Table};
use crate::score::Outcome;
use crate::site::Site;
use crate::words::{Label, Words};
use crate::{BenchError, Score, streams};

/// Elements of unknown kind may be outside the building: `reference/location.md` section 6.
const ROGUE_MARGIN: Metres = Metres(5.0);

/// What may be used of the survey, and what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Queries, without a survey.
    None,
    /// Queries, with so many survey points.
    Points(usize),
    /// Queries, with the whole survey.
    All,
    /// Queries, with the whole survey and as if no access point had a known place.
    Fingerprint,
    /// Recorded tracks, with the whole survey.
    Track,
    /// Transmitters of unknown power.
    Rogue,
}

impl Mode {
    /// As it is written on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Points(_) => "points",
            Self::All => "all",
            Self::Fingerprint => "fingerprint",
            Self::Track => "track",
            Self::Rogue => "rogue",
        }
    }
}

/// How a site is measured.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What is used and asked.
    pub mode: Mode,
    /// Draws the survey points of [`Mode::Points`].
    pub seed: u64,
    /// Only so many of the strongest readings of a query are used.
    pub keep: Option<usize>,
    /// Whether `queries.csv` is answered, instead of `test_dev.csv`.
    pub blind: bool,
}

/// One answer, in the coordinates and words of the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The query: its `sid`, `t_ms` or `trial`.
    pub id: String,
    /// Where, in the tables' coordinates.
    pub x: f32,
    /// Where, in the tables' coordinates.
    pub y: f32,
    /// The floor, as the tables call it.
    pub floor: String,
    /// The building, as the tables call it.
    pub building: String,
    /// The radius that holds the truth 95 times in 100.
    pub radius95: f32,
}

/// The answers to one table of queries.
#[derive(Debug)]
pub struct Answered {
    /// Name of the stream for [`Mode::Track`], otherwise empty.
    pub name: String,
    /// In the order of the queries.
    pub answers: Vec<Answer>,
    /// Outcomes where the truth is known.
    outcomes: Vec<Outcome>,
    unanswered: usize,
}

impl Answered {
    /// How far off these answers are; nothing without truth.
    pub fn score(&self) -> Option<Score> {
        Score::of(&self.outcomes, self.unanswered)
    }

    /// How far off all answers are.
    pub fn score_of_all(all: &[Self]) -> Option<Score> {
        let outcomes: Vec<Outcome> = all.iter().flat_map(|it| it.outcomes.clone()).collect();
        Score::of(&outcomes, all.iter().map(|it| it.unanswered).sum())
    }

    pub(crate) fn new(name: String) -> Self {
        Self { name, answers: Vec::new(), outcomes: Vec::new(), unanswered: 0 }
    }

    /// How many queries got no answer.
    pub fn unanswered_count(&self) -> usize {
        self.unanswered
    }

    /// Adds so many queries without an answer.
    pub(crate) fn unanswered(&mut self, count: usize) {
        self.unanswered += count;
    }

    /// Adds an answer, or the lack of one, and the truth as far as it is known.
    pub(crate) fn add(&mut self, answer: Option<Answer>, truth: Option<&Truth<'_>>) {
        let Some(answer) = answer else {
            self.unanswered(1);
            return;
        };
        if let Some(&Truth { at, floor, is_building_right }) = truth {
            self.outcomes.push(Outcome {
                error: at.distance(Point::new(answer.x, answer.y)),
                radius: answer.radius95,
                is_floor_right: floor.is_none_or(|floor| floor == answer.floor),
                is_building_right,
            });
        }
        self.answers.push(answer);
    }
}

/// Where a query was made.
pub(crate) struct Truth<'a> {
    pub(crate) at: Point,
    pub(crate) floor: Option<&'a str>,
    pub(crate) is_building_right: bool,
}

/// Reads the site of `folder` and answers its queries. `progress` is told what has been done of what.
pub fn run(
    folder: &Path,
    options: Options,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Vec<Answered>, BenchError> {
    let local = |source| BenchError::LocalFile { path: folder.to_owned(), source };
    std::fs::read_dir(folder).map_err(local)?;
    match options.mode {
        Mode::Rogue => rogues(folder, options).map(|answered| vec![answered]),
        Mode::Track => {
            progress("reading the survey", 0, 1);
            let train = survey(folder)?;
            let rows: Vec<Row<'_>> = train.iter().flat_map(Table::rows).collect();
            let site = Site::read(folder, &rows)?;
            streams::follow(folder, &site, options.keep, progress)
        }
        _ => queries(folder, options, progress).map(|answered| vec![answered]),
    }
}

/// An answer in the words of the tables.
pub(crate) fn answer(site: &Site, id: &str, position: &model::Position) -> Answer {
    let at = site.outwards(position.point);
    let (building, floor) = site.label(position.floor).cloned().unwrap_or_default();
    let (id, radius95) = (id.to_owned(), position.confidence.0);
    Answer { id, x: at.x, y: at.y, floor, building, radius95 }
}

fn queries(
    folder: &Path,
    options: Options,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Answered, BenchError> {
    let (name, needed) = if options.blind {
        ("queries.csv", "queries.csv.gz")
    } else {
        ("test_dev.csv", "test_dev.csv.gz")
    };
    let mode = options.mode.name();
    let queries = Table::read(folder, name)?.ok_or_else(|| lacks(folder, needed, mode))?;
    queries.require(if options.blind { &["sid", "obs"] } else { &["x", "y", "obs"] })?;
    let train = match options.mode {
        Mode::None => None,
        _ => Some(survey(folder)?.ok_or_else(|| lacks(folder, "train.csv.gz", mode))?),
    };
    let mut rows: Vec<Row<'_>> = train.iter().flat_map(Table::rows).collect();
    if let Mode::Points(count) = options.mode {
        draw(&mut rows, count, options.seed);
    }
    progress("calibrating", 0, 1);
    let mut site = Site::read(folder, &rows)?;
    if options.mode == Mode::Fingerprint {
        for campus in &mut site.maps.campuses {
            for floor in campus.buildings.iter_mut().flat_map(|it| &mut it.floors) {
                floor.access_points.clear();
            }
        }
    }
    let locator = Locator::new(&site.maps, &site.survey, Settings::default());
    let mut scratch = Scratch::default();
    let mut answered = Answered::new(String::new());
    for (index, row) in queries.rows().enumerate() {
        if index.is_multiple_of(100) {
            progress("locating", index, queries.len());
        }
        let mut readings = site.readings(&row)?;
        keep_strongest(&mut readings, options.keep);
        let estimate = locator.estimate(&mut scratch, readings, Power::Known, None);
        let answer = estimate.map(|it| answer(&site, row.text("sid"), &it.position));
        let label = answer.as_ref().map(|it| (it.building.clone(), it.floor.clone()));
        let truth = match (row.number("x")?, row.number("y")?) {
            (Some(x), Some(y)) => Some(Truth {
                at: Point::new(x, y),
                floor: Some(row.text("floor")).filter(|floor| !floor.is_empty()),
                is_building_right: label
                    .is_some_and(|label| site.is_building(&label, row.text("building"))),
            }),
            _ => None,
        };
        answered.add(answer, truth.as_ref());
    }
    progress("locating", queries.len(), queries.len());
    Ok(answered)
}

/// Leaves the `keep` strongest readings.
pub(crate) fn keep_strongest(readings: &mut Vec<Reading>, keep: Option<usize>) {
    if let Some(keep) = keep {
        readings.sort_by(|a, b| b.rssi.0.total_cmp(&a.rssi.0).then(a.ap.cmp(&b.ap)));
        readings.truncate(keep);
    }
}

/// Leaves the rows of `count` survey points that the seed draws.
fn draw(rows: &mut Vec<Row<'_>>, count: usize, seed: u64) {
    // Without a name a point is its place; two floors may use one name.
    let point = |row: &Row<'_>| {
        let places = [row.text("x"), row.text("y")];
        let name = row.text("point");
        let name = if name.is_empty() { places.join(" ") } else { name.to_owned() };
        [row.text("building").to_owned(), row.text("floor").to_owned(), name]
    };
    let mut seen = BTreeSet::new();
    let mut points: Vec<[String; 3]> = Vec::new();
    for row in rows.iter() {
        let point = point(row);
        if seen.insert(point.clone()) {
            points.push(point);
        }
    }
    let mut state = seed;
    for last in (1..points.len()).rev() {
        let other = splitmix(&mut state) % (last as u64 + 1);
        points.swap(last, other as usize);
    }
    points.truncate(count);
    points.sort_unstable();
    rows.retain(|row| points.binary_search(&point(row)).is_ok());
}

/// `SplitMix64`: enough to shuffle, and the same everywhere.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Hidden transmitters, each heard by receivers with known places.
fn rogues(folder: &Path, options: Options) -> Result<Answered, BenchError> {
    let trials = Table::read(folder, "rogue_trials.csv")?;
    let trials = trials.ok_or_else(|| lacks(folder, "rogue_trials.csv.gz", "rogue"))?;
    trials.require(&["trial", "receivers"])?;
    let truths = Table::read(folder, "rogue_truth.csv")?;
    let building = Words::only_building_of(folder);
    let mut truth_of: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for row in truths.iter().flat_map(Table::rows) {
        truth_of.insert(row.text("trial"), row);
    }
    let mut numbers: BTreeMap<String, Mac> = BTreeMap::new();
    let mut floors: BTreeMap<Label, Vec<(Mac, Point)>> = BTreeMap::new();
    let mut heard: Vec<(String, Vec<(Mac, f32)>)> = Vec::new();
    for row in trials.rows() {
        let mut readings = Vec::new();
        for receiver in row.text("receivers").split_whitespace() {
            let Receiver { at, floor, rssi } = Receiver::of(&row, receiver)?;
            let place = format!("{}:{}:{floor}", at.x, at.y);
            let next = Mac::from_u64(numbers.len() as u64);
            let mac = *numbers.entry(place).or_insert_with(|| {
                let label = (building.clone(), floor.to_owned());
                floors.entry(label).or_default().push((next, at));
                next
            });
            readings.push((mac, rssi));
        }
        heard.push((row.text("trial").to_owned(), readings));
    }
    let site = Site::build_floors(folder, floors, ROGUE_MARGIN)?;
    let locator = Locator::new(&site.maps, &site.survey, Settings::default());
    let mut scratch = Scratch::default();
    let mut answered = Answered::new(String::new());
    for (trial, readings) in heard {
        let reading = |(mac, rssi): &(Mac, f32)| {
            let reading = site.reading(0, *rssi, Time(0));
            Reading { ap: *mac, ..reading }
        };
        let mut readings: Vec<Reading> = readings.iter().map(reading).collect();
        keep_strongest(&mut readings, options.keep);
        let estimate = locator.estimate(&mut scratch, readings, Power::Unknown, None);
        let answer = estimate.map(|it| answer(&site, &trial, &it.position));
        let truth = match truth_of.get(trial.as_str()) {
            Some(row) => Some(Truth {
                at: Point::new(row.needed("x")?, row.needed("y")?),
                floor: Some(row.text("floor")),
                is_building_right: true,
            }),
            None => None,
        };
        answered.add(answer, truth.as_ref());
    }
    Ok(answered)
}

/// One receiver of a trial, `x:y:floor:rssi`.
struct Receiver<'a> {
    at: Point,
    floor: &'a str,
    rssi: f32,
}

impl<'a> Receiver<'a> {
    fn of(row: &Row<'_>, text: &'a str) -> Result<Self, BenchError> {
        let wrong = || row.wrong(format!("receivers has '{text}', no x:y:floor:rssi"));
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or_else(wrong);
        let number = |text: &str| {
            text.parse().ok().filter(|number: &f32| number.is_finite()).ok_or_else(wrong)
        };
        let (x, y, floor, rssi) = (part()?, part()?, part()?, part()?);
        let rssi = row.possible(number(rssi)?, text)?;
        Ok(Self { at: Point::new(number(x)?, number(y)?), floor, rssi })
    }
}

/// The survey of a folder.
fn survey(folder: &Path) -> Result<Option<Table>, BenchError> {
    let survey = Table::read(folder, "train.csv")?;
    if let Some(survey) = &survey {
        survey.require(&["x", "y", "obs"])?;
    }
    Ok(survey)
}

/// An error about a missing file, with what the folder does have.
pub(crate) fn lacks(folder: &Path, needed: &'static str, mode: &'static str) -> BenchError {
    let has =
        |name: &str| folder.join(name).is_file() || folder.join(format!("{name}.gz")).is_file();
    let is_there = [
        (has("test_dev.csv"), "--mode none, points:N, all and fingerprint"),
        (has("queries.csv"), "--answers FILE, which answers queries.csv.gz"),
        (stream_files(folder).is_ok_and(|files| !files.is_empty()), "--mode track"),
        (has("rogue_trials.csv"), "--mode rogue"),
    ];
    let usable: Vec<&str> = is_there.iter().filter(|it| it.0).map(|it| it.1).collect();
    let remedy = if usable.is_empty() {
        "it is no recorded site: docs/guide/location.md says which files one has".to_owned()
    } else {
        format!("what is there serves {}", usable.join(", or "))
    };
    BenchError::PeerLacks { folder: folder.to_owned(), needed, mode, remedy }
}

/// Writes answers as `id,x,y,floor,building,radius95`.
pub fn write(out: impl std::io::Write, answers: &[Answer]) -> std::io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["id", "x", "y", "floor", "building", "radius95"])?;
    for Answer { id, x, y, floor, building, radius95 } in answers {
        let [x, y, radius95] = [format!("{x:.3}"), format!("{y:.3}"), format!("{radius95:.2}")];
        table.write_record([id, &x, &y, floor, building, &radius95])?;
    }
    table.flush()
}

/// The streams of a folder, by name.
pub(crate) fn stream_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, BenchError> {
    let local = |source| BenchError::LocalFile { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(local)? {
        let path = entry.map_err(local)?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = file.strip_suffix(".gz").unwrap_or(&file).strip_suffix(".csv");
        if let Some(name) = name.and_then(|name| name.strip_prefix("stream_")) {
            files.push((name.to_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}
