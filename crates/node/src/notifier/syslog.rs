//! Syslog: RFC 5424 in one datagram (RFC 5426), or counted over TCP (RFC 6587) or TLS (RFC 5425).
//!
//! Ours rather than a library's: the crates bring blocking sockets and a logger's interface for what
//! is one line of format here.

use std::fmt::Write as _;

use notify::{SyslogProtocol, Trust};
use tokio::io::AsyncWriteExt as _;

use super::{Courier, DeliveryError, Message, Severity};
use crate::clock;

/// `local0` (RFC 5424 section 6.2.1), where network equipment logs.
const FACILITY: u8 = 16;
/// Longest datagram: what UDP over IPv4 carries, 65,507 bytes. Receivers must take 480 bytes and
/// should take 2,048 (RFC 5426 section 3.2).
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// Longest host name of a header (RFC 5424 section 6).
const HOSTNAME_MAX: usize = 255;

pub(super) async fn send(
    courier: &Courier,
    place: (&str, u16),
    protocol: SyslogProtocol,
    trust: &Trust,
    message: &Message,
) -> Result<(), DeliveryError> {
    let text = format(message);
    if protocol == SyslogProtocol::Udp {
        if text.len() > DATAGRAM_BYTES_MAX {
            let error = format!("{} bytes fit into no datagram; use tcp or tls", text.len());
            return Err(DeliveryError::ConfigValue(error));
        }
        return super::snmp::datagram(courier, place, text.as_bytes()).await;
    }
    let trust = (protocol == SyslogProtocol::Tls).then_some(trust);
    let mut stream = courier.open(place, trust).await?;
    stream.write_all(format!("{} {text}", text.len()).as_bytes()).await?;
    // Nobody acknowledges syslog; the end of the stream tells at least that all was handed over.
    stream.shutdown().await?;
    Ok(())
}

fn format(message: &Message) -> String {
    let severity = match message.severity {
        Severity::Alert => 1,
        Severity::Warning => 4,
        Severity::Notice => 5,
    };
    let priority = FACILITY * 8 + severity;
    let (at, host) = (clock::text(message.at), header_text(&message.sender));
    let mut text = format!("<{priority}>1 {at} {host} mse - {} - ", message.kind);
    // A line break would be a second message to many receivers.
    let _ = text.write_str(&message.body.replace(['\r', '\n'], " "));
    text
}

/// A text as a field of the header: printable ASCII without spaces.
fn header_text(text: &str) -> String {
    let fits: String = text.chars().filter(char::is_ascii_graphic).take(HOSTNAME_MAX).collect();
    if fits.is_empty() { "-".to_owned() } else { fits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifier::tests::message;

    #[test]
    fn a_message_is_that_of_the_standard() {
        let mut message = message();
        message.body = "anna entered\nNorth>Lobby".into();
        assert_eq!(
            format(&message),
            "<133>1 2015-03-17T00:27:33.437Z mse-1 mse - containment - anna entered North>Lobby"
        );
        (message.severity, message.sender) = (Severity::Alert, "é ü".into());
        assert!(format(&message).starts_with("<129>1 2015-03-17T00:27:33.437Z - mse - "));
    }
}
