//! What places sound like: survey points as they were heard, compared with what is heard now.
//!
//! Two likenesses are used, because devices differ in two ways. The share that two fingerprints have
//! in common (Sørensen, of squared strengths) passes over weak access points that
//! one device hears and another does not; it is also taken as if the device heard everything a few decibels
//! better or worse than those of the survey, at a price. The sum of the differences in decibels, damped so that one
//! bad reading does not decide, is sharper where devices are alike. Every survey point gets a weight
//! that falls exponentially with its unlikeness.
//!
//! Sketch, for 1,000 points of 20 readings: 20,000 reads from one array, and a logarithm or five minima
//! for each reading in common: 0.1 ms.

use std::collections::BTreeMap;
use std::ops::Range;

use model::geometry::Point;
use model::map::MapId;
use model::survey::SurveyPoint;
use model::{Band, Mac};

use crate::posterior::Hint;

/// What is not heard at all counts as this strength: below what any receiver of the recordings
/// reports.
const SILENCE_DBM: f32 = -104.0;
/// The same for differences in decibels, where silence is only a little weaker than the weakest.
const FAINT_DBM: f32 = -97.0;
/// Unlikeness, 0 to 1, at which a weight has fallen to 1/e. Measured: 0.03 to 0.08 are within 3 % of
/// one another on all nine recordings but one, whose survey is so dense that a third of it is better.
const SHARE_SCALE: f32 = 0.06;
const NEAREST_SHARE_SCALE: f32 = 0.02;
/// The power that strengths are raised to. Measured: 2 to e are equally good, weighed over all.
const SHARE_POWER: i32 = 2;
/// What a device may hear better than those of the survey, in decibels (ours): as far as phones differ.
const SHIFTS_DB: [f32; 5] = [0.0, -4.0, 4.0, -8.0, 8.0];
/// Unlikeness that a decibel of it costs. Chosen by points of `UJIIndoorLoc` that were held out with their
/// devices: 0.002 to 0.01 are within 3 %.
const SHIFT_COST_PER_DB: f32 = 0.005;
/// Differences count less and less from here on, in decibels.
const DAMPED_DB: f32 = 10.0;
/// Damped squares, in dB², at which a weight has fallen to 1/e: the variance of a reading of 6 dB.
const DIFFERENCE_SCALE: f32 = 36.0;
/// Points that get a weight at all. Measured: 15 to 50 are within 2 % of one another, more are worse
/// where the survey is coarse.
const KEPT: usize = 25;
/// Natural logarithm of the least weight beside the greatest that counts (ours): 1 to 1,000.
const FAINTEST_LN: f32 = -7.0;

/// The fingerprints of all floors.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    /// Transmitters by number; they need no place on a map.
    numbers: BTreeMap<(Mac, Band), usize>,
    prints: Vec<Print>,
    values: Vec<Value>,
}

#[derive(Debug)]
struct Print {
    floor: MapId,
    at: Point,
    values: Range<usize>,
    /// Sum of the raised strengths.
    raised: f32,
    /// Sum of the damped differences to silence.
    damped: f32,
}

/// A strength with what is computed from it.
#[derive(Debug, Clone, Copy)]
struct Strength {
    rssi: f32,
    /// As the share takes it.
    raised: f32,
    /// The damped difference to silence.
    damped: f32,
}

impl Strength {
    fn new(rssi: f32) -> Self {
        Self { rssi, raised: raised(rssi), damped: damped(rssi - FAINT_DBM) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Value {
    number: usize,
    strength: Strength,
}

/// How fingerprints are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// By the share that they have in common.
    Share,
    /// The same, and only the places that share most count.
    NearestShare,
    /// By the share, whatever the device hears better or worse than those of the survey.
    ShiftedShare,
    /// By the differences of the strengths.
    Difference,
    /// Half by the shifted share, half by the differences.
    Both,
}

/// Working memory, reused.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    /// What is heard now, for each transmitter.
    heard: Vec<Option<Strength>>,
    /// The same as the share takes it after each of [`SHIFTS_DB`]; nothing for what is not heard.
    shifted: Vec<[f32; SHIFTS_DB.len()]>,
    shares: Vec<(f32, usize)>,
    differences: Vec<(f32, usize)>,
    /// What was found: a floor, a place on it and a weight. The weights add up to one.
    pub(crate) hints: Vec<(MapId, Hint)>,
}

impl Matching {
    /// The floor with the greatest weight.
    pub(crate) fn floor(&self) -> Option<MapId> {
        let weight = |floor: MapId| -> f32 {
            self.hints.iter().filter(|it| it.0 == floor).map(|it| it.1.weight).sum()
        };
        let floors = self.hints.iter().map(|(floor, _)| (weight(*floor), *floor));
        floors.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).map(|(_, floor)| floor)
    }
}

impl Fingerprints {
    /// Exact repeats, as phones report them from a cache, count once.
    pub(crate) fn new<'a>(points: impl Iterator<Item = &'a SurveyPoint>) -> Self {
        let mut own = Self::default();
        let mut last: Option<&SurveyPoint> = None;
        for point in points {
            let is_repeat = last.is_some_and(|last| {
                (last.floor, last.at) == (point.floor, point.at) && last.readings == point.readings
            });
            if !is_repeat {
                own.add(point);
            }
            last = Some(point);
        }
        own
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }

    fn add(&mut self, point: &SurveyPoint) {
        let first = self.values.len();
        for reading in &point.readings {
            let next = self.numbers.len();
            let number = *self.numbers.entry((reading.ap, reading.band)).or_insert(next);
            self.values.push(Value { number, strength: Strength::new(reading.rssi.0) });
        }
        let own = &self.values[first..];
        self.prints.push(Print {
            floor: point.floor,
            at: point.at,
            values: first..self.values.len(),
            raised: own.iter().map(|value| value.strength.raised).sum(),
            damped: own.iter().map(|value| value.strength.damped).sum(),
        });
    }

    /// Finds the survey points that sound like `heard`, strengths by transmitter.
    pub(crate) fn compare(
        &self,
        matching: &mut Matching,
        heard: impl Iterator<Item = ((Mac, Band), f32)>,
        likeness: Likeness,
    ) {
        matching.hints.clear();
        matching.heard.clear();
        matching.heard.resize(self.numbers.len(), None);
        matching.shifted.clear();
        matching.shifted.resize(self.numbers.len(), Default::default());
        let mut own_shifted = [0.0; SHIFTS_DB.len()];
        let (mut own_raised, mut own_damped, mut known) = (0.0, 0.0, false);
        for (transmitter, rssi) in heard {
            let strength = Strength::new(rssi);
            let shifted = SHIFTS_DB.map(|shift| raised(rssi + shift));
            for (sum, shifted) in own_shifted.iter_mut().zip(shifted) {
                *sum += shifted;
            }
            own_raised += strength.raised;
            own_damped += strength.damped;
            if let Some(number) = self.numbers.get(&transmitter) {
                matching.heard[*number] = Some(strength);
                matching.shifted[*number] = shifted;
                known = true;
            }
        }
        // What has nothing in common with any place sounds like none.
        if !known {
            return;
        }
        matching.shares.clear();
        matching.differences.clear();
        match likeness {
            Likeness::Share => self.share(matching, own_raised, SHARE_SCALE),
            Likeness::NearestShare => self.share(matching, own_raised, NEAREST_SHARE_SCALE),
            Likeness::ShiftedShare => self.shift(matching, own_shifted),
            Likeness::Difference => self.difference(matching, own_damped),
            Likeness::Both => {
                self.shift(matching, own_shifted);
                self.difference(matching, own_damped);
            }
        }
        let Matching { shares, differences, hints, .. } = matching;
        let each = if likeness == Likeness::Both { 0.5 } else { 1.0 };
        self.weigh(shares, each, hints);
        self.weigh(differences, each, hints);
    }

    /// Compares by the share; `own` is the sum of what is heard.
    fn share(&self, matching: &mut Matching, own: f32, scale: f32) {
        for (number, print) in self.prints.iter().enumerate() {
            let mut common = 0.0;
            for value in &self.values[print.values.clone()] {
                if let Some(heard) = matching.heard[value.number] {
                    common += heard.raised.min(value.strength.raised);
                }
            }
            let all = (own + print.raised).max(f32::MIN_POSITIVE);
            matching.shares.push(((1.0 - 2.0 * common / all) / scale, number));
        }
    }

    /// Compares by the differences; `own` is the sum of those of what is heard to silence.
    fn difference(&self, matching: &mut Matching, own: f32) {
        for (number, print) in self.prints.iter().enumerate() {
            let mut sum = own + print.damped;
            for value in &self.values[print.values.clone()] {
                if let Some(heard) = matching.heard[value.number] {
                    let Strength { rssi, damped: silent, .. } = value.strength;
                    sum += damped(heard.rssi - rssi) - heard.damped - silent;
                }
            }
            matching.differences.push((sum / DIFFERENCE_SCALE, number));
        }
    }

    /// Compares by the share after the shift that makes it least unlike; `own` are the sums of what is
    /// heard after each.
    fn shift(&self, matching: &mut Matching, own: [f32; SHIFTS_DB.len()]) {
        let Matching { shifted, shares, .. } = matching;
        for (number, print) in self.prints.iter().enumerate() {
            let mut common = [0.0; SHIFTS_DB.len()];
            for value in &self.values[print.values.clone()] {
                let heard = &shifted[value.number];
                for shift in 0..SHIFTS_DB.len() {
                    common[shift] += heard[shift].min(value.strength.raised);
                }
            }
            let unlike = |shift: usize| {
                let all = (own[shift] + print.raised).max(f32::MIN_POSITIVE);
                1.0 - 2.0 * common[shift] / all + SHIFT_COST_PER_DB * SHIFTS_DB[shift].abs()
            };
            let least = (0..SHIFTS_DB.len()).map(unlike).fold(f32::INFINITY, f32::min);
            shares.push((least / SHARE_SCALE, number));
        }
    }

    /// Turns unlikenesses into weights that add up to `total`.
    fn weigh(&self, unlike: &mut Vec<(f32, usize)>, total: f32, hints: &mut Vec<(MapId, Hint)>) {
        let order = |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if unlike.len() > KEPT {
            unlike.select_nth_unstable_by(KEPT, order);
            unlike.truncate(KEPT);
        }
        unlike.sort_unstable_by(order);
        let least = unlike.first().map_or(0.0, |first| first.0);
        let weight = |unlike: f32| (least - unlike).exp();
        let sum: f32 = unlike.iter().map(|(unlike, _)| weight(*unlike)).sum();
        for (unlike, number) in unlike.iter().filter(|(unlike, _)| least - unlike > FAINTEST_LN) {
            let print = &self.prints[*number];
            let weight = total * weight(*unlike) / sum;
            hints.push((print.floor, Hint { at: print.at, weight }));
        }
    }
}

/// A strength as the Sørensen likeness takes it: 0 for silence, 1 for 0 dBm.
fn raised(rssi: f32) -> f32 {
    ((rssi - SILENCE_DBM).max(0.0) / -SILENCE_DBM).powi(SHARE_POWER)
}

/// A difference in decibels, squared while it is small.
fn damped(difference: f32) -> f32 {
    let square = DAMPED_DB * DAMPED_DB;
    square * (difference * difference / square).ln_1p()
}

#[cfg(test)]
mod tests {
    use model::survey::SurveyReading;
    use model::{Dbm, Time};

    use super::*;

    fn point(floor: u64, x: f32, heard: &[(u64, f32)]) -> SurveyPoint {
        let reading = |(ap, rssi): &(u64, f32)| SurveyReading {
            ap: Mac::from_u64(*ap),
            band: Band::Ghz5,
            rssi: Dbm(*rssi),
        };
        SurveyPoint {
            floor: MapId(floor),
            at: Point::new(x, 0.0),
            taken: Time(0),
            device: String::new(),
            readings: heard.iter().map(reading).collect(),
        }
    }

    /// The place that gets the most weight, and all weights.
    fn check(heard: &[(u64, f32)], likeness: Likeness, floor: u64, x: f32) {
        let points = [
            point(1, 0.0, &[(1, -40.0), (2, -60.0), (3, -80.0)]),
            point(1, 5.0, &[(1, -55.0), (2, -50.0), (3, -70.0)]),
            point(2, 5.0, &[(4, -50.0), (2, -80.0)]),
        ];
        let prints = Fingerprints::new(points.iter());
        let mut matching = Matching::default();
        let transmitter = |(ap, rssi): &(u64, f32)| ((Mac::from_u64(*ap), Band::Ghz5), *rssi);
        prints.compare(&mut matching, heard.iter().map(transmitter), likeness);
        let total: f32 = matching.hints.iter().map(|(_, hint)| hint.weight).sum();
        assert!((total - 1.0).abs() < 2e-3, "{total}");
        let most = matching.hints.iter().max_by(|a, b| a.1.weight.total_cmp(&b.1.weight)).unwrap();
        assert_eq!((most.0, most.1.at.x), (MapId(floor), x), "{heard:?} {likeness:?}");
    }

    #[test]
    fn the_place_that_sounds_alike_gets_the_weight() {
        for likeness in [
            Likeness::Share,
            Likeness::NearestShare,
            Likeness::ShiftedShare,
            Likeness::Difference,
            Likeness::Both,
        ] {
            check(&[(1, -41.0), (2, -59.0), (3, -82.0)], likeness, 1, 0.0);
            check(&[(1, -56.0), (2, -49.0)], likeness, 1, 5.0);
            check(&[(4, -52.0)], likeness, 2, 5.0);
        }
    }

    #[test]
    fn a_device_that_hears_everything_worse_is_at_the_same_place() {
        let heard = [(1, -48.0), (2, -68.0), (3, -88.0)];
        check(&heard, Likeness::ShiftedShare, 1, 0.0);
        let unlike = |likeness| {
            let prints =
                Fingerprints::new([point(1, 0.0, &[(1, -40.0), (2, -60.0), (3, -80.0)])].iter());
            let mut matching = Matching::default();
            let transmitter = |(ap, rssi): &(u64, f32)| ((Mac::from_u64(*ap), Band::Ghz5), *rssi);
            prints.compare(&mut matching, heard.iter().map(transmitter), likeness);
            matching.shares[0].0
        };
        assert!(unlike(Likeness::ShiftedShare) < 0.5 * unlike(Likeness::Share));
    }

    #[test]
    fn an_access_point_that_nobody_surveyed_does_no_harm() {
        check(&[(9, -40.0), (1, -42.0), (2, -61.0)], Likeness::Both, 1, 0.0);
    }

    #[test]
    fn repeats_count_once() {
        let points = [point(1, 0.0, &[(1, -40.0)]), point(1, 0.0, &[(1, -40.0)])];
        assert_eq!(Fingerprints::new(points.iter()).prints.len(), 1);
    }
}
