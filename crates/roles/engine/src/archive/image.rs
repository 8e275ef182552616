//! Whether a plan is the image that it claims to be, and how large it is.
//!
//! Pixels are never decoded here; a browser does that.

use imagesize::ImageType;

use super::{IMAGES_NAME, svg};

/// Most pixels of a raster image. Ours: a plan of a hundred metres at a centimetre a pixel; a browser
/// needs four bytes for each.
const PIXELS_MAX: u64 = 100_000_000;

/// The formats of `FloorImage::MEDIA_TYPES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    Svg,
}

impl Format {
    const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Svg];

    pub(super) fn of_media_type(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.media_type() == media_type)
    }

    /// The format of the entry `images/<sha256>.<extension>`; none when the name has another form.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (sha256, extension) = name.strip_prefix(IMAGES_NAME)?.split_once('.')?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if sha256.len() != 64 || !sha256.bytes().all(is_hex) {
            return None;
        }
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// The name of the entry.
    pub(super) fn name(self, sha256: &str) -> String {
        format!("{IMAGES_NAME}{sha256}.{}", self.extension())
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}

/// Width and height in pixels, or why the content is not a harmless image of the named format.
pub(super) fn size(name: &str, content: &[u8]) -> Result<(u32, u32), String> {
    let (format, expected) = match Format::of_name(name) {
        Some(Format::Svg) => return svg::size(content),
        Some(Format::Png) => ("PNG", ImageType::Png),
        Some(Format::Jpeg) => ("JPEG", ImageType::Jpeg),
        None => return Err("has a name that does not belong here".into()),
    };
    if !imagesize::image_type(content).is_ok_and(|found| found == expected) {
        return Err(format!("is no {format}"));
    }
    let size =
        imagesize::blob_size(content).map_err(|error| format!("is a broken {format}: {error}"))?;
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let (width_px, height_px) = (side(size.width), side(size.height));
    if u64::from(width_px) * u64::from(height_px) > PIXELS_MAX {
        return Err(format!("has more than {PIXELS_MAX} pixels"));
    }
    Ok((width_px, height_px))
}
