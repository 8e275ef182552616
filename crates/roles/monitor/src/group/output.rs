//! What a service prints: into its log file, and to the monitor's own standard error for who looks.
//!
//! A service writes into a pipe, so the file turns over without its knowing. The pipe is emptied
//! whatever the disk does: a service never waits for its log.

use std::io::{self, PipeReader, Read as _, Write as _};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use node::log::Rotating;

/// What is moved at once. Source: linux, the size of a pipe's page is 4 KiB; ours, two of them.
const PART_BYTES: usize = 8 << 10;

/// The log of one service, over all its processes.
#[derive(Debug, Clone)]
pub(super) struct Printed(Arc<Mutex<Rotating>>);

impl Printed {
    pub(super) fn new(log: Rotating) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }

    /// Moves what a process prints until it, and whoever has its pipe, is gone.
    pub(super) fn follow(&self, mut reader: PipeReader) -> io::Result<()> {
        let log = Arc::clone(&self.0);
        thread::Builder::new().name("service-output".to_owned()).spawn(move || {
            let mut part = [0; PART_BYTES];
            let mut is_lost = false;
            loop {
                let length = match reader.read(&mut part) {
                    Ok(0) => return,
                    Ok(length) => length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => return,
                };
                let printed = &part[..length];
                let kept = log.lock().unwrap_or_else(PoisonError::into_inner).write_all(printed);
                if let Err(error) = &kept
                    && !is_lost
                {
                    tracing::warn!(%error, "what the service prints cannot be kept");
                }
                is_lost = kept.is_err();
                if !node::log::is_detached() {
                    // Who looked may have gone away.
                    let _ = io::stderr().write_all(printed);
                }
            }
        })?;
        Ok(())
    }
}

/// The next process of `command` prints into a pipe.
pub(super) fn attach(command: &mut Command) -> io::Result<PipeReader> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    Ok(reader)
}

/// Nothing of the pipe stays open here: it ends with the process.
pub(super) fn let_go(command: &mut Command) {
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_of_a_process_are_kept() {
        let directory =
            std::env::temp_dir().join(format!("openmse-printed-{}", std::process::id()));
        let path = directory.join("service-3.log");
        let limits = node::log::Limits { file_bytes_max: 1_000, files_max: 2 };
        let printed = Printed::new(Rotating::open(path.clone(), limits).unwrap());
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2"]);
        let reader = attach(&mut command).unwrap();
        let mut child = command.spawn().unwrap();
        let_go(&mut command);
        printed.follow(reader).unwrap();
        child.wait().unwrap();
        let started = std::time::Instant::now();
        let mut text = String::new();
        while text != "one\ntwo\n" && started.elapsed().as_secs() < 10 {
            thread::sleep(std::time::Duration::from_millis(10));
            text.clear();
            std::fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        }
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }
}
