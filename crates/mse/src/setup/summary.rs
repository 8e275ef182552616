//! `Please verify the following setup information.`: what stands between BEGIN and END.
//!
//! Layout: step 10 of `shared/sources/mse-8.0-high-availability.ja.txt` for a primary, step 6 of the
//! secondary. What was skipped is not shown, as there.

use std::fmt::Write as _;

use model::pair::Seat;

use super::known::Known;
use super::question::role_number;

/// From BEGIN to END.
pub(crate) fn text(known: &Known<'_>) -> String {
    let answers = known.answers;
    let mut out = String::new();
    let mut line = |line: String| {
        let _ = writeln!(out, "{line}");
    };
    line("-----BEGIN-----\n".to_owned());
    line(format!("Host name={}", known.host_name()));
    if let Some(domain) = &answers.domain {
        line(format!("Domain name={domain}"));
    }
    line(format!("      {}", role_line(known)));
    match answers.virtual_address.filter(|_| answers.role == Seat::Primary) {
        Some(network) => line(format!(
            "      Virtual IP Address={}, Virtual IP Netmask={}",
            network.address,
            network.mask()
        )),
        None => line(String::new()),
    }
    if answers.recovery && answers.role == Seat::Primary {
        line("      Recovery mode=yes".to_owned());
    }
    for name in known.asked_interfaces() {
        let has_task = name == known.monitor_interface() || Some(name) == known.direct_interface();
        // What the machine has by itself is shown where the pair relies on it.
        let shown = if has_task { known.network(name) } else { answers.interface(name) };
        if let Some(network) = shown {
            let (title, mask) = (capitalised(name), network.mask());
            let address = network.address;
            line(format!("{title} IP address={address}, {title} network mask={mask}"));
        }
        if Some(name) == known.asked_interfaces().first().copied()
            && let Some(gateway) = answers.gateway
        {
            line(format!("Default gateway={gateway}"));
        }
    }
    match answers.dns_servers.as_deref() {
        None => {}
        Some([]) => line("Enable DNS=no".to_owned()),
        Some(servers) => {
            let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
            line(format!("Enable DNS=yes, DNS servers={}", servers.join(", ")));
        }
    }
    if let Some(zone) = &answers.time_zone {
        line(format!("Time zone={zone}"));
    }
    match answers.ntp_servers.as_deref() {
        None => {}
        Some([]) => line("Enable NTP=no".to_owned()),
        Some(servers) => line(format!("Enable NTP=yes, NTP servers={}", servers.join(", "))),
    }
    if let Some(operator) = &answers.operator {
        line(format!("Pairing operator={}", operator.name));
    }
    line("\n-----END-----".to_owned());
    out
}

/// `Role=1, Health Monitor Interface=eth0, Direct connect interface=none`.
pub(crate) fn role_line(known: &Known<'_>) -> String {
    format!(
        "Role={}, Health Monitor Interface={}, Direct connect interface={}",
        role_number(known.answers.role),
        known.monitor_interface(),
        known.direct_interface().unwrap_or("none"),
    )
}

/// `Eth0`.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}
