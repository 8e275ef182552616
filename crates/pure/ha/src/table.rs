//! The transition table of a data node: (standing, trigger) -> (act or not, next standings, why).
//!
//! It is one exhaustive `match`: a pair without a row does not compile. [`crate::Replica`] asks it
//! before it does anything, the model check and the simulator compare every step with it, and
//! `docs/ha.md` carries the table and the diagram that are made from it.
//!
//! Timers are not in it: anything may come at any time, and the table keeps the pair safe all the
//! same. [`crate::Member`] decides when something is tried.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::value::Change;

/// What a data node may do, as its register, its memory and its peers leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    /// Has just started; waits until its peer or the witness recognises it.
    Arriving,
    /// Has lost its memory: no vote, no service.
    Blank,
    /// Votes again, but its log is not complete yet.
    Rebuilding,
    /// Serves; every acknowledgement needs the backup.
    PairHolder,
    /// Serves; may acknowledge alone.
    SoleHolder,
    /// Serves what was accepted, accepts nothing new: about to hand over.
    Frozen,
    /// The register names this node, but it is not known to be decided: serves nobody.
    Claimant,
    /// Backup that has everything: may take over.
    Standby,
    /// Backup that may lack something: may not take over.
    Outdated,
    /// The register names the peer, but it is not known to be decided.
    Doubtful,
    /// Has dissolved the group, and serves without a pair.
    Alone,
    /// The group was dissolved by the peer; there is no pair any more.
    Dissolved,
}

/// What happens to a data node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trigger {
    /// The process starts on its disk.
    Restart,
    /// The peer or the witness recognised this node.
    Recognised,
    /// Nobody has answered a sole holder that has started.
    Alone,
    /// A peer, the witness or the own disk shows that this node has lost its memory.
    Forgotten,
    /// All others told what they know.
    Recalled,
    /// The log has everything that the holder acknowledged.
    Complete,
    /// A change is to be proposed.
    Attempt(Change),
    /// A proposer asks for a promise.
    Prepare,
    /// A quorum has promised.
    Promised,
    /// A proposer asks to accept a value.
    Accept,
    /// A quorum has accepted.
    Chosen,
    /// Somebody tells a decided value.
    Decided,
    /// A client writes.
    Write,
    /// A holder opens its session.
    Open,
    /// A holder sends entries.
    Append,
    /// The backup says what it has on disk.
    Ack,
    /// A snapshot of the holder is ready to replace log and state.
    Install,
    /// Drain before a handover.
    Freeze,
    /// Go on after all.
    Thaw,
    /// An operator makes this node sole holder by decree.
    Force,
    /// A message of a higher generation: an operator forced somebody else.
    Newer,
    /// An operator dissolves the group.
    Dissolve,
    /// The peer says that the group was dissolved.
    Dissolved,
}

/// What the node does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It acts.
    Act,
    /// Nothing: the event means nothing here.
    Ignore,
    /// It says no, with the reason.
    Refuse,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What the node does.
    pub verb: Verb,
    /// Where that may lead, besides staying.
    pub next: &'static [Standing],
    /// Why.
    pub reason: &'static str,
}

use Standing::{
    Alone, Arriving, Blank, Claimant, Dissolved, Doubtful, Frozen, Outdated, PairHolder,
    Rebuilding, SoleHolder, Standby,
};

/// After a value was accepted that is not known to be decided.
const IN_DOUBT: &[Standing] = &[Claimant, Doubtful];
/// After a value became known to be decided.
const DECIDED: &[Standing] = &[PairHolder, SoleHolder, Standby, Outdated];
/// After the register was found to name the peer.
const BACKUP: &[Standing] = &[Standby, Outdated];
/// A higher generation ends whatever was; one's own that one does not know is lost memory.
const ABDICATED: &[Standing] = &[Rebuilding, Blank];

const fn act(next: &'static [Standing], reason: &'static str) -> Rule {
    Rule { verb: Verb::Act, next, reason }
}

const fn ignore(reason: &'static str) -> Rule {
    Rule { verb: Verb::Ignore, next: &[], reason }
}

const fn refuse(reason: &'static str) -> Rule {
    Rule { verb: Verb::Refuse, next: &[], reason }
}

/// The row of a standing and a trigger.
pub fn rule(standing: Standing, trigger: Trigger) -> Rule {
    match trigger {
        Trigger::Restart => restart(standing),
        Trigger::Recognised
        | Trigger::Alone
        | Trigger::Forgotten
        | Trigger::Recalled
        | Trigger::Complete => memory(standing, trigger),
        Trigger::Attempt(change) => attempt(standing, change),
        Trigger::Prepare
        | Trigger::Promised
        | Trigger::Accept
        | Trigger::Chosen
        | Trigger::Decided => register(standing, trigger),
        Trigger::Write => write(standing),
        Trigger::Open | Trigger::Append | Trigger::Ack | Trigger::Install => {
            replication(standing, trigger)
        }
        Trigger::Freeze | Trigger::Thaw => drain(standing, trigger),
        Trigger::Force | Trigger::Newer | Trigger::Dissolve | Trigger::Dissolved => {
            decree(standing, trigger)
        }
    }
}

fn restart(standing: Standing) -> Rule {
    match standing {
        Blank => ignore("lost memory stays lost"),
        Alone | Dissolved => ignore("it stays dissolved"),
        Arriving | Rebuilding | PairHolder | SoleHolder | Frozen | Claimant | Standby
        | Outdated | Doubtful => {
            act(&[Arriving, Blank], "waits until its peer or the witness recognises it")
        }
    }
}

fn memory(standing: Standing, trigger: Trigger) -> Rule {
    match (standing, trigger) {
        (Arriving, Trigger::Recognised) => act(
            &[PairHolder, SoleHolder, Claimant, Standby, Outdated, Doubtful, Rebuilding],
            "goes on where its register stands",
        ),
        (_, Trigger::Recognised) => ignore("it is known already"),
        (Arriving, Trigger::Alone) => act(
            &[SoleHolder],
            "if its register says SOLE(self), nobody else may act: it need not wait for ever",
        ),
        (_, Trigger::Alone) => ignore("it does not wait"),
        (Alone | Dissolved, _) => ignore("there is no pair any more"),
        (Blank, Trigger::Forgotten) => ignore("known already"),
        (_, Trigger::Forgotten) => act(&[Blank], "who forgot what it promised may not vote"),
        (Blank, Trigger::Recalled) => act(
            &[Rebuilding],
            "whatever it promised for another proposer, that proposer promised on its own disk",
        ),
        (_, Trigger::Recalled) => ignore("its own memory is better"),
        (Rebuilding, Trigger::Complete) => act(
            &[PairHolder, SoleHolder, Claimant, Standby, Outdated, Doubtful],
            "everything that was acknowledged is in its log",
        ),
        (Arriving | Blank, _) => ignore("first it must be known, or know"),
        (_, _) => ignore("its log is complete already"),
    }
}

fn attempt(standing: Standing, change: Change) -> Rule {
    match (standing, change) {
        (Arriving, _) => refuse("nobody has recognised this node since it started"),
        (Blank, _) => refuse("this node has lost its memory"),
        (Rebuilding, Change::Confirm) => act(&[], "it merely learns"),
        (Rebuilding, _) => refuse("the log of this node is not complete"),
        (Alone | Dissolved, _) => refuse("there is no pair any more"),
        (PairHolder, Change::Shrink | Change::Disarm) => act(&[], "it has all data"),
        (PairHolder, Change::Readmit) => refuse("the backup is in already"),
        (SoleHolder, Change::Readmit) => {
            act(&[], "only if the backup has everything when the value is chosen")
        }
        (SoleHolder, Change::Shrink | Change::Disarm) => refuse("it is alone already"),
        (PairHolder | SoleHolder, Change::Handover) => refuse("freeze first"),
        (Frozen, Change::Handover) => act(&[], "drained, so that the backup has the whole log"),
        (Frozen, Change::Shrink | Change::Readmit | Change::Disarm) => refuse("thaw first"),
        (Claimant, Change::Shrink | Change::Confirm)
        | (Standby | Outdated | Doubtful, Change::Confirm) => {
            act(&[], "finds out what was decided")
        }
        (Claimant, Change::Readmit | Change::Handover | Change::Disarm) => {
            refuse("what it holds is in doubt")
        }
        (Standby | Doubtful, Change::Takeover) => {
            act(&[], "from PAIR only: then the log here has all that was acknowledged")
        }
        (PairHolder | SoleHolder | Frozen | Claimant, Change::Takeover) => {
            refuse("the register names this node already")
        }
        (PairHolder | SoleHolder | Frozen, Change::Confirm) => refuse("nothing is in doubt"),
        (Outdated, Change::Takeover) => {
            refuse("the other node may have acknowledged alone; only an operator may force this")
        }
        (
            Standby | Outdated | Doubtful,
            Change::Shrink | Change::Readmit | Change::Handover | Change::Disarm,
        ) => refuse("the register names the other node"),
    }
}

fn register(standing: Standing, trigger: Trigger) -> Rule {
    match (standing, trigger) {
        (Arriving, _) => ignore("votes only when it is recognised"),
        (Blank, _) => ignore("who forgot what it promised may not vote"),
        (Alone | Dissolved, _) => ignore("there is no pair any more"),
        (_, Trigger::Prepare) => {
            act(&[], "promised on disk first; a mere promise does not stop acknowledgements")
        }
        (Rebuilding, _) => act(&[], "it votes, and stays what it is until its log is complete"),
        (SoleHolder, Trigger::Promised) => {
            act(&[Claimant], "the others may say anything: nobody but it can leave SOLE(self)")
        }
        (SoleHolder, _) => act(&[], "goes on: nobody but it can leave SOLE(self)"),
        (Frozen, Trigger::Promised | Trigger::Accept) => act(
            &[Claimant, Doubtful, SoleHolder],
            "a sole holder goes on; otherwise what it holds is in doubt",
        ),
        (_, Trigger::Promised) => {
            act(IN_DOUBT, "accepted on its own disk before anybody is asked to accept")
        }
        (_, Trigger::Accept) => act(IN_DOUBT, "accepted on disk before it is said"),
        (PairHolder, Trigger::Decided) => {
            act(BACKUP, "adopted unless a higher ballot was promised")
        }
        (_, Trigger::Decided) => act(DECIDED, "adopted unless a higher ballot was promised"),
        (Claimant | Doubtful, _) => {
            act(DECIDED, "two of three have accepted: noted on disk before it is acted on")
        }
        (_, _) => ignore("it proposes nothing"),
    }
}

fn write(standing: Standing) -> Rule {
    match standing {
        PairHolder | SoleHolder | Alone => act(&[], "acknowledged when it is safe, never before"),
        Frozen => refuse("about to hand over; ask again in a moment"),
        Claimant => refuse("what it holds is in doubt"),
        Standby | Outdated | Doubtful => refuse("the other node serves"),
        Arriving => refuse("nobody has recognised this node since it started"),
        Blank => refuse("this node has lost its memory"),
        Rebuilding => refuse("the log of this node is not complete"),
        Dissolved => refuse("there is no pair any more"),
    }
}

fn replication(standing: Standing, trigger: Trigger) -> Rule {
    match (standing, trigger) {
        (Arriving, _) => ignore("waits to be recognised"),
        (Blank, _) => ignore("first it must know what was promised"),
        (Alone | Dissolved, _) => ignore("there is no pair any more"),
        (Rebuilding | Standby | Outdated, Trigger::Install) => {
            act(&[Rebuilding], "only from the session that it follows, and only if it brings more")
        }
        (_, Trigger::Install) => ignore("it follows nobody"),
        (PairHolder | SoleHolder | Frozen, Trigger::Ack) => {
            act(&[], "counts in the session it names, from the backup's present run")
        }
        (_, Trigger::Ack) => ignore("it does not hold a session"),
        (SoleHolder, _) => act(&[], "denies it: nobody but it can leave SOLE(self)"),
        (PairHolder | Frozen | Claimant | Doubtful, Trigger::Open) => {
            act(BACKUP, "a decided session of the peer ends what was here")
        }
        (Rebuilding | Standby | Outdated, Trigger::Open) => {
            act(BACKUP, "the log follows the holder of an accepted session")
        }
        (Rebuilding, _) => act(BACKUP, "on disk before it is acknowledged"),
        (Standby | Outdated, _) => act(&[], "on disk before it is acknowledged"),
        (PairHolder | Frozen | Claimant | Doubtful, _) => act(&[], "denies it: not its session"),
    }
}

fn drain(standing: Standing, trigger: Trigger) -> Rule {
    match (standing, trigger) {
        (PairHolder | SoleHolder, Trigger::Freeze) => act(&[Frozen], "accepts nothing new"),
        (Frozen, Trigger::Freeze) => ignore("frozen already"),
        (_, Trigger::Freeze) => refuse("it does not serve"),
        (Frozen, _) => act(&[PairHolder, SoleHolder], "nothing was proposed yet"),
        (_, _) => ignore("it is not frozen"),
    }
}

fn decree(standing: Standing, trigger: Trigger) -> Rule {
    match (standing, trigger) {
        (Alone | Dissolved, Trigger::Newer | Trigger::Dissolved) => {
            ignore("there is no pair any more")
        }
        (Alone | Dissolved, _) => refuse("there is no pair any more"),
        (Blank, Trigger::Newer) => ignore("it learns everything at once, when it recalls"),
        (Arriving | Rebuilding, Trigger::Newer) => {
            act(&[Blank], "an operator decided; what is only here is kept aside, not served")
        }
        (_, Trigger::Newer) => {
            act(ABDICATED, "an operator decided; what is only here is kept aside, not served")
        }
        (_, Trigger::Dissolved) => act(&[Dissolved], "the sole holder goes on without this node"),
        (Blank, Trigger::Force) => {
            refuse("it must know which generations there were: wait for an answer, then enrol it")
        }
        (_, Trigger::Force) => {
            act(&[SoleHolder], "an operator takes responsibility for what only others have")
        }
        (SoleHolder, _) => act(&[Alone], "the sole holder has all data and goes on without"),
        (_, _) => refuse("only a sole holder may dissolve the group: shrink or force first"),
    }
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 12] = [
        Arriving, Blank, Rebuilding, PairHolder, SoleHolder, Frozen, Claimant, Standby, Outdated,
        Doubtful, Alone, Dissolved,
    ];

    /// Whether clients are served.
    pub fn serves(self) -> bool {
        matches!(self, PairHolder | SoleHolder | Frozen | Alone)
    }

    fn name(self) -> &'static str {
        match self {
            Arriving => "arriving",
            Blank => "blank",
            Rebuilding => "rebuilding",
            PairHolder => "pair holder",
            SoleHolder => "sole holder",
            Frozen => "frozen",
            Claimant => "claimant",
            Standby => "standby",
            Outdated => "outdated",
            Doubtful => "doubtful",
            Alone => "alone",
            Dissolved => "dissolved",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Arriving => "has just started; waits until its peer or the witness recognises it",
            Blank => "has lost its memory: no vote, no service",
            Rebuilding => "votes again, but its log is not complete yet",
            PairHolder => "serves; every acknowledgement needs the backup",
            SoleHolder => "serves; may acknowledge alone",
            Frozen => "serves what was accepted, accepts nothing new: about to hand over",
            Claimant => "the register names it, but that is not known to be decided: serves nobody",
            Standby => "backup that has everything: may take over",
            Outdated => "backup that may lack something: may not take over",
            Doubtful => "the register names the peer, but that is not known to be decided",
            Alone => "has dissolved the group, and serves without a pair",
            Dissolved => "the group was dissolved by the peer; there is no pair any more",
        }
    }
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 28] = [
        Self::Restart,
        Self::Recognised,
        Self::Alone,
        Self::Forgotten,
        Self::Recalled,
        Self::Complete,
        Self::Attempt(Change::Shrink),
        Self::Attempt(Change::Takeover),
        Self::Attempt(Change::Readmit),
        Self::Attempt(Change::Handover),
        Self::Attempt(Change::Disarm),
        Self::Attempt(Change::Confirm),
        Self::Prepare,
        Self::Promised,
        Self::Accept,
        Self::Chosen,
        Self::Decided,
        Self::Write,
        Self::Open,
        Self::Append,
        Self::Ack,
        Self::Install,
        Self::Freeze,
        Self::Thaw,
        Self::Force,
        Self::Newer,
        Self::Dissolve,
        Self::Dissolved,
    ];
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Attempt(change) = self {
            return write!(f, "attempt {change}");
        }
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Recognised => "recognised",
            Self::Alone => "nobody answers",
            Self::Forgotten => "forgotten",
            Self::Recalled => "recalled",
            Self::Complete => "complete",
            Self::Attempt(_) | Self::Prepare => "prepare",
            Self::Promised => "promised",
            Self::Accept => "accept",
            Self::Chosen => "chosen",
            Self::Decided => "decided",
            Self::Write => "write",
            Self::Open => "open",
            Self::Append => "append",
            Self::Ack => "ack",
            Self::Install => "install",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Force => "force",
            Self::Newer => "newer generation",
            Self::Dissolve => "dissolve",
            Self::Dissolved => "dissolved by the peer",
        })
    }
}

/// The standings, as a table of Markdown.
pub fn standings_markdown() -> String {
    let mut page = String::from("| standing | serves | meaning |\n|---|---|---|\n");
    for standing in Standing::ALL {
        let serves = if standing.serves() { "yes" } else { "no" };
        let _ = writeln!(page, "| {standing} | {serves} | {} |", standing.meaning());
    }
    page
}

/// Every row, as a table of Markdown. Standings with the same row share a line.
pub fn rules_markdown() -> String {
    let mut page =
        String::from("| trigger | standing | does | next | because |\n|---|---|---|---|---|\n");
    for trigger in Trigger::ALL {
        let mut lines: Vec<(Rule, Vec<Standing>)> = Vec::new();
        for standing in Standing::ALL {
            let row = rule(standing, trigger);
            match lines.iter_mut().find(|(other, _)| *other == row) {
                Some((_, standings)) => standings.push(standing),
                None => lines.push((row, vec![standing])),
            }
        }
        for (row, standings) in lines {
            let does = match row.verb {
                Verb::Act => "**acts**",
                Verb::Ignore => "ignores",
                Verb::Refuse => "refuses",
            };
            let next = if row.next.is_empty() { "stays".to_owned() } else { names(row.next) };
            let _ = writeln!(
                page,
                "| {trigger} | {} | {does} | {next} | {} |",
                names(&standings),
                row.reason
            );
        }
    }
    page
}

/// What may happen in any standing and always leads to the same place; the diagram leaves it out.
const ANYWHERE: [Trigger; 5] =
    [Trigger::Restart, Trigger::Forgotten, Trigger::Newer, Trigger::Force, Trigger::Dissolved];

/// The rows that lead somewhere else, as a Mermaid state diagram.
pub fn diagram() -> String {
    let mut page = String::from("stateDiagram-v2\n");
    for from in Standing::ALL {
        for to in Standing::ALL.into_iter().filter(|to| *to != from) {
            let triggers: Vec<String> = Trigger::ALL
                .into_iter()
                .filter(|trigger| !ANYWHERE.contains(trigger))
                .filter(|trigger| {
                    let row = rule(from, *trigger);
                    row.verb == Verb::Act && row.next.contains(&to)
                })
                .map(|trigger| trigger.to_string())
                .collect();
            if !triggers.is_empty() {
                let _ = writeln!(page, "    {} --> {}: {}", id(from), id(to), triggers.join(", "));
            }
        }
    }
    page
}

fn names(standings: &[Standing]) -> String {
    standings.iter().map(|standing| standing.name()).collect::<Vec<_>>().join(", ")
}

fn id(standing: Standing) -> String {
    standing.name().replace(' ', "_")
}
