//! One small record that is stored again and again: the pair's register lives here.
//!
//! Two slots are written in turn, so a torn write loses only what was never stored. Each slot holds
//! its record twice, a page apart: one flipped bit must not bring back the record before, because a
//! register that goes back has forgotten a promise.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0, 4096 | 4096 each | records with an even number, twice |
//! | 8192, 12288 | 4096 each | records with an odd number, twice |
//!
//! A copy is {magic, CRC-32C of the rest, number, length, record, zeros}.

use crate::disk::{Disk, DiskError, DiskErrorKind};
use crate::segment::{seal, unseal};
use crate::{Error, UNFINISHED};

const MAGIC: [u8; 8] = *b"MSEJSLOT";
const COPY_BYTES: usize = 4096;
const SLOT_BYTES: usize = 2 * COPY_BYTES;
/// Magic, CRC, number, length.
const COPY_HEAD_BYTES: usize = 24;

/// Longest record. Ours: what is left of a page; a register is a few hundred bytes.
pub const SLOT_RECORD_BYTES_MAX: usize = COPY_BYTES - COPY_HEAD_BYTES;

/// The newest record of one file.
#[derive(Debug)]
pub struct Slots {
    name: String,
    newest: Option<(u64, Vec<u8>)>,
    exists: bool,
    is_doubtful: bool,
    is_poisoned: bool,
}

impl Slots {
    /// Reads a file; there need not be one yet.
    pub fn open(disk: &impl Disk, name: &str) -> Result<Self, Error> {
        let mut bytes = vec![0; 2 * SLOT_BYTES];
        let exists = match disk.read_at(name, 0, &mut bytes) {
            Ok(_) => true,
            Err(DiskError { kind: DiskErrorKind::NotFound, .. }) => false,
            Err(error) => return Err(error.into()),
        };
        let copies = |slot: &[u8]| slot.chunks_exact(COPY_BYTES).filter_map(decode).max();
        let is_used = |slot: &[u8]| slot.iter().any(|byte| *byte != 0);
        let slots = || bytes.chunks_exact(SLOT_BYTES);
        let newest = slots().filter_map(copies).max();
        let is_doubtful = slots().any(|slot| is_used(slot) && copies(slot).is_none())
            || (exists && newest.is_none());
        Ok(Self { name: name.to_owned(), newest, exists, is_doubtful, is_poisoned: false })
    }

    /// The newest record that can be read.
    pub fn load(&self) -> Option<&[u8]> {
        self.newest.as_ref().map(|(_, record)| record.as_slice())
    }

    /// Whether there was a record that cannot be read any more. It may have been torn while it was
    /// written, and then it was never stored; or it was the newest one, and [`Self::load`] is old.
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Stores a record; it survives a crash when this returns.
    pub fn store(&mut self, disk: &mut impl Disk, record: &[u8]) -> Result<(), Error> {
        if self.is_poisoned {
            return Err(Error::Poisoned);
        }
        if record.len() > SLOT_RECORD_BYTES_MAX {
            return Err(Error::TooLong { bytes: record.len(), most: SLOT_RECORD_BYTES_MAX });
        }
        let number = self.newest.as_ref().map_or(0, |(number, _)| number + 1);
        let slot = encode(number, record);
        let offset = (number % 2) * SLOT_BYTES as u64;
        let written =
            if self.exists { self.write(disk, offset, &slot) } else { self.begin(disk, &slot) };
        self.is_poisoned = written.is_err();
        written?;
        self.exists = true;
        self.is_doubtful = false;
        self.newest = Some((number, record.to_vec()));
        Ok(())
    }

    fn write(&self, disk: &mut impl Disk, offset: u64, slot: &[u8]) -> Result<(), DiskError> {
        disk.write_at(&self.name, offset, slot)?;
        disk.sync(&self.name)
    }

    /// The file appears with its first record in it.
    fn begin(&self, disk: &mut impl Disk, slot: &[u8]) -> Result<(), DiskError> {
        let unfinished = format!("{}{UNFINISHED}", self.name);
        disk.create(&unfinished, 2 * SLOT_BYTES as u64)?;
        disk.write_at(&unfinished, 0, slot)?;
        disk.sync(&unfinished)?;
        disk.rename(&unfinished, &self.name)?;
        disk.sync_names()
    }
}

/// A slot: both copies.
fn encode(number: u64, record: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SLOT_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(record);
    out.resize(COPY_BYTES, 0);
    seal(&mut out);
    out.extend_from_within(..);
    out
}

fn decode(copy: &[u8]) -> Option<(u64, Vec<u8>)> {
    let mut fields = unseal(copy, MAGIC)?;
    let (number, length) = (fields.u64()?, fields.u32()?);
    Some((number, fields.slice(length as usize)?.to_vec()))
}
