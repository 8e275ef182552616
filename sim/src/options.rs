//! What a seed decides before its world begins: how many groups, their settings, which faults.
//!
//! A swarm: each seed enables some of the faults, with rates of its own, so that rare
//! combinations get whole seeds to themselves. Means as in `ha.md` section 6.3.

use ha::{AddressKind, Mode, Settings};

use crate::faults::Fault;
use crate::network::Quality;
use crate::queue::{MS, Micros, SECOND};
use crate::rng::Rng;

/// The newest feature level: programs are at this one or the one before.
pub(crate) const LEVEL_MAX: u16 = 2;

/// Who is there at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everybody.
    All,
    /// The secondary machine stays away.
    WithoutSecondary,
    /// The primaries stay away.
    WithoutPrimaries,
    /// The witness stays away.
    WithoutWitness,
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// How long faults last.
    pub(crate) duration: Micros,
    pub(crate) groups: usize,
    pub(crate) settings: Vec<Settings>,
    pub(crate) levels: [u16; 2],
    pub(crate) writers: usize,
    pub(crate) readers: usize,
    /// Mean pause of a client between two requests.
    pub(crate) think: Micros,
    pub(crate) payload_max: u32,
    /// Entries that the journal keeps below the state on disk.
    pub(crate) keep_entries: u64,
    /// The kernel may drop an expired address so much later.
    pub(crate) removal_max: Vec<Micros>,
    pub(crate) segment_bytes: u64,
    pub(crate) full_scan: bool,
    /// Faults and the mean time between two of a kind.
    pub(crate) faults: Vec<(Fault, Micros)>,
    pub(crate) quality: Quality,
    pub(crate) drifts_ppm: [i64; 4],
    /// Mean length of a cut.
    pub(crate) cut: Micros,
    /// Longest wait before something that died is started again.
    pub(crate) restart_max: Micros,
    /// Longest freeze.
    pub(crate) freeze_max: Micros,
    pub(crate) max_active: usize,
    pub(crate) ending: Ending,
}

impl Options {
    /// A calm world with these settings for one group: for scenarios.
    pub(crate) fn calm(seed: u64, settings: Settings) -> Self {
        Self {
            seed,
            duration: Micros::MAX,
            groups: 1,
            settings: vec![settings],
            levels: [1, 1],
            writers: 1,
            readers: 1,
            think: 20 * MS,
            payload_max: 64,
            keep_entries: 1_000_000,
            removal_max: vec![0],
            segment_bytes: 64 << 10,
            full_scan: false,
            faults: Vec::new(),
            quality: Quality::LAN,
            drifts_ppm: [0; 4],
            cut: 5 * SECOND,
            restart_max: SECOND,
            freeze_max: SECOND,
            max_active: 2,
            ending: Ending::All,
        }
    }

    /// What this seed means.
    pub(crate) fn swarm(seed: u64, minutes: u64) -> Self {
        let mut rng = Rng::new(seed, 1);
        let groups = if rng.percent(45) { 2 } else { 1 };
        let settings: Vec<Settings> = (0..groups).map(|_| settings(&mut rng)).collect();
        let removal_max = settings
            .iter()
            .map(|settings| match settings.address {
                AddressKind::V4 | AddressKind::V6 => 400 * MS,
            })
            .collect();
        let drift = |rng: &mut Rng| rng.between(0, 20_000) as i64 - 10_000;
        let ending = match rng.below(10) {
            0..=5 => Ending::All,
            6 | 7 => Ending::WithoutPrimaries,
            8 => Ending::WithoutSecondary,
            _ => Ending::WithoutWitness,
        };
        let level = rng.between(1, u64::from(LEVEL_MAX)) as u16;
        let drawn = faults(&mut rng, minutes);
        let faults = if seed % TWINS_OF == TWINS_OF - 1 { twins() } else { drawn };
        let quality = Quality { echo_ppm: echoes(seed, &faults), ..quality(&mut rng) };
        Self {
            duration: minutes * 60 * SECOND,
            groups,
            settings,
            levels: if rng.percent(20) { [level, LEVEL_MAX + 1 - level] } else { [level, level] },
            writers: 1 + rng.below(3) as usize,
            readers: 1,
            think: rng.pick(&[60, 200, 1_000]) * MS,
            payload_max: rng.pick(&[20, 100, 180]),
            keep_entries: rng.pick(&[0, 16, 64, 1_000]),
            removal_max,
            segment_bytes: 16 << 10,
            full_scan: rng.percent(50),
            faults,
            quality,
            drifts_ppm: [drift(&mut rng), drift(&mut rng), drift(&mut rng), drift(&mut rng)],
            cut: rng.pick(&[1, 5, 5, 20]) * SECOND,
            restart_max: rng.pick(&[2, 20, 120]) * SECOND,
            freeze_max: rng.pick(&[3, 30]) * SECOND,
            max_active: if rng.percent(20) { 1 } else { 2 },
            ending,
            ..Self::calm(seed, Settings::fast())
        }
    }
}

fn settings(rng: &mut Rng) -> Settings {
    let mut settings = if rng.percent(60) { Settings::fast() } else { Settings::standard() };
    settings.failover_wait_ms = match rng.below(3) {
        0 => settings.failover_wait_ms,
        // The floors of both profiles; section 4.6.
        _ if settings.beacon_ms == 50 => 2_200,
        _ => 4_100,
    };
    if rng.percent(15) {
        settings.failover = Mode::Manual;
        settings.has_witness = rng.percent(50);
    }
    if rng.percent(50) {
        settings.failback = Mode::Automatic;
    }
    if rng.percent(30) {
        settings.address = AddressKind::V6;
    }
    // Long-term paths within ten minutes.
    settings.readmit_ms = rng.pick(&[500, 2_000, 10_000]);
    settings.readmit_max_ms = settings.readmit_ms * rng.pick(&[2, 8]);
    settings.readmit_reset_ms = rng.pick(&[60_000, 1_800_000]);
    settings.stable_ms = rng.pick(&[5_000, 20_000, 300_000]);
    settings.flap_changes = rng.pick(&[3, 8, 1_000]);
    settings.flap_ms = rng.pick(&[60_000, 600_000]);
    settings.rearm_ms = rng.pick(&[1_000, 10_000]);
    settings
}

fn quality(rng: &mut Rng) -> Quality {
    let mut quality = Quality::LAN;
    if rng.percent(30) {
        quality.jitter = rng.pick(&[2, 20]) * MS;
    }
    if rng.percent(30) {
        quality.loss_ppm = rng.pick(&[1_000, 20_000, 100_000]);
    }
    if rng.percent(30) {
        quality.double_ppm = rng.pick(&[10_000, 100_000]);
    }
    if rng.percent(20) {
        quality.damage_ppm = 10_000;
    }
    if rng.percent(30) {
        quality.late_ppm = rng.pick(&[1_000, 30_000]);
        quality.late = rng.pick(&[100, 2_000]) * MS;
    }
    quality
}

/// Has a stream of its own, so that a seed's other draws are what they were without echoes. A disk
/// that is set back is the reason to have them.
fn echoes(seed: u64, faults: &[(Fault, Micros)]) -> u32 {
    let mut rng = Rng::new(seed, 4);
    if faults.iter().any(|(fault, _)| *fault == Fault::DiskReverted) {
        return rng.pick(&[50_000, 200_000]);
    }
    if rng.percent(15) { rng.pick(&[10_000, 50_000]) } else { 0 }
}

/// One seed of so many has two witnesses of one name most of the time.
const TWINS_OF: u64 = 40;

/// Two witnesses, of which each node hears another one. That takes cuts at the right moments, which a
/// mix of everything hardly ever has.
fn twins() -> Vec<(Fault, Micros)> {
    [
        (Fault::WitnessTwin, 20),
        (Fault::CutBoth, 3),
        (Fault::CutOneWay, 10),
        (Fault::ResumeOrder, 10),
    ]
    .map(|(fault, mean_s)| (fault, mean_s * SECOND))
    .to_vec()
}

/// Each kind of fault, how many of a hundred seeds have it, and the mean seconds between two.
const SWARM: [(Fault, u32, u64); 26] = [
    (Fault::CutBoth, 50, 30),
    (Fault::CutOneWay, 40, 30),
    (Fault::Storm, 25, 60),
    (Fault::Crash, 50, 60),
    (Fault::CrashInDoubt, 40, 40),
    (Fault::Kill, 30, 90),
    (Fault::PowerLoss, 40, 90),
    (Fault::Freeze, 35, 60),
    (Fault::Pause, 20, 90),
    (Fault::ServiceFailure, 30, 90),
    (Fault::Stall, 30, 40),
    (Fault::SyncError, 20, 120),
    (Fault::DiskFull, 15, 200),
    (Fault::BitFlip, 25, 40),
    (Fault::DiskReplaced, 15, 240),
    (Fault::DiskReverted, 15, 200),
    (Fault::WitnessRestart, 35, 90),
    (Fault::WitnessTwin, 15, 120),
    (Fault::Switchover, 40, 60),
    (Fault::PauseOrder, 15, 150),
    (Fault::ResumeOrder, 40, 120),
    (Fault::Shutdown, 25, 120),
    (Fault::CarefulForce, 20, 40),
    (Fault::CarelessForce, 6, 250),
    (Fault::Upgrade, 20, 200),
    (Fault::Unpair, 4, 300),
];

fn faults(rng: &mut Rng, minutes: u64) -> Vec<(Fault, Micros)> {
    let mut faults = Vec::new();
    // Few faults together find other things than all at once.
    let share = rng.pick(&[30, 60, 100]);
    for (fault, percent, mean) in SWARM {
        if rng.percent(percent * share / 60) {
            let factor = rng.pick(&[50, 100, 200]);
            // A short run has its share of every fault, too.
            let mean = mean * SECOND * factor / 100 * minutes.min(10) / 10;
            faults.push((fault, mean.max(SECOND)));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_means_settings_that_are_safe() {
        for seed in 0..2_000 {
            let options = Options::swarm(seed, 10);
            for settings in &options.settings {
                assert!(settings.clone().checked().is_ok(), "seed {seed}");
            }
        }
    }
}
