//! What a node that stands by answers, on its own Unix socket only: who it is and that it is dormant.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use axum::extract::State as FromState;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use model::{Mac, Time};
use node::clock;
use node::identity::Identity;
use store::Store;

use super::access::SESSION_IDLE_MS;
use super::elements::Counts;
use super::error::{ApiError, blocking};
use super::server::{About, Duty, PRODUCT, ServerInfo, WipsInfo, livez, memory_mb};
use crate::config::Config;
use crate::elements::Elements;

/// A node that stands by.
#[derive(Debug)]
pub struct Dormant {
    name: String,
    started: Time,
    starts: u64,
    https: String,
    history_days: u64,
    /// Whether it will watch for intrusions when it serves.
    is_watching: bool,
    /// Of a service that has none of the elements yet.
    limits: Elements,
    /// Nobody's while a snapshot takes its place.
    store: RwLock<Weak<Store>>,
}

impl Dormant {
    /// What is known of it before it serves.
    pub(crate) fn new(config: &Config, starts: u64) -> Self {
        Self {
            name: crate::engine::name(config),
            started: clock::wall(),
            starts,
            https: config.https.listen.to_string(),
            history_days: config.history.keep_days,
            is_watching: config.wips.enabled,
            limits: Elements::new(&config.tracking),
            store: RwLock::default(),
        }
    }

    /// Looks at this store from now on.
    pub(crate) fn look_at(&self, store: &Arc<Store>) {
        *self.store.write().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(store);
    }

    fn store(&self) -> Option<Arc<Store>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).upgrade()
    }
}

/// Everything that a dormant node serves.
pub(crate) fn router(dormant: Arc<Dormant>) -> Router {
    Router::new()
        .route("/api/v1/server", get(about))
        .route("/api/v1/server/info", get(info))
        .route("/livez", get(livez))
        .fallback(refuse)
        .with_state(dormant)
}

async fn about(FromState(dormant): FromState<Arc<Dormant>>) -> Json<About> {
    Json(About {
        product: PRODUCT,
        version: env!("CARGO_PKG_VERSION"),
        name: dormant.name.clone(),
        start_time: dormant.started,
        current_time: clock::wall(),
    })
}

async fn info(FromState(dormant): FromState<Arc<Dormant>>) -> Result<Json<ServerInfo>, ApiError> {
    let store = dormant.store();
    let look = move || {
        let Some(store) = store else { return Ok((0, None)) };
        Ok((store.size_bytes()?, store.service_identity()?))
    };
    let (database_bytes, identity) = blocking(look).await?;
    let identity = identity.and_then(|it| Identity::parse(&it.certificate, &it.key.0));
    let current_time = clock::wall();
    let (timezone, timezone_offset_minutes) = clock::zone(current_time);
    let (used_memory_mb, max_memory_mb) = memory_mb();
    Ok(Json(ServerInfo {
        duty: Duty::Dormant,
        product: PRODUCT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        name: dormant.name.clone(),
        mac: identity.map_or(Mac::default(), |it| it.mac).to_string(),
        start_time: dormant.started,
        current_time,
        timezone,
        timezone_offset_minutes,
        restarts: dormant.starts.saturating_sub(1),
        used_memory_mb,
        max_memory_mb,
        database_mb: database_bytes.div_ceil(1 << 20),
        history_days: dormant.history_days,
        https: dormant.https.clone(),
        log_level: tracing::level_filters::LevelFilter::current().to_string().to_uppercase(),
        session_timeout_minutes: SESSION_IDLE_MS / 60_000,
        counts: Counts::of(&dormant.limits),
        wips: Some(WipsInfo {
            is_enabled: dormant.is_watching,
            is_up: false,
            monitor_mode_aps: 0,
            local_mode_aps: 0,
        }),
        sessions: Vec::new(),
    }))
}

async fn refuse() -> Response {
    let message = "this node is dormant: its peer serves; ask the service's address";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "dormant", message).into_response()
}
