//! The files of the repository, read once into memory: those that git tracks or would track.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::shell::{Line, Shell, say};

/// All files by path from the root, with forward slashes, sorted bytewise.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, File>,
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Whether anybody may execute it.
    pub(crate) is_executable: bool,
}

impl Tree {
    /// Reads what git lists, or every file below `root` where git does not answer.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let list = Line::new("git ls-files -z -co --exclude-standard");
        let paths = if let Ok(listed) = Shell::new(root).output(&list) {
            let listed = String::from_utf8(listed).context("git lists a path that is not UTF-8")?;
            listed.split_terminator('\0').map(str::to_owned).collect()
        } else {
            say("git does not list the files here; taking all that are not built");
            walk(root, "")?
        };
        let mut files = BTreeMap::new();
        for path in paths {
            let full = root.join(&path);
            // Git still lists a file that was removed but not committed as such.
            let Ok(metadata) = fs::symlink_metadata(&full) else {
                continue;
            };
            if metadata.is_file() {
                let bytes = fs::read(&full).with_context(|| format!("cannot read {path}"))?;
                let is_executable = is_executable(&metadata);
                files.insert(path, File { bytes, is_executable });
            }
        }
        Ok(Self { files })
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// The text of a file; `None` if it is not there or not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text()
    }

    /// Files whose name ends in one of `endings`, with their text.
    pub(crate) fn texts(&self, endings: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        self.files()
            .filter(move |(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
            .filter_map(|(path, file)| Some((path, file.text()?)))
    }

    /// Whether `path` is a file or a folder with files in it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|file| file.starts_with(&folder))
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |text: &str| File { bytes: text.into(), is_executable: false };
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect();
        Self { files }
    }

    #[cfg(test)]
    pub(crate) fn make_executable(&mut self, path: &str) {
        self.files.get_mut(path).unwrap().is_executable = true;
    }
}

impl File {
    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// What a clone without git (a release archive) contains besides its files after a build.
const GENERATED: &[&str] = &["target", "node_modules", "test-results", ".git"];

fn walk(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let entries = fs::read_dir(root.join(folder))
        .with_context(|| format!("cannot read {}", root.join(folder).display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if !entry.file_type()?.is_dir() {
            paths.push(path);
        } else if !GENERATED.contains(&name.as_str()) {
            paths.extend(walk(root, &path)?);
        }
    }
    Ok(paths)
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_finds_what_a_build_did_not_make() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let paths = walk(root, "").unwrap();
        assert!(paths.contains(&"src/tidy/tree.rs".to_owned()), "{paths:?}");
        assert!(paths.contains(&"Cargo.toml".to_owned()), "{paths:?}");
    }

    #[test]
    fn folders_exist_when_they_have_files() {
        let tree = Tree::of(&[("docs/adr/0001.md", "")]);
        let check = |path, expected| assert_eq!(tree.contains(path), expected, "{path:?}");
        check("docs", true);
        check("docs/adr", true);
        check("docs/adr/0001.md", true);
        check("", true);
        check("doc", false);
        check("docs/adr/0002.md", false);
    }
}
