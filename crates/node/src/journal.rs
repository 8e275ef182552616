//! The journal on a real disk: files in a directory, and the thread that writes them.
//!
//! What is in the files, and what a crash may have left of it, is the matter of the crate `journal`.

mod files;
mod writer;

pub use files::Files;
pub use writer::{Full, Progress, QUEUE_BYTES_MAX, QUEUE_COMMANDS_MAX, Stopped, Writer};
