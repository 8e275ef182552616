//! Who made a radio, from the lists of the IEEE.
//!
//! An address begins with 24, 28 or 36 bits that the IEEE gave to somebody; the longest that is listed
//! counts. A locally administered address was made up by its device, so nobody made it.

use std::collections::BTreeMap;
use std::path::Path;

use model::Mac;

/// The lists, as the Debian package `ieee-data` has them.
const LISTS: [&str; 4] = ["oui.csv", "mam.csv", "oui36.csv", "iab.csv"];
/// Assignments that are held. Ours: four times as many as there are.
const VENDORS_MAX: usize = 200_000;
/// Longest name, in bytes. Ours: a line of a table.
const NAME_BYTES_MAX: usize = 64;
/// Bits that an assignment can have, longest first.
const PREFIX_BITS: [u32; 3] = [36, 28, 24];
/// What is said of an address that its device made up.
pub const RANDOMISED: &str = "randomised";

/// Names by the first bits of addresses.
#[derive(Debug, Default)]
pub struct Vendors {
    /// By the number of bits, and the bits.
    names: BTreeMap<(u32, u64), Box<str>>,
}

impl Vendors {
    /// Reads the lists that are in a folder. Names are a help, so what cannot be read is left out.
    pub fn load(folder: &Path) -> Self {
        let mut vendors = Self::default();
        for list in LISTS {
            if let Ok(text) = std::fs::read(folder.join(list)) {
                vendors.read(&text);
            }
        }
        if vendors.names.is_empty() {
            tracing::info!(
                folder = %folder.display(),
                "no lists of vendors there; addresses have no names (Debian: install ieee-data, or set wips.vendors)"
            );
        }
        vendors
    }

    /// Takes the rows of one list: `Registry,Assignment,Organization Name,Organization Address`.
    fn read(&mut self, text: &[u8]) {
        let rows = csv::ReaderBuilder::new().flexible(true).from_reader(text).into_byte_records();
        for row in rows.map_while(Result::ok) {
            let (Some(assignment), Some(name)) = (row.get(1), row.get(2)) else { continue };
            let assignment = std::str::from_utf8(assignment).unwrap_or_default();
            let (Ok(bits), length) =
                (u64::from_str_radix(assignment, 16), 4 * assignment.len() as u32)
            else {
                continue;
            };
            if !PREFIX_BITS.contains(&length) || self.names.len() >= VENDORS_MAX {
                continue;
            }
            let name = String::from_utf8_lossy(name);
            let name = name.trim();
            let name = name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default();
            self.names.insert((length, bits), name.into());
        }
    }

    /// Who made the radio with this address.
    pub fn name(&self, mac: Mac) -> Option<&str> {
        let [first, ..] = mac.0;
        if first & 0x02 != 0 {
            return Some(RANDOMISED);
        }
        let named = |bits: u32| self.names.get(&(bits, mac.to_u64() >> (48 - bits)));
        PREFIX_BITS.into_iter().find_map(named).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = b"Registry,Assignment,Organization Name,Organization Address\n\
        MA-L,00D0EF,IGT,9295 PROTOTYPE DRIVE\n\
        MA-L,70B3D5,IEEE Registration Authority,\n\
        MA-S,70B3D5F2F,TELEPLATFORMS,\"Polbina st., 3/1 Moscow\"\n\
        MA-L,nonsense,Nobody,\n\
        short\n";

    fn check(mac: [u8; 6], expected: Option<&str>) {
        let mut vendors = Vendors::default();
        vendors.read(LIST);
        assert_eq!(vendors.name(Mac(mac)), expected, "{}", Mac(mac));
    }

    #[test]
    fn the_longest_assignment_counts() {
        check([0x00, 0xd0, 0xef, 1, 2, 3], Some("IGT"));
        check([0x70, 0xb3, 0xd5, 0xf2, 0xf1, 2], Some("TELEPLATFORMS"));
        check([0x70, 0xb3, 0xd5, 0x00, 0x01, 2], Some("IEEE Registration Authority"));
        check([0x00, 0x00, 0x5e, 1, 2, 3], None);
    }

    #[test]
    fn nobody_made_a_random_address() {
        check([0x02, 0xd0, 0xef, 1, 2, 3], Some(RANDOMISED));
        check([0xda, 0xa1, 0x19, 1, 2, 3], Some(RANDOMISED));
    }

    #[test]
    fn a_folder_without_lists_gives_no_names() {
        let vendors = Vendors::load(Path::new("/nowhere"));
        assert!(vendors.names.is_empty() && vendors.name(Mac([0; 6])).is_none());
    }
}
