//! A simulated campus: buildings, radio and people from one TOML file.
//!
//! Every report is a function of the file, its seed and the time the campus began, so a run can be
//! repeated exactly. What is heard of someone comes from where they truly are, which is remembered
//! for a while, so an engine can be scored against it.
//!
//! The work of one report: for every element that is due, every access point of its building within
//! reach is tested against the walls of its floor. The demo's 55 elements a report, 45 access points a
//! building and 50 walls a floor are 10^5 tests: 1.4 ms on one core, a thousandth of the interval.

mod chance;
mod document;
mod grid;
mod population;
mod radio;
mod tag;
mod walk;
mod world;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use model::map::{MapError, Maps};
use model::{Association, Dbm, Mac, Observation, Reading, SwitchPort, Time};

use self::chance::hash;
use self::document::Document;
use self::population::{Actor, Motion};
use self::radio::Sender;
use self::world::World;
use crate::source::{CATCH_UP_MAX, Place, Report, Source, Track, WiredClient};

/// Largest file; the demo's has 20 kB. Ours.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most access points in the report of one element (reference/location.md section 5).
const APS_MAX: usize = 16;
/// A station changes to an access point that is this much stronger. Ours, as phones do.
const ROAM_DB: f32 = 6.0;

/// A campus on its way through time.
#[derive(Debug, Clone)]
pub struct Campus {
    seed: u64,
    world: World,
    actors: Vec<Actor>,
    by_mac: BTreeMap<Mac, usize>,
    /// Wired stations that are still to be reported.
    wired: Vec<WiredClient>,
    /// Addresses that were entered on switches.
    switch_ports: Vec<SwitchPort>,
    began: Time,
    interval_ms: u64,
    /// Number of the last report, which was due `tick` intervals after the beginning.
    tick: u64,
}

/// Why a campus is refused; each names the culprit.
#[derive(Debug, thiserror::Error)]
pub enum CampusError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something wrong.
    #[error("{}: {problem}", file.display())]
    InFile {
        /// The file.
        file: PathBuf,
        /// What.
        problem: Box<Self>,
    },
    /// The file is larger than any campus.
    #[error("it is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// The text is not TOML, or has a key that is not known; says line and column.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// The places make no sense as maps.
    #[error(transparent)]
    Maps(#[from] MapError),
    /// A door is not in its wall.
    #[error(
        "{path}: the door at {door} m of the wall {from:?} to {to:?} is beyond its end or overlaps another; doors are 1.4 m wide, measured to their middle"
    )]
    ConfigDoor {
        /// The floor.
        path: String,
        /// The wall.
        from: [f32; 2],
        /// The wall.
        to: [f32; 2],
        /// The door.
        door: f32,
    },
    /// Stairs or a lift cannot be reached.
    #[error(
        "{path}: the lift at [{x}, {y}] is in a wall or an exclusion region, or cannot be reached from the building's first lift; move it, or add a door"
    )]
    ConfigLift {
        /// Building and floor.
        path: String,
        /// Its place.
        x: f32,
        /// Its place.
        y: f32,
    },
    /// Something is said to be where nothing is.
    #[error("{table}: there is no floor '{floor}' in a building '{building}'")]
    ConfigPlace {
        /// The table, with its number from 0.
        table: String,
        /// The building that it names.
        building: String,
        /// The floor that it names.
        floor: String,
    },
    /// A value is out of its range.
    #[error("{table}: {what}")]
    ConfigValue {
        /// The table, with its number from 0.
        table: String,
        /// What is wrong.
        what: &'static str,
    },
    /// There are more elements than an engine tracks.
    #[error("more than {max} elements; lower a count")]
    TooManyElements {
        /// The limit.
        max: usize,
    },
}

impl Campus {
    /// Reads the campus in `file` and lets it begin at `now`, with a report every `interval_ms`.
    pub fn open(file: &Path, interval_ms: u64, now: Time) -> Result<Self, CampusError> {
        let unreadable = |source| CampusError::Unreadable { file: file.to_owned(), source };
        let mut text = String::new();
        let opened = File::open(file).map_err(unreadable)?;
        let read = opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        let campus = if read.map_err(unreadable)? as u64 > FILE_BYTES_MAX {
            Err(CampusError::TooLarge)
        } else {
            Self::parse(&text, interval_ms, now)
        };
        campus.map_err(|problem| CampusError::InFile {
            file: file.to_owned(),
            problem: Box::new(problem),
        })
    }

    /// The campus that `text` describes, see [`Campus::open`].
    pub fn parse(text: &str, interval_ms: u64, now: Time) -> Result<Self, CampusError> {
        let document: Document = toml::from_str(text)?;
        let interval_ms = interval_ms.max(1);
        let world = World::new(&document.campus)?;
        let actors = population::actors(&document, &world, interval_ms, now)?;
        let by_mac = actors.iter().enumerate().map(|(nth, a)| (a.mac, nth));
        Ok(Self {
            seed: document.seed,
            by_mac: by_mac.collect(),
            wired: population::wired(&document.wired_clients)?,
            switch_ports: population::switch_ports(&document.campus),
            world,
            actors,
            began: now,
            interval_ms,
            tick: 0,
        })
    }

    /// The time of report number `tick`.
    fn time(&self, tick: u64) -> Time {
        self.began.plus_ms(tick.saturating_mul(self.interval_ms))
    }
}

impl Source for Campus {
    fn maps(&self) -> &Maps {
        &self.world.maps
    }

    fn switch_ports(&self) -> Vec<SwitchPort> {
        self.switch_ports.clone()
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.time(self.tick + 1))
    }

    fn poll(&mut self, now: Time) -> Option<Report> {
        let due = now.since_ms(self.began) / self.interval_ms;
        if due <= self.tick {
            return None;
        }
        self.tick = (self.tick + 1).max(due.saturating_sub(CATCH_UP_MAX));
        let at = self.time(self.tick);
        let mut report =
            Report { at, wired_clients: std::mem::take(&mut self.wired), ..Report::default() };
        for actor in &mut self.actors {
            if let Motion::Walking(walker) = &mut actor.motion {
                walker.advance(&self.world, at);
            }
            let is_due = (self.tick + actor.phase).is_multiple_of(actor.every);
            if let Some(tag) = &mut actor.tag {
                let (now, place) = ((at, at.since_ms(self.began)), actor.motion.place(at));
                let storey = place.and_then(|(storey, _)| self.world.storeys.get(storey));
                let chokepoints = storey.map_or(&[][..], |storey| &storey.chokepoints);
                let said = tag.says(now, place, chokepoints, is_due);
                report.tag_reports.extend(said.map(|said| (actor.mac, said)));
            }
            if !is_due {
                continue;
            }
            let moment = Moment {
                seed: self.seed,
                tick: self.tick,
                // Everyone is heard at a moment of their own, not all at the end of the interval.
                at: at
                    .minus_ms(hash([self.seed, actor.mac.to_u64(), self.tick]) % self.interval_ms),
                seconds: at.since_ms(self.began) / 1_000,
            };
            let means = moment.means(&self.world, actor);
            let association = moment.roam(actor, &means);
            report.associations.extend(association.map(|a| (actor.mac, a)));
            report.observations.extend(moment.observe(actor, means));
        }
        Some(report)
    }
}

impl Track for Campus {
    fn truth(&self, mac: Mac, at: Time) -> Option<Place> {
        let actor = self.actors.get(*self.by_mac.get(&mac)?)?;
        let (storey, point) = actor.motion.place(at)?;
        Some(Place { floor: self.world.storeys.get(storey)?.id, point })
    }
}

/// The moment that one actor is heard at.
struct Moment {
    seed: u64,
    tick: u64,
    at: Time,
    /// Seconds since the campus began.
    seconds: u64,
}

impl Moment {
    /// How strongly each access point in reach hears `actor` on average.
    fn means(&self, world: &World, actor: &Actor) -> Vec<(Mac, Dbm)> {
        let Some((storey, point)) = actor.motion.place(self.at) else {
            return Vec::new();
        };
        let sender = Sender { storey, point, band: actor.band, stronger_db: actor.stronger_db };
        let hear = |receiver: &world::Receiver| {
            let mean = radio::mean(self.seed, &world.storeys, receiver, &sender)?;
            Some((receiver.mac, mean))
        };
        world.receivers.iter().filter_map(hear).collect()
    }

    /// Lets an associated station choose its access point; the new association if it changed.
    fn roam(&self, actor: &mut Actor, means: &[(Mac, Dbm)]) -> Option<Association> {
        let station = actor.station.as_mut()?;
        let is_usable = |(_, mean): &&(Mac, Dbm)| *mean >= radio::SENSITIVITY;
        let usable = means.iter().filter(is_usable);
        let best = usable.max_by(|a, b| a.1.0.total_cmp(&b.1.0)).copied();
        let served = means.iter().find(|(ap, _)| Some(*ap) == station.ap);
        let stays = match (served, best) {
            (Some((_, mean)), Some((_, strongest))) => {
                *mean >= radio::SENSITIVITY && strongest.0 - mean.0 < ROAM_DB
            }
            (None, None) => station.ap.is_none(),
            _ => false,
        };
        if stays {
            return None;
        }
        station.ap = best.map(|(ap, _)| ap);
        Some(station.association(hash([self.seed, actor.mac.to_u64()]), self.seconds))
    }

    /// What is heard of `actor` this time; none when nothing is.
    fn observe(&self, actor: &Actor, means: Vec<(Mac, Dbm)>) -> Option<Observation> {
        let mut readings: Vec<Reading> = means
            .into_iter()
            .filter_map(|(ap, mean)| {
                let chance = [self.seed, actor.mac.to_u64(), ap.to_u64(), self.tick];
                Some(Reading {
                    ap,
                    band: actor.band,
                    rssi: radio::reading(mean, chance)?,
                    at: self.at,
                })
            })
            .collect();
        readings.sort_by(|a, b| b.rssi.0.total_cmp(&a.rssi.0).then(a.ap.cmp(&b.ap)));
        readings.truncate(APS_MAX);
        readings.sort_by_key(|reading| reading.ap);
        (!readings.is_empty()).then_some(Observation {
            category: actor.category,
            mac: actor.mac,
            readings,
        })
    }
}

#[cfg(test)]
mod tests;
