//! Scenarios that take several steps.

use std::time::Duration;

use anyhow::{Result, bail};

use super::FAULT_S;
use crate::lab::Host::{self, A, A2, B, W};
use crate::ledger::state::BALLAST_NAME;
use crate::site::clock::YEAR_S;
use crate::site::{Site, pass};

/// Connections are given up after a silence of 3 s. Source: `monitor::links`.
const SILENT_S: f64 = 4.0;
/// More than a segment. Source: `monitor::group::storage`, 64 MiB.
const SEALED_MIB: usize = 80;
/// More than the monitor keeps of its journal for a peer that was away, with two segments.
/// Source: `monitor::group::feed`, 256 MiB; `monitor::group::storage`, 64 MiB.
const KEPT_MIB: usize = 384;
/// The beginning of the journal is let go by then. Source: `monitor::group::feed`, a state is made
/// durable every 10 s.
const LET_GO_MAX: Duration = Duration::from_secs(90);
/// How much of a snapshot has come when the cable is pulled. Ours: both are in mid-transfer.
const CUT_AT_BYTES: [u64; 2] = [40 << 20, 140 << 20];
/// What may come twice after a cut: the chunk that was on its way. Source: `journal::snapshot`.
const CHUNK_BYTES: u64 = 1 << 20;
/// Of what comes, one part in so many is headers, beacons and answers. Ours, measured: one in 300.
const HEADERS_OF: u64 = 50;
/// When the alarm of a transfer that stands still is there. Source: issue 4, 60 s; ours: and some for the
/// chunk that was on its way.
const STALLED_MAX: Duration = Duration::from_secs(70);
/// How long a copy of a machine runs. Ours: four times `failover_wait`.
const COPY_S: f64 = 10.0;
/// How long it stays pulled.
const CUT_S: f64 = 5.0;

/// Steps the primary's wall clock, and has everything dialled anew each time.
pub(super) fn step_clock(site: &mut Site) -> Result<()> {
    for seconds in [YEAR_S, -YEAR_S, 0] {
        site.step_clock(A, seconds)?;
        pass(2.0);
        expect_whole(site)?;
        site.pull(B)?;
        pass(SILENT_S);
        site.plug_in(B)?;
        site.wait_until_whole()?;
    }
    Ok(())
}

/// Writes until there is a sealed segment, and rows behind it.
pub(super) fn fill_segments(site: &mut Site) -> Result<()> {
    site.fill(A, SEALED_MIB)?;
    pass(2.0);
    Ok(())
}

/// Damages a sealed segment and the newest one while the monitor is away.
pub(super) fn corrupt(site: &mut Site, host: Host) -> Result<()> {
    site.kill(host)?;
    let segments = site.segments(host)?;
    let [.., sealed, newest] = &segments[..] else { bail!("there is one segment only") };
    let damaged = [site.corrupt(sealed)?, site.corrupt(newest)?];
    pass(FAULT_S);
    site.start(host)?;
    site.wait_until_mended(host, &damaged)?;
    site.wait_until_whole()
}

/// Upgrades the secondary, then the primary, then the witness.
pub(super) fn upgrade(site: &mut Site) -> Result<()> {
    site.upgrade(B)?;
    site.wait_until_whole()?;
    site.switch(A)?;
    site.wait_until_whole()?;
    site.upgrade(A)?;
    site.wait_until_whole()?;
    site.switch(A)?;
    site.wait_until_whole()?;
    site.upgrade(W)?;
    pass(FAULT_S);
    expect_whole(site)
}

/// Starts another machine with the primary's key and data while the primary serves.
pub(super) fn second_self(site: &mut Site) -> Result<()> {
    site.copy_disk(A, A2)?;
    site.start(A2)?;
    pass(COPY_S);
    let told = site.told(A2, A).map_or_else(|| "nothing".to_owned(), |told| told.state());
    site.mark(format!("the copy says {told}"));
    // Clients are looked after by the limits: somebody serves all the time, and one only.
    site.kill(A2)
}

/// The primary is replaced by a machine that has nothing but its configuration.
pub(super) fn recover(site: &mut Site) -> Result<()> {
    site.lose_power(&[A])?;
    pass(FAULT_S);
    expect_holder(site, B)?;
    site.set_up_anew(A)?;
    site.start(A)?;
    site.pair(A)?;
    site.wait_until_whole()?;
    expect_holder(site, B)?;
    site.switch(A)?;
    site.wait_until_whole()
}

/// Writes until the beginning of the journal is in a snapshot only.
pub(super) fn outgrow_journal(site: &mut Site) -> Result<()> {
    let first = site.segments(A)?;
    site.fill(A, KEPT_MIB)?;
    site.wait(LET_GO_MAX, "journal without its beginning", |site| {
        site.segments(A).is_ok_and(|all| all.first() != first.first())
    })
}

/// The secondary loses its memory, and the cable twice while it gets it back.
pub(super) fn sync_large(site: &mut Site) -> Result<()> {
    site.kill(B)?;
    site.lose_instances(B)?;
    site.start(B)?;
    site.follow_sync(B, &CUT_AT_BYTES, |site| {
        let (arrived, received) = site.cut_sync(B, CUT_S)?;
        site.mark(format!("{received} bytes for {arrived} of the snapshot"));
        let again = received.saturating_sub(arrived + arrived / HEADERS_OF);
        // One that came a second time, and one that had not come as a whole when it was counted.
        if again > 2 * CHUNK_BYTES {
            bail!("{again} bytes of the snapshot came again");
        }
        Ok(())
    })?;
    if !site.has_same_state(A, B, BALLAST_NAME)? {
        bail!("the secondary has another state");
    }
    Ok(())
}

/// Full packets do not come through while the secondary gets its memory back: the transfer stands still,
/// all else goes on, and somebody is told.
pub(super) fn stall_sync(site: &mut Site) -> Result<()> {
    site.kill(B)?;
    site.lose_instances(B)?;
    site.start(B)?;
    site.follow_sync(B, &CUT_AT_BYTES[..1], |site| {
        site.narrow(A, B)?;
        site.wait(STALLED_MAX, "alarm that the synchronization stands still", |site| {
            site.has_told(B, "Synchronization stands still")
        })?;
        site.mark("the alarm is there");
        site.lose_nothing()
    })
}

/// Fails when the pair is not complete now.
pub(super) fn expect_whole(site: &Site) -> Result<()> {
    match site.holder(A) {
        Some((_, told)) if told.is_whole() => Ok(()),
        told => bail!("the pair is not complete: {told:?}"),
    }
}

/// Fails when somebody else serves.
pub(super) fn expect_holder(site: &Site, host: Host) -> Result<()> {
    match site.holder(A) {
        Some((holder, _)) if holder == host => Ok(()),
        told => bail!("{} does not serve: {told:?}", host.name()),
    }
}
