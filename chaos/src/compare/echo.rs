//! Answers at the virtual address, on machines whose peer keeps nothing else available.
//!
//! As the ledger does: a datagram comes back with the machine's name behind it. Epoch and index are
//! there for the probe, and mean nothing.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use nix::sys::socket::SockType;

use crate::lab::{Host, Lab, VIRTUAL};
use crate::ledger::{ECHO_PORT, open};

/// Between two looks whether it is over. Ours.
const LOOK: Duration = Duration::from_millis(50);

/// Answering machines. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Echoes {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Echoes {
    /// On both nodes: whose kernel has the address gets what is sent to it.
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let is_over = Arc::<AtomicBool>::default();
        let mut threads = Vec::new();
        for host in [Host::A, Host::B] {
            let address = SocketAddr::new(VIRTUAL.parse()?, ECHO_PORT);
            let socket = lab.inside(host.name(), || open(address, SockType::Datagram))??;
            let socket = UdpSocket::from(socket);
            socket.set_read_timeout(Some(LOOK))?;
            let is_over = Arc::clone(&is_over);
            let thread = thread::Builder::new().name("echo".to_owned());
            threads.push(thread.spawn(move || answer(&socket, host, &is_over))?);
        }
        Ok(Self { is_over, threads })
    }
}

impl Drop for Echoes {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // One that had failed is no worse than one that ended.
            let _ = thread.join();
        }
    }
}

fn answer(socket: &UdpSocket, host: Host, is_over: &AtomicBool) {
    let mut buffer = [0; 64];
    while !is_over.load(Ordering::Acquire) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let mut answer = buffer[..length].to_vec();
        answer.extend_from_slice(format!(" {} - 0", host.name()).as_bytes());
        // A machine that lost the address meanwhile cannot answer in its name.
        let _ = socket.send_to(&answer, from);
    }
}
