//! A capture in a file, played as if it happened now.
//!
//! Frames keep the distances in time that they were captured with. At speed 1 a file begins now. A faster
//! one is laid in time so that it *ends* at the present, as a replay of positions does: it begins in the past
//! and catches up, so detectors see the same at any speed and nothing is in the future.
//!
//! A path that leads to a FIFO is read as one, see `fifo`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use model::Time;
use tokio::sync::Semaphore;
use wips::capture::Decoder;
use wips::{CaptureTime, SensorId};

use super::clock::FileClock;
use super::lane::Lane;
use super::stream::StreamError;
use super::{Backoff, fifo};

/// After each round the file rests: one without times would otherwise be played without end at once.
const ROUND_REST: Duration = Duration::from_secs(1);
/// It is looked whether engines are slow each so many packets. Ours.
const PACKETS_PER_LOOK: u64 = 32;

/// How a file is played. Checked by the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// How many times faster than captured; at least 1.
    pub(super) speed: u32,
    /// Whether it starts over at the end; only at speed 1.
    pub(super) repeat: bool,
}

/// Why a file is not played.
#[derive(Debug, thiserror::Error)]
enum FileError {
    /// The disk, or its owner, refuses it.
    #[error("cannot read {}: {source}", path.display())]
    LocalFile { path: PathBuf, source: std::io::Error },
    /// Its maker wrote something else.
    #[error("{}: {source}", path.display())]
    PeerCapture { path: PathBuf, source: StreamError },
    /// It is a FIFO, and something is wrong with that.
    #[error(transparent)]
    Fifo(#[from] fifo::FifoError),
    /// There is nothing to play.
    #[error("{} holds no packet", path.display())]
    ConfigEmpty { path: PathBuf },
}

/// Plays `path` until it has ended; what fails is tried again.
pub(super) async fn run(lane: Lane, path: PathBuf, pace: Pace, readers: Arc<Semaphore>) {
    let lane = Arc::new(lane);
    let (mut backoff, mut known) = (Backoff::new(), None);
    loop {
        let player = Player { lane: &lane, path: &path, readers: &readers };
        let played = match player.is_fifo().await {
            Ok(true) => match fifo::read(&lane, &path).await {
                Ok(()) => {
                    backoff = Backoff::new();
                    continue;
                }
                Err(error) => Err(error.into()),
            },
            Ok(false) => player.play(pace, known.take()).await,
            Err(error) => Err(error),
        };
        match played {
            Ok(note) if !pace.repeat => return lane.entry.ends(note),
            Ok(note) => {
                (backoff, known) = (Backoff::new(), note);
                tokio::time::sleep(ROUND_REST).await;
            }
            Err(error) => {
                lane.entry.fails(&error);
                backoff.wait().await;
            }
        }
    }
}

struct Player<'a> {
    lane: &'a Lane,
    path: &'a Path,
    readers: &'a Arc<Semaphore>,
}

impl Player<'_> {
    async fn is_fifo(&self) -> Result<bool, FileError> {
        let path = self.path.to_owned();
        self.blocking(move || Ok(std::fs::metadata(path)?.file_type().is_fifo())).await
    }

    /// Plays the file once; `known` is what a person shall know of it from the round before, and what
    /// is returned from this one.
    async fn play(&self, pace: Pace, known: Option<String>) -> Result<Option<String>, FileError> {
        let speed = u64::from(pace.speed);
        // A faster file begins so long ago that it ends now.
        let ahead_us = match pace.speed {
            1 => 0,
            _ => self.duration_us().await? * (speed - 1) / speed,
        };
        let began = self.lane.clock.now();
        let start_us = began.0.saturating_mul(1_000).saturating_sub(ahead_us);
        self.lane.entry.captures(known, began);

        let mut capture = self.open().await?;
        let (mut clock, mut packets) = (FileClock::default(), 0_u64);
        loop {
            match capture.decoder.poll() {
                Ok(Some(captured)) => {
                    StreamError::check(captured.packet.link).map_err(|it| self.broken(it))?;
                    let played_us = clock.advance(captured.packet.at);
                    self.wait_until(began.plus_ms(played_us / speed / 1_000)).await;
                    if packets % PACKETS_PER_LOOK == 0 {
                        self.lane.room().await;
                    }
                    let at = CaptureTime(start_us.saturating_add(played_us));
                    self.lane.hand(self.lane.take(&captured.packet, at)).await;
                    packets += 1;
                    continue;
                }
                Ok(None) => {}
                Err(error) if packets == 0 => return Err(self.broken(error.into())),
                Err(error) => return Ok(Some(cut_short(&error))),
            }
            let (filled, next) = self.fill(capture).await?;
            capture = next;
            if !filled {
                break;
            }
        }
        match capture.decoder.end() {
            _ if packets == 0 => Err(FileError::ConfigEmpty { path: self.path.to_owned() }),
            Ok(()) => Ok(clock.note()),
            Err(error) => Ok(Some(cut_short(&error))),
        }
    }

    /// How long the file is, by its packets.
    async fn duration_us(&self) -> Result<u64, FileError> {
        let mut capture = self.open().await?;
        let mut clock = FileClock::default();
        loop {
            // What is wrong with it is said when it is played.
            while let Ok(Some(captured)) = capture.decoder.poll() {
                clock.advance(captured.packet.at);
            }
            let (filled, next) = self.fill(capture).await?;
            capture = next;
            if !filled {
                return Ok(clock.played_us());
            }
        }
    }

    async fn open(&self) -> Result<Capture, FileError> {
        let (path, sensor) = (self.path.to_owned(), self.lane.sensor());
        self.blocking(move || Capture::open(&path, sensor)).await
    }

    /// Reads on; false at the end.
    async fn fill(&self, mut capture: Capture) -> Result<(bool, Capture), FileError> {
        self.blocking(move || {
            let count = capture.file.read(capture.decoder.space())?;
            capture.decoder.filled(count);
            Ok((count > 0, capture))
        })
        .await
    }

    /// Does what a disk does, on a thread that may wait for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, FileError> {
        let _permit = self.readers.acquire().await;
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        done.map_err(|source| FileError::LocalFile { path: self.path.to_owned(), source })
    }

    async fn wait_until(&self, due: Time) {
        let wait = self.lane.clock.until(due);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn broken(&self, source: StreamError) -> FileError {
        FileError::PeerCapture { path: self.path.to_owned(), source }
    }
}

/// A file that is read.
struct Capture {
    file: Box<dyn Read + Send>,
    decoder: Decoder,
}

impl Capture {
    fn open(path: &Path, sensor: SensorId) -> std::io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            let message = "it is neither a file nor a FIFO";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message));
        }
        let is_packed = path.extension().is_some_and(|it| it == "gz");
        let file: Box<dyn Read + Send> =
            if is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { file, decoder: Decoder::new(sensor) })
    }
}

fn cut_short(error: &wips::capture::CaptureError) -> String {
    format!("{error}; all packets before were read")
}
