//! What can go wrong, and what it may cost.
//!
//! A scenario is what a site has, what happens there while clients write and ask, and the figures
//! that it is held to. Mending, waiting and reading back are everybody's: see [`crate::run`].
//!
//! Those that take several steps are in [`steps`].

mod steps;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::judge::Limits;
use crate::lab::Host::{self, A, A2, B, C, W};
use crate::site::{Plan, Site, pass};

/// `failover_wait` and what comes after it. Source: issue 4, `failover_wait` + 0.3 s.
const TAKEOVER_MS: u64 = 2_800;
/// From the end of the service to an answer. Source: issue 4.
const CRASH_MS: u64 = 400;
/// Source: issue 4, planned switchover.
const SWITCH_MS: u64 = 300;
/// No row may wait longer when the backup is lost. Source: issue 4, "write stall on peer loss".
const STALL_MS: u64 = 600;
/// No row may wait longer when everything is 500 ms away from the holder. Ours, in round trips of 1 s:
/// two in which the voters let it go on alone, one of a write that still meets its refusal, one to
/// connect again, one to write; and until the backup is given up.
const FAR_STALL_MS: u64 = 5_000 + STALL_MS;
/// Clients notice nothing. Ours: a busy machine's pauses.
const NOTHING_MS: u64 = 150;
/// A frozen monitor leaves its address to the kernel. Source: issue 4.
const FROZEN_OWNERS_MS: u64 = 1_200;
/// A client tries again after so long. Ours: many times what a row takes.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a fault lasts that clients must be taken through. Ours: twice `failover_wait`.
const FAULT_S: f64 = 6.0;
/// How many switchovers. Source: issue 4.
const SWITCHES: usize = 50;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) plan: Plan,
    pub(crate) patience: Duration,
    pub(crate) limits: Limits,
    /// Why it cannot run here, beyond what all need.
    pub(crate) missing: fn() -> Option<String>,
    /// What has to be there before anything is counted; clients write already.
    pub(crate) prepares: fn(&mut Site) -> Result<()>,
    pub(crate) happens: fn(&mut Site) -> Result<()>,
}

pub(crate) const PLAIN: Plan = Plan {
    wired: &[],
    small_disk: None,
    has_second: false,
    rows_max: usize::MAX,
    pad_bytes: 0,
    ballast_mib: 0,
    has_direct: false,
    own_clock: None,
    is_older: false,
};
/// A journal's segment of 64 MiB is full within seconds, and 20,000 entries, which the monitor keeps
/// for its peer, still fit on a disk of [`DISK_MIB`].
const FILLING: Plan = Plan { pad_bytes: 8 << 10, ..PLAIN };
/// A cable between the data nodes besides.
const DIRECT: Plan = Plan { has_direct: true, ..PLAIN };
/// A state that takes a while to send.
const LARGE: Plan = Plan { ballast_mib: 300, ..PLAIN };
/// Ours: a tmpfs, so it must fit into memory.
const DISK_MIB: u32 = 1_536;

/// Who serves goes on, and writes go on at once or after the backup was given up.
const fn goes_on(stall_ms: u64) -> Limits {
    Limits { gap_ms: Some(NOTHING_MS), stall_ms: Some(stall_ms), two_owners_ms: 0 }
}

/// Somebody else serves after so long.
const fn moves(gap_ms: u64) -> Limits {
    Limits { gap_ms: Some(gap_ms), stall_ms: Some(gap_ms + 400), two_owners_ms: 0 }
}

/// Nobody can serve for a while.
const STOPS: Limits = Limits { gap_ms: None, stall_ms: None, two_owners_ms: 0 };

const fn scenario(
    name: &'static str,
    about: &'static str,
    limits: Limits,
    happens: fn(&mut Site) -> Result<()>,
) -> Scenario {
    Scenario {
        name,
        about,
        plan: PLAIN,
        patience: PATIENCE,
        limits,
        missing: || None,
        prepares: |_| Ok(()),
        happens,
    }
}

/// One that is held to no figure, only to its promises.
pub(crate) const fn unlimited(
    name: &'static str,
    about: &'static str,
    happens: fn(&mut Site) -> Result<()>,
) -> Scenario {
    let limits = Limits { two_owners_ms: u64::MAX, ..STOPS };
    scenario(name, about, limits, happens)
}

/// All of them, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[
    scenario("calm", "nothing happens", goes_on(NOTHING_MS), |_| {
        pass(FAULT_S);
        Ok(())
    }),
    scenario("cable-a", "the primary's cable is pulled", moves(TAKEOVER_MS), |site| {
        site.pull(A)?;
        pass(FAULT_S);
        site.plug_in(A)
    }),
    scenario("cable-b", "the secondary's cable is pulled", goes_on(STALL_MS), |site| {
        site.pull(B)?;
        pass(FAULT_S);
        site.plug_in(B)
    }),
    scenario("cut-ab", "both nodes see the witness, not each other", goes_on(STALL_MS), |site| {
        site.lose(&[(A, B), (B, A)], 100)?;
        pass(FAULT_S);
        Ok(())
    }),
    scenario("one-way-ab", "the secondary does not hear the primary", goes_on(STALL_MS), |site| {
        site.lose(&[(A, B)], 100)?;
        pass(FAULT_S);
        Ok(())
    }),
    scenario("one-way-ba", "the primary does not hear the secondary", goes_on(STALL_MS), |site| {
        site.lose(&[(B, A)], 100)?;
        pass(FAULT_S);
        Ok(())
    }),
    scenario(
        "witness-then-b",
        "the witness goes, later the secondary",
        goes_on(STALL_MS),
        |site| {
            site.pull(W)?;
            pass(FAULT_S);
            site.pull(B)?;
            pass(FAULT_S);
            site.plug_in(B)?;
            site.plug_in(W)
        },
    ),
    scenario("witness-then-a", "the witness goes, later the primary", STOPS, |site| {
        site.pull(W)?;
        pass(FAULT_S);
        site.pull(A)?;
        pass(FAULT_S);
        if let Some(told) = site.told(B, A).filter(|told| told.state() == "FAILOVER_ACTIVE") {
            bail!("the secondary took over without a witness: {told:?}");
        }
        site.plug_in(A)?;
        site.plug_in(W)
    }),
    scenario("both-gone", "witness and secondary go at once, and return", STOPS, |site| {
        site.pull(W)?;
        site.pull(B)?;
        pass(FAULT_S);
        site.plug_in(B)?;
        pass(FAULT_S);
        site.plug_in(W)
    }),
    scenario("kill-service", "kill -9 of the service", moves(CRASH_MS), |site| {
        site.kill_service(A)?;
        pass(FAULT_S);
        Ok(())
    }),
    scenario("kill-monitor", "kill -9 of the monitor", moves(TAKEOVER_MS), |site| {
        site.kill(A)?;
        pass(FAULT_S);
        site.start(A)
    }),
    scenario("kill-monitor-b", "kill -9 of the secondary's monitor", goes_on(STALL_MS), |site| {
        site.kill(B)?;
        pass(FAULT_S);
        site.start(B)
    }),
    scenario("restart-monitor", "kill -9 of the monitor, started again at once", STOPS, |site| {
        site.kill(A)?;
        pass(0.1);
        site.start(A)?;
        pass(FAULT_S);
        Ok(())
    }),
    Scenario {
        limits: Limits { two_owners_ms: FROZEN_OWNERS_MS, ..moves(TAKEOVER_MS) },
        ..scenario("freeze", "SIGSTOP of the monitor for 30 s", moves(TAKEOVER_MS), |site| {
            site.freeze(A)?;
            pass(30.0);
            site.thaw(A)?;
            pass(2.0);
            Ok(())
        })
    },
    scenario("loss", "30 % of the packets between the nodes are lost", STOPS, |site| {
        site.lose(&[(A, B), (B, A), (A, W), (W, A), (B, W), (W, B)], 30)?;
        pass(20.0);
        Ok(())
    }),
    Scenario {
        plan: Plan { wired: &[B], ..PLAIN },
        ..scenario("delay-b", "500 ms on the secondary's cable", goes_on(STALL_MS), |site| {
            site.delay(B, 500)?;
            pass(15.0);
            Ok(())
        })
    },
    Scenario {
        plan: Plan { wired: &[A], ..PLAIN },
        patience: Duration::from_millis(2_500),
        limits: Limits { stall_ms: Some(FAR_STALL_MS), ..moves(TAKEOVER_MS) },
        ..scenario("delay-a", "500 ms on the primary's cable", moves(TAKEOVER_MS), |site| {
            site.delay(A, 500)?;
            pass(15.0);
            Ok(())
        })
    },
    Scenario {
        plan: Plan { small_disk: Some((A, DISK_MIB)), ..FILLING },
        ..scenario("disk-full-a", "the primary's disk is full", moves(TAKEOVER_MS), |site| {
            fill(site, A)
        })
    },
    Scenario {
        plan: Plan { small_disk: Some((B, DISK_MIB)), ..FILLING },
        ..scenario("disk-full-b", "the secondary's disk is full", goes_on(STALL_MS), |site| {
            fill(site, B)
        })
    },
    scenario("power", "the power of both nodes goes at once", STOPS, |site| {
        site.lose_power(&[A, B])?;
        pass(2.0);
        site.start(A)?;
        site.start(B)?;
        pass(FAULT_S);
        Ok(())
    }),
    scenario(
        "power-all",
        "the power goes, also the witness's; the secondary returns first",
        STOPS,
        |site| {
            site.lose_power(&[A, B, W])?;
            pass(1.0);
            site.start(W)?;
            site.start(B)?;
            pass(FAULT_S);
            site.start(A)?;
            pass(FAULT_S);
            Ok(())
        },
    ),
    scenario("switch", "50 switchovers under load", moves(SWITCH_MS), |site| {
        for _ in 0..SWITCHES {
            site.switch(A)?;
            pass(0.5);
            site.wait_until_whole()?;
        }
        Ok(())
    }),
    Scenario {
        plan: Plan { has_second: true, ..PLAIN },
        ..scenario(
            "second",
            "a second primary goes while the first one is active elsewhere",
            moves(TAKEOVER_MS),
            |site| {
                site.kill(A)?;
                pass(FAULT_S);
                site.pull(A2)?;
                pass(FAULT_S);
                site.start(A)?;
                site.plug_in(A2)
            },
        )
    },
    Scenario {
        plan: Plan { rows_max: 1, ..PLAIN },
        ..scenario(
            "many-entries",
            "the primary's cable, while each row is an entry of its own",
            moves(TAKEOVER_MS),
            |site| {
                site.pull(A)?;
                pass(FAULT_S);
                site.plug_in(A)
            },
        )
    },
    scenario("clients", "the clients' cable is pulled: the pair does not care", STOPS, |site| {
        site.pull(C)?;
        pass(FAULT_S);
        site.plug_in(C)
    }),
    Scenario {
        plan: Plan { own_clock: Some(A), ..PLAIN },
        missing: crate::site::clock::missing,
        ..scenario(
            "clock",
            "the primary's wall clock steps a year ahead, two years back, and home",
            goes_on(STALL_MS),
            steps::step_clock,
        )
    },
    Scenario {
        prepares: steps::fill_segments,
        ..scenario(
            "corrupt-a",
            "the primary's monitor is killed, and its journal is damaged",
            moves(TAKEOVER_MS),
            |site| steps::corrupt(site, A),
        )
    },
    Scenario {
        prepares: steps::fill_segments,
        ..scenario(
            "corrupt-b",
            "the secondary's monitor is killed, and its journal is damaged",
            goes_on(STALL_MS),
            |site| steps::corrupt(site, B),
        )
    },
    Scenario {
        plan: DIRECT,
        ..scenario(
            "direct-connect",
            "the nodes hear each other over the direct cable only",
            goes_on(NOTHING_MS),
            |site| {
                site.lose(&[(A, B), (B, A)], 100)?;
                pass(FAULT_S);
                steps::expect_whole(site)?;
                site.lose_nothing()?;
                pass(FAULT_S);
                steps::expect_whole(site)
            },
        )
    },
    Scenario {
        plan: DIRECT,
        ..scenario(
            "direct-both",
            "the direct cable goes while the nodes hear each other over nothing else",
            goes_on(STALL_MS),
            |site| {
                site.lose(&[(A, B), (B, A)], 100)?;
                pass(FAULT_S);
                steps::expect_whole(site)?;
                site.pull_direct()?;
                pass(FAULT_S);
                site.lose_nothing()?;
                site.plug_in_direct()
            },
        )
    },
    Scenario {
        plan: DIRECT,
        ..scenario(
            "direct-cable",
            "the direct cable goes, the network stays",
            goes_on(STALL_MS),
            |site| {
                site.pull_direct()?;
                pass(FAULT_S);
                steps::expect_whole(site)?;
                site.plug_in_direct()?;
                pass(FAULT_S);
                steps::expect_whole(site)
            },
        )
    },
    Scenario {
        plan: DIRECT,
        ..scenario(
            "direct-cable-a",
            "the primary's cable is pulled, the direct cable stays",
            moves(TAKEOVER_MS),
            |site| {
                site.pull(A)?;
                pass(FAULT_S);
                steps::expect_holder(site, B)?;
                site.plug_in(A)
            },
        )
    },
    Scenario {
        plan: Plan { is_older: true, ..PLAIN },
        ..scenario(
            "upgrade",
            "one node after the other goes from an older build to this one",
            moves(SWITCH_MS),
            steps::upgrade,
        )
    },
    scenario(
        "second-self",
        "another machine starts with a copy of the primary's disk",
        goes_on(STALL_MS),
        steps::second_self,
    ),
    scenario(
        "recovery",
        "the primary dies with its disk, and gets everything back from the secondary",
        moves(TAKEOVER_MS),
        steps::recover,
    ),
    Scenario {
        plan: LARGE,
        prepares: steps::outgrow_journal,
        ..scenario(
            "large-sync",
            "a large snapshot to a secondary without memory, whose cable is pulled twice",
            goes_on(STALL_MS),
            steps::sync_large,
        )
    },
    Scenario {
        plan: LARGE,
        prepares: steps::outgrow_journal,
        ..scenario(
            "stalled-sync",
            "full packets are lost on the way to a secondary that gets its memory back",
            goes_on(STALL_MS),
            steps::stall_sync,
        )
    },
];

/// Fills a machine's disk, lets it be full for a while, and makes room.
fn fill(site: &mut Site, host: Host) -> Result<()> {
    let filler = site.data(host).join("filler");
    site.mark(format!("the disk of {} is full", host.name()));
    let mut file = std::fs::File::create(&filler)?;
    let block = vec![0; 1 << 20];
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
    drop(file);
    pass(FAULT_S * 3.0);
    site.mark(format!("the disk of {} has room", host.name()));
    std::fs::remove_file(&filler)?;
    Ok(())
}
