//! What a machine can carry: a secondary has to do its primary's work some day.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

/// Memory that is counted as the same, in percent. Ours: what kernels and hypervisors keep of it
/// differs between machines that are sold as equal.
const SAME_MEMORY_PERCENT: u64 = 90;

/// Cores and memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Specification {
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
}

impl Specification {
    /// Of this machine; nothing when it does not say.
    pub fn of_this_machine() -> Option<Self> {
        let cores = std::thread::available_parallelism().ok()?.get();
        let memory = fs::read_to_string("/proc/meminfo").ok()?;
        let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
        Some(Self { cores, memory_mib: kib >> 10 })
    }

    /// Whether this machine can do what the other one does: the same specification or a higher one.
    /// Source: HA guide of MSE 8.0, what figure 2, the pairing matrix, is based on.
    pub fn can_replace(self, other: Self) -> bool {
        self.cores >= other.cores && self.memory_mib * 100 >= other.memory_mib * SAME_MEMORY_PERCENT
    }
}

impl fmt::Display for Specification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, memory_mib } = *self;
        let cores_name = if cores == 1 { "core" } else { "cores" };
        write!(f, "{cores} {cores_name} and {:.1} GiB", memory_mib as f64 / 1_024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_or_a_higher_one_can_replace_a_machine() {
        let of = |cores, memory_mib| Specification { cores, memory_mib };
        assert!(of(4, 8_000).can_replace(of(4, 8_000)));
        assert!(of(8, 16_000).can_replace(of(4, 8_000)));
        assert!(of(4, 7_300).can_replace(of(4, 8_000)), "a kernel kept more of it");
        assert!(!of(4, 7_000).can_replace(of(4, 8_000)));
        assert!(!of(2, 16_000).can_replace(of(4, 8_000)));
    }

    #[test]
    fn this_machine_says_what_it_has() {
        let here = Specification::of_this_machine().unwrap();
        assert!(here.cores > 0 && here.memory_mib > 0);
        assert_eq!(Specification { cores: 1, memory_mib: 3_891 }.to_string(), "1 core and 3.8 GiB");
    }
}
