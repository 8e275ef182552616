//! Recorded sites: reading them, locating on them with the shipped defaults, and the errors.
//!
//! A site is a folder in the format of [`dataset`]. [`run`] answers its queries in one [`Mode`]; where
//! the truth is there, [`Score`] says how far off the answers are. The same defaults serve every
//! site: this crate tells the estimator where access points, walls and survey points are, as an
//! engine does, and nothing else.
//!
//! It knows no terminal and prints nothing.

pub mod dataset;
mod error;
mod modes;
mod occupancy;
mod score;
mod site;
mod streams;
mod words;

pub use error::BenchError;
pub use modes::{Answer, Answered, Mode, Options, run, write};
pub use score::Score;
