//! Floors: a crate depends only on crates of a lower floor, so siblings never meet.
//!
//! The invariant is an absence: `locate` does not know NMSP, the engine does not know the
//! controller. They meet one floor up, or on the wire.

use super::Finding;
use super::manifest::{self, Dependency, Manifest};
use super::tree::Tree;

/// The crates of each floor, from the ground: "Houses and floors" in ARCHITECTURE.md.
const FLOORS: [&[&str]; 5] = [
    &["model"],
    &["nmsp", "locate", "ha", "journal", "notify", "presence", "wips"],
    &["node", "store", "locate-bench"],
    &["controller", "engine", "monitor", "sim", "chaos"],
    &["mse"],
];

/// Stands outside: it uses none of our crates, and none uses it.
const TOOLING: &str = "xtask";

/// The binary; its tests may start anything.
pub(crate) const BINARY: &str = "mse";

/// Floors 0 and 1 take time, randomness and bytes as inputs, and live where clippy enforces it.
const PURE_FLOORS: usize = 2;
pub(crate) const PURE_FOLDER: &str = "crates/pure/";

/// Dependencies point down, and pure floors are in the pure folder.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let members = match manifest::members(tree) {
        Ok(members) => members,
        Err(finding) => return vec![finding],
    };
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut findings = Vec::new();
    for member in &members {
        findings.extend(place(member));
        findings.extend(
            member
                .dependencies
                .iter()
                .filter(|dependency| names.contains(&dependency.name.as_str()))
                .filter_map(|dependency| direction(member, dependency)),
        );
    }
    findings
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|crates| crates.contains(&name))
}

fn place(member: &Manifest) -> Option<Finding> {
    let name = &member.name;
    let is_in_pure_folder = member.path.starts_with(PURE_FOLDER);
    let (wrong, remedy) = match floor(name) {
        None if name == TOOLING => return None,
        None => (
            format!("{name} has no floor"),
            "add it to FLOORS in xtask/src/tidy/floors.rs and to ARCHITECTURE.md".to_owned(),
        ),
        Some(floor) if (floor < PURE_FLOORS) == is_in_pure_folder => return None,
        Some(floor) if is_in_pure_folder => (
            format!("{name} is on floor {floor}, which is not pure"),
            format!("move it out of {PURE_FOLDER}"),
        ),
        Some(floor) => (
            format!("{name} is on floor {floor}, which is pure"),
            format!("move it to {PURE_FOLDER}, where clippy enforces that"),
        ),
    };
    Some(Finding::new(&member.path, None, wrong, remedy))
}

fn direction(member: &Manifest, dependency: &Dependency) -> Option<Finding> {
    let shown = |name: &str, floor: Option<usize>| match floor {
        Some(floor) => format!("{name} (floor {floor})"),
        None => format!("{name} (outside)"),
    };
    let (from, to) = (floor(&member.name), floor(&dependency.name));
    let points_down = matches!((from, to), (Some(from), Some(to)) if to < from);
    if points_down || (member.name == BINARY && dependency.is_dev) {
        return None;
    }
    let wrong = format!("{} depends on {}", shown(&member.name, from), shown(&dependency.name, to));
    let remedy = "a crate uses only lower floors: move what both need down, or let a crate above \
                  both bring them together";
    Some(Finding::new(&member.path, dependency.line, wrong, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::check_crates;

    const MODEL: (&str, &str, &str) = ("model", "crates/pure/model", "");
    const NMSP: (&str, &str, &str) = ("nmsp", "crates/pure/nmsp", "");

    #[test]
    fn downwards_is_allowed() {
        let tables = "[dependencies]\nmodel.workspace = true\nserde = \"1\"";
        check_crates(check, &[MODEL, ("store", "crates/store", tables)], &[]);
    }

    #[test]
    fn siblings_never_meet() {
        let tables = "[dependencies]\nnmsp.workspace = true";
        check_crates(
            check,
            &[NMSP, ("locate", "crates/pure/locate", tables)],
            &["crates/pure/locate/Cargo.toml:8: locate (floor 1) depends on nmsp (floor 1)"],
        );
    }

    #[test]
    fn upwards_is_refused_in_tests_and_under_another_name() {
        let tables = "[dev-dependencies]\nwire = { package = \"nmsp\", path = \"../nmsp\" }";
        check_crates(
            check,
            &[("model", "crates/pure/model", tables), NMSP],
            &["crates/pure/model/Cargo.toml:8: model (floor 0) depends on nmsp (floor 1)"],
        );
    }

    #[test]
    fn tests_of_the_binary_may_use_anything() {
        let xtask = ("xtask", "xtask", "");
        let dev = "[dev-dependencies]\nxtask.workspace = true";
        check_crates(check, &[("mse", "crates/mse", dev), xtask], &[]);
        let normal = "[dependencies]\nxtask.workspace = true";
        check_crates(
            check,
            &[("mse", "crates/mse", normal), xtask],
            &["crates/mse/Cargo.toml:8: mse (floor 4) depends on xtask (outside)"],
        );
    }

    #[test]
    fn tooling_uses_none_of_our_crates() {
        let tables = "[dependencies]\nmodel.workspace = true";
        check_crates(
            check,
            &[MODEL, ("xtask", "xtask", tables)],
            &["xtask/Cargo.toml:8: xtask (outside) depends on model (floor 0)"],
        );
    }

    #[test]
    fn every_crate_has_a_floor_and_stands_in_its_place() {
        check_crates(
            check,
            &[
                ("pnp", "crates/pure/pnp", ""),
                ("store", "crates/pure/store", ""),
                ("nmsp", "crates/nmsp", ""),
            ],
            &[
                "crates/nmsp/Cargo.toml: nmsp is on floor 1, which is pure",
                "crates/pure/pnp/Cargo.toml: pnp has no floor",
                "crates/pure/store/Cargo.toml: store is on floor 2, which is not pure",
            ],
        );
    }
}
