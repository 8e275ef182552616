//! What the runs have seen: which transitions were taken, and whether anything happened at all.
//!
//! A search that proves everything because nothing ever happens is worth nothing.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use ha::{Standing, Step, Trigger, Verb};

/// What should happen in some run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Milestone {
    /// The secondary became sole holder after something had been acknowledged.
    SecondarySoleAfterAcks,
    /// The secondary acknowledged.
    SecondaryAcks,
    /// The primary serves again after the secondary acknowledged.
    PrimaryRegains,
}

/// What one or more runs have seen.
#[derive(Debug)]
pub struct Coverage {
    steps: Vec<AtomicBool>,
    milestones: [AtomicBool; Milestone::ALL.len()],
}

impl Milestone {
    const ALL: [Self; 3] =
        [Self::SecondarySoleAfterAcks, Self::SecondaryAcks, Self::PrimaryRegains];

    fn name(self) -> &'static str {
        match self {
            Self::SecondarySoleAfterAcks => "the secondary became sole holder after acks",
            Self::SecondaryAcks => "the secondary acknowledged",
            Self::PrimaryRegains => "the primary regained after the secondary acknowledged",
        }
    }
}

impl Default for Coverage {
    fn default() -> Self {
        let places = Standing::ALL.len() * Trigger::ALL.len() * Standing::ALL.len();
        Self {
            steps: (0..places).map(|_| AtomicBool::new(false)).collect(),
            milestones: Default::default(),
        }
    }
}

impl Coverage {
    pub(super) fn note(&self, step: Step) {
        if let Some(place) = place(step.from, step.trigger, step.to) {
            self.steps[place].store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn reach(&self, milestone: Milestone) {
        let seen = &self.milestones[milestone as usize];
        if !seen.load(Ordering::Relaxed) {
            seen.store(true, Ordering::Relaxed);
        }
    }

    fn was_taken(&self, from: Standing, trigger: Trigger, to: Standing) -> bool {
        place(from, trigger, to).is_some_and(|place| self.steps[place].load(Ordering::Relaxed))
    }

    /// Standings that no run has reached, and milestones that none has passed.
    pub fn missing(&self) -> Vec<String> {
        let is_reached = |standing| {
            Standing::ALL.into_iter().any(|from| {
                Trigger::ALL.into_iter().any(|trigger| {
                    self.was_taken(from, trigger, standing)
                        || self.was_taken(standing, trigger, from)
                })
            })
        };
        let standings = Standing::ALL
            .into_iter()
            .filter(|standing| !is_reached(*standing))
            .map(|standing| format!("standing never reached: {standing}"));
        let milestones = Milestone::ALL
            .into_iter()
            .filter(|milestone| !self.milestones[*milestone as usize].load(Ordering::Relaxed))
            .map(|milestone| format!("never happened: {}", milestone.name()));
        standings.chain(milestones).collect()
    }

    /// The rows that were met, where they led, and where the table says they may lead besides.
    pub fn report(&self) -> String {
        let mut page = String::new();
        for trigger in Trigger::ALL {
            for from in Standing::ALL {
                let row = ha::rule(from, trigger);
                if row.verb != Verb::Act {
                    continue;
                }
                let taken = |to: &Standing| self.was_taken(from, trigger, *to);
                if !Standing::ALL.iter().any(taken) {
                    let _ = writeln!(page, "{from}, {trigger}: never met");
                    continue;
                }
                let (seen, never): (Vec<Standing>, Vec<Standing>) =
                    row.next.iter().copied().partition(taken);
                let _ = writeln!(
                    page,
                    "{from}, {trigger}: led to {}; never to {}",
                    names(&seen),
                    names(&never)
                );
            }
        }
        page
    }
}

fn names(standings: &[Standing]) -> String {
    if standings.is_empty() {
        return "-".to_owned();
    }
    standings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn place(from: Standing, trigger: Trigger, to: Standing) -> Option<usize> {
    let standing = |wanted| Standing::ALL.iter().position(|standing| *standing == wanted);
    let trigger = Trigger::ALL.iter().position(|other| *other == trigger)?;
    Some((standing(from)? * Trigger::ALL.len() + trigger) * Standing::ALL.len() + standing(to)?)
}
