//! Stays: who was at which floor or zone, from when until when.
//!
//! A stay that goes on is written again as far as it got; place, beginning and element name it, and
//! what is known later replaces what was known before. They are read by place and time, so the rows
//! of one place stand together in the order of their beginning, and nothing else is indexed.
//!
//! In a pair they come by entries. A busy site has millions of them, far too many to be hashed each
//! time the nodes compare their states: a hash that is chained over the changes stands for them.
//!
//! Sketch for 20,000 elements at two places each: 133 rows/s written, 200,000 new ones a day of 45
//! bytes. `measure_a_day` in the tests prints the figures of a machine.

use model::map::MapId;
use model::{Category, Mac, Time};
use presence::Stay;
use presence::stays::LOOK_BACK_MS;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{Outcome, Store, StoreError, column_time, damaged, heat, time_column};

/// Most stays of one entry. Ours: 25 KB.
pub const STAYS_BATCH_MAX: usize = 1_000;

impl Store {
    /// Keeps stays in one transaction; each replaces what was known of it.
    pub fn keep_stays(&self, stays: &[Stay]) -> Result<(), StoreError> {
        self.transact(|transaction| Ok(Ok(keep(transaction, stays)?)))
    }

    /// The stays at these places that touch the time from `from` up to `until`, in order of the
    /// places, then of their beginning.
    pub fn stays(
        &self,
        category: Category,
        places: &[MapId],
        from: Time,
        until: Time,
    ) -> Result<Vec<Stay>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT place, entered_ms, mac, category, left_ms, strongest_dbm, is_connected
                 FROM stays WHERE place = ?1 AND entered_ms >= ?2 AND entered_ms < ?3
                 AND left_ms >= ?4 AND category = ?5
                 ORDER BY place, entered_ms, mac, category",
            )?;
            let mut stays = Vec::new();
            for place in places {
                let rows = statement.query_map(
                    params![
                        place.0.cast_signed(),
                        // No stay that touches the time has begun earlier.
                        time_column(from.minus_ms(LOOK_BACK_MS)),
                        time_column(until),
                        time_column(from),
                        category.index() as u32
                    ],
                    stay_from,
                )?;
                for stay in rows {
                    stays.push(stay?);
                }
            }
            Ok(stays)
        })
    }

    /// Removes the stays that began before `before`, and the heat maps of these hours; says how many.
    pub fn prune_analytics(&self, before: Time) -> Result<usize, StoreError> {
        self.run(|connection| Ok(expire(connection, before)? + heat::expire(connection, before)?))
    }
}

/// Whether there are as many as an entry may hold.
pub(crate) fn check(stays: &[Stay]) -> Result<(), StoreError> {
    let is_allowed = (1..=STAYS_BATCH_MAX).contains(&stays.len());
    is_allowed.then_some(()).ok_or_else(|| StoreError::PeerBadValue {
        what: "a batch of stays",
        allowed: format!("1 to {STAYS_BATCH_MAX} stays"),
    })
}

fn keep(connection: &Connection, stays: &[Stay]) -> rusqlite::Result<()> {
    // An unknown strength is `NULL`, and the maximum of it and anything else too.
    let mut insert = connection.prepare_cached(
        "INSERT INTO stays (place, entered_ms, mac, category, left_ms, strongest_dbm, is_connected)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (place, entered_ms, mac, category) DO UPDATE SET
             left_ms = max(left_ms, ?5),
             strongest_dbm = coalesce(max(strongest_dbm, ?6), strongest_dbm, ?6),
             is_connected = max(is_connected, ?7)",
    )?;
    for stay in stays {
        insert.execute(params![
            stay.place.0.cast_signed(),
            time_column(stay.entered),
            stay.mac.to_u64().cast_signed(),
            stay.category.index() as u32,
            time_column(stay.left),
            stay.strongest_dbm,
            stay.is_connected
        ])?;
    }
    Ok(())
}

/// Removes the stays that began before `before`, place by place: there is no index of times alone.
fn expire(connection: &Connection, before: Time) -> rusqlite::Result<usize> {
    let mut next = connection.prepare_cached("SELECT min(place) FROM stays WHERE place > ?1")?;
    let mut remove =
        connection.prepare_cached("DELETE FROM stays WHERE place = ?1 AND entered_ms < ?2")?;
    let (mut place, mut removed) = (-1_i64, 0);
    while let Some(found) = next.query_row([place], |row| row.get::<_, Option<i64>>(0))? {
        place = found;
        removed += remove.execute(params![place, time_column(before)])?;
    }
    Ok(removed)
}

/// Keeps the stays of an entry.
pub(crate) fn apply(connection: &Connection, stays: &[Stay]) -> rusqlite::Result<Outcome> {
    keep(connection, stays)?;
    chain(connection, &digest(stays))?;
    Ok(Outcome::Done)
}

/// Removes stays and heat maps by an entry.
pub(crate) fn apply_expiry(connection: &Connection, before: Time) -> rusqlite::Result<Outcome> {
    chain(connection, &time_column(before).to_le_bytes())?;
    let removed = expire(connection, before)? + heat::expire(connection, before)?;
    Ok(Outcome::Numbered(removed as u64))
}

/// Takes a change of stays or heat maps into the hash that stands for them.
pub(crate) fn chain(connection: &Connection, digest: &[u8]) -> rusqlite::Result<()> {
    let before: Option<[u8; 32]> = connection
        .prepare_cached("SELECT hash FROM analytics_chain")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.unwrap_or_default()).update(digest);
    let hash: [u8; 32] = hasher.finalize().into();
    connection
        .prepare_cached("INSERT OR REPLACE INTO analytics_chain (one, hash) VALUES (1, ?1)")?
        .execute([hash])?;
    Ok(())
}

/// What tells these stays from others, for [`chain`].
fn digest(stays: &[Stay]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for stay in stays {
        let Stay { category, mac, place, entered, left, strongest_dbm, is_connected } = *stay;
        for number in [
            category.index() as u64,
            mac.to_u64(),
            place.0,
            entered.0,
            left.0,
            // No strength is written as one that does not exist.
            i64::from(strongest_dbm.map_or(i16::MIN, i16::from)).cast_unsigned(),
            u64::from(is_connected),
        ] {
            hasher.update(&number.to_le_bytes());
        }
    }
    hasher.finalize().into()
}

fn stay_from(row: &Row<'_>) -> rusqlite::Result<Stay> {
    let category: u32 = row.get(3)?;
    let category = Category::ALL
        .get(category as usize)
        .ok_or_else(|| damaged(3, format!("stays: there is no category {category}")))?;
    Ok(Stay {
        category: *category,
        mac: Mac::from_u64(row.get::<_, i64>(2)?.cast_unsigned()),
        place: MapId(row.get::<_, i64>(0)?.cast_unsigned()),
        entered: column_time(row.get(1)?),
        left: column_time(row.get(4)?),
        strongest_dbm: row.get(5)?,
        is_connected: row.get(6)?,
    })
}

/// Stays as bytes: for entries, with `serde(with)`. People get them in full.
pub(crate) mod packed {
    use model::map::MapId;
    use model::{Category, Mac, Time};
    use presence::Stay;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Without the texts that places and addresses are for people.
    #[derive(Serialize, Deserialize)]
    struct Packed {
        category: Category,
        mac: [u8; 6],
        place: u64,
        entered_ms: u64,
        /// From `entered_ms`, wrapping: every time can be written.
        lasted_ms: u64,
        strongest_dbm: Option<i8>,
        is_connected: bool,
    }

    pub(crate) fn serialize<S: Serializer>(
        stays: &[Stay],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return stays.serialize(serializer);
        }
        serializer.collect_seq(stays.iter().map(|stay| Packed {
            category: stay.category,
            mac: stay.mac.0,
            place: stay.place.0,
            entered_ms: stay.entered.0,
            lasted_ms: stay.left.0.wrapping_sub(stay.entered.0),
            strongest_dbm: stay.strongest_dbm,
            is_connected: stay.is_connected,
        }))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Stay>, D::Error> {
        if from.is_human_readable() {
            return Vec::deserialize(from);
        }
        let packed: Vec<Packed> = Vec::deserialize(from)?;
        let unpack = |packed: Packed| Stay {
            category: packed.category,
            mac: Mac(packed.mac),
            place: MapId(packed.place),
            entered: Time(packed.entered_ms),
            left: Time(packed.entered_ms.wrapping_add(packed.lasted_ms)),
            strongest_dbm: packed.strongest_dbm,
            is_connected: packed.is_connected,
        };
        Ok(packed.into_iter().map(unpack).collect())
    }
}

#[cfg(test)]
mod tests;
