//! Manifests, and snapshots that arrive in chunks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use journal::snapshot::{Arrival, CHUNK_BYTES, Digester, File, Manifest, SnapshotError};
use model::pair::Position;

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|nth| (nth * 7 + nth / 251) as u8).collect()
}

fn file(name: &str, bytes: &[u8]) -> File {
    let mut digester = Digester::default();
    bytes.chunks(70_001).for_each(|part| digester.update(part));
    digester.finish(name.to_owned())
}

fn manifest(files: Vec<File>) -> Manifest {
    let position = Position { index: 9, ..Position::default() };
    Manifest { position, chain: 77, epochs: vec![position], files }
}

#[test]
fn the_digest_is_the_plain_blake3_and_every_chunk_is_proven_by_the_manifest() {
    let mebi = CHUNK_BYTES as usize;
    for bytes in [0, 1, mebi - 1, mebi, mebi + 1, 3 * mebi, 5 * mebi + 17] {
        let content = content(bytes);
        let manifest = manifest(vec![file("state.db", &content)]);
        assert_eq!(&manifest.files[0].digest, blake3::hash(&content).as_bytes(), "{bytes}");
        let chunks: Vec<_> = manifest.chunks().collect();
        assert_eq!(chunks.iter().map(|chunk| chunk.bytes).sum::<u64>(), bytes as u64);
        for chunk in chunks {
            let from = chunk.offset as usize;
            let mut part = content[from..from + chunk.bytes as usize].to_vec();
            assert_eq!(manifest.verify(chunk, &part), Ok(()), "{bytes} at {from}");
            *part.last_mut().unwrap() ^= 1;
            assert!(manifest.verify(chunk, &part).is_err(), "{bytes} at {from}");
            part.pop();
            assert!(manifest.verify(chunk, &part).is_err(), "{bytes} at {from}");
        }
        assert_eq!(Manifest::decode(&manifest.encode().unwrap()), Ok(manifest));
    }
}

#[test]
fn an_arrival_goes_on_after_the_last_chunk_that_was_proven() {
    let parts = [content(2 * CHUNK_BYTES as usize + 5), Vec::new(), content(40)];
    let names = ["history/a.parquet", "empty", "state.db"];
    let files = names.iter().zip(&parts).map(|(name, part)| file(name, part)).collect();
    let manifest = manifest(files);
    let bytes = |arrival: &Arrival| {
        let chunk = arrival.next(&manifest).unwrap();
        let from = chunk.offset as usize;
        parts[chunk.file][from..from + chunk.bytes as usize].to_vec()
    };
    let mut arrival = Arrival::default();
    for _ in 0..2 {
        arrival.accept(&manifest, &bytes(&arrival)).unwrap();
    }
    let before = arrival;
    let refused = arrival.accept(&manifest, b"wrong");
    assert!(
        matches!(refused, Err(SnapshotError::PeerChunk { offset, .. }) if offset == 2 * CHUNK_BYTES)
    );
    assert_eq!(arrival, before);
    // After a restart what is on disk is proven once more.
    let mut again = Arrival::default();
    while again != before {
        again.accept(&manifest, &bytes(&again)).unwrap();
    }
    let mut progress = again.progress(&manifest);
    while again.next(&manifest).is_some() {
        again.accept(&manifest, &bytes(&again)).unwrap();
        assert!(again.progress(&manifest) > progress);
        progress = again.progress(&manifest);
    }
    assert_eq!((progress, again.verified_bytes()), (1.0, manifest.total_bytes()));
    assert!(again.accept(&manifest, b"").is_err());
}

#[test]
fn a_manifest_that_was_changed_is_refused() {
    let manifest = manifest(vec![file("state.db", &content(3 << 20)), file("b", b"b")]);
    let bytes = manifest.encode().unwrap();
    for length in 0..bytes.len() {
        assert!(Manifest::decode(&bytes[..length]).is_err(), "cut to {length}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Manifest::decode(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn a_digest_that_is_not_that_of_the_chunks_is_refused() {
    let mut manifest = manifest(vec![file("state.db", &content(3 << 20))]);
    manifest.files[0].digest[0] ^= 1;
    let refused = Manifest::decode(&manifest.encode().unwrap());
    assert_eq!(refused, Err(SnapshotError::PeerManifest));
}

#[test]
fn names_stay_inside_the_directory() {
    let long = "x".repeat(256);
    for name in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a\0b", "a\\b", &long] {
        let refused = manifest(vec![file(name, b"x")]).encode();
        assert!(matches!(refused, Err(SnapshotError::PeerName { .. })), "{name}");
    }
}
