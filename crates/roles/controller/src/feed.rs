//! What every subscribed engine is told: the controller's memory and its list of engines.
//!
//! A source reports an association once, when it changes, and what a tag says when it says it; an
//! engine may subscribe at any time. The feed remembers what it was told last, and tells a new engine
//! all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Association, Category, Mac, Observation, SwitchPort, TagReport, Time};
use nmsp::{
    AccessPointInfo, Attachment, Batch, CapturedPacket, Command, Event, Information, MessageId,
    Sensor, Subservice, SubserviceMask, TagInformation,
};
use node::nmsp::{Accepted, Connection, LinkState, LinkStatus, Owner};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::source::{Report, Source, WiredClient};

/// Ended connections that are still shown.
const ENDED_MAX: usize = 16;
/// Commands that an engine must have room for, or it is slow. Ours: an eighth of its queue.
const ROOM_MIN: usize = 8;

/// What a controller can do today: what its sources report.
pub fn offered() -> SubserviceMask {
    SubserviceMask::of(&[
        Subservice::RssiMobileStation,
        Subservice::RssiTag,
        Subservice::RssiRogue,
        Subservice::RssiInterferer,
        Subservice::InformationMobileStation,
        Subservice::InformationTag,
        Subservice::StatisticsMobileStation,
        Subservice::Attachment,
        Subservice::Location,
        Subservice::Ids,
        Subservice::ApInfo,
    ])
}

/// The feed, shared by the source's loop and the sessions.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    access_points: Vec<AccessPointInfo>,
    switch_ports: Vec<SwitchPort>,
    associations: BTreeMap<Mac, Association>,
    attachments: BTreeMap<Mac, Attachment>,
    tag_reports: BTreeMap<Mac, TagReport>,
    /// The newest readings, for an engine that asks: of the source, and of sensors.
    observations: (Time, Vec<Observation>),
    sighted: (Time, Vec<Observation>),
    sensors: Vec<Sensor>,
    engines: Vec<Engine>,
    dropped: u64,
}

/// One connection of an engine.
#[derive(Debug)]
struct Engine {
    connection: u64,
    commands: mpsc::Sender<Command>,
    subscribed: SubserviceMask,
    /// Whether something that is told once did not fit its queue.
    has_missed: bool,
    status: LinkStatus,
}

impl Memory {
    /// What a new engine is told, and one that has missed something.
    fn everything(&self) -> [Batch; 6] {
        let known = informations(self.associations.clone());
        [
            Batch::AccessPoints(self.access_points.clone()),
            Batch::SwitchPorts(self.switch_ports.clone()),
            Batch::Attachments(self.attachments.values().cloned().collect()),
            Batch::Informations(known.clone()),
            Batch::Statistics(known),
            Batch::TagReports(tag_informations(self.tag_reports.clone())),
        ]
    }

    /// Tells every engine that wants it what is followed by something newer; whether all had room.
    fn tell(&mut self, batch: &Batch) -> bool {
        let mut missed = 0;
        for engine in self.engines.iter().filter(|it| !it.commands.is_closed()) {
            let Some(batch) = narrowed(batch, engine.subscribed) else { continue };
            let command = Command::Send { transaction: None, batch };
            let sent = engine.commands.try_send(command);
            missed += u64::from(matches!(sent, Err(TrySendError::Full(_))));
        }
        self.dropped += missed;
        missed == 0
    }
}

impl Feed {
    /// A feed of what `source` knows.
    pub fn new(source: &dyn Source) -> Self {
        let access_points = source
            .access_points()
            .into_iter()
            .map(|ap| AccessPointInfo { mac: ap.mac, name: ap.name, radios: ap.radios })
            .collect();
        let switch_ports = source.switch_ports();
        Self(Arc::new(Mutex::new(Memory { access_points, switch_ports, ..Memory::default() })))
    }

    /// Remembers a report and tells every engine what it subscribed to.
    ///
    /// An engine whose queue is full misses this report. Readings are followed by newer ones; what
    /// is told only when it changes is told again, all of it, as soon as there is room.
    pub fn publish(&self, report: Report) {
        let Report { at, observations, associations, tag_reports, wired_clients } = report;
        let mut memory = self.lock();
        let attachments: Vec<Attachment> = wired_clients.into_iter().map(attachment).collect();
        for (mac, association) in &associations {
            memory.associations.insert(*mac, association.clone());
        }
        for attachment in &attachments {
            memory.attachments.insert(attachment.mac, attachment.clone());
        }
        for (mac, report) in &tag_reports {
            memory.tag_reports.insert(*mac, report.clone());
        }
        memory.observations = (at, observations.clone());
        let changed = informations(associations);
        let batches = [
            Batch::Measurements { at, observations },
            Batch::Informations(changed.clone()),
            Batch::Statistics(changed),
            Batch::Attachments(attachments),
            Batch::TagReports(tag_informations(tag_reports)),
        ];
        let everything = memory.everything();
        let Memory { engines, dropped, .. } = &mut *memory;
        for engine in engines.iter_mut().filter(|it| !it.commands.is_closed()) {
            let again = if engine.has_missed { everything.as_slice() } else { &[] };
            engine.has_missed = false;
            for batch in again.iter().chain(&batches) {
                let Some(batch) = narrowed(batch, engine.subscribed) else { continue };
                let is_told_once = !matches!(batch, Batch::Measurements { .. });
                let command = Command::Send { transaction: None, batch };
                if let Err(TrySendError::Full(_)) = engine.commands.try_send(command) {
                    engine.has_missed |= is_told_once;
                    *dropped += 1;
                }
            }
        }
    }

    /// Tells who was heard how strongly by sensors.
    pub fn sighted(&self, at: Time, observations: Vec<Observation>) {
        let mut memory = self.lock();
        memory.sighted = (at, observations.clone());
        memory.tell(&Batch::Measurements { at, observations });
    }

    /// Remembers how all sensors are, and tells of those in `told`.
    pub fn sensors(&self, sensors: Vec<Sensor>, told: Vec<Sensor>) {
        let mut memory = self.lock();
        memory.sensors = sensors;
        memory.tell(&Batch::Sensors(told));
    }

    /// Hands on what sensors captured; whether every engine that wants it had room.
    pub fn captured(&self, packets: Vec<CapturedPacket>) -> bool {
        self.lock().tell(&Batch::Captured(packets))
    }

    /// Whether no engine that wants captured packets is slow.
    pub fn has_room(&self) -> bool {
        let memory = self.lock();
        let mut wanting = memory
            .engines
            .iter()
            .filter(|it| it.subscribed.contains(Subservice::Ids) && !it.commands.is_closed());
        wanting.all(|it| it.commands.capacity() >= ROOM_MIN)
    }

    /// The owner of a new session.
    pub fn accept(&self, accepted: Accepted) -> Session {
        let Accepted { connection, commands, status, .. } = accepted;
        let mut memory = self.lock();
        let ended = memory.engines.iter().filter(|it| it.commands.is_closed()).count();
        if ended > ENDED_MAX
            && let Some(oldest) = memory.engines.iter().position(|it| it.commands.is_closed())
        {
            memory.engines.remove(oldest);
        }
        let subscribed = SubserviceMask::NONE;
        memory.engines.push(Engine { connection, commands, subscribed, has_missed: false, status });
        Session { feed: self.clone(), connection }
    }

    /// The connections, the active ones first and the newest of each first.
    pub fn connections(&self) -> Vec<Connection> {
        let mut connections: Vec<_> =
            self.lock().engines.iter().rev().map(|it| it.status.snapshot()).collect();
        connections.sort_by_key(|it| it.state != LinkState::Active);
        connections
    }

    /// Notifications that slow engines missed.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The controller's end of one session.
#[derive(Debug)]
pub struct Session {
    feed: Feed,
    connection: u64,
}

impl Owner for Session {
    fn event(&mut self, event: Event<'_>) -> Vec<Command> {
        let mut memory = self.feed.lock();
        match event {
            Event::Active { subscribed } => {
                let own = memory.engines.iter_mut().find(|it| it.connection == self.connection);
                if let Some(engine) = own {
                    engine.subscribed = subscribed;
                }
                // Information and statistics are asked for by the engine.
                let sensors = Batch::Sensors(memory.sensors.clone());
                let [access_points, switch_ports, attachments, ..] = memory.everything();
                [access_points, switch_ports, attachments, sensors]
                    .iter()
                    .filter_map(|batch| narrowed(batch, subscribed))
                    .map(|batch| Command::Send { transaction: None, batch })
                    .collect()
            }
            Event::Request { id, transaction } => {
                let associations = || informations(memory.associations.clone());
                let batches = match id {
                    MessageId::InformationRequest => {
                        let tags = tag_informations(memory.tag_reports.clone());
                        vec![Batch::Informations(associations()), Batch::TagReports(tags)]
                    }
                    MessageId::StatisticsRequest => vec![Batch::Statistics(associations())],
                    _ => {
                        let newest = [memory.observations.clone(), memory.sighted.clone()];
                        newest
                            .map(|(at, observations)| Batch::Measurements { at, observations })
                            .into()
                    }
                };
                let send = |batch| Command::Send { transaction: Some(transaction), batch };
                batches.into_iter().map(send).collect()
            }
            // The session's table lets no data of an engine pass.
            Event::Data { .. } => Vec::new(),
        }
    }
}

/// The part of a batch that was subscribed to; none when there is nothing.
fn narrowed(batch: &Batch, subscribed: SubserviceMask) -> Option<Batch> {
    let wants = |subservice| subscribed.contains(subservice);
    let (kept, is_empty) = match batch {
        Batch::Measurements { at, observations } => {
            let wanted = |it: &&Observation| wants(Subservice::rssi_of(it.category));
            let observations: Vec<_> = observations.iter().filter(wanted).cloned().collect();
            let is_empty = observations.is_empty();
            (Batch::Measurements { at: *at, observations }, is_empty)
        }
        Batch::Informations(it) => {
            (batch.clone(), it.is_empty() || !wants(Subservice::InformationMobileStation))
        }
        Batch::Statistics(it) => {
            (batch.clone(), it.is_empty() || !wants(Subservice::StatisticsMobileStation))
        }
        Batch::AccessPoints(it) => (batch.clone(), it.is_empty() || !wants(Subservice::ApInfo)),
        Batch::Attachments(it) => (batch.clone(), it.is_empty() || !wants(Subservice::Attachment)),
        Batch::TagReports(it) => {
            (batch.clone(), it.is_empty() || !wants(Subservice::InformationTag))
        }
        Batch::Sensors(it) => (batch.clone(), it.is_empty() || !wants(Subservice::Ids)),
        Batch::Captured(it) => (batch.clone(), it.is_empty() || !wants(Subservice::Ids)),
        Batch::SwitchPorts(it) => (batch.clone(), it.is_empty() || !wants(Subservice::Location)),
        Batch::Departures(it) => (batch.clone(), it.is_empty()),
    };
    (!is_empty).then_some(kept)
}

/// Sources know the associations of wireless clients only.
fn informations(associations: impl IntoIterator<Item = (Mac, Association)>) -> Vec<Information> {
    let information =
        |(mac, association)| Information { category: Category::WirelessClient, mac, association };
    associations.into_iter().map(information).collect()
}

fn tag_informations(reports: impl IntoIterator<Item = (Mac, TagReport)>) -> Vec<TagInformation> {
    reports.into_iter().map(|(mac, report)| TagInformation { mac, report }).collect()
}

fn attachment(client: WiredClient) -> Attachment {
    Attachment {
        mac: client.mac,
        attached: true,
        port: format!("{} {}", client.switch, client.port),
        username: client.username.map(String::from).unwrap_or_default(),
        ip_addresses: client.ip_addresses,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(category: Category) -> Observation {
        Observation { category, mac: Mac::default(), readings: Vec::new() }
    }

    fn engine(feed: &Feed, connection: u64, queue: usize) -> (Session, mpsc::Receiver<Command>) {
        let (commands, waiting) = mpsc::channel(queue);
        let peer = ([127, 0, 0, 1], 1).into();
        let status = LinkStatus::new("127.0.0.1", "", "MSE", Time(0));
        let mut session = feed.accept(Accepted { connection, peer, commands, status });
        session.event(Event::Active { subscribed: SubserviceMask::ALL });
        (session, waiting)
    }

    fn report(number: u64) -> Report {
        let association = Association { associated: true, ..Association::default() };
        let observations = vec![observation(Category::WirelessClient)];
        let associations = vec![(Mac::from_u64(number), association)];
        Report { at: Time(number), observations, associations, ..Report::default() }
    }

    fn stations(waiting: &mut mpsc::Receiver<Command>) -> Vec<Mac> {
        let mut stations = Vec::new();
        while let Ok(command) = waiting.try_recv() {
            if let Command::Send { batch: Batch::Informations(records), .. } = command {
                stations.extend(records.iter().map(|it| it.mac));
            }
        }
        stations
    }

    #[test]
    fn what_a_slow_engine_missed_is_told_again() {
        let feed = Feed(Arc::default());
        let (_session, mut waiting) = engine(&feed, 0, 8);
        for number in 1..=5 {
            feed.publish(report(number));
        }
        assert!(feed.dropped() > 0, "its queue was full");
        assert!(!stations(&mut waiting).contains(&Mac::from_u64(5)));
        feed.publish(report(6));
        let told = stations(&mut waiting);
        assert!((1..=6).all(|number| told.contains(&Mac::from_u64(number))), "{told:?}");
    }

    #[test]
    fn an_engine_that_asks_is_told_what_tags_said() {
        let feed = Feed(Arc::default());
        let tag = (Mac::from_u64(9), TagReport { at: Time(1), ..TagReport::default() });
        feed.publish(Report { tag_reports: vec![tag.clone()], ..Report::default() });
        let (mut session, _waiting) = engine(&feed, 0, 8);
        let id = MessageId::InformationRequest;
        let told = session.event(Event::Request { id, transaction: 3 });
        let send = |batch| Command::Send { transaction: Some(3), batch };
        let reports = Batch::TagReports(tag_informations([tag]));
        assert_eq!(told, [send(Batch::Informations(Vec::new())), send(reports)]);
    }

    #[test]
    fn an_engine_that_has_gone_misses_nothing() {
        let feed = Feed(Arc::default());
        let (_session, waiting) = engine(&feed, 0, 8);
        drop(waiting);
        feed.publish(report(1));
        assert_eq!(feed.dropped(), 0);
    }

    #[test]
    fn an_engine_gets_what_it_subscribed_to_and_nothing_else() {
        let batch = Batch::Measurements {
            at: Time(0),
            observations: vec![observation(Category::Tag), observation(Category::WirelessClient)],
        };
        let only_tags = SubserviceMask::of(&[Subservice::RssiTag]);
        let expected =
            Batch::Measurements { at: Time(0), observations: vec![observation(Category::Tag)] };
        assert_eq!(narrowed(&batch, only_tags), Some(expected));
        assert_eq!(narrowed(&batch, SubserviceMask::NONE), None);
        let access_points = Batch::AccessPoints(Vec::new());
        assert_eq!(narrowed(&access_points, SubserviceMask::ALL), None, "nothing to say");
    }
}
