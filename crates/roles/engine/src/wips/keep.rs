//! What of the service is durable, and when it goes: documents of the store, and files.
//!
//! | collection | a document for |
//! |---|---|
//! | `wips-incidents` | each incident, as a [`Record`] |
//! | `wips-profile` | whom to protect |
//! | `wips-rogues` | each access point of others that a person gave a class |
//! | `wips-known` | all access points of others that were told |
//!
//! Documents are what a pair replicates anyway, so a node that takes over has them all. What is written
//! by the clock of the thread waits here while the store or the pair does not take it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::wips::Profile;
use ::wips::incident::Standing;
use ::wips::profile::rogue::RogueClass;
use model::map::Maps;
use model::{Mac, Time};
use node::{clock, token};
use serde::de::DeserializeOwned;
use store::{Store, StoreError};

use super::records::{Forensics, NOTE_BYTES_MAX, Record, Records, Removed};
use super::trust::{CLASS_COLLECTION, CLASSES_MAX, Classes, PROFILE_COLLECTION, PROFILE_NAME, Set};
use super::watch::Order;
use super::{Busy, Guard};
use crate::api::Shared;
use crate::api::revision::changed;
use crate::writer::{WriteFailure, Writer};

/// Where incidents are kept in the store.
pub const COLLECTION: &str = "wips-incidents";
/// Where it is kept which access points of others were told: nobody is told twice.
const KNOWN_COLLECTION: &str = "wips-known";
const KNOWN_NAME: &str = "rogues";
/// They are written every so many times: half a minute.
const KNOWN_INTERVALS: u32 = 60;
/// The keeper looks this often at what changed.
const KEEP_INTERVAL: Duration = Duration::from_millis(500);
/// What could not be written waits this long.
const AGAIN_MS: u64 = 5_000;
/// Old incidents and files are looked for every so many times: an hour.
const FORGET_INTERVALS: u32 = 7_200;
/// Bytes of all files together. Ours: 250 of the largest, and thousands of the usual ones.
const FILES_BYTES_MAX: u64 = 1 << 30;
const DAY_MS: u64 = 24 * 3_600_000;

/// Why something was not done to an incident or an access point.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// There is no such incident.
    #[error("there is no incident {0}; it is older than what is kept, or there was none")]
    PeerUnknown(u64),
    /// The note is too long.
    #[error("a note has at most {NOTE_BYTES_MAX} bytes")]
    PeerNote,
    /// More classes than an engine keeps.
    #[error(
        "{CLASSES_MAX} access points have a class by hand, which is the most; give some back to the rules"
    )]
    PeerFull,
    /// Somebody else changed the profile first.
    #[error("{}", changed("the profile"))]
    PeerChanged,
    /// The thread has too much to do.
    #[error(transparent)]
    LocalBusy(#[from] Busy),
    /// It cannot be written as JSON.
    #[error("a document of the wIPS service cannot be written: {0}")]
    LocalJson(#[from] serde_json::Error),
    /// It was not written.
    #[error(transparent)]
    Write(#[from] WriteFailure),
}

/// The incidents of a store. One that a newer release wrote, or that is damaged, is left out and named in
/// the log.
pub(super) fn records(store: &Store) -> Result<Vec<Record>, StoreError> {
    let documents = store.documents(COLLECTION)?;
    Ok(documents.iter().filter_map(|(name, text)| read(COLLECTION, name, text)).collect())
}

/// The profile of a store, or the default.
pub(super) fn profile(store: &Store) -> Result<Profile, StoreError> {
    let text = store.document(PROFILE_COLLECTION, PROFILE_NAME)?;
    let read = text.and_then(|text| read(PROFILE_COLLECTION, PROFILE_NAME, &text));
    Ok(read.unwrap_or_default())
}

/// The access points of others that were told, as a store has them.
pub(super) fn known(store: &Store) -> Result<BTreeMap<Mac, RogueClass>, StoreError> {
    let text = store.document(KNOWN_COLLECTION, KNOWN_NAME)?;
    Ok(text.and_then(|text| read(KNOWN_COLLECTION, KNOWN_NAME, &text)).unwrap_or_default())
}

/// The classes that people gave, as a store has them.
pub(super) fn classes(store: &Store) -> Result<Classes, StoreError> {
    let documents = store.documents(CLASS_COLLECTION)?;
    let read = |(name, text): &(String, String)| {
        let bssid: Mac = name.parse().ok()?;
        Some((bssid, read::<Set>(CLASS_COLLECTION, name, text)?))
    };
    Ok(documents.iter().filter_map(read).collect())
}

fn read<T: DeserializeOwned>(collection: &str, name: &str, text: &str) -> Option<T> {
    let read = serde_json::from_str(text);
    read.inspect_err(|error| {
        tracing::error!(collection, name, %error, "a document of the wIPS service cannot be read; it is left out");
    })
    .ok()
}

impl Guard {
    /// Somebody looks after an incident.
    pub async fn acknowledge(
        &self,
        writer: &Writer,
        id: u64,
        by: &str,
        note: Option<String>,
    ) -> Result<Record, KeepError> {
        let now = clock::wall();
        self.say(writer, id, note, move |record| {
            if record.incident.standing == Standing::Active {
                record.incident.standing = Standing::Acknowledged;
            }
            record.said.acknowledged_by = Some(by.to_owned());
            record.said.acknowledged_at = Some(now);
        })
        .await
        .inspect(|_| {
            // A machine that has too much to do follows the record with the next change.
            let _ = self.0.order(Order::Acknowledge(id));
        })
    }

    /// Somebody says that an incident is over.
    pub async fn clear(
        &self,
        writer: &Writer,
        id: u64,
        by: &str,
        note: Option<String>,
    ) -> Result<Record, KeepError> {
        let now = clock::wall();
        // First, or what goes on would have no incident.
        self.0.order(Order::Clear(id))?;
        self.say(writer, id, note, move |record| {
            record.incident.standing = Standing::Cleared;
            record.said.cleared_by = Some(by.to_owned());
            record.said.cleared_at = Some(now);
        })
        .await
    }

    async fn say(
        &self,
        writer: &Writer,
        id: u64,
        note: Option<String>,
        change: impl FnOnce(&mut Record),
    ) -> Result<Record, KeepError> {
        if note.as_ref().is_some_and(|it| it.len() > NOTE_BYTES_MAX) {
            return Err(KeepError::PeerNote);
        }
        let _alone = self.0.saving.lock().await;
        let changed = self.0.records.change(id, |record| {
            change(record);
            record.said.note = note.or(record.said.note.take());
        });
        let record = changed.ok_or(KeepError::PeerUnknown(id))?;
        if let Err(error) = put(writer, &record).await {
            // What was said is in memory; it is written as soon as that is possible.
            self.0.records.touch(id, clock::wall().plus_ms(AGAIN_MS));
            return Err(error);
        }
        Ok(record)
    }

    /// Keeps another profile and puts it to use, unless the one that is there `is_seen` no more.
    pub async fn set_profile(
        &self,
        writer: &Writer,
        profile: Profile,
        is_seen: impl FnOnce(&Profile) -> bool,
    ) -> Result<(), KeepError> {
        let _alone = self.0.saving.lock().await;
        if !is_seen(&self.0.profile()) {
            return Err(KeepError::PeerChanged);
        }
        let text = serde_json::to_string(&profile)?;
        writer.put_document(PROFILE_COLLECTION, PROFILE_NAME, text).await?;
        let profile = Arc::new(profile);
        *self.0.profile.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Arc::clone(&profile);
        Ok(self.0.order(Order::Profile(profile))?)
    }

    /// A person gives an access point a class, or gives it back to the rules.
    pub async fn set_class(
        &self,
        writer: &Writer,
        bssid: Mac,
        set: Option<Set>,
    ) -> Result<(), KeepError> {
        let _alone = self.0.saving.lock().await;
        let mut classes = Classes::clone(&self.0.classes());
        if let Some(set) = set {
            if classes.len() >= CLASSES_MAX && !classes.contains_key(&bssid) {
                return Err(KeepError::PeerFull);
            }
            let text = serde_json::to_string(&set)?;
            writer.put_document(CLASS_COLLECTION, &bssid.to_string(), text).await?;
            classes.insert(bssid, set);
        } else {
            writer.remove_document(CLASS_COLLECTION, &bssid.to_string()).await?;
            classes.remove(&bssid);
        }
        let classes = Arc::new(classes);
        *self.0.classes.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Arc::clone(&classes);
        Ok(self.0.order(Order::Classes(classes))?)
    }

    /// Writes what changed by now.
    async fn keep_changes(&self, writer: &Writer, now: Time) -> Result<(), KeepError> {
        while let Some((id, file)) = self.0.next_file() {
            let forensics = Forensics {
                sha256: token::hex(&token::sha256(&file.content)),
                bytes: file.content.len() as u64,
                packets: file.packets,
            };
            if let Err(error) = writer.put_file(file.content.clone()).await {
                self.0.keep_file(id, file);
                return Err(error.into());
            }
            self.0.records.change(id, |it| it.forensics = Some(forensics));
            self.0.records.touch(id, now);
        }
        let due = self.0.records.due(now);
        for (nth, id) in due.iter().enumerate() {
            let _alone = self.0.saving.lock().await;
            let Some(record) = self.0.records.find(*id) else { continue };
            if let Err(error) = put(writer, &record).await {
                let rest = due.iter().skip(nth);
                rest.for_each(|id| self.0.records.touch(*id, now.plus_ms(AGAIN_MS)));
                return Err(error);
            }
        }
        for Removed { id, .. } in self.0.records.removed() {
            writer.remove_document(COLLECTION, &name_of(id)).await?;
        }
        Ok(())
    }

    /// Writes which access points of others were told, when there are new ones.
    async fn keep_known(&self, writer: &Writer) -> Result<(), KeepError> {
        let text = {
            let mut rogues = self.0.known();
            if !std::mem::take(&mut rogues.is_changed) {
                return Ok(());
            }
            serde_json::to_string(&rogues.known)?
        };
        let written = writer.put_document(KNOWN_COLLECTION, KNOWN_NAME, text).await;
        self.0.known().is_changed |= written.is_err();
        Ok(written?)
    }

    /// Writes everything at once: the thread has ended. A node that leaves a pair is at its end.
    pub(crate) async fn finish(&self, writer: &Writer) {
        if let Writer::Replicated { .. } = writer {
            return;
        }
        let kept = self.keep_changes(writer, Time(u64::MAX)).await;
        if let Err(error) = kept.and(self.keep_known(writer).await) {
            tracing::warn!(%error, "the last incidents were not written");
        }
    }
}

async fn put(writer: &Writer, record: &Record) -> Result<(), KeepError> {
    let text = serde_json::to_string(record)?;
    Ok(writer.put_document(COLLECTION, &name_of(record.incident.id), text).await?)
}

/// Names sort as numbers do.
fn name_of(id: u64) -> String {
    format!("{id:020}")
}

/// Keeps what changes durable until the task is dropped.
pub async fn keep(guard: Guard, shared: Arc<Shared>, keep_days: u64) {
    let mut was_written = true;
    for turn in 0_u32.. {
        let now = clock::wall();
        let mut kept = guard.keep_changes(&shared.writer, now).await;
        if turn % KNOWN_INTERVALS == 1 {
            kept = kept.and(guard.keep_known(&shared.writer).await);
        }
        // Told once, not twice a second.
        match &kept {
            Err(error) if was_written => {
                tracing::warn!(%error, "incidents are not written; they wait");
            }
            _ => {}
        }
        was_written = kept.is_ok();
        if turn.is_multiple_of(FORGET_INTERVALS) {
            guard.0.records.expire(now.minus_ms(keep_days.saturating_mul(DAY_MS)));
            if turn > 0 {
                forget_files(&guard, &shared, now).await;
            }
        }
        tokio::time::sleep(KEEP_INTERVAL).await;
    }
}

/// Removes the files that nothing names any more. In a pair this node alone does so; the other one does
/// when it serves.
async fn forget_files(guard: &Guard, shared: &Arc<Shared>, now: Time) {
    let shed = guard.0.records.shed_files(FILES_BYTES_MAX, now);
    if shed > 0 {
        tracing::info!(shed, "the oldest forensic files made room");
    }
    // Nobody is between writing a plan and naming it, and only this task writes forensic files.
    let _alone = shared.importing.lock().await;
    let referenced = referenced(&shared.site.load().maps, &guard.0.records);
    let store = Arc::clone(&shared.store);
    let removing = move || store.files().remove_unreferenced(&referenced);
    match tokio::task::spawn_blocking(removing).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(files)) => tracing::info!(files, "files that nothing names were removed"),
        Ok(Err(error)) => tracing::warn!(%error, "old files cannot be removed"),
    }
}

/// The files that something names: plans and forensic captures.
fn referenced(maps: &Maps, records: &Records) -> BTreeSet<String> {
    let plans = maps.floors().filter_map(|it| Some(it.floor.image.as_ref()?.sha256.clone()));
    plans.chain(records.files()).collect()
}

#[cfg(test)]
mod tests {
    use model::map::{Building, Campus, Floor, FloorImage};

    use super::super::records::tests::incident;
    use super::*;

    fn maps() -> Maps {
        let image = FloorImage {
            sha256: "aa".repeat(32),
            media_type: "image/png".into(),
            width_px: 1,
            height_px: 1,
        };
        let floor = Floor { image: Some(image), ..Floor::bare("Ground", 0, 20.0, 10.0) };
        let building = Building { name: "Main".into(), floors: vec![floor] };
        Maps { campuses: vec![Campus { name: "North".into(), buildings: vec![building] }] }
    }

    #[test]
    fn plans_stay_and_the_oldest_captures_go() {
        let records = Records::default();
        for id in 1..=3 {
            records.take(&incident(id, Standing::Quiet), Vec::new(), Time(0));
            let sha256 = format!("{id:064}");
            let forensics = Forensics { sha256, bytes: 400, packets: 1 };
            records.change(id, |it| it.forensics = Some(forensics));
        }
        assert_eq!(records.shed_files(1_000, Time(1)), 1);
        let kept = referenced(&maps(), &records);
        let expected = ["aa".repeat(32), format!("{:064}", 2), format!("{:064}", 3)];
        assert_eq!(kept, BTreeSet::from(expected));
        assert!(records.find(1).unwrap().forensics.is_none(), "and it is said so");
    }
}
