//! A short name of a frame, by which sensors and retries are compared.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::Parsed;

/// A hash of a frame, without its radio header and its check sequence.
///
/// Sensors that heard the same transmission give the same key. So do two frames without a sequence
/// number that are alike, for example two acknowledgements: time must tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameKey(pub u64);

impl Parsed<'_> {
    /// The key of this transmission. A seed that is not known on the air keeps an attacker from making
    /// two frames with one key.
    pub fn key(&self, seed: u64) -> FrameKey {
        FrameKey(xxhash_rust::xxh3::xxh3_64_with_seed(self.frame, seed))
    }

    /// The key of this frame, whichever attempt it was: the retry bit and the duration, which depends
    /// on the rate of the attempt, are left out. `None` for frames without a sequence number, which
    /// are never sent again as the same.
    pub fn retry_key(&self, seed: u64) -> Option<FrameKey> {
        const RETRY: u8 = 0x08;
        self.header.sequence?;
        let ([first, flags, _, _], rest) = self.frame.split_first_chunk::<4>()?;
        let mut hash = Xxh3::with_seed(seed);
        hash.update(&[*first, flags & !RETRY]);
        hash.update(rest);
        Some(FrameKey(hash.digest()))
    }
}
