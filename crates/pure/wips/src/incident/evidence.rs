//! What speaks for a detection, and how sure that makes it.
//!
//! Each kind of evidence has a weight: the chance in a hundred that it was seen because of an attack.
//! Kinds of evidence are taken as independent, so two that are each half sure make three quarters:
//! `1 - (1 - a)(1 - b)`. Weights are ours; they are chosen so that a rate alone stays "medium", as the
//! appliance rates its counters, and so that only what an honest station cannot do is "very high".

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason to believe a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Evidence {
    /// More frames than the threshold of the profile.
    Rate,
    /// More transmitters than the threshold of the profile.
    ManyTransmitters,
    /// Addresses that no vendor gives, such as group addresses.
    ImplausibleAddresses,
    /// Many addresses with one signal strength: one radio.
    OneRadio,
    /// The signal is not that of the radio that the frame names.
    SignalMismatch,
    /// The sequence number does not follow those of the radio that the frame names.
    SequenceMismatch,
    /// The capture has no signal or channel for the frame, but for all others: injected at the sensor.
    Injected,
    /// The victim had to connect again.
    VictimLeft,
    /// Whoever is said to have left goes on sending.
    VictimStayed,
    /// The network protects management frames, and this one is not protected.
    Unprotected,
    /// Requests that nobody answers.
    Unanswered,
    /// An answer to nothing.
    Unasked,
    /// Less protection than others of the name have.
    Downgrade,
    /// What the access point answered shows that it did not want the frames.
    Refused,
    /// Two statements in one name contradict each other.
    Contradiction,
    /// The pattern of a known tool.
    Signature,
    /// What the standard forbids and no honest device does.
    Forbidden,
    /// What the profile calls wrong.
    Policy,
}

impl Evidence {
    /// Every kind, in their order.
    pub const ALL: [Self; 18] = [
        Self::Rate,
        Self::ManyTransmitters,
        Self::ImplausibleAddresses,
        Self::OneRadio,
        Self::SignalMismatch,
        Self::SequenceMismatch,
        Self::Injected,
        Self::VictimLeft,
        Self::VictimStayed,
        Self::Unprotected,
        Self::Unanswered,
        Self::Unasked,
        Self::Downgrade,
        Self::Refused,
        Self::Contradiction,
        Self::Signature,
        Self::Forbidden,
        Self::Policy,
    ];

    /// The chance in a hundred that it comes from an attack.
    fn weight(self) -> u32 {
        match self {
            Self::SequenceMismatch | Self::Refused => 30,
            Self::ManyTransmitters => 40,
            Self::OneRadio | Self::VictimLeft | Self::VictimStayed | Self::Injected => 50,
            Self::Rate
            | Self::SignalMismatch
            | Self::Unprotected
            | Self::Unanswered
            | Self::Unasked
            | Self::Downgrade => 60,
            Self::ImplausibleAddresses => 70,
            Self::Contradiction => 75,
            Self::Signature => 85,
            Self::Forbidden | Self::Policy => 90,
        }
    }
}

/// Several reasons.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct EvidenceSet(u32);

impl EvidenceSet {
    /// These reasons.
    pub fn of(all: &[Evidence]) -> Self {
        all.iter().fold(Self::default(), |set, it| set.with(*it))
    }

    /// And this one.
    #[must_use]
    pub fn with(self, evidence: Evidence) -> Self {
        Self(self.0 | 1 << evidence as u8)
    }

    /// And this one, if it is so.
    #[must_use]
    pub fn with_if(self, is_so: bool, evidence: Evidence) -> Self {
        if is_so { self.with(evidence) } else { self }
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is among them.
    pub fn has(self, evidence: Evidence) -> bool {
        self.0 & 1 << evidence as u8 != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Evidence> {
        Evidence::ALL.into_iter().filter(move |it| self.has(*it))
    }

    /// How sure they make it.
    pub fn fidelity(self) -> Fidelity {
        let doubt =
            self.iter().fold(100.0, |doubt, it| doubt * f64::from(100 - it.weight()) / 100.0);
        Fidelity((100.0 - doubt).round() as u8)
    }
}

impl fmt::Debug for EvidenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for EvidenceSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for EvidenceSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Evidence>::deserialize(deserializer).map(|all| Self::of(&all))
    }
}

/// How sure an incident is, from 0 to 100.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fidelity(pub u8);

impl Fidelity {
    /// The word of the appliance (Adaptive wIPS Deployment Guide): medium begins above a coin toss.
    pub fn word(self) -> &'static str {
        match self.0 {
            90.. => "very high",
            75..=89 => "high",
            50..=74 => "medium",
            _ => "low",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(evidence: &[Evidence], fidelity: u8, word: &str) {
        let found = EvidenceSet::of(evidence).fidelity();
        assert_eq!((found.0, found.word()), (fidelity, word), "{evidence:?}");
    }

    #[test]
    fn evidence_adds_up_and_never_to_more_than_certainty() {
        check(&[], 0, "low");
        check(&[Evidence::Rate], 60, "medium");
        check(&[Evidence::Rate, Evidence::VictimLeft], 80, "high");
        check(&[Evidence::Rate, Evidence::VictimLeft, Evidence::SignalMismatch], 92, "very high");
        check(&Evidence::ALL, 100, "very high");
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = EvidenceSet::of(&[Evidence::Policy, Evidence::Rate]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Evidence::Rate, Evidence::Policy]);
    }
}
