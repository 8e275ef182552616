//! `console/dist` was built from the sources beside it: the hash in `.sources` is that of today.
//!
//! It needs no node, so a stale console is found on every machine. The algorithm is described in
//! `console/README.md` and implemented a second time in `console/vite.config.ts`.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::Finding;
use super::tree::Tree;

const FOLDER: &str = "console/";
const RECORDED: &str = "console/dist/.sources";
const SOURCE_FOLDERS: [&str; 2] = ["src/", "public/"];
const SOURCE_FILES: [&str; 6] = [
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "svelte.config.js",
    "tsconfig.json",
];

/// The recorded hash is the hash of the sources.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let expected = format!("{}\n", hash(tree));
    if tree.text(RECORDED) == Some(&expected) {
        return Vec::new();
    }
    let wrong = "does not have the hash of the console's sources";
    let remedy = "cd console && npm run build";
    vec![Finding::new(RECORDED, None, wrong, remedy)]
}

/// SHA-256 over `path\0content\0` of every source, in bytewise order of the paths.
fn hash(tree: &Tree) -> String {
    let mut hash = Sha256::new();
    // The tree is sorted by full path, and the common prefix does not change the order.
    for (path, file) in tree.files() {
        let Some(path) = path.strip_prefix(FOLDER) else {
            continue;
        };
        let is_source = SOURCE_FILES.contains(&path)
            || SOURCE_FOLDERS.iter().any(|folder| path.starts_with(folder));
        if is_source {
            hash.update(path);
            hash.update([0]);
            hash.update(&file.bytes);
            hash.update([0]);
        }
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing;

    // printf 'index.html\0<html>\0src/main.ts\0x\0' | sha256sum
    const HASH: &str = "b07d5fef17031105d241b490b1509f1fa7823538919c2f6b8fa9cca051613460";
    const STALE: &str = "console/dist/.sources: does not have the hash of the console's sources";

    #[track_caller]
    fn check_sources(main: &str, recorded: &str, expected: &[&str]) {
        let files = [
            ("console/src/main.ts", main),
            ("console/index.html", "<html>"),
            ("console/README.md", "not a source"),
            ("console/tests/unit/a.test.ts", "not a source"),
            (RECORDED, recorded),
        ];
        testing::check(check, &files, expected);
    }

    #[test]
    fn the_recorded_hash_is_that_of_the_sources() {
        check_sources("x", &format!("{HASH}\n"), &[]);
        check_sources("y", &format!("{HASH}\n"), &[STALE]);
        check_sources("x", HASH, &[STALE]);
        testing::check(check, &[("console/src/main.ts", "x")], &[STALE]);
    }
}
