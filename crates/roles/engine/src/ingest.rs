//! The engine's end of the NMSP links: asks controllers for what they have, hands on what they say.

use std::sync::Arc;

use nmsp::{Command, Event, MessageId, Subservice, SubserviceMask};
use node::clock;
use node::nmsp::Owner;
use tokio::sync::mpsc;

use crate::report::Report;
use crate::tracker::Task;

/// The owner of one link.
#[derive(Debug)]
pub struct Ingest {
    controller: Arc<str>,
    tasks: mpsc::Sender<Task>,
    gathered: Vec<Report>,
}

impl Ingest {
    /// Hands the reports of the controller at `address` to the tracker.
    pub fn new(address: &str, tasks: mpsc::Sender<Task>) -> Self {
        Self { controller: address.into(), tasks, gathered: Vec::new() }
    }

    /// The sub-services that an engine wants: what it has a use for today.
    pub fn wanted() -> SubserviceMask {
        SubserviceMask::of(&[
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
            Subservice::ApInfo,
        ])
    }
}

impl Owner for Ingest {
    fn event(&mut self, event: Event<'_>) -> Vec<Command> {
        match event {
            Event::Active { subscribed } => {
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
            Event::Data { id, records } => {
                self.gathered.push(Report::new(&self.controller, id, records, clock::wall()));
                Vec::new()
            }
            // A controller asks an engine for nothing.
            Event::Request { .. } => Vec::new(),
        }
    }

    async fn settle(&mut self) {
        for report in self.gathered.drain(..) {
            // The tracker ends only when the engine does.
            if self.tasks.send(Task::Report(report)).await.is_err() {
                return;
            }
        }
    }
}
