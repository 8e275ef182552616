//! A controller's configuration.
//!
//! ```toml
//! data = "/var/lib/mse-controller"
//! name = "wlc-1"
//!
//! [nmsp]
//! listen = "0.0.0.0:16113"
//!
//! [[trusted]]             # one per engine, as its `mse cmdshell show server-auth-info` prints it
//! mac = "00:50:56:9c:34:89"
//! key_hash = "6ab919e20afc103d025aaf210c2a9dda151af9403ef52e80a35ae1ecb6d3c177"
//! ```
//!
//! and one of these sources:
//!
//! ```toml
//! [source]
//! kind = "replay"
//! path = "tetam"          # a recording, or the directory of one, from this file on
//! speed = 1               # how many times faster than recorded
//! loop = true             # start over at the end; only at speed 1
//! interval_s = 1          # measurement notification interval
//! ```
//!
//! ```toml
//! [source]
//! kind = "campus"
//! file = "campus.toml"
//! interval_s = 2
//! ```
//!
//! or sensors, which [`crate::sensor::config`] describes, or both.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use model::Time;
use model::map::Maps;
use node::key_hash::AuthList;
use serde::Deserialize;

use crate::campus::{Campus, CampusError};
use crate::replay::{Pace, Recording, RecordingError, Replay};
use crate::sensor::config::{self, SensorConfig, SensorError, Sensors};
use crate::source::{Nothing, Source};

/// Highest speed of a replay: a day in a minute and a half. Ours.
const SPEED_MAX: u32 = 1_000;
/// Longest measurement notification interval in seconds (reference/nmsp-mse-cmx.md: 1 to 180,
/// default 2).
const INTERVAL_S_MAX: u32 = 180;

/// What a controller is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where key and socket are kept. One controller per directory.
    pub data: PathBuf,
    /// Name in NMSP.
    pub name: String,
    /// The NMSP server.
    #[serde(default)]
    pub nmsp: NmspServer,
    /// The engines that are let in.
    #[serde(default)]
    pub trusted: AuthList,
    /// Let every engine in: for laboratories only.
    #[serde(default)]
    pub unauthenticated_nmsp: bool,
    /// Where the radio comes from.
    #[serde(default)]
    pub source: SourceConfig,
    /// What holds for all sensors.
    #[serde(default)]
    pub sensors: Sensors,
    /// The sensors.
    #[serde(default)]
    pub sensor: Vec<SensorConfig>,
}

/// The NMSP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NmspServer {
    /// Address and port.
    pub listen: SocketAddr,
    /// An engine is gone when nothing came for its echo interval and our dead interval.
    pub timers: nmsp::Settings,
}

impl Default for NmspServer {
    fn default() -> Self {
        let listen = SocketAddr::from(([0, 0, 0, 0], nmsp::PORT));
        Self { listen, timers: nmsp::Settings::default() }
    }
}

/// Values that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nobody could connect.
    #[error(
        "no [[trusted]] engine: add its MAC and key hash as 'mse cmdshell show server-auth-info' prints them there"
    )]
    ConfigNobodyTrusted,
    /// A list that would be ignored.
    #[error("unauthenticated_nmsp = true lets every engine in; remove it, or remove [[trusted]]")]
    ConfigTrustedIgnored,
    /// Timers out of range.
    #[error("nmsp.timers: {0}")]
    ConfigTimers(#[from] nmsp::SettingsError),
    /// A sensor is refused.
    #[error(transparent)]
    Sensor(#[from] SensorError),
    /// It would have nothing to say.
    #[error("nothing to report: add [source], or [[sensor]]")]
    ConfigNothing,
}

impl Config {
    /// Checks what one value alone cannot show. The source is checked when it is opened.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.nmsp.timers.validate()?;
        config::validate(&self.sensors, &self.sensor)?;
        if self.source == SourceConfig::None && self.sensor.is_empty() {
            return Err(ConfigError::ConfigNothing);
        }
        match (self.unauthenticated_nmsp, self.trusted.0.is_empty()) {
            (false, true) => Err(ConfigError::ConfigNobodyTrusted),
            (true, false) => Err(ConfigError::ConfigTrustedIgnored),
            _ => Ok(()),
        }
    }

    /// Lets the relative paths of sensors begin at `base_dir`, the folder of the file.
    #[must_use]
    pub fn rooted(mut self, base_dir: &Path) -> Self {
        for sensor in &mut self.sensor {
            sensor.root(base_dir);
        }
        self
    }
}

/// Where the radio comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceConfig {
    /// From sensors alone.
    #[default]
    None,
    /// A recording of real radio.
    Replay {
        /// A `stream_*.csv.gz`, or a directory with one or more.
        path: PathBuf,
        /// How many times faster than recorded.
        #[serde(default = "one")]
        speed: u32,
        /// Whether the recording starts over at its end.
        #[serde(default, rename = "loop")]
        repeat: bool,
        /// Measurement notification interval.
        #[serde(default = "one")]
        interval_s: u32,
    },
    /// A simulated campus.
    Campus {
        /// The file that describes it.
        file: PathBuf,
        /// Measurement notification interval.
        #[serde(default = "two")]
        interval_s: u32,
    },
}

/// Why a source cannot be opened; each names the key or the file.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A number is out of its range.
    #[error("source.{key} = {value}: it has to be 1 to {max}")]
    ConfigRange {
        /// The key.
        key: &'static str,
        /// What is there.
        value: u32,
        /// The largest value.
        max: u32,
    },
    /// A sped-up replay would have to repeat in the future.
    #[error(
        "source.loop = true with source.speed = {speed}: a second round would lie in the future; set speed = 1 or loop = false"
    )]
    ConfigLoopSpeed {
        /// The speed.
        speed: u32,
    },
    /// The recording is refused.
    #[error("source.path: {0}")]
    Recording(#[from] RecordingError),
    /// The campus is refused.
    #[error("source.file: {0}")]
    Campus(#[from] CampusError),
}

impl SourceConfig {
    /// Opens the source and starts it at `now`. Relative paths begin at `base_dir`.
    pub fn open(&self, base_dir: &Path, now: Time) -> Result<Box<dyn Source>, SourceError> {
        match self {
            Self::None => Ok(Box::new(Nothing::default())),
            Self::Replay { path, speed, repeat, interval_s } => {
                check_range("speed", *speed, SPEED_MAX)?;
                check_range("interval_s", *interval_s, INTERVAL_S_MAX)?;
                if *repeat && *speed > 1 {
                    return Err(SourceError::ConfigLoopSpeed { speed: *speed });
                }
                let pace = Pace {
                    speed: *speed,
                    repeat: *repeat,
                    interval_ms: u64::from(*interval_s) * 1_000,
                };
                let recording = Recording::open(&base_dir.join(path))?;
                Ok(Box::new(Replay::new(recording, pace, now)))
            }
            Self::Campus { file, interval_s } => {
                check_range("interval_s", *interval_s, INTERVAL_S_MAX)?;
                let interval_ms = u64::from(*interval_s) * 1_000;
                let campus = Campus::open(&base_dir.join(file), interval_ms, now)?;
                Ok(Box::new(campus))
            }
        }
    }

    /// The maps of the places that the source reports for.
    pub fn maps(&self, base_dir: &Path) -> Result<Maps, SourceError> {
        Ok(self.open(base_dir, Time(0))?.maps().clone())
    }
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

fn check_range(key: &'static str, value: u32, max: u32) -> Result<(), SourceError> {
    if (1..=max).contains(&value) {
        Ok(())
    } else {
        Err(SourceError::ConfigRange { key, value, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_795_132_800_000);

    fn repository() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))
    }

    /// What opening a source says: the number of its access points, or the error.
    fn open(text: &str) -> Result<usize, String> {
        let config: SourceConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        let source = config.open(repository(), NOW);
        let source = source.map_err(|error| error.to_string())?;
        assert!(source.deadline() > Some(NOW));
        assert_eq!(config.maps(repository()).expect("the maps open as well"), *source.maps());
        Ok(source.access_points().len())
    }

    #[test]
    fn sensors_alone_are_enough_and_nothing_is_not() {
        let check = |rest: &str| {
            let trusted = format!("mac = '00:50:56:9c:34:89'\nkey_hash = '{}'", "ab".repeat(32));
            let text = format!("data = 'd'\nname = 'wlc-1'\n[[trusted]]\n{trusted}\n{rest}");
            let config: Config = toml::from_str(&text).map_err(|error| error.to_string())?;
            config.validate().map_err(|error| error.to_string())?;
            Ok::<_, String>(config.rooted(Path::new("/etc/mse")).sensor)
        };
        let sensors = check("[[sensor]]\nname = 'lobby'\nkind = 'file'\npath = 'a.pcap'");
        let expected =
            config::Kind::File { path: "/etc/mse/a.pcap".into(), speed: 1, repeat: false };
        assert_eq!(sensors.unwrap()[0].kind, expected);
        assert!(check("").unwrap_err().contains("[[sensor]]"));
        assert!(check("[source]\nkind = 'none'").unwrap_err().contains("nothing to report"));
        let source = SourceConfig::None.open(repository(), NOW).unwrap();
        assert_eq!((source.deadline(), source.access_points()), (None, Vec::new()));
    }

    #[test]
    fn both_kinds_of_source_open_with_few_words() {
        assert_eq!(open("kind = 'replay'\npath = 'demo/tetam'"), Ok(12));
        assert!(open("kind = 'campus'\nfile = 'demo/campus.toml'").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, expected: &[&str]| {
            let error = open(text).expect_err(text);
            for part in expected {
                assert!(error.contains(part), "{error}: not '{part}'");
            }
        };
        let replay = |keys: &str| format!("kind = 'replay'\npath = 'demo/tetam'\n{keys}");
        check(&replay("speed = 0"), &["source.speed = 0", "1 to 1000"]);
        check(&replay("speed = 1001"), &["source.speed = 1001"]);
        check(&replay("interval_s = 181"), &["source.interval_s = 181", "1 to 180"]);
        check(
            &replay("speed = 2\nloop = true"),
            &["source.loop", "source.speed = 2", "set speed = 1"],
        );
        check(&replay("tempo = 2"), &["unknown field `tempo`"]);
        check("kind = 'radar'", &["radar", "replay", "campus"]);
        check("kind = 'replay'\npath = 'nowhere'", &["source.path", "nowhere"]);
        check("kind = 'campus'\nfile = 'nowhere.toml'", &["source.file", "nowhere.toml"]);
        check("kind = 'campus'\nfile = 'x'\ninterval_s = 0", &["interval_s = 0"]);
    }
}
