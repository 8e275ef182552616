//! Where an element is, from how strongly access points hear it.
//!
//! [`ReadingStore`] smooths what one element was heard with and says when a new answer is worth
//! computing. [`Locator`] holds the propagation maps of every floor and computes that answer: a
//! Bayes grid over the two likeliest floors, the mean of the posterior, and the radius that holds
//! 95 % of it. The method is that of `reference/location.md` section 6, without calibration;
//! [`Settings`] are the same for every site.
//!
//! The crate follows no movement and knows no wire format, no database and no clock: time arrives
//! inside the readings.

mod calibration;
mod choice;
mod estimate;
mod floor;
mod grid;
mod posterior;
mod propagation;
mod readings;
mod settings;
mod site;
#[cfg(test)]
mod testing;
mod track;

pub use calibration::audit::{Misplaced, misplaced};
pub use calibration::fingerprints::Likeness;
pub use calibration::quality::{Method, POINTS_MIN, Quality};
pub use choice::PreviousFloor;
pub use estimate::{Estimate, Locator, Power, Scratch};
pub use readings::{Change, ReadingStore, SLOTS_MAX};
pub use settings::Settings;
pub use track::Track;
