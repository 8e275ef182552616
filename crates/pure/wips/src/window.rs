//! How often, and by how many: counts over a span of time that moves along.
//!
//! A span is cut into slices; counts of slices that have passed are forgotten. So a window costs a few
//! bytes whatever the rate is, and is right to within one slice.

/// Slices of a window. Ours: a tenth of the span is closer than any threshold is meant.
const SLICES: usize = 10;
/// Bits that stand for addresses. 1,024 keep the error under 5 % up to 1,000 addresses (Whang 1990).
const BITS: usize = 1_024;
const WORDS: usize = BITS / 64;

/// Events of the last `span_us` microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    counts: [u16; SLICES],
    /// Number of the newest slice since the beginning of time.
    slice: u64,
}

impl Window {
    /// Counts one event, and says how many there were in the span.
    pub(crate) fn add(&mut self, now_us: u64, span_us: u64) -> u32 {
        self.advance(now_us, span_us);
        let at = (self.slice % SLICES as u64) as usize;
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        self.sum()
    }

    fn advance(&mut self, now_us: u64, span_us: u64) {
        let slice = now_us / (span_us / SLICES as u64).max(1);
        let passed = slice.saturating_sub(self.slice);
        for step in 1..=passed.min(SLICES as u64) {
            let at = ((self.slice + step) % SLICES as u64) as usize;
            if let Some(count) = self.counts.get_mut(at) {
                *count = 0;
            }
        }
        self.slice = self.slice.max(slice);
    }

    fn sum(&self) -> u32 {
        self.counts.iter().map(|count| u32::from(*count)).sum()
    }
}

/// How many different addresses, roughly, in the last one to two spans: linear counting over a bitmap.
#[derive(Debug, Clone)]
pub(crate) struct Distinct {
    now: [u64; WORDS],
    before: [u64; WORDS],
    epoch: u64,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { now: [0; WORDS], before: [0; WORDS], epoch: 0 }
    }
}

impl Distinct {
    /// Takes note of `key`, and says whether it is new in the span.
    pub(crate) fn add(&mut self, now_us: u64, span_us: u64, key: u64) -> bool {
        self.advance(now_us, span_us);
        let bit = (scattered(key) % BITS as u64) as usize;
        let (word, mask) = (bit / 64, 1_u64 << (bit % 64));
        let was = self.before.get(word).is_some_and(|it| it & mask != 0);
        let Some(it) = self.now.get_mut(word) else { return false };
        let is_new = *it & mask == 0 && !was;
        *it |= mask;
        is_new
    }

    /// How many, roughly, at another time.
    pub(crate) fn count_at(&mut self, now_us: u64, span_us: u64) -> u32 {
        self.advance(now_us, span_us);
        self.count()
    }

    fn advance(&mut self, now_us: u64, span_us: u64) {
        let epoch = now_us / span_us.max(1);
        if epoch > self.epoch {
            self.before = if epoch == self.epoch + 1 { self.now } else { [0; WORDS] };
            self.now = [0; WORDS];
            self.epoch = epoch;
        }
    }

    /// Whether `key` was not seen in the span.
    pub(crate) fn is_new(&self, key: u64) -> bool {
        let bit = (scattered(key) % BITS as u64) as usize;
        let (word, mask) = (bit / 64, 1_u64 << (bit % 64));
        let has = |words: &[u64; WORDS]| words.get(word).is_some_and(|it| it & mask != 0);
        !has(&self.now) && !has(&self.before)
    }

    /// How many, roughly.
    pub(crate) fn count(&self) -> u32 {
        let ones: u32 = self.now.iter().zip(&self.before).map(|(a, b)| (a | b).count_ones()).sum();
        let zeros = (BITS as u32).saturating_sub(ones).max(1);
        (BITS as f64 * (BITS as f64 / f64::from(zeros)).ln()).round() as u32
    }
}

/// A number that depends on every bit of `key`, the same in every run (the finaliser of `SplitMix64`).
pub(crate) fn scattered(key: u64) -> u64 {
    let mut bits = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: u64 = 10_000_000;

    #[test]
    fn a_window_forgets_what_has_passed() {
        let mut window = Window::default();
        for second in 0..10 {
            assert_eq!(window.add(second * 1_000_000, SPAN), second as u32 + 1);
        }
        assert_eq!(window.add(12_500_000, SPAN), 8);
        assert_eq!(window.add(60_000_000, SPAN), 1);
    }

    #[test]
    fn time_that_goes_back_is_counted_as_now() {
        let mut window = Window::default();
        window.add(50_000_000, SPAN);
        assert_eq!(window.add(1, SPAN), 2);
    }

    #[test]
    fn addresses_are_counted_once_and_to_within_a_tenth() {
        let mut distinct = Distinct::default();
        for round in 0..3 {
            for key in 0..500 {
                assert!(round == 0 || !distinct.add(round, SPAN, key));
                distinct.add(round, SPAN, key);
            }
        }
        assert!((450..=550).contains(&distinct.count()), "{}", distinct.count());
    }
}
