//! The wizard as a pure machine: [`Wizard::question`] says what to ask, [`Wizard::answer`] takes a
//! line. It neither reads nor writes anything.
//!
//! Order, defaults and answers: steps 2 to 10 of `shared/sources/mse-8.0-high-availability.ja.txt`.
//! `^` goes back one question; what was answered stays and is the default there.

mod take;

use std::net::IpAddr;

use self::take::{Choice, choice, or_default, text, yes_or_no};
use super::answers::Answers;
use super::known::{self, Base, Fault, Known};
use super::machine::Machine;
use super::question::{self, Question};

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    ConfigureHostName,
    HostName,
    ConfigureDomain,
    Domain,
    ConfigureAvailability,
    Role,
    MonitorInterface,
    DirectInterface,
    VirtualAddress,
    VirtualMask,
    Recovery,
    /// Of the nth interface that is asked about.
    ConfigureInterface(usize),
    InterfaceAddress(usize),
    InterfaceMask(usize),
    Gateway,
    ConfigureDns,
    EnableDns,
    DnsServer,
    BackupDnsServer,
    ConfigureTimeZone,
    Continent,
    /// Of the nth area.
    Zone(usize),
    ConfigureNtp,
    EnableNtp,
    NtpServer,
    ConfigureOperator,
    OperatorName,
    Password,
    PasswordAgain,
    Verify,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Ask what [`Wizard::question`] says now.
    Next,
    /// Say this, and ask what [`Wizard::question`] says now: mostly the same again.
    Refused(String),
    /// The person writes the configuration by hand.
    Manual,
    /// Everything is answered and confirmed.
    Confirmed,
}

/// The wizard.
#[derive(Debug, Clone)]
pub(crate) struct Wizard {
    pub(crate) machine: Machine,
    /// What was there before.
    pub(crate) before: Answers,
    pub(crate) answers: Answers,
    base: Base,
    pub(crate) step: Step,
    /// Where `^` leads. No longer than a walk through all steps: verifying clears it.
    pub(crate) trail: Vec<Step>,
    /// An address whose mask is not known yet.
    pub(crate) address: Option<IpAddr>,
    /// An operator whose password is not known yet.
    pub(crate) operator: Option<String>,
    /// A password that is not repeated yet.
    password: Option<String>,
}

/// Where an answer leads.
enum Next {
    Ask(Step),
    /// `^`, by whatever name.
    Back,
    Manual,
    Confirmed,
}

impl Wizard {
    pub(crate) fn new(machine: Machine, before: Answers, base: Base) -> Self {
        Self {
            machine,
            answers: before.clone(),
            before,
            base,
            step: Step::Start,
            trail: Vec::new(),
            address: None,
            operator: None,
            password: None,
        }
    }

    pub(crate) fn known(&self) -> Known<'_> {
        Known { answers: &self.answers, machine: &self.machine }
    }

    /// What to ask now.
    pub(crate) fn question(&self) -> Question {
        question::of(self)
    }

    /// Takes a line.
    pub(crate) fn answer(&mut self, line: &str) -> Reply {
        let line = line.trim();
        let asked = self.step;
        let taken = if line == "^" { Ok(Next::Back) } else { self.take(line) };
        match taken {
            Ok(Next::Ask(next)) => {
                self.trail.push(asked);
                self.step = next;
                Reply::Next
            }
            Ok(Next::Back) => self.back(),
            Ok(Next::Manual) => Reply::Manual,
            Ok(Next::Confirmed) => Reply::Confirmed,
            Err(why) => Reply::Refused(why),
        }
    }

    fn back(&mut self) -> Reply {
        match self.trail.pop() {
            Some(step) => {
                self.step = step;
                Reply::Next
            }
            None => Reply::Refused("This is the first question; there is none before it.".into()),
        }
    }

    /// Takes the answer to the question that was asked.
    fn take(&mut self, line: &str) -> Result<Next, String> {
        let next = match self.step {
            Step::Start => {
                if !yes_or_no(line, Some(true))? {
                    return Ok(Next::Manual);
                }
                Step::ConfigureHostName
            }
            Step::ConfigureHostName => match choice(line)? {
                Choice::Yes => Step::HostName,
                Choice::Skip => Step::ConfigureDomain,
                Choice::Default => {
                    self.answers.host_name = None;
                    Step::ConfigureDomain
                }
            },
            Step::HostName => {
                let name = or_default(line, self.known().host_name()).to_owned();
                known::host_name(&name).map_err(|fault| text(&fault))?;
                self.answers.host_name = Some(name);
                Step::ConfigureDomain
            }
            Step::ConfigureDomain => match choice(line)? {
                Choice::Yes => Step::Domain,
                Choice::Skip => Step::ConfigureAvailability,
                Choice::Default => {
                    self.answers.domain = None;
                    Step::ConfigureAvailability
                }
            },
            Step::Domain => {
                let name = or_default(line, self.known().domain()).to_owned();
                if name.is_empty() {
                    self.answers.domain = None;
                } else {
                    known::domain(&name).map_err(|fault| text(&fault))?;
                    self.answers.domain = Some(name);
                }
                Step::ConfigureAvailability
            }
            Step::ConfigureAvailability
            | Step::Role
            | Step::MonitorInterface
            | Step::DirectInterface
            | Step::VirtualAddress
            | Step::VirtualMask
            | Step::Recovery => self.take_availability(line)?,
            Step::ConfigureInterface(_)
            | Step::InterfaceAddress(_)
            | Step::InterfaceMask(_)
            | Step::Gateway => self.take_interface(line)?,
            Step::ConfigureDns
            | Step::EnableDns
            | Step::DnsServer
            | Step::BackupDnsServer
            | Step::ConfigureNtp
            | Step::EnableNtp
            | Step::NtpServer => self.take_servers(line)?,
            Step::ConfigureTimeZone | Step::Continent | Step::Zone(_) => {
                return self.take_zone(line);
            }
            Step::ConfigureOperator | Step::OperatorName | Step::Password | Step::PasswordAgain => {
                self.take_operator(line)?
            }
            Step::Verify => return self.verify(line),
        };
        Ok(Next::Ask(next))
    }

    fn verify(&mut self, line: &str) -> Result<Next, String> {
        if !yes_or_no(line, None)? {
            // More changes: from the beginning, with everything as default.
            self.trail.clear();
            self.step = Step::ConfigureHostName;
            return Err("Every answer so far is the default now.".to_owned());
        }
        match self.known().config(&self.base) {
            Ok(_) => Ok(Next::Confirmed),
            Err(fault) => {
                self.step = self.culprit(&fault);
                self.trail.clear();
                Err(format!("ERROR: {fault}"))
            }
        }
    }

    /// Which question was answered wrongly.
    fn culprit(&self, fault: &Fault) -> Step {
        let nth = |name: &str| {
            let asked = self.known().asked_interfaces();
            Step::ConfigureInterface(asked.iter().position(|it| *it == name).unwrap_or(0))
        };
        match fault {
            Fault::ConfigHostName(_) => Step::HostName,
            Fault::ConfigDomain(_) => Step::Domain,
            Fault::ConfigNoMonitorAddress(name) | Fault::ConfigNoDirectAddress(name) => nth(name),
            Fault::ConfigDirectNetwork { .. } => {
                nth(self.known().direct_interface().unwrap_or_default())
            }
            Fault::ConfigGateway { .. } => Step::ConfigureInterface(0),
            Fault::ConfigTimeZone(_) => Step::ConfigureTimeZone,
            Fault::ConfigServer(_) => Step::ConfigureNtp,
            Fault::ConfigUser(_) => Step::ConfigureOperator,
            Fault::Config(_) | Fault::ConfigNoInterface { .. } | Fault::ConfigDirectConnect(_) => {
                Step::ConfigureAvailability
            }
        }
    }

    /// The nth interface that is asked about.
    pub(crate) fn interface(&self, nth: usize) -> String {
        let asked = self.known().asked_interfaces();
        asked.get(nth).copied().unwrap_or(self.machine.first()).to_owned()
    }
}
