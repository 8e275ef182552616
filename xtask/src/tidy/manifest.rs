//! Reads the manifests of the workspace, and checks what every crate takes from it.

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Path of its `Cargo.toml`.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    table: Table,
}

/// A dependency of a crate, with what the workspace says about it merged in.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// Name of the package, whatever the crate calls it.
    pub(crate) name: String,
    /// Whether only tests, examples and benches see it.
    pub(crate) is_dev: bool,
    pub(crate) features: Vec<String>,
    pub(crate) default_features: bool,
    /// Line of the manifest.
    pub(crate) line: Option<usize>,
}

/// All members; the finding says why they cannot be read.
pub(crate) fn members(tree: &Tree) -> Result<Vec<Manifest>, Finding> {
    let (_, root) = read(tree, ROOT)?;
    let Some(members) = at(&root, &["workspace", "members"]).and_then(Value::as_array) else {
        let remedy = "list every member by its path";
        return Err(Finding::new(ROOT, None, "has no workspace.members", remedy));
    };
    members.iter().filter_map(Value::as_str).map(|folder| member(tree, &root, folder)).collect()
}

/// Every crate inherits lints and publishing, and describes itself.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let members = match members(tree) {
        Ok(members) => members,
        Err(finding) => return vec![finding],
    };
    let mut findings: Vec<Finding> = members.iter().flat_map(inheritance).collect();
    let publish = read(tree, ROOT)
        .ok()
        .and_then(|(_, root)| at(&root, &["workspace", "package", "publish"])?.as_bool());
    if publish != Some(false) {
        let wrong = "workspace.package.publish is not false";
        let remedy = "set it: the names of our crates are not ours on crates.io";
        findings.push(Finding::new(ROOT, None, wrong, remedy));
    }
    findings
}

const ROOT: &str = "Cargo.toml";

fn inheritance(manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut require = |holds: bool, wrong: &str, remedy: &str| {
        if !holds {
            findings.push(Finding::new(&manifest.path, None, wrong, remedy));
        }
    };
    let is_true = |keys: &[&str]| at(&manifest.table, keys).and_then(Value::as_bool) == Some(true);
    require(
        is_true(&["lints", "workspace"]),
        "lints are not those of the workspace",
        "add `[lints]` with `workspace = true`",
    );
    require(
        is_true(&["package", "publish", "workspace"]),
        "publish is not inherited",
        "add `publish.workspace = true`",
    );
    let description = at(&manifest.table, &["package", "description"]).and_then(Value::as_str);
    require(
        description.is_some_and(|text| !text.is_empty()),
        "has no description",
        "say in one line what the crate is for",
    );
    findings
}

fn member(tree: &Tree, root: &Table, folder: &str) -> Result<Manifest, Finding> {
    let path = format!("{folder}/Cargo.toml");
    let (text, table) = read(tree, &path)?;
    let name = at(&table, &["package", "name"])
        .and_then(Value::as_str)
        .ok_or_else(|| Finding::new(&path, None, "has no package.name", "name the crate"))?
        .to_owned();
    let mut dependencies = dependencies_in(&table, root, text);
    if let Some(targets) = table.get("target").and_then(Value::as_table) {
        for target in targets.values().filter_map(Value::as_table) {
            dependencies.extend(dependencies_in(target, root, text));
        }
    }
    Ok(Manifest { path, name, dependencies, table })
}

/// Dependencies of one manifest or of one `target.*` table in it.
fn dependencies_in(table: &Table, root: &Table, text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let Some(listed) = table.get(kind).and_then(Value::as_table) else {
            continue;
        };
        for (key, value) in listed {
            let shared = at(root, &["workspace", "dependencies", key]);
            let both = [Some(value), shared];
            let settings = || both.into_iter().flatten().filter_map(Value::as_table);
            let name =
                settings().find_map(|settings| settings.get("package")?.as_str()).unwrap_or(key);
            let features = settings()
                .filter_map(|settings| settings.get("features")?.as_array())
                .flatten()
                .filter_map(|feature| feature.as_str().map(str::to_owned))
                .collect();
            let default_features = settings()
                .find_map(|settings| settings.get("default-features")?.as_bool())
                .unwrap_or(true);
            found.push(Dependency {
                name: name.to_owned(),
                is_dev: kind == "dev-dependencies",
                features,
                default_features,
                line: line_of(text, kind, key),
            });
        }
    }
    found
}

/// The line after `[..kind]` that begins with `key`.
fn line_of(text: &str, kind: &str, key: &str) -> Option<usize> {
    let header = format!("{kind}]");
    text.lines()
        .enumerate()
        .skip_while(|(_, line)| !line.trim_end().ends_with(&header))
        .find(|(_, line)| {
            line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '.', '=']))
        })
        .map(|(index, _)| index + 1)
}

fn read<'a>(tree: &'a Tree, path: &str) -> Result<(&'a str, Table), Finding> {
    let text = tree.text(path).ok_or_else(|| {
        let remedy = "workspace.members lists folders by their exact path";
        Finding::new(path, None, "is missing", remedy)
    })?;
    let table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text[..span.start].lines().count().max(1));
        Finding::new(path, line, error.message(), "correct the TOML")
    })?;
    Ok((text, table))
}

/// The value at a path of keys.
fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (last, tables) = keys.split_last()?;
    tables.iter().try_fold(table, |table, key| table.get(*key)?.as_table())?.get(*last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing;

    #[test]
    fn crates_inherit_and_describe_themselves() {
        testing::check_crates(check, &[("model", "crates/pure/model", "")], &[]);
        testing::check(
            check,
            &[
                ("Cargo.toml", "[workspace]\nmembers = [\"a\"]"),
                ("a/Cargo.toml", "[package]\nname = \"a\"\npublish = true"),
            ],
            &[
                "Cargo.toml: workspace.package.publish is not false",
                "a/Cargo.toml: has no description",
                "a/Cargo.toml: lints are not those of the workspace",
                "a/Cargo.toml: publish is not inherited",
            ],
        );
    }

    #[test]
    fn a_workspace_that_cannot_be_read_is_a_finding() {
        testing::check(check, &[], &["Cargo.toml: is missing"]);
        testing::check(
            check,
            &[("Cargo.toml", "[workspace]\nmembers = [\"a\"]")],
            &["a/Cargo.toml: is missing"],
        );
        testing::check(
            check,
            &[("Cargo.toml", "[package]")],
            &["Cargo.toml: has no workspace.members"],
        );
    }

    #[test]
    fn dependencies_are_merged_with_those_of_the_workspace() {
        let root = "[workspace]\nmembers = [\"a\"]\n\
                    [workspace.dependencies]\nrand = { version = \"1\", default-features = false }";
        let manifest = "[package]\nname = \"a\"\n\
                        [dependencies]\nrand = { workspace = true, features = [\"alloc\"] }\n\
                        [target.'cfg(unix)'.dev-dependencies]\nother = { package = \"real\" }";
        let tree = Tree::of(&[("Cargo.toml", root), ("a/Cargo.toml", manifest)]);
        let members = members(&tree).unwrap();
        let [rand, real] = members[0].dependencies.as_slice() else {
            panic!("{members:?}");
        };
        assert_eq!((rand.name.as_str(), rand.line), ("rand", Some(4)));
        assert_eq!(rand.features, ["alloc"]);
        assert!(!rand.default_features && !rand.is_dev);
        assert_eq!((real.name.as_str(), real.line), ("real", Some(6)));
        assert!(real.default_features && real.is_dev);
    }
}
