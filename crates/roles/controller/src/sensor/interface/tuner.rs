//! Channels of a radio, by nl80211: generic netlink, one request and one answer at a time.
//!
//! Two messages are needed of a few hundred, so they are written here, on the header and the attributes of
//! `netlink-packet-core`; `wl-nl80211` would bring futures and ten crates for them.
//!
//! Source of the numbers: linux `genetlink.h` and `nl80211.h`, which are an ABI.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable as _, NLM_F_ACK, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable, Nla as _, NlasIterator,
    Parseable as _,
};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// Longest wait for the kernel's answer. Ours: the slowest drivers take a tenth of it to change channel.
const ANSWER_MS: i64 = 2_000;
/// What one answer may take. Source: linux `NLMSG_GOODSIZE` and `netlink_dump` send at most 32 KiB.
const ANSWER_BYTES: usize = 32 * 1_024;
/// Command and version, in front of the attributes. Source: `genlmsghdr`.
const HEAD: usize = 4;

/// The family that knows all families: `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY`, `CTRL_ATTR_FAMILY_*`.
mod control {
    pub(super) const FAMILY: u16 = 0x10;
    pub(super) const VERSION: u8 = 2;
    pub(super) const GET_FAMILY: u8 = 3;
    pub(super) const FAMILY_ID: u16 = 1;
    pub(super) const FAMILY_NAME: u16 = 2;
}

/// `NL80211_CMD_SET_WIPHY`, `NL80211_ATTR_IFINDEX`, `NL80211_ATTR_WIPHY_FREQ`.
mod wireless {
    pub(super) const NAME: &str = "nl80211";
    pub(super) const VERSION: u8 = 0;
    pub(super) const SET_WIPHY: u8 = 2;
    pub(super) const INTERFACE: u16 = 3;
    pub(super) const FREQUENCY: u16 = 38;
}

/// Why the channel is not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TuneError {
    /// This process may not.
    #[error("no CAP_NET_ADMIN; run as root, or AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN")]
    LocalCapability,
    /// The kernel has no Wi-Fi.
    #[error("the kernel has no nl80211")]
    LocalFamily,
    /// The radio cannot, or the law forbids it, or somebody else uses it.
    #[error("the radio refuses {mhz} MHz ({source}); `iw phy` shows its channels")]
    ConfigChannel {
        /// The channel.
        mhz: u16,
        /// What the kernel says.
        source: io::Error,
    },
    /// The conversation with the kernel failed.
    #[error("netlink: {0}")]
    LocalSocket(#[from] io::Error),
}

/// Changes channels.
#[derive(Debug)]
pub(super) struct Tuner {
    socket: OwnedFd,
    sequence: u32,
    family: u16,
}

impl Tuner {
    pub(super) fn open() -> Result<Self, TuneError> {
        let mut tuner = Self { socket: connected()?, sequence: 0, family: control::FAMILY };
        tuner.family = tuner.family_of(wireless::NAME).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TuneError::LocalFamily,
            _ => TuneError::LocalSocket(error),
        })?;
        Ok(tuner)
    }

    /// Lets the radio of the interface with this index listen at `mhz`, 20 MHz wide.
    pub(super) fn tune(&mut self, index: u32, mhz: u16) -> Result<(), TuneError> {
        let request = set_frequency(self.family, index, mhz);
        self.ask(request).map(drop).map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => TuneError::LocalCapability,
            _ => TuneError::ConfigChannel { mhz, source },
        })
    }

    /// The number of a family.
    fn family_of(&mut self, name: &str) -> io::Result<u16> {
        let answer = self.ask(get_family(name))?;
        let id = answer.iter().find_map(|it| it.attribute(control::FAMILY_ID));
        let id = id.and_then(|value| value.try_into().ok()).map(u16::from_ne_bytes);
        id.ok_or_else(|| strange("a family without a number"))
    }

    /// Sends a request and waits until it is carried out. The kernel's refusal is an error with its number.
    fn ask(&mut self, request: Generic) -> io::Result<Vec<Generic>> {
        self.sequence = self.sequence.wrapping_add(1);
        send(self.socket.as_raw_fd(), &written(request, self.sequence), MsgFlags::empty())?;
        let mut answers = Vec::new();
        let mut buffer = vec![0; ANSWER_BYTES];
        loop {
            let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while !rest.is_empty() {
                let message = NetlinkMessage::<Generic>::deserialize(rest).map_err(strange)?;
                // Messages are padded to four octets. Source: linux `NLMSG_ALIGN`.
                let taken = (message.header.length as usize).next_multiple_of(4);
                rest = rest.get(taken..).unwrap_or_default();
                // The rest of an answer that came after we gave up on it.
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    _ => {}
                }
            }
        }
    }
}

fn connected() -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(ANSWER_MS))?;
    // Port 0 is the kernel: what other processes send to this socket is not received.
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

fn get_family(name: &str) -> Generic {
    let name = [name.as_bytes(), &[0]].concat();
    Generic {
        family: control::FAMILY,
        command: control::GET_FAMILY,
        version: control::VERSION,
        attributes: vec![DefaultNla::new(control::FAMILY_NAME, name)],
    }
}

fn set_frequency(family: u16, index: u32, mhz: u16) -> Generic {
    let attribute = |kind, value: u32| DefaultNla::new(kind, value.to_ne_bytes().to_vec());
    Generic {
        family,
        command: wireless::SET_WIPHY,
        version: wireless::VERSION,
        attributes: vec![
            attribute(wireless::INTERFACE, index),
            attribute(wireless::FREQUENCY, u32::from(mhz)),
        ],
    }
}

/// The bytes of a request that shall be acknowledged.
fn written(request: Generic, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// A message of generic netlink.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Generic {
    family: u16,
    command: u8,
    version: u8,
    attributes: Vec<DefaultNla>,
}

impl Generic {
    fn attribute(&self, kind: u16) -> Option<Vec<u8>> {
        let found = self.attributes.iter().find(|it| it.kind() == kind)?;
        let mut value = vec![0; found.value_len()];
        found.emit_value(&mut value);
        Some(value)
    }
}

impl NetlinkSerializable for Generic {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        HEAD + self.attributes.as_slice().buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        if let Some((head, rest)) = buffer.split_at_mut_checked(HEAD) {
            head.copy_from_slice(&[self.command, self.version, 0, 0]);
            self.attributes.as_slice().emit(rest);
        }
    }
}

impl NetlinkDeserializable for Generic {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let short = || DecodeError::buffer_too_small(payload.len(), HEAD);
        let (&[command, version, ..], rest) =
            payload.split_first_chunk::<HEAD>().ok_or_else(short)?;
        let attributes =
            NlasIterator::new(rest).map(|it| DefaultNla::parse(&it?)).collect::<Result<_, _>>()?;
        Ok(Self { family: header.message_type, command, version, attributes })
    }
}

fn strange(error: impl std::fmt::Display) -> io::Error {
    let message = format!("the kernel's netlink answer cannot be read: {error}");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: Generic, expected: &str) {
        let hex = |bytes: Vec<u8>| {
            bytes.iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
        };
        assert_eq!(hex(written(request.clone(), 7)), expected.replace(' ', ""));
        let bytes = written(request.clone(), 7);
        let read = NetlinkMessage::<Generic>::deserialize(&bytes).unwrap();
        assert_eq!(read.payload, NetlinkPayload::InnerMessage(request));
    }

    /// What `iw` sends, by the numbers of `nl80211.h`: `strace -e sendmsg iw dev wlan1 set freq 2437`.
    #[cfg(target_endian = "little")]
    #[test]
    fn requests_are_those_of_the_kernel_headers() {
        check(
            get_family("nl80211"),
            "20000000 1000 0500 07000000 00000000 03 02 0000 0c00 0200 6e6c383032313100",
        );
        check(
            set_frequency(0x1c, 5, 2437),
            "24000000 1c00 0500 07000000 00000000 02 00 0000 0800 0300 05000000 0800 2600 85090000",
        );
    }

    #[test]
    fn the_kernel_knows_its_families() {
        let mut tuner =
            Tuner { socket: connected().unwrap(), sequence: 0, family: control::FAMILY };
        assert_eq!(tuner.family_of("nlctrl").unwrap(), control::FAMILY);
        let absent = tuner.family_of("no-such-family").unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
        assert_eq!(tuner.family_of("nlctrl").unwrap(), control::FAMILY, "and goes on");
    }

    #[test]
    fn what_is_no_radio_is_refused_in_words() {
        match Tuner::open() {
            // A machine without Wi-Fi, as this one may be.
            Err(error) => assert!(matches!(error, TuneError::LocalFamily), "{error}"),
            Ok(mut tuner) => {
                let error = tuner.tune(1, 2437).unwrap_err();
                let is_named = matches!(
                    error,
                    TuneError::ConfigChannel { mhz: 2437, .. } | TuneError::LocalCapability
                );
                assert!(is_named, "{error}");
            }
        }
    }
}
