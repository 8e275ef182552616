//! REST, WebSocket, console and metrics of an engine.
//!
//! | path | what | who |
//! |---|---|---|
//! | `/`, `/console.js`, .. | the console | everyone; it logs in by itself |
//! | `/api/v1/..` | the native API, described by `docs/api/openapi.json` | session cookie, Basic, or the node's own Unix socket |
//! | `/api/location/..`, `/api/config/..`, `/api/presence/..`, `/api/analytics/..` | the CMX API, see [`crate::cmx`] | Basic, or any of the above |
//! | `/api/contextaware/..` | the API of MSE 8, see [`crate::contextaware`] | Basic, or any of the above |
//! | `/metrics` | Prometheus | as the native API |
//! | `/health`, `/livez`, `/readyz` | probes | everyone |

pub mod access;
pub mod analytics;
pub mod assets;
pub mod compatibility;
pub mod document;
pub mod dormant;
pub mod drawing;
pub mod elements;
pub mod error;
pub mod known_clients;
pub mod lease;
pub mod live;
pub mod maps;
pub mod nmsp;
pub mod notifications;
pub mod revision;
pub mod server;
pub mod session;
pub mod survey;
pub mod users;
pub mod wips;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::{Extension, Router};
use model::Time;
use node::identity::Identity;
use node::nmsp::LinkStatus;
use store::Store;
use tokio::sync::{broadcast, mpsc, watch};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::compatibility::Scheme;
use crate::analytics::Analytics;
use crate::history::History;
use crate::notifications::Notifications;
use crate::site::CurrentSite;
use crate::survey::Surveying;
use crate::tracker::{Notice, Reporting, SharedElements, Task, TrackerCounters};
use crate::wips::Guard;
use crate::writer::Writer;

/// Largest request body, except for a map archive, a floor and a survey. Ours.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Largest drawing or survey of one floor: 10,000 points with 16 readings of 60 bytes. Ours.
const FLOOR_BYTES_MAX: usize = 16 << 20;
/// A request must be answered after this long.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// An archive must be transferred and worked off after this long: 128 MiB at 10 Mbit/s.
const ARCHIVE_MAX: Duration = Duration::from_mins(2);

/// What the handlers share: the reading ends of the engine.
#[derive(Debug)]
pub struct Shared {
    /// Name of the engine.
    pub name: String,
    /// Where the console and the APIs are.
    pub address: SocketAddr,
    /// Days that positions are kept; zero is none.
    pub history_days: u64,
    /// When it was started.
    pub started: Time,
    /// How many times an engine was started on this directory.
    pub starts: u64,
    /// Users, sessions, maps, history.
    pub store: Arc<Store>,
    /// The way of every durable change.
    pub writer: Writer,
    /// Key and certificate, of the service where it is replicated.
    pub identity: Arc<Identity>,
    /// The maps in use.
    pub site: CurrentSite,
    /// The element table.
    pub elements: SharedElements,
    /// Change notices.
    pub notices: broadcast::Sender<Arc<Notice>>,
    /// Counters of the tracker.
    pub counters: Arc<TrackerCounters>,
    /// Access points that controllers report, with their names.
    pub reporting: Reporting,
    /// An element that is not heard for this long is missing.
    pub missing_after_ms: u64,
    /// The links to controllers.
    pub links: Vec<LinkStatus>,
    /// Tasks for the tracker.
    pub tasks: mpsc::Sender<Task>,
    /// The history, when it is kept.
    pub history: Option<History>,
    /// Who was where and for how long, when that is counted.
    pub analytics: Option<Analytics>,
    /// What sensors capture, when that is watched.
    pub wips: Option<Guard>,
    /// Who is told what happens to elements.
    pub notifications: Arc<Notifications>,
    /// Held by the one import of maps that runs.
    pub importing: tokio::sync::Mutex<()>,
    /// What changes of the survey wait for and wake.
    pub surveying: Surveying,
    /// Set when the engine stops: WebSockets end then.
    pub stopping: watch::Sender<bool>,
    /// File with the one-time password of the first start; removed when it was changed.
    pub initial_password: PathBuf,
    /// Whether HTTP is served without TLS, on loopback.
    pub is_plain: bool,
    /// Who may do what.
    pub access: access::Access,
}

/// State of every handler.
pub type State = axum::extract::State<Arc<Shared>>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "OpenMSE engine",
        description = "Native API of the OpenMSE mobility services engine. \
            Times are milliseconds since 1970-01-01T00:00:00Z; lengths are metres; the origin of a floor is its top left corner; \
            ids of places are decimal strings. Errors have the body `{\"error\":{\"code\",\"message\"}}`, and a `field` where one is at fault.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "session", description = "Log in and out"),
        (name = "users", description = "Who may log in"),
        (name = "elements", description = "What is tracked and where it is"),
        (name = "maps", description = "Campuses, buildings, floors"),
        (name = "survey", description = "What was heard at known places, and what it has taught"),
        (name = "analytics", description = "Who was where, and for how long"),
        (name = "notifications", description = "Who is told what about which element"),
        (name = "wips", description = "Intrusions: incidents, access points of others, sensors"),
        (name = "nmsp", description = "Links to controllers"),
        (name = "server", description = "The engine itself")
    )
)]
struct Document;

fn native() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::log_in, session::show, session::log_out))
        .routes(routes!(session::change_password))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::remove))
        .routes(routes!(users::set_password))
        .routes(routes!(elements::list))
        .routes(routes!(elements::one))
        .routes(routes!(elements::trail))
        .routes(routes!(elements::counts))
        .routes(routes!(maps::floors))
        .routes(routes!(maps::floor_image))
        .routes(routes!(maps::document))
        .routes(routes!(analytics::places))
        .routes(routes!(analytics::counts))
        .routes(routes!(analytics::dwell))
        .routes(routes!(analytics::repeats))
        .routes(routes!(analytics::summary))
        .routes(routes!(analytics::flows))
        .routes(routes!(analytics::heat))
        .routes(routes!(analytics::playback))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::one, notifications::put, notifications::remove))
        .routes(routes!(notifications::test))
        .routes(routes!(drawing::unplaced))
        .routes(routes!(survey::list, survey::add, survey::clear))
        .routes(routes!(survey::remove))
        .routes(routes!(survey::calibration))
        .routes(routes!(survey::calibrations))
        .routes(routes!(known_clients::list))
        .routes(routes!(known_clients::put, known_clients::remove))
        .routes(routes!(wips::summary))
        .routes(routes!(wips::incidents))
        .routes(routes!(wips::incident))
        .routes(routes!(wips::acknowledge))
        .routes(routes!(wips::clear))
        .routes(routes!(wips::forensics))
        .routes(routes!(wips::rogues))
        .routes(routes!(wips::classify, wips::unclassify))
        .routes(routes!(wips::sensors))
        .routes(routes!(wips::kinds))
        .routes(routes!(nmsp::links))
        .routes(routes!(server::about))
        .routes(routes!(server::info))
        .routes(routes!(live::live))
}

/// What takes a floor, its survey or a profile as a whole.
fn drawings() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(maps::floor, drawing::replace))
        .routes(routes!(survey::export_csv, survey::import_csv))
        .routes(routes!(wips::profile, wips::set_profile))
}

/// What takes all maps with their plans.
fn archive() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(maps::export_archive, maps::import_archive))
}

/// The OpenAPI document of the native API, as it is committed.
pub fn openapi() -> String {
    let (_, mut document) = native().split_for_parts();
    document.merge(drawings().split_for_parts().1);
    document.merge(archive().split_for_parts().1);
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The document itself, for tools that ask for it.
async fn document() -> impl axum::response::IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi())
}

/// What programs made for CMX and MSE 8 ask for, and nothing else.
pub fn compatibility_router(shared: Arc<Shared>, is_plain: bool) -> Router {
    let router = Router::new()
        .fallback(compatibility::answer)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_MAX));
    let router = guarded(router, &shared).layer(Extension(Scheme::of(is_plain)));
    secured(router.with_state(shared))
}

/// Everything that an engine serves.
pub fn router(shared: Arc<Shared>) -> Router {
    let (native, _) = native().split_for_parts();
    let (drawings, _) = drawings().split_for_parts();
    let drawings = drawings.layer(DefaultBodyLimit::max(FLOOR_BYTES_MAX));
    let (archive, _) = archive().split_for_parts();
    let archive = archive
        .layer(DefaultBodyLimit::max(maps::ARCHIVE_BYTES_MAX))
        .merge(drawings)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ARCHIVE_MAX));
    let protected = native
        .route("/api/v1/openapi.json", axum::routing::get(document))
        .route("/metrics", axum::routing::get(server::metrics))
        .fallback(compatibility::answer)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_MAX))
        .merge(archive);
    let protected = guarded(protected, &shared).layer(Extension(Scheme::of(shared.is_plain)));
    let open = Router::new()
        .route("/health", axum::routing::get(server::health))
        .route("/livez", axum::routing::get(server::livez))
        .route("/readyz", axum::routing::get(server::readyz));
    secured(assets::routes().merge(open).merge(protected).with_state(shared))
}

/// With what everything that is asked for by somebody goes through.
fn guarded(router: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    router
        .layer(middleware::map_response(error::in_one_form))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), access::guard))
        .layer(middleware::from_fn(compatibility::errors_of_mse))
        // Outermost: it is asked when the answer is there.
        .layer(middleware::from_fn_with_state(Arc::clone(shared), lease::guard))
}

fn secured(router: Router) -> Router {
    SECURITY_HEADERS.iter().fold(router, |router, (name, value)| {
        let name = HeaderName::from_static(name);
        router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}

/// Sent with every response that does not say otherwise.
const SECURITY_HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cache-control", "no-store"),
];
