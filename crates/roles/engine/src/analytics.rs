//! Who was where, and for how long: gathered from the tracker, kept by the store, and asked for.
//!
//! ```text
//! tracker --Seen--> Presence (one mutex) --Stay, HeatCell--> writer --> store, or journal
//!                        |                                                 |
//!                        +---- stays that go on ---> Inquiry <--- stays ---+
//! ```
//!
//! A stay is written when it ends, and every few minutes as far as it got; a node of a pair that
//! takes over, and an engine that starts again, go on from the newest positions and the newest stays, so
//! what that costs is no visit (`docs/adr/0010`). What is counted, and what the words mean, is in the crate [`presence`].
//!
//! Nothing here makes the tracker wait for the disk: stays that cannot be written wait in a list with
//! a limit, and are then dropped and counted.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::map::MapId;
use model::{Category, Dbm, Mac, Position, Time};
use node::clock;
use presence::stays::{Refused, SAVED_MS, SILENT_MS};
use presence::{Presence, Rules, Sighting, Stay};
use store::{HEAT_CELLS_MAX, HeatCell, HistoryRow, Store, StoreError};
use tokio::time::sleep;

use crate::config;
use crate::elements::Tracked;
use crate::site::Site;
use crate::writer::{WriteFailure, Writer};

mod calendar;
mod inquiry;
mod place;
pub mod presence_api;

pub use calendar::{Calendar, Period, PeriodError};
pub use inquiry::Inquiry;
pub use place::{Kind, Place, PlaceError};

use inquiry::VisitorDays;

/// Stays are written this often. Ours: what ended in between is lost with the process.
const KEEP_INTERVAL: Duration = Duration::from_secs(2);
/// Heat maps are written every so many times: a row per floor that somebody is on, each time.
const HEAT_INTERVALS: u32 = 150;
/// Old stays are removed every so many times: an hour.
const FORGET_INTERVALS: u32 = 1_800;

/// An element that was located just now.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    category: Category,
    mac: Mac,
    position: Position,
    strongest: Option<Dbm>,
    is_connected: bool,
}

/// Gathers who is where, and knows whom to count.
#[derive(Debug, Clone)]
pub struct Analytics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    presence: Mutex<Presence>,
    /// Who was a visitor on days that are over.
    visitor_days: Mutex<VisitorDays>,
    calendar: Calendar,
    rules: Rules,
    keep_days: u64,
}

fn report_unwritten(error: &WriteFailure) {
    match error {
        // While a pair is upgraded, which somebody does just now.
        WriteFailure::Store(StoreError::PeerAboveLevel { .. }) => {
            tracing::info!("stays wait until both nodes of the pair know them");
        }
        error => tracing::warn!(%error, "stays are not written; they wait, then are dropped"),
    }
}

impl Seen {
    /// What analytics want to know of a tracked element; `None` for strangers, and for who has no
    /// position.
    pub(crate) fn of(category: Category, mac: Mac, tracked: &Tracked) -> Option<Self> {
        let is_counted = matches!(category, Category::WirelessClient | Category::Tag);
        let position = tracked.position.filter(|_| is_counted)?;
        Some(Self {
            category,
            mac,
            position,
            strongest: tracked.strongest.map(|reading| reading.rssi),
            is_connected: tracked.association.as_ref().is_some_and(|known| known.associated),
        })
    }
}

impl Analytics {
    /// Nobody is anywhere yet. `None` when nothing is to be kept, or there is no such time zone.
    pub fn new(config: &config::Analytics, elements_max: usize) -> Option<Self> {
        let calendar = Calendar::new(&config.time_zone).filter(|_| config.keep_days > 0)?;
        let rules = Rules {
            dwell_ms: config.visitor_min.saturating_mul(60_000),
            strongest: Dbm(f32::from(config.visitor_dbm)),
        };
        Some(Self(Arc::new(Inner {
            presence: Mutex::new(Presence::new(elements_max)),
            visitor_days: Mutex::default(),
            calendar,
            rules,
            keep_days: config.keep_days,
        })))
    }

    /// Takes note of elements that were located.
    pub fn see(&self, site: &Site, seen: &[Seen]) {
        if seen.is_empty() {
            return;
        }
        let mut presence = self.presence();
        let mut zones: Vec<MapId> = Vec::new();
        for Seen { category, mac, position, strongest, is_connected } in seen {
            zones.clear();
            zones.extend(site.zone_ids_at(position));
            presence.see(&Sighting {
                category: *category,
                mac: *mac,
                at: position.at,
                floor: position.floor,
                point: position.point,
                zones: &zones,
                strongest: *strongest,
                is_connected: *is_connected,
            });
        }
    }

    /// Takes up who was located just before `now`, as another node or this one wrote it before.
    pub fn resume(&self, site: &Site, newest: &[HistoryRow], now: Time) {
        let seen =
            newest.iter().filter(|row| now.since_ms(row.at) <= SILENT_MS).filter_map(|row| {
                let HistoryRow { category, mac, at, floor, point, confidence, .. } = *row;
                let is_counted = matches!(category, Category::WirelessClient | Category::Tag);
                let position = Position { floor, point, confidence, at };
                let (strongest, is_connected) = (None, false);
                is_counted.then_some(Seen { category, mac, position, strongest, is_connected })
            });
        self.see(site, &seen.collect::<Vec<_>>());
    }

    /// Goes on with the stays that were kept before this node served.
    async fn go_on(&self, store: Arc<Store>, places: Vec<MapId>) {
        let own = self.clone();
        let read = move || {
            let now = clock::wall();
            let since = now.minus_ms(SILENT_MS + SAVED_MS);
            for category in [Category::WirelessClient, Category::Tag] {
                let kept = store.stays(category, &places, since, now)?;
                own.presence().go_on(kept);
            }
            Ok::<_, StoreError>(())
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(read).await {
            tracing::warn!(%error, "stays that went on begin anew: those before cannot be read");
        }
    }

    /// Goes on with what was kept, then writes what was gathered, again and again.
    pub(crate) async fn keep(self, store: Arc<Store>, places: Vec<MapId>, writer: Writer) {
        self.go_on(store, places).await;
        let mut unwritten: Vec<Stay> = Vec::new();
        let mut is_failing = false;
        for interval in 1_u32.. {
            sleep(KEEP_INTERVAL).await;
            let now = clock::wall();
            let is_heat_due = {
                let mut presence = self.presence();
                presence.sweep(now);
                if unwritten.is_empty() {
                    unwritten = presence.take();
                }
                interval.is_multiple_of(HEAT_INTERVALS) || presence.heat().is_large()
            };
            match writer.keep_stays(&unwritten).await {
                Ok(()) => {
                    unwritten.clear();
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("stays are written again");
                    }
                }
                // Asked again, they are there once.
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        report_unwritten(&error);
                    }
                    continue;
                }
            }
            if is_heat_due {
                self.keep_heat(&writer).await;
            }
            if interval.is_multiple_of(FORGET_INTERVALS) {
                let before = now.minus_ms(self.0.keep_days.saturating_mul(24 * 3_600_000));
                if let Err(error) = writer.forget_analytics(before).await {
                    tracing::warn!(%error, "old stays are not removed this time");
                }
            }
        }
    }

    /// Writes the heat maps. Asked again, time would be there twice; so what fails is lost.
    async fn keep_heat(&self, writer: &Writer) {
        let gathered = self.presence().heat().take();
        for ((floor, hour), cells) in gathered {
            let cells: Vec<HeatCell> = cells
                .into_iter()
                .map(|(cell, time_ms)| HeatCell { row: cell.row, column: cell.column, time_ms })
                .collect();
            for cells in cells.chunks(HEAT_CELLS_MAX) {
                if let Err(error) = writer.add_heat(floor, hour, cells.to_vec()).await {
                    tracing::warn!(%error, "some minutes of a heat map are lost");
                    return;
                }
            }
        }
    }

    /// The end: what goes on is written as far as it got. A node of a pair that stops serving cannot
    /// write; the other one goes on from the newest positions.
    pub(crate) async fn finish(&self, writer: &Writer) {
        if let Writer::Replicated { .. } = writer {
            return;
        }
        let stays = {
            let mut presence = self.presence();
            presence.finish();
            presence.take()
        };
        if let Err(error) = writer.keep_stays(&stays).await {
            tracing::error!(%error, "the last stays are lost");
        }
        self.keep_heat(writer).await;
    }

    /// What could not be kept until now.
    pub fn refused(&self) -> Refused {
        self.presence().refused()
    }

    /// Where days begin.
    pub fn calendar(&self) -> &Calendar {
        &self.0.calendar
    }

    fn presence(&self) -> MutexGuard<'_, Presence> {
        self.0.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stays at these places that go on.
    fn open(&self, category: Category, places: &BTreeSet<MapId>) -> Vec<Stay> {
        let is_asked = |stay: &Stay| stay.category == category && places.contains(&stay.place);
        self.presence().open().filter(is_asked).collect()
    }
}
