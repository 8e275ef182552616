//! What a survey teaches about a site.
//!
//! Three things are learned, each from the points of one floor (`reference/location.md` section 6):
//! how each access point's strength falls with distance ([`law`]), how strengths differ from that
//! law from place to place ([`field`]), and, without any model, what each place sounds like
//! ([`fingerprints`]). Which of them a floor is located with is decided by [`quality`]: every method
//! has to find survey points that it was not shown.

pub(crate) mod audit;
pub(crate) mod field;
pub(crate) mod fingerprints;
pub(crate) mod law;
pub(crate) mod places;
pub(crate) mod quality;
