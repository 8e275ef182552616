//! Changes as they happen, over a WebSocket.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::Query;
use axum::extract::State as FromState;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use model::map::MapId;
use model::{Category, Mac};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use utoipa::{IntoParams, ToSchema};

use super::elements::{ElementView, parse_floor};
use super::error::{ApiError, ErrorBody};
use super::{Shared, State};
use crate::tracker::Notice;

/// Nothing of interest comes from a client; a larger message is not ours.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;

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
            "forged",
            "a WebSocket from another site",
        ));
    }
    let floor = query.floor.as_deref().map(parse_floor).transpose()?;
    let watch = move |socket| {
        Watch {
            shared,
            floor,
            shown: HashSet::new(),
            socket,
        }
        .run()
    };
    Ok(upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(watch))
}

/// One client that watches.
struct Watch {
    shared: Arc<Shared>,
    floor: Option<MapId>,
    /// What the client has on its screen.
    shown: HashSet<(Category, Mac)>,
    socket: WebSocket,
}

impl Watch {
    async fn run(mut self) {
        let mut notices = self.shared.notices.subscribe();
        let mut frame = Some(self.everything());
        loop {
            if let Some(frame) = frame.take()
                && self.send(&frame).await.is_err()
            {
                return;
            }
            tokio::select! {
                notice = notices.recv() => match notice {
                    Ok(notice) => frame = self.changes(&notice),
                    Err(RecvError::Lagged(missed)) => {
                        if self.send(&Frame::Lagged { missed }).await.is_err() {
                            return;
                        }
                        frame = Some(self.everything());
                    }
                    Err(RecvError::Closed) => return,
                },
                received = self.socket.recv() => match received {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
            }
        }
    }

    async fn send(&mut self, frame: &Frame) -> Result<(), axum::Error> {
        let text = serde_json::to_string(frame).unwrap_or_default();
        self.socket.send(Message::Text(text.into())).await
    }

    fn everything(&mut self) -> Frame {
        let site = self.shared.site.load();
        let elements = self.shared.elements.read();
        let mut views = Vec::new();
        let before = std::mem::take(&mut self.shown);
        for (category, mac, tracked) in elements.iter() {
            if self
                .floor
                .is_none_or(|floor| tracked.position.is_some_and(|at| at.floor == floor))
            {
                self.shown.insert((category, mac));
                views.push(ElementView::new(category, mac, tracked, &site));
            }
        }
        let removed = before
            .difference(&self.shown)
            .map(|key| removed(*key))
            .collect();
        Frame::Elements {
            elements: views,
            removed,
        }
    }

    /// What a notice means for this client; `None` when nothing.
    fn changes(&mut self, notice: &Notice) -> Option<Frame> {
        let site = self.shared.site.load();
        let elements = self.shared.elements.read();
        let (mut views, mut gone) = (Vec::new(), Vec::new());
        for (category, mac) in &notice.changed {
            let tracked = elements.find(*category, *mac).filter(|tracked| {
                self.floor
                    .is_none_or(|floor| tracked.position.is_some_and(|at| at.floor == floor))
            });
            match tracked {
                Some(tracked) => {
                    self.shown.insert((*category, *mac));
                    views.push(ElementView::new(*category, *mac, tracked, &site));
                }
                None if self.shown.remove(&(*category, *mac)) => {
                    gone.push(removed((*category, *mac)));
                }
                None => {}
            }
        }
        gone.extend(
            notice
                .removed
                .iter()
                .filter(|key| self.shown.remove(key))
                .map(|key| removed(*key)),
        );
        (!views.is_empty() || !gone.is_empty()).then_some(Frame::Elements {
            elements: views,
            removed: gone,
        })
    }
}

fn removed((category, mac): (Category, Mac)) -> Removed {
    Removed {
        category: category.path(),
        mac,
    }
}
