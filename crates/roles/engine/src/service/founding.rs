//! What the first activation of a service makes once: the identity that controllers trust, and the
//! first user. And what an upgrade of both nodes does: the feature level rises.
//!
//! All are entries of the journal, so they are made by a task beside the engine: the thread that
//! carries out the activation is the one that hears that an entry is committed. Until then the
//! listener uses the candidate, which stays on this node's disk and is the same at the next try; no
//! controller is dialled before the pair has kept it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use node::identity::{Identity, machine_mac};
use node::service::WriteError;
use store::{Change, Outcome, Secret, ServiceIdentity, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::accounts;
use crate::api::Shared;
use crate::config::Config;
use crate::engine::{StartError, start_links};
use crate::writer::WriteFailure;

/// Pause before a refused write is tried again. Ours.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The feature level that both nodes understand.
type Level = watch::Receiver<u16>;

/// The identity to serve with: the service's, or a candidate that is still to become it. The
/// candidate is the one in the node's directory, which a stand-alone engine may have used before, or
/// a new one.
pub(super) fn identity(
    store: &Store,
    data: &Path,
) -> Result<(Identity, Option<ServiceIdentity>), StartError> {
    if let Some(known) = store.service_identity()? {
        let parsed = Identity::parse(&known.certificate, &known.key.0);
        let damaged = || {
            StartError::LocalMonitor(
                "the identity of the service is damaged; rebuild this node from its peer"
                    .to_owned(),
            )
        };
        return Ok((parsed.ok_or_else(damaged)?, None));
    }
    let dir = data.join("node");
    let identity = Identity::load_or_create(&dir, machine_mac)?;
    let (certificate, key) = Identity::pem_in(&dir)?;
    Ok((identity, Some(ServiceIdentity { certificate, key: Secret(key) })))
}

/// Makes what is missing, then keeps the links to controllers, and follows the level, until it is
/// dropped.
pub(super) async fn found(
    config: Config,
    shared: Arc<Shared>,
    mut level: Level,
    candidate: Option<ServiceIdentity>,
) {
    let founded = async {
        // The monitor says it before it has anybody serve; it is gone if it never does.
        let agreed = *level.wait_for(|level| *level > 0).await.map_err(|_| Stop::Gone)?;
        raise_level(&shared, agreed).await?;
        if let Some(candidate) = candidate {
            keep_identity(&shared, candidate).await?;
        }
        make_first_user(&shared, &config.data).await
    };
    match founded.await {
        Ok(()) => {}
        // The node stops serving; who serves next looks again.
        Err(Stop::Gone) => return,
        Err(Stop::Failed(reason)) => {
            tracing::error!(%reason, "the service cannot be founded; no controller is connected");
            return;
        }
    }
    let mut links = JoinSet::new();
    if let Err(error) = start_links(&config, &shared, &mut links) {
        tracing::error!(%error, "no controller is connected");
        return;
    }
    links.spawn(follow_level(shared, level));
    while links.join_next().await.is_some() {}
}

/// Writes at a higher feature level as soon as both nodes understand it, until it is dropped.
pub(super) async fn follow_level(shared: Arc<Shared>, mut level: Level) {
    loop {
        let agreed = *level.borrow_and_update();
        if let Err(Stop::Failed(reason)) = raise_level(&shared, agreed).await {
            tracing::error!(level = agreed, %reason, "the feature level cannot be raised");
        }
        if level.changed().await.is_err() {
            return;
        }
    }
}

async fn raise_level(shared: &Shared, agreed: u16) -> Result<(), Stop> {
    let level = u32::from(agreed);
    if level > shared.store.feature_level()? {
        write(shared, vec![Change::LevelRaised { level }]).await?;
        tracing::info!(
            level,
            "both nodes understand a higher feature level; it is used from now on"
        );
    }
    Ok(())
}

/// Why nothing was founded.
enum Stop {
    /// The node does not serve any more.
    Gone,
    /// Somebody has to look.
    Failed(String),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

async fn keep_identity(shared: &Shared, candidate: ServiceIdentity) -> Result<(), Stop> {
    let ServiceIdentity { certificate, key } = candidate;
    let change = Change::ServiceIdentitySet { certificate: certificate.clone(), key };
    let outcomes = write(shared, vec![change]).await?;
    let is_ours = matches!(outcomes.last(), Some(Outcome::Done))
        || shared.store.service_identity()?.is_some_and(|it| it.certificate == certificate);
    if !is_ours {
        let reason = "the service got another identity meanwhile; start this engine again";
        return Err(Stop::Failed(reason.to_owned()));
    }
    let credentials = &shared.identity.credentials;
    tracing::info!(mac = %shared.identity.mac, key_hash = %credentials.sha256, "the service has its identity");
    Ok(())
}

async fn make_first_user(shared: &Shared, data: &Path) -> Result<(), Stop> {
    if !shared.store.users()?.is_empty() {
        return Ok(());
    }
    let directory = data.to_owned();
    let made = tokio::task::spawn_blocking(move || accounts::first_user(&directory)).await;
    let user = made
        .map_err(|error| Stop::Failed(error.to_string()))?
        .map_err(|error| Stop::Failed(error.to_string()))?;
    let change = Change::UserAdded {
        name: user.name,
        role: user.role,
        password_hash: Secret(user.password_hash),
        must_change_password: user.must_change_password,
        at: user.created,
    };
    write(shared, vec![change]).await?;
    accounts::tell_first_user(data);
    Ok(())
}

/// Writes until the pair takes it.
async fn write(shared: &Shared, changes: Vec<Change>) -> Result<Vec<Outcome>, Stop> {
    loop {
        match shared.writer.journal(changes.clone()).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(WriteFailure::Pair(WriteError::Refused(_))) => sleep(RETRY_PAUSE).await,
            Err(WriteFailure::Pair(WriteError::Unknown)) => return Err(Stop::Gone),
            Err(error) => return Err(Stop::Failed(error.to_string())),
        }
    }
}
