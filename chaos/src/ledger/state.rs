//! What was applied, in order: a file that only grows, and the same in memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use model::pair::{Ballot, Epoch, Position, Seat};

/// Its file, here and in snapshots.
const FILE_NAME: &str = "rows";
/// States are compared between the nodes at every so many entries. Ours: once a second under load.
const COMPARED_EVERY: u64 = 5_000;
/// Source: Fowler, Noll, Vo; FNV-1a of 64 bits.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
/// See [`FNV_START`].
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// One applied entry; what is not ours has no key and value, but a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) position: Position,
    pub(super) kv: Option<(u64, u64)>,
}

/// The state, shared with those who read it.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    position: Position,
    /// Index, key, value; in order.
    rows: Vec<(u64, u64, u64)>,
    /// Where each key is in `rows`.
    places: HashMap<u64, usize>,
    /// Of everything so far.
    hash: u64,
}

/// The content of an entry.
pub(super) fn packed(key: u64, value: u64) -> Vec<u8> {
    [key.to_le_bytes(), value.to_le_bytes()].concat()
}

pub(super) fn unpacked(payload: &[u8]) -> Option<(u64, u64)> {
    let (key, value) = payload.split_at_checked(8)?;
    Some((u64::from_le_bytes(key.try_into().ok()?), u64::from_le_bytes(value.try_into().ok()?)))
}

impl State {
    /// The state that is in the folder, which is made.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let inner = Inner::open(&folder.join(FILE_NAME))?;
        Ok(Self { folder: folder.to_owned(), inner: Mutex::new(inner) })
    }

    pub(super) fn position(&self) -> Position {
        self.inner().position
    }

    /// Applies rows, and says which hashes are to be compared.
    pub(super) fn append(&self, rows: &[Row]) -> io::Result<Vec<(u64, u64)>> {
        let mut text = String::new();
        let mut hashes = Vec::new();
        let mut inner = self.inner();
        for row in rows {
            text.push_str(&line(row));
            inner.take(*row);
            if row.position.index % COMPARED_EVERY == 0 {
                hashes.push((row.position.index, inner.hash));
            }
        }
        inner.file.write_all(text.as_bytes())?;
        Ok(hashes)
    }

    pub(super) fn sync(&self) -> io::Result<Position> {
        let (file, position) = {
            let inner = self.inner();
            (inner.file.try_clone()?, inner.position)
        };
        file.sync_data()?;
        Ok(position)
    }

    pub(super) fn copy_to(&self, folder: &Path) -> io::Result<Position> {
        fs::create_dir_all(folder)?;
        let inner = self.inner();
        fs::copy(self.folder.join(FILE_NAME), folder.join(FILE_NAME))?;
        Ok(inner.position)
    }

    /// Takes over a copy; without one the state is empty.
    pub(super) fn replace_by(&self, folder: Option<&Path>) -> Result<Position> {
        let path = self.folder.join(FILE_NAME);
        let mut inner = self.inner();
        match folder {
            Some(folder) => fs::copy(folder.join(FILE_NAME), &path).map(|_| ())?,
            None => fs::write(&path, "")?,
        }
        *inner = Inner::open(&path)?;
        Ok(inner.position)
    }

    pub(super) fn value(&self, key: u64) -> Option<(u64, u64)> {
        let inner = self.inner();
        let (index, _, value) = *inner.rows.get(*inner.places.get(&key)?)?;
        Some((index, value))
    }

    /// Every key by its index, from the row `first` on.
    pub(super) fn rows(&self, first: usize, count: usize) -> Vec<(u64, u64, u64)> {
        self.inner().rows.iter().skip(first).take(count).copied().collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Reads the file; a line that was not finished is cut off, its entry comes again.
    fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).open(path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64)?;
            file.seek(io::SeekFrom::End(0))?;
        }
        let mut inner = Self {
            file,
            position: Position::default(),
            rows: Vec::new(),
            places: HashMap::new(),
            hash: FNV_START,
        };
        for (number, line) in text[..whole].lines().enumerate() {
            let row = parsed(line)
                .with_context(|| format!("{}:{} is damaged", path.display(), number + 1))?;
            inner.take(row);
        }
        Ok(inner)
    }

    fn take(&mut self, row: Row) {
        self.position = row.position;
        let index = row.position.index;
        let (key, value) = row.kv.unwrap_or_default();
        for byte in [index, key, value].iter().flat_map(|number| number.to_le_bytes()) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        if let Some((key, value)) = row.kv {
            self.places.insert(key, self.rows.len());
            self.rows.push((index, key, value));
        }
    }
}

/// `<index> <generation> <round> <seat> <run> <key> <value>`
fn line(row: &Row) -> String {
    let Position { index, epoch: Epoch { ballot, run } } = row.position;
    let Ballot { generation, round, by } = ballot;
    let mut line = format!("{index} {generation} {round} {by} {run}");
    if let Some((key, value)) = row.kv {
        // A string takes everything.
        let _ = write!(line, " {key} {value}");
    }
    line.push('\n');
    line
}

fn parsed(line: &str) -> Option<Row> {
    let mut words = line.split(' ');
    let index = words.next()?.parse().ok()?;
    let (generation, round) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let seat = words.next()?;
    let by = Seat::ALL.into_iter().find(|it| it.to_string() == seat)?;
    let run = words.next()?.parse().ok()?;
    let kv = match words.next() {
        Some(key) => Some((key.parse().ok()?, words.next()?.parse().ok()?)),
        None => None,
    };
    let epoch = Epoch { ballot: Ballot { generation, round, by }, run };
    words.next().is_none().then_some(Row { position: Position { epoch, index }, kv })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: u64, kv: Option<(u64, u64)>) -> Row {
        let ballot = Ballot { generation: 1, round: 7, by: Seat::Secondary };
        Row { position: Position { epoch: Epoch { ballot, run: 3 }, index }, kv }
    }

    #[test]
    fn what_was_applied_is_there_again_without_the_line_that_was_torn() {
        let folder = std::env::temp_dir().join(format!("openmse-ledger-{}", std::process::id()));
        let copy = folder.join("copy");
        let rows = [row(1, None), row(2, Some((70, 700))), row(3, Some((71, 710)))];
        let state = State::open(&folder).unwrap();
        assert_eq!(state.append(&rows).unwrap(), []);
        assert_eq!(state.copy_to(&copy).unwrap(), rows[2].position);
        let mut file = OpenOptions::new().append(true).open(folder.join(FILE_NAME)).unwrap();
        file.write_all(b"4 1 7 secondary 3 7").unwrap();
        for again in [State::open(&folder).unwrap(), State::open(&copy).unwrap()] {
            assert_eq!(again.position(), rows[2].position);
            assert_eq!(again.value(70), Some((2, 700)));
            assert_eq!(again.value(72), None);
            assert_eq!(again.rows(1, 5), [(3, 71, 710)]);
            assert_eq!(again.inner().hash, state.inner().hash);
        }
        assert_eq!(state.replace_by(None).unwrap(), Position::default());
        assert_eq!(state.replace_by(Some(&copy)).unwrap(), rows[2].position);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_entry_holds_a_key_and_a_value() {
        assert_eq!(unpacked(&packed(7, 700)), Some((7, 700)));
        assert_eq!(unpacked(&[0; 15]), None);
    }
}
