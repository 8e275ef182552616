//! Configuration files: TOML, unknown keys refused, errors that name file, line and key. What a
//! program keeps for itself in the same form is loaded and saved here, too.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest configuration file. Ours: a campus of thousands of access points stays below it.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    LocalRead {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    LocalWrite {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{} is larger than {FILE_BYTES_MAX} bytes and cannot be a configuration", path.display())]
    ConfigTooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is no TOML, or has an unknown key, or a value of the wrong type.
    #[error("{}: {message}", path.display())]
    ConfigSyntax {
        /// The file.
        path: PathBuf,
        /// Line, column, culprit and what was expected.
        message: String,
    },
    /// The values do not fit together.
    #[error("{}: {message}", path.display())]
    ConfigValue {
        /// The file.
        path: PathBuf,
        /// The key, what is wrong, and what would be right.
        message: String,
    },
}

/// Reads a configuration file.
pub fn load<C: DeserializeOwned>(path: &Path) -> Result<C, ConfigError> {
    let read_error = |source| ConfigError::LocalRead { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(read_error)?.len() > FILE_BYTES_MAX {
        return Err(ConfigError::ConfigTooLarge { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(read_error)?;
    parse(&text).map_err(|message| ConfigError::ConfigSyntax { path: path.to_owned(), message })
}

/// Reads a file that a program keeps for itself; the default when there is none yet. One that is there
/// and cannot be read is an error: to go on without it would be to forget.
pub fn load_or_default<C: DeserializeOwned + Default>(path: &Path) -> Result<C, ConfigError> {
    match load(path) {
        Err(ConfigError::LocalRead { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(C::default())
        }
        loaded => loaded,
    }
}

/// Replaces a file that a program keeps for itself, readable for its user only; on disk when this
/// returns.
pub fn save(path: &Path, content: &impl Serialize) -> Result<(), ConfigError> {
    let text = toml::to_string(content).map_err(std::io::Error::other);
    let written = text.and_then(|text| crate::directory::replace(path, text.as_bytes(), 0o600));
    written.map_err(|source| ConfigError::LocalWrite { path: path.to_owned(), source })
}

/// Reads a configuration from a text. The error names line, column and culprit.
pub fn parse<C: DeserializeOwned>(text: &str) -> Result<C, String> {
    toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only parsed")]
        listen: String,
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let path = std::env::temp_dir().join(format!("openmse-config-{}.toml", std::process::id()));
        std::fs::write(&path, "listen = \"a\"\nlisten_prot = 1\n").unwrap();
        let error = load::<Example>(&path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains("line 2") && error.contains("listen_prot"), "{error}");
        assert!(load::<Example>(&path).unwrap_err().to_string().contains("openmse-config"));
    }
}
