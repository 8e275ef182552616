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

mod choice;
mod estimate;
mod floor;
mod grid;
mod propagation;
mod readings;
mod settings;
mod site;

pub use choice::PreviousFloor;
pub use estimate::{Estimate, Locator, Power, Scratch};
pub use readings::{Change, ReadingStore, SLOTS_MAX};
pub use settings::Settings;
