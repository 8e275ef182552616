//! The disk that is handed in: a flat directory of files.

/// A flat directory of files, real or simulated.
///
/// What a crash does to it, and all that this crate relies on:
/// * bytes that were written and not synced survive as any subset of 512-byte sectors;
/// * names that were made, changed or removed since the last [`Disk::sync_names`] may be as before
///   or as after, each for itself; a rename is atomic and replaces its target;
/// * what was synced stays.
pub trait Disk {
    /// The names of all files.
    fn names(&self) -> Result<Vec<String>, DiskError>;
    /// The length of a file in bytes.
    fn size(&self, name: &str) -> Result<u64, DiskError>;
    /// Makes a file of `bytes` zeros with its space reserved; replaces one of that name.
    fn create(&mut self, name: &str, bytes: u64) -> Result<(), DiskError>;
    /// Fills `buffer` from `offset` on and returns how much there was: less only at the file's end.
    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError>;
    /// Writes all of `bytes`; beyond its end a file grows, with zeros between.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;
    /// Makes the bytes of a file survive a crash.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;
    /// Gives a file another name; a file that had it is replaced.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;
    /// Makes the names survive a crash.
    fn sync_names(&mut self) -> Result<(), DiskError>;
}

/// The disk did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {detail}")]
pub struct DiskError {
    /// What went wrong.
    pub kind: DiskErrorKind,
    /// The file.
    pub name: String,
    /// What the system says.
    pub detail: String,
}

/// What may go wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskErrorKind {
    /// It is full.
    NoSpace,
    /// A sync failed. What was written before may be lost, and a second sync would not say so.
    Sync,
    /// There is no such file.
    NotFound,
    /// Anything else.
    Other,
}

impl<D: Disk + ?Sized> Disk for &mut D {
    fn names(&self) -> Result<Vec<String>, DiskError> {
        (**self).names()
    }

    fn size(&self, name: &str) -> Result<u64, DiskError> {
        (**self).size(name)
    }

    fn create(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        (**self).create(name, bytes)
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        (**self).read_at(name, offset, buffer)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        (**self).write_at(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        (**self).rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).remove(name)
    }

    fn sync_names(&mut self) -> Result<(), DiskError> {
        (**self).sync_names()
    }
}
