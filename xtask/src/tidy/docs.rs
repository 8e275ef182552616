//! Documentation: links to files lead somewhere, and the change log is open for the next change.
//!
//! Links to other sites are not followed (no network), nor are anchors.

use super::Finding;
use super::tree::Tree;

const CHANGELOG: &str = "CHANGELOG.md";
const UNRELEASED: &str = "## Unreleased";

/// Every Markdown file, and the change log.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(&[".md"]) {
        for (line, target) in targets(text) {
            let exists = resolve(path, target).is_some_and(|target| tree.contains(&target));
            if !exists {
                let wrong = format!("links to {target}, which does not exist");
                let remedy = "correct the path, which is relative to the file";
                findings.push(Finding::new(path, line, wrong, remedy));
            }
        }
    }
    let is_open =
        tree.text(CHANGELOG).is_some_and(|text| text.lines().any(|line| line == UNRELEASED));
    if !is_open {
        let wrong = format!("has no section `{UNRELEASED}`");
        let remedy = "add it above the last release; users read it before they upgrade";
        findings.push(Finding::new(CHANGELOG, None, wrong, remedy));
    }
    findings
}

/// Targets of links to files, without anchors, with their lines.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let marker = ["```", "~~~"].into_iter().find(|m| start.starts_with(m));
        match (fence, marker) {
            (None, Some(marker)) => fence = Some(marker),
            (Some(open), Some(marker)) if open == marker => fence = None,
            (Some(_), _) => {}
            (None, None) => found.extend(in_line(line).map(|target| (index + 1, target))),
        }
    }
    found.retain(|(_, target)| !target.is_empty() && !is_elsewhere(target));
    found
}

/// Targets in one line: `[text](target "title")` and `[label]: target`, not in `code`.
fn in_line(line: &str) -> impl Iterator<Item = &str> {
    // Every second piece between backticks is code. A link text may hold code: only `](` counts.
    let inline = line
        .split('`')
        .step_by(2)
        .flat_map(|piece| piece.split("](").skip(1))
        .filter_map(|rest| rest.split([')', ' ']).next());
    let definition = line
        .starts_with('[')
        .then(|| line.split_once("]: "))
        .flatten()
        .and_then(|(_, rest)| rest.split(' ').next());
    inline.chain(definition).map(|target| {
        let target = target.trim_start_matches('<').trim_end_matches('>');
        target.split('#').next().unwrap_or_default()
    })
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// Path from the root of the repository; `None` if it leaves it.
fn resolve(file: &str, target: &str) -> Option<String> {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = match target.strip_prefix('/') {
        Some(from_root) => from_root.to_owned(),
        None => format!("{folder}/{target}"),
    };
    let mut parts = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing;

    const OPEN: (&str, &str) = (CHANGELOG, "# Changes\n\n## Unreleased\n");

    #[track_caller]
    fn check_text(text: &str, expected: &[&str]) {
        let files = [OPEN, ("docs/guide/a.md", text), ("docs/b.md", ""), ("demo/campus.toml", "")];
        testing::check(check, &files, expected);
    }

    #[test]
    fn links_that_lead_somewhere_are_allowed() {
        check_text("[b](../b.md) ![c](../../demo/campus.toml \"title\")", &[]);
        check_text("[folder](../../demo/) [root](/docs/b.md) [self](a.md#part)", &[]);
        check_text("[`code`](../b.md)\n\n[label]: ../b.md", &[]);
    }

    #[test]
    fn other_sites_anchors_and_code_are_not_followed() {
        check_text("[x](https://example.org/a.md) [y](#part) [z](mailto:a@b)", &[]);
        check_text("```md\n[x](nowhere.md)\n```\n`[x](nowhere.md)`", &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found_with_their_line() {
        let finding = "docs/guide/a.md:2: links to b.md, which does not exist";
        check_text("\n[b](b.md#part)", &[finding]);
        check_text("\n[`code`](b.md)", &[finding]);
        check_text("\n[label]: b.md", &[finding]);
        check_text(
            "```\n```\n[b](../../../out.md)",
            &["docs/guide/a.md:3: links to ../../../out.md, which does not exist"],
        );
    }

    #[test]
    fn the_change_log_is_open() {
        let finding = "CHANGELOG.md: has no section `## Unreleased`";
        testing::check(check, &[OPEN], &[]);
        testing::check(check, &[(CHANGELOG, "## 0.1.0\n")], &[finding]);
        testing::check(check, &[], &[finding]);
    }
}
