//! The pair protocol.
