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
    /// Calls `damaged` whenever a sealed segment in the folder is not as it was written, with the
    /// number of all that are sealed.
    pub(super) fn start(
        folder: PathBuf,
        damaged: impl Fn(usize) + Send + 'static,
    ) -> io::Result<Self> {
        let (is_wanted, end) = channel();
        let thread = thread::Builder::new().name("scrub".to_owned());
        thread.spawn(move || {
            let mut pause = FIRST_AFTER;
            while end.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = PAUSE;
                if let Some(sealed) = find_damage(&Files::look_at(&folder)) {
                    damaged(sealed);
                }
            }
        })?;
        Ok(Self { _is_wanted: is_wanted })
    }
}

/// How many segments are sealed, if one of them is damaged. What is being written just now may look
/// damaged, and is not looked at.
fn find_damage(files: &Files) -> Option<usize> {
    match journal::verify(files) {
        Ok(report) => {
            let sealed = report.segments.iter().filter(|segment| segment.is_sealed);
            let is_damaged = |segment: &journal::SegmentReport| {
                segment.problems.iter().any(|problem| !problem.heals_itself())
            };
            sealed.clone().any(is_damaged).then(|| sealed.count())
        }
        Err(error) => {
            // A segment may have been let go meanwhile.
            tracing::debug!(%error, "the journal could not be looked over; tried again later");
            None
        }
    }
}
