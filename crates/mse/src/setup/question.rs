//! What the wizard prints: the documents' texts, word for word where they show them.
//!
//! Source: steps 2 to 10 of `shared/sources/mse-8.0-high-availability.ja.txt`. Texts that it does
//! not show (DNS servers, zones of an area, the operator) are ours, and say so here. The backslashes
//! that its screen shows around "none" are a slip of the shell script there.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use model::pair::Seat;

use super::answers::Network;
use super::machine::Machine;
use super::wizard::{Step, Wizard};

/// `Enter Virtual IP address [1.1.1.1]:`, which is nobody's address yet.
pub(crate) const FACTORY_VIRTUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));
/// `Current IP address=[1.1.1.10]`.
pub(crate) const FACTORY_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 10));
/// `Current gateway address=[1.1.1.1]`.
pub(crate) const FACTORY_GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));
/// `Current eth0 netmask=[255.255.255.0]`.
const FACTORY_MASK: &str = "255.255.255.0";
/// `Enter network mask [1.1.1.1]:` of the virtual address, which is no mask and must be answered.
const FACTORY_VIRTUAL_MASK: &str = "1.1.1.1";

/// The menu's titles, and the folders of the zones.
pub(crate) const AREAS: [(&str, &str); 10] = [
    ("Africa", "Africa"),
    ("Americas", "America"),
    ("Antarctica", "Antarctica"),
    ("Arctic Ocean", "Arctic"),
    ("Asia", "Asia"),
    ("Atlantic Ocean", "Atlantic"),
    ("Australia", "Australia"),
    ("Europe", "Europe"),
    ("Indian Ocean", "Indian"),
    ("Pacific Ocean", "Pacific"),
];

const CHOICE: &str = "(Y)es/(S)kip/(U)se default [Yes]:";
const NTP_TEXT: &str = "\
If you choose to enable NTP, the system time will be
configured from NTP servers that you select.  Otherwise,
you will be prompted to enter the current date and time.";

/// What to print before a line is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Lines above the prompt; empty for none.
    pub(crate) text: String,
    /// The last line, which has no end.
    pub(crate) prompt: String,
    /// Whether the answer must not be seen.
    pub(crate) is_secret: bool,
}

/// The question of the wizard's step.
pub(crate) fn of(wizard: &Wizard) -> Question {
    let (text, prompt) = match wizard.step {
        Step::Start => (
            "Enter whether you would like to set up the initial\n\
             parameters manually or via the setup wizard.\n"
                .to_owned(),
            "Setup parameters via Setup Wizard (yes/no) [yes]:".to_owned(),
        ),
        Step::ConfigureHostName | Step::HostName | Step::ConfigureDomain | Step::Domain => {
            names(wizard)
        }
        Step::ConfigureAvailability
        | Step::Role
        | Step::MonitorInterface
        | Step::DirectInterface
        | Step::VirtualAddress
        | Step::VirtualMask
        | Step::Recovery => availability(wizard),
        Step::ConfigureInterface(nth) | Step::InterfaceAddress(nth) | Step::InterfaceMask(nth) => {
            interface(wizard, nth)
        }
        Step::Gateway => gateway(wizard),
        Step::ConfigureDns | Step::EnableDns | Step::DnsServer | Step::BackupDnsServer => {
            dns(wizard)
        }
        Step::ConfigureTimeZone => (
            format!("Current timezone=[{}]", wizard.known().time_zone()),
            format!("Configure timezone? {CHOICE}"),
        ),
        Step::Continent => (continents(), "#?".to_owned()),
        Step::Zone(area) => zone(wizard, area),
        Step::ConfigureNtp | Step::EnableNtp | Step::NtpServer => ntp(wizard),
        Step::ConfigureOperator | Step::OperatorName | Step::Password | Step::PasswordAgain => {
            operator(wizard)
        }
        Step::Verify => verify(wizard),
    };
    let is_secret = matches!(wizard.step, Step::Password | Step::PasswordAgain);
    Question { text, prompt, is_secret }
}

fn names(wizard: &Wizard) -> (String, String) {
    let known = wizard.known();
    match wizard.step {
        Step::ConfigureHostName => (
            format!("Current hostname=[{}]", known.host_name()),
            format!("Configure hostname? {CHOICE}"),
        ),
        Step::HostName => (
            "The host name should be a unique name that can identify\n\
             the device on the network. The hostname should start with\n\
             a letter, end with a letter or number, and contain only\n\
             letters, numbers, and dashes.\n"
                .to_owned(),
            format!("Enter a host name [{}]:", known.host_name()),
        ),
        Step::ConfigureDomain => (
            format!("Current domain=[{}]", known.domain()),
            format!("Configure domain name? {CHOICE}"),
        ),
        // Ours.
        _ => (
            "Enter the domain name of this machine, such as example.org.\n".to_owned(),
            format!("Enter a domain name [{}]:", known.domain()),
        ),
    }
}

fn availability(wizard: &Wizard) -> (String, String) {
    let known = wizard.known();
    let interfaces = wizard.machine.names().collect::<Vec<_>>().join("/");
    let role = wizard.answers.role;
    match wizard.step {
        Step::ConfigureAvailability => (
            format!("Current role=[{}]", role_name(role)),
            format!("Configure High Availability? {CHOICE}"),
        ),
        Step::Role => (
            "High availability role for this MSE (Primary/Secondary)\n".to_owned(),
            format!("Select role [1 for Primary, 2 for Secondary] [{}]:", role_number(role)),
        ),
        Step::MonitorInterface => (
            "Health monitor interface holds physical IP address of this MSE server.\n\
             This IP address is used by Secondary, Primary MSE servers and WCS to communicate\n\
             among themselves\n"
                .to_owned(),
            format!(
                "Select Health Monitor Interface [{interfaces}] [{}]:",
                known.monitor_interface()
            ),
        ),
        Step::DirectInterface => (
            "-----\n\n\
             Direct connect configuration facilitates use of a direct cable connection between\n\
             the primary and secondary MSE servers.\n\
             This can help reduce latencies in heartbeat response times, data replication and\n\
             failure detection times.\n\
             Please choose a network interface that you wish to use for direct connect. You should\n\
             choose appropriately configure the respective interfaces.\n\
             \"none\" implies you do not wish to use direct connect configuration.\n\n\
             -----\n"
                .to_owned(),
            format!(
                "Select direct connect interface [{interfaces}/none] [{}]:",
                known.direct_interface().unwrap_or("none")
            ),
        ),
        Step::VirtualAddress => {
            let current = wizard.answers.virtual_address.map(|it| it.address);
            (
                "Enter a Virtual IP address for first this primary MSE server".to_owned(),
                format!("Enter Virtual IP address [{}]:", current.unwrap_or(FACTORY_VIRTUAL)),
            )
        }
        Step::VirtualMask => mask(wizard, &virtual_mask(wizard)),
        _ => (
            "Choose to start the server in recovery mode.\n\
             You should choose yes only if this primary was paired earlier and you have now lost\n\
             the configuration from this box.\n\
             And, now you want to restore the configuration from Secondary via NCS"
                .to_owned(),
            "Do you wish to start this MSE in HA recovery mode?: (yes/no):".to_owned(),
        ),
    }
}

fn interface(wizard: &Wizard, nth: usize) -> (String, String) {
    let name = wizard.interface(nth);
    let current = wizard.known().network(&name);
    match wizard.step {
        Step::ConfigureInterface(_) => {
            let text = match current {
                None if nth > 0 => format!(
                    "The {} ethernet interface is currently disabled for this machine.",
                    ordinal(nth)
                ),
                current => {
                    let address = current.map_or(FACTORY_ADDRESS, |it| it.address);
                    let mask = current.map_or(FACTORY_MASK.to_owned(), Network::mask);
                    let mut text =
                        format!("Current IP address=[{address}]\nCurrent {name} netmask=[{mask}]");
                    if nth == 0 {
                        let gateway = wizard.known().gateway().unwrap_or(FACTORY_GATEWAY);
                        let _ = write!(text, "\nCurrent gateway address=[{gateway}]");
                    }
                    text
                }
            };
            (text, format!("Configure {name} interface parameters? {CHOICE}"))
        }
        Step::InterfaceAddress(_) => {
            let address = current.map_or(FACTORY_ADDRESS, |it| it.address);
            let ordinal = ordinal(nth);
            (
                format!("Enter an IP address for {ordinal} ethernet interface of this machine.\n"),
                format!("Enter {name} IP address [{address}]:"),
            )
        }
        _ => mask(wizard, &interface_mask(wizard, nth)),
    }
}

fn mask(wizard: &Wizard, default: &str) -> (String, String) {
    let address = wizard.address.unwrap_or(FACTORY_ADDRESS);
    (
        format!("Enter the network mask for IP address {address}.\n"),
        format!("Enter network mask [{default}]:"),
    )
}

fn gateway(wizard: &Wizard) -> (String, String) {
    let current = wizard.known().gateway().unwrap_or(FACTORY_GATEWAY);
    (
        "Enter an default gateway address for this machine.\n\n\
         Note that the default gateway must be reachable from\n\
         the first ethernet interface.\n"
            .to_owned(),
        format!("Enter default gateway address [{current}]:"),
    )
}

fn dns(wizard: &Wizard) -> (String, String) {
    let servers: Vec<String> = dns_servers(wizard).iter().map(ToString::to_string).collect();
    match wizard.step {
        Step::ConfigureDns => {
            let is_off = wizard.answers.dns_servers.as_ref().is_some_and(Vec::is_empty);
            let enabled = if is_off { "disabled" } else { "enabled" };
            let current = if servers.is_empty() {
                "No DNS servers currently defined".to_owned()
            } else {
                format!("Current DNS servers=[{}]", servers.join(", "))
            };
            (
                format!("Domain Name Service (DNS) Setup\nDNS is currently {enabled}.\n{current}"),
                format!("Configure DNS related parameters? {CHOICE}"),
            )
        }
        // Ours, as the three that follow.
        Step::EnableDns => (
            "Enter whether or not you would like to set up the\n\
             Domain Name Service (DNS) for this machine.\n"
                .to_owned(),
            "Enable DNS (yes/no) [yes]:".to_owned(),
        ),
        Step::DnsServer => {
            let current = servers.first().map(|it| format!(" [{it}]")).unwrap_or_default();
            (String::new(), format!("Enter primary DNS server IP address{current}:"))
        }
        _ => {
            let current = servers.get(1).map_or("none", String::as_str);
            (String::new(), format!("Enter backup DNS server IP address (or none) [{current}]:"))
        }
    }
}

fn continents() -> String {
    let mut text = "Enter the current date and time.\n\n\
                    Please identify a location so that time zone rules can be set correctly.\n\
                    Please select a continent or ocean."
        .to_owned();
    let areas = AREAS.iter().map(|(title, _)| *title);
    let others =
        ["UTC - I want to use Coordinated Universal Time.", "Return to previous setup step (^)."];
    for (nth, title) in areas.chain(others).enumerate() {
        let _ = write!(text, "\n{:>2}) {title}", nth + 1);
    }
    text
}

/// Ours: the documents choose UTC.
fn zone(wizard: &Wizard, area: usize) -> (String, String) {
    let zones = zones_of(&wizard.machine, area);
    let (title, folder) = AREAS.get(area).copied().unwrap_or(("UTC", "Etc"));
    if zones.is_empty() {
        let text = format!("Enter the name of a time zone of {title}, such as {folder}/City.");
        return (text, "#?".to_owned());
    }
    let mut text = "Please select a time zone.".to_owned();
    let titles = zones.iter().copied().chain(["Return to previous setup step (^)."]);
    for (nth, title) in titles.enumerate() {
        let _ = write!(text, "\n{:>3}) {title}", nth + 1);
    }
    (text, "#?".to_owned())
}

fn ntp(wizard: &Wizard) -> (String, String) {
    match wizard.step {
        Step::ConfigureNtp => {
            let enabled = if ntp_is_enabled(wizard) { "enabled" } else { "disabled" };
            (
                format!(
                    "Network Time Protocol (NTP) Setup.\n\n{NTP_TEXT}\n\nNTP is currently {enabled}."
                ),
                format!("Configure NTP related parameters? {CHOICE}"),
            )
        }
        Step::EnableNtp => {
            let default = if ntp_is_enabled(wizard) { "yes" } else { "no" };
            (
                format!(
                    "Enter whether or not you would like to set up the\n\
                     Network Time Protocol (NTP) for this machine.\n\n{NTP_TEXT}\n"
                ),
                format!("Enable NTP (yes/no) [{default}]:"),
            )
        }
        _ => {
            let current = wizard.answers.ntp_servers.as_deref().unwrap_or_default().join(", ");
            let current = if current.is_empty() { current } else { format!(" [{current}]") };
            (String::new(), format!("Enter NTP server name or address{current}:"))
        }
    }
}

/// Ours: the documents name the `Secondary Password .. from setup script`, not its question.
fn operator(wizard: &Wizard) -> (String, String) {
    let name = operator_name(wizard);
    match wizard.step {
        Step::ConfigureOperator => {
            let current = wizard.answers.operator.as_ref().map_or("none", |it| it.name.as_str());
            (
                format!("Current pairing operator=[{current}]"),
                format!("Configure pairing operator? {CHOICE}"),
            )
        }
        Step::OperatorName => (
            "Whoever pairs this node from the other one gives this name and password\n\
             (Secondary Password). It is no user of the host.\n"
                .to_owned(),
            format!("Enter a user name [{name}]:"),
        ),
        Step::Password => (String::new(), format!("Enter a password for {name}:")),
        _ => (String::new(), format!("Enter the password for {name} again:")),
    }
}

fn verify(wizard: &Wizard) -> (String, String) {
    let changed = if wizard.answers == wizard.before { "" } else { "Configuration Changed" };
    let text = format!(
        "Please verify the following setup information.\n\n{}\n\
         You may enter \"yes\" to proceed with configuration, \"no\" to make\n\
         more changes, or \"^\" to go back to the previous step.\n\n{changed}",
        super::summary::text(&wizard.known()),
    );
    let prompt = "Is the above information correct (yes, no, or ^):".to_owned();
    (text.trim_end_matches('\n').to_owned(), prompt)
}

/// The default of the virtual address's mask.
pub(crate) fn virtual_mask(wizard: &Wizard) -> String {
    wizard.answers.virtual_address.map_or(FACTORY_VIRTUAL_MASK.to_owned(), Network::mask)
}

/// The default of an interface's mask.
pub(crate) fn interface_mask(wizard: &Wizard, nth: usize) -> String {
    let current = wizard.known().network(&wizard.interface(nth));
    current.map_or(FACTORY_MASK.to_owned(), Network::mask)
}

/// Answered, or the machine's.
pub(crate) fn dns_servers(wizard: &Wizard) -> &[IpAddr] {
    wizard.answers.dns_servers.as_deref().unwrap_or(&wizard.machine.dns_servers)
}

pub(crate) fn ntp_is_enabled(wizard: &Wizard) -> bool {
    wizard.answers.ntp_servers.as_ref().is_some_and(|servers| !servers.is_empty())
}

pub(crate) fn operator_name(wizard: &Wizard) -> &str {
    let answered = wizard.answers.operator.as_ref().map(|it| it.name.as_str());
    wizard.operator.as_deref().or(answered).unwrap_or(super::OPERATOR)
}

/// The machine's zones of an area of the menu.
pub(crate) fn zones_of(machine: &Machine, area: usize) -> Vec<&str> {
    let folder = AREAS.get(area).map_or("", |(_, folder)| folder);
    let is_in = |zone: &&str| zone.split('/').next() == Some(folder);
    machine.zones.iter().map(String::as_str).filter(is_in).collect()
}

/// `first ethernet interface`.
fn ordinal(nth: usize) -> &'static str {
    match nth {
        0 => "first",
        1 => "second",
        2 => "third",
        _ => "next",
    }
}

/// `Primary` or `Secondary`.
pub(crate) fn role_name(role: Seat) -> &'static str {
    match role {
        Seat::Primary => "Primary",
        Seat::Secondary => "Secondary",
    }
}

/// `Select role [1 for Primary, 2 for Secondary]`.
pub(crate) fn role_number(role: Seat) -> u8 {
    match role {
        Seat::Primary => 1,
        Seat::Secondary => 2,
    }
}
