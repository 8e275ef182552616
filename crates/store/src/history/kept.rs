//! A row of the history as entries and sealed files keep it: in whole numbers.
//!
//! Lengths are rounded to the centimetre once, by the node that writes the entry. From there on no
//! floating-point number is involved, so two nodes cannot come to different results.

use model::geometry::Point;
use model::map::MapId;
use model::{Category, Mac, Metres, Time};
use serde::{Deserialize, Serialize};

use super::{HistoryRow, cm_column, column_metres};

/// Where one element was at one time, in whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRow {
    /// Which element.
    pub mac: Mac,
    /// Of what kind.
    pub category: Category,
    /// When.
    pub at: Time,
    /// On which floor.
    pub floor: MapId,
    /// Where on it, from the left.
    pub x_cm: i32,
    /// Where on it, from the top.
    pub y_cm: i32,
    /// Radius that holds the truth 95 times in 100.
    pub confidence_cm: i32,
    /// Access point that heard it best.
    pub ap: Option<Mac>,
}

impl From<&HistoryRow> for KeptRow {
    fn from(row: &HistoryRow) -> Self {
        Self {
            mac: row.mac,
            category: row.category,
            at: row.at,
            floor: row.floor,
            x_cm: cm_column(row.point.x),
            y_cm: cm_column(row.point.y),
            confidence_cm: cm_column(row.confidence.0),
            ap: row.ap,
        }
    }
}

impl From<&KeptRow> for HistoryRow {
    fn from(row: &KeptRow) -> Self {
        Self {
            category: row.category,
            mac: row.mac,
            at: row.at,
            floor: row.floor,
            point: Point::new(column_metres(row.x_cm), column_metres(row.y_cm)),
            confidence: Metres(column_metres(row.confidence_cm)),
            ap: row.ap,
        }
    }
}

/// Rows as bytes: for entries and for the tail, with `serde(with)`. People get them in full.
///
/// Floors and access points are written once per batch, times as the distance from the first one:
/// 19 bytes a row instead of 35 (measured).
pub(crate) mod packed {
    use std::collections::BTreeMap;

    use model::map::MapId;
    use model::{Category, Mac, Time};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::KeptRow;

    #[derive(Serialize, Deserialize)]
    struct Packed {
        /// Time of the first row.
        start: u64,
        /// In order of their first row.
        floors: Vec<u64>,
        /// As `floors`.
        aps: Vec<[u8; 6]>,
        rows: Vec<PackedRow>,
    }

    #[derive(Serialize, Deserialize)]
    struct PackedRow {
        mac: [u8; 6],
        category: Category,
        /// From `start`, wrapping: every time can be written.
        after_ms: i64,
        /// Place in `floors`.
        floor: u32,
        x_cm: i32,
        y_cm: i32,
        confidence_cm: i32,
        /// Place in `aps`.
        ap: Option<u32>,
    }

    pub(crate) fn serialize<S: Serializer>(
        rows: &[KeptRow],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return rows.serialize(serializer);
        }
        let start = rows.first().map_or(0, |row| row.at.0);
        let (mut floors, mut aps) = (Places::default(), Places::default());
        let rows = rows.iter().map(|row| PackedRow {
            mac: row.mac.0,
            category: row.category,
            after_ms: row.at.0.wrapping_sub(start).cast_signed(),
            floor: floors.of(row.floor.0),
            x_cm: row.x_cm,
            y_cm: row.y_cm,
            confidence_cm: row.confidence_cm,
            ap: row.ap.map(|ap| aps.of(ap.0)),
        });
        let rows = rows.collect();
        Packed { start, floors: floors.values, aps: aps.values, rows }.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<KeptRow>, D::Error> {
        if from.is_human_readable() {
            return Vec::deserialize(from);
        }
        let Packed { start, floors, aps, rows } = Packed::deserialize(from)?;
        let unpack = |row: PackedRow| {
            let ap = match row.ap {
                None => None,
                Some(place) => Some(Mac(*aps.get(place as usize)?)),
            };
            Some(KeptRow {
                mac: Mac(row.mac),
                category: row.category,
                at: Time(start.wrapping_add(row.after_ms.cast_unsigned())),
                floor: MapId(*floors.get(row.floor as usize)?),
                x_cm: row.x_cm,
                y_cm: row.y_cm,
                confidence_cm: row.confidence_cm,
                ap,
            })
        };
        let rows: Option<Vec<KeptRow>> = rows.into_iter().map(unpack).collect();
        rows.ok_or_else(|| {
            D::Error::custom("a row names a floor or access point that is not there")
        })
    }

    /// Gives each value a place in order of appearance.
    struct Places<T> {
        values: Vec<T>,
        places: BTreeMap<T, u32>,
    }

    impl<T> Default for Places<T> {
        fn default() -> Self {
            Self { values: Vec::new(), places: BTreeMap::new() }
        }
    }

    impl<T: Ord + Copy> Places<T> {
        fn of(&mut self, value: T) -> u32 {
            *self.places.entry(value).or_insert_with(|| {
                self.values.push(value);
                self.values.len() as u32 - 1
            })
        }
    }
}
