//! The path-loss law of one access point, fitted to a survey.
//!
//! A ridge regression: the shipped law is what is believed beforehand, and the survey moves it.

use crate::propagation::{Law, Path};

/// Standard deviations of what is believed beforehand, and of a reading around the law:
/// `reference/location.md` section 6.
const POWER_SD_DB: f32 = 5.0;
const EXPONENT_SD: f32 = 0.5;
const READING_SD_DB: f32 = 7.0;
/// Shadowing of neighbouring places is the same, so that all readings together count as at most so
/// many (section 6).
const READINGS_MAX: f32 = 40.0;

/// The law that fits `heard`, pairs of a path and a strength, best.
pub(crate) fn fit(believed: Law, heard: &[(Path, f32)]) -> Law {
    let each = (READINGS_MAX / heard.len().max(1) as f32).min(1.0) / READING_SD_DB.powi(2);
    let (power_weight, exponent_weight) = (POWER_SD_DB.powi(-2), EXPONENT_SD.powi(-2));
    // Normal equations of: strength + obstacles = power - exponent * 10 decades.
    let mut matrix = [power_weight, 0.0, exponent_weight];
    let mut right = [power_weight * believed.power_at_1_m, exponent_weight * believed.exponent];
    for (path, rssi) in heard {
        let slope = -10.0 * path.decades;
        let strength = rssi + path.obstacles_db;
        matrix[0] += each;
        matrix[1] += each * slope;
        matrix[2] += each * slope * slope;
        right[0] += each * strength;
        right[1] += each * slope * strength;
    }
    let [a, b, c] = matrix;
    // Positive: the beliefs alone make it so.
    let determinant = a * c - b * b;
    Law {
        power_at_1_m: (c * right[0] - b * right[1]) / determinant,
        exponent: (a * right[1] - b * right[0]) / determinant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELIEVED: Law = Law { power_at_1_m: -32.0, exponent: 3.5 };

    /// Readings by `truth` at 1 to `count` metres behind a wall of 3 dB.
    fn check(truth: Law, count: u16, tolerance: f32) {
        let heard = |metres: u16| {
            let path = Path { decades: f32::from(metres).log10(), obstacles_db: 3.0 };
            (path, truth.power_at_1_m - 10.0 * truth.exponent * path.decades - 3.0)
        };
        let heard: Vec<_> = (1..=count).map(heard).collect();
        let found = fit(BELIEVED, &heard);
        let at_20_m = |law: Law| law.power_at_1_m - 13.0 * law.exponent;
        let off = (at_20_m(found) - at_20_m(truth)).abs();
        assert!(off < tolerance, "{found:?} is off by {off} dB, {truth:?}");
    }

    #[test]
    fn without_readings_the_belief_stays() {
        assert_eq!(fit(BELIEVED, &[]), BELIEVED);
    }

    #[test]
    fn many_readings_move_the_law_to_the_truth() {
        check(BELIEVED, 40, 0.01);
        check(Law { power_at_1_m: -40.0, exponent: 3.0 }, 40, 1.0);
        check(Law { power_at_1_m: -28.0, exponent: 2.4 }, 40, 2.0);
    }

    #[test]
    fn few_readings_move_it_a_little() {
        check(Law { power_at_1_m: -40.0, exponent: 3.5 }, 3, 8.0);
    }
}
