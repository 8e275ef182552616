//! How far a backup has come, from moment to moment.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{LOOK, Site, sleep};
use crate::lab::Host;

/// A backup without a journal is complete after so long. Ours: some hundred MiB on a busy machine.
const SYNC_MAX: Duration = Duration::from_mins(3);

impl Site {
    /// Follows the percentage of a backup until the pair is complete, and calls `passed` once for each
    /// of these percentages when it is reached. Fails when it falls.
    pub(crate) fn follow_sync(
        &mut self,
        backup: Host,
        marks: &[u8],
        mut passed: impl FnMut(&mut Self, u8) -> Result<()>,
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
                if marks.next_if(|mark| **mark <= highest).is_some() {
                    passed(self, highest)?;
                }
            }
            sleep(LOOK);
        }
        self.mark("the pair is complete");
        if marks.next().is_some() {
            bail!("it was complete before everything had happened");
        }
        Ok(())
    }

    /// Bytes that came to a machine over its cable so far.
    pub(crate) fn received(&self, host: Host) -> Result<u64> {
        let shown = self.lab.ip(host.name(), "-s -j link show eth0")?;
        let links: serde_json::Value = serde_json::from_str(&shown)?;
        let bytes = links.pointer("/0/stats64/rx/bytes").and_then(serde_json::Value::as_u64);
        bytes.with_context(|| format!("no counter in {shown}"))
    }
}
