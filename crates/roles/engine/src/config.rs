//! The engine's configuration file.
//!
//! `demo/engine.toml` is a commented example that a test keeps valid.

use std::net::SocketAddr;
use std::path::PathBuf;

use model::Category;
use node::key_hash::KeyHash;
use serde::Deserialize;

use crate::analytics::Calendar;

/// Most controllers of one engine. MSE 8.0 manages hundreds; ours.
pub const CONTROLLERS_MAX: usize = 500;

/// Most listeners for programs of CMX and MSE 8. Ours: they use four ports.
pub const COMPATIBILITY_MAX: usize = 8;

/// What an engine is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept. One engine per directory.
    pub data: PathBuf,
    /// Name in NMSP and in reports; the host name when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The console and the APIs.
    #[serde(default)]
    pub https: Https,
    /// More listeners, which have the APIs of CMX and MSE 8 alone.
    #[serde(default)]
    pub compatibility: Vec<Compatibility>,
    /// NMSP parameters.
    #[serde(default)]
    pub nmsp: nmsp::Settings,
    /// Where measurements come from.
    #[serde(default, rename = "controller")]
    pub controllers: Vec<ControllerConfig>,
    /// What is tracked.
    #[serde(default)]
    pub tracking: Tracking,
    /// How long positions are kept.
    #[serde(default)]
    pub history: History,
    /// Who counts as a visitor, and for how long that is known.
    #[serde(default)]
    pub analytics: Analytics,
    /// Where receivers of notifications may be.
    #[serde(default)]
    pub notifications: Notifications,
    /// Whether intrusions are watched for, and how long they are kept.
    #[serde(default)]
    pub wips: Wips,
}

/// The listener of the console and the APIs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Https {
    /// Address and port.
    pub listen: SocketAddr,
    /// Serve plain HTTP. Allowed on loopback only.
    pub plain: bool,
}

impl Default for Https {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 8443)), plain: false }
    }
}

/// A listener for programs that are made for CMX or MSE 8, at a port that they insist on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compatibility {
    /// Address and port.
    pub listen: SocketAddr,
    /// Serve plain HTTP: for programs that know no TLS. Their passwords go over the network in clear.
    #[serde(default)]
    pub plain: bool,
}

/// One controller.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControllerConfig {
    /// `host:port`; the port of NMSP is 16113.
    pub address: String,
    /// Name for people until the controller tells its own.
    #[serde(default)]
    pub name: String,
    /// The controller's key hash, as its `mse cmdshell show server-auth-info` prints it.
    pub key_hash: KeyHash,
}

/// What is tracked, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tracking {
    /// Most elements of all categories together. The platform maximum of the largest MSE.
    pub limit: usize,
    /// Limits and switches per category.
    pub categories: Categories,
    /// An element that is not heard for this long is missing. MSE default: 60 minutes.
    pub missing_after_min: u64,
    /// An element that is missing for this long is forgotten. MSE default: 1,440 minutes.
    pub absent_after_min: u64,
}

impl Default for Tracking {
    fn default() -> Self {
        Self {
            limit: 50_000,
            categories: Categories::default(),
            missing_after_min: 60,
            absent_after_min: 1_440,
        }
    }
}

/// Switches and limits per category.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Categories {
    /// Wireless clients.
    pub clients: CategoryConfig,
    /// Tags.
    pub tags: CategoryConfig,
    /// Rogue access points.
    pub rogueaps: CategoryConfig,
    /// Rogue clients.
    pub rogueclients: CategoryConfig,
    /// Interferers.
    pub interferers: CategoryConfig,
    /// Wired clients.
    pub wiredclients: CategoryConfig,
}

/// Switch and limit of one category.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoryConfig {
    /// Whether the category is tracked.
    pub enabled: bool,
    /// Most elements of the category; absent: only the limit of all.
    pub limit: Option<usize>,
}

impl Default for CategoryConfig {
    fn default() -> Self {
        Self { enabled: true, limit: None }
    }
}

impl Categories {
    /// Switch and limit of a category.
    pub fn of(&self, category: Category) -> CategoryConfig {
        match category {
            Category::WirelessClient => self.clients,
            Category::Tag => self.tags,
            Category::RogueAp => self.rogueaps,
            Category::RogueClient => self.rogueclients,
            Category::Interferer => self.interferers,
            Category::WiredClient => self.wiredclients,
        }
    }
}

/// How long positions are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// Days; MSE default 30. Zero keeps no history.
    pub keep_days: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { keep_days: 30 }
    }
}

/// Who counts as a visitor, and for how long that is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Analytics {
    /// Days that stays and heat maps are kept. Zero keeps none, and counts nothing.
    pub keep_days: u64,
    /// Where days begin: a name of the IANA time zone database.
    pub time_zone: String,
    /// Who is not connected is a visitor after so many minutes. CMX default: 5.
    pub visitor_min: u64,
    /// Who is not connected is a visitor when it was heard this well, in dBm. CMX default: -65.
    pub visitor_dbm: i8,
}

impl Default for Analytics {
    /// 35 days: a month, and the days since it ended.
    fn default() -> Self {
        Self { keep_days: 35, time_zone: "UTC".to_owned(), visitor_min: 5, visitor_dbm: -65 }
    }
}

/// Where receivers of notifications may be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// Also at addresses of the link and of clouds' metadata services, which nobody else on the network
    /// can reach.
    pub link_local: bool,
}

/// Whether intrusions are watched for, and how long they are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wips {
    /// Whether controllers are asked for what their sensors capture.
    pub enabled: bool,
    /// Days that incidents are kept after their end; at most the newest 10,000 are.
    pub keep_days: u64,
    /// Folder with the IEEE's lists of vendors (`oui.csv`, `mam.csv`, `oui36.csv`, `iab.csv`).
    pub vendors: PathBuf,
}

impl Default for Wips {
    fn default() -> Self {
        // Where the Debian package ieee-data puts them.
        Self { enabled: true, keep_days: 30, vendors: "/usr/share/ieee-data".into() }
    }
}

/// Values that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Plain HTTP beyond loopback would send passwords in clear.
    #[error(
        "https.plain = true sends passwords in clear; it is allowed only with https.listen on 127.0.0.1 or [::1], not on {0}"
    )]
    ConfigPlain(SocketAddr),
    /// Two listeners at one port.
    #[error("{0} is listened at twice; give each [[compatibility]] a port of its own")]
    ConfigListenTwice(SocketAddr),
    /// More listeners than programs have ports for.
    #[error("{0} [[compatibility]] listeners; an engine has at most {COMPATIBILITY_MAX}")]
    ConfigListeners(usize),
    /// The timers contradict each other or their ranges.
    #[error("nmsp: {0}")]
    ConfigNmsp(#[from] nmsp::SettingsError),
    /// The same controller twice.
    #[error("controller '{0}' is there twice")]
    ConfigTwice(String),
    /// More controllers than an engine manages.
    #[error(
        "{0} controllers; one engine manages at most {CONTROLLERS_MAX}, assign the others to another engine"
    )]
    ConfigControllers(usize),
    /// An address without a port.
    #[error("controller '{0}': write the address as host:port, the port of NMSP is 16113")]
    ConfigAddress(String),
    /// No such zone.
    #[error(
        "analytics.time_zone: '{0}' is not in the time zone database of this machine; write a name as Europe/Zurich, or UTC"
    )]
    ConfigTimeZone(String),
    /// Incidents that nobody can see.
    #[error("wips.keep_days must be at least 1; wips.enabled = false switches the service off")]
    ConfigWips,
    /// A limit that makes no sense.
    #[error("tracking.{0} must be at least 1")]
    ConfigZero(&'static str),
}

impl Config {
    /// Checks what one value alone cannot show.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.https.plain && !self.https.listen.ip().is_loopback() {
            return Err(ConfigError::ConfigPlain(self.https.listen));
        }
        if self.compatibility.len() > COMPATIBILITY_MAX {
            return Err(ConfigError::ConfigListeners(self.compatibility.len()));
        }
        let mut listening = std::collections::BTreeSet::from([self.https.listen]);
        for Compatibility { listen, .. } in &self.compatibility {
            // Port 0 is another one each time.
            if listen.port() != 0 && !listening.insert(*listen) {
                return Err(ConfigError::ConfigListenTwice(*listen));
            }
        }
        self.nmsp.validate()?;
        if self.controllers.len() > CONTROLLERS_MAX {
            return Err(ConfigError::ConfigControllers(self.controllers.len()));
        }
        let mut seen = std::collections::BTreeSet::new();
        for ControllerConfig { address, .. } in &self.controllers {
            let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(1..))) {
                return Err(ConfigError::ConfigAddress(address.clone()));
            }
            if !seen.insert(address) {
                return Err(ConfigError::ConfigTwice(address.clone()));
            }
        }
        if Calendar::new(&self.analytics.time_zone).is_none() {
            return Err(ConfigError::ConfigTimeZone(self.analytics.time_zone.clone()));
        }
        let Tracking { limit, missing_after_min, absent_after_min, .. } = self.tracking;
        let zeros = [
            ("limit", limit as u64),
            ("missing_after_min", missing_after_min),
            ("absent_after_min", absent_after_min),
        ];
        if self.wips.keep_days == 0 {
            return Err(ConfigError::ConfigWips);
        }
        match zeros.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(ConfigError::ConfigZero(key)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "6ab919e20afc103d025aaf210c2a9dda151af9403ef52e80a35ae1ecb6d3c177";

    fn check_refused(text: &str, expected: &str) {
        let text = text.replace("HASH", HASH);
        let error = match node::config::parse::<Config>(&text) {
            Ok(config) => config.validate().expect_err(expected).to_string(),
            Err(error) => error,
        };
        assert!(error.contains(expected), "'{error}' does not name {expected}");
    }

    #[test]
    fn a_directory_is_enough() {
        let config = node::config::parse::<Config>("data = \"/tmp/x\"").unwrap();
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(config.tracking.missing_after_min, 60);
        assert_eq!(config.history.keep_days, 30);
    }

    #[test]
    fn what_is_wrong_is_named() {
        check_refused("data = \"/tmp\"\nhistry = 3", "histry");
        check_refused(
            "data = \"/tmp\"\n[https]\nlisten = \"0.0.0.0:80\"\nplain = true",
            "0.0.0.0:80",
        );
        let other = "[[compatibility]]\nlisten = \"0.0.0.0:8443\"";
        check_refused(&format!("data = \"/tmp\"\n{other}"), "0.0.0.0:8443 is listened at twice");
        let many = "[[compatibility]]\nlisten = \"0.0.0.0:0\"\nplain = true\n".repeat(9);
        check_refused(&format!("data = \"/tmp\"\n{many}"), "at most 8");
        check_refused("data = \"/tmp\"\n[nmsp]\necho_interval_ms = 1", "echo_interval_ms");
        check_refused("data = \"/tmp\"\n[tracking]\nlimit = 0", "tracking.limit");
        check_refused("data = \"/tmp\"\n[analytics]\ntime_zone = \"Mars/Base\"", "'Mars/Base'");
        check_refused(
            "data = \"/tmp\"\n[[controller]]\naddress = \"wlc\"\nkey_hash = \"HASH\"",
            "'wlc'",
        );
        check_refused(
            "data = \"/tmp\"\n[[controller]]\naddress = \"wlc:1\"\nkey_hash = \"6ab9\"",
            "40 (SHA-1)",
        );
        let twice = "[[controller]]\naddress = \"wlc:1\"\nkey_hash = \"HASH\"\n";
        check_refused(&format!("data = \"/tmp\"\n{twice}{twice}"), "twice");
    }
}
