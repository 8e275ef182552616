//! What is on a machine's disk: damaged, lost, copied, looked at.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::Site;
use crate::lab::{Host, run};

/// Where records of a segment begin, and what stands before the payload of each: its length in the
/// first four bytes, its index at offset 24. Source: `journal::segment` and `journal::record`.
const RECORDS_FROM: u64 = 8_192;
/// See [`RECORDS_FROM`].
const HEAD_BYTES: usize = 48;
/// See [`RECORDS_FROM`].
const INDEX_AT: usize = 24;
/// See [`RECORDS_FROM`].
const ALIGNMENT: u64 = 8;
/// How many bytes of a record are flipped. Ours.
const FLIPPED_BYTES: usize = 16;
/// Between two looks at a whole journal, which take a processor each.
const VERIFY_PAUSE: Duration = Duration::from_secs(5);
/// Damage is mended after so long. Ours: the whole journal is read for that.
const MENDED_MAX: Duration = Duration::from_mins(1);

/// What `mse journal verify` says.
#[derive(Debug, Deserialize)]
struct Verified {
    first_index: u64,
    end: End,
    segments: Vec<Segment>,
    quarantined: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct End {
    index: u64,
}

#[derive(Debug, Deserialize)]
struct Segment {
    file: String,
    first: u64,
    last: u64,
    problems: Vec<Found>,
}

#[derive(Debug, Deserialize)]
struct Found {
    message: String,
    heals_itself: bool,
}

impl Site {
    fn instance(&self, host: Host) -> Result<PathBuf> {
        let folder = self.data(host).join("instances");
        let mut instances = fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
        instances.sort_by_key(std::fs::DirEntry::file_name);
        Ok(instances.first().with_context(|| folder.display().to_string())?.path())
    }

    /// The segments of a machine's first instance, oldest first.
    pub(crate) fn segments(&self, host: Host) -> Result<Vec<PathBuf>> {
        let all = fs::read_dir(self.instance(host)?.join("journal"))?;
        let all = all.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "log");
        let mut all: Vec<_> = all.into_iter().filter(is_segment).collect();
        all.sort();
        Ok(all)
    }

    /// Flips bytes of a record in the middle of a segment; its index.
    pub(crate) fn corrupt(&mut self, segment: &Path) -> Result<u64> {
        let file = OpenOptions::new().read(true).write(true).open(segment)?;
        let mut records = Vec::new();
        let mut offset = RECORDS_FROM;
        let mut head = [0; HEAD_BYTES];
        while file.read_exact_at(&mut head, offset).is_ok() {
            let (length, index) = (number(&head[..4]), number(&head[INDEX_AT..INDEX_AT + 8]));
            if index == 0 {
                break;
            }
            records.push((offset, length, index));
            offset += (HEAD_BYTES as u64 + length).next_multiple_of(ALIGNMENT);
        }
        // The last third is what a journal that is not sealed may not know yet to be durable.
        let padded = records[..records.len() * 2 / 3].iter().rev();
        let mut padded = padded.filter(|(_, length, _)| *length >= FLIPPED_BYTES as u64);
        let (offset, length, index) = *padded.next().context("no record is long enough")?;
        let place = offset + HEAD_BYTES as u64 + length - FLIPPED_BYTES as u64;
        let mut bytes = [0; FLIPPED_BYTES];
        file.read_exact_at(&mut bytes, place)?;
        file.write_all_at(&bytes.map(|byte| !byte), place)?;
        file.sync_all()?;
        let name = segment.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.mark(format!("entry {index} of {} records in {name} is damaged", records.len()));
        Ok(index)
    }

    /// Waits until a machine's journal is without fault, and has all these entries.
    pub(crate) fn wait_until_mended(&mut self, host: Host, indices: &[u64]) -> Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.verify(host, indices) {
            if begun.elapsed() >= MENDED_MAX {
                return Err(error);
            }
            sleep(VERIFY_PAUSE);
        }
        self.mark(format!("the journal of {} is without fault", host.name()));
        Ok(())
    }

    fn verify(&self, host: Host, indices: &[u64]) -> Result<()> {
        let folder = self.instance(host)?.join("journal");
        let mut command = Command::new(&self.programs(host).mse);
        let shown = command.args(["--json", "journal", "verify"]).arg(&folder).output()?;
        let verified: Verified = serde_json::from_slice(&shown.stdout)
            .with_context(|| String::from_utf8_lossy(&shown.stderr).into_owned())?;
        for segment in &verified.segments {
            if let Some(found) = segment.problems.iter().find(|found| !found.heals_itself) {
                bail!("{}: {}", segment.file, found.message);
            }
        }
        if let Some(file) = verified.quarantined.first() {
            bail!("{file} was cut off");
        }
        let gap = verified.segments.windows(2).find(|pair| pair[0].last + 1 != pair[1].first);
        if let Some([before, _]) = gap {
            bail!("there is nothing behind {}", before.file);
        }
        let (first, last) = (verified.first_index, verified.end.index);
        if let Some(index) = indices.iter().find(|index| !(first..=last).contains(index)) {
            bail!("entry {index} is not between {first} and {last}");
        }
        Ok(())
    }

    /// The disk of a machine on which nothing runs is replaced: pairing and key are there, everything
    /// else is gone.
    pub(crate) fn lose_instances(&mut self, host: Host) -> Result<()> {
        self.mark(format!("what {} had of its group is lost", host.name()));
        fs::remove_dir_all(self.data(host).join("instances"))?;
        Ok(())
    }

    /// The disk of a machine on which nothing runs is lost; it is set up anew, in recovery mode.
    pub(crate) fn set_up_anew(&mut self, host: Host) -> Result<()> {
        self.mark(format!("{} is set up anew", host.name()));
        fs::remove_dir_all(self.data(host))?;
        self.recovering.insert(host);
        self.set_up_host(host)
    }

    /// A second machine gets everything that is on the disk of one that runs, its key too.
    pub(crate) fn copy_disk(&mut self, from: Host, to: Host) -> Result<()> {
        self.mark(format!("{} gets a copy of the disk of {}", to.name(), from.name()));
        let (source, copy) = (self.data(from), self.data(to));
        let words = ["-a", &source.to_string_lossy(), &copy.to_string_lossy()];
        run("cp", &words)?;
        self.configure(to)
    }

    /// Bytes of a snapshot that have come to a machine; none when none is on its way.
    pub(crate) fn arrived(&self, host: Host) -> u64 {
        let files = self.instance(host).map(|folder| folder.join("incoming/files"));
        let files = files.and_then(|folder| Ok(fs::read_dir(folder)?));
        let lengths = files.into_iter().flatten().flatten();
        lengths.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// Whether a file of the service's state is the same on both.
    pub(crate) fn has_same_state(&self, one: Host, other: Host, name: &str) -> Result<bool> {
        let read = |host| -> Result<Vec<u8>> {
            let path = self.instance(host)?.join("state").join(name);
            fs::read(&path).with_context(|| path.display().to_string())
        };
        Ok(read(one)? == read(other)?)
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
