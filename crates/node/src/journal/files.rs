//! One directory, mode 0700, and its files, mode 0600.

use std::cell::RefCell;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::{Disk, DiskError, DiskErrorKind};

/// Held while the directory is open for writing: two writers would end each other's log.
const LOCK_NAME: &str = "lock";
/// Files that are kept open. Ours: the segment that is written, one that is read, one that is made.
const OPEN_FILES_MAX: usize = 4;
/// Zeros that are written at once.
const ZEROS_BYTES: usize = 1 << 20;

/// A directory of files.
#[derive(Debug)]
pub struct Files {
    dir: PathBuf,
    /// Most recently used last.
    open: RefCell<Vec<(String, Arc<File>)>>,
    /// Locked; without it nothing is written.
    lock: Option<File>,
}

impl Files {
    /// Opens a directory for writing, and makes it when it is not there. One process may.
    pub fn open(dir: &Path) -> Result<Self, DiskError> {
        let failed = |error: io::Error| DiskError {
            kind: kind(&error),
            name: dir.display().to_string(),
            detail: error.to_string(),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(dir.join(LOCK_NAME)).map_err(failed)?;
        lock.try_lock().map_err(|_| DiskError {
            kind: DiskErrorKind::Other,
            name: dir.display().to_string(),
            detail: "another process writes this journal; stop it first".to_owned(),
        })?;
        Ok(Self { dir: dir.to_owned(), open: RefCell::default(), lock: Some(lock) })
    }

    /// Looks at a directory, perhaps while its owner writes; writing is refused.
    pub fn look_at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: RefCell::default(), lock: None }
    }

    fn file(&self, name: &str) -> Result<Arc<File>, DiskError> {
        let mut open = self.open.borrow_mut();
        if let Some(place) = open.iter().position(|(known, _)| known == name) {
            open[place..].rotate_left(1);
        } else {
            let writes = self.lock.is_some();
            let file = OpenOptions::new().read(true).write(writes).open(self.dir.join(name));
            let file = file.map_err(|error| failed(name, &error))?;
            if open.len() >= OPEN_FILES_MAX {
                open.remove(0);
            }
            open.push((name.to_owned(), Arc::new(file)));
        }
        match open.last() {
            Some((_, file)) => Ok(Arc::clone(file)),
            None => Err(failed(name, &io::ErrorKind::NotFound.into())),
        }
    }

    fn close(&self, name: &str) {
        self.open.borrow_mut().retain(|(known, _)| known != name);
    }

    fn writable(&self, name: &str) -> Result<(), DiskError> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(failed(name, &io::ErrorKind::ReadOnlyFilesystem.into())),
        }
    }
}

impl Disk for Files {
    fn names(&self) -> Result<Vec<String>, DiskError> {
        let all = std::fs::read_dir(&self.dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let all = all.map_err(|error| failed(&self.dir.display().to_string(), &error))?;
        Ok(all.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn size(&self, name: &str) -> Result<u64, DiskError> {
        let size = self.file(name)?.metadata().map(|metadata| metadata.len());
        size.map_err(|error| failed(name, &error))
    }

    /// Really writes the zeros: a later write then changes no metadata, and its sync is one write.
    fn create(&mut self, name: &str, bytes: u64) -> Result<(), DiskError> {
        self.writable(name)?;
        self.close(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let zeroed = options.open(self.dir.join(name)).and_then(|file| {
            let zeros = vec![0; ZEROS_BYTES.min(bytes as usize)];
            let mut offset = 0;
            while offset < bytes {
                let count = (bytes - offset).min(ZEROS_BYTES as u64);
                file.write_all_at(&zeros[..count as usize], offset)?;
                offset += count;
            }
            Ok(())
        });
        zeroed.map_err(|error| failed(name, &error))
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let file = self.file(name)?;
        let mut count = 0;
        while count < buffer.len() {
            match file.read_at(&mut buffer[count..], offset + count as u64) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(name, &error)),
            }
        }
        Ok(count)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.writable(name)?;
        self.file(name)?.write_all_at(bytes, offset).map_err(|error| failed(name, &error))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.file(name)?.sync_data().map_err(|error| sync_failed(name, &error))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.writable(from)?;
        self.close(from);
        self.close(to);
        let renamed = std::fs::rename(self.dir.join(from), self.dir.join(to));
        renamed.map_err(|error| failed(from, &error))
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.writable(name)?;
        self.close(name);
        std::fs::remove_file(self.dir.join(name)).map_err(|error| failed(name, &error))
    }

    fn sync_names(&mut self) -> Result<(), DiskError> {
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(|error| sync_failed(&self.dir.display().to_string(), &error))
    }
}

fn failed(name: &str, error: &io::Error) -> DiskError {
    DiskError { kind: kind(error), name: name.to_owned(), detail: error.to_string() }
}

fn sync_failed(name: &str, error: &io::Error) -> DiskError {
    DiskError { kind: DiskErrorKind::Sync, ..failed(name, error) }
}

fn kind(error: &io::Error) -> DiskErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskErrorKind::NoSpace,
        io::ErrorKind::NotFound => DiskErrorKind::NotFound,
        _ => DiskErrorKind::Other,
    }
}
