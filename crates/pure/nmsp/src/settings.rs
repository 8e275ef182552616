//! The NMSP parameters and the relations that must hold between them.
//!
//! Names, defaults and ranges are those of "Editing NMSP Parameters" (MSE CAS guides 6.0 and 7.x).

use serde::{Deserialize, Serialize};

use crate::limits::ECHO_INTERVAL_MAX_MS;

/// The NMSP parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// From echo to echo. Published default 15 s, range 1 to 120 s.
    pub echo_interval_ms: u64,
    /// From an unanswered echo to the end. Published default 30 s, range 1 to 240 s.
    pub dead_interval_ms: u64,
    /// From an echo to its first repetition. Published default 1 s.
    pub response_timeout_ms: u64,
    /// From repetition to repetition. Published default 3 s, range 1 to 120 s.
    pub retransmit_interval_ms: u64,
    /// Most repetitions of one echo. Published default 5.
    pub retransmits_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            echo_interval_ms: 15_000,
            dead_interval_ms: 30_000,
            response_timeout_ms: 1_000,
            retransmit_interval_ms: 3_000,
            retransmits_max: 5,
        }
    }
}

/// A relation between timers that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A timer outside its range.
    #[error("{key} is {value_ms} ms; it must be {min_ms} to {max_ms} ms")]
    ConfigRange {
        /// The key.
        key: &'static str,
        /// Its value.
        value_ms: u64,
        /// Least allowed.
        min_ms: u64,
        /// Most allowed.
        max_ms: u64,
    },
    /// Dead before a second echo could be answered.
    #[error("dead_interval_ms must be at least twice echo_interval_ms")]
    ConfigDeadInterval,
}

impl Settings {
    /// Checks the published ranges. Milliseconds below the published whole seconds are allowed,
    /// because tests and demonstrations are in a hurry.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let ranges = [
            ("echo_interval_ms", self.echo_interval_ms, 10, ECHO_INTERVAL_MAX_MS),
            ("dead_interval_ms", self.dead_interval_ms, 20, 240_000),
            ("response_timeout_ms", self.response_timeout_ms, 1, 240_000),
            ("retransmit_interval_ms", self.retransmit_interval_ms, 1, 120_000),
        ];
        for (key, value_ms, min_ms, max_ms) in ranges {
            if !(min_ms..=max_ms).contains(&value_ms) {
                return Err(SettingsError::ConfigRange { key, value_ms, min_ms, max_ms });
            }
        }
        if self.dead_interval_ms < 2 * self.echo_interval_ms {
            return Err(SettingsError::ConfigDeadInterval);
        }
        Ok(())
    }
}
