//! The nouns of `OpenMSE`, used with the same meaning in code, CLI, API, console and documentation.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | **access point** (AP) | a receiver with a known place on a floor; named by its base radio [`Mac`] |
//! | **category** | what kind of thing is tracked: one of six, see [`Category`] |
//! | **controller** | the wireless LAN controller or switch that reports what its access points hear |
//! | **element** | one tracked thing: a [`Category`] and a [`Mac`] |
//! | **reading** | one signal strength of one element at one access point, see [`Reading`] |
//! | **observation** | everything that one element was heard with in one report, see [`Observation`] |
//! | **campus, building, floor** | the map hierarchy, see [`map`] |
//! | **zone** | a named polygon on a floor that people ask questions about |
//! | **region** | a polygon that elements can (inclusion) or cannot (exclusion) be in |
//! | **rail** | a line that elements move along: whoever is on the floor is on a rail |
//! | **chokepoint** | a place that triggers every tag within its range, so that the tag says that it is there |
//! | **encounter** | a tag within the range of a chokepoint, see [`Encounter`] |
//! | **switch port** | what a wired client is plugged into, see [`SwitchPort`] |
//! | **civic address** | a place as people write it, part by part, see [`CivicAddress`] |
//! | **outlet** | where a port of a switch comes out of the wall, see [`map::Outlet`] |
//! | **survey point** | a known place, and how strongly a device was heard there, see [`survey`] |
//! | **confidence** | side of the square, or radius of the circle, that holds the truth 95 times in 100 |
//! | **group** | one protected primary and its standby instance, see [`pair`] |
//! | **holder** | the data node of a group that serves; the other one is its backup |
//! | **witness** | the third voter of a group; it stores no data |
//!
//! This crate has no behaviour beyond parsing, printing and plane geometry.
//! It knows no wire format, no database and no clock.

pub mod geometry;
pub mod map;
pub mod pair;
pub mod survey;

mod element;
mod mac;
mod radio;
mod tag;
mod units;
mod wired;

pub use element::{Association, Category, Element, Position, UnknownCategory};
pub use mac::{Mac, MacError};
pub use radio::{Band, Observation, Reading};
pub use tag::{Battery, BatteryLevel, Emergency, Encounter, TagReport, Telemetry};
pub use units::{Dbm, Metres, Time};
pub use wired::{CivicAddress, CivicPart, SwitchPort};
