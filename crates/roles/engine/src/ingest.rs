//! The engine's end of the NMSP links: asks controllers for what they have, hands on what they say.

use std::sync::Arc;

use model::Time;
use nmsp::{Command, Event, MessageId, Subservice, SubserviceMask};
use node::clock;
use node::nmsp::Owner;
use tokio::sync::mpsc;

use crate::report::Report;
use crate::tracker::Task;
use crate::wips::feed::Feed;

/// Newest readings older than this come from a clock that is wrong, not from a slow link.
const BEHIND_MAX_MS: u64 = 5 * 60_000;

/// The owner of one link.
#[derive(Debug)]
pub struct Ingest {
    controller: Arc<str>,
    tasks: mpsc::Sender<Task>,
    gathered: Vec<Report>,
    /// Where it goes what sensors capture, when that is watched.
    feed: Option<Feed>,
    /// Whether this session's controller was said to be behind.
    is_behind: bool,
}

impl Ingest {
    /// Hands the reports of the controller at `address` to the tracker.
    pub fn new(address: &str, tasks: mpsc::Sender<Task>) -> Self {
        let gathered = Vec::new();
        Self { controller: address.into(), tasks, gathered, feed: None, is_behind: false }
    }

    /// Hands what sensors capture to the wIPS service.
    #[must_use]
    pub fn with_feed(mut self, feed: Option<Feed>) -> Self {
        self.feed = feed;
        self
    }

    /// A controller whose clock is behind makes its elements look long unheard.
    fn warn_if_behind(&mut self, report: &Report, now: Time) {
        let newest = report.readings.iter().map(|reading| reading.at).max();
        let behind_ms = newest.map_or(0, |newest| now.since_ms(newest));
        if behind_ms > BEHIND_MAX_MS && !self.is_behind {
            self.is_behind = true;
            tracing::warn!(
                controller = %self.controller, behind_s = behind_ms / 1_000,
                "the controller's newest readings are old; set both clocks by NTP"
            );
        }
    }

    /// The sub-services that an engine wants: what it has a use for. What sensors capture is much, and
    /// asked for only when it `is_watched`.
    pub fn wanted(is_watched: bool) -> SubserviceMask {
        let mut wanted = vec![
            Subservice::RssiMobileStation,
            Subservice::RssiTag,
            Subservice::RssiRogue,
            Subservice::RssiInterferer,
            Subservice::InformationMobileStation,
            Subservice::InformationTag,
            Subservice::InformationRogue,
            Subservice::StatisticsMobileStation,
            Subservice::StatisticsTag,
            Subservice::Attachment,
            Subservice::Location,
            Subservice::ApInfo,
        ];
        wanted.extend(is_watched.then_some(Subservice::Ids));
        SubserviceMask::of(&wanted)
    }
}

impl Owner for Ingest {
    fn event(&mut self, event: Event<'_>) -> Vec<Command> {
        match event {
            Event::Active { subscribed } => {
                self.is_behind = false;
                if let Some(feed) = &mut self.feed {
                    feed.begin(&self.controller);
                }
                tracing::info!(
                    controller = %self.controller,
                    subservices = subscribed.iter().count(),
                    "NMSP is active"
                );
                vec![
                    Command::Request(MessageId::InformationRequest),
                    Command::Request(MessageId::StatisticsRequest),
                ]
            }
            Event::Data {
                id: id @ (MessageId::SensorNotification | MessageId::CaptureNotification),
                records,
            } => {
                if let Some(feed) = &mut self.feed {
                    feed.take(&self.controller, id, records, clock::wall());
                }
                Vec::new()
            }
            Event::Data { id, records } => {
                let now = clock::wall();
                let report = Report::new(&self.controller, id, records, now);
                self.warn_if_behind(&report, now);
                self.gathered.push(report);
                Vec::new()
            }
            // A controller asks an engine for nothing.
            Event::Request { .. } => Vec::new(),
        }
    }

    async fn settle(&mut self) {
        for report in self.gathered.drain(..) {
            // The tracker ends only when the engine does.
            if self.tasks.send(Task::Report(Box::new(report))).await.is_err() {
                return;
            }
        }
    }
}
