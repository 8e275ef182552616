//! Which floor to answer on, without flapping between two that are about as likely.

use model::map::MapId;

/// The floor of the last estimate and what speaks against it. The caller keeps it per element and
/// hands it in again; without it every estimate chooses its floor afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousFloor {
    /// The floor that was answered.
    pub(crate) floor: MapId,
    /// A floor that was likelier then, though not by enough.
    challenger: Option<MapId>,
}

impl PreviousFloor {
    /// Chooses between the likeliest floor and the `second`, given with the natural logarithm of
    /// the odds against it. The previous floor gives way to clear odds or to the same floor twice
    /// in a row, and at once when it is not even the second.
    pub(crate) fn choose(
        previous: Option<Self>,
        likeliest: MapId,
        second: Option<(MapId, f32)>,
        clear_log_odds: f32,
    ) -> Self {
        if let (Some(previous), Some((second, log_odds))) = (previous, second) {
            let stays = previous.floor == second
                && previous.challenger != Some(likeliest)
                && log_odds <= clear_log_odds;
            if stays {
                return Self { floor: second, challenger: Some(likeliest) };
            }
        }
        Self { floor: likeliest, challenger: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: MapId = MapId(1);
    const THERE: MapId = MapId(2);
    const CLEAR: f32 = 3.0;

    /// `steps` are the likeliest floor, the log-odds against the other one, and the floor to answer.
    fn check(steps: &[(MapId, f32, MapId)]) {
        let mut previous = None;
        for (step, (likeliest, log_odds, expected)) in steps.iter().enumerate() {
            let second = if *likeliest == HERE { THERE } else { HERE };
            let second = Some((second, *log_odds));
            let choice = PreviousFloor::choose(previous, *likeliest, second, CLEAR);
            assert_eq!(choice.floor, *expected, "step {step}");
            previous = Some(choice);
        }
    }

    #[test]
    fn without_a_past_the_likeliest_floor_is_answered() {
        check(&[(THERE, 0.1, THERE)]);
    }

    #[test]
    fn a_floor_that_is_hardly_likelier_has_to_win_twice_in_a_row() {
        check(&[(HERE, 9.0, HERE), (THERE, 1.0, HERE), (THERE, 1.0, THERE)]);
        check(&[(HERE, 9.0, HERE), (THERE, 1.0, HERE), (HERE, 1.0, HERE), (THERE, 1.0, HERE)]);
    }

    #[test]
    fn clear_odds_change_the_floor_at_once() {
        check(&[(HERE, 9.0, HERE), (THERE, 3.1, THERE)]);
    }

    #[test]
    fn a_floor_that_is_not_even_second_gives_way_at_once() {
        let previous = Some(PreviousFloor::choose(None, HERE, None, CLEAR));
        let third = MapId(3);
        let choice = PreviousFloor::choose(previous, THERE, Some((third, 0.1)), CLEAR);
        assert_eq!(choice.floor, THERE);
        assert_eq!(PreviousFloor::choose(previous, THERE, None, CLEAR).floor, THERE);
    }
}
