//! A FIFO that somebody writes captures into: `tcpdump -U -w fifo`, or any program that writes pcap.
//!
//! A writer that ends is followed by the next one, whose capture begins anew: `file` opens it again.

use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use super::lane::Lane;
use super::stream::{Stream, StreamError};

/// Why a FIFO is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FifoError {
    #[error("cannot read the FIFO {path}: {source}")]
    LocalFifo { path: String, source: std::io::Error },
    #[error("the writer of the FIFO {path}: {source}")]
    PeerWriter { path: String, source: StreamError },
}

/// Reads what one writer writes.
pub(super) async fn read(lane: &Arc<Lane>, path: &Path) -> Result<(), FifoError> {
    let shown = || path.display().to_string();
    let fifo_error = |source| FifoError::LocalFifo { path: shown(), source };
    let writer_error = |source| FifoError::PeerWriter { path: shown(), source };
    let mut fifo = pipe::OpenOptions::new().open_receiver(path).map_err(fifo_error)?;
    let mut stream = Stream::new(lane);
    let mut is_first = true;
    loop {
        // Without a writer this waits for one; the end is that the last writer has gone.
        let count = fifo.read(stream.space()).await.map_err(fifo_error)?;
        if count == 0 {
            // Who stops tcpdump stops it inside a packet; all packets before were read.
            if let Err(error) = stream.end() {
                tracing::debug!(fifo = shown(), %error, "a writer has gone");
            }
            return Ok(());
        }
        if std::mem::take(&mut is_first) {
            lane.entry.captures(None, lane.clock.now());
        }
        stream.filled(count).map_err(writer_error)?;
        lane.settle().await;
    }
}
