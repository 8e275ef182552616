//! The survey of the floors: kept as documents, read from CSV, and learnt from.
//!
//! A floor's points lie in parts, documents named `{floor}/{part}` of the collection `survey`, so
//! that a point which is taken rewrites a few kilobytes and not the survey. The store is the truth;
//! the locator in use learns from it a moment later, because trying every method on a large survey
//! takes seconds, which neither a surveyor nor a takeover should wait for.

pub mod csv;
pub mod known;

use std::sync::Arc;
use std::time::Duration;

use model::map::MapId;
use model::survey::{POINTS_MAX, Survey, SurveyPoint, SurveyReading};
use model::{Category, Mac, Time};
use store::{Store, StoreError};
use tokio::sync::{Mutex, Notify};

use crate::api::Shared;
use crate::site::Site;
use crate::tracker::keeping;
use crate::writer::{WriteFailure, Writer};

/// Collection of the documents.
const COLLECTION: &str = "survey";
/// Points of one document: even with the most readings each, 64 bytes a reading, it fits in.
const PART_POINTS: usize = 40;
const _: () = assert!(
    PART_POINTS * model::survey::READINGS_MAX * 72 < store::DOCUMENT_BYTES_MAX,
    "a part of a survey must fit into a document"
);
/// Most points of one floor (ours): a point a square metre of a large floor.
pub const FLOOR_POINTS_MAX: usize = 10_000;
/// What was heard longer ago than this was heard somewhere else. Ours.
pub const HEARD_WITHIN_MS: u64 = 10_000;
/// Points that are taken one after the other are learnt from together.
const SETTLE: Duration = Duration::from_secs(1);

/// What changes of the survey wait for, and what they wake.
#[derive(Debug, Default)]
pub struct Surveying {
    /// Held by the one change that is made.
    alone: Mutex<()>,
    changed: Notify,
}

impl Surveying {
    /// Has the locator learn from the survey and the maps as they are now.
    pub fn calibrate(&self) {
        self.changed.notify_one();
    }
}

/// Why a survey was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyFailure {
    /// There are enough known clients.
    #[error(
        "an engine knows the places of at most {} clients; remove some first",
        known::KNOWN_MAX
    )]
    PeerTooManyKnown,
    /// The client is not known to be on this floor.
    #[error("{0} is no client at a known place of this floor")]
    PeerNoKnown(Mac),
    /// There are enough points.
    #[error("a floor has at most {FLOOR_POINTS_MAX} survey points; remove some first")]
    PeerTooMany,
    /// The survey changed, or never had such a point.
    #[error("there is no such survey point any more; read the survey again")]
    PeerNoPoint,
    /// A document is not what this program wrote.
    #[error("the document {name} of the survey cannot be read: {source}")]
    LocalDocument {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It was not written.
    #[error(transparent)]
    Write(#[from] WriteFailure),
}

impl From<StoreError> for SurveyFailure {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

/// The points of a floor in their order.
pub fn points(store: &Store, floor: MapId) -> Result<Vec<SurveyPoint>, SurveyFailure> {
    Ok(parts(store, floor)?.into_iter().flat_map(|part| part.points).collect())
}

/// What an element is heard with now; nothing when it is not.
pub fn heard(shared: &Shared, category: Category, mac: Mac, now: Time) -> Vec<SurveyReading> {
    let site = shared.site.load();
    let elements = shared.elements.read();
    let Some(tracked) = elements.find(category, mac) else { return Vec::new() };
    let young = tracked.readings.readings(now, keeping(category, site.locator.settings()));
    let young = young.filter(|reading| now.since_ms(reading.at) <= HEARD_WITHIN_MS);
    young.map(|it| SurveyReading { ap: it.ap, band: it.band, rssi: it.rssi }).collect()
}

/// The points of all floors and those of known clients; what cannot be read is logged and left out.
pub fn all(store: &Store) -> Result<Survey, StoreError> {
    let mut survey = Survey::default();
    for (name, document) in store.documents(COLLECTION)? {
        match serde_json::from_str::<Survey>(&document) {
            Ok(part) => survey.points.extend(part.points),
            Err(error) => {
                tracing::error!(name, %error, "a part of the survey cannot be read; it is left out");
            }
        }
    }
    survey.points.extend(known::points(store)?);
    if survey.points.len() > POINTS_MAX {
        tracing::warn!(points = survey.points.len(), "only {POINTS_MAX} survey points are used");
        survey.points.truncate(POINTS_MAX);
    }
    Ok(survey)
}

/// Adds a point; returns its number on its floor.
pub async fn add(shared: &Shared, point: SurveyPoint) -> Result<usize, SurveyFailure> {
    let _alone = shared.surveying.alone.lock().await;
    let floor = point.floor;
    let mut parts = read(shared, floor).await?;
    let number = parts.iter().map(|part| part.points.len()).sum();
    if number >= FLOOR_POINTS_MAX {
        return Err(SurveyFailure::PeerTooMany);
    }
    if parts.last().is_none_or(|part| part.points.len() >= PART_POINTS) {
        parts.push(Survey::default());
    }
    let last = parts.len() - 1;
    if let Some(part) = parts.last_mut() {
        part.points.push(point);
        put(&shared.writer, floor, last, part).await?;
    }
    shared.surveying.calibrate();
    Ok(number)
}

/// Removes the point with this number, if `is_it` still recognises it.
pub async fn remove(
    shared: &Shared,
    floor: MapId,
    number: usize,
    is_it: impl FnOnce(&SurveyPoint) -> bool,
) -> Result<(), SurveyFailure> {
    let _alone = shared.surveying.alone.lock().await;
    let mut parts = read(shared, floor).await?;
    let mut before = number;
    for (index, part) in parts.iter_mut().enumerate() {
        if let Some(point) = part.points.get(before) {
            if !is_it(point) {
                break;
            }
            part.points.remove(before);
            // A part that has become empty stays: parts are counted from the first to the first
            // that is not there.
            put(&shared.writer, floor, index, part).await?;
            shared.surveying.calibrate();
            return Ok(());
        }
        before -= part.points.len();
    }
    Err(SurveyFailure::PeerNoPoint)
}

/// Replaces all points of a floor.
pub async fn replace(
    shared: &Shared,
    floor: MapId,
    points: Vec<SurveyPoint>,
) -> Result<(), SurveyFailure> {
    if points.len() > FLOOR_POINTS_MAX {
        return Err(SurveyFailure::PeerTooMany);
    }
    let _alone = shared.surveying.alone.lock().await;
    let before = read(shared, floor).await?.len();
    let parts = points.chunks(PART_POINTS);
    let after = parts.len();
    for (index, points) in parts.enumerate() {
        put(&shared.writer, floor, index, &Survey { points: points.to_vec() }).await?;
    }
    // From the last, so that what a fault leaves is still counted without a gap.
    for index in (after..before).rev() {
        shared.writer.remove_document(COLLECTION, &name(floor, index)).await?;
    }
    shared.surveying.calibrate();
    Ok(())
}

/// Learns from the survey at the start and whenever it or the maps have changed.
pub(crate) async fn keep_calibrated(shared: Arc<Shared>) {
    loop {
        let seen = shared.site.load();
        match calibrated(&shared, &seen).await {
            Ok(Some(site)) => {
                let _alone = shared.importing.lock().await;
                // Maps that came meanwhile have asked for a calibration of their own.
                if shared.site.load().revision == site.revision {
                    shared.site.replace(site);
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "the survey cannot be read; positions are as before");
            }
        }
        shared.surveying.changed.notified().await;
        tokio::time::sleep(SETTLE).await;
    }
}

/// The site with what the survey says about it; nothing when it says nothing new.
async fn calibrated(shared: &Shared, seen: &Arc<Site>) -> Result<Option<Site>, WriteFailure> {
    let (store, seen) = (Arc::clone(&shared.store), Arc::clone(seen));
    let work = tokio::task::spawn_blocking(move || {
        let survey = all(&store)?;
        if survey.points.is_empty() && !seen.is_surveyed() {
            return Ok(None);
        }
        Ok(Some(Site::calibrated(seen.revision, seen.maps.clone(), &survey)))
    });
    work.await?
}

async fn read(shared: &Shared, floor: MapId) -> Result<Vec<Survey>, SurveyFailure> {
    let store = Arc::clone(&shared.store);
    tokio::task::spawn_blocking(move || parts(&store, floor)).await.map_err(WriteFailure::from)?
}

fn parts(store: &Store, floor: MapId) -> Result<Vec<Survey>, SurveyFailure> {
    let mut parts = Vec::new();
    loop {
        let name = name(floor, parts.len());
        let Some(document) = store.document(COLLECTION, &name)? else { return Ok(parts) };
        let part = serde_json::from_str(&document);
        parts.push(part.map_err(|source| SurveyFailure::LocalDocument { name, source })?);
    }
}

async fn put(
    writer: &Writer,
    floor: MapId,
    index: usize,
    part: &Survey,
) -> Result<(), SurveyFailure> {
    let name = name(floor, index);
    match serde_json::to_string(part) {
        Ok(document) => Ok(writer.put_document(COLLECTION, &name, document).await?),
        Err(source) => Err(SurveyFailure::LocalDocument { name, source }),
    }
}

/// Names of parts sort as their numbers do.
fn name(floor: MapId, index: usize) -> String {
    format!("{floor}/{index:05}")
}
