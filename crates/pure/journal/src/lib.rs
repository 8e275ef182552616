//! The replicated log on disk.
