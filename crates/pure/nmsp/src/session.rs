//! One session, either end, without input or output of its own.
//!
//! The contract: `handle(now, input)` once, then `poll()` until it says `None`; ask `deadline()`
//! when to come back with [`Input::Timeout`] at the latest. Timers act on [`Input::Timeout`] only:
//! an owner that was busy hands over what has arrived meanwhile first, and our own pause is not the
//! peer's silence.
//!
//! Timers are the published ones ("Editing NMSP Parameters", MSE CAS guides 6.0 and 7.x): the
//! engine sends an echo every echo interval; an unanswered echo is repeated after the response
//! timeout and then every retransmit interval, at most `retransmits_max` times; the peer is dead
//! when the dead interval has passed since the echo was first sent and nothing else has come either.
//! The engine announces its echo interval, and the controller gives it up when nothing came for that
//! and its own dead interval.

use std::collections::VecDeque;
use std::ops::Range;

use model::Time;

use crate::codec::{Field, Fields, FrameWriter, HEADER_BYTES, Header, Reader, field, write_text};
use crate::counters::{Counters, Direction};
use crate::echo::{Echo, Step};
use crate::error::{CloseReason, DecodeError};
use crate::exchange::{Command, Event, Input, Output};
use crate::limits::{
    ECHO_INTERVAL_MAX_MS, FRAME_MAX_MS, NEGOTIATION_MAX_MS, PEER_NAME_BYTES_MAX, VERSION,
};
use crate::message::MessageId;
use crate::record::Records;
use crate::service::SubserviceMask;
use crate::settings::Settings;
use crate::table::{self, Action, Side, State, Trigger};

/// What the peer said about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// What it can do.
    pub capable: SubserviceMask,
}

/// One end of one NMSP session.
#[derive(Debug)]
pub struct Session {
    side: Side,
    settings: Settings,
    state: State,
    /// What this side can do (controller) or wants (engine).
    offered: SubserviceMask,
    subscribed: SubserviceMask,
    peer: Peer,
    name: String,
    now: Time,
    started: Time,
    /// Received bytes; those before `read_at` are done with.
    received: Vec<u8>,
    read_at: usize,
    partial_since: Option<Time>,
    last_received: Time,
    /// The echo interval that the engine announced; our own until then.
    peer_echo_interval_ms: u64,
    outgoing: Vec<u8>,
    transmitting: Vec<u8>,
    signals: VecDeque<Signal>,
    echo: Echo,
    next_transaction: u32,
    counters: Counters,
}

/// Something to tell the owner that borrows nothing.
#[derive(Debug)]
enum Signal {
    Active,
    Close(CloseReason),
}

/// A frame that the owner must see, by its place in the receive buffer.
enum Delivery {
    Request { id: MessageId, transaction: u32 },
    Data { id: MessageId, body: Range<usize> },
}

impl Session {
    /// A session on a fresh connection. It has its capability to send at once.
    pub fn new(
        side: Side,
        settings: Settings,
        offered: SubserviceMask,
        name: &str,
        now: Time,
    ) -> Self {
        let mut session = Self {
            side,
            settings,
            state: State::Negotiating,
            offered,
            subscribed: SubserviceMask::NONE,
            peer: Peer::default(),
            name: name.to_owned(),
            now,
            started: now,
            received: Vec::new(),
            read_at: 0,
            partial_since: None,
            last_received: now,
            peer_echo_interval_ms: settings.echo_interval_ms,
            outgoing: Vec::new(),
            transmitting: Vec::new(),
            signals: VecDeque::new(),
            echo: Echo::default(),
            next_transaction: 1,
            counters: Counters::default(),
        };
        session.send_capability();
        session
    }

    /// How far the session has come.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the peer said about itself.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The sub-services that flow.
    pub fn subscribed(&self) -> SubserviceMask {
        self.subscribed
    }

    /// Message counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Received bytes that are kept because their frame is not whole.
    pub fn buffered_bytes(&self) -> usize {
        self.received.len() - self.read_at
    }

    /// Takes one input. Follow with [`Session::poll`] until `None`.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Received(bytes) => self.receive(&bytes),
            Input::Timeout => self.run_timers(),
            Input::Command(command) => self.command(command),
            Input::Disconnected => match self.buffered_bytes() {
                0 => self.close(CloseReason::PeerClosed),
                bytes => self.close(CloseReason::PeerCutOff { bytes }),
            },
        }
    }

    /// When to come back with [`Input::Timeout`] at the latest.
    pub fn deadline(&self) -> Option<Time> {
        let in_state = match self.state {
            State::Negotiating | State::Subscribing => {
                Some(self.started.plus_ms(NEGOTIATION_MAX_MS))
            }
            State::Active => Some(match self.side {
                Side::Engine => self.echo.deadline(&self.settings, self.last_received),
                Side::Controller => self.silence_deadline(),
            }),
            State::Closed => return None,
        };
        let frame = self.partial_since.map(|since| since.plus_ms(FRAME_MAX_MS));
        in_state.into_iter().chain(frame).min()
    }

    /// The next thing to do, or `None` when the session waits.
    pub fn poll(&mut self) -> Option<Output<'_>> {
        // What was received is worked off first: it may produce something to send.
        let delivery = if self.state == State::Closed { None } else { self.next_delivery() };
        match delivery {
            Some(Delivery::Request { id, transaction }) => {
                return Some(Output::Event(Event::Request { id, transaction }));
            }
            Some(Delivery::Data { id, body }) => {
                let body = self.received.get(body).unwrap_or_default();
                let records = Records::checked(id, body);
                return Some(Output::Event(Event::Data { id, records }));
            }
            None => {}
        }
        if !self.outgoing.is_empty() {
            self.transmitting.clear();
            std::mem::swap(&mut self.outgoing, &mut self.transmitting);
            return Some(Output::Transmit(&self.transmitting));
        }
        match self.signals.pop_front()? {
            Signal::Active => Some(Output::Event(Event::Active { subscribed: self.subscribed })),
            Signal::Close(reason) => Some(Output::Close(reason)),
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        if self.state == State::Closed {
            return;
        }
        self.received.drain(..self.read_at);
        self.read_at = 0;
        self.received.extend_from_slice(bytes);
        self.last_received = self.now;
    }

    /// Works through received frames up to the first that the owner must see. It pauses when a
    /// signal waits, so that the owner hears of an active session before its first data.
    fn next_delivery(&mut self) -> Option<Delivery> {
        while self.signals.is_empty() {
            match self.next_frame() {
                Ok(Some((header, body))) => {
                    if let Some(delivery) = self.frame(header, body) {
                        return Some(delivery);
                    }
                }
                Ok(None) => return None,
                Err(error) => self.close(CloseReason::Decode(error)),
            }
        }
        None
    }

    /// Splits the next whole frame off the receive buffer.
    fn next_frame(&mut self) -> Result<Option<(Header, Range<usize>)>, DecodeError> {
        let unread = self.received.get(self.read_at..).unwrap_or_default();
        if self.state == State::Closed || unread.is_empty() {
            self.partial_since = None;
            return Ok(None);
        }
        let header = Header::read(unread)?;
        let frame_bytes = header.map(|header| HEADER_BYTES + header.body_bytes as usize);
        match (header, frame_bytes) {
            (Some(header), Some(frame_bytes)) if unread.len() >= frame_bytes => {
                let start = self.read_at;
                self.read_at += frame_bytes;
                self.partial_since = None;
                Ok(Some((header, start + HEADER_BYTES..start + frame_bytes)))
            }
            _ => {
                self.partial_since.get_or_insert(self.now);
                Ok(None)
            }
        }
    }

    /// Takes one frame through the table.
    fn frame(&mut self, header: Header, body: Range<usize>) -> Option<Delivery> {
        let id = MessageId::from_wire(header.message);
        let trigger = id.map_or(Trigger::Unknown, Trigger::of);
        if let Some(id) = id {
            self.counters.count(id, Direction::In, HEADER_BYTES + body.len(), self.now);
        }
        let (next, action) = table::step(self.side, self.state, trigger);
        if action == Action::Refuse {
            let reason = CloseReason::PeerOutOfOrder { message: header.message, state: self.state };
            self.close(reason);
            return None;
        }
        self.state = next;
        let outcome = match (action, id) {
            (Action::Deliver, Some(id)) if id.carries_records() => {
                let bytes = self.received.get(body.clone()).unwrap_or_default();
                Records::check(id, bytes).map(|_| Some(Delivery::Data { id, body }))
            }
            (Action::Deliver, Some(id)) => {
                Ok(Some(Delivery::Request { id, transaction: header.transaction }))
            }
            (action, _) => self.act(action, header, body).map(|()| None),
        };
        outcome.unwrap_or_else(|error| {
            self.close(CloseReason::Decode(error));
            None
        })
    }

    /// Does what the table says, for everything but a delivery.
    fn act(
        &mut self,
        action: Action,
        header: Header,
        body: Range<usize>,
    ) -> Result<(), DecodeError> {
        match action {
            Action::Subscribe => {
                if self.note_peer(header, body)? {
                    self.send_subscription();
                }
            }
            Action::NotePeer => {
                self.note_peer(header, body)?;
            }
            Action::Grant => {
                self.note_echo_interval(header, body.clone())?;
                let wanted = self.read_mask(header, body)?;
                self.subscribed = wanted.and(self.offered);
                self.send_mask(
                    MessageId::ServiceSubscribeResponse,
                    header.transaction,
                    self.subscribed,
                );
                self.signals.push_back(Signal::Active);
            }
            Action::Activate => {
                self.subscribed = self.read_mask(header, body)?.and(self.offered);
                self.echo.start(self.now, &self.settings);
                self.signals.push_back(Signal::Active);
            }
            Action::AnswerEcho => {
                self.send(MessageId::EchoResponse, header.transaction, |_| {});
            }
            Action::NoteEcho => self.echo.answered(header.transaction),
            Action::CountUnsupported => self.counters.unsupported += 1,
            Action::Deliver | Action::Refuse => {}
        }
        Ok(())
    }

    /// Reads the peer's capability; false when there is no common version (the session is closed).
    fn note_peer(&mut self, header: Header, body: Range<usize>) -> Result<bool, DecodeError> {
        let malformed = DecodeError::PeerMalformed { message: header.message, at: 0 };
        let bytes = self.received.get(body).unwrap_or_default();
        let (mut versions, mut peer) = (None, Peer::default());
        for next in Fields::new(header.message, bytes) {
            let Field { kind, value, .. } = next?;
            match kind {
                field::VERSIONS => versions = Reader(value).array::<2>(),
                field::SUBSERVICES => {
                    peer.capable = SubserviceMask::from_bits(Reader(value).u64().ok_or(malformed)?);
                }
                field::NAME => {
                    let name = Reader(value).text().ok_or(malformed)?;
                    peer.name = name.chars().filter(|c| !c.is_control()).collect();
                    peer.name.truncate(peer.name.floor_char_boundary(PEER_NAME_BYTES_MAX));
                }
                _ => {}
            }
        }
        let [lowest, highest] = versions.ok_or(malformed)?;
        if !(lowest..=highest).contains(&VERSION) {
            self.close(CloseReason::PeerVersion { lowest, highest });
            return Ok(false);
        }
        self.peer = peer;
        Ok(true)
    }

    /// An engine of an earlier version announces nothing: our own interval stays.
    fn note_echo_interval(
        &mut self,
        header: Header,
        body: Range<usize>,
    ) -> Result<(), DecodeError> {
        let bytes = self.received.get(body).unwrap_or_default();
        for next in Fields::new(header.message, bytes) {
            let Field { kind, value, .. } = next?;
            if kind == field::ECHO_INTERVAL
                && let Some(interval_ms) = Reader(value).u64()
            {
                self.peer_echo_interval_ms = interval_ms.min(ECHO_INTERVAL_MAX_MS);
            }
        }
        Ok(())
    }

    fn read_mask(&self, header: Header, body: Range<usize>) -> Result<SubserviceMask, DecodeError> {
        let bytes = self.received.get(body).unwrap_or_default();
        for next in Fields::new(header.message, bytes) {
            let Field { kind, value, .. } = next?;
            if kind == field::SUBSERVICES
                && let Some(bits) = Reader(value).u64()
            {
                return Ok(SubserviceMask::from_bits(bits));
            }
        }
        Err(DecodeError::PeerMalformed { message: header.message, at: 0 })
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Stop => self.close(CloseReason::LocalStop),
            // What is not active cannot send data; the owner is told when it becomes active.
            _ if self.state != State::Active => {}
            Command::Send { transaction, batch } => {
                let id = batch.message(transaction.is_some());
                let Self { outgoing, counters, now, .. } = self;
                batch.write(outgoing, transaction, |bytes| {
                    counters.count(id, Direction::Out, bytes, *now);
                });
            }
            Command::Request(id) => {
                let transaction = self.transaction();
                self.send(id, transaction, |_| {});
            }
        }
    }

    fn run_timers(&mut self) {
        if self.deadline().is_none_or(|deadline| self.now < deadline) {
            return;
        }
        let waited_ms = self.partial_since.map_or(0, |since| self.now.since_ms(since));
        if waited_ms >= FRAME_MAX_MS {
            return self.close(CloseReason::PeerStalled { waited_ms });
        }
        let silent_ms = self.now.since_ms(self.last_received);
        match (self.state, self.side) {
            (State::Active, Side::Engine) => self.run_echo(),
            _ => self.close(CloseReason::PeerDead { silent_ms }),
        }
    }

    fn run_echo(&mut self) {
        match self.echo.overdue(self.now, &self.settings, self.last_received) {
            Step::Send => {
                let transaction = self.transaction();
                self.echo.sent(transaction, self.now, &self.settings);
                self.send(MessageId::EchoRequest, transaction, |_| {});
            }
            Step::Repeat(transaction) => self.send(MessageId::EchoRequest, transaction, |_| {}),
            Step::Dead { silent_ms } => self.close(CloseReason::PeerDead { silent_ms }),
        }
    }

    /// A controller hears an echo at least once per echo interval of the engine.
    fn silence_deadline(&self) -> Time {
        self.last_received.plus_ms(self.peer_echo_interval_ms + self.settings.dead_interval_ms)
    }

    fn send_capability(&mut self) {
        let (offered, name) = (self.offered, self.name.clone());
        self.send(MessageId::CapabilityNotification, 0, |frame| {
            frame.field(field::VERSIONS, |out| {
                out.extend_from_slice(&[VERSION, VERSION]);
            });
            frame.field(field::SUBSERVICES, |out| {
                out.extend_from_slice(&offered.bits().to_be_bytes());
            });
            frame.field(field::NAME, |out| write_text(out, &name));
        });
    }

    fn send_subscription(&mut self) {
        let transaction = self.transaction();
        let wanted = self.offered.and(self.peer.capable);
        let echo_interval_ms = self.settings.echo_interval_ms;
        self.send(MessageId::ServiceSubscribeRequest, transaction, |frame| {
            frame.field(field::SUBSERVICES, |out| {
                out.extend_from_slice(&wanted.bits().to_be_bytes());
            });
            frame.field(field::ECHO_INTERVAL, |out| {
                out.extend_from_slice(&echo_interval_ms.to_be_bytes());
            });
        });
    }

    fn send_mask(&mut self, id: MessageId, transaction: u32, mask: SubserviceMask) {
        self.send(id, transaction, |frame| {
            frame.field(field::SUBSERVICES, |out| {
                out.extend_from_slice(&mask.bits().to_be_bytes());
            });
        });
    }

    fn send(&mut self, id: MessageId, transaction: u32, write: impl FnOnce(&mut FrameWriter<'_>)) {
        let mut frame = FrameWriter::new(&mut self.outgoing, id, transaction);
        write(&mut frame);
        let bytes = frame.finish();
        self.counters.count(id, Direction::Out, bytes, self.now);
    }

    fn transaction(&mut self) -> u32 {
        let transaction = self.next_transaction;
        // Zero means "no request" in a notification.
        self.next_transaction = transaction.checked_add(1).unwrap_or(1);
        transaction
    }

    fn close(&mut self, reason: CloseReason) {
        if !self.signals.iter().any(|signal| matches!(signal, Signal::Close(_)))
            && !self.is_reported_closed()
        {
            self.signals.push_back(Signal::Close(reason));
        }
        self.state = State::Closed;
        self.partial_since = None;
    }

    fn is_reported_closed(&self) -> bool {
        self.state == State::Closed && self.signals.is_empty()
    }
}
