//! What it means what clients saw.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::pair::Epoch;
use serde::Serialize;

use crate::lab::Host;
use crate::probes::{Ack, BATCH, Claim, Seen};

/// Claims of one machine that are so far apart belong together. Ours: three questions.
const TOGETHER: Duration = Duration::from_millis(60);

/// What a scenario may cost, in milliseconds. Source: issue 4, "It must show", unless a scenario says otherwise.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a unit ends a number's name")]
pub(crate) struct Limits {
    /// Longest time in which no client is answered; none where nobody can answer.
    pub(crate) gap_ms: Option<u64>,
    /// Longest time in which no row is acknowledged; none where nobody can.
    pub(crate) stall_ms: Option<u64>,
    /// Longest time with two owners of the virtual address.
    pub(crate) two_owners_ms: u64,
}

/// One run of a scenario.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Which one.
    pub scenario: String,
    /// Which run of it, from 1.
    pub run: u32,
    /// Longest time in which no client was answered.
    pub gap_ms: u64,
    /// When that began, since the site was set up.
    pub gap_at_ms: u64,
    /// Longest time in which no row was acknowledged.
    pub stall_ms: u64,
    /// When that began.
    pub stall_at_ms: u64,
    /// Rows that were acknowledged.
    pub acked: u64,
    /// Rows of which clients do not know what became.
    pub unknown: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Rows that were acknowledged and are not there, or not as they were.
    pub missing: u64,
    /// Rows that were acknowledged, where nobody could read afterwards what is there.
    pub unread: u64,
    /// How long two machines answered for the virtual address.
    pub two_owners_ms: u64,
    /// How long two machines had it, whoever could see that.
    pub two_holders_ms: u64,
    /// Acknowledgements that contradict another one.
    pub dual_acks: u64,
    /// Answers that did not know what was acknowledged before they were asked for.
    pub stale: u64,
    /// Median of the gaps, where a scenario does something many times.
    pub gap_p50_ms: Option<u64>,
    /// The same, 99 of 100.
    pub gap_p99_ms: Option<u64>,
    /// Why it was not run at all.
    pub skipped: Option<String>,
    /// What a reader has to know of this run.
    pub note: Option<String>,
    /// What is wrong; nothing when all is well.
    pub problems: Vec<Problem>,
    /// What was done, and when.
    pub marks: Vec<Mark>,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Since the site was set up.
    pub at_ms: u64,
    /// What.
    pub what: String,
}

/// What is wrong with a run, the worst first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Something that was acknowledged is gone.
    Lost,
    /// Two nodes acknowledged, or one answered that did not serve any more.
    Split,
    /// Two machines had the address for too long.
    TwoOwners,
    /// It could not be seen to its end.
    Broken(String),
    /// Clients waited for too long.
    Slow(String),
}

impl Problem {
    /// Whether a promise is broken, rather than a figure missed on a busy machine.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Slow(_))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost => f.write_str("LOST"),
            Self::Split => f.write_str("SPLIT"),
            Self::TwoOwners => f.write_str("TWO OWNERS"),
            Self::Broken(why) => write!(f, "BROKEN: {why}"),
            Self::Slow(why) => write!(f, "slow: {why}"),
        }
    }
}

impl Report {
    /// Whether every promise was kept.
    pub fn is_kept(&self) -> bool {
        !self.problems.iter().any(Problem::is_failure)
    }

    /// What is wrong, in words.
    pub fn verdict(&self) -> String {
        if let Some(reason) = &self.skipped {
            return format!("skipped: {reason}");
        }
        let problems: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        let verdict = if problems.is_empty() { "ok".to_owned() } else { problems.join(", ") };
        match &self.note {
            Some(note) => format!("{verdict} ({note})"),
            None => verdict,
        }
    }

    /// Adds what clients of one group saw between two times, and what could be read afterwards.
    pub(crate) fn add(
        &mut self,
        seen: &Seen,
        (from, to): (Duration, Duration),
        read: &[BTreeMap<u64, (u64, u64)>],
    ) {
        let echoes: Vec<Duration> = seen.echoes.iter().map(|echo| echo.at).collect();
        let acks: Vec<Duration> = seen.acks.iter().map(|ack| ack.at).collect();
        let gaps = [(self.gap_ms, self.gap_at_ms), longest_gap(&echoes, from, to)];
        let stalls = [(self.stall_ms, self.stall_at_ms), longest_gap(&acks, from, to)];
        (self.gap_ms, self.gap_at_ms) = gaps[0].max(gaps[1]);
        (self.stall_ms, self.stall_at_ms) = stalls[0].max(stalls[1]);
        self.acked += seen.acks.len() as u64;
        self.unknown += seen.unknown;
        self.refused += seen.refused;
        if read.is_empty() {
            self.unread += seen.acks.len() as u64;
        }
        let is_there = |ack: &&Ack| {
            let kept = (ack.index, ack.value);
            read.iter().all(|rows| rows.get(&ack.key) == Some(&kept))
        };
        self.missing += (seen.acks.len() - seen.acks.iter().filter(is_there).count()) as u64;
        self.two_owners_ms += two_at_once(&spells(&seen.claims));
        self.two_holders_ms += two_at_once(&held(&seen.held));
        self.dual_acks += contradictions(&seen.acks);
        self.stale += seen.echoes.iter().filter(|echo| echo.is_stale).count() as u64;
    }

    /// Adds the gaps after each of many things that were done.
    pub(crate) fn add_each(&mut self, seen: &Seen, done: &[Duration], end: Duration) {
        let echoes: Vec<Duration> = seen.echoes.iter().map(|echo| echo.at).collect();
        let ends = done.iter().skip(1).chain([&end]);
        let gaps = done.iter().zip(ends).map(|(from, to)| longest_gap(&echoes, *from, *to).0);
        let mut gaps: Vec<u64> = gaps.collect();
        gaps.sort_unstable();
        self.gap_p50_ms = gaps.get(gaps.len() / 2).copied();
        self.gap_p99_ms = gaps.get((gaps.len() * 99).div_ceil(100).saturating_sub(1)).copied();
    }

    /// Compares with what is allowed.
    pub(crate) fn judge(&mut self, limits: Limits) {
        if self.skipped.is_some() {
            return;
        }
        let mut problems = Vec::new();
        problems.extend((self.missing > 0).then_some(Problem::Lost));
        problems.extend((self.dual_acks + self.stale > 0).then_some(Problem::Split));
        let owners_ms = self.two_owners_ms.max(self.two_holders_ms);
        problems.extend((owners_ms > limits.two_owners_ms).then_some(Problem::TwoOwners));
        if self.acked == 0 {
            problems.push(Problem::Broken("nothing was acknowledged".to_owned()));
        }
        for (what, found_ms, limit_ms) in
            [("gap", self.gap_ms, limits.gap_ms), ("stall", self.stall_ms, limits.stall_ms)]
        {
            let limit_ms = limit_ms.filter(|limit_ms| found_ms > *limit_ms);
            problems.extend(
                limit_ms.map(|limit_ms| Problem::Slow(format!("{what} above {limit_ms} ms"))),
            );
        }
        self.problems.extend(problems);
        self.problems.sort();
    }
}

/// The longest time without any of these, between two times, and when it began; in milliseconds.
pub(crate) fn longest_gap(times: &[Duration], from: Duration, to: Duration) -> (u64, u64) {
    let inside = times.iter().copied().filter(|at| (from..to).contains(at));
    let all: Vec<Duration> = [from].into_iter().chain(inside).chain([to]).collect();
    let gaps = all.windows(2).map(|pair| (pair[1].saturating_sub(pair[0]), pair[0]));
    let (gap, at) = gaps.max().unwrap_or_default();
    (gap.as_millis() as u64, at.as_millis() as u64)
}

type Spell = (Duration, Duration);

/// From when to when each machine claimed the address.
fn spells(claims: &[Claim]) -> Vec<Vec<Spell>> {
    let claimants: BTreeSet<[u8; 6]> = claims.iter().map(|claim| claim.by).collect();
    let of = |by: [u8; 6]| {
        let mut spells: Vec<Spell> = Vec::new();
        for claim in claims.iter().filter(|claim| claim.by == by) {
            match spells.last_mut() {
                Some(spell) if claim.at.saturating_sub(spell.1) <= TOGETHER => spell.1 = claim.at,
                _ => spells.push((claim.at, claim.at)),
            }
        }
        spells
    };
    claimants.into_iter().map(of).collect()
}

fn held(held: &[(Host, Vec<Spell>)]) -> Vec<Vec<Spell>> {
    held.iter().map(|(_, spells)| spells.clone()).collect()
}

/// How long any two of them overlapped; a blink counts as a millisecond.
fn two_at_once(all: &[Vec<Spell>]) -> u64 {
    let mut sum = 0;
    for (nth, one) in all.iter().enumerate() {
        for other in &all[nth + 1..] {
            for (from, to) in one {
                for (from_2, to_2) in other {
                    let (from, to) = (from.max(from_2), to.min(to_2));
                    if from <= to {
                        sum += (to.saturating_sub(*from).as_millis() as u64).max(1);
                    }
                }
            }
        }
    }
    sum
}

/// Acknowledgements of an entry of another epoch at the same index, of an index that a later epoch
/// already had, of two nodes in one epoch, or of two batches at one index.
fn contradictions(acks: &[Ack]) -> u64 {
    let mut acks: Vec<&Ack> = acks.iter().collect();
    acks.sort_by_key(|ack| ack.index);
    let mut found = 0;
    let mut writers: BTreeMap<Epoch, Host> = BTreeMap::new();
    let mut before: Option<&Ack> = None;
    for ack in acks {
        let is_shared = *writers.entry(ack.epoch).or_insert(ack.by) != ack.by;
        let is_wrong = before.is_some_and(|before| {
            let is_other = before.epoch != ack.epoch || before.key / BATCH != ack.key / BATCH;
            before.epoch > ack.epoch || (before.index == ack.index && is_other)
        });
        found += u64::from(is_shared || is_wrong);
        before = Some(before.filter(|before| before.epoch > ack.epoch).unwrap_or(ack));
    }
    found
}

#[cfg(test)]
mod tests {
    use model::pair::{Ballot, Seat};

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn ack(key: u64, index: u64, round: u32, by: Host) -> Ack {
        let epoch = Epoch { ballot: Ballot { generation: 1, round, by: Seat::Primary }, run: 1 };
        // Of batches that nobody shares.
        Ack { at: ms(key), key: key * BATCH, value: key, index, epoch, by }
    }

    #[test]
    fn the_longest_gap_counts_from_the_beginning_and_to_the_end() {
        let check = |times: &[u64], expected| {
            let times: Vec<_> = times.iter().map(|at| ms(*at)).collect();
            assert_eq!(longest_gap(&times, ms(100), ms(200)), expected);
        };
        check(&[90, 120, 130, 180, 210], (50, 130));
        check(&[190], (90, 100));
        check(&[110, 111], (89, 111));
        check(&[], (100, 100));
    }

    #[test]
    fn acknowledgements_that_contradict_each_other_are_found() {
        let check = |acks: &[Ack], expected| assert_eq!(contradictions(acks), expected);
        let (a, b) = (Host::A, Host::B);
        check(&[ack(1, 1, 1, a), ack(2, 2, 1, a), ack(3, 3, 2, b), ack(4, 5, 2, b)], 0);
        // One index for two batches, and for two rows of one.
        check(&[ack(1, 1, 1, a), ack(2, 2, 1, a), ack(3, 2, 2, b)], 1);
        let two = Ack { key: BATCH + 1, ..ack(1, 1, 1, a) };
        check(&[ack(1, 1, 1, a), two], 0);
        // The old holder goes on behind the new one's first row.
        check(&[ack(1, 1, 1, a), ack(2, 3, 2, b), ack(3, 4, 1, a), ack(4, 5, 1, a)], 2);
        // Two nodes in one epoch.
        check(&[ack(1, 1, 1, a), ack(2, 2, 1, b)], 1);
    }

    #[test]
    fn two_owners_are_found_and_one_after_the_other_is_none() {
        let claim = |at, by| Claim { at: ms(at), by: [by; 6] };
        let check = |claims: &[Claim], expected| {
            assert_eq!(two_at_once(&spells(claims)), expected);
        };
        check(&[claim(0, 1), claim(20, 1), claim(25, 2), claim(45, 2)], 0);
        check(&[claim(0, 1), claim(20, 2), claim(40, 1), claim(60, 2)], 20);
        check(&[claim(0, 1), claim(20, 2), claim(30, 1)], 1);
        // Away for a while, and back.
        check(&[claim(0, 1), claim(100, 2), claim(200, 1)], 0);
    }

    #[test]
    fn what_was_not_run_is_neither_well_nor_broken() {
        let skipped = Some("no clock can be stepped".to_owned());
        let mut report = Report { skipped, ..Report::default() };
        report.judge(Limits { gap_ms: Some(1), stall_ms: Some(1), two_owners_ms: 0 });
        assert_eq!(report.verdict(), "skipped: no clock can be stepped");
        assert!(report.is_kept());
        let mut report = Report { note: Some("twice".to_owned()), ..Report::default() };
        report.judge(Limits { gap_ms: None, stall_ms: None, two_owners_ms: 0 });
        assert_eq!(report.verdict(), "BROKEN: nothing was acknowledged (twice)");
    }

    #[test]
    fn a_row_is_missing_unless_everybody_has_it_as_it_was() {
        let seen =
            Seen { acks: vec![ack(1, 1, 1, Host::A), ack(2, 2, 1, Host::A)], ..Seen::default() };
        let whole: BTreeMap<u64, (u64, u64)> = [(BATCH, (1, 1)), (2 * BATCH, (2, 2))].into();
        let other: BTreeMap<u64, (u64, u64)> = [(BATCH, (1, 1)), (2 * BATCH, (3, 2))].into();
        for (read, missing) in [(vec![whole.clone()], 0), (vec![whole, other], 1)] {
            let mut report = Report::default();
            report.add(&seen, (ms(0), ms(3)), &read);
            report.judge(Limits { gap_ms: None, stall_ms: None, two_owners_ms: 0 });
            assert_eq!((report.missing, report.is_kept()), (missing, missing == 0));
            assert_eq!(report.unread, 0);
        }
        let mut report = Report::default();
        report.add(&seen, (ms(0), ms(3)), &[]);
        assert_eq!((report.missing, report.unread), (0, 2));
    }
}
