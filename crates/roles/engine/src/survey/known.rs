//! Clients whose place is known, because they never move: a display, a printer, a phone on a wall.
//!
//! Each is a survey point that renews itself, so that a floor's survey follows what changes on it.
//! A client has one point, its newest; what it was heard with before is not kept.

use std::sync::Arc;
use std::time::Duration;

use model::geometry::Point;
use model::map::MapId;
use model::survey::{SurveyPoint, SurveyReading};
use model::{Category, Mac, Time};
use node::clock;
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};

use super::{SurveyFailure, heard};
use crate::api::Shared;

/// Collection of the documents.
const COLLECTION: &str = "known_clients";
/// Most clients of all floors (ours): twenty on each of fifty floors.
pub const KNOWN_MAX: usize = 1_000;
/// A client that was not heard yet is looked for so often.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// What was heard is renewed so often (ours): furniture moves by days, doors by minutes.
const RENEW_MS: u64 = 3_600_000;

/// A client and its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownClient {
    /// What kind of element it is.
    pub category: Category,
    /// Its address.
    pub mac: Mac,
    /// The floor.
    pub floor: MapId,
    /// The place on it.
    pub at: Point,
    /// When it was heard there last, for the survey.
    pub taken: Option<Time>,
    /// How strongly; empty until it was heard.
    pub readings: Vec<SurveyReading>,
}

impl KnownClient {
    /// What it adds to the survey.
    fn point(self) -> Option<SurveyPoint> {
        let Self { mac, floor, at, taken, readings, .. } = self;
        let point = SurveyPoint { floor, at, taken: taken?, device: mac.to_string(), readings };
        point.validate().is_ok().then_some(point)
    }

    fn is_older(&self, age_ms: u64, now: Time) -> bool {
        self.taken.is_none_or(|taken| now.since_ms(taken) >= age_ms)
    }
}

/// All known clients, in order of their addresses; what cannot be read is logged and left out.
pub fn all(store: &Store) -> Result<Vec<KnownClient>, StoreError> {
    let mut clients = Vec::new();
    for (name, document) in store.documents(COLLECTION)? {
        match serde_json::from_str(&document) {
            Ok(client) => clients.push(client),
            Err(error) => {
                tracing::error!(name, %error, "a known client cannot be read; it is left out");
            }
        }
    }
    Ok(clients)
}

/// What all of them add to the survey.
pub fn points(store: &Store) -> Result<impl Iterator<Item = SurveyPoint>, StoreError> {
    Ok(all(store)?.into_iter().filter_map(KnownClient::point))
}

/// Says where a client is from now on; what was heard of it elsewhere is forgotten.
pub async fn put(shared: &Shared, client: KnownClient) -> Result<(), SurveyFailure> {
    let _alone = shared.surveying.alone.lock().await;
    let known = read(shared).await?;
    let is_it = |it: &KnownClient| (it.category, it.mac) == (client.category, client.mac);
    if known.len() >= KNOWN_MAX && !known.iter().any(is_it) {
        return Err(SurveyFailure::PeerTooManyKnown);
    }
    write(shared, &client).await?;
    shared.surveying.calibrate();
    Ok(())
}

/// Forgets that a client is at a place of this floor.
pub async fn remove(
    shared: &Shared,
    floor: MapId,
    (category, mac): (Category, Mac),
) -> Result<(), SurveyFailure> {
    let _alone = shared.surveying.alone.lock().await;
    let known = read(shared).await?;
    let is_it = |it: &KnownClient| (it.category, it.mac, it.floor) == (category, mac, floor);
    if !known.iter().any(is_it) {
        return Err(SurveyFailure::PeerNoKnown(mac));
    }
    shared.writer.remove_document(COLLECTION, &name(category, mac)).await?;
    shared.surveying.calibrate();
    Ok(())
}

/// Renews the points of clients that are heard, for as long as the engine serves.
pub(crate) async fn keep(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        if let Err(error) = renew(&shared).await {
            tracing::warn!(%error, "known clients are not renewed; the survey stays as it is");
        }
    }
}

async fn renew(shared: &Shared) -> Result<(), SurveyFailure> {
    let now = clock::wall();
    let mut due = read(shared).await?;
    if !due.iter().any(|client| client.is_older(RENEW_MS, now)) {
        return Ok(());
    }
    // Others go along: learning takes seconds, and once is enough.
    due.retain(|client| client.is_older(RENEW_MS / 2, now));
    let mut is_changed = false;
    for client in due {
        let readings = heard(shared, client.category, client.mac, now);
        if readings.is_empty() {
            continue;
        }
        let _alone = shared.surveying.alone.lock().await;
        // Somebody may have moved or removed it meanwhile.
        if read(shared).await?.contains(&client) {
            write(shared, &KnownClient { taken: Some(now), readings, ..client }).await?;
            is_changed = true;
        }
    }
    if is_changed {
        shared.surveying.calibrate();
    }
    Ok(())
}

/// The known clients of an engine, read beside its other work.
pub async fn read(shared: &Shared) -> Result<Vec<KnownClient>, SurveyFailure> {
    let store = Arc::clone(&shared.store);
    let read = tokio::task::spawn_blocking(move || all(&store));
    Ok(read.await.map_err(crate::writer::WriteFailure::from)??)
}

async fn write(shared: &Shared, client: &KnownClient) -> Result<(), SurveyFailure> {
    let name = name(client.category, client.mac);
    match serde_json::to_string(client) {
        Ok(document) => Ok(shared.writer.put_document(COLLECTION, &name, document).await?),
        Err(source) => Err(SurveyFailure::LocalDocument { name, source }),
    }
}

fn name(category: Category, mac: Mac) -> String {
    format!("{}/{mac}", category.path())
}
