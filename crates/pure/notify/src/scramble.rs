//! Addresses that cannot be traced back without the salt.

use model::Mac;
use sha2::{Digest as _, Sha256};

/// The address that stands for `mac`: the first six octets of SHA-256 over salt and address, marked
/// as locally administered and individual, so that no maker's address is claimed.
///
/// Ours: how CMX scrambles is not published. Whoever has the salt can find a known device again;
/// without it all 2^48 addresses fit.
pub fn scrambled(mac: Mac, salt: &str) -> Mac {
    let digest = Sha256::new().chain_update(salt.as_bytes()).chain_update(mac.0).finalize();
    let mut octets = [0; 6];
    for (octet, byte) in octets.iter_mut().zip(digest) {
        *octet = byte;
    }
    octets[0] = octets[0] & 0b1111_1100 | 0b10;
    Mac(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_makes_one_other_address_of_each() {
        let (anna, carl) = (Mac::from_u64(0x00_50_56_9c_34_89), Mac::from_u64(0x00_50_56_9c_34_8a));
        assert_eq!(scrambled(anna, "salt"), scrambled(anna, "salt"));
        assert_ne!(scrambled(anna, "salt"), scrambled(carl, "salt"));
        assert_ne!(scrambled(anna, "salt"), scrambled(anna, "other"));
        let made_up = scrambled(anna, "salt");
        assert!(made_up.is_locally_administered() && !made_up.is_multicast(), "{made_up}");
    }
}
