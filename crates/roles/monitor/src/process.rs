//! The number of the monitor's process, for whoever stops it: `<data>/node/monitor.pid`.
//!
//! The file is locked for as long as the process lives, so a number in it is not one of another
//! process that has it by now.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Behind the number, once the monitor listens everywhere.
const UP: &str = "up";

/// A monitor that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub number: u32,
    /// It listens everywhere: its start is over.
    pub is_up: bool,
}

/// The file in the node's folder.
pub const FILE_NAME: &str = "monitor.pid";
/// Whoever only looks holds the lock for a moment. Ours.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Held as long as the monitor runs.
#[derive(Debug)]
pub(crate) struct Held(File);

impl Held {
    /// Writes this process's number into the node's folder.
    pub(crate) fn take(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE_NAME);
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let asked = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if asked.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let text = "another health monitor runs in this data directory";
                    return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        file.set_len(0)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Self(file))
    }

    /// The start is over.
    pub(crate) fn is_up(&mut self) -> io::Result<()> {
        self.0.write_all(format!("{UP}\n").as_bytes())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A number without a lock says nothing anyway.
        let _ = self.0.set_len(0);
    }
}

/// The process of the monitor that runs in a node's folder.
pub fn running(folder: &Path) -> io::Result<Option<Process>> {
    let mut file = match File::open(folder.join(FILE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.rewind()?;
            file.read_to_string(&mut text)?;
            let mut lines = text.lines();
            // Empty for a moment, at its start and at its end.
            let number = lines.next().and_then(|line| line.parse().ok());
            Ok(number.map(|number| Process { number, is_up: lines.next() == Some(UP) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_only_while_its_process_lives() {
        let folder = std::env::temp_dir().join(format!("openmse-pid-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(running(&folder).unwrap(), None);
        let mut held = Held::take(&folder).unwrap();
        let own = |is_up| Some(Process { number: std::process::id(), is_up });
        assert_eq!(running(&folder).unwrap(), own(false));
        held.is_up().unwrap();
        assert_eq!(running(&folder).unwrap(), own(true));
        let error = Held::take(&folder).unwrap_err().to_string();
        assert!(error.contains("another health monitor"), "{error}");
        drop(held);
        // As after kill -9: the number is there, the lock is not.
        std::fs::write(folder.join(FILE_NAME), "1\nup\n").unwrap();
        assert_eq!(running(&folder).unwrap(), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
