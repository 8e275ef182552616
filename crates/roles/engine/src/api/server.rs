//! The engine itself: version, health, metrics, and what `getserverinfo` prints.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State as FromState;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use model::{Category, Time};
use node::clock;
use node::nmsp::LinkState;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::elements::Counts;
use super::error::{ApiError, blocking};
use super::{Shared, State};
use crate::wips::Guard;

/// The product's name.
pub const PRODUCT: &str = "OpenMSE Mobility Services Engine";

/// Who answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct About {
    pub(super) product: &'static str,
    pub(super) version: &'static str,
    pub(super) name: String,
    pub(super) start_time: Time,
    pub(super) current_time: Time,
}

/// Product, version and times.
#[utoipa::path(get, path = "/api/v1/server", tag = "server", responses((status = 200, body = About)))]
pub async fn about(FromState(shared): State) -> Json<About> {
    Json(About {
        product: PRODUCT,
        version: env!("CARGO_PKG_VERSION"),
        name: shared.name.clone(),
        start_time: shared.started,
        current_time: clock::wall(),
    })
}

/// What this node does for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// It serves.
    Active,
    /// It stands by, for its peer.
    Dormant,
}

/// What `getserverinfo` prints, as data.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// What this node does for the service.
    pub duty: Duty,
    /// Product name.
    pub product: String,
    /// Version of the program.
    pub version: String,
    /// Name of the engine.
    pub name: String,
    /// MAC of the node.
    pub mac: String,
    /// When the engine was started.
    pub start_time: Time,
    /// Now.
    pub current_time: Time,
    /// Time zone of the system.
    pub timezone: String,
    /// Its offset from UTC.
    pub timezone_offset_minutes: i32,
    /// How often the engine was started again.
    pub restarts: u64,
    /// Memory in use.
    pub used_memory_mb: u64,
    /// Memory of the machine.
    pub max_memory_mb: u64,
    /// Size of the database.
    pub database_mb: u64,
    /// Days that positions are kept; zero is none.
    pub history_days: u64,
    /// Address of the console and the APIs.
    pub https: String,
    /// The least important level that is logged.
    pub log_level: String,
    /// A session ends after this long without a request.
    pub session_timeout_minutes: u64,
    /// Elements.
    pub counts: Counts,
    /// The wIPS service; absent from a release that has none.
    #[serde(default)]
    pub wips: Option<WipsInfo>,
    /// Who is logged in.
    pub sessions: Vec<SessionInfo>,
}

/// The wIPS service, as licences see it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct WipsInfo {
    /// Whether it is configured.
    pub is_enabled: bool,
    /// Whether it works.
    pub is_up: bool,
    /// Distinct access points that are sensors and nothing else.
    pub monitor_mode_aps: usize,
    /// Distinct access points that serve clients and are sensors besides.
    pub local_mode_aps: usize,
}

/// One log-in session.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// User name.
    pub user: String,
    /// Where from.
    pub address: String,
    /// When it began.
    pub start_time: Time,
    /// When it was last used.
    pub last_access_time: Time,
}

/// Everything that `getserverinfo` prints.
#[utoipa::path(get, path = "/api/v1/server/info", tag = "server", responses((status = 200, body = ServerInfo)))]
pub async fn info(FromState(shared): State) -> Result<Json<ServerInfo>, ApiError> {
    let now = clock::wall();
    let store = std::sync::Arc::clone(&shared.store);
    let (database_bytes, sessions) = blocking(move || {
        store.purge_sessions(now)?;
        Ok((store.size_bytes()?, store.sessions()?))
    })
    .await?;
    let (timezone, timezone_offset_minutes) = clock::zone(now);
    let (used_memory_mb, max_memory_mb) = memory_mb();
    let session = |it: store::Session| SessionInfo {
        user: it.user,
        address: it.address,
        start_time: it.created,
        last_access_time: it.last_access,
    };
    Ok(Json(ServerInfo {
        duty: Duty::Active,
        product: PRODUCT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        name: shared.name.clone(),
        mac: shared.identity.mac.to_string(),
        start_time: shared.started,
        current_time: now,
        timezone,
        timezone_offset_minutes,
        restarts: shared.starts.saturating_sub(1),
        used_memory_mb,
        max_memory_mb,
        database_mb: database_bytes.div_ceil(1 << 20),
        history_days: shared.history_days,
        https: shared.address.to_string(),
        log_level: tracing::level_filters::LevelFilter::current().to_string().to_uppercase(),
        session_timeout_minutes: super::access::SESSION_IDLE_MS / 60_000,
        counts: Counts::of(&shared.elements.read()),
        wips: Some(wips(&shared)),
        sessions: sessions.into_iter().map(session).collect(),
    }))
}

fn wips(shared: &Shared) -> WipsInfo {
    let tally = shared.wips.as_ref().map(Guard::tally).unwrap_or_default();
    WipsInfo {
        is_enabled: shared.wips.is_some(),
        is_up: shared.wips.as_ref().is_some_and(Guard::is_up),
        monitor_mode_aps: tally.monitor_mode_aps,
        local_mode_aps: tally.local_mode_aps,
    }
}

/// Whether the engine does its work; 503 when no controller is connected though some are configured.
pub async fn health(FromState(shared): State) -> impl IntoResponse {
    let links: Vec<_> = shared.links.iter().map(node::nmsp::LinkStatus::snapshot).collect();
    let active = links.iter().filter(|link| link.state == LinkState::Active).count();
    let word = if shared.tasks.is_closed() {
        "the tracker has stopped; restart the engine"
    } else if active == 0 && !links.is_empty() {
        "no controller is connected"
    } else {
        "ok"
    };
    let status = if word == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "status": word, "controllers": links.len(), "active": active });
    (status, Json(body))
}

/// Whether the process answers. Never depends on anything else.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests can be answered: the database answers and the tracker works.
pub async fn readyz(FromState(shared): State) -> impl IntoResponse {
    let store = std::sync::Arc::clone(&shared.store);
    match blocking(move || store.setting("starts")).await {
        Ok(_) if shared.tasks.is_closed() => {
            (StatusCode::SERVICE_UNAVAILABLE, "the tracker has stopped\n")
        }
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CategoryLabel {
    category: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkLabel {
    controller: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DefinitionLabel {
    definition: String,
}

/// Prometheus metrics.
pub async fn metrics(FromState(shared): State) -> Result<impl IntoResponse, ApiError> {
    let mut text = String::new();
    encode(&mut text, &registry(&shared)).map_err(|error| ApiError::internal(&error))?;
    Ok((
        [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        text,
    ))
}

fn registry(shared: &Shared) -> Registry {
    let mut registry = Registry::with_prefix("mse");
    let (active, located) =
        (Family::<CategoryLabel, Gauge>::default(), Family::<CategoryLabel, Gauge>::default());
    let not_tracked = Family::<CategoryLabel, Gauge>::default();
    {
        let elements = shared.elements.read();
        for category in Category::ALL {
            let (label, count) =
                (CategoryLabel { category: category.path() }, elements.count(category));
            active.get_or_create(&label).set(count.active as i64);
            located.get_or_create(&label).set(count.located as i64);
            not_tracked.get_or_create(&label).set(count.not_tracked as i64);
        }
    }
    registry.register("elements_active", "Tracked elements that are not missing", active);
    registry.register("elements_located", "Tracked elements with a position", located);
    registry.register(
        "elements_not_tracked",
        "Elements not tracked due to the limiting",
        not_tracked,
    );
    let (up, data) = (Family::<LinkLabel, Gauge>::default(), Family::<LinkLabel, Gauge>::default());
    for link in &shared.links {
        let connection = link.snapshot();
        let label = LinkLabel { controller: connection.address };
        up.get_or_create(&label).set(i64::from(connection.state == LinkState::Active));
        data.get_or_create(&label).set(i64::try_from(connection.rx_data).unwrap_or(i64::MAX));
    }
    registry.register("nmsp_active", "1 when the link to the controller is active", up);
    registry.register(
        "nmsp_session_data_messages",
        "Data messages received in the running session",
        data,
    );
    let counters = &shared.counters;
    let mut count = |name, help, value: &std::sync::atomic::AtomicU64| {
        registry.register(name, help, ConstCounter::new(value.load(Ordering::Relaxed)));
    };
    count("reports", "NMSP data messages taken in", &counters.reports);
    count("readings", "Readings taken in", &counters.readings);
    count(
        "impossible_readings",
        "Readings left out because no radio hears anything so strongly or weakly",
        &counters.impossible,
    );
    count("estimates", "Positions estimated", &counters.estimates);
    count(
        "unlocatable",
        "Measured elements that no access point with a place heard",
        &counters.unlocatable,
    );
    if let Some(analytics) = &shared.analytics {
        let refused = analytics.refused();
        let mut count = |name, help, value| registry.register(name, help, ConstCounter::new(value));
        count("analytics_sightings_refused", "Sightings beyond the limits", refused.sightings);
        count("analytics_stays_dropped", "Stays that could not be kept", refused.stays);
    }
    if let Some(history) = &shared.history {
        let rows = history.counts();
        let mut count = |name, help, value| registry.register(name, help, ConstCounter::new(value));
        count("history_written", "Positions written to the history", rows.written);
        count(
            "history_dropped",
            "Positions that a slow disk kept out of the history",
            rows.dropped,
        );
    }
    notifications(shared, &mut registry);
    if let Some(guard) = &shared.wips {
        let seen = guard.seen();
        let mut count = |name, help, value| registry.register(name, help, ConstCounter::new(value));
        count("wips_packets", "Captured packets looked at", seen.counts.packets);
        count("wips_dropped", "Captured packets that there was no room for", guard.dropped());
        count("wips_late", "Captured packets that came too late to be in order", seen.late);
        let open: usize = guard.records().tally().values().sum();
        registry.register("wips_open", "Incidents that go on", ConstGauge::new(open as i64));
    }
    let unplaced = counters.unplaced_access_points.load(Ordering::Relaxed);
    registry.register(
        "unplaced_access_points",
        "Access points without a place on a map",
        ConstGauge::new(unplaced as i64),
    );
    registry.register(
        "start_time_seconds",
        "When the engine was started",
        ConstGauge::new((shared.started.0 / 1_000) as i64),
    );
    registry
}

/// What became of notifications, by definition; those that are not enabled are left out.
fn notifications(shared: &Shared, registry: &mut Registry) {
    type Read = fn(&notify::Counts) -> u64;
    let counters: [(&str, &str, Read); 5] = [
        ("fired", "Notifications that fired, counted for each receiver", |counts| counts.fired),
        ("sent", "Notifications that a receiver took", |counts| counts.sent),
        ("failures", "Tries to send a notification that failed", |counts| counts.failures),
        ("lost", "Notifications given up after the last try", |counts| counts.lost),
        ("dropped", "Notifications dropped from a full queue", |counts| counts.dropped),
    ];
    let status = shared.notifications.status();
    for (name, help, read) in counters {
        let family = Family::<DefinitionLabel, Counter>::default();
        for definition in &status {
            let label = DefinitionLabel { definition: definition.name.clone() };
            let counted = definition.receivers.iter().map(|receiver| read(&receiver.counts)).sum();
            family.get_or_create(&label).inc_by(counted);
        }
        registry.register(format!("notifications_{name}"), help, family);
    }
    let (watched, overflow) = shared.notifications.watched();
    registry.register(
        "notifications_watched",
        "Elements that a notification is about",
        ConstGauge::new(watched as i64),
    );
    registry.register(
        "notifications_unwatched",
        "How often there was no room to watch an element or a condition",
        ConstCounter::new(overflow),
    );
}

/// Memory of this process and of the machine, from `/proc`.
pub(super) fn memory_mb() -> (u64, u64) {
    let field = |path: &str, name: &str| -> u64 {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default()
            / 1_024
    };
    (field("/proc/self/status", "VmRSS:"), field("/proc/meminfo", "MemTotal:"))
}
