//! How far off answers are.

use std::fmt;

/// The error of one answer whose truth is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) error: f32,
    pub(crate) radius: f32,
    pub(crate) is_floor_right: bool,
    pub(crate) is_building_right: bool,
}

/// The errors of all answers, in metres, and how many were right about the rest.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Score {
    /// How many answers had a known truth.
    pub n: usize,
    /// Queries that got no answer.
    pub unanswered: usize,
    /// Mean horizontal error.
    pub mean: f32,
    /// Median of the errors.
    pub median: f32,
    /// The error that nine in ten did not exceed.
    pub p90: f32,
    /// Answers on the right floor, in percent.
    pub floor: f32,
    /// Answers in the right building, in percent.
    pub building: f32,
    /// Answers whose radius holds the truth, in percent.
    pub covered: f32,
    /// Median of the radii.
    pub radius_median: f32,
}

impl Score {
    /// Nothing when there is no outcome.
    pub(crate) fn of(outcomes: &[Outcome], unanswered: usize) -> Option<Self> {
        if outcomes.is_empty() {
            return None;
        }
        let n = outcomes.len();
        let percent = |holds: fn(&Outcome) -> bool| {
            100.0 * outcomes.iter().filter(|it| holds(it)).count() as f32 / n as f32
        };
        let sorted = |of: fn(&Outcome) -> f32| {
            let mut values: Vec<f32> = outcomes.iter().map(of).collect();
            values.sort_by(f32::total_cmp);
            values
        };
        let (errors, radii) = (sorted(|it| it.error), sorted(|it| it.radius));
        Some(Self {
            n,
            unanswered,
            mean: errors.iter().sum::<f32>() / n as f32,
            median: errors[n / 2],
            p90: errors[(n * 9 / 10).min(n - 1)],
            floor: percent(|it| it.is_floor_right),
            building: percent(|it| it.is_building_right),
            covered: percent(|it| it.error <= it.radius),
            radius_median: radii[n / 2],
        })
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n, mean, median, p90, floor, building, covered, .. } = self;
        write!(
            f,
            "n {n} mean {mean:.2} median {median:.2} p90 {p90:.2} \
             floor {floor:.1}% building {building:.1}% covered {covered:.1}%"
        )
    }
}
