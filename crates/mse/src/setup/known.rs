//! What is known at a point of the set-up: answers before the machine, the machine before the
//! documents' factory values; and whether all of it fits together.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use model::pair::Seat;
use monitor::config::{
    Config, ConfigError, DirectConnect, HealthMonitor, Logs, PORT, Provider, Service,
    VirtualAddress,
};

use super::answers::{Answers, Network};
use super::machine::Machine;

/// `Current hostname=[mse]` of the documents.
const FACTORY_HOST_NAME: &str = "mse";
/// The recommended zone of the documents.
pub(crate) const FACTORY_ZONE: &str = "UTC";
/// Longest label of a host name. Source: RFC 1035, section 2.3.4.
const HOST_NAME_MAX: usize = 63;
/// Longest domain name. Source: RFC 1035, section 2.3.4.
const DOMAIN_MAX: usize = 253;

/// Answers and machine together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) answers: &'a Answers,
    pub(crate) machine: &'a Machine,
}

/// What the node's configuration has and the wizard does not ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    data: PathBuf,
    port: u16,
    provider: Provider,
    max_active: Option<usize>,
    logs: Logs,
    command: Vec<String>,
}

/// Answers that do not fit together, or not to the machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(
        "'{0}' is no host name: it starts with a letter, ends with a letter or number, and has only letters, numbers and dashes, at most {HOST_NAME_MAX}"
    )]
    ConfigHostName(String),
    #[error("'{0}' is no domain name; write one such as example.org")]
    ConfigDomain(String),
    #[error("there is no interface {name}; there is {known}")]
    ConfigNoInterface { name: String, known: String },
    #[error(
        "{0} is the health monitor interface; direct connect needs an interface of its own, or none"
    )]
    ConfigDirectConnect(String),
    #[error("{0} is the health monitor interface and needs an IP address; configure it")]
    ConfigNoMonitorAddress(String),
    #[error("{0} is the direct connect interface and needs an IP address; configure it")]
    ConfigNoDirectAddress(String),
    #[error(
        "the direct connect address {direct} is in the network of the health monitor's {monitor}; the cable needs a network of its own"
    )]
    ConfigDirectNetwork { direct: Network, monitor: Network },
    #[error("the gateway {gateway} is not in the network of {interface}, {network}")]
    ConfigGateway { gateway: IpAddr, interface: String, network: Network },
    #[error("'{0}' is no time zone; write an IANA name such as Europe/Brussels")]
    ConfigTimeZone(String),
    #[error("'{0}' is no name or address of a server")]
    ConfigServer(String),
    #[error(transparent)]
    ConfigUser(UserFault),
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// An operator that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserFault {
    #[error("'{0}' is no user name: it has letters, numbers, dashes, dots and underscores, at most {max}", max = monitor::operators::NAME_BYTES_MAX)]
    Name(String),
    #[error(transparent)]
    Password(#[from] node::password::PasswordError),
    #[error("operator.password_hash is no argon2 hash; write password = \"..\" instead")]
    Hash,
    #[error("operator {0} has no password; write password = \"..\"")]
    NoPassword(String),
}

impl Base {
    /// What is there now, or what a new node has.
    pub(crate) fn new(current: Option<&Config>, data: &Path, command: Vec<String>) -> Self {
        let provider = current.and_then(|it| it.virtual_address.as_ref()).map(|it| it.provider);
        Self {
            data: data.to_owned(),
            port: current.map_or(PORT, |it| it.health_monitor.port),
            provider: provider.unwrap_or_default(),
            max_active: current.map(|it| it.max_active),
            logs: current.map(|it| it.logs.clone()).unwrap_or_default(),
            command: current.map_or(command, |it| it.service.command.clone()),
        }
    }
}

impl<'a> Known<'a> {
    pub(crate) fn host_name(&self) -> &'a str {
        let answered = self.answers.host_name.as_deref();
        answered.or(self.machine.host_name.as_deref()).unwrap_or(FACTORY_HOST_NAME)
    }

    pub(crate) fn domain(&self) -> &'a str {
        let answered = self.answers.domain.as_deref();
        answered.or(self.machine.domain.as_deref()).unwrap_or_default()
    }

    pub(crate) fn monitor_interface(&self) -> &'a str {
        let answered = self.answers.health_monitor_interface.as_deref();
        answered.unwrap_or(self.machine.first())
    }

    pub(crate) fn direct_interface(&self) -> Option<&'a str> {
        self.answers.direct_connect_interface.as_deref()
    }

    pub(crate) fn network(&self, interface: &str) -> Option<Network> {
        self.answers.interface(interface).or_else(|| self.machine.network(interface))
    }

    pub(crate) fn gateway(&self) -> Option<IpAddr> {
        self.answers.gateway.or(self.machine.gateway)
    }

    pub(crate) fn time_zone(&self) -> &'a str {
        let answered = self.answers.time_zone.as_deref();
        answered.or(self.machine.time_zone.as_deref()).unwrap_or(FACTORY_ZONE)
    }

    /// Which interfaces are asked about: the first two, as in the documents, and those with a task.
    pub(crate) fn asked_interfaces(&self) -> Vec<&'a str> {
        let has_task =
            |name: &str| name == self.monitor_interface() || Some(name) == self.direct_interface();
        let names = self.machine.names().enumerate();
        names.filter(|(nth, name)| *nth < 2 || has_task(name)).map(|(_, name)| name).collect()
    }

    /// The node's configuration, if everything fits together.
    pub(crate) fn config(&self, base: &Base) -> Result<Config, Fault> {
        self.check_words()?;
        let interface = self.monitor_interface();
        self.check_interface(interface)?;
        let monitor = self
            .network(interface)
            .ok_or_else(|| Fault::ConfigNoMonitorAddress(interface.to_owned()))?;
        let direct = self.direct_interface().map(|name| self.direct(name, monitor)).transpose()?;
        let config = Config {
            data: base.data.clone(),
            name: Some(self.host_name().to_owned()),
            role: self.answers.role,
            health_monitor: HealthMonitor {
                interface: Some(interface.to_owned()),
                address: monitor.address,
                port: base.port,
                direct_connect: direct,
            },
            virtual_address: self.virtual_address(base.provider),
            recovery: self.answers.recovery && self.answers.role == Seat::Primary,
            service: Service { command: base.command.clone() },
            max_active: base.max_active.unwrap_or(2),
            logs: base.logs.clone(),
        };
        config.validate()?;
        self.check_gateway()?;
        Ok(config)
    }

    fn virtual_address(&self, provider: Provider) -> Option<VirtualAddress> {
        let Network { address, prefix } = self.answers.virtual_address?;
        let is_primary = self.answers.role == Seat::Primary;
        is_primary.then_some(VirtualAddress { address, prefix, provider })
    }

    fn direct(&self, name: &str, monitor: Network) -> Result<DirectConnect, Fault> {
        self.check_interface(name)?;
        if name == self.monitor_interface() {
            return Err(Fault::ConfigDirectConnect(name.to_owned()));
        }
        let direct =
            self.network(name).ok_or_else(|| Fault::ConfigNoDirectAddress(name.to_owned()))?;
        if direct.contains(monitor.address) || monitor.contains(direct.address) {
            return Err(Fault::ConfigDirectNetwork { direct, monitor });
        }
        Ok(DirectConnect { interface: name.to_owned(), address: direct.address })
    }

    pub(crate) fn check_interface(&self, name: &str) -> Result<(), Fault> {
        if self.machine.names().any(|known| known == name) {
            return Ok(());
        }
        let known = self.machine.names().collect::<Vec<_>>().join(", ");
        Err(Fault::ConfigNoInterface { name: name.to_owned(), known })
    }

    pub(crate) fn check_gateway(&self) -> Result<(), Fault> {
        let asked = self.asked_interfaces();
        // A gateway that the machine has is the machine's affair.
        let Some((gateway, interface)) = self.answers.gateway.zip(asked.first()) else {
            return Ok(());
        };
        match self.network(interface) {
            Some(network) if !network.contains(gateway) => {
                let interface = (*interface).to_owned();
                Err(Fault::ConfigGateway { gateway, interface, network })
            }
            _ => Ok(()),
        }
    }

    /// What one answer alone can have wrong; the wizard has checked it, an answers file has not.
    fn check_words(&self) -> Result<(), Fault> {
        host_name(self.host_name())?;
        if !self.domain().is_empty() {
            domain(self.domain())?;
        }
        if let Some(zone) = &self.answers.time_zone {
            time_zone(zone, &self.machine.zones)?;
        }
        for server in self.answers.ntp_servers.iter().flatten() {
            self::server(server)?;
        }
        for interface in &self.answers.interfaces {
            self.check_interface(&interface.name)?;
        }
        let Some(operator) = &self.answers.operator else { return Ok(()) };
        user_name(&operator.name).map_err(Fault::ConfigUser)?;
        match (&operator.password, &operator.password_hash) {
            (Some(password), _) => check_password(password),
            (None, Some(hash)) if hash.starts_with("$argon2") => Ok(()),
            (None, Some(_)) => Err(UserFault::Hash),
            (None, None) => Ok(()),
        }
        .map_err(Fault::ConfigUser)
    }
}

/// The rule that the wizard prints.
pub(crate) fn host_name(text: &str) -> Result<(), Fault> {
    let is_fit = text.len() <= HOST_NAME_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_fit { Ok(()) } else { Err(Fault::ConfigHostName(text.to_owned())) }
}

pub(crate) fn domain(text: &str) -> Result<(), Fault> {
    let is_label = |label: &str| {
        (1..=HOST_NAME_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_fit = text.len() <= DOMAIN_MAX && text.split('.').all(is_label);
    if is_fit { Ok(()) } else { Err(Fault::ConfigDomain(text.to_owned())) }
}

/// A name or an address.
pub(crate) fn server(text: &str) -> Result<(), Fault> {
    let is_fit = text.parse::<IpAddr>().is_ok() || domain(text).is_ok();
    if is_fit { Ok(()) } else { Err(Fault::ConfigServer(text.to_owned())) }
}

/// One of the machine's zones, or what could be one where there is no list.
pub(crate) fn time_zone(text: &str, zones: &[String]) -> Result<(), Fault> {
    let is_part = |part: &str| {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "+-_".contains(c);
        !part.is_empty() && part.chars().all(is_fit)
    };
    let is_fit = text == FACTORY_ZONE
        || if zones.is_empty() {
            text.contains('/') && text.split('/').all(is_part)
        } else {
            zones.iter().any(|zone| zone == text)
        };
    if is_fit { Ok(()) } else { Err(Fault::ConfigTimeZone(text.to_owned())) }
}

pub(crate) fn user_name(text: &str) -> Result<(), UserFault> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_fit =
        (1..=monitor::operators::NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(is_fit);
    if is_fit { Ok(()) } else { Err(UserFault::Name(text.to_owned())) }
}

pub(crate) fn check_password(text: &str) -> Result<(), UserFault> {
    let lengths = node::password::BYTES_MIN..=node::password::BYTES_MAX;
    if lengths.contains(&text.len()) {
        return Ok(());
    }
    Err(UserFault::Password(node::password::PasswordError::PeerLength))
}
