//! Operators: what they order for its own sake, and how a careful one mends what waits for him.

use ha::{Command, Input, Standing, Value};

use crate::coverage::Seen;
use crate::process::Inbound;
use crate::queue::{Event, Micros, SECOND};
use crate::world::World;

/// A careful operator looks so often.
const ROUND: Micros = 5 * SECOND;

impl World {
    /// Tells a node's process.
    pub(crate) fn order(&mut self, process: usize, command: Command) -> bool {
        let is_up = self.processes[process].is_up();
        if is_up {
            self.trace.say(|| format!("operator: {} {command}", crate::process::name(process)));
            self.deliver(process, Inbound::Input(Input::Command(command)));
        }
        is_up
    }

    pub(crate) fn order_both(&mut self, process: usize, command: Command) -> bool {
        self.order(process, command) | self.order(process ^ 1, command)
    }

    pub(crate) fn order_holder(&mut self, process: usize, command: Command) -> bool {
        let holder = [process, process ^ 1].into_iter().find(|process| self.serves(*process));
        holder.is_some_and(|holder| self.order(holder, command))
    }

    /// Whether a node serves, by its own word.
    pub(crate) fn serves(&self, process: usize) -> bool {
        self.standing(process).is_some_and(Standing::serves)
    }

    pub(crate) fn standing(&self, process: usize) -> Option<Standing> {
        let member = self.processes[process].member.as_ref();
        member.map(|member| member.replica().standing())
    }

    pub(crate) fn shut_down(&mut self, process: usize) -> bool {
        let is_up = self.order(process, Command::Shutdown);
        if is_up {
            let pause = SECOND * 3 + self.rng.below(self.options.restart_max);
            self.queue.plan(self.now + pause, Event::Start { process: process as u8 });
        }
        is_up
    }

    /// The other node is dead and will stay so until this one serves.
    pub(crate) fn force_carefully(&mut self, process: usize) -> bool {
        let other = &self.processes[process ^ 1];
        let is_dead = !other.is_up() && other.hold.is_none();
        let may_serve = self.standing(process).is_some_and(|standing| {
            !standing.serves() && !matches!(standing, Standing::Dissolved | Standing::Blank)
        });
        is_dead && may_serve && self.order(process, Command::Force)
    }

    pub(crate) fn force_carelessly(&mut self, process: usize) -> bool {
        let may = self.standing(process).is_some_and(|standing| standing != Standing::Dissolved);
        if !may || !self.order(process, Command::Force) {
            return false;
        }
        self.groups[process / 2].is_careless = true;
        self.coverage.see(Seen::CarelessForce);
        true
    }

    pub(crate) fn unpair(&mut self, process: usize) -> bool {
        let is_sole = self.standing(process) == Some(Standing::SoleHolder);
        // What other generations think of it is not to be judged after that.
        self.groups[process / 2].is_careless |= is_sole;
        is_sole && self.order(process, Command::Unpair)
    }

    /// Looks after what only a person may decide.
    pub(crate) fn operator(&mut self) {
        self.queue.plan(self.now + ROUND, Event::Operator);
        for process in 0..self.processes.len() {
            match self.standing(process) {
                Some(Standing::Blank) if self.is_stuck_blank(process) => {
                    self.coverage.see(Seen::Enrol);
                    self.order(process, Command::Enrol);
                }
                _ => {}
            }
        }
    }

    /// Nobody else can tell this node what it has forgotten: the witness is blank as well, or gone.
    /// The operator looks whether the other node knows of everything that was decided.
    fn is_stuck_blank(&self, process: usize) -> bool {
        let group = process / 2;
        let settings = &self.options.settings[group];
        let witness_can_tell = settings.has_witness
            && self.witnesses[0].groups.get(group).is_some_and(ha::Witness::is_valid);
        let peer = &self.processes[process ^ 1];
        let (Some(member), Some((ballot, value))) =
            (&peer.member, self.groups[group].register.decided())
        else {
            return false;
        };
        let record = member.replica().record();
        // A sole holder stays what it is, whoever has proposed it again.
        let is_same = record.is_decided() && value == Value::Sole(member.replica().seat());
        let peer_knows = record.memory == ha::Memory::Whole
            && (record.accepted >= ballot || is_same && record.value == value);
        let lost_data = value == Value::Sole(crate::world::seat_of(process));
        !witness_can_tell && peer_knows && !lost_data
    }
}
