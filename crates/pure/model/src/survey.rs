//! Surveys: what was heard at places that people know.
//!
//! A survey calibrates the estimator. It is kept beside the maps and outlives an import of them:
//! points of a floor that is no longer there are passed over, not lost.

use serde::{Deserialize, Serialize};

use crate::geometry::Point;
use crate::map::MapId;
use crate::{Band, Dbm, Mac, Reading, Time};

/// Most points of one engine: a point a square metre of fifty large floors.
pub const POINTS_MAX: usize = 100_000;
/// Most readings of one point: far more than any radio hears at once.
pub const READINGS_MAX: usize = 256;

/// All points of one engine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Survey {
    /// In the order they were taken.
    #[serde(default)]
    pub points: Vec<SurveyPoint>,
}

/// What was heard of one device at a known place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SurveyPoint {
    /// The floor.
    pub floor: MapId,
    /// The place on it.
    pub at: Point,
    /// When.
    pub taken: Time,
    /// The device that was heard, as far as anybody knows; devices differ in power.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// How strongly each access point heard it; at most one per access point and band.
    pub readings: Vec<SurveyReading>,
}

/// One signal strength of a survey point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SurveyReading {
    /// Base radio address of the access point that heard.
    pub ap: Mac,
    /// Band it was heard on.
    pub band: Band,
    /// How strongly.
    pub rssi: Dbm,
}

/// Why a survey point is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SurveyError {
    /// A coordinate is no number, or outside every floor that there can be.
    #[error("the place ({x}, {y}) of a survey point is on no floor")]
    BadPlace {
        /// Metres from the left edge.
        x: f32,
        /// Metres from the top edge.
        y: f32,
    },
    /// Nothing was heard there, or more than can be.
    #[error("a survey point has {0} readings; 1 to {READINGS_MAX} are expected")]
    BadCount(usize),
    /// No radio reports such a strength.
    #[error("{ap} cannot hear {rssi} dBm; strengths are -128 to 20 dBm")]
    BadStrength {
        /// The access point.
        ap: Mac,
        /// What it is said to have heard.
        rssi: f32,
    },
    /// One access point and band twice.
    #[error("{0} is there twice with the same band")]
    Duplicate(Mac),
}

impl SurveyPoint {
    /// Looks for what no survey can have heard. Whether the place is on its floor is for who knows
    /// the maps.
    pub fn validate(&self) -> Result<(), SurveyError> {
        let Point { x, y } = self.at;
        let side = crate::map::FLOOR_SIDE_MAX.0;
        if !((0.0..=side).contains(&x) && (0.0..=side).contains(&y)) {
            return Err(SurveyError::BadPlace { x, y });
        }
        if !(1..=READINGS_MAX).contains(&self.readings.len()) {
            return Err(SurveyError::BadCount(self.readings.len()));
        }
        for (index, SurveyReading { ap, band, rssi }) in self.readings.iter().enumerate() {
            if !Reading::STRENGTHS.contains(&rssi.0) {
                return Err(SurveyError::BadStrength { ap: *ap, rssi: rssi.0 });
            }
            let earlier = self.readings.iter().take(index);
            if earlier.into_iter().any(|other| (other.ap, other.band) == (*ap, *band)) {
                return Err(SurveyError::Duplicate(*ap));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AP: Mac = Mac([2, 0, 0, 0, 0, 1]);

    fn reading(rssi: f32) -> SurveyReading {
        SurveyReading { ap: AP, band: Band::Ghz5, rssi: Dbm(rssi) }
    }

    fn check(at: Point, readings: &[SurveyReading], expected: &Result<(), SurveyError>) {
        let readings = readings.to_vec();
        let point =
            SurveyPoint { floor: MapId(1), at, taken: Time(0), device: String::new(), readings };
        assert_eq!(&point.validate(), expected);
    }

    #[test]
    fn what_no_survey_can_have_heard_is_refused_by_name() {
        let here = Point::new(3.0, 4.0);
        check(here, &[reading(-60.0)], &Ok(()));
        check(here, &[], &Err(SurveyError::BadCount(0)));
        check(here, &[reading(40.0)], &Err(SurveyError::BadStrength { ap: AP, rssi: 40.0 }));
        check(here, &[reading(-60.0), reading(-61.0)], &Err(SurveyError::Duplicate(AP)));
        let outside = Point::new(-1.0, 4.0);
        check(outside, &[reading(-60.0)], &Err(SurveyError::BadPlace { x: -1.0, y: 4.0 }));
    }
}
