//! Where an element is, from how strongly access points hear it.
//!
//! [`ReadingStore`] smooths what one element was heard with and says when a new answer is worth
//! computing. [`Locator`] holds the propagation maps of every floor, corrected by a survey where there
//! is one, and computes that answer: how likely every place of the two likeliest floors is, the mean
//! of that, and the radius that holds 95 % of it. [`Track`] follows an element from answer to answer,
//! [`Walk`] from posterior to posterior.
//! The method is that of `reference/location.md` section 6, with the changes of ADR 2 and 11;
//! [`Settings`] are the same for every site.
//!
//! The crate knows no wire format, no database and no clock: time arrives inside the readings.

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
mod walk;

pub use calibration::audit::{Misplaced, misplaced};
pub use calibration::fingerprints::Likeness;
pub use calibration::quality::{Method, POINTS_MIN, Quality};
pub use choice::PreviousFloor;
pub use estimate::{Estimate, Locator, Power, Scratch};
pub use readings::{Change, ReadingStore, SLOTS_MAX};
pub use settings::{Keeping, Settings};
pub use track::Track;
pub use walk::Walk;
