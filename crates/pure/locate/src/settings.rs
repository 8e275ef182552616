//! The constants of the estimator, with the shipped defaults.
//!
//! One set for every site: a default that needs tuning per site is a wrong default.

use model::{Dbm, Metres};

/// Constants of propagation, reading store and estimator.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Path-loss exponent of a floor without drawn walls; it stands for the usual clutter.
    pub exponent_open: f32,
    /// Path-loss exponent of a floor whose walls are drawn and counted one by one.
    pub exponent_walled: f32,
    /// The most that walls take together: beyond it the signal finds another way.
    pub wall_loss_max_db: f32,
    /// What each storey between access point and element takes.
    pub storey_loss_db: f32,
    /// Height above the floor at which elements are carried.
    pub element_height: Metres,

    /// How readings of what is carried about are kept.
    pub moving: Keeping,
    /// The same of what a [`Walk`](crate::Walk) follows, which smooths by itself.
    pub walking: Keeping,
    /// How readings of what stays where it is are kept: rogue access points, interferers.
    pub standing: Keeping,

    /// So many of the strongest readings are used however weak they are.
    pub strongest_kept: usize,
    /// Wi-Fi readings from here on are used as well.
    pub wifi_cut: Dbm,
    /// Readings of other radios are used within this distance of the strongest.
    pub other_cut_db: f32,
    /// A reading this much weaker than the strongest counts 1/e.
    pub weight_scale_db: f32,
    /// The same on a floor whose maps a survey has corrected: there weak readings are predicted too.
    pub weight_scale_surveyed_db: f32,
    /// Standard deviation of a reading around its prediction (shadowing).
    pub shadowing_db: f32,
    /// The same on a surveyed floor.
    pub shadowing_surveyed_db: f32,
    /// Standard deviation of an element's transmit power when its kind is known.
    pub offset_known_db: f32,
    /// The same on a surveyed floor, where the model does not add to it.
    pub offset_surveyed_db: f32,
    /// The same for rogues and interferers, of which nothing is known.
    pub offset_unknown_db: f32,
    /// Shadowing of neighbouring access points is correlated: for the confidence they together
    /// count as at most so many independent readings.
    pub independent_readings: f32,
    /// A change of floor needs this natural logarithm of the odds, or two estimates in a row.
    pub floor_change_log_odds: f32,
}

/// How long readings count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keeping {
    /// Time constant of the smoothing of each reading.
    pub smoothing_ms: u64,
    /// A reading this much older than the present is not used.
    pub absolute_age_max_ms: u64,
    /// A reading this much older than the newest of its element is not used.
    pub relative_age_max_ms: u64,
    /// A smoothed reading that moved this far asks for a new estimate.
    pub moved_db: f32,
}

/// How readings of what is carried about are kept: section 6.
const MOVING: Keeping = Keeping {
    smoothing_ms: 2_000,
    // Ours: a minute is the silence after which section 6 starts a track anew, and in ten seconds a
    // walker leaves the range that a reading describes.
    absolute_age_max_ms: 60_000,
    relative_age_max_ms: 10_000,
    moved_db: 2.0,
};

impl Default for Settings {
    /// The recommended values of `reference/location.md` section 6, except where it has none or
    /// measurements on its recordings say otherwise.
    fn default() -> Self {
        Self {
            // With the powers at 1 m: ADR 14. Section 6 has 3.5.
            exponent_open: 3.7,
            exponent_walled: 2.1,
            wall_loss_max_db: 30.0,
            // Section 6 has 15 to 18, a matter of the building. The one recording with several floors and
            // known access points: 22 to 37 are better, by 1 to 4 %.
            storey_loss_db: 28.0,
            element_height: Metres(1.1),
            moving: MOVING,
            // The readings of one step of the walk are averaged. Measured on the recorded tracks: instead
            // of 2 s it is 1.25 m instead of 1.43 m with a survey, and 1.94 m instead of 2.14 m without.
            walking: Keeping { smoothing_ms: 500, ..MOVING },
            // Access points that serve clients leave their channel for moments only, so what they hear
            // of strangers comes together over minutes. Section 6: 10 to 30 of them.
            standing: Keeping {
                smoothing_ms: 300_000,
                absolute_age_max_ms: 1_800_000,
                relative_age_max_ms: 600_000,
                moved_db: 1.0,
            },
            strongest_kept: 4,
            wifi_cut: Dbm(-75.0),
            other_cut_db: 25.0,
            weight_scale_db: 20.0,
            // Measured on five recordings: 40 to 1,000 differ by 2 %.
            weight_scale_surveyed_db: 40.0,
            shadowing_db: 6.5,
            // What the survey does not explain: `calibration::field`.
            shadowing_surveyed_db: 5.0,
            // Section 6 has 2. Measured where nobody surveyed: 2 to 4 are within 1 %, and where access points
            // hear and phones do not, 4 is better than 2 by 6 %.
            offset_known_db: 3.0,
            // Measured: 2 is best for Wi-Fi and 4 for Bluetooth, each within 2 %.
            offset_surveyed_db: 4.0,
            offset_unknown_db: 8.0,
            independent_readings: 4.0,
            floor_change_log_odds: 3.0,
        }
    }
}
