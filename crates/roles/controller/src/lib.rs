//! The controller: the NMSP server that tells engines what its access points hear.
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the configuration file |
//! | [`source`], [`replay`], [`campus`] | where the radio comes from: a recording, or a simulated campus |
//! | [`sensor`] | real radio: what sensors capture, and who they hear |
//! | [`plan`] | floor plans drawn from maps |
//! | [`feed`] | what every subscribed engine is told |
//! | [`server`] | puts these together and runs them |

pub mod campus;
pub mod config;
pub mod feed;
pub mod plan;
pub mod replay;
pub mod sensor;
pub mod server;
pub mod source;

pub use config::Config;
pub use server::{Controller, StartError};
