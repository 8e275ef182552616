//! Messages on their way: a set without order, from which a message may be taken any number of
//! times, or never.
//!
//! A message stays until it can have no effect any more. Dropping it then takes no behaviour away:
//! the network may lose it anyhow, and nobody would have noticed it.

use ha::{Incarnation, Memory, Message, Record, Standing, Witness};
use model::pair::{Ballot, Epoch, Seat};

use super::bounds::Run;
use super::node::Node;
use super::shared::Shared;

/// A message with its sender and its receiver.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Envelope {
    pub(super) route: Route,
    pub(super) message: Message,
}

/// Who speaks to whom. A message to the witness reaches whatever life it has then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Route {
    /// To this data node from the other one.
    PeerTo(Seat),
    /// To this data node from a life of the witness.
    WitnessTo(Incarnation, Seat),
    /// To the witness from this data node.
    ToWitness(Seat),
}

/// Who is at the ends of the wires, and what may still go wrong.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) run: &'a Run,
    pub(super) nodes: [&'a Node; 2],
    pub(super) witness: &'a Witness,
    /// The witness may forget once more.
    pub(super) may_forget: bool,
    /// A data node may come back without memory.
    pub(super) may_blank: bool,
}

impl Ends<'_> {
    /// Whether delivering the message may ever have an effect.
    pub(super) fn matters(&self, envelope: &Envelope) -> bool {
        let Envelope { route, message } = envelope;
        match *route {
            Route::PeerTo(seat) => self.matters_to_node(seat, None, message),
            Route::WitnessTo(incarnation, seat) => {
                incarnation == self.witness.incarnation()
                    && self.matters_to_node(seat, Some(incarnation), message)
            }
            Route::ToWitness(seat) => self.matters_to_witness(seat, message),
        }
    }

    fn matters_to_node(&self, to: Seat, from: Option<Incarnation>, message: &Message) -> bool {
        let node = self.node(to);
        let peer = self.node(to.peer());
        let replica = &node.replica;
        let record = replica.record();
        let Record { promised, accepted, value, decided, run, .. } = *record;
        let is_forgetful = self.may_blank || record.memory == Memory::Lost;
        let votes = from.is_none_or(|incarnation| incarnation == record.witness);
        match message {
            Message::Hello { life, .. } => {
                let is_current = peer.replica.record().run == life.run;
                is_current && (replica.peer().run < life.run || is_waiting(peer))
            }
            Message::Welcome { run: welcomed, birth, .. } => {
                (*welcomed, *birth) == (run, replica.life().birth) && is_waiting(node)
            }
            Message::Forgotten { run: forgotten, birth, .. } => {
                (*forgotten, *birth) == (run, replica.life().birth)
                    && node.standing() != Standing::Blank
            }
            Message::Prepare { ballot } => {
                is_forgetful || promised < *ballot || self.is_refusable(peer, *ballot)
            }
            Message::Accept { ballot, .. } => {
                is_forgetful
                    || (promised <= *ballot && accepted < *ballot)
                    || self.is_refusable(peer, *ballot)
            }
            Message::Decided { ballot, .. } => {
                is_forgetful
                    || (promised <= *ballot && accepted < *ballot)
                    || (accepted == *ballot && decided < *ballot)
            }
            // One vote besides the own decides, so a vote that did not count never will.
            Message::Promise { ballot, .. } => {
                votes && replica.is_proposing() && promised == *ballot && accepted < *ballot
            }
            Message::Accepted { ballot } => votes && replica.is_proposing() && accepted == *ballot,
            Message::Reject { ballot, .. } => {
                self.run.refusals && replica.is_proposing() && promised == *ballot
            }
            Message::Ask { life } => match from {
                Some(incarnation) => {
                    incarnation.0 == *life
                        && (!self.witness.is_valid() || record.witness != incarnation)
                }
                None => peer.standing() == Standing::Blank,
            },
            Message::Report { .. } => node.standing() == Standing::Blank || self.may_blank,
            Message::Open { session, value: theirs, backup_run, commit, .. } => {
                if *backup_run != run {
                    return self.informs(peer, *session, run);
                }
                if replica.followed() == Some(*session) {
                    return *commit > replica.commit()
                        || (peer.replica.session() == Some(*session)
                            && peer.replica.backup_durable().is_none());
                }
                let may_follow = session.ballot > accepted && session.ballot >= promised;
                may_follow || (session.ballot == accepted && *theirs == value) || self.run.hoards
            }
            Message::Append { session, backup_run, entries, commit } => {
                if *backup_run != run {
                    return self.informs(peer, *session, run);
                }
                if replica.followed() == Some(*session) {
                    let end = replica.log().end().index;
                    let last = entries.last().map_or(0, |entry| entry.position.index);
                    return last > end || *commit > replica.commit();
                }
                session.ballot == accepted
                    || (session.ballot > accepted && session.ballot >= promised)
                    || self.run.hoards
            }
            Message::Ack { session, run: acked, durable } => {
                self.run.hoards
                    || (replica.session() == Some(*session)
                        && *acked >= replica.peer().run
                        && (*acked > replica.peer().run
                            || replica.backup_durable().is_none_or(|seen| seen < *durable)))
            }
            Message::Nack { session, run: denied, known } => {
                let is_news = known.decided == known.accepted && known.accepted > accepted;
                let is_session = replica.session() == Some(*session);
                self.run.refusals
                    && (*denied > replica.peer().run
                        || (*denied == replica.peer().run && (is_session || is_news)))
            }
            Message::Dissolved { .. } => node.standing() != Standing::Dissolved,
            // The member's part.
            Message::Beacon(_)
            | Message::BeaconAck { .. }
            | Message::Abdicate { .. }
            | Message::Leaving { .. }
            | Message::Left { .. }
            | Message::StateHash { .. }
            | Message::Fetch { .. }
            | Message::Fetched { .. } => false,
        }
    }

    fn matters_to_witness(&self, from: Seat, message: &Message) -> bool {
        if !self.run.has_witness {
            return false;
        }
        let node = self.node(from);
        if let Message::Left { incarnation } = message {
            return *incarnation == self.witness.incarnation() && self.witness.is_valid();
        }
        let Some(known) = self.witness.known() else {
            return match message {
                Message::Hello { life, .. } => {
                    life.run == node.replica.record().run && is_waiting(node)
                }
                Message::Ask { .. } => node.standing() == Standing::Blank,
                Message::Prepare { .. } | Message::Accept { .. } | Message::Report { .. } => true,
                _ => false,
            };
        };
        match message {
            Message::Hello { life, .. } => {
                life.run == node.replica.record().run && is_waiting(node)
            }
            Message::Ask { .. } => node.standing() == Standing::Blank,
            Message::Prepare { ballot } => {
                self.may_forget || known.promised < *ballot || self.is_refusable(node, *ballot)
            }
            Message::Accept { ballot, .. } => {
                self.may_forget
                    || (known.promised <= *ballot && known.accepted < *ballot)
                    || self.is_refusable(node, *ballot)
            }
            Message::Decided { ballot, .. } => {
                self.run.witness_learns
                    && ((known.promised <= *ballot && known.accepted < *ballot)
                        || (known.accepted == *ballot && known.decided < *ballot))
            }
            // An answer to an earlier life must mean nothing to the next one.
            Message::Report { .. } => self.may_forget,
            _ => false,
        }
    }

    /// Whether the refusal of a session, meant for another run of the backup, would tell its
    /// holder something.
    fn informs(&self, holder: &Node, session: Epoch, run: u32) -> bool {
        self.run.refusals
            && holder.replica.session() == Some(session)
            && holder.replica.peer().run < run
    }

    /// Whether the refusal of a proposal would make its proposer give up.
    fn is_refusable(&self, proposer: &Node, ballot: Ballot) -> bool {
        let replica = &proposer.replica;
        self.run.refusals && replica.is_proposing() && replica.record().promised == ballot
    }

    fn node(&self, seat: Seat) -> &Node {
        self.nodes[seat as usize]
    }
}

/// Waits to be recognised.
fn is_waiting(node: &Node) -> bool {
    node.standing() == Standing::Arriving
}

/// Adds a message to the set, which is sorted by digest.
///
/// Of the journal's messages only the newest of its kind stays, unless the run hoards them: an
/// older one says less, and could have arrived before the newer one was sent.
pub(super) fn add(run: &Run, net: &mut Vec<Shared<Envelope>>, envelope: &Shared<Envelope>) {
    if !run.hoards {
        net.retain(|other| {
            other.route != envelope.route || !is_superseded(&other.message, &envelope.message)
        });
    }
    let place = net.binary_search_by_key(&envelope.digest(), Shared::digest);
    if let Err(place) = place {
        net.insert(place, envelope.clone());
    }
}

/// Whether the newer message, from the same sender, says all that the older one does.
fn is_superseded(older: &Message, newer: &Message) -> bool {
    match (older, newer) {
        (
            Message::Open { session: one, backup_run: run, .. },
            Message::Open { session: other, backup_run: newer, .. },
        )
        | (
            Message::Append { session: one, backup_run: run, .. },
            Message::Append { session: other, backup_run: newer, .. },
        )
        | (
            Message::Ack { session: one, run, .. },
            Message::Ack { session: other, run: newer, .. },
        ) => one == other && run == newer,
        (Message::Nack { .. }, Message::Nack { .. }) => true,
        _ => false,
    }
}
