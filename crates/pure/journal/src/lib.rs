//! The replicated log on disk.
//!
//! | module | what it is for |
//! |---|---|
//! | [`Disk`] | the directory that is handed in, so that a simulator runs this very code |
//! | [`Journal`] | append, sync, read, truncate, retain; recovery decides what a crash left behind |
//! | [`Slots`] | one small record, stored so that a torn write never loses the one before |
//! | [`snapshot`] | the manifest of a snapshot, and the way it takes in verified chunks |
//! | [`verify`], [`dump`] | look at a directory without changing it |
//!
//! `docs/journal.md` is the page for operators; the bytes are in the modules `segment` and `record`.
//!
//! # A segment
//!
//! Files named `<era>-<first index>.log`, preallocated and zero-filled. A segment appears under its
//! name only when its header is on disk. The header holds {magic, CRC, format, group, era, first
//! index, chain and epochs before, size}, twice. Records follow, each with a CRC-32C, the chain (a
//! hash of everything up to it) and the last index that was known to be durable. A full segment is
//! sealed with a footer {last index, chain, end, BLAKE3 of its records} and synced before the next
//! one appears. The era is counted up when the log begins anew after a snapshot; the highest one is
//! the log, others are remains and are removed.
//!
//! # Torn or corrupt
//!
//! Sectors that were never synced reach the disk in any order, so a crash may leave whole records
//! behind a torn one. What decides is evidence of having been durable: the hint that the caller
//! kept, the record behind that says so, or the next segment. Bad bytes *with* evidence are corrupt:
//! a [`Hole`], which only the peer's entries fill, and only when the chain fits on both sides. Bad
//! bytes *without* are a torn tail: cut, with all that follows. A log that ends below the evidence is
//! [`Lost`]: it says so, and takes nothing until its owner has accepted that.
//!
//! # Stale bytes
//!
//! A segment is never reused, and a cut is on disk as zeros before anything is written over it. If
//! an old record came back all the same, its chain would not follow from the new one before it.
//!
//! # Cost
//!
//! One write per append and one sync per group of appends, which bounds everything (0.2 ms here);
//! CRC and chain cost 0.1 ns a byte. Opening reads the last segment and two pages of each other.
//! Memory: one mark of 48 bytes per 64 KiB of the last segment, and the encoding buffer.
//!
//! What is in an entry, who may write and what is committed is not known here.

mod bytes;
mod disk;
mod epochs;
mod error;
mod inspect;
mod journal;
mod record;
mod scan;
mod segment;
mod slots;
pub mod snapshot;

pub use disk::{Disk, DiskError, DiskErrorKind};
pub use epochs::EPOCHS_MAX;
pub use error::Error;
pub use inspect::{Dump, Dumped, Problem, Report, SegmentReport, dump, verify};
use journal::UNFINISHED;
pub use journal::{
    APPEND_BYTES_MAX, Base, HOLES_MAX, Hole, Journal, Lost, Pin, QUARANTINES_MAX, Recovered,
    SEGMENT_BYTES_MIN, Scan, Settings, Torn,
};
pub use slots::{SLOT_RECORD_BYTES_MAX, Slots};
