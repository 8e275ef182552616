//! A snapshot on its way: files in a folder, fetched chunk by chunk, each proven when it comes.
//!
//! The holder offers, the backup asks for one chunk after the other. A backup that starts again
//! proves once more what it has on disk, and goes on behind that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use journal::Base;
use journal::snapshot::{Arrival, CHUNK_BYTES, Chunk, Digester, Manifest};
use model::pair::Epoch;

use crate::wire::Push;

/// A snapshot that is arriving.
pub(crate) const INCOMING: &str = "incoming";
/// A snapshot that the peer fetches.
pub(crate) const OUTGOING: &str = "outgoing";
/// The manifest of an arriving snapshot, beside its files.
const MANIFEST: &str = "manifest";
/// The files of a snapshot.
const FILES: &str = "files";

/// A snapshot that the holder keeps for its backup.
#[derive(Debug)]
pub(crate) struct Sending {
    folder: PathBuf,
    manifest: Manifest,
    encoded: Vec<u8>,
    id: u64,
}

/// A snapshot that a backup has in parts.
#[derive(Debug)]
pub(crate) struct Receiving {
    folder: PathBuf,
    /// The holder's session in which it was offered last.
    pub(crate) session: Epoch,
    manifest: Manifest,
    id: u64,
    arrival: Arrival,
}

impl Sending {
    /// Looks at every file in the folder once. Takes long for a large one.
    pub(crate) fn of(folder: PathBuf, base: &Base) -> io::Result<Self> {
        let mut files = Vec::new();
        for name in names(&folder, "")? {
            let mut file = File::open(folder.join(&name))?;
            let mut digester = Digester::default();
            let mut buffer = vec![0; CHUNK_BYTES as usize];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => digester.update(&buffer[..count]),
                }
            }
            files.push(digester.finish(name));
        }
        let Base { position, chain, epochs } = base.clone();
        let manifest = Manifest { position, chain, epochs, files };
        let encoded = manifest.encode().map_err(io::Error::other)?;
        let id = identify(&encoded);
        Ok(Self { folder, manifest, encoded, id })
    }

    /// The last entry that is in it.
    pub(crate) fn index(&self) -> u64 {
        self.manifest.position.index
    }

    /// The word to the backup.
    pub(crate) fn offer(&self, session: Epoch) -> Push {
        Push::Offer { session, id: self.id, manifest: self.encoded.clone() }
    }

    /// The chunk that was asked for; nothing when it is of another snapshot or there is none.
    pub(crate) fn chunk(&self, id: u64, file: u32, offset: u64) -> io::Result<Option<Push>> {
        let Some(entry) = self.manifest.files.get(file as usize).filter(|_| id == self.id) else {
            return Ok(None);
        };
        let bytes = entry.bytes.saturating_sub(offset).min(CHUNK_BYTES);
        let mut bytes = vec![0; bytes as usize];
        File::open(self.folder.join(&entry.name))?.read_exact_at(&mut bytes, offset)?;
        Ok(Some(Push::Chunk { id, file, offset, bytes }))
    }
}

impl Receiving {
    /// Begins, or goes on with what an earlier attempt at the same snapshot left in the folder.
    pub(crate) fn begin(
        folder: PathBuf,
        session: Epoch,
        id: u64,
        encoded: &[u8],
    ) -> io::Result<Self> {
        let manifest = Manifest::decode(encoded)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let is_known = fs::read(folder.join(MANIFEST)).is_ok_and(|known| known == encoded);
        if !is_known {
            clear(&folder)?;
            fs::create_dir_all(folder.join(FILES))?;
            fs::write(folder.join(MANIFEST), encoded)?;
        }
        let mut receiving = Self { folder, session, manifest, id, arrival: Arrival::default() };
        receiving.prepare()?;
        if is_known {
            receiving.prove_again();
        }
        Ok(receiving)
    }

    /// What an earlier run has received to its end; nothing when there is no such thing.
    pub(crate) fn left(folder: PathBuf) -> Option<Self> {
        let encoded = fs::read(folder.join(MANIFEST)).ok()?;
        let id = identify(&encoded);
        let left = Self::begin(folder, Epoch::default(), id, &encoded).ok()?;
        left.is_complete().then_some(left)
    }

    /// Makes durable what has arrived, whenever it was written.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut folders = vec![self.folder.clone(), self.folder.join(FILES)];
        for file in &self.manifest.files {
            let path = self.path(&file.name);
            File::open(&path)?.sync_all()?;
            folders.extend(path.parent().map(Path::to_owned));
        }
        File::open(self.folder.join(MANIFEST))?.sync_all()?;
        folders.dedup();
        folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
    }

    /// Folders and empty files, which have no chunk.
    fn prepare(&self) -> io::Result<()> {
        for file in &self.manifest.files {
            let path = self.path(&file.name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        }
        Ok(())
    }

    /// Takes what is on disk as far as it is what the manifest says.
    fn prove_again(&mut self) {
        while let Some(chunk) = self.arrival.next(&self.manifest) {
            let mut bytes = vec![0; chunk.bytes as usize];
            let path = self.path(&self.manifest.files[chunk.file].name);
            let read =
                File::open(path).and_then(|file| file.read_exact_at(&mut bytes, chunk.offset));
            if read.is_err() || self.arrival.accept(&self.manifest, &bytes).is_err() {
                return;
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(FILES).join(name)
    }

    /// Whether it is the snapshot of that number.
    pub(crate) fn is(&self, id: u64) -> bool {
        self.id == id
    }

    /// What to ask for next; nothing when all is here.
    pub(crate) fn want(&self) -> Option<Push> {
        let Chunk { file, offset, .. } = self.arrival.next(&self.manifest)?;
        Some(Push::Want { id: self.id, file: file as u32, offset })
    }

    /// A chunk came. `false` when it is not the next one, or not what the manifest says.
    pub(crate) fn take(
        &mut self,
        id: u64,
        file: u32,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<bool> {
        let is_next = self
            .arrival
            .next(&self.manifest)
            .is_some_and(|next| (next.file, next.offset) == (file as usize, offset));
        if id != self.id || !is_next {
            return Ok(false);
        }
        let chunk = match self.arrival.accept(&self.manifest, bytes) {
            Ok(chunk) => chunk,
            Err(error) => {
                tracing::warn!(%error, "a part of the snapshot is damaged; asked for again");
                return Ok(false);
            }
        };
        let path = self.path(&self.manifest.files[chunk.file].name);
        OpenOptions::new().write(true).open(path)?.write_all_at(bytes, chunk.offset)?;
        Ok(true)
    }

    /// Verified bytes, and all.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.arrival.verified_bytes(), self.manifest.total_bytes().max(1))
    }

    /// Whether all is here.
    pub(crate) fn is_complete(&self) -> bool {
        self.arrival.next(&self.manifest).is_none()
    }

    /// What the journal begins with after it.
    pub(crate) fn base(&self) -> Base {
        let Manifest { position, chain, ref epochs, .. } = self.manifest;
        Base { position, chain, epochs: epochs.clone() }
    }

    /// The folder with its files.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.join(FILES)
    }
}

/// Removes a folder, if it is there.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Relative names of all files below `folder`, in order.
fn names(folder: &Path, inside: &str) -> io::Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder.join(inside))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::other(format!("the snapshot has a file {}", name.display()))
        })?;
        let name = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if entry.file_type()?.is_dir() {
            all.extend(names(folder, &name)?);
        } else {
            all.push(name);
        }
    }
    all.sort();
    Ok(all)
}

/// Tells snapshots apart.
fn identify(encoded: &[u8]) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&node::token::sha256(encoded)[..8]);
    u64::from_be_bytes(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot of a small, an empty and a long file.
    fn snapshot(name: &str) -> (PathBuf, Sending) {
        let root = std::env::temp_dir().join(format!("openmse-{name}-{}", std::process::id()));
        clear(&root).unwrap();
        let outgoing = root.join(OUTGOING);
        fs::create_dir_all(outgoing.join("history")).unwrap();
        fs::write(outgoing.join("state.db"), b"state").unwrap();
        fs::write(outgoing.join("empty"), b"").unwrap();
        let long: Vec<u8> = (0..CHUNK_BYTES * 2 + 7).map(|at| at as u8).collect();
        fs::write(outgoing.join("history/1.parquet"), long).unwrap();
        let sending = Sending::of(outgoing, &Base::default()).unwrap();
        (root, sending)
    }

    fn begin(root: &Path, sending: &Sending) -> Receiving {
        let Push::Offer { session, id, manifest } = sending.offer(Epoch::default()) else {
            panic!("no offer")
        };
        Receiving::begin(root.join(INCOMING), session, id, &manifest).unwrap()
    }

    /// Fetches so many chunks.
    fn fetch(sending: &Sending, receiving: &mut Receiving, chunks: usize) {
        for _ in 0..chunks {
            let Some(Push::Want { id, file, offset }) = receiving.want() else { return };
            let Some(Push::Chunk { id, file, offset, bytes }) =
                sending.chunk(id, file, offset).unwrap()
            else {
                panic!("no chunk")
            };
            assert!(receiving.take(id, file, offset, &bytes).unwrap());
        }
    }

    #[test]
    fn what_arrives_is_what_was_sent() {
        let (root, sending) = snapshot("transfer");
        let mut receiving = begin(&root, &sending);
        fetch(&sending, &mut receiving, 10);
        assert!(receiving.is_complete());
        for name in ["state.db", "empty", "history/1.parquet"] {
            let sent = fs::read(root.join(OUTGOING).join(name)).unwrap();
            assert!(fs::read(receiving.files().join(name)).unwrap() == sent, "{name}");
        }
        clear(&root).unwrap();
    }

    #[test]
    fn a_cut_transfer_goes_on_behind_what_was_proven() {
        let (root, sending) = snapshot("resume");
        let mut receiving = begin(&root, &sending);
        fetch(&sending, &mut receiving, 2);
        let (done, _) = receiving.progress();
        assert!(done > 0);
        let mut again = begin(&root, &sending);
        assert_eq!(again.progress().0, done);
        // Bytes that are not what they were are fetched once more.
        fs::write(again.path("history/1.parquet"), b"other").unwrap();
        again = begin(&root, &sending);
        assert!(again.progress().0 < done);
        fetch(&sending, &mut again, 10);
        assert!(again.is_complete());
        clear(&root).unwrap();
    }

    #[test]
    fn a_chunk_that_is_damaged_or_of_another_snapshot_is_refused() {
        let (root, sending) = snapshot("damage");
        let mut receiving = begin(&root, &sending);
        let Some(Push::Want { id, file, offset }) = receiving.want() else { panic!("nothing") };
        assert!(!receiving.take(id, file, offset, b"wrong").unwrap());
        assert!(!receiving.take(id ^ 1, file, offset, b"").unwrap());
        assert_eq!(sending.chunk(id ^ 1, file, offset).unwrap(), None);
        assert_eq!(sending.chunk(id, 99, offset).unwrap(), None);
        clear(&root).unwrap();
    }
}
