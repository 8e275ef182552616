//! What travels between nodes: frames of a length (u32, little endian) and `postcard`, inside TLS.
//!
//! A connection carries one kind of traffic of one group, so that a snapshot never stands in front
//! of a sign of life. The node that dials says first which.

use std::io;
use std::net::IpAddr;

use ha::{Incarnation, Message};
use model::pair::{ENTRY_BYTES_MAX, Epoch};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::peers::GroupId;

/// The protocol in ALPN; port 8082 also speaks HTTP.
pub const ALPN: &[u8] = b"mse-ha/1";
/// Version of the frames.
pub const PROTOCOL: u16 = 1;
/// Longest frame. Ours: an entry of the longest kind, or as many small ones as are shipped at once.
pub const FRAME_BYTES_MAX: usize = ENTRY_BYTES_MAX + (8 << 20);

/// What one connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Beacons and the register.
    Control,
    /// Entries and their acknowledgements.
    Replication,
    /// Snapshots.
    Transfer,
}

/// The first frame of who dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u16,
    /// Whose traffic.
    pub group: GroupId,
    /// Which traffic.
    pub kind: Kind,
}

/// Everything that is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Says what the connection is for.
    Hello(Hello),
    /// Of a data node.
    Message(Message),
    /// Of a witness, in that life.
    Vote(Incarnation, Message),
    /// A part of a snapshot.
    Push(Push),
    /// Nothing was to be said for a while.
    Alive,
    /// The connection is not wanted.
    Refused(Refused),
}

/// Why a connection is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// A machine with the same key is connected from this address: one of both is a copy.
    Copy(IpAddr),
}

/// A part of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Push {
    /// There is one.
    Offer {
        /// The holder's session.
        session: Epoch,
        /// Tells snapshots apart.
        id: u64,
        /// A [`journal::snapshot::Manifest`].
        manifest: Vec<u8>,
    },
    /// The receiver wants that chunk of it.
    Want {
        /// Of which snapshot.
        id: u64,
        /// The file, by its place in the manifest.
        file: u32,
        /// Where the chunk begins.
        offset: u64,
    },
    /// Here it is.
    Chunk {
        /// Of which snapshot.
        id: u64,
        /// The file.
        file: u32,
        /// Where it begins.
        offset: u64,
        /// Its content.
        bytes: Vec<u8>,
    },
}

impl Kind {
    /// The connection that a message goes by.
    pub fn of(message: &Message) -> Self {
        match message {
            Message::Open { .. }
            | Message::Append { .. }
            | Message::Ack { .. }
            | Message::Nack { .. }
            | Message::StateHash { .. }
            | Message::Fetch { .. }
            | Message::Fetched { .. } => Self::Replication,
            _ => Self::Control,
        }
    }
}

/// Writes one frame.
pub async fn write(writer: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    let mut bytes = postcard::to_extend(frame, vec![0; 4]).map_err(io::Error::other)?;
    let length = bytes.len() - 4;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, too_long(length)));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    writer.write_all(&bytes).await?;
    writer.flush().await
}

/// Reads one frame; nothing when the other end has closed the connection between two.
pub async fn read(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    read_at_most(reader, FRAME_BYTES_MAX).await
}

/// The same, with a limit of its own.
pub async fn read_at_most(
    reader: &mut (impl AsyncRead + Unpin),
    bytes_max: usize,
) -> io::Result<Option<Frame>> {
    let mut length = [0; 4];
    match reader.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = u32::from_le_bytes(length) as usize;
    if length > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, too_long(length)));
    }
    // Room is made for what has come, not for what is announced.
    let mut bytes = Vec::with_capacity(length.min(64 << 10));
    let taken = reader.take(length as u64).read_to_end(&mut bytes).await?;
    if taken < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let frame = postcard::from_bytes(&bytes);
    frame.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn too_long(length: usize) -> String {
    format!("a frame of {length} bytes; at most {FRAME_BYTES_MAX} are allowed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let hello = Hello { protocol: PROTOCOL, group: GroupId([9; 16]), kind: Kind::Transfer };
        let mut bytes = Vec::new();
        for frame in [Frame::Hello(hello), Frame::Alive] {
            write(&mut bytes, &frame).await.unwrap();
        }
        let mut reader = bytes.as_slice();
        assert_eq!(read(&mut reader).await.unwrap(), Some(Frame::Hello(hello)));
        assert_eq!(read(&mut reader).await.unwrap(), Some(Frame::Alive));
        assert_eq!(read(&mut reader).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_frame_is_refused() {
        for (bytes, kind) in [
            (vec![255, 255, 255, 255], io::ErrorKind::InvalidData),
            (vec![2, 0, 0, 0, 99, 0], io::ErrorKind::InvalidData),
            (vec![9, 0, 0, 0, 1], io::ErrorKind::UnexpectedEof),
        ] {
            let error = read(&mut bytes.as_slice()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{bytes:?}");
        }
    }
}
