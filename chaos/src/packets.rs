//! Packet sockets: whole Ethernet frames, in and out of one interface.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvfrom, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// How long a reader waits before it looks around. Ours.
const LOOK: Duration = Duration::from_millis(20);
/// Frames that may wait for the reader, in bytes. Ours: a burst of a whole TCP window.
const BUFFER_BYTES: usize = 8 << 20;
/// A frame that leaves. Source: linux `if_packet.h`, `PACKET_OUTGOING`.
const OUTGOING: u8 = 4;

/// All frames that come to one interface of this thread's namespace.
#[derive(Debug)]
pub(crate) struct Packets {
    /// Bound to no interface: that takes an address whose protocol only unsafe code can set.
    socket: OwnedFd,
    address: LinkAddr,
}

impl Packets {
    pub(crate) fn open(interface: &str) -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
        let socket = socket.context("packet sockets need CAP_NET_RAW")?;
        let found = getifaddrs()?.find_map(|entry| {
            let address = *entry.address.as_ref()?.as_link_addr()?;
            (entry.interface_name == interface).then_some(address)
        });
        let address = found.with_context(|| format!("there is no {interface}"))?;
        let look = TimeVal::milliseconds(LOOK.as_millis() as i64);
        setsockopt(&socket, sockopt::ReceiveTimeout, &look)?;
        setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES)?;
        Ok(Self { socket, address })
    }

    /// The next frame that arrives; its length. Nothing when none has come for a moment.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), buffer) {
            Ok((length, Some(from))) => {
                let is_here = from.ifindex() == self.address.ifindex();
                Ok((is_here && from.pkttype() != OUTGOING).then_some(length))
            }
            // The link may go down and come up again.
            Ok((_, None)) | Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a frame; one that the interface does not take is lost, as on a wire.
    pub(crate) fn send(&self, frame: &[u8]) {
        let _ = sendto(self.socket.as_raw_fd(), frame, &self.address, MsgFlags::empty());
    }
}
