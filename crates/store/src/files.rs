//! Files named by the SHA-256 of their content.
//!
//! A name can never mean two contents, so files are never changed, may be cached for ever, and are
//! replicated by copying what is missing. A file appears under its name only when it is complete and
//! on disk. Which files are needed is known by the caller, who removes the others now and then.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;

use crate::{FILE_MODE, StoreError, file_error, make_directory, sync_parent};

/// Largest file in bytes. Ours: a plan has a few megabytes, a forensic capture some tens.
pub const FILE_BYTES_MAX: usize = 64 << 20;

/// The `files/` folder of a store.
#[derive(Debug)]
pub struct Files {
    dir: PathBuf,
    /// Tells the temporary files of this process apart.
    next: AtomicU64,
}

impl Files {
    pub(crate) fn open(dir: PathBuf) -> Result<Self, StoreError> {
        make_directory(&dir)?;
        Ok(Self { dir, next: AtomicU64::new(0) })
    }

    /// Keeps `content` and returns its name, 64 lower-case hexadecimal digits.
    pub fn put(&self, content: &[u8]) -> Result<String, StoreError> {
        if content.len() > FILE_BYTES_MAX {
            return Err(StoreError::PeerBadValue {
                what: "a file",
                allowed: format!("at most {FILE_BYTES_MAX} bytes"),
            });
        }
        let name = name_of(content);
        let path = self.dir.join(&name);
        if path.is_file() {
            return Ok(name);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let partial = self.dir.join(format!("{name}.{}-{number}.partial", process::id()));
        let written = write_durably(&partial, content)
            .and_then(|()| fs::rename(&partial, &path))
            .and_then(|()| sync_parent(&path));
        if written.is_err() {
            // The first error is the one to report; what is left is removed with the unreferenced.
            let _ = fs::remove_file(&partial);
        }
        written.map_err(file_error(&path))?;
        Ok(name)
    }

    /// The file with this name, open for reading.
    pub fn open_file(&self, name: &str) -> Result<Option<File>, StoreError> {
        if !is_name(name) {
            return Ok(None);
        }
        let path = self.dir.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error(&path)(error)),
        }
    }

    /// The names of all complete files, in order.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(file_error(&self.dir))? {
            let name = entry.map_err(file_error(&self.dir))?.file_name();
            names.extend(name.to_str().filter(|name| is_name(name)).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Gives a folder the same files, by links; returns their names. It may have some of them.
    pub(crate) fn link_into(&self, folder: &Path) -> Result<Vec<String>, StoreError> {
        let names = self.names()?;
        for name in &names {
            link(&self.dir.join(name), &folder.join(name))?;
        }
        Ok(names)
    }

    /// Takes over the files of a folder that are not here, by links, when they are what their names
    /// say.
    pub(crate) fn link_from(&self, folder: &Path) -> Result<(), StoreError> {
        let missing = |name: &String| !self.has(name);
        for name in (Self { dir: folder.to_owned(), next: AtomicU64::new(0) }).names()? {
            if !missing(&name) {
                continue;
            }
            let path = folder.join(&name);
            let content = fs::read(&path).map_err(file_error(&path))?;
            if name_of(&content) != name {
                let what = format!("the content of files/{name} is not what its name says");
                return Err(StoreError::LocalSnapshot { path, what });
            }
            link(&path, &self.dir.join(&name))?;
        }
        sync_parent(&self.dir.join("any")).map_err(file_error(&self.dir))
    }

    /// Whether there is a file with this name.
    pub fn has(&self, name: &str) -> bool {
        is_name(name) && self.dir.join(name).is_file()
    }

    /// Removes every file that is not in `referenced`, and what broken-off writes left behind;
    /// says how many. No [`put`](Self::put) may be between writing a file and referring to it.
    pub fn remove_unreferenced(&self, referenced: &BTreeSet<String>) -> Result<usize, StoreError> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.dir).map_err(file_error(&self.dir))? {
            let entry = entry.map_err(file_error(&self.dir))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_ours = is_name(name) || name.ends_with(".partial");
            if is_ours && !referenced.contains(name) {
                fs::remove_file(entry.path()).map_err(file_error(&entry.path()))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn link(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(file_error(to)(error)),
        _ => Ok(()),
    }
}

/// Writes a new file that is on disk afterwards.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn name_of(content: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, content);
    let mut name = String::with_capacity(64);
    for byte in hash.as_ref() {
        for nibble in [byte >> 4, byte & 0xf] {
            name.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    name
}

/// Anything else could leave the folder.
fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
