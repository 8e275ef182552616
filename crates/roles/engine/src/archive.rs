//! Maps in one file: a gzip-compressed tar archive of `maps.json` and `images/<sha256>.{png,jpg,svg}`.
//!
//! `maps.json` is `model::map::Maps` as serialised; every image it names is in the archive, under
//! the SHA-256 of its content, and no other. [`export`] gives the same bytes for the same maps, so that
//! archives can be compared and kept under version control.
//!
//! An archive is uploaded by a person and is not trusted. [`import`] holds it in memory and writes
//! nothing anywhere: an entry is content under a known name or the archive is refused, whatever its
//! path, type, link or size says. Images are looked at only as far as needed to know that they are
//! what they claim, and that a browser that shows them does nothing else.
//!
//! The format is ours; it is plain ustar, so `tar --format=ustar -czf maps.tar.gz maps.json images`
//! makes one by hand.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use aws_lc_rs::digest;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use model::map::{FloorImage, MapError, Maps};
use tar::{Entry, EntryType, Header};

mod image;
mod svg;

use image::Format;

/// Largest archive in bytes. Ours: plans compress badly, and a thousand floors of 100 KB fit.
pub const ARCHIVE_BYTES_MAX: u64 = 128 << 20;
/// Most bytes that an archive may unpack to; all of it is in memory for a moment. Ours.
pub const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// Most entries of an archive. Ours: more floors than that are more than one engine serves.
pub const ENTRIES_MAX: usize = 2_048;
/// Largest `maps.json` in bytes. Ours: 10,000 access points take 3 MB.
pub const MAPS_BYTES_MAX: u64 = 32 << 20;
/// Largest image in bytes. Ours.
pub const IMAGE_BYTES_MAX: u64 = 32 << 20;
/// The name of the document.
const MAPS_NAME: &str = "maps.json";
/// The folder of the images.
const IMAGES_NAME: &str = "images/";
/// Read and write for the owner, read for others: what `tar x` makes of it is harmless.
const ENTRY_MODE: u32 = 0o644;

const _: () = assert!(MAPS_BYTES_MAX + IMAGE_BYTES_MAX <= UNPACKED_BYTES_MAX);

/// What was in an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Archive {
    /// The maps, valid.
    pub maps: Maps,
    /// Every image that the maps name, under its SHA-256.
    pub images: BTreeMap<String, Vec<u8>>,
}

/// Why an archive is refused or cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is something else, or cut short.
    #[error("this is not a gzip-compressed tar archive, or it is cut short: {0}")]
    PeerNotAnArchive(#[source] io::Error),
    /// It is larger than any set of maps.
    #[error("{what} is larger than {limit_bytes} bytes")]
    PeerTooLarge {
        /// What is too large.
        what: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// It has too many entries.
    #[error("the archive has more than {ENTRIES_MAX} entries")]
    PeerTooManyEntries,
    /// An entry is not one of those that belong in an archive of maps.
    #[error(
        "the entry '{name}' {why}; an archive holds only maps.json and images/<sha256>.png, .jpg or .svg (tar --format=ustar)"
    )]
    PeerEntry {
        /// Its name, shortened.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no document.
    #[error("there is no maps.json in the archive")]
    PeerNoMaps,
    /// The document cannot be read; says where and why.
    #[error("maps.json: {0}")]
    PeerMaps(#[source] serde_json::Error),
    /// The maps would not work.
    #[error("maps.json: {0}")]
    PeerMapsInvalid(#[from] MapError),
    /// An image is not what it claims, or not harmless.
    #[error("the image '{name}' {why}")]
    PeerImage {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// An image of the maps could not be read for the export.
    #[error("the image {sha256} cannot be read: {source}; import the maps again with their images")]
    LocalImage {
        /// Which one.
        sha256: String,
        /// What the system said.
        source: io::Error,
    },
    /// The archive could not be written.
    #[error("the archive cannot be written: {0}")]
    LocalWrite(#[source] io::Error),
}

/// Writes the maps and their images. `read_image` returns the content with the given SHA-256.
pub fn export(
    maps: &Maps,
    read_image: impl Fn(&str) -> io::Result<Vec<u8>>,
    writer: impl Write,
) -> Result<(), ArchiveError> {
    let mut document = serde_json::to_vec_pretty(maps).map_err(ArchiveError::PeerMaps)?;
    document.push(b'\n');
    // No time, no file name and no system in the gzip header: same maps, same bytes.
    let gzip = GzBuilder::new().operating_system(255).write(writer, Compression::new(6));
    let mut tar = tar::Builder::new(gzip);
    append(&mut tar, MAPS_NAME, &document)?;
    for (name, image) in named_images(maps) {
        let content = read_image(&image.sha256)
            .map_err(|source| ArchiveError::LocalImage { sha256: image.sha256.clone(), source })?;
        append(&mut tar, &name, &content)?;
    }
    tar.into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .and_then(|mut writer| writer.flush())
        .map_err(ArchiveError::LocalWrite)
}

/// Reads an archive and checks everything in it.
pub fn import(reader: impl Read) -> Result<Archive, ArchiveError> {
    let packed = Limited::new(reader, "the archive", ARCHIVE_BYTES_MAX);
    let unpacked = Limited::new(GzDecoder::new(packed), "the unpacked archive", UNPACKED_BYTES_MAX);
    let mut tar = tar::Archive::new(unpacked);
    let mut contents = BTreeMap::new();
    // Raw: extension headers that rename or resize the next entry are not obeyed but refused.
    for (number, entry) in tar.entries().map_err(read_error)?.raw(true).enumerate() {
        if number >= ENTRIES_MAX {
            return Err(ArchiveError::PeerTooManyEntries);
        }
        read_entry(entry.map_err(read_error)?, &mut contents)?;
    }
    // The tar ends before the gzip stream does; its checksum is at the very end.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(read_error)?;
    check_contents(contents)
}

fn read_entry(
    mut entry: Entry<'_, impl Read>,
    contents: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), ArchiveError> {
    let path = entry.path_bytes().into_owned();
    let name = String::from_utf8_lossy(&path).into_owned();
    let refused =
        |why| Err(ArchiveError::PeerEntry { name: name.chars().take(128).collect(), why });
    let limit_bytes = match entry.header().entry_type() {
        EntryType::Directory if name == IMAGES_NAME => return Ok(()),
        EntryType::Regular if name == MAPS_NAME => MAPS_BYTES_MAX,
        EntryType::Regular if Format::of_name(&name).is_some() => IMAGE_BYTES_MAX,
        EntryType::Regular => return refused("has a name that does not belong here"),
        EntryType::Link | EntryType::Symlink => return refused("is a link"),
        _ => return refused("is no plain file"),
    };
    if contents.contains_key(&name) {
        return refused("is there twice");
    }
    if entry.size() > limit_bytes {
        return Err(ArchiveError::PeerTooLarge { what: name, limit_bytes });
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(read_error)?;
    if content.len() as u64 != entry.size() {
        return refused("is cut short");
    }
    contents.insert(name, content);
    Ok(())
}

fn check_contents(mut contents: BTreeMap<String, Vec<u8>>) -> Result<Archive, ArchiveError> {
    let document = contents.remove(MAPS_NAME).ok_or(ArchiveError::PeerNoMaps)?;
    let maps: Maps = serde_json::from_slice(&document).map_err(ArchiveError::PeerMaps)?;
    maps.validate()?;
    let mut images = BTreeMap::new();
    for (name, image) in named_images(&maps) {
        let refused = |why: String| ArchiveError::PeerImage { name: name.clone(), why };
        let content = contents
            .remove(&name)
            .ok_or_else(|| refused("is named in maps.json but not in the archive".into()))?;
        if sha256(&content) != image.sha256 {
            return Err(refused("does not have the SHA-256 that it is named by".into()));
        }
        let (width_px, height_px) = image::size(&name, &content).map_err(refused)?;
        // The same plan can belong to several floors, each with a description of its own.
        for floor in maps.floors() {
            let Some(described) = &floor.floor.image else {
                continue;
            };
            let size = (described.width_px, described.height_px);
            if described.sha256 == image.sha256 && size != (width_px, height_px) {
                return Err(refused(format!(
                    "is {width_px} x {height_px} pixels, maps.json says {} x {} on {}",
                    size.0,
                    size.1,
                    floor.path()
                )));
            }
        }
        images.insert(image.sha256.clone(), content);
    }
    match contents.into_keys().next() {
        None => Ok(Archive { maps, images }),
        Some(name) => {
            Err(ArchiveError::PeerImage { name, why: "is named by no floor in maps.json".into() })
        }
    }
}

/// The images of the maps under their names in an archive, each once.
fn named_images(maps: &Maps) -> BTreeMap<String, &FloorImage> {
    maps.floors()
        .filter_map(|floor| floor.floor.image.as_ref())
        .filter_map(|image| {
            Some((Format::of_media_type(&image.media_type)?.name(&image.sha256), image))
        })
        .collect()
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    name: &str,
    content: &[u8],
) -> Result<(), ArchiveError> {
    let mut header = Header::new_ustar();
    header.set_path(name).map_err(ArchiveError::LocalWrite)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(ENTRY_MODE);
    header.set_size(content.len() as u64);
    header.set_mtime(0);
    header.set_cksum();
    tar.append(&header, content).map_err(ArchiveError::LocalWrite)
}

fn sha256(content: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, content);
    let nibbles = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect()
}

/// Reads at most a number of bytes; more is an error, not an end.
struct Limited<R> {
    inner: R,
    left: u64,
    what: &'static str,
    limit_bytes: u64,
}

/// Travels through the readers above as the cause of an [`io::Error`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what} is larger than {limit_bytes} bytes")]
struct OverLimit {
    what: &'static str,
    limit_bytes: u64,
}

impl<R> Limited<R> {
    fn new(inner: R, what: &'static str, limit_bytes: u64) -> Self {
        Self { inner, left: limit_bytes, what, limit_bytes }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::other(OverLimit {
                    what: self.what,
                    limit_bytes: self.limit_bytes,
                }));
            }
        }
        Ok(read)
    }
}

/// Finds the limit among the causes, else the archive is broken.
fn read_error(error: io::Error) -> ArchiveError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(OverLimit { what, limit_bytes }) = error.downcast_ref() {
            return ArchiveError::PeerTooLarge {
                what: (*what).to_owned(),
                limit_bytes: *limit_bytes,
            };
        }
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    ArchiveError::PeerNotAnArchive(error)
}

#[cfg(test)]
mod tests;
