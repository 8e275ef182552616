//! How far a backup has come, from moment to moment.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{LOOK, Site, sleep};
use crate::lab::Host;

/// How much of a snapshot comes before what came with it is counted. Ours: a tenth of a second.
const SAMPLE_BYTES: u64 = 8 << 20;
/// A machine without a cable has dealt with what had come after so long. Ours: some chunks.
const SETTLE_S: f64 = 0.5;
/// Between two looks at a folder.
const GLANCE: Duration = Duration::from_millis(10);
/// A backup without a journal is complete after so long. Ours: some hundred MiB on a busy machine.
const SYNC_MAX: Duration = Duration::from_mins(3);

impl Site {
    /// Follows a backup until the pair is complete, and calls `passed` once for each of these numbers
    /// of bytes when so much of its snapshot has come. Fails when its percentage falls.
    pub(crate) fn follow_sync(
        &mut self,
        backup: Host,
        marks: &[u64],
        mut passed: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let (begun, mut highest) = (Instant::now(), 0);
        let mut marks = marks.iter().peekable();
        while !self.holder(Host::A).is_some_and(|(_, told)| told.is_whole()) {
            if begun.elapsed() >= SYNC_MAX {
                bail!("not complete within {} s: {}", SYNC_MAX.as_secs(), self.words());
            }
            if let Some(told) = self.told(backup, Host::A) {
                if told.sync_percent < highest {
                    bail!("{} fell from {highest} % to {} %", backup.name(), told.sync_percent);
                }
                if told.sync_percent > highest {
                    highest = told.sync_percent;
                    self.mark(format!("{} has {highest} %", backup.name()));
                }
            }
            let arrived = self.arrived(backup);
            if marks.next_if(|mark| **mark <= arrived).is_some() {
                self.mark(format!("{arrived} bytes of the snapshot are here"));
                passed(self)?;
            }
            sleep(LOOK);
        }
        self.mark("the pair is complete");
        if marks.next().is_some() {
            bail!("it was complete before everything had happened");
        }
        Ok(())
    }

    /// Pulls a backup's cable while a snapshot is on its way to it; how many bytes came after that, of
    /// the snapshot and in all.
    pub(crate) fn cut_sync(&mut self, backup: Host, pause_s: f64) -> Result<(u64, u64)> {
        self.pull(backup)?;
        super::pass(pause_s);
        let before = (self.arrived(backup), self.received(backup)?);
        self.plug_in(backup)?;
        let begun = Instant::now();
        while self.arrived(backup) < before.0 + SAMPLE_BYTES {
            if begun.elapsed() >= SYNC_MAX {
                bail!("the snapshot does not go on");
            }
            sleep(GLANCE);
        }
        // Nothing moves while it is counted: a fast transfer goes on between two looks.
        self.pull(backup)?;
        super::pass(SETTLE_S);
        let after = (self.arrived(backup), self.received(backup)?);
        self.plug_in(backup)?;
        Ok((after.0 - before.0, after.1 - before.1))
    }

    /// Bytes that came to a machine over its cable so far.
    pub(crate) fn received(&self, host: Host) -> Result<u64> {
        let shown = self.lab.ip(host.name(), "-s -j link show eth0")?;
        let links: serde_json::Value = serde_json::from_str(&shown)?;
        let bytes = links.pointer("/0/stats64/rx/bytes").and_then(serde_json::Value::as_u64);
        bytes.with_context(|| format!("no counter in {shown}"))
    }
}
