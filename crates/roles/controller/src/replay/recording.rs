//! A recording on disk: what receivers with known places heard of beacons whose true way is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use model::geometry::Point;
use model::map::{
    AccessPoint, Building, Campus, FLOOR_SIDE_MAX, Floor, MapError, MapId, Maps, Region, RegionKind,
};
use model::{Mac, Metres};
use serde::Deserialize;

use super::csv::for_each_row;
use super::obstacles::Obstacles;

/// Most receivers of one recording; a floor of that many is beyond any site known. Ours.
const RECEIVERS_MAX: usize = 1_000;
/// Most packets of one track: 40 MB in memory, a day of one beacon at 12 receivers a second. Ours.
const PACKETS_MAX: usize = 1_000_000;
/// Most tracks of one directory. Ours.
const TRACKS_MAX: usize = 64;
/// Most cells of an occupancy grid: 500 m by 500 m. Ours.
const CELLS_MAX: usize = 1_000_000;
/// Longest track in milliseconds: one day. Ours.
const TRACK_MS_MAX: u64 = 86_400_000;
/// Height of the storey; the recordings do not tell it. Ours.
const STOREY_HEIGHT: Metres = Metres(3.0);

/// A recording: its floor, its receivers and one track per beacon.
#[derive(Debug, Clone)]
pub struct Recording {
    maps: Maps,
    floor: MapId,
    tracks: Vec<BeaconTrack>,
}

/// What was heard of one beacon, and where it was.
#[derive(Debug, Clone)]
pub struct BeaconTrack {
    /// Address of the beacon, made up: the recordings do not tell it.
    pub mac: Mac,
    /// One entry per packet and receiver, in the order of time.
    pub(super) packets: Vec<Packet>,
}

/// One packet of a beacon at one receiver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    /// Milliseconds since the start of the track.
    pub(super) t_ms: u64,
    /// Who heard it.
    pub(super) ap: Mac,
    /// How strongly, in dBm.
    pub(super) rssi: f32,
    /// Where the beacon was.
    pub(super) truth: Point,
}

/// Why a recording is refused; each names the file.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory holds no track.
    #[error("{}: no file stream_*.csv.gz is there; name a recording or its directory", directory.display())]
    NoTrack {
        /// The directory.
        directory: PathBuf,
    },
    /// A line has other columns than the format.
    #[error("{}, line {line}: the columns are not {columns}", file.display())]
    BadLine {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// The columns of the format.
        columns: String,
    },
    /// A field is not what its column holds.
    #[error("{}, line {line}, column {column}: '{text}' is not {expected}", file.display())]
    BadField {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// What is there, shortened.
        text: String,
        /// What ought to be there.
        expected: &'static str,
    },
    /// The description of the recording is wrong.
    #[error("{}: {source}", file.display())]
    BadMeta {
        /// The file.
        file: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// A table has more rows than any recording needs.
    #[error("{}: more than {rows_max} rows", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The limit.
        rows_max: usize,
    },
    /// The floor that the recording describes is impossible.
    #[error("{}: {source}", directory.display())]
    BadMaps {
        /// The directory.
        directory: PathBuf,
        /// What is wrong.
        source: MapError,
    },
}

/// The keys of `meta.json` that are needed; the others are for people.
#[derive(Deserialize)]
struct Meta {
    name: String,
    area_m: [f32; 2],
}

impl Recording {
    /// Reads the recording at `path`: one `stream_*.csv.gz`, or a directory with one or more.
    ///
    /// `aps.csv` and `meta.json` lie next to it; `occupancy_0.5m.csv.gz` may.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let found = fs::metadata(path)
            .map_err(|source| RecordingError::Unreadable { file: path.to_owned(), source })?;
        let (directory, files) = if found.is_dir() {
            (path, tracks_in(path)?)
        } else {
            let directory = path.parent().unwrap_or(Path::new("."));
            (directory, vec![path.to_owned()])
        };
        let meta = read_meta(&directory.join("meta.json"))?;
        let receivers = read_receivers(&directory.join("aps.csv"), &meta.name)?;
        let tracks = files
            .iter()
            .map(|file| read_track(file, &meta.name, &receivers))
            .collect::<Result<_, _>>()?;
        let occupancy = directory.join("occupancy_0.5m.csv.gz");
        let obstacles =
            if occupancy.exists() { read_obstacles(&occupancy)? } else { Obstacles::default() };
        let maps = maps(&meta, receivers.into_values().collect(), obstacles);
        maps.validate().map_err(|source| RecordingError::BadMaps {
            directory: directory.to_owned(),
            source,
        })?;
        let floor = maps.floors().next().map(|floor| floor.id());
        Ok(Self { floor: floor.unwrap_or_default(), maps, tracks })
    }

    /// The floor of the recording as maps: campus named by `meta.json`, building and floor `Office`.
    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    /// The id of the floor.
    pub fn floor(&self) -> MapId {
        self.floor
    }

    /// The beacons, in the order of their file names.
    pub fn tracks(&self) -> &[BeaconTrack] {
        &self.tracks
    }

    /// Length of the longest track in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        let ends = self.tracks.iter().filter_map(|track| track.packets.last());
        ends.map(|packet| packet.t_ms).max().unwrap_or(0)
    }
}

impl BeaconTrack {
    /// Where the beacon was `t_ms` after the start; at its ends before the first and after the last
    /// packet.
    pub fn truth(&self, t_ms: u64) -> Option<Point> {
        let next = self.packets.partition_point(|packet| packet.t_ms < t_ms);
        let after = self.packets.get(next).or(self.packets.last())?;
        let before = self.packets.get(next.saturating_sub(1)).unwrap_or(after);
        let between = after.t_ms.saturating_sub(before.t_ms);
        if between == 0 {
            return Some(after.truth);
        }
        let share = (t_ms.saturating_sub(before.t_ms) as f32 / between as f32).min(1.0);
        Some(Point::new(
            before.truth.x + share * (after.truth.x - before.truth.x),
            before.truth.y + share * (after.truth.y - before.truth.y),
        ))
    }
}

/// The address of receiver `number` of the recording named `site`.
///
/// Ours: 02:4d:53 (locally administered, "MS"), eight bits of the site's hash, the number.
fn receiver_mac(site: &str, number: u16) -> Mac {
    let [high, low] = number.to_be_bytes();
    Mac([0x02, 0x4d, 0x53, MapId::of(site).0 as u8, high, low])
}

/// The address of the beacon of the track in `file`.
///
/// Ours: 02:4d:42 (locally administered, "MB") and 24 bits of the hash of site and file name, so
/// that a track has the same beacon whether its file or its directory is opened.
fn beacon_mac(site: &str, file: &Path) -> Mac {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let [.., a, b, c] = MapId::of(&format!("{site}>{name}")).0.to_be_bytes();
    Mac([0x02, 0x4d, 0x42, a, b, c])
}

/// The tracks in `directory`, in the order of their names.
fn tracks_in(directory: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let unreadable = |source| RecordingError::Unreadable { file: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("stream_") && name.ends_with(".csv.gz") {
            files.push(path);
        }
        if files.len() > TRACKS_MAX {
            return Err(RecordingError::TooLong {
                file: directory.to_owned(),
                rows_max: TRACKS_MAX,
            });
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(RecordingError::NoTrack { directory: directory.to_owned() });
    }
    Ok(files)
}

fn read_meta(file: &Path) -> Result<Meta, RecordingError> {
    let text = fs::read(file)
        .map_err(|source| RecordingError::Unreadable { file: file.to_owned(), source })?;
    serde_json::from_slice(&text)
        .map_err(|source| RecordingError::BadMeta { file: file.to_owned(), source })
}

fn read_receivers(file: &Path, site: &str) -> Result<BTreeMap<u16, AccessPoint>, RecordingError> {
    let columns = ["ap", "name", "x", "y", "z", "floor", "building", "band"];
    let side = FLOOR_SIDE_MAX.0;
    let mut receivers = BTreeMap::new();
    for_each_row(file, columns, RECEIVERS_MAX, |row| {
        let number = row.parse(0)?;
        let receiver = AccessPoint {
            mac: receiver_mac(site, number),
            name: row.text(1).to_owned(),
            at: Point::new(row.number(2, -side, side)?, row.number(3, -side, side)?),
            height: Metres(row.number(4, 0.0, side)?),
            radios: Vec::new(),
        };
        match receivers.insert(number, receiver) {
            Some(_) => Err(row.bad(0, "a number that no other receiver has")),
            None => Ok(()),
        }
    })?;
    Ok(receivers)
}

fn read_track(
    file: &Path,
    site: &str,
    receivers: &BTreeMap<u16, AccessPoint>,
) -> Result<BeaconTrack, RecordingError> {
    let side = FLOOR_SIDE_MAX.0;
    let mut packets: Vec<Packet> = Vec::new();
    let columns = ["t_ms", "ap", "rssi", "x", "y"];
    for_each_row(file, columns, PACKETS_MAX, |row| {
        let t_ms = row.parse(0)?;
        if t_ms > TRACK_MS_MAX || packets.last().is_some_and(|last| t_ms < last.t_ms) {
            return Err(row.bad(0, "a time after the row before, within a day"));
        }
        let receiver = receivers
            .get(&row.parse::<u16>(1)?)
            .ok_or_else(|| row.bad(1, "a receiver of aps.csv"))?;
        packets.push(Packet {
            t_ms,
            ap: receiver.mac,
            // The range of a signed octet, in which radios report.
            rssi: row.number(2, -128.0, 20.0)?,
            truth: Point::new(row.number(3, -side, side)?, row.number(4, -side, side)?),
        });
        Ok(())
    })?;
    Ok(BeaconTrack { mac: beacon_mac(site, file), packets })
}

fn read_obstacles(file: &Path) -> Result<Obstacles, RecordingError> {
    let mut cells = Vec::new();
    for_each_row(file, ["x", "y", "passable"], CELLS_MAX, |row| {
        let pitch = "a multiple of half a metre on the floor";
        let x = Obstacles::index(row.parse(0)?).ok_or_else(|| row.bad(0, pitch))?;
        let y = Obstacles::index(row.parse(1)?).ok_or_else(|| row.bad(1, pitch))?;
        match row.text(2) {
            "0" => cells.push((x, y, false)),
            "1" => cells.push((x, y, true)),
            _ => return Err(row.bad(2, "0 or 1")),
        }
        Ok(())
    })?;
    Ok(Obstacles::new(&cells))
}

fn maps(meta: &Meta, access_points: Vec<AccessPoint>, obstacles: Obstacles) -> Maps {
    let regions = obstacles
        .rectangles()
        .into_iter()
        .map(|outline| Region { kind: RegionKind::Exclusion, outline })
        .collect();
    let floor = Floor {
        height: STOREY_HEIGHT,
        access_points,
        regions,
        ..Floor::bare("Office", 0, meta.area_m[0], meta.area_m[1])
    };
    let building = Building { name: "Office".into(), floors: vec![floor] };
    let campus = Campus { name: meta.name.clone(), buildings: vec![building] };
    Maps { campuses: vec![campus] }
}
