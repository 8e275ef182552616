//! The estimator: readings in, position out.
//!
//! Each reading votes with `exp(-misfit² / 2 variance)` on every place of the floor. Strong readings
//! count more, the unknown transmit power is integrated out in closed form, and the answer is the
//! mean of the posterior (`reference/location.md` section 6). Where a floor was surveyed, the places
//! that sound alike vote as well. Where it was not, the answer to few access points lies
//! between that mean and their weighted centroid; one says no more than "near", and its place is the
//! answer. The radius comes from the same posterior.

use std::collections::BTreeMap;

use model::geometry::Point;
use model::map::{MapId, Maps};
use model::survey::Survey;
use model::{Band, Mac, Metres, Position, Reading, Time};

use crate::calibration::fingerprints::Matching;
use crate::calibration::quality::{self, Approach, Quality};
use crate::choice::PreviousFloor;
use crate::floor::{FloorModel, Receiver};
use crate::posterior::{Base, Heard as Against, Hint, Hints, Posterior, Term};
use crate::propagation::HEARING_LIMIT_DBM;
use crate::readings::SLOTS_MAX;
use crate::settings::Settings;
use crate::site::Site;
use crate::walk::Ground;

/// The share of the posterior inside the confidence circle.
const CONFIDENCE_SHARE: f32 = 0.95;

/// With more access points the way a device is held averages out (ours).
const HELD_MAX: usize = 4;

/// Floors that are computed for one estimate: section 6 has two.
const FLOORS_MAX: usize = 2;

/// How many readings the shipped deviation counts as, when the readings at hand say how well the model
/// fits. Ours, measured: with 1 to 4 the radius holds the truth in 87 to 100 % on five recordings.
const MISFIT_BELIEF: f32 = 2.0;

/// So much sharper is the posterior at most for the radius, where readings fit well and the power is known.
/// Measured: with 1 the radius is 3.9 times the median error in a lecture theatre, with 1.6 it is 3.0 times.
const FITTING_MOST: f32 = 1.6;

/// How sharp the posterior is for the place: sharper than the deviation says, because the place is found
/// better so (ADR 14). Measured: 1 to 1.7 are within 1 %, with a survey and without.
pub(crate) const SHARPNESS: f32 = 1.3;

/// What nobody can tell better, in metres, is added to the spread of a posterior where a survey says how
/// wide a radius is. Ours, measured: with 0.6 m to 1 m it holds the truth in 89 to 92 % at the worst of five sites.
const SPREAD_LEAST_M: f32 = 0.8;

/// A reading that is this much weaker counts a tenth in the centroid of the access points, as amplitudes
/// do. Measured with two access points: 10 to 35 are equally good.
const CENTROID_SCALE_DB: f32 = 20.0;
/// A centroid that would count less is not computed (ours): with five access points or more.
const CENTROID_SHARE_LEAST: f32 = 0.1;

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
    /// The root of the mean squared distance of the posterior from the place, in metres.
    pub(crate) spread: f32,
}

/// Working memory of [`Locator::estimate`]: one per thread, reused, grows to the largest floor.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Every reading that can be one, by transmitter.
    all: Vec<((Mac, Band), f32, Time)>,
    heard: Vec<Heard>,
    floors: Vec<(usize, f32)>,
    matching: Matching,
    hints: [Vec<Hint>; FLOORS_MAX],
    posteriors: [Posterior; FLOORS_MAX],
    ground: Ground,
    answered: Option<Answered>,
}

/// All floors, ready to locate on. Made anew when the maps or the survey change.
#[derive(Debug)]
pub struct Locator {
    settings: Settings,
    site: Site,
    qualities: BTreeMap<MapId, Quality>,
}

/// A reading of a known access point.
#[derive(Debug, Clone, Copy)]
struct Heard {
    receiver: usize,
    /// Receivers at one place have this in common.
    place: usize,
    floor: usize,
    band: Band,
    rssi: f32,
    /// The radios of one access point are shadowed alike: they share the weight of one.
    share: f32,
    at: Time,
}

/// Where the last answer came from.
#[derive(Debug, Clone, Copy)]
struct Answered {
    floor: usize,
    /// The number of the posterior that gave the place.
    located: usize,
    /// The number of the one that gave the radius.
    believed: usize,
}

/// What the radius knows of the transmit power.
#[derive(Clone, Copy)]
struct Doubt {
    power: Power,
    /// It counts as known to so much only, because few access points hear the element.
    held_db: Option<f32>,
}

/// A floor that the element may be on.
#[derive(Clone, Copy)]
struct Candidate {
    floor: usize,
    /// Its place in the working memory.
    number: usize,
    log_mass: f32,
}

impl Locator {
    /// Prepares the floors of `maps`. A layer is computed when a reading first needs it. Where there
    /// are survey points, this takes the time to try every method on them: some seconds for a large
    /// site.
    pub fn new(maps: &Maps, survey: &Survey, settings: Settings) -> Self {
        let qualities = quality::assess(maps, survey, &settings);
        let approaches =
            qualities.iter().map(|(floor, quality)| (*floor, quality.approach())).collect();
        let mut locator = Self::with_approaches(maps, survey, &approaches, settings);
        for floor in &mut locator.site.floors {
            floor.radius_spreads = qualities.get(&floor.id).map(|quality| quality.radius_spreads);
        }
        Self { qualities, ..locator }
    }

    /// The same with approaches that were chosen before.
    pub(crate) fn with_approaches(
        maps: &Maps,
        survey: &Survey,
        approaches: &BTreeMap<MapId, Approach>,
        settings: Settings,
    ) -> Self {
        let site = Site::new(maps, survey, approaches, &settings);
        Self { settings, site, qualities: BTreeMap::new() }
    }

    /// The constants it works with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Memory of the layers that were made and of everything that floors know, in bytes.
    pub fn bytes(&self) -> usize {
        self.site.floors.iter().map(FloorModel::bytes).sum()
    }

    /// What the survey says about a floor; nothing when it has too few points.
    pub fn quality(&self, floor: MapId) -> Option<&Quality> {
        self.qualities.get(&floor)
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
        scratch.answered = None;
        self.hear(scratch, readings);
        self.match_fingerprints(scratch);
        let hearing = hearing(&scratch.heard);
        self.cut(&mut scratch.heard);
        self.rank_floors(scratch);

        let mut candidates = [None; FLOORS_MAX];
        for (number, candidate) in candidates.iter_mut().enumerate() {
            let Some((floor, _)) = scratch.floors.get(number).copied() else { break };
            self.scan(scratch, number, floor, self.offset_db(power, floor));
            let grid = &self.site.floors[floor].grid;
            let posterior = &mut scratch.posteriors[number];
            posterior.weigh(SHARPNESS);
            let log_mass = posterior.log_mass(grid, SHARPNESS);
            *candidate = Some(Candidate { floor, number, log_mass });
        }
        let [first, second] = candidates;
        let (winner, previous) = self.choose(first?, second, previous);
        let held_db = self.held_db(hearing);
        let held_db = (held_db > self.offset_db(power, winner.floor)).then_some(held_db);
        Some(self.answer(scratch, winner, previous, Doubt { power, held_db }))
    }

    /// `position`, or the nearest place on its floor where an element can be: a track may cut corners.
    pub fn snapped(&self, position: Position) -> Position {
        let floor = self.site.floor(position.floor).and_then(|index| self.site.floors.get(index));
        let point = floor.map_or(position.point, |floor| floor.snap(position.point));
        Position { point, ..position }
    }

    /// The zones of the last answer's floor with the probability that the element is in each, in the
    /// order of the maps. Nothing before the first answer.
    pub fn zones<'a>(&'a self, scratch: &'a Scratch) -> impl Iterator<Item = (&'a str, f32)> {
        scratch.answered.into_iter().flat_map(|Answered { floor, believed, .. }| {
            let floor = &self.site.floors[floor];
            let shares = scratch.posteriors[believed].zone_shares(&floor.zones);
            floor.zone_names().zip(shares)
        })
    }

    /// Where the last answer came from, and working memory for who follows it.
    pub(crate) fn answered<'a>(
        &'a self,
        scratch: &'a mut Scratch,
    ) -> Option<(&'a FloorModel, &'a Posterior, &'a mut Ground)> {
        let Answered { floor, located, .. } = scratch.answered?;
        let floor = self.site.floors.get(floor)?;
        Some((floor, &scratch.posteriors[located], &mut scratch.ground))
    }

    /// Takes the readings in: those of known access points strongest first.
    fn hear(&self, scratch: &mut Scratch, readings: impl IntoIterator<Item = Reading>) {
        let Scratch { all, heard, .. } = scratch;
        all.clear();
        heard.clear();
        for reading in readings {
            let rssi = reading.rssi.0;
            if !Reading::STRENGTHS.contains(&rssi) {
                continue;
            }
            all.push(((reading.ap, reading.band), rssi, reading.at));
            if let Some(receiver) = self.site.number(reading.ap) {
                let Receiver { floor, place, .. } = self.site.receivers[receiver];
                let Reading { band, at, .. } = reading;
                heard.push(Heard { receiver, place, floor, band, rssi, share: 1.0, at });
            }
        }
        // Ties are broken, so that the order of the readings never shows in the answer.
        heard.sort_unstable_by(|a, b| {
            let key = |heard: &Heard| (heard.receiver, heard.band, heard.at);
            b.rssi.total_cmp(&a.rssi).then_with(|| key(a).cmp(&key(b)))
        });
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(b.2.cmp(&a.2)));
    }

    /// Finds the survey points that sound alike.
    fn match_fingerprints(&self, scratch: &mut Scratch) {
        let Scratch { all, matching, .. } = scratch;
        matching.hints.clear();
        if self.site.fingerprints.is_empty() || all.is_empty() {
            return;
        }
        // One site compares in one way: that of most of its floors.
        let Some(likeness) = self.site.likeness else { return };
        let heard = all.iter().map(|(transmitter, rssi, _)| (*transmitter, *rssi));
        self.site.fingerprints.compare(matching, heard, likeness);
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
            let is_surveyed = self.site.floors[heard.floor].method.uses_radio_map();
            rank <= settings.strongest_kept || heard.rssi >= cut || is_surveyed
        });
        heard.truncate(SLOTS_MAX);
        for index in 0..heard.len() {
            let place = heard[index].place;
            let beside = heard.iter().filter(|other| other.place == place).count();
            heard[index].share = 1.0 / beside.max(1) as f32;
        }
    }

    /// Ranks the floors by how far the readings of their access points rise above the limit of hearing,
    /// those that only a survey knows included; by what sounds alike where no access point has a place.
    fn rank_floors(&self, scratch: &mut Scratch) {
        let Scratch { all, heard, floors, matching, .. } = scratch;
        floors.clear();
        let mut add =
            |floor: usize, rise: f32| match floors.iter_mut().find(|(known, _)| *known == floor) {
                Some((_, sum)) => *sum += rise,
                None => floors.push((floor, rise)),
            };
        // A floor that nobody surveyed gets no hint, but its access points hear all the same.
        let is_by_access_points = !heard.is_empty();
        if is_by_access_points {
            for heard in heard.iter() {
                add(heard.floor, (heard.rssi - HEARING_LIMIT_DBM).max(0.0));
            }
            for ((ap, _), rssi, _) in all.iter() {
                if let Some(floor) = self.site.home(*ap) {
                    add(floor, (rssi - HEARING_LIMIT_DBM).max(0.0));
                }
            }
        }
        for (floor, hint) in matching.hints.iter().filter(|_| !is_by_access_points) {
            if let Some(floor) = self.site.floor(*floor) {
                add(floor, hint.weight);
            }
        }
        floors.retain(|(floor, _)| self.site.floors[*floor].grid.has_places());
        floors.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        // A floor without access points of its own is computed as well when it sounds so.
        let alike = matching.floor().and_then(|floor| self.site.floor(floor));
        let alike = alike.filter(|floor| self.site.floors[*floor].grid.has_places());
        if let Some(alike) = alike
            && floors.iter().take(FLOORS_MAX).all(|(floor, _)| *floor != alike)
        {
            floors.insert(floors.len().min(1), (alike, 0.0));
        }
    }

    /// Standard deviation of the transmit power of an element on `floor`.
    fn offset_db(&self, power: Power, floor: usize) -> f32 {
        match (power, self.site.floors[floor].method.uses_radio_map()) {
            (Power::Known, false) => self.settings.offset_known_db,
            (Power::Known, true) => self.settings.offset_surveyed_db,
            (Power::Unknown, _) => self.settings.offset_unknown_db,
        }
    }

    /// Computes the posterior of `floor` into the working memory at `number`; the power of the element
    /// is known to `offset_db`.
    fn scan(&self, scratch: &mut Scratch, number: usize, floor: usize, offset_db: f32) {
        let Scratch { heard, matching, hints, posteriors, .. } = scratch;
        let floor = &self.site.floors[floor];
        let hints = &mut hints[number];
        hints.clear();
        let own = matching.hints.iter().filter(|(other, _)| *other == floor.id);
        hints.extend(own.map(|(_, hint)| *hint));

        let surveyed = floor.method.uses_radio_map();
        let scale = self.weight_scale(floor);
        let mut terms = [Term::default(); SLOTS_MAX];
        let mut base = Base::default();
        let mut mapped = 0;
        let heard = if floor.method.uses_layers() { heard.as_slice() } else { &[] };
        for heard_one in heard {
            let mut weight = weight(heard, heard_one, scale);
            let receiver = &self.site.receivers[heard_one.receiver];
            let layer = floor.layer(heard_one.receiver, receiver, heard_one.band, &self.settings);
            weight *= layer.map_or(1.0, |layer| layer.precision);
            base.weights += weight;
            if let Some(layer) = layer {
                let (coarse, fine, rssi) = (&*layer.coarse, &*layer.fine, heard_one.rssi);
                terms[mapped] = Term { coarse, fine, rssi, weight };
                mapped += 1;
            } else {
                let misfit = heard_one.rssi - HEARING_LIMIT_DBM;
                base.misfit += weight * misfit;
                base.misfit_squared += weight * misfit * misfit;
            }
        }
        let shadowing_db =
            if surveyed { self.settings.shadowing_surveyed_db } else { self.settings.shadowing_db };
        let precision = (shadowing_db / offset_db).powi(2);
        base.offset_share = 1.0 / (base.weights + precision);
        let heard = Against { terms: &terms[..mapped], base };
        let scale = floor.method.likeness().map(|_| floor.hint_scale());
        let hints = scale.map(|scale| Hints { places: hints, scale });
        posteriors[number].scan(&floor.grid, &floor.surface, heard, hints);
    }

    /// The floor to answer on, and what to remember of the choice.
    fn choose(
        &self,
        first: Candidate,
        second: Option<Candidate>,
        previous: Option<PreviousFloor>,
    ) -> (Candidate, PreviousFloor) {
        let method = |candidate: &Candidate| self.site.floors[candidate.floor].method;
        // What different methods say cannot be compared; the access points that hear best decide.
        let comparable = second.filter(|second| method(second) == method(&first));
        let (likeliest, other) = match comparable {
            Some(second) if second.log_mass > first.log_mass => (second, Some(first)),
            second => (first, second),
        };
        let id = |candidate: &Candidate| self.site.floors[candidate.floor].id;
        let odds = |other: &Candidate| (id(other), likeliest.log_mass - other.log_mass);
        let choice = PreviousFloor::choose(
            previous,
            id(&likeliest),
            other.as_ref().map(odds),
            self.settings.floor_change_log_odds,
        );
        match other {
            Some(other) if id(&other) == choice.floor => (other, choice),
            _ => (likeliest, choice),
        }
    }

    fn answer(
        &self,
        scratch: &mut Scratch,
        winner: Candidate,
        previous: PreviousFloor,
        doubt: Doubt,
    ) -> Estimate {
        let Candidate { floor: index, number, .. } = winner;
        let floor = &self.site.floors[index];
        let access_points = match distinct(scratch.heard.iter().map(|heard| heard.receiver)) {
            // None of them has a place; they were surveyed all the same.
            0 => distinct(scratch.all.iter().map(|((ap, _), ..)| *ap)),
            known => known,
        };
        let mean = scratch.posteriors[number].mean();
        // A survey corrects the model; without one, few access points do not make up for its errors.
        let share = centroid_share(access_points);
        let is_hedged = !floor.method.uses_survey() && share >= CENTROID_SHARE_LEAST;
        let centroid = if is_hedged { self.centroid(&scratch.heard, index) } else { None };
        let point = centroid.map_or(mean, |centroid| {
            let between = |mean: f32, centroid: f32| (1.0 - share) * mean + share * centroid;
            Point::new(between(mean.x, centroid.x), between(mean.y, centroid.y))
        });
        let point = floor.snap(point);
        let spread = scratch.posteriors[number].spread(point) + SPREAD_LEAST_M;
        let (radius, believed) = if let Some(spreads) = floor.radius_spreads {
            ((spreads * spread).min(floor.grid.diagonal()), number)
        } else {
            self.believed_radius(scratch, winner, point, doubt)
        };
        scratch.answered = Some(Answered { floor: index, located: number, believed });
        Estimate {
            position: Position {
                floor: floor.id,
                point,
                confidence: Metres(radius),
                at: scratch.all.iter().map(|(_, _, at)| *at).max().unwrap_or_default(),
            },
            access_points,
            previous,
            spread,
        }
    }

    /// The weighted centroid of the access points of a floor; nothing when none of them is heard.
    fn centroid(&self, heard: &[Heard], floor: usize) -> Option<Point> {
        let strongest = strongest(heard);
        let (mut x, mut y, mut weights) = (0.0, 0.0, 0.0);
        for one in heard.iter().filter(|one| one.floor == floor) {
            let weight = 10.0_f32.powf((one.rssi - strongest) / CENTROID_SCALE_DB) * one.share;
            let Receiver { at, .. } = self.site.receivers[one.receiver];
            x += weight * at.x;
            y += weight * at.y;
            weights += weight;
        }
        (weights > 0.0).then(|| Point::new(x / weights, y / weights))
    }

    /// The radius around `point` when no survey says how wide an honest one is, and the number of the
    /// posterior that it is of.
    fn believed_radius(
        &self,
        scratch: &mut Scratch,
        winner: Candidate,
        point: Point,
        Doubt { power, held_db }: Doubt,
    ) -> (f32, usize) {
        let Candidate { floor: index, mut number, .. } = winner;
        let floor = &self.site.floors[index];
        if let Some(held_db) = held_db {
            // The place keeps its own posterior; that of the floor that lost is needed no more.
            number = (number + 1) % FLOORS_MAX;
            self.scan(scratch, number, index, held_db);
        }
        let weights = weights(&scratch.heard, self.weight_scale(floor));
        let independent = (self.settings.independent_readings / weights).min(1.0);
        let posterior = &mut scratch.posteriors[number];
        // Readings that fit well come from a place where the model is good.
        let misfit = (MISFIT_BELIEF + posterior.least()) / (MISFIT_BELIEF + weights);
        let most = if power == Power::Known && held_db.is_none() { FITTING_MOST } else { 1.0 };
        posterior.weigh((independent / misfit).min(most));
        (posterior.extent(&floor.grid, point, CONFIDENCE_SHARE), number)
    }

    /// What the way a device is held may do to its readings, when so few access points do not average
    /// it out: with two as much as an unknown power, else more or less as the root of their number. Measured
    /// on five recordings: with the strongest one, two or three readings the radius holds the truth in 92 to
    /// 100 % instead of 36 to 100 %.
    fn held_db(&self, hearing: usize) -> f32 {
        if hearing > HELD_MAX {
            return 0.0;
        }
        self.settings.offset_unknown_db * (2.0 / hearing.max(1) as f32).sqrt()
    }

    /// What a reading is weaker by when it counts 1/e.
    fn weight_scale(&self, floor: &FloorModel) -> f32 {
        if floor.method.uses_radio_map() {
            self.settings.weight_scale_surveyed_db
        } else {
            self.settings.weight_scale_db
        }
    }
}

/// How much the centroid counts beside the mean of the posterior: alone with one access point, half
/// with two, and half as much with each further one. Many readings average out what the model is wrong
/// about.
fn centroid_share(access_points: usize) -> f32 {
    let others = access_points.saturating_sub(1);
    0.5_f32.powi(i32::try_from(others).unwrap_or(i32::MAX))
}

/// How much one of these readings counts.
fn weight(all: &[Heard], one: &Heard, scale_db: f32) -> f32 {
    ((one.rssi - strongest(all)) / scale_db).exp() * one.share
}

fn weights(all: &[Heard], scale_db: f32) -> f32 {
    all.iter().map(|one| weight(all, one, scale_db)).sum()
}

/// The strongest of readings that are sorted by strength.
fn strongest(heard: &[Heard]) -> f32 {
    heard.first().map_or(HEARING_LIMIT_DBM, |heard| heard.rssi)
}

/// How many access points hear an element, weak ones too, as far as it matters: no more readings are
/// looked at than four access points with two radios have, and one.
fn hearing(heard: &[Heard]) -> usize {
    distinct(heard.iter().take(2 * HELD_MAX + 1).map(|heard| heard.receiver))
}

/// How many different ones there are of a few.
fn distinct<T: PartialEq>(mut some: impl Iterator<Item = T> + Clone) -> usize {
    let mut count = 0;
    while let Some(one) = some.next() {
        count += usize::from(some.clone().all(|other| other != one));
    }
    count
}

#[cfg(test)]
mod tests;
