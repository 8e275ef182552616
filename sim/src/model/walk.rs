//! Random walks: long lives of a pair, where the search sees all short ones.
//!
//! A walk goes on for hundreds of steps with every fault there is, any number of times. What it
//! finds is made shorter before it is told: steps that the broken promise does not need are left
//! out, one after the other.

use std::mem::discriminant;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::bounds::Run;
use super::check::{THREADS, Verdict, story};
use super::coverage::Coverage;
use super::moves::{self, Kind, Move};
use super::world::World;
use crate::rng::Rng;

/// Steps of one walk. Ours: after that many a walk has met most of what it will.
const STEPS: usize = 400;
/// Moves that are tried in one walk: in a group that was dissolved, nothing happens any more.
const TRIES: usize = 10 * STEPS;
/// Messages on their way; more are lost, so that old ones do not crowd out what happens.
const MESSAGES_MAX: usize = 40;

/// A step that means the same when others before it are left out.
#[derive(Debug, Clone, Copy)]
struct Stride {
    step: Move,
    /// The message that is delivered.
    message: Option<u64>,
}

/// Walks until the time is over.
pub(super) fn walk(run: &'static Run, coverage: &Arc<Coverage>, time: Duration) -> Verdict {
    let begun = Instant::now();
    let found = Mutex::new(None);
    let is_over = AtomicBool::new(false);
    let steps = AtomicUsize::new(0);
    let walks = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let begin = World::begin(run, coverage);
                while !is_over.load(Ordering::Relaxed) && begun.elapsed() < time {
                    let seed = walks.fetch_add(1, Ordering::Relaxed) as u64;
                    let strides = one(run, coverage, &begin, seed);
                    steps.fetch_add(strides.len(), Ordering::Relaxed);
                    if replay(run, coverage, &begin, &strides).is_some() {
                        is_over.store(true, Ordering::Relaxed);
                        let strides = shorten(run, coverage, &begin, strides);
                        if let Ok(mut found) = found.lock() {
                            *found = replay(run, coverage, &begin, &strides);
                        }
                    }
                }
            });
        }
    });
    let path = found.into_inner().unwrap_or_default();
    Verdict {
        states: steps.load(Ordering::Relaxed),
        transitions: steps.load(Ordering::Relaxed),
        depth: STEPS,
        took: begun.elapsed(),
        is_finished: true,
        counterexample: path.as_deref().map(story),
    }
}

/// One walk: what was done until the end, or until a promise was broken.
fn one(run: &Run, coverage: &Coverage, begin: &World, seed: u64) -> Vec<Stride> {
    let mut dice = Rng::new(seed, 0);
    let mut world = begin.clone();
    let mut strides = Vec::new();
    let mut moves = Vec::new();
    for _ in 0..TRIES {
        if strides.len() >= STEPS || world.flaw.is_some() {
            break;
        }
        while world.net.len() > MESSAGES_MAX {
            let lost = dice.below(world.net.len() as u64) as usize;
            world.net.remove(lost);
        }
        moves.clear();
        moves::moves(run, &world, &mut moves);
        let kind = kind(&mut dice);
        let likely: Vec<Move> = moves.iter().copied().filter(|step| step.kind() == kind).collect();
        if likely.is_empty() {
            continue;
        }
        // First what, then where: there are many ways to deliver, and few to be forced.
        let what = discriminant(&dice.pick(&sorts(&likely)));
        let likely: Vec<Move> =
            likely.into_iter().filter(|step| discriminant(step) == what).collect();
        let step = dice.pick(&likely);
        let message = world.message(step);
        if let Some(next) = world.step(run, coverage, step) {
            strides.push(Stride { step, message });
            world = next;
        }
    }
    strides
}

/// One move of each sort.
fn sorts(moves: &[Move]) -> Vec<Move> {
    let mut sorts: Vec<Move> = Vec::new();
    for step in moves {
        if sorts.iter().all(|other| discriminant(other) != discriminant(step)) {
            sorts.push(*step);
        }
    }
    sorts
}

/// Shares in hundred; ours, so that proposals mostly have the time to be decided.
fn kind(dice: &mut Rng) -> Kind {
    match dice.below(100) {
        0..65 => Kind::Message,
        65..72 => Kind::Proposal,
        72..82 => Kind::Work,
        82..96 => Kind::Progress,
        _ => Kind::Fault,
    }
}

/// The way that the strides lead, if a promise is broken on it; a stride that means nothing any
/// more is left out.
fn replay(
    run: &Run,
    coverage: &Coverage,
    begin: &World,
    strides: &[Stride],
) -> Option<Vec<(World, Option<Move>)>> {
    let mut path = Vec::new();
    let mut world = begin.clone();
    for stride in strides {
        let step = match stride.message {
            Some(message) => world.place(message).and_then(|place| stride.step.at(place)),
            None => Some(stride.step),
        };
        let Some(step) = step else { continue };
        if let Some(next) = world.step(run, coverage, step) {
            path.push((world, Some(step)));
            world = next;
        }
        if world.flaw.is_some() {
            path.push((world, None));
            return Some(path);
        }
    }
    None
}

/// Leaves out what is not needed: ever smaller pieces, then single strides until none can go.
fn shorten(run: &Run, coverage: &Coverage, begin: &World, mut strides: Vec<Stride>) -> Vec<Stride> {
    let mut piece = strides.len() / 2;
    while piece > 0 {
        let mut from = 0;
        let mut is_shorter = false;
        while from < strides.len() {
            let mut fewer = strides.clone();
            fewer.drain(from..(from + piece).min(strides.len()));
            if replay(run, coverage, begin, &fewer).is_some() {
                strides = fewer;
                is_shorter = true;
            } else {
                from += piece;
            }
        }
        if piece > 1 || !is_shorter {
            piece /= 2;
        }
    }
    strides
}
