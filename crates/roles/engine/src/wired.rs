//! Where wired clients are: what switches say about their ports, and what the maps say about switches.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{CivicAddress, Position, SwitchPort, Time};

use crate::site::Site;

/// Addresses that are kept. Ours: a thousand large switches with one for each port.
const ADDRESSES_MAX: usize = 65_536;

/// What was entered on switches and for their ports.
#[derive(Debug, Default)]
pub(crate) struct Addresses(BTreeMap<Key, CivicAddress>);

/// Address of the controller that says so, name of the switch, and port; empty for all of its ports.
type Key = (Arc<str>, Box<str>, Box<str>);

impl Addresses {
    /// Takes what `controller` says; an empty address is one that was removed.
    pub(crate) fn learn(&mut self, controller: &Arc<str>, told: &[SwitchPort]) {
        for SwitchPort { switch, port, civic } in told {
            let key = (Arc::clone(controller), switch.clone(), port.clone());
            if civic.is_empty() {
                self.0.remove(&key);
            } else if self.0.len() < ADDRESSES_MAX || self.0.contains_key(&key) {
                self.0.insert(key, civic.clone());
            }
        }
    }

    /// The address of a port, or else that of its switch.
    pub(crate) fn of(&self, controller: &Arc<str>, port: &SwitchPort) -> CivicAddress {
        let of =
            |name: &str| self.0.get(&(Arc::clone(controller), port.switch.clone(), name.into()));
        of(&port.port).or_else(|| of("")).cloned().unwrap_or_default()
    }
}

/// Where a port is, if its switch is on a map.
pub(crate) fn place(port: &SwitchPort, site: &Site, at: Time) -> Option<Position> {
    let (floor, switch) = site.switch(&port.switch)?;
    let (point, confidence) = switch.place_of(&port.port);
    Some(Position { floor, point, confidence, at })
}

#[cfg(test)]
mod tests {
    use model::CivicPart;

    use super::*;

    fn told(switch: &str, port: &str, room: &str) -> SwitchPort {
        let rooms = [room].into_iter().filter(|it| !it.is_empty());
        let civic = CivicAddress(rooms.map(|it| (CivicPart::Room, it.into())).collect());
        SwitchPort { switch: switch.into(), port: port.into(), civic }
    }

    #[test]
    fn a_port_has_the_address_of_its_switch_unless_it_has_one_of_its_own() {
        let (wlc, other) = (Arc::from("wlc"), Arc::from("other"));
        let mut addresses = Addresses::default();
        addresses.learn(
            &wlc,
            &[told("sw", "", "1"), told("sw", "1/0/7", "2"), told("sw", "1/0/7", "3")],
        );
        let room = |addresses: &Addresses, controller, port| {
            let civic = addresses.of(controller, &told("sw", port, ""));
            civic.0.get(&CivicPart::Room).map(ToString::to_string)
        };
        assert_eq!(room(&addresses, &wlc, "1/0/7").as_deref(), Some("3"), "the newest");
        assert_eq!(room(&addresses, &wlc, "1/0/8").as_deref(), Some("1"));
        assert_eq!(room(&addresses, &other, "1/0/8"), None, "another controller, another switch");
        addresses.learn(&wlc, &[told("sw", "", "")]);
        assert_eq!(room(&addresses, &wlc, "1/0/8"), None, "it was removed");
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let wlc = Arc::from("wlc");
        let mut addresses = Addresses::default();
        let many: Vec<_> = (0..=ADDRESSES_MAX).map(|it| told("sw", &it.to_string(), "1")).collect();
        addresses.learn(&wlc, &many);
        assert_eq!(addresses.0.len(), ADDRESSES_MAX);
        addresses.learn(&wlc, &[told("sw", "0", "2")]);
        assert_eq!(addresses.of(&wlc, &told("sw", "0", "")), told("sw", "0", "2").civic);
    }
}
