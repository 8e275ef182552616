//! Changes as they happen, over a WebSocket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::Query;
use axum::extract::State as FromState;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use model::map::MapId;
use model::{Category, Mac};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::access::Principal;
use super::elements::{ElementView, parse_floor};
use super::error::{ApiError, ErrorBody};
use super::{Shared, State};
use crate::elements::Tracked;
use crate::tracker::Notice;

/// Nothing of interest comes from a client; a larger message is not ours.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// A client hears something at least this often; a console that does not says that it is stale.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// Every so many heartbeats it is looked up whether the client may still watch.
const HEARTBEATS_PER_CHECK: u32 = 6;
/// A client must take a frame after this long.
const SEND_MAX: Duration = Duration::from_secs(10);

/// What to watch.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct LiveQuery {
    /// Only elements on the floor with this id.
    floor: Option<String>,
}

/// One frame.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// Elements that changed; the first frame has all of them.
    Elements {
        /// New or changed.
        elements: Vec<ElementView>,
        /// Gone, or no longer on the floor.
        removed: Vec<Removed>,
    },
    /// Nothing changed; the engine lives.
    Heartbeat,
    /// The client was too slow; a frame with all elements follows.
    Lagged {
        /// How many notices it missed.
        missed: u64,
    },
}

/// An element that is no longer shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Removed {
    category: &'static str,
    mac: Mac,
}

/// Watch elements: a WebSocket that sends `Frame`s as text, at most four a second.
#[utoipa::path(get, path = "/api/v1/live", tag = "elements", params(LiveQuery), responses(
    (status = 101, description = "text messages, each a Frame", body = Frame),
    (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)
))]
pub async fn live(
    FromState(shared): State,
    Extension(principal): Extension<Principal>,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    // Browsers send cookies with WebSockets from any page; the page must be ours.
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(origin) = text(header::ORIGIN)
        && origin.rsplit_once("://").map(|(_, host)| host) != text(header::HOST)
    {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            "a WebSocket from another site",
        ));
    }
    let floor = query.floor.as_deref().map(parse_floor).transpose()?;
    let watch = move |socket| Watch { shared, principal, floor, shown: Shown::new(), socket }.run();
    Ok(upgrade.max_message_size(MESSAGE_BYTES_MAX).on_upgrade(watch))
}

/// What a client has on its screen.
type Shown = HashSet<(Category, Mac)>;

/// One client that watches.
struct Watch {
    shared: Arc<Shared>,
    principal: Principal,
    floor: Option<MapId>,
    shown: Shown,
    socket: WebSocket,
}

impl Watch {
    async fn run(mut self) {
        let mut notices = self.shared.notices.subscribe();
        let mut stopping = self.shared.stopping.subscribe();
        let mut heartbeat =
            tokio::time::interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL);
        let mut heartbeats = 0_u32;
        let mut frame = self.everything().await;
        loop {
            if let Some(text) = frame.take()
                && !self.send(Message::Text(text.into())).await
            {
                return;
            }
            tokio::select! {
                notice = notices.recv() => match notice {
                    Ok(notice) => frame = self.changes(&notice),
                    Err(RecvError::Lagged(missed)) => {
                        let lagged = text_of(&Frame::Lagged { missed });
                        if !self.send(Message::Text(lagged.into())).await {
                            return;
                        }
                        frame = self.everything().await;
                    }
                    Err(RecvError::Closed) => return,
                },
                received = self.socket.recv() => match received {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                _ = heartbeat.tick() => {
                    heartbeats = heartbeats.wrapping_add(1);
                    // Whoever logged out, or was removed, watches no longer.
                    let is_due = heartbeats.is_multiple_of(HEARTBEATS_PER_CHECK);
                    if is_due && !self.shared.access.is_still_in(&self.principal).await {
                        return;
                    }
                    frame = Some(text_of(&Frame::Heartbeat));
                }
                _ = stopping.changed() => return,
            }
        }
    }

    /// False when the client is gone, takes nothing any more, or may be told nothing any more.
    async fn send(&mut self, message: Message) -> bool {
        if !self.shared.writer.may_read() {
            return false;
        }
        matches!(tokio::time::timeout(SEND_MAX, self.socket.send(message)).await, Ok(Ok(())))
    }

    /// A frame with all elements. It can be megabytes, so it is made off the event loop.
    async fn everything(&mut self) -> Option<String> {
        let (shared, floor) = (Arc::clone(&self.shared), self.floor);
        let before = std::mem::take(&mut self.shown);
        let work = move || everything(&shared, floor, &before);
        let (text, shown) = tokio::task::spawn_blocking(work).await.ok()?;
        self.shown = shown;
        Some(text)
    }

    /// What a notice means for this client; `None` when nothing.
    fn changes(&mut self, notice: &Notice) -> Option<String> {
        let site = self.shared.site.load();
        let elements = self.shared.elements.read();
        let (mut views, mut gone) = (Vec::new(), Vec::new());
        for (category, mac) in &notice.changed {
            let key = (*category, *mac);
            let tracked = elements.find(*category, *mac);
            match tracked.filter(|tracked| is_on(tracked, self.floor)) {
                Some(tracked) => {
                    self.shown.insert(key);
                    views.push(ElementView::new(*category, *mac, tracked, &site));
                }
                None if self.shown.remove(&key) => gone.push(removed(key)),
                None => {}
            }
        }
        drop(elements);
        let removed =
            notice.removed.iter().filter(|key| self.shown.remove(key)).map(|key| removed(*key));
        gone.extend(removed);
        let is_news = !views.is_empty() || !gone.is_empty();
        is_news.then(|| text_of(&Frame::Elements { elements: views, removed: gone }))
    }
}

fn everything(shared: &Shared, floor: Option<MapId>, before: &Shown) -> (String, Shown) {
    let site = shared.site.load();
    let (mut views, mut shown) = (Vec::new(), Shown::new());
    for (category, mac, tracked) in shared.elements.read().iter() {
        if is_on(tracked, floor) {
            shown.insert((category, mac));
            views.push(ElementView::new(category, mac, tracked, &site));
        }
    }
    let removed = before.difference(&shown).map(|key| removed(*key)).collect();
    (text_of(&Frame::Elements { elements: views, removed }), shown)
}

/// Whether an element is on the watched floor; without one, every element is watched.
fn is_on(tracked: &Tracked, floor: Option<MapId>) -> bool {
    floor.is_none_or(|floor| tracked.position.is_some_and(|position| position.floor == floor))
}

fn text_of(frame: &Frame) -> String {
    serde_json::to_string(frame).unwrap_or_default()
}

fn removed((category, mac): (Category, Mac)) -> Removed {
    Removed { category: category.path(), mac }
}
