//! Elements of the tests, and a machine whose events are collected.

#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses a part, and may panic")]

use std::sync::Arc;

use model::geometry::Point;
use model::map::MapId;
use model::{Association, Category, Element, Mac, Metres, Position, Time};
use notify::{
    Area, Condition, Definition, Event, EventKind, Filter, Format, Input, Notifier, Output, Place,
    Receiver, Subject, Ticket, Transport, Trust,
};

pub(crate) const FLOOR: &str = "North>Main>Ground";
pub(crate) const START: Time = Time(1_700_000_000_000);
pub(crate) const MINUTE_MS: u64 = 60_000;

/// A client on the ground floor, in the lobby with this probability.
pub(crate) fn client(number: u64, at: Time, lobby: f32) -> Subject {
    let zone = Area { zone: "Lobby".into(), probability: lobby };
    Subject {
        element: Element {
            category: Category::WirelessClient,
            mac: Mac::from_u64(number),
            first_seen: START,
            last_seen: at,
            band: None,
            strongest: None,
            position: Some(Position {
                floor: MapId::of(FLOOR),
                point: Point::new(1.0, 1.0),
                confidence: Metres(3.0),
                at,
            }),
            association: Association::default(),
            tag: None,
            switch_port: None,
            computed: None,
            controller: "192.0.2.1:16113".into(),
        },
        place: Some(Place { floor: FLOOR.into(), zones: vec![zone] }),
    }
}

pub(crate) fn receiver(url: &str) -> Receiver {
    let transport = Transport::Http { url: url.into(), headers: [].into(), trust: Trust::System };
    Receiver { transport, format: Format::Cmx }
}

pub(crate) fn definition(name: &str, conditions: Vec<Condition>) -> Definition {
    let definition = Definition {
        name: name.into(),
        group: String::new(),
        enabled: true,
        conditions,
        filter: Filter::default(),
        receivers: vec![receiver("http://192.0.2.9/")],
        scramble_salt: None,
        refresh_min: 0,
        retry_count: 1,
        rate_limit_ms: 0,
        queue_limit: 500,
    };
    definition.validate().unwrap();
    definition
}

pub(crate) fn lobby() -> Condition {
    Condition::Containment { area: format!("{FLOOR}>Lobby"), boundary: None }
}

/// A machine, the time, and what it wanted sent.
pub(crate) struct World {
    pub(crate) notifier: Notifier,
    pub(crate) now: Time,
    /// What the receivers' answers are: true while they take everything at once.
    pub(crate) takes: bool,
    pub(crate) sent: Vec<(Ticket, Arc<Receiver>, Arc<Event>)>,
    /// Changes of reach, in words.
    pub(crate) reach: Vec<String>,
}

impl World {
    pub(crate) fn new(definitions: Vec<Definition>) -> Self {
        let notifier = Notifier::new();
        let mut world =
            Self { notifier, now: START, takes: true, sent: Vec::new(), reach: Vec::new() };
        world.define(definitions);
        world
    }

    /// Takes these definitions while no element is known.
    pub(crate) fn define(&mut self, definitions: Vec<Definition>) {
        self.tell(Input::Definitions(definitions));
        self.tell(Input::Learned);
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.notifier.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn observe(&mut self, subject: Subject) {
        self.tell(Input::Observed(Box::new(subject)));
    }

    /// Time passes, and the machine is woken when it wants to be.
    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        while let Some(at) = self.notifier.deadline().filter(|at| *at <= until) {
            // A deadline in the past would be a loop.
            let before = (self.sent.len(), self.now, self.reach.len());
            self.now = self.now.max(at);
            self.tell(Input::Tick);
            let after = (self.sent.len(), self.now, self.reach.len());
            let moves = before != after || self.notifier.deadline() != Some(at);
            assert!(moves, "woken at {at:?} for nothing, again and again");
        }
        self.now = until;
        self.tell(Input::Tick);
    }

    fn drain(&mut self) {
        while let Some(output) = self.notifier.poll(self.now) {
            match output {
                Output::Send { ticket, receiver, event } => {
                    self.sent.push((ticket, receiver, event));
                    if self.takes {
                        self.notifier.handle(self.now, Input::Sent { ticket });
                    }
                }
                Output::Down { place, reason, .. } => {
                    self.reach.push(format!("{place} down: {reason}"));
                }
                Output::Up { place, .. } => self.reach.push(format!("{place} up")),
            }
        }
    }

    /// The kinds of what was sent since the last call.
    pub(crate) fn kinds(&mut self) -> Vec<EventKind> {
        self.sent.drain(..).map(|(_, _, event)| event.kind.clone()).collect()
    }

    /// How many events were sent since the last call.
    pub(crate) fn count(&mut self) -> usize {
        self.sent.drain(..).count()
    }
}
