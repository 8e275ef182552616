//! How strongly a receiver of the campus hears a sender.
//!
//! Log-distance loss, walls that the straight line crosses, floors between, shadowing that changes
//! slowly from place to place, and fading that is new in every reading. The numbers are those of
//! reference/location.md section 6, so that an engine with its shipped defaults meets a plausible
//! building. There are no reflections, no antenna patterns and no bodies, and of a line between floors
//! only the walls of the receiver's floor count.

use model::geometry::{Point, Segment};
use model::{Band, Dbm};

use super::chance::{normal, share};
use super::world::{Receiver, Storey};

/// Weakest signal that is heard. Ours, typical of Wi-Fi receivers at the lowest rate.
pub(super) const SENSITIVITY: Dbm = Dbm(-92.0);
/// Path loss exponent with the walls drawn (section 6: 2.0 to 2.2).
const EXPONENT: f32 = 2.1;
/// Most that walls take together (section 6).
const WALLS_MAX_DB: f32 = 30.0;
/// What one floor takes (section 6: 15 to 18).
const FLOOR_DB: f32 = 16.0;
/// Deviation of the shadowing. Ours: below the 7-9 dB per AP of real sites (section 1), because the
/// walls are drawn.
const SHADOW_DB: f32 = 4.0;
/// Distance over which the shadowing changes (section 6: 4 m).
const SHADOW_M: f32 = 4.0;
/// Deviation of a radio's sensitivity (section 1: P0 varies by 10 dB between radios; ours, milder).
const RECEIVER_DB: f32 = 2.0;
/// Deviation of the fading of one reading, which is a mean over an interval. Ours.
const FADING_DB: f32 = 2.5;
/// Share of the readings that are lost. Ours.
const LOST: f32 = 0.08;
/// The most that chance can add: the bound of `normal` times the deviations.
const LUCK_MAX_DB: f32 = 3.5 * (SHADOW_DB + RECEIVER_DB + FADING_DB);
/// Height at which things are carried.
const CARRIED_M: f32 = 1.2;

/// A sender at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    pub(super) storey: usize,
    pub(super) point: Point,
    pub(super) band: Band,
    /// How much stronger than usual it sends.
    pub(super) stronger_db: f32,
}

/// Strength at one metre (section 6: -32, -35, -47 dBm).
fn at_one_metre(band: Band) -> f32 {
    match band {
        Band::Ghz2_4 => -32.0,
        Band::Ghz5 | Band::Ghz6 => -35.0,
        Band::Ble => -47.0,
    }
}

/// The strength that `receiver` hears `sender` with on average over a moment; none when it works on
/// other bands, or when not even luck would make it audible.
pub(super) fn mean(
    seed: u64,
    storeys: &[Storey],
    receiver: &Receiver,
    sender: &Sender,
) -> Option<Dbm> {
    if !receiver.bands.contains(&sender.band) {
        return None;
    }
    let (here, there) = (&storeys[receiver.storey], &storeys[sender.storey]);
    if here.building != there.building {
        return None;
    }
    let floors = f32::from(here.level) - f32::from(there.level);
    let rise = floors * here.height_m + receiver.height_m - CARRIED_M;
    let distance = receiver.at.distance(sender.point).hypot(rise).max(1.0);
    let clear = at_one_metre(sender.band) + sender.stronger_db
        - 10.0 * EXPONENT * distance.log10()
        - FLOOR_DB * floors.abs();
    if clear + LUCK_MAX_DB < SENSITIVITY.0 {
        return None;
    }
    let line = Segment { from: receiver.at, to: sender.point };
    let crossed = here.walls.iter().filter(|wall| wall.line.crosses(&line));
    let walls: f32 = crossed.map(|wall| wall.loss_db).sum();
    let ap = receiver.mac.to_u64();
    let gain = RECEIVER_DB * normal([seed, ap, 1]);
    let shadow = SHADOW_DB * smooth([seed, ap, sender.storey as u64], sender.point);
    Some(Dbm(clear - walls.min(WALLS_MAX_DB) + gain + shadow))
}

/// The reading that comes of `mean` this time; none when it is lost or too weak. Whole decibels, as
/// controllers report.
pub(super) fn reading(mean: Dbm, chance: [u64; 4]) -> Option<Dbm> {
    let [seed, element, ap, tick] = chance;
    let heard = (mean.0 + FADING_DB * normal([seed, element, ap, tick])).round();
    let is_lost = share([seed, element, ap, tick, 1]) < LOST;
    (heard >= SENSITIVITY.0 && !is_lost).then_some(Dbm(heard))
}

/// Smooth noise with deviation 1: random values on a lattice, blended between its points.
fn smooth(keys: [u64; 3], at: Point) -> f32 {
    let (u, v) = (at.x / SHADOW_M, at.y / SHADOW_M);
    let blend = |t: f32| t * t * (3.0 - 2.0 * t);
    let (a, b) = (blend(u - u.floor()), blend(v - v.floor()));
    let corners = [
        (0.0, 0.0, (1.0 - a) * (1.0 - b)),
        (1.0, 0.0, a * (1.0 - b)),
        (0.0, 1.0, (1.0 - a) * b),
        (1.0, 1.0, a * b),
    ];
    let [seed, ap, storey] = keys;
    let lattice = |cell: f32| i64::from(cell as i32) as u64;
    let sum: f32 = corners
        .iter()
        .map(|(x, y, weight)| {
            let point = [lattice(u.floor() + x), lattice(v.floor() + y)];
            weight * normal([seed, ap, storey, point[0], point[1]])
        })
        .sum();
    // Independent values blended with weights w have the deviation sqrt(sum w^2): undo it.
    let power: f32 = corners.iter().map(|(_, _, weight)| weight * weight).sum();
    sum / power.sqrt()
}
