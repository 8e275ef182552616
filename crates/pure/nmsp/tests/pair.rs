//! Two sessions wired to each other, with a clock that jumps: hours of protocol in milliseconds.

use model::{Band, Category, Dbm, Mac, Observation, Reading, Time};
use nmsp::counters::Direction;
use nmsp::{
    Batch, CloseReason, Command, Event, Input, MessageId, Output, Session, Settings, Side, State,
    Subservice, SubserviceMask,
};

/// A controller and an engine on one wire.
struct Pair {
    now: Time,
    controller: Session,
    engine: Session,
    /// What was told to the owners, in words.
    told: Vec<String>,
    /// A cut wire swallows everything.
    is_cut: bool,
}

impl Pair {
    fn new(offered: SubserviceMask, wanted: SubserviceMask) -> Self {
        let now = Time(1_000_000);
        let session = |side, mask, name| Session::new(side, Settings::default(), mask, name, now);
        let controller = session(Side::Controller, offered, "wlc-1");
        let engine = session(Side::Engine, wanted, "mse-1");
        let mut pair = Self { now, controller, engine, told: Vec::new(), is_cut: false };
        pair.settle();
        pair
    }

    /// Carries bytes to and fro until both sides wait.
    fn settle(&mut self) {
        loop {
            let to_engine = drain(&mut self.controller, "controller", &mut self.told);
            let to_controller = drain(&mut self.engine, "engine", &mut self.told);
            if to_engine.is_empty() && to_controller.is_empty() {
                return;
            }
            if !self.is_cut {
                self.engine.handle(self.now, Input::Received(to_engine.into()));
                self.controller.handle(self.now, Input::Received(to_controller.into()));
            }
        }
    }

    /// Runs for `ms`, waking both sides exactly at their deadlines.
    fn run_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            let deadlines = [self.controller.deadline(), self.engine.deadline()];
            let next = deadlines.into_iter().flatten().min().unwrap_or(end);
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            self.controller.handle(self.now, Input::Timeout);
            self.engine.handle(self.now, Input::Timeout);
            self.settle();
            if self.engine.state() == State::Closed && self.controller.state() == State::Closed {
                break;
            }
        }
        self.now = end;
    }

    fn send(&mut self, batch: Batch) {
        let command = Command::Send { transaction: None, batch };
        self.controller.handle(self.now, Input::Command(command));
        self.settle();
    }
}

fn drain(session: &mut Session, who: &str, told: &mut Vec<String>) -> Vec<u8> {
    let mut sent = Vec::new();
    while let Some(output) = session.poll() {
        match output {
            Output::Transmit(bytes) => sent.extend_from_slice(bytes),
            Output::Event(Event::Active { subscribed }) => {
                told.push(format!("{who}: active {}", subscribed.iter().count()));
            }
            Output::Event(Event::Request { id, .. }) => told.push(format!("{who}: {}", id.name())),
            Output::Event(Event::Data { id, records }) => {
                let readings: usize = records.measured().map(|it| it.readings().len()).sum();
                told.push(format!("{who}: {} {readings}", id.name()));
            }
            Output::Close(reason) => told.push(format!("{who}: closed: {reason}")),
        }
    }
    sent
}

fn observation(number: u64, readings: usize) -> Observation {
    let reading = |ap| Reading {
        ap: Mac::from_u64(0x0200_0000_0000 + ap as u64),
        band: Band::Ghz5,
        rssi: Dbm(-61.25),
        at: Time(999_000),
    };
    Observation {
        category: Category::WirelessClient,
        mac: Mac::from_u64(number),
        readings: (0..readings).map(reading).collect(),
    }
}

#[test]
fn a_session_becomes_active_with_what_both_sides_know() {
    let offered = SubserviceMask::of(&[Subservice::RssiMobileStation, Subservice::ApInfo]);
    let wanted = SubserviceMask::of(&[Subservice::RssiMobileStation, Subservice::RssiTag]);
    let pair = Pair::new(offered, wanted);
    assert_eq!(pair.told, ["controller: active 1", "engine: active 1"]);
    assert_eq!(pair.engine.peer().name, "wlc-1");
    assert_eq!(pair.controller.peer().name, "mse-1");
    assert_eq!(pair.engine.subscribed(), SubserviceMask::of(&[Subservice::RssiMobileStation]));
}

#[test]
fn measurements_arrive_as_they_were_heard() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.told.clear();
    let observations = vec![observation(1, 3), observation(2, 16)];
    pair.send(Batch::Measurements { at: pair.now, observations: observations.clone() });
    assert_eq!(pair.told, ["engine: MEASUREMENT_NOTIFICATION 19"]);

    // The same bytes once more, looked at closely.
    let command = Command::Send {
        transaction: None,
        batch: Batch::Measurements { at: pair.now, observations: observations.clone() },
    };
    pair.controller.handle(pair.now, Input::Command(command));
    let bytes = drain(&mut pair.controller, "controller", &mut pair.told);
    pair.engine.handle(pair.now, Input::Received(bytes.into()));
    let Some(Output::Event(Event::Data { records, .. })) = pair.engine.poll() else {
        panic!("no data")
    };
    let received: Vec<Observation> = records
        .measured()
        .map(|it| Observation {
            category: it.category,
            mac: it.mac,
            readings: it.readings().collect(),
        })
        .collect();
    assert_eq!(received, observations);
}

#[test]
fn a_batch_that_is_too_large_for_one_frame_is_spread() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    let observations: Vec<_> = (0..1_000).map(|number| observation(number, 16)).collect();
    pair.send(Batch::Measurements { at: pair.now, observations });
    let count = pair.engine.counters().of(MessageId::MeasurementNotification, Direction::In);
    assert_eq!(count.messages, 4);
    let readings: usize = pair
        .told
        .iter()
        .filter_map(|line| line.strip_prefix("engine: MEASUREMENT_NOTIFICATION "))
        .map(|count| count.parse::<usize>().unwrap())
        .sum();
    assert_eq!(readings, 16_000);
}

#[test]
fn echoes_keep_a_quiet_session_alive_and_are_counted_alike_on_both_ends() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.run_ms(24 * 3_600_000);
    assert_eq!(pair.engine.state(), State::Active);
    let sent = pair.engine.counters().of(MessageId::EchoRequest, Direction::Out);
    let answered = pair.engine.counters().of(MessageId::EchoResponse, Direction::In);
    assert_eq!(sent.messages, 24 * 3_600 / 15, "one echo every 15 s for a day");
    assert_eq!(answered.messages, sent.messages);
    let seen = pair.controller.counters().of(MessageId::EchoRequest, Direction::In);
    assert_eq!(seen.messages, sent.messages);
}

#[test]
fn a_cut_wire_is_noticed_by_both_ends() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.told.clear();
    pair.is_cut = true;
    pair.run_ms(120_000);
    assert_eq!(
        pair.told,
        [
            "controller: closed: the peer did not answer for 45000 ms",
            "engine: closed: the peer did not answer for 30000 ms"
        ]
        .map(String::from)
    );
    let echoes = pair.engine.counters().of(MessageId::EchoRequest, Direction::Out);
    assert_eq!(echoes.messages, 6, "one echo and five repetitions");
}

#[test]
fn a_peer_that_never_speaks_is_given_up() {
    let now = Time(0);
    let mut engine = Session::new(Side::Engine, Settings::default(), SubserviceMask::ALL, "e", now);
    let mut told = Vec::new();
    drain(&mut engine, "engine", &mut told);
    engine.handle(engine.deadline().unwrap(), Input::Timeout);
    drain(&mut engine, "engine", &mut told);
    assert_eq!(told, ["engine: closed: the peer did not answer for 10000 ms"]);
    assert_eq!(engine.deadline(), None);
}

#[test]
fn a_frame_that_is_never_finished_ends_the_session() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.told.clear();
    pair.engine.handle(pair.now, Input::Received([0x4e, 0x4d, 1].as_slice().into()));
    drain(&mut pair.engine, "engine", &mut pair.told);
    let deadline = pair.engine.deadline().unwrap();
    assert_eq!(deadline, pair.now.plus_ms(10_000));
    pair.engine.handle(deadline, Input::Timeout);
    drain(&mut pair.engine, "engine", &mut pair.told);
    assert_eq!(pair.told, ["engine: closed: the peer did not finish a frame within 10000 ms"]);
}

/// An owner that was busy for a while reads what has arrived before it asks for timers.
#[test]
fn our_own_pause_is_not_the_peers_silence() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.now = pair.engine.deadline().unwrap();
    pair.engine.handle(pair.now, Input::Timeout);
    pair.told.clear();
    let echo = drain(&mut pair.engine, "engine", &mut pair.told);
    pair.controller.handle(pair.now, Input::Received(echo.into()));
    let answer = drain(&mut pair.controller, "controller", &mut pair.told);

    // Half of the answer at once, the rest after a pause longer than every timer.
    let (begin, rest) = answer.split_at(5);
    pair.engine.handle(pair.now, Input::Received(begin.into()));
    drain(&mut pair.engine, "engine", &mut pair.told);
    pair.now = pair.now.plus_ms(60_000);
    pair.engine.handle(pair.now, Input::Received(rest.into()));
    drain(&mut pair.engine, "engine", &mut pair.told);
    pair.engine.handle(pair.now, Input::Timeout);
    drain(&mut pair.engine, "engine", &mut pair.told);
    assert_eq!((pair.engine.state(), pair.told), (State::Active, vec![]));
}

#[test]
fn a_controller_waits_as_long_as_a_slow_engine_needs() {
    let now = Time(0);
    let slow =
        Settings { echo_interval_ms: 90_000, dead_interval_ms: 180_000, ..Settings::default() };
    let controller =
        Session::new(Side::Controller, Settings::default(), SubserviceMask::ALL, "c", now);
    let engine = Session::new(Side::Engine, slow, SubserviceMask::ALL, "e", now);
    let mut pair = Pair { now, controller, engine, told: Vec::new(), is_cut: false };
    pair.settle();
    pair.run_ms(3_600_000);
    assert_eq!(pair.controller.state(), State::Active);
}

#[test]
fn a_frame_that_is_cut_off_is_told_from_an_orderly_end() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.told.clear();
    pair.engine.handle(pair.now, Input::Received([0x4e, 0x4d, 1].as_slice().into()));
    pair.settle();
    pair.engine.handle(pair.now, Input::Disconnected);
    pair.controller.handle(pair.now, Input::Disconnected);
    pair.settle();
    let expected = [
        "controller: closed: the peer closed the connection",
        "engine: closed: the peer closed the connection in the middle of a frame, after 3 bytes of it",
    ];
    assert_eq!(pair.told, expected);
}

#[test]
fn requests_are_answered_with_their_number() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.engine.handle(pair.now, Input::Command(Command::Request(MessageId::StatisticsRequest)));
    let mut told = Vec::new();
    let bytes = drain(&mut pair.engine, "engine", &mut told);
    pair.controller.handle(pair.now, Input::Received(bytes.into()));
    let Some(Output::Event(Event::Request { id, transaction })) = pair.controller.poll() else {
        panic!("no request")
    };
    assert_eq!(id, MessageId::StatisticsRequest);
    let batch = Batch::Statistics(Vec::new());
    let command = Command::Send { transaction: Some(transaction), batch };
    pair.controller.handle(pair.now, Input::Command(command));
    pair.settle();
    assert_eq!(pair.told.last().unwrap(), "engine: STATISTICS_RESPONSE 0", "even when empty");
}

#[test]
fn stopping_is_told_once() {
    let mut pair = Pair::new(SubserviceMask::ALL, SubserviceMask::ALL);
    pair.told.clear();
    for _ in 0..2 {
        pair.engine.handle(pair.now, Input::Command(Command::Stop));
        pair.engine.handle(pair.now, Input::Disconnected);
        pair.settle();
    }
    assert_eq!(pair.told, [format!("engine: closed: {}", CloseReason::LocalStop)]);
}

#[test]
fn timers_outside_their_published_range_are_refused() {
    let check = |settings: Settings, expected: &str| {
        let error = settings.validate().expect_err(expected).to_string();
        assert!(error.contains(expected), "'{error}' does not name {expected}");
    };
    let default = Settings::default();
    assert_eq!(default.validate(), Ok(()));
    check(Settings { echo_interval_ms: 121_000, ..default }, "echo_interval_ms");
    check(Settings { dead_interval_ms: 20_000, ..default }, "dead_interval_ms");
    check(Settings { response_timeout_ms: 0, ..default }, "response_timeout_ms");
}
