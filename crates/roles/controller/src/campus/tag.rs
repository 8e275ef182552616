//! What the tags of a campus say about themselves.
//!
//! Batteries run down and are replaced, somebody presses a button now and then, and chokepoints trigger
//! who passes. All but the passages follows from the seed and the time alone.

use model::geometry::Point;
use model::map::Chokepoint;
use model::{Battery, Emergency, Encounter, TagReport, Telemetry, Time};

use super::chance::{hash, normal};

/// How long a tag calls for help once its button was pressed. Ours.
pub(super) const CALL_MS: u64 = 60_000;
/// A chokepoint that has not triggered a tag for so long is met anew (reference/nmsp-mse-cmx.md B.4).
const OUT_OF_RANGE_MS: u64 = 60_000;
/// By how much a tag may be wrong about its battery. Ours.
const TOLERANCE_PERCENT: u8 = 5;
/// How probable a tag thinks that it moves, when it does and when it does not. Ours.
const MOTION_PERCENT: [f32; 2] = [95.0, 5.0];
/// Mean and deviation of the temperature, and how long it stays. Ours: rooms.
const TEMPERATURE_C: (f32, f32) = (21.0, 1.0);
const TEMPERATURE_MS: u64 = 600_000;

/// A tag.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    /// Its chance.
    key: u64,
    battery_ms: u64,
    panic_every_ms: Option<u64>,
    /// Where it was when it was asked last: floor and place.
    place: Option<(usize, Point)>,
    said: TagReport,
}

impl Tag {
    /// A tag whose battery lasts for `battery_ms`, above zero, and whose button is pressed every
    /// `panic_every_ms`, above [`CALL_MS`].
    pub(super) fn new(key: u64, battery_ms: u64, panic_every_ms: Option<u64>) -> Self {
        Self { key, battery_ms, panic_every_ms, place: None, said: TagReport::default() }
    }

    /// What it says at `at`, `elapsed_ms` after the campus began, among these chokepoints of its floor:
    /// something when it is due, and at once when it begins or ends to call for help or a chokepoint
    /// triggers it.
    pub(super) fn says(
        &mut self,
        (at, elapsed_ms): (Time, u64),
        place: Option<(usize, Point)>,
        chokepoints: &[Chokepoint],
        is_due: bool,
    ) -> Option<TagReport> {
        let emergency = self.calls(elapsed_ms).then_some(Emergency::PanicButton);
        let is_triggered = self.meet(at, place, chokepoints);
        let moves = self.place.is_some_and(|was| place != Some(was));
        self.place = place;
        if !is_due && !is_triggered && emergency == self.said.emergency {
            return None;
        }
        self.said.at = at;
        self.said.battery = Some(self.battery(elapsed_ms));
        self.said.emergency = emergency;
        self.said.telemetry = Telemetry {
            motion_percent: Some(MOTION_PERCENT[usize::from(!moves)]),
            temperature_c: Some(self.temperature_c(elapsed_ms)),
            ..Telemetry::default()
        };
        Some(self.said.clone())
    }

    /// Lets the chokepoints in range trigger the tag; whether one did.
    fn meet(
        &mut self,
        at: Time,
        place: Option<(usize, Point)>,
        chokepoints: &[Chokepoint],
    ) -> bool {
        let Some((_, point)) = place else { return false };
        let is_in_range = |it: &&Chokepoint| it.at.distance(point) <= it.range.0;
        let Some(chokepoint) = chokepoints.iter().find(is_in_range) else { return false };
        let name = chokepoint.name.as_str();
        match &mut self.said.encounter {
            Some(encounter)
                if *encounter.chokepoint == *name
                    && at.since_ms(encounter.until) <= OUT_OF_RANGE_MS =>
            {
                encounter.until = at;
            }
            met => *met = Some(Encounter { chokepoint: name.into(), since: at, until: at }),
        }
        true
    }

    /// Nobody replaces all batteries on one day: each began at its own time.
    fn battery(&self, elapsed_ms: u64) -> Battery {
        let age_ms = (hash([self.key, 1]) % self.battery_ms + elapsed_ms) % self.battery_ms;
        let percent = 100 - age_ms * 100 / self.battery_ms;
        Battery { percent: percent as u8, tolerance_percent: TOLERANCE_PERCENT }
    }

    /// The button is pressed once in each interval, at any moment of it that leaves time for the call.
    fn calls(&self, elapsed_ms: u64) -> bool {
        self.panic_every_ms.is_some_and(|every_ms| {
            let (nth, into_ms) = (elapsed_ms / every_ms, elapsed_ms % every_ms);
            let pressed_ms = hash([self.key, 2, nth]) % (every_ms - CALL_MS).max(1);
            (pressed_ms..pressed_ms + CALL_MS).contains(&into_ms)
        })
    }

    fn temperature_c(&self, elapsed_ms: u64) -> f32 {
        let (mean, deviation) = TEMPERATURE_C;
        let differs = normal([self.key, 3, elapsed_ms / TEMPERATURE_MS]);
        ((mean + deviation * differs) * 10.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use model::{BatteryLevel, Metres};

    use super::*;

    const START: Time = Time(1_795_132_800_000);
    const HOUR_MS: u64 = 3_600_000;

    /// What a tag at this place says at these seconds, where it says something.
    fn check(tag: &mut Tag, steps: &[(u64, f32)], is_due: bool, expected: &[Option<(u64, u64)>]) {
        let gate = Chokepoint { name: "Gate".into(), at: Point::new(0.0, 0.0), range: Metres(2.0) };
        let said = steps.iter().map(|(second, x)| {
            let ms = second * 1_000;
            let place = Some((0, Point::new(*x, 0.0)));
            let said =
                tag.says((START.plus_ms(ms), ms), place, std::slice::from_ref(&gate), is_due);
            let met = said?.encounter?;
            Some((met.since.since_ms(START) / 1_000, met.until.since_ms(START) / 1_000))
        });
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_passage_is_one_until_the_tag_was_out_of_range_for_long() {
        let mut tag = Tag::new(1, HOUR_MS, None);
        let steps = [(0, 9.0), (1, 1.0), (2, 2.0), (3, 2.1), (30, 0.0), (91, 0.0)];
        let told = [None, Some((1, 1)), Some((1, 2)), None, Some((1, 30)), Some((91, 91))];
        check(&mut tag, &steps, false, &told);
        check(&mut tag, &[(92, 9.0)], true, &[Some((91, 91))]);
    }

    #[test]
    fn a_battery_sinks_to_its_end_and_is_replaced() {
        let tag = Tag::new(1, 100 * HOUR_MS, None);
        let levels: Vec<u8> = (0..=100).map(|hour| tag.battery(hour * HOUR_MS).percent).collect();
        assert_eq!(levels.first(), levels.last(), "as long as a battery lasts");
        let rises = levels.windows(2).filter(|pair| pair[1] > pair[0]).count();
        assert_eq!(rises, 1, "replaced once");
        let low = |hour: u64| tag.battery(hour * HOUR_MS).level() == BatteryLevel::Low;
        assert_eq!((0..100).filter(|hour| low(*hour)).count(), 19);
    }

    #[test]
    fn the_button_is_pressed_once_in_each_interval() {
        let mut tag = Tag::new(1, HOUR_MS, Some(600_000));
        let seconds = (0..6_000_u64).filter(|second| tag.calls(second * 1_000)).count();
        assert_eq!(seconds, 600, "ten calls of a minute each");
        let far = Some((0, Point::new(9.0, 0.0)));
        let mut said = Vec::new();
        for second in 0..600 {
            let at = (START.plus_ms(second * 1_000), second * 1_000);
            said.extend(tag.says(at, far, &[], false).map(|it| it.emergency));
        }
        assert_eq!(said, [Some(Emergency::PanicButton), None], "it begins and ends at once");
    }
}
