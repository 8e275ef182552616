//! What was applied, in order: a file that only grows, and the same in memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use model::pair::{Ballot, Epoch, Position, Seat};

/// Its file, here and in snapshots.
const FILE_NAME: &str = "rows";
/// Bytes that nobody looks at, so that a snapshot takes its time; here and in snapshots.
pub(crate) const BALLAST_NAME: &str = "ballast";
/// States are compared between the nodes at every so many entries. Ours: every few seconds under load.
const COMPARED_EVERY: u64 = 1_000;
/// Source: Fowler, Noll, Vo; FNV-1a of 64 bits.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
/// See [`FNV_START`].
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// One applied entry: keys and their values. What is not ours has none, but a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) position: Position,
    pub(super) rows: Vec<(u64, u64)>,
}

/// The state, shared with those who read it.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    /// Locked while it and the memory differ. Apart from the rest: who asks does not wait for the disk.
    file: Mutex<File>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    position: Position,
    /// Index, key, value; in order.
    rows: Vec<(u64, u64, u64)>,
    /// Where each key is in `rows`. A tree: a hash table of millions of keys that grows holds up everybody
    /// for a quarter of a second, which would be measured as the pair's.
    places: BTreeMap<u64, usize>,
    /// Of everything so far.
    hash: u64,
}

/// The content of an entry: how many rows, keys and values by turns, and as many bytes of nothing.
pub(super) fn packed(rows: &[(u64, u64)], pad_bytes: usize) -> Vec<u8> {
    let mut payload = (rows.len() as u64).to_le_bytes().to_vec();
    for (key, value) in rows {
        payload.extend(key.to_le_bytes());
        payload.extend(value.to_le_bytes());
    }
    payload.resize(payload.len() + pad_bytes, 0);
    payload
}

pub(super) fn unpacked(payload: &[u8]) -> Vec<(u64, u64)> {
    let (numbers, _) = payload.as_chunks::<8>();
    let mut numbers = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let count = numbers.next().unwrap_or(0);
    let mut rows = Vec::new();
    while (rows.len() as u64) < count
        && let Some(row) = numbers.next().zip(numbers.next())
    {
        rows.push(row);
    }
    rows
}

impl State {
    /// The state that is in the folder, which is made, with so much ballast.
    pub(super) fn open(folder: &Path, ballast_mib: usize) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let ballast = folder.join(BALLAST_NAME);
        if ballast_mib > 0 && !ballast.exists() {
            load(&ballast, ballast_mib)
                .with_context(|| format!("cannot make {}", ballast.display()))?;
        }
        let (inner, file) = Inner::open(&folder.join(FILE_NAME))?;
        Ok(Self { folder: folder.to_owned(), file: Mutex::new(file), inner: Mutex::new(inner) })
    }

    pub(super) fn position(&self) -> Position {
        self.inner().position
    }

    /// Applies entries, and says which hashes are to be compared.
    pub(super) fn append(&self, batches: Vec<Batch>) -> io::Result<Vec<(u64, u64)>> {
        let text: String = batches.iter().map(line).collect();
        let mut file = self.file();
        file.write_all(text.as_bytes())?;
        let mut hashes = Vec::new();
        let mut inner = self.inner();
        for batch in batches {
            let index = batch.position.index;
            inner.take(batch);
            if index % COMPARED_EVERY == 0 {
                hashes.push((index, inner.hash));
            }
        }
        Ok(hashes)
    }

    pub(super) fn sync(&self) -> io::Result<Position> {
        let file = self.file();
        let position = self.position();
        file.sync_data()?;
        Ok(position)
    }

    pub(super) fn copy_to(&self, folder: &Path) -> io::Result<Position> {
        fs::create_dir_all(folder)?;
        let _file = self.file();
        let position = self.position();
        fs::copy(self.folder.join(FILE_NAME), folder.join(FILE_NAME))?;
        take_ballast(&self.folder, folder)?;
        Ok(position)
    }

    /// Takes over a copy; without one the state is empty.
    pub(super) fn replace_by(&self, folder: Option<&Path>) -> Result<Position> {
        let path = self.folder.join(FILE_NAME);
        let (mut file, mut inner) = (self.file(), self.inner());
        match folder {
            Some(folder) => {
                fs::copy(folder.join(FILE_NAME), &path)?;
                take_ballast(folder, &self.folder)?;
            }
            None => fs::write(&path, "")?,
        }
        (*inner, *file) = Inner::open(&path)?;
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

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Reads the file; a line that was not finished is cut off, its entry comes again.
    fn open(path: &Path) -> Result<(Self, File)> {
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
            position: Position::default(),
            rows: Vec::new(),
            places: BTreeMap::new(),
            hash: FNV_START,
        };
        for (number, line) in text[..whole].lines().enumerate() {
            let batch = parsed(line)
                .with_context(|| format!("{}:{} is damaged", path.display(), number + 1))?;
            inner.take(batch);
        }
        Ok((inner, file))
    }

    fn take(&mut self, batch: Batch) {
        self.position = batch.position;
        let index = batch.position.index;
        self.hash_in(index);
        for (key, value) in batch.rows {
            self.hash_in(key);
            self.hash_in(value);
            self.places.insert(key, self.rows.len());
            self.rows.push((index, key, value));
        }
    }

    fn hash_in(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
}

/// Ballast of which no two parts are alike. It is there whole or not at all.
fn load(path: &Path, mib: usize) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    let mut block = vec![0x5a; 1 << 20];
    for nth in 0..mib as u64 {
        block[..8].copy_from_slice(&nth.to_le_bytes());
        file.write_all(&block)?;
    }
    file.sync_all()?;
    fs::rename(unfinished, path)
}

/// A link: nobody changes it, and a copy would keep writers waiting.
fn take_ballast(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (from.join(BALLAST_NAME), to.join(BALLAST_NAME));
    if !from.exists() {
        return Ok(());
    }
    if to.exists() {
        fs::remove_file(&to)?;
    }
    fs::hard_link(from, to)
}

/// `<index> <generation> <round> <seat> <run> <key> <value> ..`
fn line(batch: &Batch) -> String {
    let Position { index, epoch: Epoch { ballot, run } } = batch.position;
    let Ballot { generation, round, by } = ballot;
    let mut line = format!("{index} {generation} {round} {by} {run}");
    for (key, value) in &batch.rows {
        // A string takes everything.
        let _ = write!(line, " {key} {value}");
    }
    line.push('\n');
    line
}

fn parsed(line: &str) -> Option<Batch> {
    let mut words = line.split(' ');
    let index = words.next()?.parse().ok()?;
    let (generation, round) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let seat = words.next()?;
    let by = Seat::ALL.into_iter().find(|it| it.to_string() == seat)?;
    let run = words.next()?.parse().ok()?;
    let mut rows = Vec::new();
    while let Some(key) = words.next() {
        rows.push((key.parse().ok()?, words.next()?.parse().ok()?));
    }
    let epoch = Epoch { ballot: Ballot { generation, round, by }, run };
    Some(Batch { position: Position { epoch, index }, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(index: u64, rows: &[(u64, u64)]) -> Batch {
        let ballot = Ballot { generation: 1, round: 7, by: Seat::Secondary };
        Batch { position: Position { epoch: Epoch { ballot, run: 3 }, index }, rows: rows.into() }
    }

    #[test]
    fn what_was_applied_is_there_again_without_the_line_that_was_torn() {
        let folder = std::env::temp_dir().join(format!("openmse-ledger-{}", std::process::id()));
        let copy = folder.join("copy");
        let batches = [batch(1, &[]), batch(2, &[(70, 700)]), batch(3, &[(71, 710), (72, 720)])];
        let last = batches[2].position;
        let state = State::open(&folder, 1).unwrap();
        assert_eq!(state.append(batches.into()).unwrap(), []);
        assert_eq!(state.copy_to(&copy).unwrap(), last);
        let mut file = OpenOptions::new().append(true).open(folder.join(FILE_NAME)).unwrap();
        file.write_all(b"4 1 7 secondary 3 7").unwrap();
        let ballast = |folder: &Path| fs::read(folder.join(BALLAST_NAME)).unwrap();
        assert_eq!(ballast(&folder).len(), 1 << 20);
        assert!(ballast(&folder) == ballast(&copy));
        for again in [State::open(&folder, 1).unwrap(), State::open(&copy, 0).unwrap()] {
            assert_eq!(again.position(), last);
            assert_eq!(again.value(70), Some((2, 700)));
            assert_eq!(again.value(73), None);
            assert_eq!(again.rows(1, 5), [(3, 71, 710), (3, 72, 720)]);
            assert_eq!(again.inner().hash, state.inner().hash);
        }
        assert_eq!(state.replace_by(None).unwrap(), Position::default());
        assert_eq!(state.replace_by(Some(&copy)).unwrap(), last);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_entry_holds_keys_and_values() {
        let rows = [(7, 700), (u64::MAX, 1)];
        assert_eq!(unpacked(&packed(&rows, 0)), rows);
        assert_eq!(unpacked(&packed(&rows, 100)), rows);
        assert_eq!(unpacked(&[]), []);
    }
}
