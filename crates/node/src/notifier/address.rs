//! Where a receiver is, and where none may be.
//!
//! An engine stands in places that a user of its API does not: beside the metadata service of a
//! cloud, on the management network's link. What it looks up is what it connects to, so a name
//! cannot mean another address a moment later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::DeliveryError;

/// Most addresses of a name that are tried. Ours.
const ADDRESSES_MAX: usize = 4;
/// Metadata services of clouds beside the link-local 169.254.169.254: AWS over IPv6, Alibaba Cloud,
/// Azure's platform address. Each provider's documentation names its own.
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Which addresses receivers may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressRules {
    /// Also those of the link and of metadata services.
    pub link_local: bool,
}

impl AddressRules {
    /// Refuses an address where no receiver may be.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), DeliveryError> {
        // `::ffff:169.254.169.254` goes to the same place.
        let address = address.to_canonical();
        let is_nowhere = match address {
            IpAddr::V4(it) => it.is_unspecified() || it.is_multicast() || it.is_broadcast(),
            IpAddr::V6(it) => it.is_unspecified() || it.is_multicast(),
        };
        let is_local = match address {
            IpAddr::V4(it) => it.is_link_local(),
            IpAddr::V6(it) => it.is_unicast_link_local(),
        } || METADATA.contains(&address);
        if is_nowhere || (is_local && !self.link_local) {
            return Err(DeliveryError::ConfigAddress { host: host.to_owned(), address });
        }
        Ok(())
    }

    /// The addresses of a name, all of them allowed.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, DeliveryError> {
        let unknown = |source| DeliveryError::PeerUnknown { host: host.to_owned(), source };
        let bare = host.trim_matches(['[', ']']);
        let found = tokio::net::lookup_host((bare, port)).await.map_err(unknown)?;
        let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
        if addresses.is_empty() {
            return Err(unknown(std::io::Error::from(std::io::ErrorKind::NotFound)));
        }
        addresses.iter().try_for_each(|address| self.check(host, address.ip()))?;
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, link_local: bool, is_allowed: bool) {
        let rules = AddressRules { link_local };
        let outcome = rules.check("name", address.parse().unwrap());
        assert_eq!(outcome.is_ok(), is_allowed, "{address}: {outcome:?}");
    }

    #[test]
    fn the_link_and_metadata_are_refused_unless_allowed() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "168.63.129.16",
        ] {
            check(address, false, false);
            check(address, true, true);
        }
    }

    #[test]
    fn what_is_no_host_is_refused_always() {
        for address in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1"] {
            check(address, true, false);
        }
    }

    #[test]
    fn ordinary_addresses_are_allowed() {
        for address in ["127.0.0.1", "::1", "10.0.0.1", "192.0.2.1", "2001:db8::1"] {
            check(address, false, true);
        }
    }
}
