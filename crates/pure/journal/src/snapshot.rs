//! What a snapshot consists of, and how it arrives: in chunks that are each proven.
//!
//! The digest of a file is its plain BLAKE3, which any tool computes. BLAKE3 is a tree, so the
//! manifest can also hold the node above each chunk of 1 MiB; together they must give the digest.
//! A chunk is proven the moment it arrives, progress never goes back, and what was interrupted goes
//! on after the last chunk that was proven.
//!
//! Files are neither read nor written here. What they mean is the state's matter.

use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root,
    merge_subtrees_root,
};
use model::pair::Position;

use crate::bytes::{Fields, put_position};
use crate::epochs::EPOCHS_MAX;
use crate::segment::{seal, unseal};

/// Bytes of a chunk. Source: ha.md section 5.3. A power of two, as the tree demands.
pub const CHUNK_BYTES: u64 = 1 << 20;
const _: () = assert!(CHUNK_BYTES.is_power_of_two());
/// Longest encoded manifest. Ours: 32 bytes a chunk, so 500 GB.
pub const MANIFEST_BYTES_MAX: usize = 16 << 20;
/// Longest name of a file. Ours: what file systems take.
pub const NAME_BYTES_MAX: usize = 255;

const MAGIC: [u8; 8] = *b"MSEJSNAP";
const FORMAT: u16 = 1;
const DIGEST_BYTES: usize = 32;

/// Everything that a snapshot consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The last entry that is in it.
    pub position: Position,
    /// The chain after that entry.
    pub chain: u64,
    /// The last position of each epoch up to there, oldest first.
    pub epochs: Vec<Position>,
    /// Its files.
    pub files: Vec<File>,
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// A relative path with `/` between its parts.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its content.
    pub digest: [u8; DIGEST_BYTES],
    /// The tree's node above each chunk; empty when the file is one chunk.
    nodes: Vec<ChainingValue>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// The file, by its place in the manifest.
    pub file: usize,
    /// Where it begins.
    pub offset: u64,
    /// How long it is: [`CHUNK_BYTES`] but for the last of a file.
    pub bytes: u64,
}

/// Computes what the manifest says of a file, while the file is read once.
#[derive(Debug, Default)]
pub struct Digester {
    chunk: blake3::Hasher,
    bytes: u64,
    nodes: Vec<ChainingValue>,
}

/// How much of a snapshot has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrival {
    file: usize,
    offset: u64,
    verified_bytes: u64,
}

/// Why a manifest or a chunk is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Cut short, flipped, or never a manifest.
    #[error("the manifest is damaged; ask the peer for it again")]
    PeerManifest,
    /// Of a newer program.
    #[error("the manifest has format {found}, this program knows {FORMAT}; upgrade this node")]
    PeerFormat {
        /// Its format.
        found: u16,
    },
    /// It would lead out of the directory, or is too long.
    #[error("the manifest names a file {name:?}, which is no relative path")]
    PeerName {
        /// The name.
        name: String,
    },
    /// Too many files.
    #[error("the manifest takes {bytes} bytes; at most {MANIFEST_BYTES_MAX} are taken")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not what the manifest says.
    #[error("{name} at {offset} is not what the manifest says; ask the peer for it again")]
    PeerChunk {
        /// The file.
        name: String,
        /// Where the chunk begins.
        offset: u64,
    },
}

impl Manifest {
    /// Bytes of all files.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().fold(0, |total, file| total.saturating_add(file.bytes))
    }

    /// All chunks, in the order in which they arrive. Empty files have none.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk> {
        self.files.iter().enumerate().flat_map(|(nth, file)| {
            (0..file.bytes.div_ceil(CHUNK_BYTES)).map(move |chunk| file.chunk(nth, chunk))
        })
    }

    /// Proves the bytes of a chunk.
    pub fn verify(&self, chunk: Chunk, bytes: &[u8]) -> Result<(), SnapshotError> {
        let Chunk { file, offset, .. } = chunk;
        let is_right = self.files.get(file).is_some_and(|file| {
            bytes.len() as u64 == chunk.bytes && file.is_proven_by(offset / CHUNK_BYTES, bytes)
        });
        if is_right {
            return Ok(());
        }
        let name = self.files.get(file).map_or("?", |file| &file.name).to_owned();
        Err(SnapshotError::PeerChunk { name, offset })
    }

    /// The bytes of a manifest.
    pub fn encode(&self) -> Result<Vec<u8>, SnapshotError> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        put_position(&mut out, self.position);
        out.extend_from_slice(&self.chain.to_le_bytes());
        out.extend_from_slice(&(self.epochs.len() as u16).to_le_bytes());
        self.epochs.iter().for_each(|end| put_position(&mut out, *end));
        out.extend_from_slice(&(self.files.len() as u32).to_le_bytes());
        for file in &self.files {
            check_name(&file.name)?;
            out.push(file.name.len() as u8);
            out.extend_from_slice(file.name.as_bytes());
            out.extend_from_slice(&file.bytes.to_le_bytes());
            out.extend_from_slice(&file.digest);
            file.nodes.iter().for_each(|node| out.extend_from_slice(node));
        }
        if out.len() > MANIFEST_BYTES_MAX {
            return Err(SnapshotError::TooLong { bytes: out.len() });
        }
        seal(&mut out);
        Ok(out)
    }

    /// Reads a manifest that a peer sent or that was stored.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(SnapshotError::TooLong { bytes: bytes.len() });
        }
        let mut fields = unseal(bytes, MAGIC).ok_or(SnapshotError::PeerManifest)?;
        match fields.u16() {
            Some(FORMAT) => {}
            Some(found) => return Err(SnapshotError::PeerFormat { found }),
            None => return Err(SnapshotError::PeerManifest),
        }
        let manifest = decode_fields(&mut fields).ok_or(SnapshotError::PeerManifest)?;
        manifest.files.iter().try_for_each(|file| check_name(&file.name))?;
        let is_consistent = fields.0.is_empty()
            && manifest.epochs.last().copied().unwrap_or_default() == manifest.position
            && manifest.files.iter().all(File::is_consistent);
        if is_consistent { Ok(manifest) } else { Err(SnapshotError::PeerManifest) }
    }
}

fn decode_fields(fields: &mut Fields<'_>) -> Option<Manifest> {
    let (position, chain) = (fields.position()?, fields.u64()?);
    let epochs = usize::from(fields.u16()?);
    if epochs > EPOCHS_MAX {
        return None;
    }
    let epochs = (0..epochs).map(|_| fields.position()).collect::<Option<_>>()?;
    // Nothing is reserved for what is only claimed: the bytes run out first.
    let mut files = Vec::new();
    for _ in 0..fields.u32()? {
        let length = usize::from(fields.u8()?);
        let name = String::from_utf8(fields.slice(length)?.to_vec()).ok()?;
        let (bytes, digest) = (fields.u64()?, fields.array()?);
        let count = nodes_of(bytes);
        let nodes = fields.slice(usize::try_from(count).ok()?.checked_mul(DIGEST_BYTES)?)?;
        let nodes = nodes.as_chunks().0.to_vec();
        files.push(File { name, bytes, digest, nodes });
    }
    Some(Manifest { position, chain, epochs, files })
}

/// How many nodes a file of this length has.
fn nodes_of(bytes: u64) -> u64 {
    if bytes <= CHUNK_BYTES { 0 } else { bytes.div_ceil(CHUNK_BYTES) }
}

fn check_name(name: &str) -> Result<(), SnapshotError> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let is_path = name.split('/').all(is_part) && !name.contains(['\0', '\\']);
    if is_path && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    Err(SnapshotError::PeerName { name: name.chars().take(NAME_BYTES_MAX).collect() })
}

impl File {
    fn chunk(&self, file: usize, nth: u64) -> Chunk {
        let offset = nth * CHUNK_BYTES;
        Chunk { file, offset, bytes: self.bytes.saturating_sub(offset).min(CHUNK_BYTES) }
    }

    fn is_proven_by(&self, nth: u64, bytes: &[u8]) -> bool {
        if self.nodes.is_empty() {
            return nth == 0 && *blake3::hash(bytes).as_bytes() == self.digest;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(nth * CHUNK_BYTES);
        hasher.update(bytes);
        self.nodes.get(nth as usize) == Some(&hasher.finalize_non_root())
    }

    /// Whether the nodes give the digest.
    fn is_consistent(&self) -> bool {
        self.nodes.is_empty() || root(self.bytes, &self.nodes) == Some(self.digest)
    }
}

/// The digest of a file of several chunks.
fn root(bytes: u64, nodes: &[ChainingValue]) -> Option<[u8; DIGEST_BYTES]> {
    let (left, right) = halves(bytes, nodes)?;
    Some(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
}

fn halves(bytes: u64, nodes: &[ChainingValue]) -> Option<(ChainingValue, ChainingValue)> {
    let left_bytes = left_subtree_len(bytes);
    let (left, right) = nodes.split_at_checked((left_bytes / CHUNK_BYTES) as usize)?;
    Some((node(left_bytes, left)?, node(bytes - left_bytes, right)?))
}

/// The node above several chunks. The depth is the logarithm of their number.
fn node(bytes: u64, nodes: &[ChainingValue]) -> Option<ChainingValue> {
    if let [node] = nodes {
        return Some(*node);
    }
    let (left, right) = halves(bytes, nodes)?;
    Some(merge_subtrees_non_root(&left, &right, Mode::Hash))
}

impl Digester {
    /// More of the file.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let in_chunk = self.bytes % CHUNK_BYTES;
            if in_chunk == 0 && self.bytes > 0 {
                self.end_chunk();
            }
            let room = CHUNK_BYTES - in_chunk;
            let (now, later) = bytes.split_at((room as usize).min(bytes.len()));
            self.chunk.update(now);
            self.bytes += now.len() as u64;
            bytes = later;
        }
    }

    /// What the manifest says of the file.
    pub fn finish(mut self, name: String) -> File {
        let bytes = self.bytes;
        if self.nodes.is_empty() {
            let digest = *self.chunk.finalize().as_bytes();
            return File { name, bytes, digest, nodes: Vec::new() };
        }
        self.nodes.push(self.chunk.finalize_non_root());
        let digest = root(bytes, &self.nodes).unwrap_or_default();
        File { name, bytes, digest, nodes: self.nodes }
    }

    fn end_chunk(&mut self) {
        self.nodes.push(self.chunk.finalize_non_root());
        self.chunk = blake3::Hasher::new();
        self.chunk.set_input_offset(self.bytes);
    }
}

impl Arrival {
    /// The next chunk to ask for; nothing when all are here.
    pub fn next(&self, manifest: &Manifest) -> Option<Chunk> {
        let files = manifest.files.iter().enumerate().skip(self.file);
        let mut rest = files.filter(|(nth, file)| {
            let from = if *nth == self.file { self.offset } else { 0 };
            from < file.bytes
        });
        let (nth, file) = rest.next()?;
        let offset = if nth == self.file { self.offset } else { 0 };
        Some(file.chunk(nth, offset / CHUNK_BYTES))
    }

    /// Takes the next chunk, from the peer or from what an interrupted arrival left on disk.
    pub fn accept(&mut self, manifest: &Manifest, bytes: &[u8]) -> Result<Chunk, SnapshotError> {
        let Some(chunk) = self.next(manifest) else {
            let name = String::from("a chunk after the last");
            return Err(SnapshotError::PeerChunk { name, offset: 0 });
        };
        manifest.verify(chunk, bytes)?;
        (self.file, self.offset) = (chunk.file, chunk.offset + chunk.bytes);
        self.verified_bytes += chunk.bytes;
        Ok(chunk)
    }

    /// How much was proven; only ever grows.
    pub fn verified_bytes(&self) -> u64 {
        self.verified_bytes
    }

    /// From 0 to 1.
    pub fn progress(&self, manifest: &Manifest) -> f64 {
        match manifest.total_bytes() {
            0 => 1.0,
            total => self.verified_bytes as f64 / total as f64,
        }
    }
}
