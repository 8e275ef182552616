//! Links to controllers, as the MSE page "NMSP Status" shows them.

use axum::Json;
use axum::extract::State as FromState;
use node::nmsp::{Connection, LinkStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;

/// Every link.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// One per configured controller.
    pub connections: Vec<Connection>,
}

/// The links to controllers: state, reason when not active, services, message counters.
#[utoipa::path(get, path = "/api/v1/nmsp", tag = "nmsp", responses((status = 200, body = Links)))]
pub async fn links(FromState(shared): State) -> Json<Links> {
    Json(Links { connections: shared.links.iter().map(LinkStatus::snapshot).collect() })
}
