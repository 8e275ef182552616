//! The mobility services engine: NMSP in, positions out
