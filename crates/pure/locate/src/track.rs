//! Following one element: a Kalman filter of constant velocity over its estimates.
//!
//! The estimator looks at one moment; people move steadily. The filter knows place and velocity along
//! each axis (`reference/location.md` section 6), never across floors: there it begins anew.

use model::geometry::Point;
use model::map::MapId;
use model::{Metres, Position, Time};

/// How strongly people speed up and turn, in m/s²: section 6.
const ACCELERATION: f32 = 0.35;
/// The radius that holds 95 % of a normal distribution in the plane, in standard deviations.
const RADIUS_DEVIATIONS: f32 = 2.448;
/// Squared innovation, in variances, from which an estimate is doubted: section 6.
const DOUBTED: f32 = 12.0;
/// After so long a silence the track begins anew: section 6.
const SILENCE_MS: u64 = 60_000;
/// Nobody walks faster, in m/s (ours): a velocity that a few wild estimates suggest is cut.
const SPEED_MAX: f32 = 3.0;

/// Where an element is and how it moves. It exists once per tracked element, so its size is fixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    floor: MapId,
    at: Time,
    x: Axis,
    y: Axis,
}

/// Place and velocity along one axis with their covariance.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    place: f32,
    velocity: f32,
    /// Variance of the place, covariance, variance of the velocity.
    p: [f32; 3],
}

impl Track {
    /// Begins with an estimate.
    pub fn new(position: &Position) -> Self {
        let variance = variance(position.confidence);
        Self {
            floor: position.floor,
            at: position.at,
            x: Axis::new(position.point.x, variance),
            y: Axis::new(position.point.y, variance),
        }
    }

    /// Takes in the next estimate and says where the element is then. One from the past changes
    /// nothing; one from another floor, or after a silence, begins the track anew.
    pub fn update(&mut self, position: &Position) -> Position {
        let elapsed_ms = position.at.since_ms(self.at);
        if position.floor != self.floor || elapsed_ms > SILENCE_MS {
            *self = Self::new(position);
            return *position;
        }
        let seconds = elapsed_ms as f32 / 1_000.0;
        self.at = self.at.max(position.at);
        self.x.predict(seconds);
        self.y.predict(seconds);
        let variance = variance(position.confidence);
        let squared = self.x.innovation(position.point.x, variance)
            + self.y.innovation(position.point.y, variance);
        let variance = variance * (squared / DOUBTED).max(1.0);
        self.x.update(position.point.x, variance);
        self.y.update(position.point.y, variance);
        self.slow_down();
        Position { at: self.at, ..self.position() }
    }

    /// Where the element was last.
    pub fn position(&self) -> Position {
        let deviation = self.x.p[0].midpoint(self.y.p[0]).sqrt();
        Position {
            floor: self.floor,
            point: Point::new(self.x.place, self.y.place),
            confidence: Metres(RADIUS_DEVIATIONS * deviation),
            at: self.at,
        }
    }

    fn slow_down(&mut self) {
        let speed = self.x.velocity.hypot(self.y.velocity);
        if speed > SPEED_MAX {
            self.x.velocity *= SPEED_MAX / speed;
            self.y.velocity *= SPEED_MAX / speed;
        }
    }
}

impl Axis {
    fn new(place: f32, variance: f32) -> Self {
        // Standing or walking: about a metre a second.
        Self { place, velocity: 0.0, p: [variance, 0.0, 1.0] }
    }

    fn predict(&mut self, seconds: f32) {
        let [place, both, velocity] = self.p;
        let noise = ACCELERATION * ACCELERATION;
        self.place += seconds * self.velocity;
        self.p = [
            place + seconds * (2.0 * both + seconds * velocity) + noise * seconds.powi(4) / 4.0,
            both + seconds * velocity + noise * seconds.powi(3) / 2.0,
            velocity + noise * seconds * seconds,
        ];
    }

    /// Square of the distance to a measured place, in variances.
    fn innovation(&self, place: f32, variance: f32) -> f32 {
        (place - self.place).powi(2) / (self.p[0] + variance)
    }

    fn update(&mut self, place: f32, variance: f32) {
        let [own, both, velocity] = self.p;
        let gain = [own, both].map(|it| it / (own + variance));
        let step = place - self.place;
        self.place += gain[0] * step;
        self.velocity += gain[1] * step;
        self.p = [(1.0 - gain[0]) * own, (1.0 - gain[0]) * both, velocity - gain[1] * both];
    }
}

/// Variance along one axis of an estimate with this radius.
fn variance(confidence: Metres) -> f32 {
    (confidence.0 / RADIUS_DEVIATIONS).max(0.1).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(seconds: u64, x: f32, y: f32) -> Position {
        Position {
            floor: MapId(1),
            point: Point::new(x, y),
            confidence: Metres(5.0),
            at: Time(seconds * 1_000),
        }
    }

    /// Estimates of a walk along x at 1 m/s that err by 3 m to either side in turn.
    fn walked(seconds: u64) -> Track {
        let mut track = Track::new(&estimate(0, 0.0, 3.0));
        for second in 1..=seconds {
            let wrong = if second % 2 == 0 { 3.0 } else { -3.0 };
            track.update(&estimate(second, second as f32 + wrong, 5.0 - wrong));
        }
        track
    }

    #[test]
    fn a_steady_walk_is_followed_more_closely_than_its_estimates() {
        let position = walked(30).position();
        assert!(position.point.distance(Point::new(30.0, 5.0)) < 1.5, "{position:?}");
        assert!(position.confidence.0 < 5.0, "{position:?}");
    }

    #[test]
    fn another_floor_begins_the_track_anew() {
        let mut track = walked(10);
        let upstairs = Position { floor: MapId(2), ..estimate(11, 40.0, 2.0) };
        assert_eq!(track.update(&upstairs), upstairs);
    }

    #[test]
    fn a_minute_of_silence_begins_the_track_anew() {
        let mut track = walked(10);
        let later = estimate(71, 40.0, 2.0);
        assert_eq!(track.update(&later), later);
    }

    #[test]
    fn one_wild_estimate_moves_it_little() {
        let mut track = walked(20);
        let before = track.position().point;
        let after = track.update(&estimate(21, 90.0, 70.0)).point;
        assert!(before.distance(after) < 15.0, "{before:?} to {after:?}");
    }

    #[test]
    fn an_estimate_from_the_past_leaves_it_in_the_present() {
        let mut track = walked(20);
        assert_eq!(track.update(&estimate(3, 3.0, 5.0)).at, Time(20_000));
    }
}
