//! Files as text: sizes, white space, module documentation, and macros that must not stay.

use super::Finding;
use super::code::{code_only, has_word};
use super::tree::{File, Tree};

/// The longest source file; above it a file has two subjects (style guide, rule 9).
const LINES_MAX: usize = 800;

/// The largest file; git keeps every version for ever. Ours.
const BYTES_MAX: usize = 1024 * 1024;

/// What is not finished.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// What writes past the `impl Write` that a command is given.
const PRINTS: [&str; 4] = ["println!", "print!", "eprintln!", "eprint!"];

/// Every file by its kind.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        tree.files().flat_map(|(path, file)| weight(path, file)).collect();
    for (path, text) in tree.texts(&[".rs", ".ts", ".svelte"]) {
        findings.extend(length(path, text));
    }
    for (path, text) in tree.texts(&[".rs", ".md"]) {
        findings.extend(white_space(path, text));
    }
    for (path, source) in tree.texts(&[".rs"]) {
        findings.extend(forbidden(path, source));
        findings.extend(module_doc(path, source));
    }
    findings
}

/// Whether a file of Rust holds only tests or benches.
pub(crate) fn is_test(path: &str) -> bool {
    let folder = |name| path.split('/').any(|part| part == name);
    path.ends_with("/tests.rs") || folder("tests") || folder("benches")
}

fn weight(path: &str, file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.bytes.len() > BYTES_MAX {
        let wrong = format!("has {} bytes, more than 1 MiB", file.bytes.len());
        let remedy = "compress it, cut it, or generate it in the test";
        findings.push(Finding::new(path, None, wrong, remedy));
    }
    if file.is_executable && !file.bytes.starts_with(b"#!") {
        let remedy = format!("chmod -x {path}");
        findings.push(Finding::new(path, None, "is executable but no script", remedy));
    }
    findings
}

fn length(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let wrong = format!("has {lines} lines, more than {LINES_MAX}");
    let remedy = "split it by subject; tests go to a file of their own";
    (lines > LINES_MAX).then(|| Finding::new(path, None, wrong, remedy))
}

fn white_space(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Not `lines()`, which would hide a carriage return.
    for (index, line) in text.split('\n').enumerate() {
        if line.contains('\t') {
            let remedy = "use spaces, or \\t in a string";
            findings.push(Finding::new(path, index + 1, "has a tab", remedy));
        }
        if line.ends_with(char::is_whitespace) {
            let wrong = "ends in white space";
            findings.push(Finding::new(path, index + 1, wrong, "remove it"));
        }
    }
    findings
}

fn forbidden(path: &str, source: &str) -> Vec<Finding> {
    let code = code_only(source);
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut find = |what: &str, remedy: &str| {
            findings.push(Finding::new(path, index + 1, format!("has {what}"), remedy));
        };
        for word in UNFINISHED.iter().filter(|word| has_word(line, word)) {
            find(word, "finish it or leave it out");
        }
        // A test or a bench may print its figures; clippy asks it for the reason.
        let prints = if is_test(path) { &[] } else { &PRINTS[..] };
        for word in prints.iter().filter(|word| has_word(line, word)) {
            find(word, "write to an `impl Write`, or log");
        }
        if line.contains("#[ignore]") {
            find("#[ignore]", "say why: `#[ignore = \"..\"]`");
        }
        let is_attribute = line.contains("#[") || line.contains("#![");
        // Each test program uses a part of a shared module: there `expect` cannot hold everywhere.
        let is_shared = is_test(path) && line.contains("#![");
        if is_attribute && !is_shared && has_word(line, "allow") && line.contains("allow(") {
            let remedy = "use `expect(.., reason = \"..\")`, which tells when it is not needed";
            find("an allow attribute", remedy);
        }
    }
    findings
}

fn module_doc(path: &str, source: &str) -> Option<Finding> {
    let is_module = path.starts_with("src/") || path.contains("/src/");
    let needs_doc = is_module && !is_test(path) && !source.starts_with("//!");
    let wrong = "does not begin with `//!`";
    let remedy = "say what the module is for, why, and what it deliberately does not do";
    needs_doc.then(|| Finding::new(path, 1, wrong, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing;

    #[track_caller]
    fn check_file(path: &str, text: &str, expected: &[&str]) {
        testing::check(check, &[(path, text)], expected);
    }

    #[test]
    fn a_long_source_is_refused() {
        check_file("a.ts", &"x\n".repeat(800), &[]);
        let long = "x\n".repeat(801);
        check_file("a.ts", &long, &["a.ts: has 801 lines, more than 800"]);
        check_file("a.svelte", &long, &["a.svelte: has 801 lines, more than 800"]);
        check_file("a.json", &long, &[]);
    }

    #[test]
    fn tabs_and_trailing_white_space_are_refused() {
        check_file(
            "a.md",
            "a\tb\nc \nd\r\n",
            &["a.md:1: has a tab", "a.md:2: ends in white space", "a.md:3: ends in white space"],
        );
        check_file("Makefile", "\tx \n", &[]);
    }

    #[test]
    fn a_module_says_what_it_is_for() {
        check_file("crates/a/src/b.rs", "//! B.\n", &[]);
        check_file("crates/a/src/b/tests.rs", "use super::*;\n", &[]);
        check_file("crates/a/tests/b.rs", "use a::b;\n", &[]);
        let finding = "crates/a/src/b.rs:1: does not begin with `//!`";
        check_file("crates/a/src/b.rs", "\n//! B.\n", &[finding]);
    }

    #[test]
    fn macros_and_attributes_that_must_not_stay_are_refused() {
        let check = |code: &str, what: &str| {
            let source = format!("//! A.\n{code}\n");
            let finding = format!("crates/a/src/a.rs:2: has {what}");
            check_file("crates/a/src/a.rs", &source, &[&finding]);
        };
        check("fn f() { todo!() }", "todo!");
        check("fn f() { unimplemented!() }", "unimplemented!");
        check("let a = dbg!(b);", "dbg!");
        check("eprintln!();", "eprintln!");
        check("std::println!();", "println!");
        check("#[ignore]", "#[ignore]");
        check("#[allow(dead_code)]", "an allow attribute");
        check("#![allow(dead_code)]", "an allow attribute");
        check("#[cfg_attr(test, allow(dead_code))]", "an allow attribute");
    }

    #[test]
    fn what_only_looks_like_them_is_allowed() {
        let check = |code: &str| {
            check_file("crates/a/src/a.rs", &format!("//! A.\n{code}\n"), &[]);
        };
        check("// todo!() and #[allow(x)]");
        check("let a = \"println!\";");
        check("my_todo!();");
        check("zone.allow(element);");
        check("#[ignore = \"needs a radio\"]");
        check("#[expect(dead_code, reason = \"..\")]");
    }

    #[test]
    fn modules_that_tests_share_may_allow_what_some_do_not_use() {
        let source = "//! A.\n#![allow(dead_code, reason = \"..\")]\n#[allow(dead_code)]\n";
        let finding = "crates/a/tests/common/mod.rs:3: has an allow attribute";
        check_file("crates/a/tests/common/mod.rs", source, &[finding]);
    }

    #[test]
    fn tests_and_benches_may_print_but_not_stay_unfinished() {
        for path in ["crates/a/tests/a.rs", "crates/a/benches/a.rs", "crates/a/src/b/tests.rs"] {
            let finding = format!("{path}:1: has todo!");
            check_file(path, "fn f() { println!(); todo!() }\n", &[&finding]);
        }
    }

    #[test]
    fn large_files_and_stray_executable_bits_are_refused() {
        let large = "x".repeat(BYTES_MAX + 1);
        check_file("a.bin", &large, &["a.bin: has 1048577 bytes, more than 1 MiB"]);
        let mut tree = Tree::of(&[("run", "#!/bin/sh\n"), ("icon.svg", "<svg/>")]);
        tree.make_executable("run");
        tree.make_executable("icon.svg");
        let findings = check(&tree);
        assert_eq!(
            findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["icon.svg: is executable but no script; chmod -x icon.svg"]
        );
    }
}
