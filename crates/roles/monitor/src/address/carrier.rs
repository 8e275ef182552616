//! Whether the interface that clients come over has a link.
//!
//! A node whose cable is pulled may still hear its peer over the direct cable, and then nobody would
//! take over from it although no client reaches it. So a link that is lost for `LOST_MS` counts as
//! a failed service. The kernel tells of every change of an interface (`RTMGRP_LINK`); what it says
//! is taken as a hint only, and the interface is looked at anew.
//!
//! It deliberately does not know whether a network behind the link works: a switch that forwards
//! nothing keeps the link up.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use model::Time;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
    socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::link::Link;

/// Word of links that change. Source: linux `rtnetlink.h`, `RTMGRP_LINK`.
const GROUP_LINK: u32 = 1;
/// A link that is gone for so long is lost. Ours: a switch that renegotiates blinks for less, and
/// clients have not given up yet.
const LOST_MS: u64 = 200;
/// How often the clock is looked at while nothing changes.
const LOOK_MS: i64 = 50;
/// What is read of one word; the rest is of no interest.
const WORD_BYTES: usize = 1_024;

/// The thread that watches an interface. Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is known of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    There,
    /// Since then; not long enough to be told.
    Missing(Time),
    Lost,
}

impl Watch {
    /// Watches an interface of this namespace. `told` hears `false` when its link is lost, and `true`
    /// when it is back; it is taken to be there at first.
    pub fn start(interface: &str, told: impl Fn(bool) + Send + 'static) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket =
            socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(LOOK_MS))?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUP_LINK))?;
        let is_over = Arc::<AtomicBool>::default();
        let (over, interface) = (Arc::clone(&is_over), interface.to_owned());
        let thread = thread::Builder::new().name("carrier".to_owned());
        let thread = thread.spawn(move || watch(&socket, &interface, &over, told))?;
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Carrier {
    /// What is known after a look, and what is to be told.
    fn seen(self, is_there: bool, now: Time) -> (Self, Option<bool>) {
        match (self, is_there) {
            (Self::Lost, true) => (Self::There, Some(true)),
            (_, true) => (Self::There, None),
            (Self::There, false) => (Self::Missing(now), None),
            (Self::Missing(since), false) if now.since_ms(since) >= LOST_MS => {
                (Self::Lost, Some(false))
            }
            (before, false) => (before, None),
        }
    }
}

fn watch(socket: &OwnedFd, interface: &str, is_over: &AtomicBool, told: impl Fn(bool)) {
    let mut carrier = Carrier::There;
    let mut word = [0; WORD_BYTES];
    let mut has_changed = true;
    while !is_over.load(Ordering::Acquire) {
        if has_changed || carrier != Carrier::There {
            let is_there = match Link::find(interface) {
                Ok(link) => link.is_running,
                // An interface that is not there carries nothing.
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            let (now_known, word) = carrier.seen(is_there, node::clock::boot());
            carrier = now_known;
            if let Some(is_there) = word {
                told(is_there);
            }
        }
        has_changed = match recv(socket.as_raw_fd(), &mut word, MsgFlags::empty()) {
            // Words that had no room any more are words, too.
            Ok(_) | Err(Errno::ENOBUFS) => true,
            Err(Errno::EAGAIN | Errno::EINTR) => false,
            Err(error) => {
                tracing::error!(interface, %error, "the link is not watched any more");
                return;
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_lost_when_it_is_gone_for_a_while_and_back_at_once() {
        let mut carrier = Carrier::There;
        let mut told = Vec::new();
        for (at_ms, is_there) in [
            (0, true),
            (100, false),
            (250, false),
            (260, true),
            (300, false),
            (499, false),
            (500, false),
            (900, false),
            (1_000, true),
            (1_100, true),
        ] {
            let (known, word) = carrier.seen(is_there, Time(at_ms));
            carrier = known;
            told.extend(word.map(|word| (at_ms, word)));
        }
        assert_eq!(told, [(500, false), (1_000, true)]);
    }
}
