//! A trap of SNMP v2c (RFC 3416 section 4.2.6), in one datagram.
//!
//! Encoded by `rasn-snmp`, whose types are those of the RFC. Version 3, informs and answers are not
//! spoken: a trap is told once, and nobody says whether it arrived.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rasn::types::{Integer, ObjectIdentifier};
use rasn_smi::v2::{ApplicationSyntax, ObjectSyntax, SimpleSyntax, TimeTicks};
use rasn_snmp::v2::{Pdu, Trap, VarBind, VarBindValue};
use rasn_snmp::v2c;
use tokio::net::UdpSocket;

use super::{Courier, DeliveryError, Message};
use crate::clock;

/// `sysUpTime.0` (RFC 3418).
const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
/// `snmpTrapOID.0` (RFC 3418).
const TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];
/// Below this are our trap (`.0.1`) and what it says (`.1.<number>`). Ours: `netSnmpPlaypen`, which
/// Net-SNMP gives to everybody, until OpenMSE has a number of its own.
const OURS: [u32; 9] = [1, 3, 6, 1, 4, 1, 8_072, 9_999, 9_999];
/// Longest text of a variable, in bytes: `DisplayString` (RFC 2579).
const TEXT_BYTES_MAX: usize = 255;
/// The version number of 2c (RFC 1901).
const V2C: u64 = 1;

/// Something that a trap says, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its number below `.1`.
    pub number: u32,
    /// What it says.
    pub text: String,
}

pub(super) async fn send(
    courier: &Courier,
    place: (&str, u16),
    community: &str,
    message: &Message,
) -> Result<(), DeliveryError> {
    // `sysUpTime` is that of the machine: an engine that restarts is not a machine that did.
    let bytes = encode(community, message, clock::boot().0 / 10)?;
    datagram(courier, place, &bytes).await
}

/// Sends one datagram to the first address of a name.
pub(super) async fn datagram(
    courier: &Courier,
    (host, port): (&str, u16),
    bytes: &[u8],
) -> Result<(), DeliveryError> {
    let addresses = courier.rules.resolve(host, port).await?;
    let Some(to) = addresses.first() else {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(DeliveryError::PeerUnknown { host: host.to_owned(), source });
    };
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected, so that a port that nobody listens on can be noticed by the next one.
    socket.connect(to).await?;
    socket.send(bytes).await?;
    Ok(())
}

fn encode(community: &str, message: &Message, uptime_cs: u64) -> Result<Vec<u8>, DeliveryError> {
    let failed = || DeliveryError::ConfigValue("the trap cannot be encoded".to_owned());
    let oid = |arcs: &[u32]| ObjectIdentifier::new(arcs.to_vec()).ok_or_else(failed);
    let below = |tail: [u32; 2]| oid(&[&OURS[..], &tail].concat());
    let bind = |name, value| VarBind { name, value: VarBindValue::Value(value) };
    // The counter wraps after 497 days, as the standard has it.
    let ticks = ApplicationSyntax::Ticks(TimeTicks { 0: uptime_cs as u32 });
    let mut bindings = vec![
        bind(oid(&UPTIME)?, ObjectSyntax::ApplicationWide(ticks)),
        bind(oid(&TRAP_OID)?, ObjectSyntax::Simple(SimpleSyntax::ObjectId(below([0, 1])?))),
    ];
    for Variable { number, text } in &message.variables {
        let text = shortened(text).as_bytes().to_vec();
        let value = ObjectSyntax::Simple(SimpleSyntax::String(text.into()));
        bindings.push(bind(below([1, *number])?, value));
    }
    let pdu = Pdu {
        // The low bits are enough: nobody answers a trap.
        request_id: (message.id & 0x7fff_ffff) as i32,
        error_status: 0,
        error_index: 0,
        variable_bindings: bindings,
    };
    let trap = v2c::Message {
        version: Integer::from(V2C),
        community: community.as_bytes().to_vec().into(),
        data: Trap(pdu),
    };
    rasn::ber::encode(&trap).map_err(|_| failed())
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifier::tests::message;

    #[test]
    fn a_trap_is_that_of_the_standard() {
        let mut message = message();
        message.id = 5;
        message.variables = vec![Variable { number: 1, text: "in".into() }];
        let bytes = encode("public", &message, 256).unwrap();
        // By hand after X.690 and RFC 3416.
        #[rustfmt::skip]
        let expected = [
            0x30, 0x5a,                                     // SEQUENCE
              0x02, 0x01, 0x01,                             //   version 2c
              0x04, 0x06, b'p', b'u', b'b', b'l', b'i', b'c',
              0xa7, 0x4d,                                   //   SNMPv2-Trap-PDU
                0x02, 0x01, 0x05,                           //     request id
                0x02, 0x01, 0x00,                           //     no error
                0x02, 0x01, 0x00,
                0x30, 0x42,                                 //     variable bindings
                  0x30, 0x0e,                               //       sysUpTime.0
                    0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0,
                    0x43, 0x02, 0x01, 0x00,                 //         256 hundredths
                  0x30, 0x1b,                               //       snmpTrapOID.0
                    0x06, 0x0a, 0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0,
                    0x06, 0x0d, 0x2b, 6, 1, 4, 1, 0xbf, 0x08, 0xce, 0x0f, 0xce, 0x0f, 0, 1,
                  0x30, 0x13,                               //       ours, 1
                    0x06, 0x0d, 0x2b, 6, 1, 4, 1, 0xbf, 0x08, 0xce, 0x0f, 0xce, 0x0f, 1, 1,
                    0x04, 0x02, b'i', b'n',
        ];
        assert_eq!(bytes, expected, "{bytes:02x?}");
    }

    #[test]
    fn a_long_text_ends_at_a_character() {
        assert_eq!(shortened(&"é".repeat(200)).len(), 254);
        assert_eq!(shortened("short"), "short");
    }
}
