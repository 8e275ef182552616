//! The monitor's HTTP: for operators of this node over its Unix socket, for pairing over port 8082.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use ha::Command;
use model::pair::Seat;
use node::http::Origin;
use node::throttle::Throttle;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::info::{self, Info};
use crate::listener::ProvenKey;
use crate::monitor::Shared;
use crate::pairing::{
    BODY_BYTES_MAX, JOIN_PATH, JoinAnswer, JoinRequest, PairError, PairRequest, Refusal,
};

/// Attempts at a password at once, then per minute. Ours: a person mistypes a few times.
pub(crate) const ATTEMPTS: (NonZeroU32, NonZeroU32) =
    (NonZeroU32::new(10).unwrap(), NonZeroU32::new(6).unwrap());

/// Both faces.
pub(crate) struct Routers {
    pub(crate) local: Router,
    pub(crate) network: Router,
}

/// One line of the events log.
#[derive(Debug, Serialize)]
struct EventRow {
    id: u64,
    at_ms: u64,
    group: u32,
    event: String,
    generated_by: String,
    severity: ha::Severity,
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

#[derive(Clone)]
struct Door {
    shared: Arc<Shared>,
    throttle: Arc<Throttle>,
}

pub(crate) fn router(shared: Arc<Shared>) -> Routers {
    let local = Router::new()
        .route(info::PATH, get(told))
        .route("/api/v1/ha/events", get(events))
        .route("/api/v1/ha/status", get(status))
        .route("/api/v1/ha/pair", post(pair))
        .route("/api/v1/ha/groups/{instance}/{command}", post(command))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::clone(&shared));
    let (burst, per_minute) = ATTEMPTS;
    let door = Door { shared, throttle: Arc::new(Throttle::new(burst, per_minute)) };
    let network = Router::new()
        .route(JOIN_PATH, post(join))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(door);
    Routers { local, network }
}

async fn told(State(shared): State<Arc<Shared>>) -> Json<Info> {
    Json(shared.info())
}

async fn events(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<After>,
) -> Json<Vec<EventRow>> {
    let rows = shared.events().into_iter().enumerate().map(|(nth, (group, line))| EventRow {
        id: nth as u64 + 1,
        at_ms: line.at_ms,
        group,
        event: line.event,
        generated_by: line.generated_by,
        severity: line.severity,
    });
    Json(rows.filter(|row| row.id > query.after).collect())
}

/// What the protocol sees, for engineers.
async fn status(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let groups: Vec<Value> = shared
        .shown()
        .into_iter()
        .map(|(group, shown)| json!({ "group": group.id, "instance": group.instance, "shown": shown }))
        .collect();
    Json(json!({ "groups": groups }))
}

async fn pair(State(shared): State<Arc<Shared>>, Json(request): Json<PairRequest>) -> Response {
    match shared.pair(request).await {
        Ok(text) => Json(json!({ "text": text })).into_response(),
        Err(error) => refuse(StatusCode::CONFLICT, error.to_string()),
    }
}

async fn command(
    State(shared): State<Arc<Shared>>,
    Path((instance, word)): Path<(u32, String)>,
) -> Response {
    let seat = match shared.seat(instance) {
        Ok(seat) => seat,
        Err(error) => return refuse(StatusCode::NOT_FOUND, error),
    };
    let (command, text) = match (word.as_str(), seat) {
        ("switchover" | "failback", (_, false)) => {
            let other =
                "this node does not hold the service; run the command on the node that does";
            return refuse(StatusCode::CONFLICT, other.to_owned());
        }
        ("switchover", (Seat::Secondary, true)) => {
            let text =
                "the secondary serves already; `failback` returns the service to the primary";
            return refuse(StatusCode::CONFLICT, text.to_owned());
        }
        ("failback", (Seat::Primary, true)) => {
            return refuse(StatusCode::CONFLICT, "the primary serves already".to_owned());
        }
        ("switchover", _) => (Command::Switchover, "Failover invoked"),
        ("failback", _) => (Command::Switchover, "Failback invoked"),
        ("unpair", (Seat::Secondary, true)) => {
            let text = "the secondary serves; return the service to the primary first (`failback`)";
            return refuse(StatusCode::CONFLICT, text.to_owned());
        }
        ("pause", _) => (Command::Pause, "Automatic failover is off"),
        ("resume", _) => (Command::Resume, "Automatic failover is on again"),
        ("force", _) => (Command::Force, "This node serves by an operator's decree"),
        ("unpair", _) => (Command::Unpair, "The pair is dissolved"),
        ("enrol", _) => (Command::Enrol, "This node votes again with what it has heard"),
        _ => return refuse(StatusCode::NOT_FOUND, format!("there is no command '{word}'")),
    };
    if command == Command::Force
        && let Err(reason) = shared.probe(instance).await
    {
        return refuse(StatusCode::CONFLICT, reason);
    }
    match shared.command(instance, command).await {
        Ok(()) => Json(json!({ "text": text })).into_response(),
        Err(reason) => refuse(StatusCode::CONFLICT, reason),
    }
}

async fn join(
    State(door): State<Door>,
    Extension(origin): Extension<Origin>,
    Extension(ProvenKey(key)): Extension<ProvenKey>,
    Json(request): Json<JoinRequest>,
) -> Response {
    let address = match origin {
        Origin::Network(address) => node::accept::network(address.ip()),
        Origin::Local => return refuse(StatusCode::NOT_FOUND, "not here".to_owned()),
    };
    if door.throttle.check(&address).is_err() {
        return refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "too many attempts; wait a minute".to_owned(),
        );
    }
    if key != Some(request.primary.key_hash) {
        let error = "the request names another key than its connection has proven";
        return refuse(StatusCode::FORBIDDEN, error.to_owned());
    }
    if !door.shared.knows(&request.user, &request.password).await {
        return refuse(StatusCode::UNAUTHORIZED, "user name or password is wrong".to_owned());
    }
    let answer: Result<JoinAnswer, PairError> = door.shared.join(request).await;
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refuse(StatusCode::CONFLICT, error.to_string()),
    }
}

/// Prometheus text: few figures, each once for a group.
async fn metrics(State(shared): State<Arc<Shared>>) -> String {
    let shown = shared.shown();
    let figure = |name: &str, kind: &str, help: &str, value: fn(&ha::Status) -> u64| {
        let rows = shown.iter().filter_map(|(group, shown)| {
            let value = value(shown.status.as_ref()?);
            Some(format!("{name}{{instance=\"{}\"}} {value}\n", group.instance))
        });
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        head + &rows.collect::<String>()
    };
    let gauge = "gauge";
    [
        figure("mse_ha_serves", gauge, "1 when this node may serve", |it| it.may_read.into()),
        figure("mse_ha_armed", gauge, "1 when it would fail over by itself", |it| {
            it.is_armed.into()
        }),
        figure("mse_ha_heartbeat_up", gauge, "1 when the peer answers", |it| {
            it.heartbeat_is_up.into()
        }),
        figure("mse_ha_witness_seen", gauge, "1 when it sees the witness", |it| {
            it.sees_witness.into()
        }),
        figure("mse_ha_sync_percent", gauge, "How far the backup is", |it| it.sync_percent.into()),
        figure("mse_ha_log_end", "counter", "Last index of the log", |it| it.end),
        figure("mse_ha_commit", "counter", "Last index that is safe", |it| it.commit),
        figure("mse_ha_generation", gauge, "Raised by operators only", |it| it.generation.into()),
    ]
    .concat()
}

fn refuse(status: StatusCode, error: String) -> Response {
    (status, Json(Refusal { error })).into_response()
}
