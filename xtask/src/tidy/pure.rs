//! Pure crates take time, randomness and bytes as inputs, so that hours of protocol run in
//! milliseconds and every run can be repeated.
//!
//! Clippy enforces most of that by `crates/pure/clippy.toml`. This rule sees to it that clippy is
//! told, and catches what a type alias or a glob import would hide. Their libraries are a matter of
//! [`super::knowledge`]; only entropy is here.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Finding;
use super::code::{code_only, has_word};
use super::floors::PURE_FOLDER;
use super::manifest::{self, Dependency};
use super::text::is_test;
use super::tree::Tree;

const CLIPPY: &str = "crates/pure/clippy.toml";

/// What clippy must refuse there.
const DISALLOWED: [(&str, &[&str]); 2] = [
    (
        "disallowed-methods",
        &[
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "std::thread::spawn",
            "std::thread::sleep",
        ],
    ),
    (
        "disallowed-types",
        &[
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::fs::File",
        ],
    ),
];

/// What the source of a pure crate does not say.
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::thread",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
];

/// Features of `rand` that ask the operating system.
const ENTROPY: [&str; 3] = ["os_rng", "sys_rng", "thread_rng"];

/// Clippy is told, manifests bring no entropy, sources are pure.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let members = match manifest::members(tree) {
        Ok(members) => members,
        Err(finding) => return vec![finding],
    };
    let mut findings = clippy(tree);
    for member in members {
        if member.path.starts_with(PURE_FOLDER) {
            findings.extend(
                member.dependencies.iter().filter(|dependency| brings_entropy(dependency)).map(
                    |dependency| {
                        let wrong = format!("{} asks the operating system", dependency.name);
                        let remedy = "take a seed or a generator as input; `default-features = \
                                      false` on rand";
                        Finding::new(&member.path, dependency.line, wrong, remedy)
                    },
                ),
            );
        }
    }
    findings.extend(
        tree.texts(&[".rs"])
            .filter(|(path, _)| {
                path.starts_with(PURE_FOLDER) && path.contains("/src/") && !is_test(path)
            })
            .flat_map(|(path, source)| impurities(path, source)),
    );
    findings
}

fn brings_entropy(dependency: &Dependency) -> bool {
    let asks = |feature: &String| ENTROPY.contains(&feature.as_str());
    match dependency.name.as_str() {
        "getrandom" => true,
        "rand" => dependency.default_features || dependency.features.iter().any(asks),
        _ => false,
    }
}

fn clippy(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree
        .texts(&["clippy.toml"])
        .filter(|(path, _)| path.starts_with(PURE_FOLDER) && *path != CLIPPY)
        .map(|(path, _)| {
            let wrong = format!("hides {CLIPPY}: clippy reads only the nearest");
            Finding::new(path, None, wrong, "remove it")
        })
        .collect();
    let table = tree.text(CLIPPY).and_then(|text| text.parse::<Table>().ok());
    let Some(table) = table else {
        let remedy = "it must disallow clock, threads, sockets, files and hash order";
        findings.push(Finding::new(CLIPPY, None, "is missing or not TOML", remedy));
        return findings;
    };
    for (key, required) in DISALLOWED {
        let listed: BTreeSet<&str> = table
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.as_str().or_else(|| entry.get("path")?.as_str()))
            .collect();
        for path in required.iter().filter(|path| !listed.contains(**path)) {
            let wrong = format!("does not disallow {path}");
            let remedy = format!("add it to {key}");
            findings.push(Finding::new(CLIPPY, None, wrong, remedy));
        }
    }
    findings
}

fn impurities(path: &str, source: &str) -> Vec<Finding> {
    let code = code_only(source);
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for word in IMPURE.iter().filter(|word| has_word(line, word)) {
            let wrong = format!("{word} in a pure crate");
            let remedy = "take time, randomness and bytes as inputs, and order by BTreeMap";
            findings.push(Finding::new(path, index + 1, wrong, remedy));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing;

    /// As much of the real file as the rule asks for, but `without` one path.
    fn clippy_toml(without: &str) -> String {
        let mut table = Table::new();
        for (key, paths) in DISALLOWED {
            let kept = paths.iter().filter(|path| **path != without);
            let kept: Vec<Value> = kept.map(|path| Value::from(*path)).collect();
            table.insert(key.into(), kept.into());
        }
        table.to_string()
    }

    #[track_caller]
    fn check_pure(tables: &str, clippy: &str, files: &[(&str, &str)], expected: &[&str]) {
        let crates = testing::workspace(&[("nmsp", "crates/pure/nmsp", tables)]);
        let mut all: Vec<(&str, &str)> =
            crates.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        all.push((CLIPPY, clippy));
        all.extend_from_slice(files);
        testing::check(check, &all, expected);
    }

    #[test]
    fn sources_have_no_clock_disk_thread_socket_or_hash_order() {
        let source = "//! Instant and std::fs in words.\n\
                      use std::net::IpAddr;\n\
                      use std::time::Instant;\n\
                      fn f() { std::fs::read(\"HashMap\"); }\n\
                      type M = std::collections::HashMap<u8, u8>;\n";
        let lib = "crates/pure/nmsp/src/lib.rs";
        check_pure(
            "",
            &clippy_toml(""),
            &[(lib, source)],
            &[
                "crates/pure/nmsp/src/lib.rs:3: Instant in a pure crate",
                "crates/pure/nmsp/src/lib.rs:4: std::fs in a pure crate",
                "crates/pure/nmsp/src/lib.rs:5: HashMap in a pure crate",
            ],
        );
    }

    #[test]
    fn tests_of_a_pure_crate_may_read_files_and_others_are_free() {
        let source = "use std::fs;\n";
        check_pure(
            "",
            &clippy_toml(""),
            &[
                ("crates/pure/nmsp/src/session/tests.rs", source),
                ("crates/pure/nmsp/tests/vectors.rs", source),
                ("crates/node/src/lib.rs", source),
            ],
            &[],
        );
    }

    #[test]
    fn clippy_is_told_everything_and_told_once() {
        check_pure(
            "",
            &clippy_toml("std::fs::File"),
            &[("crates/pure/nmsp/clippy.toml", "")],
            &[
                "crates/pure/clippy.toml: does not disallow std::fs::File",
                "crates/pure/nmsp/clippy.toml: hides crates/pure/clippy.toml: clippy reads only \
                 the nearest",
            ],
        );
        check_pure(
            "",
            "disallowed-methods = [",
            &[],
            &["crates/pure/clippy.toml: is missing or not TOML"],
        );
    }

    #[test]
    fn entropy_is_an_input() {
        check_pure(
            "[dependencies]\nrand = { version = \"1\", default-features = false }",
            &clippy_toml(""),
            &[],
            &[],
        );
        let finding = "crates/pure/nmsp/Cargo.toml:8: rand asks the operating system";
        for tables in [
            "[dependencies]\nrand = \"1\"",
            "[dependencies]\nrand = { default-features = false, features = [\"sys_rng\"] }",
        ] {
            check_pure(tables, &clippy_toml(""), &[], &[finding]);
        }
    }
}
