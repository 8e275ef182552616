//! A radio of this machine as a sensor: an interface in monitor mode.
//!
//! | module | what it is for |
//! |---|---|
//! | `socket` | packets of an interface, with the kernel's times and losses |
//! | `tuner` | channels, by nl80211 |
//!
//! Putting the interface into monitor mode is left to the operator: it takes the radio away from whoever uses
//! it. What is wrong with an interface is said with the commands that mend it, and tried again, so a stick
//! may be plugged in later.

mod socket;
mod tuner;

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::LinkAddr;
use tokio::time::{MissedTickBehavior, interval};
use wips::{Link, Packet};

use self::socket::PacketSocket;
use self::tuner::{TuneError, Tuner};
use super::Backoff;
use super::lane::Lane;

/// Why an interface is not listened to.
#[derive(Debug, thiserror::Error)]
enum InterfaceError {
    /// It is not there.
    #[error("interface {0} does not exist; `ip link` shows those that do")]
    ConfigMissing(String),
    /// It is, but gives no frames of 802.11.
    #[error(
        "{name} is not in monitor mode (link type {kind}): ip link set {name} down; iw dev {name} set type monitor; ip link set {name} up"
    )]
    ConfigMode { name: String, kind: u16 },
    /// It is switched off.
    #[error("{0} is down: ip link set {0} up")]
    ConfigDown(String),
    /// This process may not listen.
    #[error(
        "no CAP_NET_RAW, so {0} cannot be listened to: run as root, or AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN in the unit"
    )]
    LocalCapability(String),
    /// The kernel refuses.
    #[error("cannot listen to {name}: {source}")]
    LocalSocket { name: String, source: io::Error },
}

/// An interface, and what its packets begin with.
#[derive(Debug)]
struct Radio {
    address: LinkAddr,
    link: Link,
}

/// How to listen. Checked by the configuration.
#[derive(Debug, Clone)]
pub(super) struct Listening {
    /// Name of the interface.
    pub(super) interface: String,
    /// Centres of the channels, in MHz; none leaves the channel alone.
    pub(super) channels_mhz: Vec<u16>,
    /// How long on each.
    pub(super) dwell: Duration,
}

/// Listens for good; what fails is tried again.
pub(super) async fn run(lane: Lane, listening: Listening) {
    let mut backoff = Backoff::new();
    loop {
        let before = lane.entry.packets();
        let Err(error) = listen(&lane, &listening).await;
        lane.entry.fails(&error);
        if lane.entry.packets() > before {
            backoff = Backoff::new();
        }
        backoff.wait().await;
    }
}

async fn listen(
    lane: &Lane,
    listening: &Listening,
) -> Result<std::convert::Infallible, InterfaceError> {
    let radio = Radio::find(&listening.interface)?;
    let socket = open(&listening.interface, &radio.address)?;
    lane.entry.captures(None, lane.clock.now());
    tokio::select! {
        error = receive(lane, &socket, radio.link) => {
            Err(socket_error(&listening.interface, error))
        }
        never = tune(lane, listening, radio.address.ifindex()) => match never {},
    }
}

impl Radio {
    /// The interface of this name, if it is one that can be listened to.
    fn find(name: &str) -> Result<Self, InterfaceError> {
        let socket_error = |errno: Errno| socket_error(name, errno.into());
        let entries = getifaddrs().map_err(socket_error)?;
        let found = entries.filter(|it| it.interface_name == name).find_map(|it| {
            let address = *it.address.as_ref()?.as_link_addr()?;
            Some((address, it.flags))
        });
        let (address, flags) =
            found.ok_or_else(|| InterfaceError::ConfigMissing(name.to_owned()))?;
        let kind = address.hatype();
        let link = link_of(kind)
            .ok_or_else(|| InterfaceError::ConfigMode { name: name.to_owned(), kind })?;
        if !flags.contains(InterfaceFlags::IFF_UP) {
            return Err(InterfaceError::ConfigDown(name.to_owned()));
        }
        Ok(Self { address, link })
    }
}

/// What packets of an interface begin with; none when they are no frames of 802.11.
///
/// Source: linux `if_arp.h`.
fn link_of(kind: u16) -> Option<Link> {
    match kind {
        801 => Some(Link::Bare),
        802 => Some(Link::Prism),
        803 => Some(Link::Radiotap),
        _ => None,
    }
}

fn open(name: &str, address: &LinkAddr) -> Result<PacketSocket, InterfaceError> {
    PacketSocket::open(address).map_err(|source| match source.raw_os_error() {
        Some(libc_eperm) if libc_eperm == Errno::EPERM as i32 => {
            InterfaceError::LocalCapability(name.to_owned())
        }
        _ => socket_error(name, source),
    })
}

fn socket_error(name: &str, source: io::Error) -> InterfaceError {
    match source.kind() {
        io::ErrorKind::NetworkDown => InterfaceError::ConfigDown(name.to_owned()),
        _ => InterfaceError::LocalSocket { name: name.to_owned(), source },
    }
}

/// Hands on packets until the socket fails.
async fn receive(lane: &Lane, socket: &PacketSocket, link: Link) -> io::Error {
    let mut buffer = socket::buffer();
    let mut lost = 0;
    loop {
        let received = match socket.receive(&mut buffer).await {
            Ok(received) => received,
            Err(error) => return error,
        };
        if received.lost != lost {
            // The kernel counts in 32 bits, from the opening of the socket.
            lane.entry.dropped(u64::from(received.lost.wrapping_sub(lost)));
            lost = received.lost;
        }
        if received.is_own {
            continue;
        }
        let bytes = buffer.get(..received.bytes).unwrap_or_default();
        let mut packet = Packet::new(received.at, lane.sensor(), link, bytes);
        packet.wire_bytes = received.wire_bytes.max(bytes.len());
        // The kernel's clock is ours.
        lane.offer(lane.take(&packet, received.at));
    }
}

/// Goes from channel to channel. Channels that the radio refuses are left out; without any it stays where
/// it is. Both is said once.
async fn tune(lane: &Lane, listening: &Listening, index: usize) -> std::convert::Infallible {
    let index = u32::try_from(index).unwrap_or_default();
    let mut channels = listening.channels_mhz.clone();
    let mut refused = Vec::new();
    let mut tuner = None;
    let mut ticks = interval(listening.dwell);
    // After a pause of the machine there is nothing to make up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = 0;
    while let Some(&mhz) = channels.get(next % channels.len().max(1)) {
        ticks.tick().await;
        let (back, tuned) = blocking(tuner.take(), index, mhz).await;
        tuner = back;
        match tuned {
            // There is nowhere else to go.
            Ok(()) if listening.channels_mhz.len() == 1 => break,
            Ok(()) => next += 1,
            Err(error @ TuneError::ConfigChannel { .. }) if channels.len() > 1 => {
                refused.push(mhz.to_string());
                channels.retain(|it| *it != mhz);
                let list = refused.join(", ");
                let text = format!("leaves out {list} MHz: {error}");
                lane.entry.captures(Some(text), lane.clock.now());
            }
            Err(error) => {
                let text = format!("stays on its channel: {error}");
                lane.entry.captures(Some(text), lane.clock.now());
                break;
            }
        }
    }
    std::future::pending().await
}

/// Tunes on a thread that may wait: some drivers take tens of milliseconds.
async fn blocking(
    tuner: Option<Tuner>,
    index: u32,
    mhz: u16,
) -> (Option<Tuner>, Result<(), TuneError>) {
    let work = move || {
        let mut tuner = match tuner.map_or_else(Tuner::open, Ok) {
            Ok(tuner) => tuner,
            Err(error) => return (None, Err(error)),
        };
        let tuned = tuner.tune(index, mhz);
        (Some(tuner), tuned)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| (None, Err(TuneError::LocalSocket(io::Error::other(error)))))
}

#[cfg(test)]
mod tests;
