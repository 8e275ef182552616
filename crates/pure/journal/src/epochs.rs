//! Which epoch wrote which entries.

use model::pair::Position;

/// Most epochs that are remembered; as many as `ha` compares. Ours: an epoch is a role change or a
/// restart of the holder.
pub const EPOCHS_MAX: usize = 128;

/// The last position of each epoch, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Epochs(Vec<Position>);

impl Epochs {
    pub(crate) fn from_ends(ends: &[Position]) -> Self {
        let mut epochs = Self::default();
        for end in ends {
            epochs.note(*end);
        }
        epochs
    }

    pub(crate) fn note_all(&mut self, other: &Self) {
        for end in &other.0 {
            self.note(*end);
        }
    }

    pub(crate) fn ends(&self) -> &[Position] {
        &self.0
    }

    /// An entry stands here. Entries may be noted in any order, as repairs come late.
    pub(crate) fn note(&mut self, position: Position) {
        // Almost always the newest epoch goes on.
        if let Some(last) = self.0.last_mut()
            && last.epoch == position.epoch
        {
            last.index = last.index.max(position.index);
            return;
        }
        match self.0.binary_search_by(|end| end.epoch.cmp(&position.epoch)) {
            Ok(known) => self.0[known].index = self.0[known].index.max(position.index),
            Err(place) => self.0.insert(place, position),
        }
        if self.0.len() > EPOCHS_MAX {
            self.0.remove(0);
        }
    }
}
