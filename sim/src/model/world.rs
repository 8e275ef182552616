//! One state of the model, and what every move makes of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use ha::replica::Input;
use ha::{Change, From, Incarnation, Memory, Message, Record, To, Value, Witness};
use model::pair::{Ballot, Epoch, Position, Seat};

use super::bounds::{Run, Start};
use super::coverage::{Coverage, Milestone};
use super::flaw::Flaw;
use super::moves::Move;
use super::net::{self, Ends, Envelope, Route};
use super::node::{Deed, Node, Outcome, draft};
use super::shared::{Shared, digest};

/// Outcomes that a thread remembers. Ours: about half a gigabyte.
const OUTCOMES_MAX: usize = 400_000;
/// Rounds of deliveries after which the beginning must be at rest. Ours.
const SETTLE_ROUNDS_MAX: usize = 64;

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    nodes: [Shared<Node>; 2],
    witness: Shared<Witness>,
    pub(super) net: Vec<Shared<Envelope>>,
    /// A snapshot on its way: to whom, of which session, and the journal that it stands for.
    pub(super) snapshot: Option<Shared<(Seat, Epoch, Vec<Position>)>>,
    truth: Shared<Truth>,
    pub(super) spent: Spent,
    pub(super) flaw: Option<Flaw>,
}

/// What nobody in the pair knows, but a checker does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Truth(Vec<Reign>);

/// What came to pass within one generation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reign {
    generation: u32,
    acknowledged: Vec<Position>,
    /// The highest ballot that a proposer saw decided.
    chosen: (Ballot, Value),
}

/// What has been used of the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Spent {
    pub(super) crashes: u8,
    pub(super) amnesias: u8,
    pub(super) blanks: u8,
    pub(super) handovers: u8,
    pub(super) forces: u8,
}

thread_local! {
    /// What came of a deed at a node, by both digests and the run's.
    static OUTCOMES: RefCell<Outcomes> = RefCell::new(HashMap::new());
}

/// Nothing where a torn deed would leave out nothing that matters.
type Outcomes = HashMap<(u64, u64, u64), Option<Rc<Remembered>>>;

struct Remembered {
    node: Shared<Node>,
    sent: Vec<Shared<Envelope>>,
    committed: u64,
    chosen: Option<(Ballot, Value)>,
    is_founded: bool,
    flaw: Option<Flaw>,
}

impl World {
    /// The state in which a run begins: a pair that was founded and went its way without faults.
    pub(super) fn begin(run: &Run, coverage: &Coverage) -> Self {
        let outcomes = [
            Node::first(run, Seat::Primary, Record::founder(1, 0), coverage),
            Node::first(run, Seat::Secondary, Record::member(1, 0), coverage),
        ];
        let truth = Truth(vec![Reign::founded(1, Vec::new())]);
        let sent = outcomes.each_ref().map(|outcome| outcome.sent.clone());
        let mut world = Self {
            nodes: outcomes.map(|outcome| Shared::new(outcome.node)),
            witness: Shared::new(Witness::start(Incarnation(1))),
            net: Vec::new(),
            snapshot: None,
            truth: Shared::new(truth),
            spent: Spent::default(),
            flaw: None,
        };
        let mut witness = Witness::clone(&world.witness);
        world.post_of_witness(run, &mut witness);
        world.witness = Shared::new(witness);
        for (seat, sent) in Seat::ALL.into_iter().zip(sent) {
            for (to, message) in sent {
                world.post(run, envelope(seat, to, message));
            }
        }
        world.sweep(run);
        if run.start == Start::Founded {
            return world;
        }
        world.settle(run, coverage);
        if run.start == Start::Pair {
            world = world.after(run, coverage, Move::Attempt(Seat::Primary, Change::Readmit));
            world.settle(run, coverage);
        }
        world
    }

    /// Delivers everything until nothing changes any more.
    fn settle(&mut self, run: &Run, coverage: &Coverage) {
        for _ in 0..SETTLE_ROUNDS_MAX {
            let before = self.clone();
            for envelope in before.net.iter().map(Shared::digest) {
                let place = self.net.iter().position(|other| other.digest() == envelope);
                if let Some(place) = place {
                    *self = self.after(run, coverage, Move::Deliver(place as u16));
                }
            }
            if *self == before {
                return;
            }
        }
    }

    fn after(&self, run: &Run, coverage: &Coverage, step: Move) -> Self {
        self.step(run, coverage, step).unwrap_or_else(|| self.clone())
    }

    /// The state after a move; nothing when it changes nothing or leaves the bounds.
    pub(super) fn step(&self, run: &Run, coverage: &Coverage, step: Move) -> Option<Self> {
        let mut next = self.clone();
        let spent = &mut next.spent;
        match step {
            Move::Attempt(_, Change::Handover) | Move::AttemptTorn(_, Change::Handover, _) => {
                spent.handovers += 1;
            }
            Move::Force(_) | Move::Dissolve(_) => spent.forces += 1,
            Move::Crash(..) => spent.crashes += 1,
            Move::Replace(_) => spent.blanks += 1,
            Move::WitnessForgets => spent.amnesias += 1,
            _ => {}
        }
        if matches!(step, Move::AttemptTorn(..) | Move::DeliverTorn(..)) {
            spent.crashes += 1;
        }
        match step {
            Move::WitnessForgets => {
                let incarnation = Incarnation(1 + u128::from(next.spent.amnesias));
                next.witness = Shared::new(Witness::start(incarnation));
                next.drain_witness(run);
            }
            Move::Snapshot(seat) => {
                let node = self.node(seat);
                let session = node.replica.session()?;
                let journal = node.journal[..node.replica.commit() as usize].to_vec();
                next.snapshot = Some(Shared::new((seat.peer(), session, journal)));
            }
            Move::Install(seat) => {
                let snapshot = self.snapshot.as_ref()?;
                let key = digest(&("install", snapshot.digest()));
                next.undergo(run, coverage, seat, key, || {
                    Deed::Install(snapshot.1, snapshot.2.clone())
                })?;
            }
            Move::Deliver(place) | Move::DeliverTorn(place, _) => {
                let envelope = self.net.get(usize::from(place))?.clone();
                match envelope.route {
                    Route::ToWitness(from) => {
                        if !matches!(step, Move::Deliver(_)) {
                            return None;
                        }
                        let mut witness = Witness::clone(&next.witness);
                        witness.handle(from, &envelope.message);
                        next.witness = Shared::new(witness);
                        next.drain_witness(run);
                    }
                    Route::PeerTo(seat) | Route::WitnessTo(_, seat) => {
                        let sender = match envelope.route {
                            Route::WitnessTo(incarnation, _) => From::Witness(incarnation),
                            _ => From::Peer,
                        };
                        let torn = match step {
                            Move::DeliverTorn(_, effects) => effects,
                            _ => 0,
                        };
                        let key = digest(&(envelope.digest(), torn));
                        next.undergo(run, coverage, seat, key, || {
                            let input = Input::Message(sender, envelope.message.clone());
                            if torn > 0 {
                                Deed::HandleTorn(input, torn)
                            } else {
                                Deed::Handle(input)
                            }
                        })?;
                    }
                }
            }
            step => {
                let (seat, deed) = order(step)?;
                next.undergo(run, coverage, seat, digest(&step), || deed)?;
            }
        }
        next.sweep(run);
        next.judge(coverage);
        let is_within = next.nodes.iter().all(|node| {
            node.replica.record().promised.round <= run.rounds + u32::from(run.start == Start::Pair)
        });
        (is_within && next != *self).then_some(next)
    }

    pub(super) fn node(&self, seat: Seat) -> &Node {
        &self.nodes[seat as usize]
    }

    /// Nobody waits to be told what it once knew.
    pub(super) fn is_memory_whole(&self, run: &Run) -> bool {
        let is_whole = |node: &Shared<Node>| node.replica.record().memory != Memory::Lost;
        self.nodes.iter().all(is_whole) && (self.witness.is_valid() || !run.has_witness)
    }

    /// The message that a move delivers.
    pub(super) fn message(&self, step: Move) -> Option<u64> {
        match step {
            Move::Deliver(place) | Move::DeliverTorn(place, _) => {
                self.net.get(usize::from(place)).map(Shared::digest)
            }
            _ => None,
        }
    }

    /// Where a message is.
    pub(super) fn place(&self, message: u64) -> Option<u16> {
        let place = self.net.binary_search_by_key(&message, Shared::digest);
        place.ok().map(|place| place as u16)
    }

    /// Does something to a data node, and carries its words into the net.
    fn undergo(
        &mut self,
        run: &Run,
        coverage: &Coverage,
        seat: Seat,
        deed_digest: u64,
        deed: impl FnOnce() -> Deed,
    ) -> Option<()> {
        let node = self.nodes[seat as usize].clone();
        let key = (digest(&run.name), node.digest(), deed_digest);
        let known = OUTCOMES.with_borrow(|outcomes| outcomes.get(&key).cloned());
        let outcome = known.unwrap_or_else(|| {
            let outcome = node.undergo(deed(), run, coverage);
            let outcome = outcome.map(|outcome| Rc::new(Self::remembered(seat, outcome)));
            OUTCOMES.with_borrow_mut(|outcomes| {
                if outcomes.len() >= OUTCOMES_MAX {
                    outcomes.clear();
                }
                outcomes.insert(key, outcome.clone());
            });
            outcome
        })?;
        self.nodes[seat as usize] = outcome.node.clone();
        for envelope in &outcome.sent {
            net::add(run, &mut self.net, envelope);
        }
        if let Some(flaw) = &outcome.flaw {
            self.flaw = Some(flaw.clone());
        }
        self.note_truth(seat, &outcome);
        Some(())
    }

    fn remembered(seat: Seat, outcome: Outcome) -> Remembered {
        let Outcome { node, sent, committed, chosen, is_founded, flaw, .. } = outcome;
        let sent = sent.into_iter().map(|(to, message)| envelope(seat, to, message));
        Remembered {
            node: Shared::new(node),
            sent: sent.map(Shared::new).collect(),
            committed,
            chosen,
            is_founded,
            flaw,
        }
    }

    /// Writes down what was acknowledged and decided, and compares it with what was before.
    fn note_truth(&mut self, seat: Seat, outcome: &Remembered) {
        if outcome.committed == 0 && outcome.chosen.is_none() && !outcome.is_founded {
            return;
        }
        let node = self.nodes[seat as usize].clone();
        let mut truth = Truth::clone(&self.truth);
        let generation = node.replica.record().accepted.generation;
        if outcome.is_founded {
            let taken = node.journal[..node.replica.commit() as usize].to_vec();
            // By decree: what an unheard founding of the same generation acknowledged is gone.
            truth.0.retain(|reign| reign.generation != generation);
            truth.0.push(Reign::founded(generation, taken));
        }
        if let Some(reign) = truth.0.iter_mut().find(|reign| reign.generation == generation) {
            let mut flaws = Vec::new();
            if outcome.committed > 0 {
                flaws.extend(reign.commit(&node, outcome.committed));
            }
            if let Some(chosen) = outcome.chosen {
                flaws.extend(reign.choose(chosen));
            }
            self.flaw = self.flaw.take().or(flaws.pop());
        }
        self.truth = Shared::new(truth);
    }

    fn post(&mut self, run: &Run, envelope: Envelope) {
        net::add(run, &mut self.net, &Shared::new(envelope));
    }

    fn drain_witness(&mut self, run: &Run) {
        let mut witness = Witness::clone(&self.witness);
        self.post_of_witness(run, &mut witness);
        self.witness = Shared::new(witness);
    }

    fn post_of_witness(&mut self, run: &Run, witness: &mut Witness) {
        let incarnation = witness.incarnation();
        while let Some((seat, message)) = witness.poll() {
            self.post(run, Envelope { route: Route::WitnessTo(incarnation, seat), message });
        }
    }

    /// Drops what can have no effect any more.
    fn sweep(&mut self, run: &Run) {
        let ends = Ends {
            run,
            nodes: [&self.nodes[0], &self.nodes[1]],
            witness: &self.witness,
            may_forget: self.spent.amnesias < run.amnesias,
            may_blank: self.spent.blanks < run.blanks,
        };
        self.net.retain(|envelope| ends.matters(envelope));
    }

    /// What is true of a state, however it came about.
    fn judge(&mut self, coverage: &Coverage) {
        let [primary, secondary] = &self.nodes;
        if primary.is_sole() && secondary.is_sole() {
            let [one, other] =
                [primary, secondary].map(|node| node.replica.record().accepted.generation);
            if one == other {
                self.flaw = Some(Flaw::Split { generation: one });
            }
        }
        for node in [primary, secondary] {
            if let Some(entry) = self.truth.lacking(node) {
                self.flaw = Some(Flaw::Lost { seat: node.seat(), entry });
            }
        }
        self.truth.reach(primary, secondary, coverage);
    }

    /// The state in one line.
    pub(super) fn line(&self) -> String {
        let mut line = String::new();
        for node in &self.nodes {
            let replica = &node.replica;
            let _ = write!(
                line,
                "{}: {}, {}, log {} durable {} commit {}; ",
                if node.seat() == Seat::Primary { "A" } else { "B" },
                node.standing(),
                replica.record(),
                replica.log().end(),
                replica.log().durable(),
                replica.commit(),
            );
        }
        match self.witness.known() {
            Some(known) => {
                let _ = write!(
                    line,
                    "W{}: promised {} {}@{}",
                    self.witness.incarnation().0,
                    known.promised,
                    known.value,
                    known.accepted
                );
            }
            None => {
                let _ = write!(line, "W{}: asks", self.witness.incarnation().0);
            }
        }
        line
    }

    /// A move in this state, in words.
    pub(super) fn describe(&self, step: Move) -> String {
        match step {
            Move::Deliver(place) | Move::DeliverTorn(place, _) => {
                let Some(envelope) = self.net.get(usize::from(place)) else { return String::new() };
                let (from, to) = match envelope.route {
                    Route::PeerTo(seat) => (seat.peer().to_string(), seat.to_string()),
                    Route::WitnessTo(Incarnation(life), seat) => {
                        (format!("witness {life}"), seat.to_string())
                    }
                    Route::ToWitness(seat) => (seat.to_string(), "witness".to_owned()),
                };
                let torn = match step {
                    Move::DeliverTorn(_, effects) => format!(" (crash after {effects} effects)"),
                    _ => String::new(),
                };
                format!("{from} -> {to}{torn}: {}", brief(&envelope.message))
            }
            step => format!("{step:?}"),
        }
    }
}

impl Reign {
    fn founded(generation: u32, acknowledged: Vec<Position>) -> Self {
        let ballot = Ballot::founding(generation);
        Self { generation, acknowledged, chosen: (ballot, Value::Sole(ballot.by)) }
    }

    /// `node` committed up to `index`.
    fn commit(&mut self, node: &Node, index: u64) -> Option<Flaw> {
        let seat = node.seat();
        let serves = node.standing().serves();
        for place in 0..index as usize {
            let committed = node.journal.get(place).copied();
            match (self.acknowledged.get(place).copied(), committed) {
                (Some(acknowledged), instead) if Some(acknowledged) != instead => {
                    return Some(Flaw::Contradicted { seat, acknowledged, instead });
                }
                (Some(_), _) => {}
                (None, Some(entry)) if serves => self.acknowledged.push(entry),
                (None, _) => return Some(Flaw::Hasty { seat, index: place as u64 + 1 }),
            }
        }
        None
    }

    /// A proposer saw this decided.
    fn choose(&mut self, chosen: (Ballot, Value)) -> Option<Flaw> {
        let before = self.chosen;
        if chosen.0 <= before.0 {
            let is_same = chosen.0 < before.0 || chosen.1 == before.1;
            return (!is_same).then_some(Flaw::Leap { from: before, to: chosen });
        }
        self.chosen = chosen;
        (!before.1.may_become(chosen.1)).then_some(Flaw::Leap { from: before, to: chosen })
    }
}

impl Truth {
    /// An acknowledged entry that a node lacks which would serve without it.
    ///
    /// A holder under PAIR that has been replaced and does not know it may lack something: its
    /// acknowledgements count no more, and leases end its reads.
    fn lacking(&self, node: &Node) -> Option<Position> {
        let record = node.replica.record();
        let reign = self.0.iter().find(|reign| reign.generation == record.accepted.generation)?;
        let is_last = record.accepted >= reign.chosen.0;
        if !node.standing().serves() || !(node.is_sole() || is_last) {
            return None;
        }
        let lacks = |(place, entry): &(usize, &Position)| node.journal.get(*place) != Some(*entry);
        reign.acknowledged.iter().enumerate().find(lacks).map(|(_, entry)| *entry)
    }

    fn reach(&self, primary: &Node, secondary: &Node, coverage: &Coverage) {
        let Some(Reign { acknowledged, .. }) = self.0.last() else { return };
        if acknowledged.is_empty() {
            return;
        }
        if secondary.is_sole() {
            coverage.reach(Milestone::SecondarySoleAfterAcks);
        }
        // The ballot under which an entry was written may have been proposed by the other node
        // (a handover), so this counts takeovers only.
        let by_secondary = |entry: &Position| entry.epoch.ballot.by == Seat::Secondary;
        if acknowledged.iter().any(by_secondary) {
            if secondary.standing().serves() {
                coverage.reach(Milestone::SecondaryAcks);
            }
            if primary.standing().serves() {
                coverage.reach(Milestone::PrimaryRegains);
            }
        }
    }
}

fn order(step: Move) -> Option<(Seat, Deed)> {
    let handle = |seat, input| Some((seat, Deed::Handle(input)));
    match step {
        Move::Attempt(seat, change) => handle(seat, Input::Attempt(change)),
        Move::AttemptTorn(seat, change, effects) => {
            Some((seat, Deed::HandleTorn(Input::Attempt(change), effects)))
        }
        Move::Write(seat) => handle(seat, Input::Write(vec![draft()])),
        Move::Durable(seat) => Some((seat, Deed::Sync)),
        Move::Advance(seat) => handle(seat, Input::Advance { with_backup: false }),
        Move::Freeze(seat) => handle(seat, Input::Freeze),
        Move::Thaw(seat) => handle(seat, Input::Thaw),
        Move::Force(seat) => handle(seat, Input::Force),
        Move::Dissolve(seat) => handle(seat, Input::Dissolve),
        Move::ActAlone(seat) => handle(seat, Input::ActAlone),
        Move::Note(seat) => Some((seat, Deed::Note)),
        Move::Crash(seat, is_applied_lost) => Some((seat, Deed::Crash(is_applied_lost))),
        Move::Replace(seat) => Some((seat, Deed::Replace)),
        Move::Deliver(_)
        | Move::DeliverTorn(..)
        | Move::Snapshot(_)
        | Move::Install(_)
        | Move::WitnessForgets => None,
    }
}

fn envelope(from: Seat, to: To, message: Message) -> Envelope {
    let route = match to {
        To::Peer => Route::PeerTo(from.peer()),
        To::Witness => Route::ToWitness(from),
    };
    Envelope { route, message }
}

/// A message in few words.
fn brief(message: &Message) -> String {
    match message {
        Message::Prepare { ballot } => format!("prepare {ballot}"),
        Message::Promise { ballot, accepted, value } => {
            format!("promise {ballot}, accepted {value}@{accepted}")
        }
        Message::Accept { ballot, value } => format!("accept {value}@{ballot}"),
        Message::Accepted { ballot } => format!("accepted {ballot}"),
        Message::Decided { ballot, value } => format!("decided {value}@{ballot}"),
        Message::Open { session, value, backup_run, base, commit, owed } => format!(
            "open {session} {value} to run {backup_run}, base {}, owed {owed}, commit {commit}",
            base.end()
        ),
        Message::Append { session, backup_run, entries, commit } => {
            let entries: Vec<String> =
                entries.iter().map(|entry| entry.position.to_string()).collect();
            format!("append {session} to run {backup_run} [{}], commit {commit}", entries.join(" "))
        }
        Message::Ack { session, run, durable } => format!("ack {session} run {run}: {durable}"),
        message => format!("{message:?}"),
    }
}
