//! The replicated state: a few registers, the applied index, and a hash of everything applied.
//!
//! It stands in for the databases of the real roles. [`Checkpoint`] lags as `SQLite` with
//! `synchronous=NORMAL` does: a host crash sets it back to an earlier index, and the journal brings
//! it forward again.

use model::pair::{Entry, Position};

use crate::rng::mix;

/// Registers of the state.
pub(crate) const KEYS: usize = 8;
/// Kind of the entries that set a register.
pub(crate) const KIND_SET: u16 = 1;
/// Bytes of an operation before its padding.
const OPERATION_BYTES: usize = 17;

/// One register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Register {
    /// What was written last; each write is unique.
    pub(crate) value: u64,
    /// By which entry.
    pub(crate) index: u64,
}

/// The state of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct State {
    /// The last entry that was applied.
    pub(crate) applied: Position,
    /// The chain of hashes up to there.
    pub(crate) hash: u64,
    /// The registers.
    pub(crate) registers: [Register; KEYS],
}

/// The state on disk.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checkpoint {
    /// What a process finds that starts again.
    pub(crate) written: State,
    /// What a machine finds that starts again.
    pub(crate) durable: State,
}

/// An operation on the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Which register.
    pub(crate) key: u8,
    /// Its new value.
    pub(crate) value: u64,
}

/// The hash of a log that ends with this entry.
pub(crate) fn chain(before: u64, entry: &Entry) -> u64 {
    let Position { epoch, index } = entry.position;
    let mut hash = mix(before, index);
    hash = mix(hash, u64::from(epoch.ballot.generation) << 32 | u64::from(epoch.ballot.round));
    hash = mix(hash, u64::from(epoch.run) << 8 | epoch.ballot.by as u64);
    for chunk in entry.payload.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    hash
}

impl Operation {
    /// Its payload, padded to that many bytes.
    pub(crate) fn encode(self, bytes: usize) -> Vec<u8> {
        let mut payload = vec![0; bytes.max(OPERATION_BYTES)];
        payload[0] = self.key;
        payload[1..9].copy_from_slice(&self.value.to_le_bytes());
        payload[9..17].copy_from_slice(&mix(1, self.value).to_le_bytes());
        payload
    }

    /// The operation of a payload; nothing when it is none.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u64::from_le_bytes(payload.get(at..at + 8)?.try_into().ok()?));
        let value = word(1)?;
        (word(9)? == mix(1, value)).then_some(Self { key: *payload.first()?, value })
    }
}

impl State {
    /// Applies the next entry.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        self.hash = chain(self.hash, entry);
        self.applied = entry.position;
        if let Some(operation) = Operation::decode(&entry.payload)
            && let Some(register) = self.registers.get_mut(operation.key as usize)
        {
            *register = Register { value: operation.value, index: entry.position.index };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_survives_its_encoding_and_damage_shows() {
        let operation = Operation { key: 3, value: 77 };
        let mut payload = operation.encode(40);
        assert_eq!(Operation::decode(&payload), Some(operation));
        payload[4] ^= 1;
        assert_eq!(Operation::decode(&payload), None);
        assert_eq!(Operation::decode(&[1, 2]), None);
    }

    #[test]
    fn equal_logs_make_equal_hashes_and_others_do_not() {
        let entry = |index, value| Entry {
            position: Position { index, ..Position::default() },
            kind: KIND_SET,
            version: 1,
            payload: Operation { key: 1, value }.encode(0),
        };
        let (mut one, mut other) = (State::default(), State::default());
        one.apply(&entry(1, 5));
        other.apply(&entry(1, 5));
        assert_eq!(one, other);
        assert_eq!(one.registers[1], Register { value: 5, index: 1 });
        other.apply(&entry(2, 6));
        one.apply(&entry(2, 7));
        assert_ne!(one.hash, other.hash);
    }
}
