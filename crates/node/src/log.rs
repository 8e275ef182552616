//! Log output: one line per event on standard error, as text or JSON, and in a file once a role has
//! said where its logs belong.
//!
//! ERROR: a person must act. WARN: it went on regardless. INFO: a state changed.

mod rotation;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

pub use rotation::{Limits, Rotating};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Where lines go besides standard error. A process has one log, so this is the process's.
static FILE: OnceLock<Mutex<Rotating>> = OnceLock::new();
/// Nobody looks at standard error any more.
static IS_DETACHED: AtomicBool = AtomicBool::new(false);

/// Starts logging for the process. `filter` is a `tracing` filter such as `info,engine=debug`.
///
/// A second call in one process changes nothing: tests share theirs.
pub fn init(filter: &str, format: Format) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are for terminals; a log file is for grep.
    let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
    let layers = vec![layer(format, is_terminal, Stderr), layer(format, false, File)];
    let _ = tracing_subscriber::registry().with(layers).with(filter).try_init();
}

/// Has every line written into this file, too; with `is_detached` only there from now on. The first
/// file of a process stays.
pub fn also_into(file: Rotating, is_detached: bool) {
    if FILE.set(Mutex::new(file)).is_ok() {
        IS_DETACHED.store(is_detached, Ordering::Relaxed);
    }
}

/// Whether nobody looks at standard error any more.
pub fn is_detached() -> bool {
    IS_DETACHED.load(Ordering::Relaxed)
}

fn layer<W>(format: Format, has_colours: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A line that cannot be written is lost. To complain on standard error would panic when that is
    // what is gone, as for a service whose monitor has died: in the middle of what it does then.
    let layer = fmt::layer().log_internal_errors(false).with_ansi(has_colours).with_writer(writer);
    match format {
        Format::Text => layer.with_target(false).boxed(),
        Format::Json => layer.json().boxed(),
    }
}

/// Standard error, as long as somebody looks.
#[derive(Debug, Clone, Copy)]
struct Stderr;

/// [`FILE`], once there is one.
#[derive(Debug, Clone, Copy)]
struct File;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if is_detached() { Ok(bytes.len()) } else { io::stderr().write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match FILE.get() {
            Some(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing is held back.
        Ok(())
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl MakeWriter<'_> for File {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
