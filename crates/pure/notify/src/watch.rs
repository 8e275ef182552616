//! The conditions of every element: what each remembers, and who fires when.
//!
//! A condition remembers something of an element only from the moment on that it has to: an element
//! that is outside of every area costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{BatteryLevel, Category, Emergency, Mac, Position, TagReport, Time};

use crate::definition::{Condition, Definition};
use crate::event::{Area, Boundary, EventKind, Subject};

/// An element enters an area when it is inside with more than this probability. Ours: between the
/// two bounds nothing changes, so an element on the edge does not go in and out with each reading.
pub const ENTER_ABOVE: f32 = 0.7;
/// An element leaves an area when it is inside with less than this probability. Ours.
pub const LEAVE_BELOW: f32 = 0.3;
/// Elements that are watched at once. Twice the largest MSE; what is beyond is counted and not watched.
pub const ELEMENTS_MAX: usize = 100_000;
/// Things that all conditions together remember. Ours: 50 MB at most.
pub const STATES_MAX: usize = 1_000_000;

const _: () = assert!(LEAVE_BELOW < ENTER_ABOVE);
const _: () = assert!(ELEMENTS_MAX <= STATES_MAX);

/// An element.
pub(crate) type Key = (Category, Mac);
/// A condition of a definition: the definition's number and the place among its conditions.
pub(crate) type ConditionKey = (u64, usize);

/// What a condition remembers of an element.
#[derive(Debug, Clone, PartialEq)]
enum State {
    /// It is inside.
    Inside,
    /// It went here, and that was told.
    MovedTo(Position),
    /// It is waited for; its absence since it was heard at this time was told.
    Absence { told: Option<Time> },
    /// It is in the area with this path.
    In(Arc<str>),
    /// Whether it is associated.
    Associated(bool),
    /// It was taken up from a history that does not hold whether it is associated.
    Unreported,
    /// What its battery was.
    Battery(BatteryLevel),
    /// It calls for help.
    Calls(Emergency),
    /// This chokepoint triggered it, from this time on.
    Triggered(Arc<str>, Time),
    /// The position with this time was told.
    UpdatedAt(Time),
}

#[derive(Debug)]
struct Remembered {
    state: State,
    /// When this has to be looked at again.
    due: Option<Time>,
}

#[derive(Debug)]
struct Watched {
    subject: Arc<Subject>,
    conditions: BTreeMap<ConditionKey, Remembered>,
}

/// Something that fired.
#[derive(Debug, PartialEq)]
pub(crate) struct Fired {
    pub(crate) definition: u64,
    pub(crate) kind: EventKind,
    pub(crate) subject: Arc<Subject>,
}

/// Every element that a definition is about.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    elements: BTreeMap<Key, Watched>,
    states: usize,
    timers: BTreeSet<(Time, Key, ConditionKey)>,
    /// Elements and conditions that there was no room for.
    overflow: u64,
}

/// Whether what is seen now is told, or only remembered as how things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    Aloud,
    Silent,
}

impl Watch {
    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn overflow(&self) -> u64 {
        self.overflow
    }

    /// The first moment at which time alone makes something fire.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.timers.first().map(|(at, _, _)| *at)
    }

    /// An element as it is now, for these definitions.
    pub(crate) fn observe<'d>(
        &mut self,
        now: Time,
        subject: Arc<Subject>,
        definitions: impl Iterator<Item = (u64, &'d Definition, Telling)>,
        fired: &mut Vec<Fired>,
    ) {
        let key = (subject.element.category, subject.element.mac);
        let mut conditions = match self.elements.remove(&key) {
            Some(watched) => watched.conditions,
            None if self.elements.len() < ELEMENTS_MAX => BTreeMap::new(),
            None => {
                self.overflow += 1;
                return;
            }
        };
        let (mut is_watched, mut room) = (false, STATES_MAX - self.states);
        let before = conditions.len();
        for (number, definition, telling) in definitions {
            if !definition.is_about_elements() || !definition.filter.is_about(key.0, key.1) {
                continue;
            }
            is_watched = true;
            let is_there = definition.filter.matches(&subject);
            for (place, condition) in definition.conditions.iter().enumerate() {
                let condition_key = (number, place);
                let known = conditions.remove(&condition_key);
                if known.is_none() && room == 0 {
                    self.overflow += u64::from(is_there);
                    continue;
                }
                room += usize::from(known.is_some());
                let (was, old_due) = known.map_or((None, None), |it| (Some(it.state), it.due));
                let (state, kind) = if is_there || was == Some(State::Inside) {
                    step(condition, was.clone(), &subject, (now, telling))
                } else {
                    (None, None)
                };
                let due = match &state {
                    Some(State::Absence { told: None }) => match was {
                        // Its timer finds out by itself that it comes too early.
                        Some(State::Absence { told: None }) => old_due,
                        _ => absent_at(condition, &subject),
                    },
                    Some(state) if is_standing(state) => match kind {
                        Some(_) => refresh_at(definition, now),
                        None => old_due,
                    },
                    _ => None,
                };
                if old_due != due {
                    if let Some(at) = old_due {
                        self.timers.remove(&(at, key, condition_key));
                    }
                    if let Some(at) = due {
                        self.timers.insert((at, key, condition_key));
                    }
                }
                if let Some(state) = state {
                    room -= 1;
                    conditions.insert(condition_key, Remembered { state, due });
                }
                if let Some(kind) = kind
                    && telling == Telling::Aloud
                {
                    let subject = Arc::clone(&subject);
                    fired.push(Fired { definition: number, kind, subject });
                }
            }
        }
        self.states = self.states - before + conditions.len();
        if is_watched {
            self.elements.insert(key, Watched { subject, conditions });
        }
    }

    /// Fires what time alone makes fire.
    pub(crate) fn wake<'d>(
        &mut self,
        now: Time,
        definition: impl Fn(u64) -> Option<&'d Definition>,
        fired: &mut Vec<Fired>,
    ) {
        while let Some((at, key, condition_key)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            let (number, place) = condition_key;
            let Some(definition) = definition(number) else { continue };
            let Some(watched) = self.elements.get_mut(&key) else { continue };
            let Some(known) = watched.conditions.get_mut(&condition_key) else { continue };
            let subject = &watched.subject;
            let Some(condition) = definition.conditions.get(place) else { continue };
            let (kind, due) = match (&known.state, absent_at(condition, subject)) {
                (State::Absence { told: None }, Some(absent_at)) if absent_at > now => {
                    (None, Some(absent_at))
                }
                (state, _) => (still(condition, state, subject, now), refresh_at(definition, now)),
            };
            if let State::Absence { told } = &mut known.state
                && kind.is_some()
            {
                *told = Some(subject.element.last_seen);
            }
            known.due = due;
            if let Some(at) = due {
                self.timers.insert((at, key, condition_key));
            }
            if let Some(kind) = kind {
                fired.push(Fired { definition: number, kind, subject: Arc::clone(subject) });
            }
        }
    }

    /// An element is tracked no longer: whose absence is waited for is absent for good, and it has left
    /// where it was.
    pub(crate) fn forget<'d>(
        &mut self,
        now: Time,
        key: Key,
        definition: impl Fn(u64) -> Option<&'d Definition>,
        fired: &mut Vec<Fired>,
    ) {
        let Some(Watched { subject, conditions }) = self.elements.remove(&key) else { return };
        self.states -= conditions.len();
        for (condition_key, Remembered { state, due }) in conditions {
            if let Some(at) = due {
                self.timers.remove(&(at, key, condition_key));
            }
            let (number, place) = condition_key;
            let condition = definition(number).and_then(|it| it.conditions.get(place));
            let kind = condition.and_then(|condition| gone(condition, &state, &subject, now));
            if let Some(kind) = kind {
                fired.push(Fired { definition: number, kind, subject: Arc::clone(&subject) });
            }
        }
    }

    /// Forgets what belongs to definitions that are no longer there.
    pub(crate) fn keep_definitions(&mut self, is_kept: impl Fn(u64) -> bool) {
        self.timers.retain(|(_, _, (number, _))| is_kept(*number));
        for watched in self.elements.values_mut() {
            watched.conditions.retain(|(number, _), _| is_kept(*number));
        }
        self.states = self.elements.values().map(|watched| watched.conditions.len()).sum();
    }
}

/// One condition and one element: what is remembered from now on, and what happened.
fn step(
    condition: &Condition,
    state: Option<State>,
    subject: &Subject,
    (now, telling): (Time, Telling),
) -> (Option<State>, Option<EventKind>) {
    let association = &subject.element.association;
    let tag: Option<&TagReport> = subject.element.tag.as_deref();
    match condition {
        Condition::Containment { area, boundary } => containment(area, *boundary, state, subject),
        Condition::Movement { distance_m } => movement(*distance_m, state, subject),
        Condition::Absence { .. } => {
            let heard_at = subject.element.last_seen;
            let is_absent = absent_at(condition, subject).is_some_and(|at| at <= now);
            let is_told = state == Some(State::Absence { told: Some(heard_at) })
                || (is_absent && telling == Telling::Silent);
            (Some(State::Absence { told: is_told.then_some(heard_at) }), None)
        }
        Condition::AreaChange => area_change(state, subject),
        Condition::Association { associated: wanted } => {
            if !subject.element.is_reported() {
                return (state.or(Some(State::Unreported)), None);
            }
            let is = association.associated;
            let was = match state {
                Some(State::Associated(was)) => was,
                // The first report says how things are.
                Some(State::Unreported) => is,
                // Who was never seen associated has not left the network.
                _ => false,
            };
            (Some(State::Associated(is)), associated(*wanted, (was, is)))
        }
        Condition::Battery { level } => {
            let Some(battery) = tag.and_then(|it| it.battery) else { return (state, None) };
            let is = match &state {
                Some(State::Battery(was)) => battery.level_after(*was),
                _ => battery.level(),
            };
            let is_news = is == *level && state != Some(State::Battery(is));
            (Some(State::Battery(is)), is_news.then_some(EventKind::Battery { level: is }))
        }
        Condition::Emergency { reason } => {
            let calls = tag.and_then(|it| it.emergency);
            let calls = calls.filter(|is| reason.is_none_or(|it| it == *is));
            let Some(reason) = calls else { return (None, None) };
            let is_news = state != Some(State::Calls(reason));
            (Some(State::Calls(reason)), is_news.then_some(EventKind::Emergency { reason }))
        }
        Condition::Chokepoint { name } => {
            let Some(is) = tag.and_then(|it| it.encounter.as_ref()) else { return (state, None) };
            let by: Arc<str> = is.chokepoint.as_ref().into();
            let now = State::Triggered(Arc::clone(&by), is.since);
            let is_meant = name.as_deref().is_none_or(|name| name == &*by);
            let is_news = is_meant && state.as_ref() != Some(&now);
            (Some(now), is_news.then_some(EventKind::Chokepoint { name: by }))
        }
        Condition::LocationUpdate => {
            let Some(at) = subject.element.position.map(|it| it.at) else { return (state, None) };
            let now = State::UpdatedAt(at);
            let is_news = state.as_ref() != Some(&now);
            (Some(now), is_news.then_some(EventKind::LocationUpdate))
        }
        // What the wIPS service sees is told by itself.
        Condition::Incident { .. } | Condition::Rogue { .. } | Condition::SensorSilent => {
            (None, None)
        }
    }
}

fn containment(
    area: &str,
    wanted: Option<Boundary>,
    state: Option<State>,
    subject: &Subject,
) -> (Option<State>, Option<EventKind>) {
    // Who has no position has not left.
    let Some(place) = &subject.place else { return (state, None) };
    let (probability, was_inside) = (place.probability(area), state.is_some());
    let boundary = match was_inside {
        false if probability > ENTER_ABOVE => Boundary::Inside,
        true if probability < LEAVE_BELOW => Boundary::Outside,
        _ => return (state, None),
    };
    let state = (boundary == Boundary::Inside).then_some(State::Inside);
    let is_wanted = wanted.is_none_or(|wanted| wanted == boundary);
    (state, is_wanted.then(|| EventKind::Containment { area: area.into(), boundary }))
}

fn movement(
    trigger_m: f32,
    state: Option<State>,
    subject: &Subject,
) -> (Option<State>, Option<EventKind>) {
    let Some(position) = subject.element.position else { return (state, None) };
    let Some(State::MovedTo(from)) = state else { return (Some(State::MovedTo(position)), None) };
    let moved_m = (from.floor == position.floor).then(|| from.point.distance(position.point));
    if moved_m.is_some_and(|moved_m| moved_m < trigger_m) {
        return (Some(State::MovedTo(from)), None);
    }
    (Some(State::MovedTo(position)), Some(EventKind::Movement { moved_m, trigger_m }))
}

fn area_change(state: Option<State>, subject: &Subject) -> (Option<State>, Option<EventKind>) {
    let Some(place) = &subject.place else { return (state, None) };
    let Some(State::In(from)) = state else {
        return (Some(State::In(place.path(|area| area.probability > ENTER_ABOVE))), None);
    };
    // The zone that it was in keeps it until it has left.
    let is_inside = |area: &Area| {
        let was_in = from.strip_prefix(&*place.floor).and_then(|rest| rest.strip_prefix('>'));
        let bound = if was_in == Some(&*area.zone) { LEAVE_BELOW } else { ENTER_ABOVE };
        area.probability > bound
    };
    let to = place.path(is_inside);
    let kind = (from != to).then(|| EventKind::AreaChange { from, to: Arc::clone(&to) });
    (Some(State::In(to)), kind)
}

/// Whether what a condition remembers is told again after the refresh time.
fn is_standing(state: &State) -> bool {
    matches!(
        state,
        State::Inside | State::Absence { told: Some(_) } | State::Battery(_) | State::Calls(_)
    )
}

/// What holds now that its time has come.
fn still(condition: &Condition, state: &State, subject: &Subject, now: Time) -> Option<EventKind> {
    match (condition, state) {
        (Condition::Absence { .. }, State::Absence { .. }) => {
            Some(EventKind::Absence { absent_ms: now.since_ms(subject.element.last_seen) })
        }
        (Condition::Containment { area, boundary }, State::Inside)
            if *boundary != Some(Boundary::Outside) =>
        {
            let area = area.as_str().into();
            Some(EventKind::Containment { area, boundary: Boundary::Inside })
        }
        (Condition::Battery { level }, State::Battery(is)) if level == is => {
            Some(EventKind::Battery { level: *level })
        }
        (Condition::Emergency { .. }, State::Calls(reason)) => {
            Some(EventKind::Emergency { reason: *reason })
        }
        _ => None,
    }
}

/// What happened to an element that is tracked no longer.
fn gone(condition: &Condition, state: &State, subject: &Subject, now: Time) -> Option<EventKind> {
    match (condition, state) {
        (Condition::Absence { .. }, State::Absence { told: None }) => {
            Some(EventKind::Absence { absent_ms: now.since_ms(subject.element.last_seen) })
        }
        (Condition::Containment { area, boundary }, State::Inside)
            if *boundary != Some(Boundary::Inside) =>
        {
            let area = area.as_str().into();
            Some(EventKind::Containment { area, boundary: Boundary::Outside })
        }
        (Condition::Association { associated: wanted }, State::Associated(was)) => {
            associated(*wanted, (*was, false))
        }
        _ => None,
    }
}

/// What is told of somebody who was associated or not, and now is or is not.
fn associated(wanted: Option<bool>, (was, is): (bool, bool)) -> Option<EventKind> {
    let is_told = was != is && wanted.is_none_or(|wanted| wanted == is);
    is_told.then_some(EventKind::Association { associated: is })
}

/// When an element that is not heard again is absent, for a condition that asks.
fn absent_at(condition: &Condition, subject: &Subject) -> Option<Time> {
    let Condition::Absence { minutes } = condition else { return None };
    Some(subject.element.last_seen.plus_ms(minutes.saturating_mul(60_000)))
}

fn refresh_at(definition: &Definition, now: Time) -> Option<Time> {
    (definition.refresh_min > 0).then(|| now.plus_ms(definition.refresh_min.saturating_mul(60_000)))
}
