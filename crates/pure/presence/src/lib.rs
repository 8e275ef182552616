//! Who was where, and for how long: what analytics count.
//!
//! | module | what it is for |
//! |---|---|
//! | [`stays`] | sightings become stays while they are made |
//! | [`heat`] | how long elements were in each cell of a floor |
//! | [`visit`] | stays become visits when somebody asks; who is a visitor |
//! | [`report`] | counts, dwell, repeat visitors and flow over spans of time |
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | **sighting** | an element was heard, and where it is |
//! | **stay** | an element was at one place, a floor or a zone, from one time to another |
//! | **visit** | stays of one element at the places that are asked about, with short breaks only |
//! | **visitor** | who was connected, or was heard well for some minutes; a **passer-by** was neither |
//! | **dwell** | how long a visitor was there on one day, breaks left out |
//!
//! A stay is what is kept; all else is computed from stays when it is asked for, so that a definition
//! can change without rewriting what was. Buildings and campuses have no stays of their own: they are
//! their floors.
//!
//! This crate does not know a clock, a calendar, maps or a database: which spans of time are an hour
//! or a day somewhere, and which floors make a building, is told by the caller.

pub mod heat;
pub mod report;
pub mod stays;
pub mod visit;

pub use heat::{CELL, Cell, Heat};
pub use stays::{Presence, Sighting, Stay};
pub use visit::{Rules, Standing, Visit, visits};

/// Who is counted.
pub type Element = (model::Category, model::Mac);
