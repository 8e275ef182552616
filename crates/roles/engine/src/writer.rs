//! The way that every durable change takes: straight into the store, or through the pair's journal.
//!
//! A stand-alone engine owns its store. Under a health monitor a change is an entry: it comes back
//! committed, and is applied by both nodes. Whoever changes something sees no difference, except
//! that a pair can refuse, or can leave it open what became of a change.

use std::sync::Arc;

use model::Time;
use model::map::{MapId, Maps};
use node::service::{Draft, Line, WriteError};
use presence::Stay;
use store::{
    Change, Content, Encoded, HeatCell, Outcome, STAYS_BATCH_MAX, Secret, Session, Severity, Store,
    StoreError, User,
};

/// Where changes go.
#[derive(Debug, Clone)]
pub enum Writer {
    /// Into the store of this engine alone.
    Own(Arc<Store>),
    /// Through the journal, into the stores of both nodes.
    Replicated {
        /// The store of this node, for what it says of the pair.
        store: Arc<Store>,
        /// The way to the monitor.
        line: Line<Outcome>,
    },
}

/// Why something was not changed, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum WriteFailure {
    /// The rules forbid it, or the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pair did not take it, or it is not known whether it did.
    #[error(transparent)]
    Pair(#[from] WriteError),
    /// A fault of this program.
    #[error("the work on a change has failed: {0}")]
    LocalTask(#[from] tokio::task::JoinError),
}

impl Writer {
    /// Whether what was read from this engine before this moment may be told: nobody else serves.
    pub fn may_read(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Replicated { line, .. } => line.may_read(),
        }
    }

    /// Adds a user.
    pub async fn add_user(&self, user: User) -> Result<(), WriteFailure> {
        match self {
            Self::Own(store) => own(store, move |store| store.add_user(&user)).await,
            Self::Replicated { .. } => {
                let User { name, role, password_hash, must_change_password, created, .. } = user;
                let password_hash = Secret(password_hash);
                let at = created;
                let change =
                    Change::UserAdded { name, role, password_hash, must_change_password, at };
                self.journal(vec![change]).await.map(drop)
            }
        }
    }

    /// Replaces a password and ends the user's sessions, but for one perhaps.
    pub async fn set_password(
        &self,
        name: &str,
        password_hash: String,
        must_change_password: bool,
        at: Time,
        kept: Option<[u8; 32]>,
    ) -> Result<(), WriteFailure> {
        let name = name.to_owned();
        match self {
            Self::Own(store) => {
                let set = move |store: &Store| {
                    store.set_password(&name, &password_hash, must_change_password, at)?;
                    store.remove_sessions_of(&name, kept.as_ref()).map(drop)
                };
                own(store, set).await
            }
            Self::Replicated { .. } => {
                let password_hash = Secret(password_hash);
                let user = name.clone();
                let set = Change::PasswordSet { name, password_hash, must_change_password, at };
                self.journal(vec![set, Change::SessionsEnded { user, kept }]).await.map(drop)
            }
        }
    }

    /// Begins a session. A pair that takes no changes now does not keep anybody from looking: then
    /// the session is this node's alone, and does not outlive a takeover.
    pub async fn begin_session(&self, session: Session) -> Result<(), WriteFailure> {
        if let Self::Replicated { .. } = self {
            let Session { token_hash, user, created, expires, address, .. } = session.clone();
            let at = created;
            let change = Change::SessionBegun { token_hash, user, at, expires, address };
            match self.journal(vec![change]).await {
                Err(WriteFailure::Pair(WriteError::Refused(_))) => {}
                outcome => return outcome.map(drop),
            }
        }
        own(self.store(), move |store| store.add_session(&session)).await
    }

    /// Notes that a session was used; the peer is told beside, and nobody waits for it. False when
    /// there is no such session.
    pub async fn renew_session(
        &self,
        token_hash: [u8; 32],
        at: Time,
        expires: Time,
    ) -> Result<bool, WriteFailure> {
        let touch = move |store: &Store| store.touch_session(&token_hash, at, expires);
        let is_there = own(self.store(), touch).await?;
        if is_there && let Self::Replicated { .. } = self {
            let writer = self.clone();
            tokio::spawn(async move {
                // The next use tells it again.
                let change = Change::SessionRenewed { token_hash, at, expires };
                let _ = writer.journal(vec![change]).await;
            });
        }
        Ok(is_there)
    }

    /// Ends a session: here in any case.
    pub async fn end_session(&self, token_hash: [u8; 32]) -> Result<(), WriteFailure> {
        own(self.store(), move |store| store.remove_session(&token_hash)).await?;
        match self.journal(vec![Change::SessionEnded { token_hash }]).await {
            // What the other node does not know it cannot be told; the session expires there.
            Err(WriteFailure::Pair(WriteError::Refused(_))) => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    fn store(&self) -> &Arc<Store> {
        match self {
            Self::Own(store) | Self::Replicated { store, .. } => store,
        }
    }

    /// Removes a user.
    pub async fn remove_user(&self, name: &str) -> Result<(), WriteFailure> {
        let name = name.to_owned();
        match self {
            Self::Own(store) => own(store, move |store| store.remove_user(&name)).await,
            Self::Replicated { .. } => {
                self.journal(vec![Change::UserRemoved { name }]).await.map(drop)
            }
        }
    }

    /// Replaces the maps; returns the new revision. The plans that they name are there already.
    pub async fn save_maps(&self, maps: Arc<Maps>) -> Result<u64, WriteFailure> {
        match self {
            Self::Own(store) => own(store, move |store| store.save_maps(&maps)).await,
            Self::Replicated { store, .. } => {
                let change = own(store, move |_| Change::maps(&maps)).await?;
                match self.journal(vec![change]).await?.pop() {
                    Some(Outcome::Numbered(revision)) => Ok(revision),
                    _ => Ok(own(store, Store::maps).await?.0),
                }
            }
        }
    }

    /// Adds a document to a collection, or replaces it.
    pub async fn put_document(
        &self,
        collection: &'static str,
        name: &str,
        document: String,
    ) -> Result<(), WriteFailure> {
        let name = name.to_owned();
        match self {
            Self::Own(store) => {
                own(store, move |store| store.put_document(collection, &name, &document)).await
            }
            Self::Replicated { .. } => {
                let (collection, document) = (collection.to_owned(), Secret(document));
                let change = Change::DocumentPut { collection, name, document };
                self.journal(vec![change]).await.map(drop)
            }
        }
    }

    /// Removes a document. False when there was none.
    pub async fn remove_document(
        &self,
        collection: &'static str,
        name: &str,
    ) -> Result<bool, WriteFailure> {
        let name = name.to_owned();
        match self {
            Self::Own(store) => {
                own(store, move |store| store.remove_document(collection, &name)).await
            }
            Self::Replicated { .. } => {
                let change = Change::DocumentRemoved { collection: collection.to_owned(), name };
                let outcomes = self.journal(vec![change]).await?;
                Ok(outcomes.first().is_some_and(|outcome| !matches!(outcome, Outcome::Unchanged)))
            }
        }
    }

    /// Keeps stays. Asked again they are there once.
    pub async fn keep_stays(&self, stays: &[Stay]) -> Result<(), WriteFailure> {
        for batch in stays.chunks(STAYS_BATCH_MAX).map(<[Stay]>::to_vec) {
            match self {
                Self::Own(store) => own(store, move |store| store.keep_stays(&batch)).await?,
                Self::Replicated { .. } => {
                    self.journal(vec![Change::StaysKept { stays: batch }]).await?;
                }
            }
        }
        Ok(())
    }

    /// Adds to the heat map of a floor and an hour.
    pub async fn add_heat(
        &self,
        floor: MapId,
        hour: Time,
        cells: Vec<HeatCell>,
    ) -> Result<(), WriteFailure> {
        match self {
            Self::Own(store) => own(store, move |store| store.add_heat(floor, hour, &cells)).await,
            Self::Replicated { .. } => {
                self.journal(vec![Change::HeatAdded { floor, hour, cells }]).await.map(drop)
            }
        }
    }

    /// Forgets stays and heat maps that are older than `before`.
    pub async fn forget_analytics(&self, before: Time) -> Result<(), WriteFailure> {
        match self {
            Self::Own(store) => {
                own(store, move |store| store.prune_analytics(before).map(drop)).await
            }
            Self::Replicated { .. } => {
                self.journal(vec![Change::AnalyticsExpired { before }]).await.map(drop)
            }
        }
    }

    /// Adds a file that is named by its content.
    pub async fn put_file(&self, content: Vec<u8>) -> Result<(), WriteFailure> {
        match self {
            Self::Own(store) => {
                own(store, move |store| store.files().put(&content).map(drop)).await
            }
            Self::Replicated { .. } => {
                let content = Content(content);
                self.journal(vec![Change::FilePut { content }]).await.map(drop)
            }
        }
    }

    /// Raises an alarm, or renews the one that stands.
    pub async fn raise_alarm(
        &self,
        kind: &'static str,
        severity: Severity,
        source: &str,
        text: &str,
        at: Time,
    ) -> Result<(), WriteFailure> {
        let (source, text) = (source.to_owned(), text.to_owned());
        match self {
            Self::Own(store) => {
                let raise = move |store: &Store| {
                    store.raise_alarm(kind, severity, &source, &text, at).map(drop)
                };
                own(store, raise).await
            }
            Self::Replicated { .. } => {
                let change =
                    Change::AlarmRaised { kind: kind.to_owned(), severity, source, text, at };
                self.journal(vec![change]).await.map(drop)
            }
        }
    }

    /// Ends the alarm of a condition, if it stands.
    pub async fn clear_alarm(
        &self,
        kind: &'static str,
        source: &str,
        at: Time,
    ) -> Result<(), WriteFailure> {
        let source = source.to_owned();
        let find = move |store: &Store| store.standing_alarm(kind, &source);
        let Some(id) = own(self.store(), find).await?.map(|alarm| alarm.id) else { return Ok(()) };
        match self {
            Self::Own(store) => own(store, move |store| store.clear_alarm(id, at).map(drop)).await,
            Self::Replicated { .. } => {
                self.journal(vec![Change::AlarmCleared { id, at }]).await.map(drop)
            }
        }
    }

    /// Hands changes to the pair together; an outcome for each. What one of them is refused by the
    /// rules is an error. A stand-alone engine has no journal and keeps nothing of them.
    pub(crate) async fn journal(&self, changes: Vec<Change>) -> Result<Vec<Outcome>, WriteFailure> {
        let Self::Replicated { store, line } = self else { return Ok(Vec::new()) };
        let drafts = own(store, move |store| drafts(store, &changes)).await?;
        let outcomes = line.write(drafts).await?;
        outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Refused(error) => Err(error.into()),
                outcome => Ok(outcome),
            })
            .collect()
    }
}

/// Changes as entries, at the level that the pair agreed on; a change of the level counts for those
/// after it.
fn drafts(store: &Store, changes: &[Change]) -> Result<Vec<Draft>, StoreError> {
    let mut level = store.feature_level()?;
    let mut drafts = Vec::with_capacity(changes.len());
    for change in changes {
        let Encoded { kind, version, payload } = change.encode(level)?;
        drafts.push(Draft { kind, version, payload });
        if let Change::LevelRaised { level: raised } = change {
            level = level.max(*raised);
        }
    }
    Ok(drafts)
}

/// Runs a call to the store off the event loop.
async fn own<T: Send + 'static>(
    store: &Arc<Store>,
    call: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, WriteFailure> {
    let store = Arc::clone(store);
    Ok(tokio::task::spawn_blocking(move || call(&store)).await??)
}
