//! Timers and modes of a pair, and the relations between them that make it safe.
//!
//! Writes need no timer to be safe. Reads and the virtual address do: the holder must have let go
//! of both before its backup may take over. The relations are checked when configuration is
//! loaded: a [`Member`](crate::Member) takes only [`SafeSettings`]. Source: `shared/design/ha.md` section 4.6.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Who starts a failover or a failback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The pair itself; needs a witness.
    Automatic,
    /// An operator.
    Manual,
}

/// Kind of the virtual address: the kernel drops an IPv6 address later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// How a pair behaves. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Who starts a failover.
    pub failover: Mode,
    /// Who starts a failback.
    pub failback: Mode,
    /// Whether the group has a witness.
    pub has_witness: bool,
    /// Kind of the virtual address.
    pub address: AddressKind,
    /// Between two beacons.
    pub beacon_ms: u64,
    /// A holder that hears nothing from its backup for so long goes on alone.
    pub suspect_ms: u64,
    /// A holder under PAIR may serve reads so long after it sent the last beacon that was answered.
    pub lease_ms: u64,
    /// The kernel drops the virtual address by itself so long after it was last refreshed.
    pub address_life_ms: u64,
    /// Between two refreshes of the virtual address.
    pub address_refresh_ms: u64,
    /// `Failover wait time` of the source documents: a backup that hears nothing from its holder for
    /// so long takes over.
    pub failover_wait_ms: u64,
    /// A register call is repeated after so long.
    pub request_ms: u64,
    /// Shortest pause before a failed proposal is tried again.
    pub retry_min_ms: u64,
    /// Longest such pause.
    pub retry_max_ms: u64,
    /// A sole holder waits so long for its backup before it acknowledges alone.
    pub sync_ms: u64,
    /// The pair goes on without automatic failover when nobody has seen the witness for so long.
    pub disarm_ms: u64,
    /// The witness must be seen so long before it counts again.
    pub rearm_ms: u64,
    /// A backup that takes longer than this to acknowledge is slow.
    pub slow_ms: u64,
    /// A backup that was slow for so long is treated as lost.
    pub slow_for_ms: u64,
    /// First pause before a lost backup is taken back in; doubles with every loss.
    pub readmit_ms: u64,
    /// Longest such pause.
    pub readmit_max_ms: u64,
    /// A backup that was not lost for so long starts with the first pause again.
    pub readmit_reset_ms: u64,
    /// So many changes of the holder within [`Self::flap_ms`] end automatic failover.
    pub flap_changes: u32,
    /// See [`Self::flap_changes`].
    pub flap_ms: u64,
    /// A pair must have been complete for so long before it fails back by itself.
    pub stable_ms: u64,
    /// A handover that has not drained by then is given up.
    pub handover_ms: u64,
    /// An initial synchronisation that does not move for so long raises an alarm.
    pub stall_ms: u64,
}

/// Settings whose relations hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct SafeSettings(Settings);

/// Longest time that can be set. Ours: a day; longer ones are mistakes, and sums of them stay small.
const TIMER_MAX_MS: u64 = 86_400_000;
/// Clocks of two nodes may run apart by so much. Source: ha.md section 4.6, rho.
const DRIFT_PERCENT: u64 = 1;
/// The kernel's own delay in dropping an expired address. Measured on Linux 6.18, HZ 250: up to
/// 275 ms for IPv4, 245 ms for IPv6, because it rounds its timer to whole seconds. The design
/// note's 100 ms for IPv4 is too short.
const V4_REMOVAL_MS: u64 = 400;
/// See [`V4_REMOVAL_MS`].
const V6_REMOVAL_MS: u64 = 400;
/// The holder must win when both nodes lose sight of each other. Source: ha.md section 4.6.
const HOLDER_WINS_MS: u64 = 1_500;
/// So many beacons may be lost before anybody is suspected. Source: ha.md section 4.6.
const BEACONS_LOST: u64 = 5;
/// Longest `failover_wait` that can be chosen. Source: ha.md, decision 2.
const FAILOVER_WAIT_MAX_MS: u64 = 120_000;

/// Which relation is broken, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Without a third voter nobody can tell a dead holder from a cut cable.
    #[error("automatic failover needs a witness; configure one, or choose manual failover")]
    ConfigNoWitness,
    /// One time is too short for another.
    #[error("{name} is {found_ms} ms and must be {relation} {bound_ms} ms: {why}")]
    ConfigTimer {
        /// The setting.
        name: &'static str,
        /// Its value.
        found_ms: u64,
        /// How it must be to the bound.
        relation: &'static str,
        /// The bound.
        bound_ms: u64,
        /// What would go wrong.
        why: &'static str,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self::fast()
    }
}

impl Settings {
    /// The default: a pair is one LAN by rule.
    pub fn fast() -> Self {
        Self {
            beacon_ms: 50,
            suspect_ms: 400,
            lease_ms: 600,
            address_life_ms: 1_000,
            address_refresh_ms: 250,
            failover_wait_ms: 2_500,
            request_ms: 80,
            retry_min_ms: 40,
            retry_max_ms: 120,
            sync_ms: 400,
            ..Self::standard()
        }
    }

    /// For machines or networks that pause for a second now and then: the source documents'
    /// `Failover wait time (seconds): 10`.
    pub fn standard() -> Self {
        Self {
            failover: Mode::Automatic,
            failback: Mode::Manual,
            has_witness: true,
            address: AddressKind::V4,
            beacon_ms: 100,
            suspect_ms: 1_000,
            lease_ms: 1_500,
            address_life_ms: 2_000,
            address_refresh_ms: 500,
            failover_wait_ms: 10_000,
            request_ms: 200,
            retry_min_ms: 100,
            retry_max_ms: 300,
            sync_ms: 1_000,
            disarm_ms: 3_000,
            rearm_ms: 10_000,
            slow_ms: 500,
            slow_for_ms: 2_000,
            readmit_ms: 10_000,
            readmit_max_ms: 300_000,
            readmit_reset_ms: 1_800_000,
            flap_changes: 3,
            flap_ms: 3_600_000,
            stable_ms: 300_000,
            handover_ms: 500,
            stall_ms: 60_000,
        }
    }

    /// These settings, if the pair is safe with them.
    pub fn checked(self) -> Result<SafeSettings, SettingsError> {
        self.check()?;
        Ok(SafeSettings(self))
    }

    /// Every time, by its name.
    fn timers(&self) -> [(&'static str, u64); 19] {
        [
            ("beacon_ms", self.beacon_ms),
            ("suspect_ms", self.suspect_ms),
            ("lease_ms", self.lease_ms),
            ("address_life_ms", self.address_life_ms),
            ("address_refresh_ms", self.address_refresh_ms),
            ("failover_wait_ms", self.failover_wait_ms),
            ("request_ms", self.request_ms),
            ("retry_min_ms", self.retry_min_ms),
            ("retry_max_ms", self.retry_max_ms),
            ("sync_ms", self.sync_ms),
            ("disarm_ms", self.disarm_ms),
            ("rearm_ms", self.rearm_ms),
            ("slow_ms", self.slow_ms),
            ("slow_for_ms", self.slow_for_ms),
            ("readmit_ms", self.readmit_ms),
            ("readmit_max_ms", self.readmit_max_ms),
            ("stable_ms", self.stable_ms),
            ("handover_ms", self.handover_ms),
            ("stall_ms", self.stall_ms),
        ]
    }

    fn check(&self) -> Result<(), SettingsError> {
        if self.failover == Mode::Automatic && !self.has_witness {
            return Err(SettingsError::ConfigNoWitness);
        }
        let at_most = |name, found_ms, bound_ms, why| {
            let relation = "at most";
            let error = SettingsError::ConfigTimer { name, found_ms, relation, bound_ms, why };
            if found_ms <= bound_ms { Ok(()) } else { Err(error) }
        };
        for (name, found_ms) in self.timers() {
            at_most(name, found_ms, TIMER_MAX_MS, "a day is longer than anything here lasts")?;
        }
        let removal_ms = match self.address {
            AddressKind::V4 => V4_REMOVAL_MS,
            AddressKind::V6 => V6_REMOVAL_MS,
        };
        let gone_ms = (self.lease_ms + self.address_life_ms + removal_ms)
            .saturating_mul(100 + DRIFT_PERCENT)
            .div_ceil(100 - DRIFT_PERCENT);
        let at_least = |name, found_ms, bound_ms, why| {
            let relation = "at least";
            let error = SettingsError::ConfigTimer { name, found_ms, relation, bound_ms, why };
            if found_ms >= bound_ms { Ok(()) } else { Err(error) }
        };
        at_least("beacon_ms", self.beacon_ms, 1, "beacons must not flood the network")?;
        at_least(
            "suspect_ms",
            self.suspect_ms,
            self.beacon_ms.saturating_mul(BEACONS_LOST),
            "a few lost beacons must not end the pair",
        )?;
        at_least(
            "lease_ms",
            self.lease_ms,
            self.suspect_ms + 2 * self.request_ms + 1,
            "a holder must be able to go on alone before its lease ends",
        )?;
        at_least(
            "address_life_ms",
            self.address_life_ms,
            2 * self.address_refresh_ms,
            "one refresh may be late",
        )?;
        at_least(
            "failover_wait_ms",
            self.failover_wait_ms,
            gone_ms + 1,
            "the old holder must have lost its address before the new one takes it",
        )?;
        at_least(
            "failover_wait_ms",
            self.failover_wait_ms,
            self.suspect_ms + HOLDER_WINS_MS,
            "the holder must win when both lose sight of each other",
        )?;
        at_least("retry_max_ms", self.retry_max_ms, self.retry_min_ms, "it is the longer one")?;
        at_least("readmit_max_ms", self.readmit_max_ms, self.readmit_ms, "it is the longer one")?;
        at_most(
            "failover_wait_ms",
            self.failover_wait_ms,
            FAILOVER_WAIT_MAX_MS,
            "a longer wait is manual failover; choose that",
        )
    }

    /// Whether the pair starts failovers by itself.
    pub fn is_automatic(&self) -> bool {
        self.failover == Mode::Automatic
    }
}

impl TryFrom<Settings> for SafeSettings {
    type Error = SettingsError;

    fn try_from(settings: Settings) -> Result<Self, SettingsError> {
        settings.checked()
    }
}

impl From<SafeSettings> for Settings {
    fn from(settings: SafeSettings) -> Self {
        settings.0
    }
}

impl Deref for SafeSettings {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::fast();
        change(&mut settings);
        settings.checked().unwrap_err().to_string()
    }

    #[test]
    fn both_profiles_are_safe_down_to_their_floors() {
        for address in [AddressKind::V4, AddressKind::V6] {
            for (profile, floor_ms) in [(Settings::fast(), 2_200), (Settings::standard(), 4_100)] {
                assert!(Settings { address, ..profile.clone() }.checked().is_ok());
                let at_floor = Settings { address, failover_wait_ms: floor_ms, ..profile };
                assert!(at_floor.checked().is_ok());
            }
        }
    }

    #[test]
    fn every_relation_is_checked_and_names_its_timer() {
        for (text, error) in [
            ("failover_wait_ms", refused(|s| s.failover_wait_ms = 1_700)),
            ("failover_wait_ms", refused(|s| s.address_life_ms = 2_000)),
            ("failover_wait_ms is 121000 ms", refused(|s| s.failover_wait_ms = 121_000)),
            ("lease_ms", refused(|s| s.lease_ms = 560)),
            ("lease_ms", refused(|s| s.request_ms = 100)),
            ("suspect_ms", refused(|s| s.beacon_ms = 81)),
            ("beacon_ms", refused(|s| s.beacon_ms = 0)),
            ("lease_ms is 18446744073709551615 ms", refused(|s| s.lease_ms = u64::MAX)),
            ("address_life_ms", refused(|s| s.address_refresh_ms = 501)),
            ("retry_max_ms", refused(|s| s.retry_min_ms = 121)),
            ("readmit_max_ms", refused(|s| s.readmit_max_ms = 1)),
            (
                "holder must win",
                refused(|s| {
                    s.suspect_ms = 1_100;
                    s.lease_ms = 1_270;
                    s.address_life_ms = 500;
                }),
            ),
        ] {
            assert!(error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn automatic_failover_is_refused_without_a_witness() {
        assert!(refused(|s| s.has_witness = false).contains("needs a witness"));
        let manual = Settings { failover: Mode::Manual, has_witness: false, ..Settings::fast() };
        assert!(manual.checked().is_ok());
    }

    #[test]
    fn a_configuration_file_with_unsafe_timers_is_refused_when_it_is_read() {
        let read = |text| serde_json::from_str::<SafeSettings>(text);
        assert_eq!(*read("{}").unwrap(), Settings::fast());
        assert_eq!(read(r#"{"failover_wait_ms": 5000}"#).unwrap().failover_wait_ms, 5_000);
        let error = read(r#"{"failover_wait_ms": 1700}"#).unwrap_err().to_string();
        assert!(error.contains("failover_wait_ms is 1700 ms and must be at least"), "{error}");
        let error = read(r#"{"failover_wait": 5}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}
