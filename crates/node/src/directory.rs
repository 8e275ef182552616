//! A data directory belongs to one role: two roles in one would share a key without knowing.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// File in the `node` directory that names the role.
const ROLE_NAME: &str = "role";

/// Why a directory is not this role's.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another role was started here before.
    #[error("{} is the data directory of a role '{found}'; give each role a directory of its own", path.display())]
    ConfigOtherRole {
        /// The directory.
        path: PathBuf,
        /// The role in it.
        found: String,
    },
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Claims `data` for `role`, at every start; the first one decides. The `node` directory must be
/// there already.
pub fn claim(data: &Path, role: &str) -> Result<(), DirectoryError> {
    let path = data.join("node").join(ROLE_NAME);
    let failed = |source| DirectoryError::LocalFile { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(found) if found.trim() == role => Ok(()),
        Ok(found) => {
            let found = found.trim().chars().take(32).collect();
            Err(DirectoryError::ConfigOtherRole { path: data.to_owned(), found })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::write(&path, format!("{role}\n")).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Replaces a small file as a whole: after a crash there is the old one or the new one. On disk
/// when this returns.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_role_decides() {
        let data = std::env::temp_dir().join(format!("openmse-directory-{}", std::process::id()));
        std::fs::create_dir_all(data.join("node")).unwrap();
        let claims = ["engine", "engine", "controller"].map(|role| claim(&data, role));
        std::fs::remove_dir_all(&data).unwrap();
        let [first, again, other] = claims;
        assert!(first.is_ok() && again.is_ok());
        assert!(other.unwrap_err().to_string().contains("role 'engine'"));
    }
}
