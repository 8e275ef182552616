//! OpenMSE under the same faults: the site of every other scenario, with the ledger as its service.

use std::path::Path;

use anyhow::Result;

use super::{FAULT_S, FREEZE_S, Fault, MENDED_S, Outcome};
use crate::lab::Host::{A, B};
use crate::scenarios::{Scenario, unlimited};
use crate::site::{Programs, Site, pass};

/// Its name in the table.
pub(super) const NAME: &str = "OpenMSE";

/// Runs one fault. What goes wrong is in the outcome.
pub(super) fn run(fault: Fault, programs: &Programs, logs: &Path) -> Outcome {
    let scenario = scenario(fault);
    let report = crate::run(&scenario, 1, programs, logs);
    let is_read = report.unread == 0;
    Outcome {
        answer_gap_ms: Some(report.gap_ms),
        row_gap_ms: Some(report.stall_ms),
        acked: Some(report.acked),
        lost: is_read.then_some(report.missing),
        two_owners_ms: Some(report.two_owners_ms),
        note: (!report.is_kept()).then(|| report.verdict()),
        ..Outcome::new(NAME, fault)
    }
}

fn scenario(fault: Fault) -> Scenario {
    unlimited(
        fault.name(),
        fault.about(),
        match fault {
            Fault::Cable => cable,
            Fault::Kill => |site| site.lose_power(&[A]).map(|()| pass(FAULT_S)),
            Fault::Freeze => freeze,
            // Mending is everybody's, and comes afterwards.
            Fault::Cut => |site| site.lose(&[(A, B), (B, A)], 100).map(|()| pass(FAULT_S)),
            Fault::Service => |site| site.kill_service(A).map(|()| pass(FAULT_S)),
            Fault::Switch => |site| site.switch(A).map(|()| pass(FAULT_S)),
        },
    )
}

fn cable(site: &mut Site) -> Result<()> {
    site.pull(A)?;
    pass(FAULT_S);
    site.plug_in(A)?;
    pass(MENDED_S);
    Ok(())
}

fn freeze(site: &mut Site) -> Result<()> {
    site.freeze(A)?;
    pass(FREEZE_S);
    site.thaw(A)?;
    pass(MENDED_S);
    Ok(())
}
