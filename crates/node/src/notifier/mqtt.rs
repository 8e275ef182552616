//! One message of MQTT 3.1.1, delivered at least once: success is the broker's acknowledgement.
//!
//! Ours rather than a library's: the clients in use bring sessions, reconnection and queues of their
//! own, which would stand between an event and what is known about it. What is left are four
//! packets of the standard (OASIS MQTT 3.1.1, sections 3.1 to 3.4).

use notify::{Authentication, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Courier, DeliveryError, Message, Stream};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
/// PUBLISH, to be delivered at least once.
const PUBLISH: u8 = 0x32;
const PUBACK: u8 = 0x40;
const DISCONNECT: [u8; 2] = [0xe0, 0];
/// A new session each time: nothing is subscribed to.
const CLEAN_SESSION: u8 = 0b0000_0010;
const WITH_PASSWORD: u8 = 0b1100_0000;
/// Seconds until the broker may end a silent connection; ours lives for five.
const KEEP_ALIVE_S: u16 = 30;
/// The only message of its connection.
const PACKET_ID: u16 = 1;
/// Longest packet that four length bytes of seven bits can tell (section 2.2.3).
const PACKET_BYTES_MAX: usize = 268_435_455;
/// Both answers have two bytes (sections 3.2 and 3.4).
const ANSWER_BYTES: u8 = 2;

pub(super) async fn send(
    courier: &Courier,
    transport: &Transport,
    message: &Message,
) -> Result<(), DeliveryError> {
    let Transport::Mqtt { host, port, tls, trust, login, topic } = transport else {
        return Err(DeliveryError::ConfigValue("this is no broker".to_owned()));
    };
    let mut stream = courier.open((host, *port), tls.then_some(trust)).await?;
    stream.write_all(&connect(login.as_ref())?).await?;
    match answer(&mut stream, CONNACK).await? {
        [_, 0] => {}
        [_, code] => return Err(DeliveryError::PeerAnswer(refusal(code))),
    }
    stream.write_all(&publish(topic, &message.body)?).await?;
    if answer(&mut stream, PUBACK).await? != PACKET_ID.to_be_bytes() {
        return Err(DeliveryError::PeerAnswer("for another message".to_owned()));
    }
    // The message is taken; how the connection ends changes nothing.
    let _ = stream.write_all(&DISCONNECT).await;
    let _ = stream.shutdown().await;
    Ok(())
}

async fn answer(stream: &mut Box<dyn Stream>, kind: u8) -> Result<[u8; 2], DeliveryError> {
    let mut packet = [0; 4];
    stream.read_exact(&mut packet).await?;
    let [first, length, body @ ..] = packet;
    if first != kind || length != ANSWER_BYTES {
        let text = format!("what is no MQTT 3.1.1: {first:#04x} {length:#04x}");
        return Err(DeliveryError::PeerAnswer(text));
    }
    Ok(body)
}

/// Why a broker refuses a connection (section 3.2.2.3).
fn refusal(code: u8) -> String {
    match code {
        1 => "that it does not speak MQTT 3.1.1".to_owned(),
        2 => "that it refuses clients without a name".to_owned(),
        3 => "that it is not available".to_owned(),
        4 | 5 => "that user or password are wrong, or not allowed this".to_owned(),
        code => format!("with the unknown code {code}"),
    }
}

fn connect(login: Option<&Authentication>) -> Result<Vec<u8>, DeliveryError> {
    let mut body = Vec::new();
    text(&mut body, "MQTT")?;
    let flags = CLEAN_SESSION | if login.is_some() { WITH_PASSWORD } else { 0 };
    body.extend([4, flags]);
    body.extend(KEEP_ALIVE_S.to_be_bytes());
    // The broker gives it a name.
    text(&mut body, "")?;
    if let Some(Authentication { username, password }) = login {
        text(&mut body, username)?;
        text(&mut body, password)?;
    }
    packet(CONNECT, &body)
}

fn publish(topic: &str, payload: &str) -> Result<Vec<u8>, DeliveryError> {
    let mut body = Vec::new();
    text(&mut body, topic)?;
    body.extend(PACKET_ID.to_be_bytes());
    body.extend(payload.as_bytes());
    packet(PUBLISH, &body)
}

/// A text with its length before it (section 1.5.3).
fn text(to: &mut Vec<u8>, text: &str) -> Result<(), DeliveryError> {
    let length = u16::try_from(text.len())
        .map_err(|_| DeliveryError::ConfigValue("a text is too long for MQTT".to_owned()))?;
    to.extend(length.to_be_bytes());
    to.extend(text.as_bytes());
    Ok(())
}

fn packet(kind: u8, body: &[u8]) -> Result<Vec<u8>, DeliveryError> {
    if body.len() > PACKET_BYTES_MAX {
        return Err(DeliveryError::ConfigValue("an event is too long for MQTT".to_owned()));
    }
    let mut packet = vec![kind];
    let mut left = body.len();
    loop {
        let low = (left & 0x7f) as u8;
        left >>= 7;
        packet.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_those_of_the_standard() {
        let bare = connect(None).unwrap();
        assert_eq!(bare, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x1e\x00\x00");
        let login = Authentication { username: "u".into(), password: "pw".into() };
        let known = connect(Some(&login)).unwrap();
        assert_eq!(known, b"\x10\x13\x00\x04MQTT\x04\xc2\x00\x1e\x00\x00\x00\x01u\x00\x02pw");
        assert_eq!(publish("a/b", "hi").unwrap(), b"\x32\x09\x00\x03a/b\x00\x01hi");
    }

    #[test]
    fn long_packets_tell_their_length_in_sevens() {
        // The example of section 2.2.3: 321 is 65 + 2 * 128.
        let long = packet(PUBLISH, &[0; 321]).unwrap();
        assert_eq!(long[..3], [PUBLISH, 0x41 | 0x80, 2]);
    }
}
