//! A log file with a bounded size, and a bounded number of its predecessors.
//!
//! `monitor.log` is written; when it is full it becomes `monitor.log.1`, which was the newest before,
//! and so on; the oldest goes. Ours, because `tracing-appender` turns files over by time alone, and
//! `file-rotate` 0.8 panics where a folder is gone and goes on silently without a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Who runs the node reads and writes its logs; its group reads them.
const FILE_MODE: u32 = 0o640;
/// The same for a directory that is made.
const DIRECTORY_MODE: u32 = 0o750;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Files, with the one that is written.
    pub files_max: u32,
}

/// A log file that turns over.
#[derive(Debug)]
pub struct Rotating {
    path: PathBuf,
    limits: Limits,
    file: File,
    /// Bytes in it.
    bytes: u64,
}

impl Rotating {
    /// Opens the file, and makes its directory if need be; goes on where it ends.
    pub fn open(path: PathBuf, limits: Limits) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
        }
        let file = open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, limits, file, bytes })
    }

    fn turn_over(&mut self) -> io::Result<()> {
        let name = |number: u32| match number {
            0 => self.path.clone(),
            _ => numbered(&self.path, number),
        };
        for number in (1..self.limits.files_max).rev() {
            match fs::rename(name(number - 1), name(number)) {
                // A start, or somebody who has tidied up.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.limits.files_max <= 1 {
            fs::remove_file(&self.path)?;
        }
        self.file = open(&self.path)?;
        self.bytes = self.file.metadata()?.len();
        Ok(())
    }
}

/// `monitor.log.1` is the newest that is full.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(path)
}

impl Write for Rotating {
    /// What comes at once stays in one file, unless it is longer than a file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = usize::try_from(self.limits.file_bytes_max).unwrap_or(usize::MAX).max(1);
        let part = bytes.get(..most).unwrap_or(bytes);
        let is_full = self.bytes + part.len() as u64 > self.limits.file_bytes_max;
        if is_full && self.bytes > 0 {
            self.turn_over()?;
        }
        let written = self.file.write(part)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing is held back.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Writes lines, and says what each file has, the newest first.
    fn check(name: &str, limits: (u64, u32), lines: &[&str], expected: &[&str]) {
        let directory =
            std::env::temp_dir().join(format!("openmse-log-{name}-{}", std::process::id()));
        let path = directory.join("logs/monitor.log");
        let limits = Limits { file_bytes_max: limits.0, files_max: limits.1 };
        for line in lines {
            // Every line by another process: what is there counts.
            let mut log = Rotating::open(path.clone(), limits).unwrap();
            log.write_all(line.as_bytes()).unwrap();
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let mut names: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|it| it.unwrap().path()).collect();
        names.sort();
        let found: Vec<_> = names.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(found, expected);
        assert_eq!(mode & !FILE_MODE, 0, "{mode:o}");
    }

    #[test]
    fn a_full_file_makes_room_and_the_oldest_goes() {
        check("short", (8, 3), &["one\n", "two\n"], &["one\ntwo\n"]);
        check("full", (8, 3), &["one\n", "two\n", "six\n"], &["six\n", "one\ntwo\n"]);
        let lines = ["first\n", "second\n", "third\n", "fourth\n"];
        check("oldest", (8, 3), &lines, &["fourth\n", "third\n", "second\n"]);
        check("one-file", (8, 1), &lines, &["fourth\n"]);
    }

    #[test]
    fn a_line_longer_than_a_file_is_cut_and_no_file_is_too_long() {
        check("long", (8, 4), &["0123456789abcdefXYZ"], &["XYZ", "89abcdef", "01234567"]);
        check("long-cut", (8, 2), &["0123456789abcdefXYZ"], &["XYZ", "89abcdef"]);
    }
}
