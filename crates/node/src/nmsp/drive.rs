//! One session on one stream, the same loop for both ends.
//!
//! Reading stops while the owner is busy with what was read: backpressure reaches the peer through
//! TCP, and nothing is lost in between.

use std::io::ErrorKind;
use std::time::Duration;

use model::Time;
use nmsp::{CloseReason, Command, Event, Input, Output, Session};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::status::{Failure, LinkStatus};
use crate::clock::Steady;

/// Bytes read at once. Ours: a frame of the largest size in one go.
const READ_BYTES: usize = 64 * 1024;
/// A peer that takes no bytes for this long is stalled.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// The status is renewed at most this often; reading it is for people.
const STATUS_INTERVAL_MS: u64 = 200;

/// Who a session works for.
pub trait Owner: Send {
    /// Something happened. The answer, if any, is sent at once.
    fn event(&mut self, event: Event<'_>) -> Vec<Command>;

    /// The session waits: hand on what was gathered. May take its time.
    fn settle(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Runs `session` on `stream` until one side ends it.
pub async fn drive(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut session: Session,
    clock: Steady,
    owner: &mut impl Owner,
    commands: &mut mpsc::Receiver<Command>,
    status: &LinkStatus,
) -> Failure {
    let mut outgoing = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut shown = Shown::default();
    let mut has_commands = true;
    loop {
        let mut closed = drain(&mut session, clock, owner, &mut outgoing);
        // Everything that was read is worked off: what is overdue now is overdue for the peer.
        if session.deadline().is_some_and(|deadline| deadline <= clock.now()) {
            session.handle(clock.now(), Input::Timeout);
            closed = closed.or(drain(&mut session, clock, owner, &mut outgoing));
        }
        let written = write(&mut stream, &outgoing, &mut buffer).await;
        // Why the session ended says more than that its last words did not arrive.
        if let (Err(failure), None) = (written, closed) {
            return failure;
        }
        outgoing.clear();
        // The owner may take its time. What arrives meanwhile is read before any timer is asked.
        owner.settle().await;
        shown.renew(&session, status, clock.now(), closed.is_some());
        if let Some(reason) = closed {
            let _ = tokio::time::timeout(WRITE_MAX, stream.shutdown()).await;
            return Failure::of_close(reason);
        }
        let wake = session.deadline().into_iter().chain(shown.due(&session)).min();
        let sleep = wake.map_or(Duration::from_hours(1), |wake| clock.until(wake));
        tokio::select! {
            biased;
            read = stream.read(&mut buffer) => match read {
                Ok(0) => session.handle(clock.now(), Input::Disconnected),
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    session.handle(clock.now(), Input::Received(bytes.into()));
                }
                // A peer that dies says no good-bye; what it leaves unfinished is looked at alike.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    session.handle(clock.now(), Input::Disconnected);
                }
                Err(error) => return Failure::of_io(&error),
            },
            command = commands.recv(), if has_commands => match command {
                Some(command) => session.handle(clock.now(), Input::Command(command)),
                None => has_commands = false,
            },
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

/// Writes everything. A peer may be slow; it may not stand still.
async fn write(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    mut outgoing: &[u8],
    buffer: &mut [u8],
) -> Result<(), Failure> {
    let stalled =
        || Failure::Silent(format!("the peer took no bytes for {} s", WRITE_MAX.as_secs()));
    let is_empty = outgoing.is_empty();
    while !outgoing.is_empty() {
        match tokio::time::timeout(WRITE_MAX, stream.write(outgoing)).await {
            Ok(Ok(count)) => outgoing = outgoing.get(count..).unwrap_or_default(),
            Ok(Err(error)) => return Err(last_words(stream, buffer, &error).await),
            Err(_) => return Err(stalled()),
        }
    }
    if is_empty {
        return Ok(());
    }
    match tokio::time::timeout(WRITE_MAX, stream.flush()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(last_words(stream, buffer, &error).await),
        Err(_) => Err(stalled()),
    }
}

/// What of the session the status shows.
#[derive(Default)]
struct Shown {
    at: Option<Time>,
    messages: u64,
}

impl Shown {
    /// Renews the status, unless that was done a moment ago.
    fn renew(&mut self, session: &Session, status: &LinkStatus, now: Time, is_last: bool) {
        let is_due = self.at.is_none_or(|at| now.since_ms(at) >= STATUS_INTERVAL_MS);
        if is_last || (is_due && self.messages != session.counters().messages()) {
            status.observe(session, now);
            self.at = Some(now);
            self.messages = session.counters().messages();
        }
    }

    /// When the status must be renewed though nothing more arrives.
    fn due(&self, session: &Session) -> Option<Time> {
        let is_behind = self.messages != session.counters().messages();
        self.at.filter(|_| is_behind).map(|at| at.plus_ms(STATUS_INTERVAL_MS))
    }
}

/// Works off everything that the session has to say.
fn drain(
    session: &mut Session,
    clock: Steady,
    owner: &mut impl Owner,
    outgoing: &mut Vec<u8>,
) -> Option<CloseReason> {
    let mut answers = Vec::new();
    loop {
        match session.poll() {
            Some(Output::Transmit(bytes)) => outgoing.extend_from_slice(bytes),
            Some(Output::Event(event)) => answers.append(&mut owner.event(event)),
            Some(Output::Close(reason)) => return Some(reason),
            None if answers.is_empty() => return None,
            None => {
                for command in answers.drain(..) {
                    session.handle(clock.now(), Input::Command(command));
                }
            }
        }
    }
}

/// A controller that does not trust us says so in an alert and hangs up; our write may fail before
/// the alert is read. The alert is the better reason.
async fn last_words(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
    error: &std::io::Error,
) -> Failure {
    match tokio::time::timeout(Duration::from_secs(1), stream.read(buffer)).await {
        Ok(Err(alert)) => Failure::of_io(&alert),
        _ => Failure::of_io(error),
    }
}
