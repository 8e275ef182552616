//! The machine: definitions, the watch over elements, and a queue for each receiver.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{Category, Mac, Time};
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::definition::{DEFINITIONS_MAX, Definition, unique};
use crate::event::{Event, EventKind, Subject};
use crate::outbox::{Counts, Outbox, Pace, Reach, Ticket};
use crate::receiver::Receiver;
use crate::scramble::scrambled;
use crate::watch::{Fired, Telling, Watch};

/// Events that all queues hold together. Ours: their subjects take 600 bytes each.
const EVENTS_MAX: usize = 100_000;
/// With so many events on their way each receiver is sent one at a time, so that those who answer slowly
/// leave room for the others. Ours: half of what an engine has on its way at most.
pub const CROWD: usize = 128;

/// Something that the machine is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// What people want from now on, all of it. What a definition that stays the same remembers stays;
    /// one that changes begins to watch anew, and keeps what waits and was counted for each receiver
    /// that is still at its place.
    Definitions(Vec<Definition>),
    /// How an element is now.
    Observed(Box<Subject>),
    /// Every element that is known was told since [`Input::Definitions`]. Until then the new
    /// definitions take what is observed as how things are, and nothing fires for them.
    Learned,
    /// The wIPS service saw something.
    Seen {
        /// Who sends, as far as that is known, and where that is.
        subject: Box<Subject>,
        /// What.
        alert: Box<Alert>,
    },
    /// An element is tracked no longer.
    Gone {
        /// What kind.
        category: Category,
        /// Which one.
        mac: Mac,
    },
    /// A receiver took an event.
    Sent {
        /// Which event.
        ticket: Ticket,
    },
    /// A receiver did not take an event.
    Failed {
        /// Which event.
        ticket: Ticket,
        /// Why, in a sentence for people, without secrets.
        reason: String,
    },
    /// Time passed.
    Tick,
}

/// Something that the machine wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this event there, and say what became of it.
    Send {
        /// What to say it with.
        ticket: Ticket,
        /// Where to.
        receiver: Arc<Receiver>,
        /// What.
        event: Arc<Event>,
    },
    /// A receiver fails that did not before.
    Down {
        /// Name of the definition.
        definition: Arc<str>,
        /// Where it is.
        place: String,
        /// Why.
        reason: String,
    },
    /// A receiver that failed takes events again.
    Up {
        /// Name of the definition.
        definition: Arc<str>,
        /// Where it is.
        place: String,
    },
}

/// How a definition fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its receivers, in their order.
    pub receivers: Vec<ReceiverStatus>,
}

/// How a receiver fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReceiverStatus {
    /// Where it is.
    pub place: String,
    /// Whether it takes events.
    pub reach: Reach,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What became of its events.
    #[serde(flatten)]
    pub counts: Counts,
}

#[derive(Debug)]
struct Active {
    definition: Definition,
    name: Arc<str>,
    receivers: Vec<(Arc<Receiver>, Outbox)>,
}

/// Tells receivers what happens to elements.
#[derive(Debug, Default)]
pub struct Notifier {
    /// Enabled definitions by number; a number is never used again.
    active: BTreeMap<u64, Active>,
    watch: Watch,
    /// Which definition each queue belongs to, and its place there.
    outboxes: BTreeMap<u64, (u64, usize)>,
    numbers: u64,
    /// Definitions from this number on came with the last change.
    fresh_from: u64,
    /// They are being told what is known.
    is_learning: bool,
    events: u64,
    /// The definition that has its turn to send.
    turn: u64,
    outputs: VecDeque<Output>,
    fired: Vec<Fired>,
}

impl Notifier {
    /// A machine that tells nobody anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Time, input: Input) {
        let Self { active, watch, fired, .. } = self;
        let (fresh_from, is_learning) = (self.fresh_from, self.is_learning);
        match input {
            Input::Definitions(definitions) => self.define(definitions),
            Input::Learned => self.is_learning = false,
            Input::Observed(subject) => {
                let telling = |number| {
                    if is_learning && number >= fresh_from {
                        Telling::Silent
                    } else {
                        Telling::Aloud
                    }
                };
                let definitions =
                    active.iter().map(|(number, it)| (*number, &it.definition, telling(*number)));
                watch.observe(now, Arc::new(*subject), definitions, fired);
            }
            Input::Seen { subject, alert } => {
                let (subject, alert) = (Arc::new(*subject), Arc::new(*alert));
                for (number, Active { definition, .. }) in active.iter() {
                    let is_wanted = definition.conditions.iter().any(|it| it.matches(&alert));
                    if is_wanted && definition.filter.matches_alert(&subject) {
                        let kind = EventKind::Alert(Arc::clone(&alert));
                        let subject = Arc::clone(&subject);
                        fired.push(Fired { definition: *number, kind, subject });
                    }
                }
            }
            Input::Gone { category, mac } => {
                let definition = |number| active.get(&number).map(|it: &Active| &it.definition);
                watch.forget(now, (category, mac), definition, fired);
            }
            Input::Sent { ticket } => self.sent(ticket),
            Input::Failed { ticket, reason } => self.failed(now, ticket, &reason),
            Input::Tick => {
                let definition = |number| active.get(&number).map(|it: &Active| &it.definition);
                watch.wake(now, definition, fired);
            }
        }
        self.queue(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self, now: Time) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let is_crowded = self.is_crowded();
        // Each definition in its turn: one with many events does not keep others waiting.
        let (before, after): (Vec<u64>, Vec<u64>) =
            self.active.keys().partition(|number| **number <= self.turn);
        for number in after.into_iter().chain(before) {
            let Some(active) = self.active.get_mut(&number) else { continue };
            for (receiver, outbox) in &mut active.receivers {
                if let Some((ticket, event)) = outbox.next(now, is_crowded) {
                    self.turn = number;
                    return Some(Output::Send { ticket, receiver: Arc::clone(receiver), event });
                }
            }
        }
        None
    }

    /// When [`handle`](Self::handle) wants [`Input::Tick`] at the latest, and
    /// [`poll`](Self::poll) is to be asked again.
    pub fn deadline(&self) -> Option<Time> {
        let is_crowded = self.is_crowded();
        let sending = self.outboxes().filter_map(|outbox| outbox.deadline(is_crowded)).min();
        self.watch.deadline().into_iter().chain(sending).min()
    }

    fn outboxes(&self) -> impl Iterator<Item = &Outbox> {
        self.active.values().flat_map(|active| &active.receivers).map(|(_, outbox)| outbox)
    }

    /// Whether receivers that answer slowly hold so much that others would wait for them.
    fn is_crowded(&self) -> bool {
        self.outboxes().map(Outbox::in_flight).sum::<usize>() >= CROWD
    }

    /// Whether any definition can be about an element, wherever it is.
    pub fn is_about(&self, category: Category, mac: Mac) -> bool {
        let mut definitions = self.active.values().map(|active| &active.definition);
        definitions.any(|it| it.is_about_elements() && it.filter.is_about(category, mac))
    }

    /// Whether nobody wants to be told anything.
    pub fn is_idle(&self) -> bool {
        self.active.is_empty()
    }

    /// How each enabled definition fares, by name.
    pub fn status(&self) -> Vec<Status> {
        let receiver = |(receiver, outbox): &(Arc<Receiver>, Outbox)| {
            let (reach, reason) = outbox.reach();
            let reason = reason.map(str::to_owned);
            ReceiverStatus { place: receiver.place(), reach, reason, counts: outbox.counts() }
        };
        let mut status: Vec<Status> = self
            .active
            .values()
            .map(|active| Status {
                name: active.name.to_string(),
                receivers: active.receivers.iter().map(receiver).collect(),
            })
            .collect();
        status.sort_by(|a, b| a.name.cmp(&b.name));
        status
    }

    /// Elements that are watched.
    pub fn watched(&self) -> usize {
        self.watch.len()
    }

    /// How often there was no room to watch an element or a condition.
    pub fn overflow(&self) -> u64 {
        self.watch.overflow()
    }

    fn define(&mut self, definitions: Vec<Definition>) {
        let wanted = unique(definitions).into_iter().filter(|it| it.enabled).take(DEFINITIONS_MAX);
        let mut old = std::mem::take(&mut self.active);
        if !self.is_learning {
            self.fresh_from = self.numbers + 1;
        }
        self.is_learning = true;
        for definition in wanted {
            let known = old.iter().find(|(_, it)| it.definition.name == definition.name);
            let known = known.map(|(number, _)| *number).and_then(|it| old.remove_entry(&it));
            let mut kept = match known {
                Some((number, active)) if active.definition == definition => {
                    self.active.insert(number, active);
                    continue;
                }
                Some((_, active)) => active.kept_for(&definition),
                None => Vec::new(),
            };
            self.numbers += 1;
            let number = self.numbers;
            let pace = Pace::of(&definition);
            let mut receivers = Vec::with_capacity(definition.receivers.len());
            for receiver in &definition.receivers {
                let outbox = take_outbox(&mut kept, receiver, pace).unwrap_or_else(|| {
                    self.numbers += 1;
                    Outbox::new(self.numbers, pace)
                });
                self.outboxes.insert(outbox.id(), (number, receivers.len()));
                receivers.push((Arc::new(receiver.clone()), outbox));
            }
            let name = definition.name.as_str().into();
            self.active.insert(number, Active { definition, name, receivers });
        }
        let active = &self.active;
        self.outboxes.retain(|_, (number, _)| active.contains_key(number));
        self.watch.keep_definitions(|number| active.contains_key(&number));
    }

    /// Puts what fired into the queues.
    fn queue(&mut self, now: Time) {
        if self.fired.is_empty() {
            return;
        }
        let outboxes = self.active.values().flat_map(|active| &active.receivers);
        let mut waiting: usize = outboxes.map(|(_, outbox)| outbox.len()).sum();
        for Fired { definition, kind, subject } in self.fired.drain(..) {
            let Some(active) = self.active.get_mut(&definition) else { continue };
            self.events += 1;
            let definition = Arc::clone(&active.name);
            let event = Event { id: self.events, definition, kind, subject, at: now };
            let event = Arc::new(match &active.definition.scramble_salt {
                Some(salt) => anonymous(&event, salt),
                None => event,
            });
            for (_, outbox) in &mut active.receivers {
                let before = outbox.len();
                outbox.push(Arc::clone(&event), waiting < EVENTS_MAX);
                waiting = waiting - before + outbox.len();
            }
        }
    }

    fn sent(&mut self, ticket: Ticket) {
        // A receiver that is told no more, or elsewhere, has no queue that an answer counts for.
        let Some((active, place)) = self.outbox(ticket) else { return };
        let Some((receiver, outbox)) = active.receivers.get_mut(place) else { return };
        if outbox.sent(ticket) {
            let (definition, place) = (Arc::clone(&active.name), receiver.place());
            self.outputs.push_back(Output::Up { definition, place });
        }
    }

    fn failed(&mut self, now: Time, ticket: Ticket, reason: &str) {
        let Some((active, place)) = self.outbox(ticket) else { return };
        let Some((receiver, outbox)) = active.receivers.get_mut(place) else { return };
        if outbox.failed(ticket, reason, now) {
            let (definition, place) = (Arc::clone(&active.name), receiver.place());
            let reason = reason.to_owned();
            self.outputs.push_back(Output::Down { definition, place, reason });
        }
    }

    fn outbox(&mut self, ticket: Ticket) -> Option<(&mut Active, usize)> {
        let (number, place) = *self.outboxes.get(&ticket.outbox)?;
        Some((self.active.get_mut(&number)?, place))
    }
}

impl Active {
    /// Its queues, for a definition that takes its place: what waits must not tell more than that one
    /// allows.
    fn kept_for(self, next: &Definition) -> Vec<(Arc<Receiver>, Outbox)> {
        let mut kept = self.receivers;
        if let (None, Some(salt)) = (&self.definition.scramble_salt, &next.scramble_salt) {
            for (_, outbox) in &mut kept {
                outbox.rewrite(|event| anonymous(event, salt));
            }
        }
        kept
    }
}

/// The queue of a receiver that is still at its place. One that moved begins anew: what waits was not
/// meant for whoever is there.
fn take_outbox(
    kept: &mut Vec<(Arc<Receiver>, Outbox)>,
    receiver: &Receiver,
    pace: Pace,
) -> Option<Outbox> {
    let at = kept.iter().position(|(known, _)| known.is_same_place(receiver))?;
    let (known, mut outbox) = kept.remove(at);
    outbox.keep_pace(pace);
    if *known != *receiver {
        outbox.try_at_once();
    }
    Some(outbox)
}

/// An event that cannot be traced back: a user name beside a scrambled address would hide nothing.
fn anonymous(event: &Event, salt: &str) -> Event {
    let mut subject = Subject::clone(&event.subject);
    subject.element.mac = scrambled(subject.element.mac, salt);
    subject.element.association.username = None;
    subject.element.association.ip_addresses.clear();
    let kind = match &event.kind {
        EventKind::Alert(alert) => EventKind::Alert(Arc::new(alert.anonymous(salt))),
        kind => kind.clone(),
    };
    Event { subject: Arc::new(subject), kind, ..event.clone() }
}
