//! Who knows what: each library that shapes a program is known to few crates.
//!
//! Pure crates are in no row, so they know none of these.

use super::Finding;
use super::floors::BINARY;
use super::manifest;
use super::tree::Tree;

/// `what` is known through `libraries` to `crates` only.
struct Knowledge {
    what: &'static str,
    libraries: &'static [&'static str],
    crates: &'static [&'static str],
}

/// From "Houses and floors" in ARCHITECTURE.md.
const KNOWLEDGE: [Knowledge; 11] = [
    Knowledge { what: "SQL", libraries: &["rusqlite"], crates: &["store"] },
    Knowledge { what: "PostgreSQL", libraries: &["tokio-postgres"], crates: &["chaos"] },
    Knowledge {
        what: "HTTP",
        libraries: &["axum", "hyper", "hyper-util"],
        // The binary for the page of its demonstration.
        crates: &["node", "controller", "engine", "monitor", "mse"],
    },
    Knowledge {
        what: "the asynchronous runtime",
        libraries: &["tokio"],
        crates: &["node", "controller", "engine", "monitor", "mse", "chaos"],
    },
    Knowledge {
        what: "TLS",
        libraries: &["rustls", "tokio-rustls"],
        crates: &["node", "controller", "engine", "monitor"],
    },
    Knowledge {
        what: "the kernel's network tables",
        libraries: &["netlink-packet-route"],
        crates: &["monitor"],
    },
    Knowledge {
        what: "netlink",
        libraries: &["netlink-packet-core"],
        crates: &["controller", "monitor"],
    },
    Knowledge {
        what: "packet sockets",
        libraries: &["nix"],
        crates: &["controller", "monitor", "chaos"],
    },
    Knowledge { what: "SNMP", libraries: &["rasn", "rasn-smi", "rasn-snmp"], crates: &["node"] },
    Knowledge { what: "mail", libraries: &["lettre"], crates: &["node"] },
    Knowledge { what: "the terminal", libraries: &["clap"], crates: &["mse", "xtask"] },
];

/// No crate uses a library that it must not know; tests of the binary may.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let members = match manifest::members(tree) {
        Ok(members) => members,
        Err(finding) => return vec![finding],
    };
    let mut findings = Vec::new();
    for member in &members {
        for dependency in &member.dependencies {
            if member.name == BINARY && dependency.is_dev {
                continue;
            }
            let unknown = KNOWLEDGE.iter().find(|knowledge| {
                knowledge.libraries.contains(&dependency.name.as_str())
                    && !knowledge.crates.contains(&member.name.as_str())
            });
            if let Some(Knowledge { what, crates, .. }) = unknown {
                let wrong =
                    format!("{} uses {}, but must not know {what}", member.name, dependency.name);
                let remedy = format!("leave it to {}", crates.join(", "));
                findings.push(Finding::new(&member.path, dependency.line, wrong, remedy));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::check_crates;

    #[test]
    fn those_who_know_may_use() {
        let tables = "[dependencies]\naxum = \"1\"\ntokio = \"1\"\nrustls = \"1\"";
        check_crates(check, &[("node", "crates/node", tables)], &[]);
    }

    #[test]
    fn a_pure_crate_knows_none_of_these() {
        let tables = "[dependencies]\naxum = \"1\"\nrusqlite = \"1\"\nrustls = \"1\"\n\
                      [dev-dependencies]\ntokio = \"1\"";
        check_crates(
            check,
            &[("nmsp", "crates/pure/nmsp", tables)],
            &[
                "crates/pure/nmsp/Cargo.toml:8: nmsp uses axum, but must not know HTTP",
                "crates/pure/nmsp/Cargo.toml:9: nmsp uses rusqlite, but must not know SQL",
                "crates/pure/nmsp/Cargo.toml:10: nmsp uses rustls, but must not know TLS",
                "crates/pure/nmsp/Cargo.toml:12: nmsp uses tokio, but must not know the \
                 asynchronous runtime",
            ],
        );
    }

    #[test]
    fn only_the_binary_and_tooling_know_the_terminal() {
        let tables = "[dependencies]\nclap = \"1\"";
        check_crates(
            check,
            &[
                ("mse", "crates/mse", tables),
                ("xtask", "xtask", tables),
                ("engine", "crates/roles/engine", tables),
            ],
            &["crates/roles/engine/Cargo.toml:8: engine uses clap, but must not know the terminal"],
        );
    }

    #[test]
    fn tests_of_the_binary_may_speak_http() {
        let tables = "[dev-dependencies]\nhyper = \"1\"";
        check_crates(check, &[("mse", "crates/mse", tables)], &[]);
    }
}
