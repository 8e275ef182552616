//! `/api/analytics/v1/now`: how many clients there are at this moment, in all and by floor.
//!
//! Programs of the field read `total.totalAll`, `total.totalConnected` and `total.totalDetected`, and
//! of each floor its `area`, the name of its building in `ancestry[0].name`, and
//! `data[0].values.all`. The other keys are ours.

use serde_json::{Value, json};

use super::{Answer, Located, View};

/// Clients that are associated, and those that are not.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    connected: usize,
    detected: usize,
}

/// Answers what comes after `/api/analytics/v1/now`.
pub(super) fn answer<'v>(
    what: &str,
    clients: impl Iterator<Item = Located<'v>>,
    view: &View<'_>,
) -> Option<Answer> {
    let clients: Vec<Located<'v>> =
        clients.filter(|client| view.is_tracked(client.element)).collect();
    let total = Count::of(clients.iter());
    let body = match what {
        "clientCount" => json!({"clientCount": total.all()}),
        "connectedDetected" => json!({
            "total": {
                "total": total.all(),
                "totalAll": total.all(),
                "totalConnected": total.connected,
                "totalDetected": total.detected,
            },
            "results": floors(&clients, view),
        }),
        _ => return None,
    };
    Some(Answer::ok(&body))
}

fn floors(clients: &[Located<'_>], view: &View<'_>) -> Vec<Value> {
    view.maps
        .floors()
        .map(|floor| {
            let id = floor.id();
            let count = Count::of(clients.iter().filter(|it| it.position.floor == id));
            let values = json!({
                "all": count.all(),
                "connected": count.connected,
                "detected": count.detected,
            });
            json!({
                "area": floor.floor.name,
                "areaId": id.to_string(),
                "ancestry": [
                    {"name": floor.building.name, "level": "Building"},
                    {"name": floor.campus.name, "level": "Campus"},
                ],
                "data": [{"values": values}],
            })
        })
        .collect()
}

impl Count {
    fn of<'c, 'v: 'c>(clients: impl Iterator<Item = &'c Located<'v>>) -> Self {
        clients.fold(Self::default(), |count, client| {
            let connected = usize::from(client.element.association.associated);
            Self {
                connected: count.connected + connected,
                detected: count.detected + 1 - connected,
            }
        })
    }

    fn all(self) -> usize {
        self.connected + self.detected
    }
}
