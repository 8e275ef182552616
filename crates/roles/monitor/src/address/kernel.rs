//! The virtual address in the kernel, with a life that the kernel ends.
//!
//! The address is a host route's worth, `/32` or `/128`: it is a secondary of nothing and nothing is
//! a secondary of it, so that removing one address never takes another along (whatever
//! `promote_secondaries` says), and it says nothing about the network. Its preferred life is 0: it is deprecated from the first moment,
//! so IPv6 never picks it as the source of a connection that this machine opens (RFC 6724 rule 3);
//! IPv4 picks by network, and a `/32` has none. It is added without duplicate address detection,
//! which would keep it unusable for a second: the pair knows that nobody else has it. The interface
//! is named by index; it is looked up again after it has vanished.
//!
//! # When the kernel ends a life
//!
//! The kernel counts lives in whole seconds from the moment of the request, so `until` is rounded:
//! **down**, but for [`ROUND_UP_MS`], which makes up for the time that an order takes to come here.
//! A life that would round to zero adds nothing, and that is an error for people to see: settings
//! with an address life below one second cannot work.
//! The time is read again after the request: whoever was frozen between looking at the clock and
//! asking the kernel takes the address away at once.
//!
//! Expired addresses are removed by a timer, not by a look-up. From `net/ipv4/devinet.c` and
//! `net/ipv6/addrconf.c`, and measured on Linux 6.18 with HZ 250 (25 lives of 1 s each at random
//! phases, no refresh; how late it was removed):
//!
//! | case | IPv4 | IPv6 |
//! |---|---|---|
//! | nothing else happens | 0 to 275 ms, median 30 | 0 to 213 ms, median 26 |
//! | another address is added in the last second of the life | 74 to 953 ms | 53 to 841 ms |
//!
//! The timer rounds up to a whole second of the kernel's clock when that is less than a quarter of
//! a second away (`ADDRCONF_TIMER_FUZZ`), hence one life in four is late by up to 250 ms.
//! Every change of an address with a life restarts the timer, and it never waits less than a second
//! (`ADDRCONF_TIMER_FUZZ_MAX`), hence a DHCP client, a router advertisement or a container that
//! starts in the last second of the life puts its end off by up to a second.
//! Each refresh restarts the timer for a whole life too, so both matter only to a holder that
//! stopped refreshing: frozen or dead. One that lives removes the address itself, at once.

use std::io;
use std::net::IpAddr;

use model::Time;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope, CacheInfo,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::Holder;
use super::announce::{Announcer, Schedule};
use super::link::Link;
use super::netlink::Netlink;
use super::rules;

/// The kernel's life of the address may end so long after `until`. Ours: an order of 1,000 ms must
/// still be one second when it comes here, even on a busy machine.
const ROUND_UP_MS: u64 = 100;

/// An address on an interface of this machine.
#[derive(Debug)]
pub struct Kernel {
    address: IpAddr,
    interface: String,
    /// Index of the interface; none after the kernel said that it is gone.
    index: Option<u32>,
    netlink: Netlink,
    announcer: Announcer,
    /// While it is held.
    schedule: Option<Schedule>,
    /// It is held until then.
    until: Time,
    /// Whether the last announcement failed, which was said.
    is_mute: bool,
}

impl Kernel {
    /// Makes ready to hold an address: takes away what an earlier run or a static configuration
    /// left, and sets the rules of the interface. An error names what is missing.
    pub fn new(address: IpAddr, interface: &str) -> io::Result<Self> {
        let index = Link::find(interface)?.index;
        let mut kernel = Self {
            address,
            interface: interface.to_owned(),
            index: Some(index),
            netlink: Netlink::open()?,
            announcer: Announcer::new(address, interface)?,
            schedule: None,
            until: Time(0),
            is_mute: false,
        };
        kernel.remove_leftover()?;
        rules::apply(address, interface);
        Ok(kernel)
    }

    /// Removes the address from every interface of this machine.
    ///
    /// The first removal is asked for even if nothing is there: it fails if `CAP_NET_ADMIN` is
    /// missing, and now is the time to know.
    pub fn remove_leftover(&mut self) -> io::Result<()> {
        self.delete()?;
        let mut request = AddressMessage::default();
        request.header.family = self.family();
        for answer in self.netlink.all(RouteNetlinkMessage::GetAddress(request))? {
            let RouteNetlinkMessage::NewAddress(found) = answer else { continue };
            if local(&found) != Some(self.address) {
                continue;
            }
            let (index, prefix) = (found.header.index, found.header.prefix_len);
            tracing::warn!(
                address = %self.address,
                prefix,
                interface_index = index,
                "the virtual address was configured on this machine by somebody else and is \
                 removed; take it out of the network configuration: only the pair may add it"
            );
            if let Some(label) = label(&found)
                && prefix < self.bits()
                && !rules::keep_secondaries(label)
            {
                return Err(io::Error::other(format!(
                    "{}/{prefix} is configured on {label} and cannot be removed without risk to \
                     the other addresses there; take it out of the network configuration",
                    self.address
                )));
            }
            self.delete_at(index, prefix)?;
        }
        Ok(())
    }

    /// Adds the address for so many seconds, or lets it live for so many more; whether it is new.
    fn add(&mut self, seconds: u32) -> io::Result<bool> {
        let index = match self.index {
            Some(index) => index,
            None => Link::find(&self.interface)?.index,
        };
        self.index = Some(index);
        let mut message = self.message(index, self.bits());
        let mut life = CacheInfo::default();
        life.ifa_valid = seconds;
        message.attributes.push(AddressAttribute::CacheInfo(life));
        if self.address.is_ipv6() {
            let flags = AddressFlags::Nodad | AddressFlags::Noprefixroute;
            message.attributes.push(AddressAttribute::Flags(flags));
        }
        let request = RouteNetlinkMessage::NewAddress(message);
        match self.netlink.change(request.clone(), NLM_F_CREATE | NLM_F_EXCL) {
            Ok(()) => Ok(true),
            Err(error) if is(&error, Errno::EEXIST) => {
                self.netlink.change(request, NLM_F_REPLACE).map(|()| false)
            }
            Err(error) => Err(error),
        }
        .map_err(|error| self.explained(&error))
    }

    fn delete(&mut self) -> io::Result<()> {
        match self.index {
            Some(index) => self.delete_at(index, self.bits()),
            // It went with its interface.
            None => Ok(()),
        }
    }

    fn delete_at(&mut self, index: u32, prefix: u8) -> io::Result<()> {
        let request = RouteNetlinkMessage::DelAddress(self.message(index, prefix));
        match self.netlink.change(request, 0) {
            Err(error) if is(&error, Errno::EADDRNOTAVAIL) || is(&error, Errno::ENODEV) => Ok(()),
            other => other.map_err(|error| self.explained(&error)),
        }
    }

    fn message(&self, index: u32, prefix: u8) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = self.family();
        message.header.prefix_len = prefix;
        message.header.scope = AddressScope::Universe;
        message.header.index = index;
        message.attributes.push(AddressAttribute::Local(self.address));
        message.attributes.push(AddressAttribute::Address(self.address));
        message
    }

    fn family(&self) -> AddressFamily {
        if self.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
    }

    /// Length of the prefix that is the address alone.
    fn bits(&self) -> u8 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// The kernel's refusal with its remedy.
    fn explained(&mut self, error: &io::Error) -> io::Error {
        let Self { address, interface, .. } = self;
        let text = if is(error, Errno::EPERM) {
            format!(
                "CAP_NET_ADMIN is missing to put {address} on {interface}: write \
                 AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW into the systemd unit, or run \
                 `setcap cap_net_admin,cap_net_raw+ep` on the program, or choose \
                 provider = \"loopback\""
            )
        } else if is(error, Errno::ENODEV) {
            self.index = None;
            format!("{address} cannot be put on {interface}: the interface is gone")
        } else {
            format!("{address} cannot be put on {interface}: {error}")
        };
        io::Error::new(error.kind(), text)
    }
}

impl Holder for Kernel {
    fn hold(&mut self, until: Time) -> io::Result<()> {
        let left_ms = until.since_ms(node::clock::boot());
        if left_ms == 0 {
            return Ok(());
        }
        let Some(seconds) = seconds(left_ms) else {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "{} was to be held for {left_ms} ms and the kernel counts in seconds; this \
                     machine is slow, or address_life_ms is below 1000",
                    self.address
                ),
            ));
        };
        let is_new = self.add(seconds)?;
        let now = node::clock::boot();
        if outlives(now, seconds, until) {
            self.release()?;
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "{} was removed again: this process or the kernel stood still while it was \
                     added, and it might have stayed for too long",
                    self.address
                ),
            ));
        }
        self.until = until;
        if is_new || self.schedule.is_none() {
            self.schedule = Some(Schedule::new(now, self.announcer.repeats()));
            self.tick();
        }
        Ok(())
    }

    fn release(&mut self) -> io::Result<()> {
        self.schedule = None;
        self.until = Time(0);
        self.delete()
    }

    fn tick(&mut self) {
        let now = node::clock::boot();
        // Who was frozen for longer than a life must not announce what another one has now.
        if now >= self.until {
            self.schedule = None;
        }
        let Some(schedule) = &mut self.schedule else { return };
        if schedule.due().is_none_or(|due| due > now) {
            return;
        }
        schedule.announced(now);
        let outcome = self.announcer.announce(&mut self.netlink);
        if let Err(error) = &outcome
            && !self.is_mute
        {
            tracing::warn!(
                %error,
                address = %self.address,
                interface = self.interface,
                "the virtual address cannot be announced; clients find it when their caches expire"
            );
        }
        self.is_mute = outcome.is_err();
    }

    fn deadline(&self) -> Option<Time> {
        self.schedule.and_then(|schedule| schedule.due())
    }
}

/// The life in whole seconds of an address that is to be gone in `left_ms`; none if it is too short.
fn seconds(left_ms: u64) -> Option<u32> {
    let seconds = left_ms.saturating_add(ROUND_UP_MS) / 1_000;
    // The largest number means forever. Source: linux `INFINITY_LIFE_TIME`.
    u32::try_from(seconds).ok().filter(|seconds| (1..u32::MAX).contains(seconds))
}

/// The name of an IPv4 entry: its interface's, or an alias of it such as `eth0:1`.
fn label(found: &AddressMessage) -> Option<&str> {
    found.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Label(label) => Some(label.as_str()),
        _ => None,
    })
}

/// Whether a life that began at `now` at the latest ends too long after `until`.
fn outlives(now: Time, seconds: u32, until: Time) -> bool {
    now.plus_ms(u64::from(seconds) * 1_000) > until.plus_ms(ROUND_UP_MS)
}

/// The address that this machine has by an entry of its table: IPv6 names it only once.
fn local(found: &AddressMessage) -> Option<IpAddr> {
    let local = found.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        found.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_rounded_down_but_for_the_time_that_an_order_takes() {
        let check = |left_ms, expected| assert_eq!(seconds(left_ms), expected, "{left_ms}");
        check(1_000, Some(1));
        check(900, Some(1));
        check(899, None);
        check(1, None);
        check(1_899, Some(1));
        check(1_960, Some(2));
        check(2_000, Some(2));
        check(u64::MAX, None);
    }

    #[test]
    fn a_life_that_began_late_outlives_its_time() {
        assert!(!outlives(Time(5_000), 1, Time(6_000)));
        assert!(!outlives(Time(5_100), 1, Time(6_000)));
        assert!(outlives(Time(5_101), 1, Time(6_000)));
        assert!(outlives(Time(35_000), 1, Time(6_000)), "frozen for 30 s while it was added");
    }
}
