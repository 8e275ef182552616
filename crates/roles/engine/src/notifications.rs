//! Tells receivers what happens to elements: drives the [`notify::Notifier`].
//!
//! ```text
//!  definitions (store) --> Notifier --Send--> body --> Courier --> receivers
//!  notices (tracker)   -->    ^                          |
//!                             +------ Sent / Failed -----+
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`body`] | writes an event for a receiver |
//! | [`names`] | the words that CMX and MSE have for what a definition says |
//!
//! Definitions are documents of the store, so a pair has the same on both nodes; what waits in queues
//! is this node's and ends with its duty. A node that takes over takes things as they were last known:
//! it tells what happens from then on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::geometry::Point;
use model::map::Zone;
use model::{Association, Category, Element, Mac, Metres, Position};
use node::clock;
use node::notifier::{Courier, DeliveryError, Message};
use notify::{
    Alert, Area, Condition, Definition, Event, Input, Notifier, Output, Place, Reach, Receiver,
    ReceiverStatus, Status, Subject, Ticket,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{Store, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use wips::incident::Class;
use wips::profile::rogue::RogueClass;

use crate::site::{CurrentSite, Site};
use crate::tracker::{Notice, SharedElements};

pub mod body;
pub mod names;

/// Where definitions are kept in the store.
pub const COLLECTION: &str = "notifications";
/// Events on their way to all receivers at once. Ours: each is a connection.
const SENDS_MAX: usize = 2 * notify::CROWD;
/// So much of the radius around a position is beside a zone, and at most so many metres. Ours: as far as
/// a position moves by itself from estimate to estimate.
const BESIDE_SHARE: f32 = 0.25;
const BESIDE_MAX_M: f32 = 3.0;
/// Between what enters and what leaves an area.
const UNSURE: f32 = 0.5;
/// Elements that are read while the table is locked once.
const LOCKED_ELEMENTS: usize = 64;
/// An engine that stops waits so long for events that wait. Ours: a receiver that works takes hundreds.
const LAST_EVENTS: Duration = Duration::from_secs(2);
/// It looks this often whether there are any.
const LAST_EVENTS_STEP: Duration = Duration::from_millis(20);
/// The machine is woken at least this often, whatever its deadline says: the clock may be set.
const WAKE_INTERVAL: Duration = Duration::from_secs(1);
/// The element that a test is about: an address for documentation (RFC 7042 section 2.1.1).
const SAMPLE_MAC: Mac = Mac([0x00, 0x00, 0x5e, 0x00, 0x53, 0x00]);

/// Who is told what; shared by the APIs and the task that sends.
#[derive(Debug)]
pub struct Notifications {
    machine: Mutex<Notifier>,
    /// Held by the one change of definitions that runs.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Wakes the task when the definitions changed.
    changed: Notify,
    courier: Courier,
    sender: String,
    site: CurrentSite,
    elements: SharedElements,
}

/// What became of one event on its way.
type Outcome = (Ticket, Result<(), DeliveryError>);

impl Notifications {
    /// Nobody is told anything until [`load`](Self::load).
    pub fn new(
        courier: Courier,
        sender: String,
        site: CurrentSite,
        elements: SharedElements,
    ) -> Self {
        Self {
            machine: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            courier,
            sender,
            site,
            elements,
        }
    }

    /// Takes the definitions of the store from now on; new ones take things as they are.
    pub fn load(&self, store: &Store) -> Result<(), StoreError> {
        let definitions = definitions(store)?;
        self.lock().handle(clock::wall(), Input::Definitions(definitions));
        let keys: Vec<_> =
            self.elements.read().iter().map(|(category, mac, _)| (category, mac)).collect();
        for keys in keys.chunks(LOCKED_ELEMENTS) {
            self.tell(keys);
        }
        self.lock().handle(clock::wall(), Input::Learned);
        self.changed.notify_one();
        Ok(())
    }

    /// How each definition fares.
    pub fn status(&self) -> Vec<Status> {
        self.lock().status()
    }

    /// Elements that are watched, and how often there was no room to watch one.
    pub fn watched(&self) -> (usize, u64) {
        let machine = self.lock();
        (machine.watched(), machine.overflow())
    }

    /// Waits for what receivers that take events have not been sent yet, but not for long.
    pub(crate) async fn send_the_last(&self) {
        let is_on_its_way = |receiver: &ReceiverStatus| {
            receiver.reach != Reach::Down && receiver.counts.waiting + receiver.counts.in_flight > 0
        };
        let all_sent = async {
            while self.status().iter().flat_map(|it| &it.receivers).any(is_on_its_way) {
                tokio::time::sleep(LAST_EVENTS_STEP).await;
            }
        };
        let _ = tokio::time::timeout(LAST_EVENTS, all_sent).await;
    }

    /// Says in the log which events an engine that has stopped will never send.
    pub(crate) fn report_unsent(&self) {
        for Status { name, receivers } in self.status() {
            for receiver in receivers {
                let events = receiver.counts.waiting + receiver.counts.in_flight;
                if events > 0 {
                    let place = receiver.place;
                    tracing::warn!(
                        definition = name,
                        receiver = place,
                        events,
                        "the engine stops, and events that waited are lost"
                    );
                }
            }
        }
    }

    /// Checks what can be known about receivers before anything is sent.
    pub fn check(&self, definition: &Definition) -> Result<(), DeliveryError> {
        definition.receivers.iter().try_for_each(|receiver| self.courier.check(receiver))
    }

    /// Checks the words of the wIPS service: a kind that there is not would be waited for in vain.
    pub fn check_words(definition: &Definition) -> Result<(), String> {
        fn unknown<T: DeserializeOwned>(words: &[String]) -> Option<&String> {
            let is_known =
                |word: &&String| serde_json::from_value::<T>(Value::from(word.as_str())).is_ok();
            words.iter().find(|word| !is_known(word))
        }
        let unknown = definition.conditions.iter().find_map(|condition| match condition {
            Condition::Incident { kinds, classes, .. } => {
                unknown::<wips::Kind>(kinds).or_else(|| unknown::<Class>(classes))
            }
            Condition::Rogue { classes } => unknown::<RogueClass>(classes),
            _ => None,
        });
        match unknown {
            None => Ok(()),
            Some(word) => Err(format!(
                "'{word}' is no kind and no class here; GET /api/v1/wips/kinds lists those of incidents, and access points are friendly, unclassified, custom or malicious"
            )),
        }
    }

    /// Sends a made-up event to each receiver of a definition, at once and past the queues.
    pub async fn test(&self, definition: &Definition) -> Vec<Result<(), DeliveryError>> {
        let site = self.site.load();
        let event = Event::sample(definition, sample(&site), clock::wall());
        let mut sends = JoinSet::new();
        for (at, receiver) in definition.receivers.iter().enumerate() {
            let message = body::message(&event, receiver, &site, &self.sender);
            let (courier, receiver) = (self.courier.clone(), receiver.clone());
            sends.spawn(async move { (at, deliver(&courier, &receiver, message).await) });
        }
        let mut outcomes = sends.join_all().await;
        outcomes.sort_by_key(|(at, _)| *at);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// The wIPS service saw something, sent by whoever the element is.
    pub fn see(&self, element: Element, alert: Alert) {
        let subject = Box::new(subject(element, &self.site.load()));
        self.lock().handle(clock::wall(), Input::Seen { subject, alert: Box::new(alert) });
        self.changed.notify_one();
    }

    /// Sends until the task is dropped.
    pub async fn run(self: Arc<Self>, mut notices: broadcast::Receiver<Arc<Notice>>) {
        let mut sends: JoinSet<Outcome> = JoinSet::new();
        let mut wake = tokio::time::interval(WAKE_INTERVAL);
        loop {
            self.send(&mut sends);
            let deadline_ms =
                self.lock().deadline().map(|deadline| deadline.since_ms(clock::wall()).max(1));
            // A full house is woken by whoever leaves it.
            let deadline_ms = deadline_ms.filter(|_| sends.len() < SENDS_MAX);
            tokio::select! {
                notice = notices.recv() => match notice {
                    Ok(notice) => self.take(&notice).await,
                    // What was missed is in the table; who left it meanwhile is told about no more.
                    Err(RecvError::Lagged(_)) => self.take_everything().await,
                    Err(RecvError::Closed) => return,
                },
                Some(done) = sends.join_next() => if let Ok((ticket, outcome)) = done {
                    let input = match outcome {
                        Ok(()) => Input::Sent { ticket },
                        Err(error) => Input::Failed { ticket, reason: error.to_string() },
                    };
                    self.lock().handle(clock::wall(), input);
                },
                () = self.changed.notified() => {}
                _ = wake.tick() => self.lock().handle(clock::wall(), Input::Tick),
                () = tokio::time::sleep(Duration::from_millis(deadline_ms.unwrap_or_default())),
                    if deadline_ms.is_some() => self.lock().handle(clock::wall(), Input::Tick),
            }
        }
    }

    /// Sends what is to be sent now.
    fn send(&self, sends: &mut JoinSet<Outcome>) {
        let site = self.site.load();
        while sends.len() < SENDS_MAX {
            let Some(output) = self.lock().poll(clock::wall()) else { return };
            match output {
                Output::Send { ticket, receiver, event } => {
                    let message = body::message(&event, &receiver, &site, &self.sender);
                    let courier = self.courier.clone();
                    sends.spawn(
                        async move { (ticket, deliver(&courier, &receiver, message).await) },
                    );
                }
                Output::Down { definition, place, reason } => {
                    tracing::warn!(%definition, receiver = place, reason, "a receiver fails; its events wait");
                }
                Output::Up { definition, place } => {
                    tracing::info!(%definition, receiver = place, "a receiver takes events again");
                }
            }
        }
    }

    async fn take(&self, notice: &Notice) {
        if self.lock().is_idle() {
            return;
        }
        for keys in notice.changed.chunks(LOCKED_ELEMENTS) {
            self.tell(keys);
            // A full notice takes a tenth of a second; others work on this thread, too.
            tokio::task::yield_now().await;
        }
        let mut machine = self.lock();
        for (category, mac) in &notice.removed {
            let gone = Input::Gone { category: *category, mac: *mac };
            machine.handle(clock::wall(), gone);
        }
    }

    async fn take_everything(&self) {
        let changed =
            self.elements.read().iter().map(|(category, mac, _)| (category, mac)).collect();
        self.take(&Notice { changed, removed: Vec::new() }).await;
    }

    /// Tells the machine about those elements that a definition is about.
    fn tell(&self, keys: &[(Category, Mac)]) {
        let mut machine = self.lock();
        let wanted = keys.iter().filter(|(category, mac)| machine.is_about(*category, *mac));
        let elements: Vec<Element> = {
            let table = self.elements.read();
            let found = |(category, mac): &(Category, Mac)| {
                table.find(*category, *mac).map(|tracked| tracked.publish(*category, *mac))
            };
            wanted.filter_map(found).collect()
        };
        let (site, now) = (self.site.load(), clock::wall());
        for element in elements {
            machine.handle(now, Input::Observed(Box::new(subject(element, &site))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notifier> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The definitions of a store. One that a newer release wrote, or that is damaged, is left out and
/// named in the log.
pub fn definitions(store: &Store) -> Result<Vec<Definition>, StoreError> {
    let read = |(name, text): (String, String)| {
        let read = serde_json::from_str(&text).inspect_err(|error| {
            // Only where it stops making sense: the text may hold passwords.
            let (line, column) = (error.line(), error.column());
            tracing::error!(name, line, column, "a notification cannot be read; put it again");
        });
        read.ok()
    };
    Ok(store.documents(COLLECTION)?.into_iter().filter_map(read).collect())
}

async fn deliver(
    courier: &Courier,
    receiver: &Receiver,
    message: Result<Message, serde_json::Error>,
) -> Result<(), DeliveryError> {
    let message = message.map_err(|error| DeliveryError::ConfigValue(error.to_string()))?;
    courier.deliver(receiver, &message).await
}

/// An element with where it is in the hierarchy.
fn subject(element: Element, site: &Site) -> Subject {
    let place = element.position.as_ref().and_then(|position| place(position, site));
    Subject { element, place }
}

/// The areas that may hold an element.
///
/// A zone holds the position or does not: asked for the share of the posterior, a room smaller than the
/// radius would hold nobody, ever. Just beside a zone nothing is sure, so who is inside stays inside and
/// who is outside stays outside.
fn place(position: &Position, site: &Site) -> Option<Place> {
    let floor = site.floor(position.floor)?;
    let beside_m = (position.confidence.0 * BESIDE_SHARE).min(BESIDE_MAX_M);
    let area = |zone: &Zone| {
        let distance_m = zone.outline.nearest(position.point).distance(position.point);
        let probability = match distance_m {
            0.0 => 1.0,
            beside if beside < beside_m => UNSURE,
            _ => return None,
        };
        Some(Area { zone: zone.name.as_str().into(), probability })
    };
    let zones = floor.floor.zones.iter().filter_map(area).collect();
    Some(Place { floor: floor.path().into(), zones })
}

/// A made-up client in the middle of the first floor.
fn sample(site: &Site) -> Subject {
    let now = clock::wall();
    let position = site.maps.floors().next().map(|it| Position {
        floor: it.id(),
        point: Point::new(it.floor.width.0 / 2.0, it.floor.length.0 / 2.0),
        confidence: Metres(3.0),
        at: now,
    });
    let element = Element {
        category: Category::WirelessClient,
        mac: SAMPLE_MAC,
        first_seen: now,
        last_seen: now,
        band: None,
        strongest: None,
        position,
        association: Association { associated: true, ..Association::default() },
        tag: None,
        switch_port: None,
        computed: None,
        controller: "".into(),
    };
    subject(element, site)
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::geometry::Polygon;
    use model::map::{Building, Campus, Floor, MapId, Maps};
    use notify::{ENTER_ABOVE, LEAVE_BELOW};

    use super::*;

    /// A position this far from the right side of a zone of 4 m, with this radius.
    fn check(x: f32, radius_m: f32, expected: Option<f32>) {
        let outline = Polygon::rectangle(0.0, 0.0, 4.0, 4.0);
        let floor = Floor {
            zones: vec![Zone { name: "Lobby".into(), outline }],
            ..Floor::bare("Ground", 0, 20.0, 10.0)
        };
        let building = Building { name: "Main".into(), floors: vec![floor] };
        let maps =
            Maps { campuses: vec![Campus { name: "North".into(), buildings: vec![building] }] };
        let id = MapId::of("North>Main>Ground");
        let site = Site::new(1, maps);
        let confidence = Metres(radius_m);
        let position = Position { floor: id, point: Point::new(x, 2.0), confidence, at: Time(1) };
        let place = place(&position, &site).unwrap();
        let found = place.zones.first().map(|area| area.probability);
        assert_eq!(found, expected, "{x} m, radius {radius_m} m");
    }

    #[test]
    fn a_small_room_is_entered_and_its_edge_changes_nothing() {
        assert!((LEAVE_BELOW..ENTER_ABOVE).contains(&UNSURE));
        check(2.0, 12.0, Some(1.0));
        check(5.0, 8.0, Some(UNSURE));
        check(5.0, 2.0, None);
        check(6.5, 100.0, Some(UNSURE));
        check(7.5, 100.0, None);
    }
}
