//! A packet socket: what an interface receives, with the kernel's time of it.
//!
//! It does not know what the packets are.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;
use node::clock;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wips::CaptureTime;

/// Longest packet that is received whole: an aggregate of 802.11ax may be longer, and is cut.
const PACKET_BYTES_MAX: usize = 16 * 1_024;
/// What waits in the kernel while this process is busy. Ours: half a second of a busy channel.
const WAITING_BYTES: usize = 8 * 1_024 * 1_024;
/// An interface that goes down is an error and no packet.
const NEWS: Interest = Interest::READABLE.add(Interest::ERROR);
/// A packet that this machine sent. Source: linux `if_packet.h`, `PACKET_OUTGOING`.
const OUTGOING: u8 = 4;

/// Receives the packets of one interface.
#[derive(Debug)]
pub(super) struct PacketSocket {
    socket: AsyncFd<OwnedFd>,
    index: usize,
}

/// A packet that stands in the buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    /// When the kernel had it.
    pub(super) at: CaptureTime,
    /// How much of it stands there.
    pub(super) bytes: usize,
    /// How long it was.
    pub(super) wire_bytes: usize,
    /// Packets that found no room in the kernel since the socket was opened.
    pub(super) lost: u32,
    /// This machine sent it, so no radio heard it.
    pub(super) is_own: bool,
}

/// Where packets are put.
pub(super) fn buffer() -> Vec<u8> {
    vec![0; PACKET_BYTES_MAX]
}

impl PacketSocket {
    /// Listens to the interface of this address.
    pub(super) fn open(address: &LinkAddr) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        // Beyond the limit of the machine only CAP_NET_ADMIN helps; less room is no reason to stop.
        if setsockopt(&socket, sockopt::RcvBufForce, &WAITING_BYTES).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &WAITING_BYTES);
        }
        bind(socket.as_raw_fd(), address)?;
        #[expect(
            deprecated,
            reason = "deprecated for types whose descriptor may change; that of an `OwnedFd` cannot, and \
                      what replaces it is unsafe to call"
        )]
        let socket = AsyncFd::with_interest(socket, NEWS)?;
        Ok(Self { socket, index: address.ifindex() })
    }

    /// Waits for a packet.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        loop {
            let received =
                self.socket.async_io(NEWS, |socket| receive(socket, self.index, buffer)).await?;
            if let Some(received) = received {
                return Ok(received);
            }
        }
    }
}

/// Takes a packet; none when it is one of another interface, from before the socket was bound to its own.
fn receive(socket: &OwnedFd, index: usize, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    let room = buffer.len();
    let mut control = nix::cmsg_space!(TimeSpec, u32);
    let mut slices = [IoSliceMut::new(buffer)];
    // With MSG_TRUNC the kernel says how long the packet was, not how much of it found room.
    let message = recvmsg::<LinkAddr>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut control),
        MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT,
    )?;
    let Some(address) = message.address.filter(|it| it.ifindex() == index) else {
        return Ok(None);
    };
    let wall = CaptureTime(clock::wall().0.saturating_mul(1_000));
    let mut received = Received {
        at: wall,
        bytes: message.bytes.min(room),
        wire_bytes: message.bytes,
        lost: 0,
        is_own: address.pkttype() == OUTGOING,
    };
    for told in message.cmsgs()? {
        match told {
            ControlMessageOwned::ScmTimestampns(time) => {
                let us = time.tv_sec().max(0).cast_unsigned() * 1_000_000;
                received.at = CaptureTime(us + time.tv_nsec().cast_unsigned() / 1_000);
            }
            ControlMessageOwned::RxqOvfl(lost) => received.lost = lost,
            _ => {}
        }
    }
    Ok(Some(received))
}
