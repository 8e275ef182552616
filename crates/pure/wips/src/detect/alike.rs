//! Names that look like one of the owner's, and names that nobody has.
//!
//! A person who chooses from a list reads shapes: a zero for an O, a Cyrillic letter, one letter less. What
//! differs by a digit alone is the next room, and no look-alike.

use std::collections::BTreeMap;

use model::Mac;

use super::{Found, Scene};
use crate::air::Network;
use crate::dot11::header::Kind as FrameKind;
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::profile::Profile;
use crate::table::Table;

/// Access points whose names were judged.
const JUDGED_MAX: usize = 4_096;
/// Shorter names are too often one letter apart. Ours.
const EDITED_MIN: usize = 5;

/// Compares names with those of the owner.
#[derive(Debug)]
pub(crate) struct Alikes {
    /// The shape of each name of the owner, with the name.
    shapes: BTreeMap<String, String>,
    judged: Table<Mac, bool>,
}

impl Alikes {
    pub(crate) fn new(profile: &Profile) -> Self {
        let shapes = profile.managed.ssids.iter().map(|it| (shape_of(it), it.clone())).collect();
        Self { shapes, judged: Table::new(JUDGED_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        let heard = scene.heard;
        let profile = &scene.rules.profile;
        if let Some(ssid) = heard.probed() {
            canary(scene, ssid, Kind::CanarySsid, found);
            return;
        }
        let (Some(advert), Some(bssid)) = (&heard.advert, heard.bssid()) else { return };
        let Some(ssid) = advert.ssid else { return };
        canary(scene, ssid, Kind::Karma, found);
        if self.shapes.is_empty() || heard.kind() != FrameKind::Beacon {
            return;
        }
        // Who was judged stays judged; who has said its name once may be damaged.
        if !scene.air.network(bssid).is_some_and(Network::is_settled) {
            return;
        }
        let shapes = &self.shapes;
        let is_alike = *self.judged.entry(bssid, || {
            std::str::from_utf8(ssid).is_ok_and(|name| {
                let is_known =
                    profile.managed.ssids.contains(name) || profile.knows(bssid, Some(name));
                !is_known && looks_like_one(shapes, name)
            })
        });
        if is_alike {
            found
                .add(scene, Kind::LookAlikeSsid, EvidenceSet::of(&[Evidence::Policy]))
                .by(Transmitter::Own { address: bssid })
                .about(Some(bssid))
                .named(Some(ssid));
        }
    }
}

/// A name that nobody has: who shows it answers to anything, who asks for it has read the owner's papers.
fn canary(scene: Scene<'_>, ssid: &[u8], kind: Kind, found: &mut Found) {
    let canaries = &scene.rules.profile.canary_ssids;
    if canaries.is_empty() || !std::str::from_utf8(ssid).is_ok_and(|it| canaries.contains(it)) {
        return;
    }
    let Some(from) = scene.heard.transmitter() else { return };
    let bssid = scene.heard.advert.is_some().then_some(from);
    found
        .add(scene, kind, EvidenceSet::of(&[Evidence::Policy]))
        .by(Transmitter::Own { address: from })
        .about(bssid)
        .named(bssid.and(Some(ssid)))
        .detail("name that nobody has");
}

fn looks_like_one(shapes: &BTreeMap<String, String>, name: &str) -> bool {
    let shape = shape_of(name);
    shapes.contains_key(&shape) || shapes.iter().any(|(_, ours)| is_edited(ours, name))
}

/// What a name looks like: letters that are read as the same are the same, and what is not seen is left
/// out.
fn shape_of(name: &str) -> String {
    let mut shape = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        let folded = match letter {
            '0' | 'о' | 'ο' | 'ö' | 'ó' | 'ò' => 'o',
            '1' | 'i' | '|' | '!' | 'і' | 'ı' | 'í' | 'ì' => 'l',
            '3' | 'е' | 'é' | 'è' | 'ё' => 'e',
            '4' | '@' | 'а' | 'α' | 'ä' | 'á' | 'à' => 'a',
            '5' | '$' | 'ѕ' => 's',
            '8' | 'в' => 'b',
            'с' => 'c',
            'р' | 'ρ' => 'p',
            'х' => 'x',
            'у' => 'y',
            'н' => 'h',
            'к' | 'κ' => 'k',
            'м' => 'm',
            'т' | 'τ' | '7' => 't',
            'ü' | 'ú' | 'ù' => 'u',
            other => other,
        };
        if !is_overlooked(letter) {
            shape.push(folded);
        }
    }
    shape.replace("rn", "m").replace("vv", "w")
}

/// What stands between words, or is not seen at all: zero-width letters, and marks that turn the direction
/// of writing.
fn is_overlooked(letter: char) -> bool {
    matches!(letter, ' ' | '_' | '-' | '.' | '\u{200b}'..='\u{200f}')
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

/// Whether a name is another one with a letter more, less, changed, or two turned round. A digit, or a sign
/// between words, makes another network of the same owner.
fn is_edited(ours: &str, theirs: &str) -> bool {
    let ours: Vec<char> = ours.chars().flat_map(char::to_lowercase).collect();
    let theirs: Vec<char> = theirs.chars().flat_map(char::to_lowercase).collect();
    if ours.len() < EDITED_MIN {
        return false;
    }
    let front = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let back = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
    let back = back.min(ours.len().min(theirs.len()) - front);
    let left = |of: &[char]| of.get(front..of.len() - back).unwrap_or_default().to_vec();
    match (left(&ours).as_slice(), left(&theirs).as_slice()) {
        ([a], [b]) => a.is_alphabetic() && b.is_alphabetic(),
        ([letter], []) | ([], [letter]) => letter.is_alphabetic(),
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ours: &str, theirs: &str, is_alike: bool) {
        let shapes = BTreeMap::from([(shape_of(ours), ours.to_owned())]);
        assert_eq!(looks_like_one(&shapes, theirs), is_alike, "{ours} {theirs}");
    }

    #[test]
    fn what_reads_the_same_is_alike() {
        for theirs in ["C0rpNet", "CorpNet ", "Corp-Net", "СorpNеt", "C\u{200b}orpNet", "corpnet"]
        {
            check("CorpNet", theirs, true);
        }
        check("Modern", "Modem", true);
    }

    #[test]
    fn one_letter_is_overlooked() {
        for theirs in ["CorpNett", "CorpNt", "CorqNet", "CropNet"] {
            check("CorpNet", theirs, true);
        }
    }

    #[test]
    fn other_names_are_not_alike() {
        for theirs in ["CorpNet2", "CorpNet-5G", "CorpGuest", "Home", "", "Net", "CorpNetwork"] {
            check("CorpNet", theirs, false);
        }
        check("Room 201", "Room 202", false);
        check("Lab", "Tab", false);
    }
}
