//! Stays become visits when somebody asks, and visits tell who is a visitor.
//!
//! CMX calls a device a visitor that is connected, or that was heard better than a threshold for at
//! least some minutes, and a passer-by otherwise. Its exact rules are not published; ours are these,
//! with its defaults.

use model::{Dbm, Time};

use crate::{Element, Stay};

/// Breaks up to this long do not end a visit. Ours: the length of a silence that does not end a stay.
pub const BREAK_MS: u64 = crate::stays::SILENT_MS;

/// Who is a visitor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Who is not connected must be there for this long.
    pub dwell_ms: u64,
    /// Who is not connected must be heard this well at least once.
    pub strongest: Dbm,
}

impl Default for Rules {
    /// 5 minutes and -65 dBm, as CMX is delivered.
    fn default() -> Self {
        Self { dwell_ms: 5 * 60_000, strongest: Dbm(-65.0) }
    }
}

/// What an element is to a place; a higher one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Was there, too briefly or too far away.
    PasserBy,
    /// Was there.
    Visitor,
    /// Was there and connected, which makes a visitor too.
    Connected,
}

/// An element was at the places that are asked about, with short breaks only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// Whose visit.
    pub element: Element,
    /// When it began.
    pub from: Time,
    /// When it ended.
    pub until: Time,
    /// How long the element was there, breaks left out.
    pub dwell_ms: u64,
    /// The strongest reading, in whole dBm.
    pub strongest_dbm: Option<i8>,
    /// Whether the element was ever associated.
    pub is_connected: bool,
}

impl Visit {
    /// What the visit makes of the element.
    pub fn standing(&self, rules: &Rules) -> Standing {
        let is_heard = self.strongest_dbm.is_some_and(|it| f32::from(it) >= rules.strongest.0);
        if self.is_connected {
            Standing::Connected
        } else if is_heard && self.dwell_ms >= rules.dwell_ms {
            Standing::Visitor
        } else {
            Standing::PasserBy
        }
    }
}

/// The visits of stays at the places that are asked about, ordered by element and time. Stays of one
/// element may overlap; time that is in two of them counts once.
pub fn visits(mut stays: Vec<Stay>) -> Vec<Visit> {
    stays.sort_unstable_by_key(|stay| (stay.category, stay.mac, stay.entered, stay.left));
    let mut visits: Vec<Visit> = Vec::new();
    for stay in &stays {
        match visits.last_mut() {
            Some(visit)
                if visit.element == stay.element()
                    && stay.entered.since_ms(visit.until) <= BREAK_MS =>
            {
                visit.dwell_ms += stay.left.since_ms(stay.entered.max(visit.until));
                visit.until = visit.until.max(stay.left);
                visit.strongest_dbm = visit.strongest_dbm.max(stay.strongest_dbm);
                visit.is_connected |= stay.is_connected;
            }
            _ => visits.push(Visit {
                element: stay.element(),
                from: stay.entered,
                until: stay.left,
                dwell_ms: stay.left.since_ms(stay.entered),
                strongest_dbm: stay.strongest_dbm,
                is_connected: stay.is_connected,
            }),
        }
    }
    visits
}

#[cfg(test)]
pub(crate) mod tests;
