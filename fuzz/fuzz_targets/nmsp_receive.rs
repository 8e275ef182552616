//! Bytes as a peer would send them, to both sides of a session.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nmsp::fuzz_receive(bytes));
