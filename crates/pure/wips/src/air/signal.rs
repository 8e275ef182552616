//! How strongly a radio is heard, and whether a frame is too strong or too weak to be from it.
//!
//! Mean and deviation follow the frames slowly. A frame that strays is not learned from, or an attacker
//! would teach the track his own signal; when all frames stray, the radio has moved, and the track
//! begins anew.

/// Frames that make a track. Ours: a second of beacons.
const LEARNED: u16 = 10;
/// Frames in a row that stray when the radio has moved. Ours: more than alternate with an attacker's.
const MOVED: u8 = 12;
/// Nearer than that to the mean, no frame strays, in dB. Fading indoors has a standard deviation of 3 to
/// 6 dB for a radio that stays (Rappaport), so 10 dB are two to three of them.
const STRAY_DB: f32 = 10.0;
/// Nor within so many mean deviations.
const STRAY_DEVIATIONS: f32 = 4.0;
/// Weight of a frame in the mean.
const WEIGHT: f32 = 0.1;

/// The signal of one radio at one sensor, in dBm.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signal {
    mean: f32,
    deviation: f32,
    count: u16,
    strays: u8,
}

impl Signal {
    /// Learns from a frame that is believed to be of the radio.
    pub(crate) fn learn(&mut self, dbm: f32) {
        if self.is_stray(dbm) {
            self.strays += 1;
            if self.strays < MOVED {
                return;
            }
            *self = Self::default();
        }
        self.strays = 0;
        if self.count == 0 {
            (self.mean, self.deviation) = (dbm, 0.0);
        } else {
            let weight = WEIGHT.max(1.0 / f32::from(self.count + 1));
            let error = dbm - self.mean;
            self.mean += weight * error;
            self.deviation += weight * (error.abs() - self.deviation);
        }
        self.count = self.count.saturating_add(1);
    }

    /// How strong it is, when it was heard at all.
    pub(crate) fn mean_dbm(&self) -> Option<f32> {
        (self.count > 0).then_some(self.mean)
    }

    /// Whether the track is long enough to say something.
    pub(crate) fn is_known(&self) -> bool {
        self.count >= LEARNED
    }

    /// Whether a frame of this strength is from somewhere else.
    pub(crate) fn is_stray(&self, dbm: f32) -> bool {
        let tolerance = STRAY_DB.max(STRAY_DEVIATIONS * self.deviation);
        self.is_known() && (dbm - self.mean).abs() >= tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(strengths: impl IntoIterator<Item = f32>) -> Signal {
        let mut signal = Signal::default();
        strengths.into_iter().for_each(|it| signal.learn(it));
        signal
    }

    #[test]
    fn a_track_that_is_short_says_nothing() {
        assert!(!learned([-30.0; 5]).is_stray(-90.0));
    }

    #[test]
    fn another_radio_strays_and_teaches_nothing() {
        let alternating = (0..400).map(|it| if it % 2 == 0 || it < 20 { -30.0 } else { -50.0 });
        let signal = learned(alternating);
        assert!(signal.is_stray(-50.0) && !signal.is_stray(-32.0));
    }

    #[test]
    fn a_radio_that_moved_is_learned_anew() {
        let signal = learned([-30.0; 50].into_iter().chain([-60.0; 50]));
        assert!(signal.is_stray(-30.0) && !signal.is_stray(-60.0));
    }

    #[test]
    fn fading_widens_what_is_believed() {
        let signal = learned((0..200).map(|it| if it % 2 == 0 { -55.0 } else { -67.0 }));
        assert!(!signal.is_stray(-75.0) && signal.is_stray(-95.0));
    }
}
