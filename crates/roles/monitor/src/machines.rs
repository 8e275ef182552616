//! One key is one machine: a copy of a node that is started while the node lives is told apart by
//! where it connects from, and refused.
//!
//! A copied data folder, or a virtual machine that was cloned, has the node's key and its memory. To
//! the protocol both would be one voter, which could vote twice.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Time;
use node::key_hash::KeyHash;
use tokio::io::AsyncWrite;

use crate::links::Path;
use crate::peers::GroupId;
use crate::wire::{self, Frame, Refused};

/// A machine from which nothing has come for so long may be gone. Ours: two signs of life of a
/// connection on which nothing else is said; a node that moves waits no longer than that.
const QUIET_MAX_MS: u64 = 1_000;

/// From where each node is connected.
#[derive(Debug, Default)]
pub struct Machines {
    present: Mutex<BTreeMap<Node, Machine>>,
}

/// A node of a group, on one path: the direct cable has addresses of its own.
type Node = (GroupId, KeyHash, Path);

#[derive(Debug)]
struct Machine {
    address: IpAddr,
    connections: usize,
    heard: Time,
}

/// One connection of a node; dropping it says that it has ended.
#[derive(Debug)]
pub struct Presence {
    machines: Arc<Machines>,
    node: Node,
    address: IpAddr,
}

impl Machines {
    /// A node is connected from `address` now; the error is from where it is connected already.
    pub fn enter(
        self: &Arc<Self>,
        (group, key, path): (GroupId, KeyHash, Path),
        address: IpAddr,
        now: Time,
    ) -> Result<Presence, IpAddr> {
        let node = (group, key, path);
        let mut present = self.present();
        let machine =
            present.entry(node).or_insert(Machine { address, connections: 0, heard: now });
        if machine.address != address {
            let is_alive = machine.connections > 0 && now.since_ms(machine.heard) < QUIET_MAX_MS;
            if is_alive {
                return Err(machine.address);
            }
            *machine = Machine { address, connections: 0, heard: now };
        }
        machine.connections += 1;
        machine.heard = now;
        drop(present);
        Ok(Presence { machines: Arc::clone(self), node, address })
    }

    fn present(&self) -> MutexGuard<'_, BTreeMap<Node, Machine>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence {
    /// Something came by this connection.
    pub fn heard(&self, now: Time) {
        if let Some(machine) = self.machines.present().get_mut(&self.node)
            && machine.address == self.address
        {
            machine.heard = now;
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut present = self.machines.present();
        if let Some(machine) = present.get_mut(&self.node)
            && machine.address == self.address
        {
            machine.connections -= 1;
            if machine.connections == 0 {
                present.remove(&self.node);
            }
        }
    }
}

/// Tells a copy why it is not wanted.
pub async fn refuse(stream: &mut (impl AsyncWrite + Unpin), remote: SocketAddr, elsewhere: IpAddr) {
    tracing::error!(
        "a machine at {remote} has the key of the node at {elsewhere}, which lives; it is refused: is \
         it a copy?"
    );
    // It hears nothing more either way.
    let _ = wire::write(stream, &Frame::Refused(Refused::Copy(elsewhere))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_refused_as_long_as_the_node_lives() {
        let machines = Arc::new(Machines::default());
        let key = KeyHash::Sha256([7; 32]);
        let enter = |host: u8, path, at_ms: u64| {
            let address = IpAddr::from([10, 0, 0, host]);
            machines.enter((GroupId([1; 16]), key, path), address, Time(at_ms))
        };
        let control = enter(1, Path::Lan, 0).unwrap();
        let replication = enter(1, Path::Lan, 10).unwrap();
        assert_eq!(enter(2, Path::Lan, 20).unwrap_err(), IpAddr::from([10, 0, 0, 1]));
        // Its direct cable has another address.
        let direct = enter(3, Path::Direct, 20).unwrap();
        // A sign of life keeps its place.
        replication.heard(Time(900));
        assert!(enter(2, Path::Lan, 1_800).is_err());
        // Silent for long, or closed, it may have moved.
        let moved = enter(2, Path::Lan, 1_900).unwrap();
        assert_eq!(enter(1, Path::Lan, 1_950).unwrap_err(), IpAddr::from([10, 0, 0, 2]));
        // What the old place does no longer counts.
        control.heard(Time(1_960));
        drop((control, replication, moved));
        enter(1, Path::Lan, 1_970).unwrap();
        drop(direct);
    }
}
