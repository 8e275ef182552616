//! The little of the internet that is read in clear data: who has which address.
//!
//! Source: RFC 826 (ARP), RFC 791 (IPv4), RFC 2131 (DHCP).

use std::net::Ipv4Addr;

use model::Mac;

use super::cursor::Cursor;

/// Address resolution between Ethernet and IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Who asks or answers.
    pub sender: Mac,
    /// The internet address of who asks or answers.
    pub sender_ip: Ipv4Addr,
    /// Who is asked; zero in a question.
    pub target: Mac,
    /// Whose address is sought.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Whether it tells everyone its own address, unasked.
    pub fn is_gratuitous(&self) -> bool {
        self.sender_ip == self.target_ip
    }

    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        /// Ethernet, IPv4, addresses of 6 and 4 bytes.
        const HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];
        let mut cursor = Cursor(packet);
        (*cursor.array()? == HEAD).then_some(())?;
        Some(Self {
            operation: cursor.u16_be()?,
            sender: cursor.mac()?,
            sender_ip: ipv4(&mut cursor)?,
            target: cursor.mac()?,
            target_ip: ipv4(&mut cursor)?,
        })
    }
}

/// Somebody asks for an address, or gives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dhcp {
    /// From a server: an offer or an acknowledgement.
    pub is_from_server: bool,
    /// The client.
    pub client: Mac,
    /// The address that the client gets; unspecified in a request.
    pub given: Ipv4Addr,
    /// Who sent the packet, as the internet header says.
    pub from_ip: Ipv4Addr,
}

impl Dhcp {
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        const UDP: u8 = 17;
        const SERVER_PORT: u16 = 67;
        const CLIENT_PORT: u16 = 68;
        const ETHERNET: [u8; 2] = [1, 6];
        let head = packet.first_chunk::<20>()?;
        let [first, _, _, _, _, _, flags, offset, _, protocol, _, _, a, b, c, d, ..] = *head;
        let is_fragment = flags & 0x1f != 0 || offset != 0;
        if first >> 4 != 4 || protocol != UDP || is_fragment {
            return None;
        }
        let mut cursor = Cursor(packet.get(usize::from(first & 0b1111) * 4..)?);
        let ports = (cursor.u16_be()?, cursor.u16_be()?);
        if !matches!(ports, (CLIENT_PORT | SERVER_PORT, SERVER_PORT) | (SERVER_PORT, CLIENT_PORT)) {
            return None;
        }
        cursor.bytes(4)?; // length and sum of UDP
        let operation = cursor.u8()?;
        (*cursor.array()? == ETHERNET).then_some(())?;
        cursor.bytes(13)?; // hops, transaction, seconds, flags, the client's old address
        let given = ipv4(&mut cursor)?;
        cursor.bytes(8)?; // server and relay
        Some(Self {
            is_from_server: operation == 2,
            client: cursor.mac()?,
            given,
            from_ip: Ipv4Addr::new(a, b, c, d),
        })
    }
}

/// A piece of a connection, or the answer to a question about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Who sent it.
    pub from_ip: Ipv4Addr,
    /// To whom.
    pub to_ip: Ipv4Addr,
    /// Port of who sent it, and of who receives it.
    pub ports: u32,
    /// Its place in the connection (TCP), or the number of the question (DNS).
    pub number: u32,
    /// What it says.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads TCP, and DNS over UDP. Source: RFC 9293, RFC 768, RFC 1035.
    pub(crate) fn read(packet: &'a [u8]) -> Option<Self> {
        const TCP: u8 = 6;
        const UDP: u8 = 17;
        const DNS: u16 = 53;
        let head = packet.first_chunk::<20>()?;
        let [first, _, b2, b3, _, _, flags, offset, _, protocol, _, _, ips @ ..] = *head;
        let is_fragment = flags & 0x3f != 0 || offset != 0;
        if first >> 4 != 4 || is_fragment {
            return None;
        }
        let total = usize::from(u16::from_be_bytes([b2, b3]));
        // What stands behind the packet fills up the frame.
        let packet = packet.get(..total.min(packet.len()))?;
        let mut cursor = Cursor(packet.get(usize::from(first & 0b1111) * 4..)?);
        let (from, to) = (cursor.u16_be()?, cursor.u16_be()?);
        let number = match protocol {
            TCP => {
                let number = cursor.u32_be()?;
                cursor.bytes(4)?; // acknowledgement
                let words = usize::from(cursor.u8()? >> 4);
                // 13 bytes of the header are read.
                cursor.bytes((words * 4).checked_sub(13)?)?;
                number
            }
            UDP if from == DNS => {
                cursor.bytes(4)?; // length and sum of UDP
                u32::from(cursor.u16_be()?)
            }
            _ => return None,
        };
        let [a, b, c, d, e, f, g, h] = ips;
        Some(Self {
            from_ip: Ipv4Addr::new(a, b, c, d),
            to_ip: Ipv4Addr::new(e, f, g, h),
            ports: u32::from(from) << 16 | u32::from(to),
            number,
            payload: cursor.0,
        })
    }
}

fn ipv4(cursor: &mut Cursor<'_>) -> Option<Ipv4Addr> {
    cursor.array::<4>().copied().map(Ipv4Addr::from)
}
