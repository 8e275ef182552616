//! Three days of stays in the building of [`site`](super::site), for tests that count them.

use model::map::MapId;
use model::{Category, Mac, Time};
use presence::Stay;

/// 2026-11-23T00:00Z, a Monday.
pub(crate) const MONDAY: u64 = 1_795_392_000_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

/// A client at a place of the building from some minute of a day on for so many minutes.
pub(crate) fn stay(mac: u64, place: &str, day: u64, from_min: u64, minutes: u64) -> Stay {
    let entered = Time(MONDAY + day * DAY_MS + from_min * 60_000);
    Stay {
        category: Category::WirelessClient,
        mac: Mac::from_u64(mac),
        place: MapId::of(&format!("North>Main>{place}")),
        entered,
        left: entered.plus_ms(minutes * 60_000),
        strongest_dbm: Some(-50),
        is_connected: false,
    }
}

/// Client 1 works there, 2 comes for lunch, 3 comes on Wednesday, 4 passes by.
pub(crate) fn stays() -> Vec<Stay> {
    let connected = |stay| Stay { is_connected: true, ..stay };
    let mut stays = Vec::new();
    for day in 0..3 {
        stays.push(connected(stay(1, "Ground", day, 480, 20)));
        stays.push(connected(stay(1, "Ground>Lobby", day, 480, 15)));
        stays.push(connected(stay(1, "First", day, 501, 239)));
        stays.push(stay(2, "Ground", day, 12 * 60, 40));
        stays.push(stay(2, "Ground>Lobby", day, 12 * 60, 40));
    }
    stays.push(stay(3, "Ground", 2, 9 * 60, 90));
    stays.push(stay(4, "Ground", 2, 9 * 60, 3));
    stays
}
