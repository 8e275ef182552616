//! What each answer means. [`Wizard::answer`] is the only caller.

use std::net::IpAddr;

use model::pair::Seat;

use super::super::answers::{Network, Operator};
use super::super::known::{self, Fault};
use super::super::question::{self, AREAS};
use super::{Next, Step, Wizard};

/// `(Y)es/(S)kip/(U)se default`.
pub(super) enum Choice {
    Yes,
    Skip,
    Default,
}

impl Wizard {
    pub(super) fn take_availability(&mut self, line: &str) -> Result<Step, String> {
        let needs_address =
            self.answers.role == Seat::Primary && self.answers.virtual_address.is_none();
        Ok(match self.step {
            Step::ConfigureAvailability => match choice(line)? {
                Choice::Yes => Step::Role,
                Choice::Skip if needs_address => {
                    return Err("A primary needs a virtual IP address, and none is known yet: \
                                answer yes, or use default and give only that."
                        .to_owned());
                }
                Choice::Skip => Step::ConfigureInterface(0),
                Choice::Default => {
                    self.answers.role = Seat::Primary;
                    self.answers.health_monitor_interface = None;
                    self.answers.direct_connect_interface = None;
                    self.answers.recovery = false;
                    match self.answers.virtual_address {
                        // It has no default that could be right.
                        None => Step::VirtualAddress,
                        Some(_) => Step::ConfigureInterface(0),
                    }
                }
            },
            Step::Role => {
                self.answers.role = match line.to_ascii_lowercase().as_str() {
                    "" => self.answers.role,
                    "1" | "primary" => Seat::Primary,
                    "2" | "secondary" => Seat::Secondary,
                    other => {
                        return Err(format!(
                            "'{other}' is no role: 1 is for Primary, 2 for Secondary."
                        ));
                    }
                };
                Step::MonitorInterface
            }
            Step::MonitorInterface => {
                let name = or_default(line, self.known().monitor_interface()).to_owned();
                self.known().check_interface(&name).map_err(|fault| text(&fault))?;
                self.answers.health_monitor_interface = Some(name);
                Step::DirectInterface
            }
            Step::DirectInterface => {
                let name = or_default(line, self.known().direct_interface().unwrap_or("none"));
                let name = (!name.eq_ignore_ascii_case("none")).then(|| name.to_owned());
                if let Some(name) = &name {
                    self.known().check_interface(name).map_err(|fault| text(&fault))?;
                    if name == self.known().monitor_interface() {
                        return Err(text(&Fault::ConfigDirectConnect(name.clone())));
                    }
                }
                self.answers.direct_connect_interface = name;
                match self.answers.role {
                    Seat::Primary => Step::VirtualAddress,
                    Seat::Secondary => Step::ConfigureInterface(0),
                }
            }
            Step::VirtualAddress => {
                let current = self.answers.virtual_address.map(|it| it.address);
                self.address = Some(ip(line, current.unwrap_or(question::FACTORY_VIRTUAL))?);
                Step::VirtualMask
            }
            Step::VirtualMask => {
                let network = self.with_mask(line, &question::virtual_mask(self))?;
                self.answers.virtual_address = Some(network);
                Step::Recovery
            }
            _ => {
                self.answers.recovery = yes_or_no(line, None)?;
                Step::ConfigureInterface(0)
            }
        })
    }

    pub(super) fn take_interface(&mut self, line: &str) -> Result<Step, String> {
        Ok(match self.step {
            Step::ConfigureInterface(nth) => {
                let name = self.interface(nth);
                match choice(line)? {
                    Choice::Yes => return Ok(Step::InterfaceAddress(nth)),
                    Choice::Skip => {}
                    Choice::Default => {
                        // What the machine has by itself.
                        self.answers.set_interface(&name, None);
                        if nth == 0 {
                            self.answers.gateway = None;
                        }
                    }
                }
                self.check_interface(&name)?;
                self.after_interface(nth)
            }
            Step::InterfaceAddress(nth) => {
                let current = self.known().network(&self.interface(nth)).map(|it| it.address);
                self.address = Some(ip(line, current.unwrap_or(question::FACTORY_ADDRESS))?);
                Step::InterfaceMask(nth)
            }
            Step::InterfaceMask(nth) => {
                let network = self.with_mask(line, &question::interface_mask(self, nth))?;
                let name = self.interface(nth);
                let before = self.answers.interface(&name);
                self.answers.set_interface(&name, Some(network));
                if let Err(why) = self.check_interface(&name) {
                    self.answers.set_interface(&name, before);
                    self.step = self.trail.pop().unwrap_or(Step::InterfaceAddress(nth));
                    return Err(why);
                }
                if nth == 0 { Step::Gateway } else { self.after_interface(nth) }
            }
            _ => {
                let before = self.answers.gateway;
                let current = self.known().gateway().unwrap_or(question::FACTORY_GATEWAY);
                self.answers.gateway = Some(ip(line, current)?);
                if let Err(fault) = self.known().check_gateway() {
                    self.answers.gateway = before;
                    return Err(text(&fault));
                }
                self.after_interface(0)
            }
        })
    }

    pub(super) fn take_servers(&mut self, line: &str) -> Result<Step, String> {
        Ok(match self.step {
            Step::ConfigureDns => match choice(line)? {
                Choice::Yes => Step::EnableDns,
                Choice::Skip => Step::ConfigureTimeZone,
                Choice::Default => {
                    self.answers.dns_servers = None;
                    Step::ConfigureTimeZone
                }
            },
            Step::EnableDns => {
                if yes_or_no(line, Some(true))? {
                    return Ok(Step::DnsServer);
                }
                self.answers.dns_servers = Some(Vec::new());
                Step::ConfigureTimeZone
            }
            Step::DnsServer => {
                let current = question::dns_servers(self).first().copied();
                let first = match (line, current) {
                    ("", None) => return Err("Write the IP address of a DNS server.".to_owned()),
                    (line, current) => ip(line, current.unwrap_or(question::FACTORY_VIRTUAL))?,
                };
                let backup = question::dns_servers(self).get(1).copied();
                self.answers.dns_servers =
                    Some([Some(first), backup].into_iter().flatten().collect());
                Step::BackupDnsServer
            }
            Step::BackupDnsServer => {
                let servers = self.answers.dns_servers.get_or_insert_default();
                if line.eq_ignore_ascii_case("none") {
                    servers.truncate(1);
                } else if !line.is_empty() {
                    let backup = ip(line, question::FACTORY_VIRTUAL)?;
                    servers.truncate(1);
                    servers.push(backup);
                }
                Step::ConfigureTimeZone
            }
            Step::ConfigureNtp => match choice(line)? {
                Choice::Yes => Step::EnableNtp,
                Choice::Skip => Step::ConfigureOperator,
                Choice::Default => {
                    self.answers.ntp_servers = None;
                    Step::ConfigureOperator
                }
            },
            Step::EnableNtp => {
                if yes_or_no(line, Some(question::ntp_is_enabled(self)))? {
                    return Ok(Step::NtpServer);
                }
                self.answers.ntp_servers = Some(Vec::new());
                Step::ConfigureOperator
            }
            _ => {
                let current = self.answers.ntp_servers.clone().unwrap_or_default().join(", ");
                let servers: Vec<String> = or_default(line, &current)
                    .split([',', ' '])
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned)
                    .collect();
                if servers.is_empty() {
                    return Err("Write the name or address of an NTP server.".to_owned());
                }
                for server in &servers {
                    known::server(server).map_err(|fault| text(&fault))?;
                }
                self.answers.ntp_servers = Some(servers);
                Step::ConfigureOperator
            }
        })
    }

    pub(super) fn take_zone(&mut self, line: &str) -> Result<Next, String> {
        let pick = |count: usize| {
            let number = line.parse::<usize>().ok().filter(|it| (1..=count).contains(it));
            number.ok_or_else(|| {
                format!("'{line}' is not in the list: write a number from 1 to {count}.")
            })
        };
        let zone = match self.step {
            Step::ConfigureTimeZone => match choice(line)? {
                Choice::Yes => return Ok(Next::Ask(Step::Continent)),
                Choice::Skip => return Ok(Next::Ask(Step::ConfigureNtp)),
                Choice::Default => known::FACTORY_ZONE.to_owned(),
            },
            Step::Continent => match pick(AREAS.len() + 2)? {
                number if number <= AREAS.len() => return Ok(Next::Ask(Step::Zone(number - 1))),
                number if number == AREAS.len() + 1 => known::FACTORY_ZONE.to_owned(),
                // `Return to previous setup step (^).`
                _ => return Ok(Next::Back),
            },
            Step::Zone(area) => {
                let zones = question::zones_of(&self.machine, area);
                match zones.iter().find(|zone| **zone == line) {
                    Some(zone) => (*zone).to_owned(),
                    None if zones.is_empty() => {
                        known::time_zone(line, &self.machine.zones)
                            .map_err(|fault| text(&fault))?;
                        line.to_owned()
                    }
                    None => match zones.get(pick(zones.len() + 1)? - 1) {
                        Some(zone) => (*zone).to_owned(),
                        None => return Ok(Next::Back),
                    },
                }
            }
            _ => return Ok(Next::Ask(Step::ConfigureNtp)),
        };
        self.answers.time_zone = Some(zone);
        Ok(Next::Ask(Step::ConfigureNtp))
    }

    pub(super) fn take_operator(&mut self, line: &str) -> Result<Step, String> {
        Ok(match self.step {
            Step::ConfigureOperator => match choice(line)? {
                Choice::Yes => Step::OperatorName,
                Choice::Skip => Step::Verify,
                Choice::Default => {
                    return Err("There is no default password: answer yes, or skip and leave \
                                the node without an operator who can pair it."
                        .to_owned());
                }
            },
            Step::OperatorName => {
                let name = or_default(line, question::operator_name(self)).to_owned();
                known::user_name(&name).map_err(|fault| fault.to_string())?;
                self.operator = Some(name);
                Step::Password
            }
            Step::Password => {
                known::check_password(line).map_err(|fault| fault.to_string())?;
                self.password = Some(line.to_owned());
                Step::PasswordAgain
            }
            _ => {
                let password = self.password.take();
                if password.as_deref() != Some(line) {
                    self.step = self.trail.pop().unwrap_or(Step::Password);
                    return Err("The passwords differ.".to_owned());
                }
                let name = question::operator_name(self).to_owned();
                self.answers.operator = Some(Operator { name, password, password_hash: None });
                Step::Verify
            }
        })
    }

    /// Whether the interface does what it was chosen for.
    fn check_interface(&self, name: &str) -> Result<(), String> {
        let known = self.known();
        let is_monitor = name == known.monitor_interface();
        let is_direct = Some(name) == known.direct_interface();
        match known.config(&self.base) {
            Err(fault @ (Fault::Config(_) | Fault::ConfigNoMonitorAddress(_))) if is_monitor => {
                Err(text(&fault))
            }
            Err(fault @ (Fault::ConfigNoDirectAddress(_) | Fault::ConfigDirectNetwork { .. }))
                if is_direct =>
            {
                Err(text(&fault))
            }
            _ => Ok(()),
        }
    }

    fn after_interface(&self, nth: usize) -> Step {
        let more = nth + 1 < self.known().asked_interfaces().len();
        if more { Step::ConfigureInterface(nth + 1) } else { Step::ConfigureDns }
    }

    fn with_mask(&self, line: &str, default: &str) -> Result<Network, String> {
        let address = self.address.unwrap_or(question::FACTORY_ADDRESS);
        Network::with_mask(address, or_default(line, default)).map_err(|error| error.to_string())
    }
}

pub(super) fn text(fault: &Fault) -> String {
    fault.to_string()
}

pub(super) fn or_default<'a>(line: &'a str, default: &'a str) -> &'a str {
    if line.is_empty() { default } else { line }
}

pub(super) fn choice(line: &str) -> Result<Choice, String> {
    match line.to_ascii_lowercase().as_str() {
        "" | "y" | "yes" => Ok(Choice::Yes),
        "s" | "skip" | "n" | "no" => Ok(Choice::Skip),
        "u" | "use default" | "default" => Ok(Choice::Default),
        other => Err(format!("'{other}' is none of yes, skip, use default and ^.")),
    }
}

pub(super) fn yes_or_no(line: &str, default: Option<bool>) -> Result<bool, String> {
    match (line.to_ascii_lowercase().as_str(), default) {
        ("y" | "yes", _) => Ok(true),
        ("n" | "no", _) => Ok(false),
        ("", Some(default)) => Ok(default),
        (other, _) => Err(format!("'{other}' is none of yes, no and ^.")),
    }
}

fn ip(line: &str, default: IpAddr) -> Result<IpAddr, String> {
    if line.is_empty() {
        return Ok(default);
    }
    let address: IpAddr = line
        .parse()
        .map_err(|_| format!("'{line}' is not an IP address; write one such as 10.10.10.12."))?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!("{address} is not the address of one machine."));
    }
    Ok(address)
}
