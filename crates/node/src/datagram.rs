//! Datagrams beside a TLS connection, sealed with keys that only its two ends can derive.
//!
//! A stream that loses a packet makes everything behind it wait for a timer that doubles; what is
//! worth nothing when it is late travels by datagram as well. A datagram is
//!
//! ```text
//! connection (8)   counter (8, little endian)   ChaCha20-Poly1305 of the text, and its tag (16)
//! ```
//!
//! Key, direction and name of the connection come from the TLS exporter, so a datagram of another
//! connection, of the other direction or of an earlier life opens nowhere. A counter never repeats
//! under its key, and one that is not above the newest is dropped: what is overtaken counts as lost.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rustls::ConnectionCommon;

/// Longest datagram. Ours: it fits into every path's packet, with the headers of IPv6 and UDP.
pub const DATAGRAM_BYTES_MAX: usize = 1_200;
/// Name of the connection and counter.
const HEAD_BYTES: usize = 16;
/// What sealing adds. Source: RFC 8439 section 2.8, and the head.
pub const SEAL_BYTES: usize = HEAD_BYTES + 16;
/// Of the exporter. Ours, in the form of RFC 5705 section 4 for what is not registered.
const LABEL: &[u8] = b"EXPERIMENTAL mse datagram 1";
const KEY_BYTES: usize = 32;

/// What both ends of a connection know and nobody else.
pub struct Keys {
    connection: u64,
    of_client: [u8; KEY_BYTES],
    of_server: [u8; KEY_BYTES],
}

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has dialled.
    Client,
    /// It was dialled.
    Server,
}

/// Seals what this end sends.
#[derive(Debug)]
pub struct Sealer {
    key: LessSafeKey,
    connection: u64,
    counter: u64,
}

/// Opens what the other end has sealed.
#[derive(Debug)]
pub struct Opener {
    key: LessSafeKey,
    connection: u64,
    newest: u64,
}

impl Keys {
    /// Of a connection whose handshake is over; none while it is not.
    pub fn of<Data>(connection: &ConnectionCommon<Data>) -> Option<Self> {
        let secret = [0; 8 + 2 * KEY_BYTES];
        let secret = connection.export_keying_material(secret, LABEL, None).ok()?;
        let (name, keys) = secret.split_first_chunk::<8>()?;
        let (of_client, keys) = keys.split_first_chunk::<KEY_BYTES>()?;
        let of_server = keys.first_chunk::<KEY_BYTES>()?;
        let connection = u64::from_le_bytes(*name);
        Some(Self { connection, of_client: *of_client, of_server: *of_server })
    }

    /// The name of the connection, which every datagram begins with.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// What one end seals and opens with; none when the library has no such cipher.
    pub fn ends(&self, end: End) -> Option<(Sealer, Opener)> {
        let (mine, theirs) = match end {
            End::Client => (&self.of_client, &self.of_server),
            End::Server => (&self.of_server, &self.of_client),
        };
        let key = |bytes: &[u8]| UnboundKey::new(&CHACHA20_POLY1305, bytes).map(LessSafeKey::new);
        let (mine, theirs) = (key(mine).ok()?, key(theirs).ok()?);
        let connection = self.connection;
        let sealer = Sealer { key: mine, connection, counter: 0 };
        Some((sealer, Opener { key: theirs, connection, newest: 0 }))
    }
}

impl Sealer {
    /// The datagram that carries the text; none when it is too long for one.
    pub fn seal(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        if text.len() + SEAL_BYTES > DATAGRAM_BYTES_MAX {
            return None;
        }
        self.counter = self.counter.checked_add(1)?;
        let mut datagram = Vec::with_capacity(text.len() + SEAL_BYTES);
        datagram.extend_from_slice(&self.connection.to_le_bytes());
        datagram.extend_from_slice(&self.counter.to_le_bytes());
        let head = Aad::from(<[u8; HEAD_BYTES]>::try_from(datagram.as_slice()).ok()?);
        let mut sealed = text.to_vec();
        self.key.seal_in_place_append_tag(nonce(self.counter), head, &mut sealed).ok()?;
        datagram.append(&mut sealed);
        Some(datagram)
    }
}

impl Opener {
    /// The text of a datagram; none when it is not from the other end, or not newer than the last.
    pub fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let (head, sealed) = datagram.split_first_chunk_mut::<HEAD_BYTES>()?;
        let (name, counter) = head.split_first_chunk::<8>()?;
        let counter = u64::from_le_bytes(*counter.first_chunk::<8>()?);
        if u64::from_le_bytes(*name) != self.connection || counter <= self.newest {
            return None;
        }
        let text = self.key.open_in_place(nonce(counter), Aad::from(*head), sealed).ok()?;
        self.newest = counter;
        Some(text)
    }
}

/// The connection that a datagram says it belongs to.
pub fn connection_of(datagram: &[u8]) -> Option<u64> {
    datagram.first_chunk::<8>().map(|name| u64::from_le_bytes(*name))
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(connection: u64) -> Keys {
        Keys { connection, of_client: [1; KEY_BYTES], of_server: [2; KEY_BYTES] }
    }

    fn client_and_server() -> ((Sealer, Opener), (Sealer, Opener)) {
        (keys(7).ends(End::Client).unwrap(), keys(7).ends(End::Server).unwrap())
    }

    #[test]
    fn what_one_end_seals_the_other_opens() {
        let ((mut sealer, mut own), (mut other_sealer, mut opener)) = client_and_server();
        for text in [&b"one"[..], b"", &[9; DATAGRAM_BYTES_MAX - SEAL_BYTES]] {
            let mut datagram = sealer.seal(text).unwrap();
            assert_eq!(connection_of(&datagram), Some(7));
            assert_eq!(datagram.len(), text.len() + SEAL_BYTES);
            // Not by who has sealed it.
            assert_eq!(own.open(&mut datagram.clone()), None);
            assert_eq!(opener.open(&mut datagram), Some(text));
        }
        let mut answer = other_sealer.seal(b"two").unwrap();
        assert_eq!(own.open(&mut answer), Some(&b"two"[..]));
        assert_eq!(sealer.seal(&[0; DATAGRAM_BYTES_MAX]), None);
    }

    #[test]
    fn what_was_changed_repeated_or_overtaken_is_dropped() {
        let ((mut sealer, _), (_, mut opener)) = client_and_server();
        let sealed: Vec<_> = (0..3).map(|_| sealer.seal(b"text").unwrap()).collect();
        for at in 0..sealed[0].len() {
            let mut changed = sealed[0].clone();
            changed[at] ^= 1;
            assert_eq!(opener.open(&mut changed), None, "byte {at}");
        }
        for short in 0..SEAL_BYTES {
            assert_eq!(opener.open(&mut sealed[0].clone()[..short]), None, "{short} bytes");
        }
        assert_eq!(opener.open(&mut sealed[1].clone()), Some(&b"text"[..]));
        assert_eq!(opener.open(&mut sealed[1].clone()), None, "again");
        assert_eq!(opener.open(&mut sealed[0].clone()), None, "overtaken");
        assert_eq!(opener.open(&mut sealed[2].clone()), Some(&b"text"[..]));
        let (mut stranger, _) = keys(8).ends(End::Client).unwrap();
        assert_eq!(opener.open(&mut stranger.seal(b"text").unwrap()), None);
    }
}
