//! A capture, in pieces as long as its first byte says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((piece, capture)) = bytes.split_first() else { return };
    wips::fuzz_decode(capture, usize::from(*piece));
});
