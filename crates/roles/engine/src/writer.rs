//! The way that every durable change takes: straight into the store, or through the pair's journal.
//!
//! A stand-alone engine owns its store. Under a health monitor a change is an entry: it comes back
//! committed, and is applied by both nodes. Whoever changes something sees no difference, except
//! that a pair can refuse, or can leave it open what became of a change.

use std::sync::Arc;

use model::Time;
use model::map::Maps;
use node::service::{Draft, Line, WriteError};
use store::{Change, Content, Encoded, Outcome, Secret, Store, StoreError, User};

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

    /// Replaces a password.
    pub async fn set_password(
        &self,
        name: &str,
        password_hash: String,
        must_change_password: bool,
        at: Time,
    ) -> Result<(), WriteFailure> {
        let name = name.to_owned();
        match self {
            Self::Own(store) => {
                let set = move |store: &Store| {
                    store.set_password(&name, &password_hash, must_change_password, at)
                };
                own(store, set).await
            }
            Self::Replicated { .. } => {
                let password_hash = Secret(password_hash);
                let change = Change::PasswordSet { name, password_hash, must_change_password, at };
                self.journal(vec![change]).await.map(drop)
            }
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
