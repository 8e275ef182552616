//! Who may pair this node from another one: `<data>/node/operators.toml`, written by the set-up
//! wizard (`Secondary Password .. from setup script` of the guides).
//!
//! They are the node's, not the service's: a secondary has no users before it is paired.

use std::path::Path;

use node::config::ConfigError;
use serde::{Deserialize, Serialize};

/// Name of the file in the node's folder.
pub const FILE_NAME: &str = "operators.toml";
/// Longest user name. Ours, as of the console's users.
pub const NAME_BYTES_MAX: usize = 64;

/// Everybody who may pair this node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operators {
    /// Each with a name of its own.
    #[serde(default, rename = "operator")]
    pub operators: Vec<Operator>,
}

/// Who may pair this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// User name.
    pub name: String,
    /// Of [`node::password::hash`].
    pub password_hash: String,
}

impl Operators {
    /// What is in the node's folder; nobody when there is no file yet.
    pub fn load(folder: &Path) -> Result<Self, ConfigError> {
        node::config::load_or_default(&folder.join(FILE_NAME))
    }

    /// Replaces the file; on disk when this returns.
    pub fn save(&self, folder: &Path) -> Result<(), ConfigError> {
        node::config::save(&folder.join(FILE_NAME), self)
    }

    /// Adds an operator, or replaces the one of that name.
    pub fn set(&mut self, operator: Operator) {
        self.operators.retain(|it| it.name != operator.name);
        self.operators.push(operator);
    }

    /// Whether the password is that operator's. As much work for a name that nobody has; call it
    /// off the event loop.
    pub fn verify(&self, name: &str, password: &str) -> bool {
        let Some(operator) = self.operators.iter().find(|it| it.name == name) else {
            node::password::spend_as_for_a_user(password);
            return false;
        };
        node::password::verify(password, &operator.password_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_known_by_name_and_password() {
        let folder = std::env::temp_dir().join(format!("openmse-operators-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut operators = Operators::load(&folder).unwrap();
        assert!(!operators.verify("admin", "correct horse"));
        for password in ["an older one", "correct horse"] {
            let password_hash = node::password::hash(password).unwrap();
            operators.set(Operator { name: "admin".to_owned(), password_hash });
        }
        operators.save(&folder).unwrap();
        let operators = Operators::load(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(operators.operators.len(), 1);
        assert!(operators.verify("admin", "correct horse"));
        assert!(!operators.verify("admin", "an older one"));
        assert!(!operators.verify("root", "correct horse"));
    }
}
