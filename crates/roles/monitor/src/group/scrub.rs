//! Looks over the journal on disk, so that damage is found while the peer still has what is lost.
//!
//! A start reads the newest segment only, and nobody reads the sealed ones again unless somebody
//! needs them: then it may be too late. The look is a reader's beside the writer, who is not kept
//! waiting; what it finds is a hint, and the journal examines the segments itself.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{io, thread};

use node::journal::Files;

/// First look after the start. Ours: the pair has found itself by then.
const FIRST_AFTER: Duration = Duration::from_secs(10);
/// Between two looks. Ours: a journal has some hundred MiB, and a bad disk goes on being bad.
const PAUSE: Duration = Duration::from_hours(1);

/// The thread that looks. Dropping it ends it, after a look that is under way.
#[derive(Debug)]
pub(super) struct Scrub {
    _is_wanted: Sender<()>,
}

impl Scrub {
    /// Calls `damaged` whenever a sealed segment in the folder is not as it was written.
    pub(super) fn start(folder: PathBuf, damaged: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (is_wanted, end) = channel();
        let thread = thread::Builder::new().name("scrub".to_owned());
        thread.spawn(move || {
            let mut pause = FIRST_AFTER;
            while end.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = PAUSE;
                if is_damaged(&Files::look_at(&folder)) {
                    damaged();
                }
            }
        })?;
        Ok(Self { _is_wanted: is_wanted })
    }
}

/// What is being written just now may look damaged, and is not looked at.
fn is_damaged(files: &Files) -> bool {
    match journal::verify(files) {
        Ok(report) => {
            let mut sealed = report.segments.iter().filter(|segment| segment.is_sealed);
            sealed.any(|segment| segment.problems.iter().any(|problem| !problem.heals_itself()))
        }
        Err(error) => {
            // A segment may have been let go meanwhile.
            tracing::debug!(%error, "the journal could not be looked over; tried again later");
            false
        }
    }
}
