//! The estimator: readings in, position out.
//!
//! Each reading votes with `exp(-misfit² / 2 sigma²)` on every cell of the floor. Strong readings
//! count more, the unknown transmit power is integrated out in closed form, and the answer is the
//! mean of the posterior (`reference/location.md` section 6). One or two access points say no more
//! than "near": they get a proximity answer whose radius comes from the same grid.

use model::map::Maps;
use model::survey::Survey;
use model::{Band, Metres, Position, Reading, Time};

use crate::choice::PreviousFloor;
use crate::floor::FloorModel;
use crate::grid::{Base, Posterior, Term};
use crate::readings::{RSSI_RANGE, SLOTS_MAX};
use crate::settings::Settings;
use crate::site::Site;

/// The limit of hearing: floors are ranked by how far readings rise above it (section 6), and an
/// access point that has no map on a floor is expected here.
const HEARING_LIMIT_DBM: f32 = -95.0;

/// The share of the posterior inside the confidence circle.
const CONFIDENCE_SHARE: f32 = 0.95;

/// With fewer access points the answer is a proximity (section 6).
const ACCESS_POINTS_MIN: usize = 3;

/// What is known of the transmit power of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It is a client or a tag, which send with about the power that the model expects.
    Known,
    /// It is a rogue or an interferer.
    Unknown,
}

/// Where an element is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The place, the radius that holds the truth 95 times in 100, the time of the newest reading.
    pub position: Position,
    /// How many access points it rests on; one or two only say what the element is near to.
    pub access_points: usize,
    /// To be handed in with the next estimate of the element.
    pub previous: PreviousFloor,
}

/// Working memory of [`Locator::estimate`]: one per thread, reused, grows to the largest floor.
#[derive(Debug, Default)]
pub struct Scratch {
    heard: Vec<Heard>,
    floors: Vec<(usize, f32)>,
    posteriors: [Posterior; 2],
}

/// All floors, ready to locate on. Made anew when the maps change.
#[derive(Debug)]
pub struct Locator {
    settings: Settings,
    site: Site,
}

/// A reading of a known access point.
#[derive(Debug, Clone, Copy)]
struct Heard {
    receiver: usize,
    floor: usize,
    band: Band,
    rssi: f32,
    at: Time,
}

/// A floor that the element may be on.
struct Candidate<'a> {
    floor: &'a FloorModel,
    posterior: &'a mut Posterior,
    log_mass: f32,
}

impl Locator {
    /// Prepares the floors of `maps`. A propagation map is computed when a reading first needs it.
    pub fn new(maps: &Maps, _survey: &Survey, settings: Settings) -> Self {
        Self { settings, site: Site::new(maps) }
    }

    /// The constants it works with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the element with these readings is; nothing when no known access point hears it.
    ///
    /// Readings may come in any order; what is no strength that a radio can report is passed over.
    pub fn estimate(
        &self,
        scratch: &mut Scratch,
        readings: impl IntoIterator<Item = Reading>,
        power: Power,
        previous: Option<PreviousFloor>,
    ) -> Option<Estimate> {
        let Scratch { heard, floors, posteriors } = scratch;
        self.hear(heard, readings);
        self.cut(heard);
        rank_floors(floors, heard);

        let models = floors.iter().map(|(floor, _)| &self.site.floors[*floor]);
        let open = models.filter(|floor| floor.grid.has_places());
        let mut candidates = open.zip(posteriors).map(|(floor, posterior)| {
            self.scan(floor, heard, power, posterior);
            let sharpness = self.sharpness();
            posterior.weigh(&floor.grid, sharpness);
            Candidate { floor, log_mass: posterior.log_mass(&floor.grid, sharpness), posterior }
        });
        let (first, second) = (candidates.next()?, candidates.next());
        let (winner, previous) = self.choose(first, second, previous);
        Some(self.answer(winner, heard, previous))
    }

    /// Fills `heard` with the readings of known access points, strongest first.
    fn hear(&self, heard: &mut Vec<Heard>, readings: impl IntoIterator<Item = Reading>) {
        heard.clear();
        for reading in readings {
            let Some(receiver) = self.site.number(reading.ap) else {
                continue;
            };
            if RSSI_RANGE.contains(&reading.rssi.0) {
                heard.push(Heard {
                    receiver,
                    floor: self.site.receivers[receiver].floor,
                    band: reading.band,
                    rssi: reading.rssi.0,
                    at: reading.at,
                });
            }
        }
        // Ties are broken, so that the order of the readings never shows in the answer.
        heard.sort_unstable_by(|a, b| {
            let key = |heard: &Heard| (heard.receiver, heard.band, heard.at);
            b.rssi.total_cmp(&a.rssi).then_with(|| key(a).cmp(&key(b)))
        });
    }

    /// Leaves the readings that say where the element is, out of those sorted by strength.
    fn cut(&self, heard: &mut Vec<Heard>) {
        let settings = &self.settings;
        let strongest = strongest(heard);
        let mut rank = 0;
        heard.retain(|heard| {
            let cut = match heard.band {
                Band::Ghz2_4 | Band::Ghz5 | Band::Ghz6 => settings.wifi_cut.0,
                Band::Ble => strongest - settings.other_cut_db,
            };
            rank += 1;
            rank <= settings.strongest_kept || heard.rssi >= cut
        });
        heard.truncate(SLOTS_MAX);
    }

    /// Computes the misfit of every place on `floor`.
    fn scan(&self, floor: &FloorModel, heard: &[Heard], power: Power, posterior: &mut Posterior) {
        let offset_db = match power {
            Power::Known => self.settings.offset_known_db,
            Power::Unknown => self.settings.offset_unknown_db,
        };
        let offset_precision = (self.settings.shadowing_db / offset_db).powi(2);
        let mut base = Base {
            offset_share: 1.0 / (self.weights(heard) + offset_precision),
            ..Base::default()
        };
        let mut terms = [Term::default(); SLOTS_MAX];
        let mut mapped = 0;
        for heard_one in heard {
            let weight = self.weight(heard, heard_one);
            let receiver = &self.site.receivers[heard_one.receiver];
            let number = heard_one.receiver;
            if let Some(map) = floor.map(number, receiver, heard_one.band, &self.settings) {
                terms[mapped] = Term { map, rssi: heard_one.rssi, weight };
                mapped += 1;
            } else {
                let misfit = heard_one.rssi - HEARING_LIMIT_DBM;
                base.misfit += weight * misfit;
                base.misfit_squared += weight * misfit * misfit;
            }
        }
        posterior.scan(&floor.grid, &terms[..mapped], base);
    }

    /// The floor to answer on, and what to remember of the choice.
    fn choose<'a>(
        &self,
        first: Candidate<'a>,
        second: Option<Candidate<'a>>,
        previous: Option<PreviousFloor>,
    ) -> (Candidate<'a>, PreviousFloor) {
        let (likeliest, other) = match second {
            Some(second) if second.log_mass > first.log_mass => (second, Some(first)),
            second => (first, second),
        };
        let odds = |other: &Candidate<'_>| (other.floor.id, likeliest.log_mass - other.log_mass);
        let choice = PreviousFloor::choose(
            previous,
            likeliest.floor.id,
            other.as_ref().map(odds),
            self.settings.floor_change_log_odds,
        );
        match other {
            Some(other) if other.floor.id == choice.floor => (other, choice),
            _ => (likeliest, choice),
        }
    }

    fn answer(&self, winner: Candidate<'_>, heard: &[Heard], previous: PreviousFloor) -> Estimate {
        let Candidate { floor, posterior, .. } = winner;
        let access_points = distinct(heard);
        let only = heard.first().filter(|_| access_points == 1);
        let point = match only.map(|only| &self.site.receivers[only.receiver]) {
            Some(receiver) => receiver.at,
            None => posterior.mean(&floor.grid),
        };
        let point = floor.snap(point);
        if access_points < ACCESS_POINTS_MIN {
            // Nothing averages out how the device is held, so its power counts as unknown. Measured
            // on the two SODIndoorLoc sites with the strongest one or two readings: the radius then
            // holds the truth in 79 to 90 % instead of 36 to 53 %.
            self.scan(floor, heard, Power::Unknown, posterior);
        }
        let independent = self.settings.independent_readings / self.weights(heard);
        let sharpness = self.sharpness() * independent.min(1.0);
        let radius = posterior.extent(&floor.grid, point, sharpness, CONFIDENCE_SHARE);
        Estimate {
            position: Position {
                floor: floor.id,
                point,
                confidence: Metres(radius),
                at: heard.iter().map(|heard| heard.at).max().unwrap_or_default(),
            },
            access_points,
            previous,
        }
    }

    /// Factor of a misfit in the exponent of its probability.
    fn sharpness(&self) -> f32 {
        0.5 / self.settings.shadowing_db.powi(2)
    }

    /// How much one of these readings counts.
    fn weight(&self, all: &[Heard], one: &Heard) -> f32 {
        ((one.rssi - strongest(all)) / self.settings.weight_scale_db).exp()
    }

    fn weights(&self, all: &[Heard]) -> f32 {
        all.iter().map(|one| self.weight(all, one)).sum()
    }
}

/// The strongest of readings that are sorted by strength.
fn strongest(heard: &[Heard]) -> f32 {
    heard.first().map_or(HEARING_LIMIT_DBM, |heard| heard.rssi)
}

/// Ranks the floors by how far their readings rise above the limit of hearing.
fn rank_floors(floors: &mut Vec<(usize, f32)>, heard: &[Heard]) {
    floors.clear();
    for heard in heard {
        let rise = (heard.rssi - HEARING_LIMIT_DBM).max(0.0);
        match floors.iter_mut().find(|(floor, _)| *floor == heard.floor) {
            Some((_, sum)) => *sum += rise,
            None => floors.push((heard.floor, rise)),
        }
    }
    floors.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

/// How many different access points there are.
fn distinct(heard: &[Heard]) -> usize {
    let is_new = |(index, one): &(usize, &Heard)| {
        let mut earlier = heard.iter().take(*index);
        earlier.all(|other| other.receiver != one.receiver)
    };
    heard.iter().enumerate().filter(is_new).count()
}

#[cfg(test)]
mod tests;
