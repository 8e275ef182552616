//! The mobility services engine: NMSP in, positions out.
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the configuration file |
//! | [`ingest`], [`report`] | the links to controllers, and what comes in over them |
//! | [`elements`] | the table of tracked elements, with limits and timers |
//! | [`tracker`] | the thread that turns reports into positions, history and notices |
//! | [`history`] | where the positions go |
//! | [`analytics`] | who was where and for how long: gathered, kept, and asked for |
//! | [`notifications`] | who is told what happens to elements: drives `notify` |
//! | [`writer`] | the way of every durable change: into the store, or through the pair's journal |
//! | [`site`], [`archive`] | the maps in use; import and export of maps |
//! | [`survey`] | what was heard at known places: kept, read from CSV, learnt from |
//! | [`accounts`] | users: the first one, and those that are added |
//! | [`api`] | REST, WebSocket, console, metrics |
//! | [`cmx`] | the shapes of the CMX API |
//! | [`contextaware`] | the shapes of the API of MSE 8 |
//! | [`engine`](mod@engine) | puts these together and runs them |
//! | [`service`] | the engine of a pair: dormant or active, as its health monitor orders |

pub mod accounts;
pub mod analytics;
pub mod api;
pub mod archive;
pub mod cmx;
pub mod config;
pub mod contextaware;
pub mod elements;
pub mod engine;
pub mod history;
pub mod ingest;
pub mod notifications;
pub mod report;
pub mod service;
pub mod site;
pub mod subscription;
pub mod survey;
pub mod tracker;
pub mod wips;
mod wired;
pub mod writer;

pub use config::Config;
pub use engine::{Engine, StartError};
pub use service::Service;
