use model::map::{Building, Campus, Floor};
use proptest::prelude::*;

use super::*;

/// A PNG of 2 x 3 pixels: signature and IHDR, which is all that is looked at.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0\0\0\0\0";
/// A JPEG of 2 x 3 pixels: start, a JFIF segment, a frame header.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\
    \xff\xc0\0\x11\x08\0\x03\0\x02\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xd9";
const SVG: &[u8] = br##"<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://example.org/editor" viewBox="0 0 2 3">
  <!-- a plan --><x:view path="C:\plans"/><style>.wall { stroke: url(#ink) }</style>
  <linearGradient id="ink"/><path class="wall" d="M0 0L2 3"/><text>one src(2)</text>
  <use href="#ink"/><image href="data:image/png;base64,iVBORw0KGgo="/>
</svg>"##;

fn floor(name: &str, image: Option<FloorImage>) -> Floor {
    Floor { image, ..Floor::bare(name, 0, 20.7, 10.1) }
}

fn described(content: &[u8], media_type: &str) -> FloorImage {
    FloorImage { sha256: sha256(content), media_type: media_type.into(), width_px: 2, height_px: 3 }
}

fn maps_of(images: &[FloorImage]) -> Maps {
    let floors = images
        .iter()
        .enumerate()
        .map(|(number, image)| floor(&format!("Floor {number}"), Some(image.clone())))
        .collect();
    let building = Building { name: "Main".into(), floors };
    Maps { campuses: vec![Campus { name: "North".into(), buildings: vec![building] }] }
}

fn sample() -> Archive {
    let images = [(PNG, "image/png"), (JPEG, "image/jpeg"), (SVG, "image/svg+xml")];
    Archive {
        maps: maps_of(&images.map(|(content, media_type)| described(content, media_type))),
        images: images.iter().map(|(content, _)| (sha256(content), content.to_vec())).collect(),
    }
}

fn exported(archive: &Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read_image = |sha256: &str| {
        let content = archive.images.get(sha256);
        content.cloned().ok_or(io::ErrorKind::NotFound.into())
    };
    export(&archive.maps, read_image, &mut bytes).unwrap();
    bytes
}

/// One entry of a hostile archive; the name goes into the header as it is.
struct Raw<'a>(&'a str, EntryType, &'a [u8]);

fn packed(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for Raw(name, kind, content) in entries {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(ENTRY_MODE);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        if matches!(kind, EntryType::Link | EntryType::Symlink) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    zipped(&tar)
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Checks that an archive is refused with every one of `words`.
fn check_refused(bytes: &[u8], words: &[&str]) {
    let error = import(bytes).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "'{error}' does not say '{word}'");
    }
}

/// Checks that an archive with this single image, said to be 2 x 3 pixels, is refused.
fn check_image_refused(content: &[u8], media_type: &str, words: &[&str]) {
    let image = described(content, media_type);
    let name = Format::of_media_type(media_type).unwrap().name(&image.sha256);
    let document = serde_json::to_vec(&maps_of(&[image])).unwrap();
    let entries =
        [Raw(MAPS_NAME, EntryType::Regular, &document), Raw(&name, EntryType::Regular, content)];
    check_refused(&packed(&entries), words);
}

#[test]
fn what_is_exported_is_imported_and_exported_the_same() {
    let bytes = exported(&sample());
    let archive = import(&bytes[..]).unwrap();
    assert_eq!(archive, sample());
    assert_eq!(exported(&archive), bytes);
}

#[test]
fn an_archive_made_by_hand_is_imported() {
    let sample = sample();
    let document = serde_json::to_vec(&sample.maps).unwrap();
    let names: Vec<(String, Vec<u8>)> = named_images(&sample.maps)
        .into_iter()
        .map(|(name, image)| (name, sample.images[&image.sha256].clone()))
        .collect();
    // Another order, and an entry for the folder, as tar makes it.
    let mut entries = vec![Raw(IMAGES_NAME, EntryType::Directory, b"")];
    entries.extend(names.iter().map(|(name, content)| Raw(name, EntryType::Regular, content)));
    entries.push(Raw(MAPS_NAME, EntryType::Regular, &document));
    assert_eq!(import(&packed(&entries)[..]).unwrap(), sample);
}

#[test]
fn a_plan_of_two_floors_is_there_once() {
    let image = described(PNG, "image/png");
    let archive = Archive {
        maps: maps_of(&[image.clone(), image.clone()]),
        images: BTreeMap::from([(image.sha256.clone(), PNG.to_vec())]),
    };
    assert_eq!(import(&exported(&archive)[..]).unwrap(), archive);
    let wider = FloorImage { width_px: 9, ..image.clone() };
    let two = Archive { maps: maps_of(&[wider, image]), ..archive };
    check_refused(&exported(&two), &["is 2 x 3 pixels", "9 x 3", "North>Main>Floor 0"]);
}

#[test]
fn an_image_that_cannot_be_read_stops_the_export() {
    let read_image = |_: &str| Err(io::ErrorKind::NotFound.into());
    let error = export(&sample().maps, read_image, io::sink()).unwrap_err();
    assert!(matches!(error, ArchiveError::LocalImage { .. }), "{error}");
}

#[test]
fn an_entry_that_does_not_belong_is_named() {
    let foreign = "images/0000000000000000000000000000000000000000000000000000000000000000.exe";
    for name in
        ["../maps.json", "/etc/passwd", "maps.json/..", "./maps.json", "images/a.png", foreign]
    {
        let entries = [Raw(name, EntryType::Regular, b"{}")];
        check_refused(&packed(&entries), &[name, "does not belong"]);
    }
    let device = Raw("images/", EntryType::Block, b"");
    check_refused(&packed(&[device]), &["images/", "no plain file"]);
    let folder = Raw("secrets/", EntryType::Directory, b"");
    check_refused(&packed(&[folder]), &["secrets/", "no plain file"]);
    for kind in [EntryType::Symlink, EntryType::Link] {
        check_refused(&packed(&[Raw(MAPS_NAME, kind, b"")]), &["maps.json", "is a link"]);
    }
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader, EntryType::GNULongName] {
        let entries = [Raw(MAPS_NAME, kind, b"20 path=/etc/passwd\n")];
        check_refused(&packed(&entries), &["no plain file", "--format=ustar"]);
    }
    let twice =
        [Raw(MAPS_NAME, EntryType::Regular, b"{}"), Raw(MAPS_NAME, EntryType::Regular, b"{}")];
    check_refused(&packed(&twice), &["maps.json", "is there twice"]);
}

#[test]
fn what_is_no_archive_is_refused() {
    check_refused(b"", &["not a gzip"]);
    check_refused(b"PK\x03\x04 a zip file", &["not a gzip"]);
    check_refused(&zipped(b"not a tar"), &["not a gzip-compressed tar"]);
    check_refused(&packed(&[]), &["no maps.json"]);
    let whole = exported(&sample());
    for cut in [10, whole.len() / 2, whole.len() - 1] {
        check_refused(&whole[..cut], &["cut short"]);
    }
    let mut damaged = whole.clone();
    let checksum = whole.len() - 8;
    damaged[checksum] ^= 1;
    check_refused(&damaged, &["not a gzip"]);
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    // Zeros compress a thousand to one; behind the end of the tar they are still counted.
    let bomb = zipped(&vec![0; UNPACKED_BYTES_MAX as usize + 1]);
    assert!(bomb.len() < 4 << 20);
    check_refused(&bomb, &["the unpacked archive is larger than 268435456 bytes"]);

    let mut header = Header::new_ustar();
    header.set_path(MAPS_NAME).unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_size(MAPS_BYTES_MAX + 1);
    header.set_cksum();
    check_refused(&zipped(header.as_bytes()), &["maps.json is larger than"]);

    let entries: Vec<Raw<'_>> =
        (0..=ENTRIES_MAX).map(|_| Raw(IMAGES_NAME, EntryType::Directory, b"")).collect();
    check_refused(&packed(&entries), &["more than 2048 entries"]);

    let endless = io::repeat(0x1f).take(ARCHIVE_BYTES_MAX + 1);
    let mut limited = Limited::new(endless, "the archive", ARCHIVE_BYTES_MAX);
    let error = read_error(io::copy(&mut limited, &mut io::sink()).unwrap_err());
    assert!(error.to_string().starts_with("the archive is larger"), "{error}");
}

#[test]
fn a_mistake_in_the_document_is_named_with_its_place() {
    let check = |document: &str, words: &[&str]| {
        let entries = [Raw(MAPS_NAME, EntryType::Regular, document.as_bytes())];
        check_refused(&packed(&entries), words);
    };
    check(
        "{\n \"campuses\": [\n {\"name\": \"North\", \"bildings\": []}]}",
        &["maps.json", "bildings", "line 3 column"],
    );
    check("{", &["maps.json", "line 1"]);
    check(r#"{"campuses":[{"name":"a>b"}]}"#, &["maps.json", "a>b"]);
    check(&"[".repeat(100_000), &["maps.json"]);
}

#[test]
fn images_and_document_agree() {
    let image = described(PNG, "image/png");
    let name = Format::Png.name(&image.sha256);
    let document = serde_json::to_vec(&maps_of(&[image])).unwrap();
    let maps = || Raw(MAPS_NAME, EntryType::Regular, &document);
    check_refused(&packed(&[maps()]), &[&name, "not in the archive"]);
    let forged = Raw(&name, EntryType::Regular, b"forged");
    check_refused(&packed(&[maps(), forged]), &[&name, "SHA-256"]);
    let other = Format::Png.name(&sha256(b"other"));
    let entries =
        [maps(), Raw(&name, EntryType::Regular, PNG), Raw(&other, EntryType::Regular, b"other")];
    check_refused(&packed(&entries), &[&other, "named by no floor"]);
}

#[test]
fn an_image_is_what_it_claims() {
    check_image_refused(b"hello", "image/png", &["is no PNG"]);
    check_image_refused(JPEG, "image/png", &["is no PNG"]);
    check_image_refused(PNG, "image/jpeg", &["is no JPEG"]);
    check_image_refused(&PNG[..12], "image/png", &["PNG"]);
    let mut huge = PNG.to_vec();
    huge[16..24].fill(0x7f);
    check_image_refused(&huge, "image/png", &["more than 100000000 pixels"]);
    check_image_refused(PNG, "image/svg+xml", &["no UTF-8 text"]);
}

#[test]
fn a_plan_in_svg_only_draws() {
    let check = |inside: &str, words: &[&str]| {
        let plan = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:xlink="http://www.w3.org/1999/xlink" width="2px" height="3">{inside}</svg>"#
        );
        check_image_refused(plan.as_bytes(), "image/svg+xml", words);
    };
    check("<script>alert(1)</script>", &["'script'", "1:"]);
    check("<g><foreignObject/></g>", &["'foreignObject'"]);
    check("<h:iframe/>", &["'iframe'"]);
    check("<g xmlns=''><script/></g>", &["'g'"]);
    check("<script xmlns='urn:other'/>", &["'script'"]);
    check("<a href='#x'/>", &["'a'"]);
    check("<animate attributeName='href'/>", &["'animate'"]);
    check("<path onclick='x()'/>", &["'onclick'"]);
    check("<path ONLOAD='x()'/>", &["'onload'"]);
    check("<image href='http://example.org/x.png'/>", &["'href'"]);
    check("<use xlink:href='//example.org/x.svg#a'/>", &["'href'"]);
    check("<image href='data:image/svg+xml;base64,AA=='/>", &["'href'"]);
    check("<image href=' java&#115;cript:x()'/>", &["'href'"]);
    check("<g xml:base='http://example.org/'/>", &["'base'"]);
    check("<style>@import 'x.css';</style>", &["@import"]);
    check("<style><![CDATA[a{b:URL( \"http://x\")}]]></style>", &["outer url()"]);
    check("<path style='fill:u\\72l(http://x)'/>", &["the style '\\'"]);
    check("<path fill='url(http://x#a)'/>", &["outer url()"]);
    check("<?xml-stylesheet href='x.css'?>", &["processing instruction"]);
    check("<g>", &["well-formed"]);
    let entity = br#"<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>"#;
    check_image_refused(entity, "image/svg+xml", &["document type"]);
    check_image_refused(b"<plan/>", "image/svg+xml", &["'plan'"]);
    let sizeless = br#"<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="5"/>"#;
    check_image_refused(sizeless, "image/svg+xml", &["viewBox"]);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = import(&bytes[..]);
        let _ = import(&zipped(&bytes)[..]);
        let _ = svg::size(&bytes);
    }

    #[test]
    fn a_random_image_never_panics(start in 0..3_usize, bytes: Vec<u8>) {
        let (beginning, media_type) = [
            (&PNG[..16], "image/png"),
            (&JPEG[..20], "image/jpeg"),
            (b"<svg ", "image/svg+xml"),
        ][start];
        let content = [beginning, &bytes].concat();
        let format = Format::of_media_type(media_type).unwrap();
        let _ = image::size(&format.name(&sha256(&content)), &content);
    }

    #[test]
    fn a_changed_archive_never_panics(at: prop::sample::Index, bits in 1..=255_u8) {
        let mut bytes = exported(&sample());
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let _ = import(&bytes[..]);
    }
}
