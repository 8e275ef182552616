//! Little-endian numbers out of bytes that nobody has checked yet.

use model::pair::{Ballot, Epoch, Position, Seat};

/// Bytes of a [`Position`] on disk.
pub(crate) const POSITION_BYTES: usize = 21;

/// Takes fields off the front; `None` when the bytes end too early or mean nothing.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn slice(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// generation, round and run (u32 each), seat (u8), index (u64).
    pub(crate) fn position(&mut self) -> Option<Position> {
        let (generation, round, run) = (self.u32()?, self.u32()?, self.u32()?);
        let by = seat(self.u8()?)?;
        let epoch = Epoch { ballot: Ballot { generation, round, by }, run };
        Some(Position { epoch, index: self.u64()? })
    }
}

/// Appends what [`Fields::position`] takes.
pub(crate) fn put_position(out: &mut Vec<u8>, position: Position) {
    let Epoch { ballot, run } = position.epoch;
    for number in [ballot.generation, ballot.round, run] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(seat_number(ballot.by));
    out.extend_from_slice(&position.index.to_le_bytes());
}

pub(crate) fn seat(number: u8) -> Option<Seat> {
    Seat::ALL.into_iter().find(|seat| seat_number(*seat) == number)
}

pub(crate) fn seat_number(seat: Seat) -> u8 {
    match seat {
        Seat::Primary => 0,
        Seat::Secondary => 1,
    }
}
