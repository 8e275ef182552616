//! A packet of any link type: the first byte chooses it.

#![no_main]

use wips::Link;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, packet)) = bytes.split_first() else { return };
    let links = [Link::Radiotap, Link::Bare, Link::Prism, Link::Avs, Link::Ppi];
    wips::fuzz_parse(links[usize::from(*choice) % links.len()], packet);
});
