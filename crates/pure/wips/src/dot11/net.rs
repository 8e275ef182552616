//! The little of the internet that is read in clear data: who has which address, who asks for which name, and
//! who answers to an echo.
//!
//! Source: RFC 826 (ARP), RFC 791 (IPv4), RFC 2131 (DHCP), RFC 1035 (DNS), RFC 792 (ICMP).

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
        let ip = Ip::read(packet)?;
        let mut cursor = Cursor(ip.payload);
        let (from, to) = (cursor.u16_be()?, cursor.u16_be()?);
        let number = match ip.protocol {
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
        Some(Self {
            from_ip: ip.from,
            to_ip: ip.to,
            ports: u32::from(from) << 16 | u32::from(to),
            number,
            payload: cursor.0,
        })
    }
}

/// A question about a name, or the answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dns<'a> {
    /// Whether it answers.
    pub is_answer: bool,
    /// The name that is asked for, as it is written: each label behind its length.
    pub name: &'a [u8],
    /// The kind of record that is asked for.
    pub record: u16,
    /// Bytes of the message.
    pub bytes: usize,
}

impl<'a> Dns<'a> {
    /// Reads DNS over UDP.
    pub(crate) fn read(packet: &'a [u8]) -> Option<Self> {
        const UDP: u8 = 17;
        const DNS: u16 = 53;
        /// A label that is longer is a reference to another one: RFC 1035, 4.1.4.
        const LABEL_MAX: u8 = 63;
        let ip = Ip::read(packet).filter(|it| it.protocol == UDP)?;
        let mut cursor = Cursor(ip.payload);
        let (from, to) = (cursor.u16_be()?, cursor.u16_be()?);
        if from != DNS && to != DNS {
            return None;
        }
        let bytes = usize::from(cursor.u16_be()?).checked_sub(8)?;
        cursor.u16_be()?; // sum of UDP
        cursor.u16_be()?; // number of the question
        let [flags, _] = *cursor.array()?;
        let questions = cursor.u16_be()?;
        cursor.bytes(6)?; // how many answers there are
        let whole = cursor.0;
        let mut name_bytes = 0;
        loop {
            let label = cursor.u8().filter(|it| questions > 0 && *it <= LABEL_MAX)?;
            if label == 0 {
                break;
            }
            cursor.bytes(usize::from(label))?;
            name_bytes += 1 + usize::from(label);
        }
        let name = whole.get(..name_bytes)?;
        Some(Self { is_answer: flags & 0x80 != 0, name, record: cursor.u16_be()?, bytes })
    }
}

/// Somebody asks whether another one is there, or says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo<'a> {
    /// A number of the two ends, the same both ways.
    pub ends: u64,
    /// What the answer repeats.
    pub payload: &'a [u8],
}

impl<'a> Echo<'a> {
    /// Reads an echo, or the answer to one.
    pub(crate) fn read(packet: &'a [u8]) -> Option<Self> {
        const ICMP: u8 = 1;
        let ip = Ip::read(packet).filter(|it| it.protocol == ICMP)?;
        let mut cursor = Cursor(ip.payload);
        let is_echo = matches!(cursor.u16_be()?, 0x0000 | 0x0800);
        cursor.bytes(6)?; // sum, number of the program, number of the echo
        let ends = u64::from(ip.from.to_bits() ^ ip.to.to_bits());
        is_echo.then_some(Self { ends, payload: cursor.0 })
    }
}

/// A packet of IPv4 that is in one piece.
struct Ip<'a> {
    protocol: u8,
    from: Ipv4Addr,
    to: Ipv4Addr,
    payload: &'a [u8],
}

impl<'a> Ip<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        let head = packet.first_chunk::<20>()?;
        let [first, _, high, low, _, _, flags, offset, _, protocol, _, _, ips @ ..] = *head;
        let is_fragment = flags & 0x3f != 0 || offset != 0;
        if first >> 4 != 4 || is_fragment {
            return None;
        }
        let total = usize::from(u16::from_be_bytes([high, low]));
        // What stands behind the packet fills up the frame.
        let packet = packet.get(..total.min(packet.len()))?;
        let payload = packet.get(usize::from(first & 0b1111) * 4..)?;
        let [a, b, c, d, e, f, g, h] = ips;
        let (from, to) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
        Some(Self { protocol, from, to, payload })
    }
}

fn ipv4(cursor: &mut Cursor<'_>) -> Option<Ipv4Addr> {
    cursor.array::<4>().copied().map(Ipv4Addr::from)
}
