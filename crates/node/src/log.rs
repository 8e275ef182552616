//! Log output: one line per event on standard error, as text or JSON.
//!
//! ERROR: a person must act. WARN: it went on regardless. INFO: a state changed.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Starts logging for the process. `filter` is a `tracing` filter such as `info,engine=debug`.
///
/// A second call in one process changes nothing: tests share theirs.
pub fn init(filter: &str, format: Format) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are for terminals; a log file is for grep.
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr);
    let _ = match format {
        Format::Text => builder.with_target(false).finish().try_init(),
        Format::Json => builder.json().finish().try_init(),
    };
}
