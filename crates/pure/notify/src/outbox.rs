//! The queue of one receiver: what is sent next, how fast, how often it is tried, and what is dropped.
//!
//! Events about one element are sent one after another, in order, also when one is tried again;
//! events about different elements side by side. A receiver that fails is left alone for a while
//! and then asked with one event; nothing of that touches another receiver.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::{Category, Mac, Time};
use serde::{Deserialize, Serialize};

use crate::definition::{Definition, RATE_LIMIT_MS_MAX};
use crate::event::Event;

/// Events on their way to one receiver at once. Ours: 8 answers of 50 ms are 160 events a second.
pub const IN_FLIGHT_MAX: usize = 8;
/// The pause after a first failure; each further one doubles it. Ours.
pub const PAUSE_MS: u64 = 1_000;
/// The longest pause: a receiver that comes back waits no longer than that. Ours.
pub const PAUSE_MAX_MS: u64 = 60_000;
/// Waiting events that are looked at for one whose element is free. Ours: beyond it a flood about few
/// elements costs more than it is worth.
const LOOK_MAX: usize = 64;
/// Longest reason that is kept, in characters. Ours.
const REASON_CHARS_MAX: usize = 200;

/// One event on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    /// Which queue it comes from.
    pub(crate) outbox: u64,
    /// Which one of it.
    pub(crate) number: u64,
}

/// What became of the events for one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Events that fired.
    pub fired: u64,
    /// Events that the receiver took.
    pub sent: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Events given up after the last try.
    pub lost: u64,
    /// Events dropped because the queue was full.
    pub dropped: u64,
    /// Events that wait.
    pub waiting: usize,
    /// Events on their way.
    pub in_flight: usize,
}

/// What is known about a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Reach {
    /// Nothing was sent yet.
    #[default]
    Unknown,
    /// It took the last event.
    Up,
    /// It did not.
    Down,
}

#[derive(Debug, Clone)]
struct Queued {
    event: Arc<Event>,
    failures: u32,
}

/// The pace and the limits of a definition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    retry_count: u32,
    rate_limit_ms: u64,
    queue_limit: usize,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    id: u64,
    pace: Pace,
    queue: VecDeque<Queued>,
    in_flight: BTreeMap<u64, Queued>,
    /// Elements of events in flight.
    busy: BTreeSet<(Category, Mac)>,
    tickets: u64,
    /// Nothing is sent before.
    not_before: Time,
    /// Failures since the last success.
    failures: u32,
    counts: Counts,
    reach: Reach,
    reason: Option<String>,
}

impl Pace {
    pub(crate) fn of(definition: &Definition) -> Self {
        let Definition { retry_count, rate_limit_ms, queue_limit, .. } = definition;
        Self { retry_count: *retry_count, rate_limit_ms: *rate_limit_ms, queue_limit: *queue_limit }
    }
}

impl Queued {
    fn element(&self) -> (Category, Mac) {
        let element = &self.event.subject.element;
        (element.category, element.mac)
    }
}

impl Outbox {
    pub(crate) fn new(id: u64, pace: Pace) -> Self {
        Self {
            id,
            pace,
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            busy: BTreeSet::new(),
            tickets: 0,
            not_before: Time(0),
            failures: 0,
            counts: Counts::default(),
            reach: Reach::default(),
            reason: None,
        }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Goes on at the pace of a definition that changed; what does not fit any more is dropped.
    pub(crate) fn keep_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.keep_newest(pace.queue_limit);
    }

    /// Drops the oldest until so many are left.
    fn keep_newest(&mut self, most: usize) {
        while self.queue.len() > most {
            self.queue.pop_front();
            self.counts.dropped += 1;
        }
    }

    /// The receiver is spoken to in another way, which may be what it failed for.
    pub(crate) fn try_at_once(&mut self) {
        self.not_before = Time(0);
    }

    /// Changes every event that is kept here.
    pub(crate) fn rewrite(&mut self, rewritten: impl Fn(&Event) -> Event) {
        for queued in self.queue.iter_mut().chain(self.in_flight.values_mut()) {
            queued.event = Arc::new(rewritten(&queued.event));
        }
        self.busy = self.in_flight.values().map(Queued::element).collect();
    }

    /// Events that are kept here.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.in_flight.len()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { waiting: self.queue.len(), in_flight: self.in_flight.len(), ..self.counts }
    }

    pub(crate) fn reach(&self) -> (Reach, Option<&str>) {
        (self.reach, self.reason.as_deref())
    }

    /// Takes an event in; the oldest goes when there is no room. `has_room` is false when all queues
    /// together are full.
    pub(crate) fn push(&mut self, event: Arc<Event>, has_room: bool) {
        self.counts.fired += 1;
        if !has_room && self.queue.is_empty() {
            // Others hold all the room: this one is the oldest of its queue itself.
            self.counts.dropped += 1;
            return;
        }
        let limit = self.pace.queue_limit;
        // What failed was put back, so more than one may have to go.
        let most = if has_room { limit } else { limit.min(self.queue.len()) };
        self.keep_newest(most.saturating_sub(1));
        self.queue.push_back(Queued { event, failures: 0 });
    }

    /// How many may be on their way: one to a receiver that fails, and to each while many are.
    fn in_flight_most(&self, is_crowded: bool) -> usize {
        if self.failures == 0 && !is_crowded { IN_FLIGHT_MAX } else { 1 }
    }

    /// How many are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The next event to send now.
    pub(crate) fn next(&mut self, now: Time, is_crowded: bool) -> Option<(Ticket, Arc<Event>)> {
        let most = self.in_flight_most(is_crowded);
        // A clock that was set back does not delay it.
        let early_ms = self.not_before.since_ms(now);
        let is_early = (1..=PAUSE_MAX_MS.max(RATE_LIMIT_MS_MAX)).contains(&early_ms);
        if is_early || self.in_flight.len() >= most {
            return None;
        }
        let at = self.free()?;
        let queued = self.queue.remove(at)?;
        self.not_before = now.plus_ms(self.pace.rate_limit_ms);
        self.tickets += 1;
        let ticket = Ticket { outbox: self.id, number: self.tickets };
        let event = Arc::clone(&queued.event);
        self.busy.insert(queued.element());
        self.in_flight.insert(ticket.number, queued);
        Some((ticket, event))
    }

    /// When [`next`](Self::next) may have something that it has not now; none when that depends on an
    /// answer.
    pub(crate) fn deadline(&self, is_crowded: bool) -> Option<Time> {
        let most = self.in_flight_most(is_crowded);
        let can_send = self.in_flight.len() < most && self.free().is_some();
        can_send.then_some(self.not_before)
    }

    /// The receiver took an event. True when that is news.
    pub(crate) fn sent(&mut self, ticket: Ticket) -> bool {
        let Some(queued) = self.in_flight.remove(&ticket.number) else { return false };
        self.busy.remove(&queued.element());
        self.counts.sent += 1;
        self.failures = 0;
        self.reason = None;
        std::mem::replace(&mut self.reach, Reach::Up) == Reach::Down
    }

    /// The receiver did not take an event. True when that is news.
    pub(crate) fn failed(&mut self, ticket: Ticket, reason: &str, now: Time) -> bool {
        let Some(mut queued) = self.in_flight.remove(&ticket.number) else { return false };
        self.busy.remove(&queued.element());
        self.counts.failures += 1;
        queued.failures += 1;
        if queued.failures > self.pace.retry_count {
            self.counts.lost += 1;
        } else {
            // First again: events about one element stay in order.
            self.queue.push_front(queued);
        }
        // Those that were on their way together fail together: that is one failure of the receiver.
        if now >= self.not_before || self.failures == 0 {
            let doublings = self.failures.min(u64::BITS - 1);
            let pause_ms = PAUSE_MS.saturating_mul(1 << doublings).min(PAUSE_MAX_MS);
            self.failures += 1;
            self.not_before = self.not_before.max(now.plus_ms(pause_ms));
        }
        self.reason = Some(reason.chars().take(REASON_CHARS_MAX).collect());
        std::mem::replace(&mut self.reach, Reach::Down) != Reach::Down
    }

    /// The first waiting event whose element is not on its way.
    fn free(&self) -> Option<usize> {
        self.queue.iter().take(LOOK_MAX).position(|queued| !self.busy.contains(&queued.element()))
    }
}
