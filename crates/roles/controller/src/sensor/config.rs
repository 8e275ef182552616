//! `[sensors]` and `[[sensor]]` of a controller's configuration.
//!
//! ```toml
//! [sensors]                          # may be left out
//! listen = "0.0.0.0:16114"           # opened when there is a remote sensor
//! interval_s = 2                     # how often positions of stations are fed
//!
//! [[sensor]]
//! name = "lobby"
//! ap = "00:1b:0d:00:00:10"           # the access point that it stands beside, on the map
//! kind = "interface"
//! interface = "wlan1"
//! channels = [1, 6, 11, 36]
//!
//! [[sensor]]
//! name = "archive"
//! kind = "file"
//! path = "lobby.pcapng.gz"           # or a FIFO
//!
//! [[sensor]]
//! name = "gate"
//! kind = "remote"
//! key_hash = "6ab919e20afc103d025aaf210c2a9dda151af9403ef52e80a35ae1ecb6d3c177"
//! ```

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use model::Mac;
use nmsp::SensorMode;
use node::key_hash::KeyHash;
use serde::Deserialize;

/// Where remote sensors connect to, beside NMSP's port. Ours.
pub const PORT: u16 = 16114;
/// Most sensors of one controller. Ours: a large campus has some hundreds; each costs up to 200 KiB of
/// buffers and a file descriptor or two.
pub const SENSORS_MAX: usize = 1_024;
/// Longest name in bytes. Ours: it is shown in tables.
const NAME_BYTES_MAX: usize = 64;
/// Longest wait before a sensor is called silent. Ours: a day.
const SILENT_S_MAX: u32 = 86_400;
/// Highest speed of a capture. The same as that of a replay.
const SPEED_MAX: u32 = 1_000;
/// Longest interval of measurements. The same as that of a source.
const INTERVAL_S_MAX: u32 = 180;
/// How long one channel is listened to. Ours: retuning takes some milliseconds, beacons come every
/// 102 ms, and longer than this the others are not heard.
const DWELL_MS: std::ops::RangeInclusive<u32> = 20..=10_000;
/// Most channels of one interface. Ours: there are 14, 28 and 59 in the three bands.
const CHANNELS_MAX: usize = 128;
/// Longest name of an interface. Source: linux `IFNAMSIZ`, with the zero at its end.
const INTERFACE_BYTES_MAX: usize = 15;
/// Access points that may be named as one's own. Ours.
const MANAGED_MAX: usize = 10_000;

/// What holds for all sensors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sensors {
    /// Where remote sensors connect to; opened when there is one.
    pub listen: SocketAddr,
    /// How often it is reported who was heard how strongly.
    pub interval_s: u32,
    /// Whether access points that are not one's own are reported as rogues.
    pub rogues: bool,
    /// One's own access points, besides those of the source and of `[[sensor]]`. Addresses that differ
    /// in the last four bits are one access point.
    pub managed: Vec<Mac>,
}

impl Default for Sensors {
    fn default() -> Self {
        let listen = SocketAddr::from(([0, 0, 0, 0], PORT));
        Self { listen, interval_s: 2, rogues: true, managed: Vec::new() }
    }
}

/// One sensor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct SensorConfig {
    /// Its name.
    pub name: String,
    /// The access point that it is, or stands beside.
    pub ap: Option<Mac>,
    /// What it does besides capturing.
    pub mode: SensorMode,
    /// It is called silent when nothing came for so long.
    pub silent_s: u32,
    /// Where its packets come from.
    pub kind: Kind,
}

/// Where the packets of a sensor come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A capture, played as if it happened now; or a FIFO that somebody writes a capture into.
    File {
        /// pcap or pcapng; `.gz` is unpacked.
        path: PathBuf,
        /// How many times faster than captured; not for a FIFO.
        speed: u32,
        /// Whether it starts over at the end; not for a FIFO.
        repeat: bool,
    },
    /// A radio of this machine, in monitor mode.
    Interface {
        /// Its name.
        interface: String,
        /// Centres of the channels to listen on in turn, in MHz; none leaves the channel alone.
        channels_mhz: Vec<u16>,
        /// How long on each.
        dwell_ms: u32,
    },
    /// Another machine, which connects to this controller and proves a key.
    Remote {
        /// The hash of its key.
        key_hash: KeyHash,
    },
}

/// What is wrong with a sensor; each names it and the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SensorError {
    /// A key is missing.
    #[error("sensor '{name}': kind = \"{kind}\" needs {key}")]
    ConfigMissing {
        /// Its name.
        name: String,
        /// Its kind.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A key that would be ignored.
    #[error("sensor '{name}': {key} means nothing for kind = \"{kind}\"; remove it")]
    ConfigForeign {
        /// Its name.
        name: String,
        /// Its kind.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A number out of its range.
    #[error("{of}: {key} = {value}: it has to be {min} to {max}")]
    ConfigRange {
        /// The table.
        of: String,
        /// The key.
        key: &'static str,
        /// What is there.
        value: u32,
        /// The smallest value.
        min: u32,
        /// The largest.
        max: u32,
    },
    /// A name that nobody could use.
    #[error("sensor name '{name}': give 1 to {NAME_BYTES_MAX} bytes without control characters")]
    ConfigName {
        /// What is there.
        name: String,
    },
    /// A sped-up capture would have to repeat in the future.
    #[error(
        "sensor '{name}': loop = true with speed = {speed}: a second round would lie in the future; set speed = 1 or loop = false"
    )]
    ConfigLoopSpeed {
        /// Its name.
        name: String,
        /// The speed.
        speed: u32,
    },
    /// A channel that Wi-Fi has not.
    #[error(
        "sensor '{name}': channel {channel} is unknown; give 1 to 14, 36 to 177, or the centre in MHz, which is the only way for 6 GHz"
    )]
    ConfigChannel {
        /// Its name.
        name: String,
        /// What is there.
        channel: u32,
    },
    /// Two sensors cannot be told apart.
    #[error("two sensors have {key} = \"{value}\"; each needs its own")]
    ConfigTwice {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// More than a limit allows.
    #[error("{found} {what}: {max} is the limit")]
    ConfigTooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        max: usize,
    },
}

/// A sensor as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    ap: Option<Mac>,
    mode: Option<SensorMode>,
    silent_s: Option<u32>,
    kind: KindName,
    path: Option<PathBuf>,
    speed: Option<u32>,
    #[serde(rename = "loop")]
    repeat: Option<bool>,
    interface: Option<String>,
    channels: Option<Vec<u32>>,
    dwell_ms: Option<u32>,
    key_hash: Option<KeyHash>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindName {
    File,
    Interface,
    Remote,
}

impl KindName {
    fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Interface => "interface",
            Self::Remote => "remote",
        }
    }
}

impl TryFrom<Table> for SensorConfig {
    type Error = SensorError;

    fn try_from(table: Table) -> Result<Self, SensorError> {
        let name = table.name;
        let is_sound =
            (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains(|c: char| c.is_control());
        if !is_sound {
            return Err(SensorError::ConfigName { name });
        }
        let kind = table.kind;
        let keys = [
            (KindName::File, "path", table.path.is_some()),
            (KindName::File, "speed", table.speed.is_some()),
            (KindName::File, "loop", table.repeat.is_some()),
            (KindName::Interface, "interface", table.interface.is_some()),
            (KindName::Interface, "channels", table.channels.is_some()),
            (KindName::Interface, "dwell_ms", table.dwell_ms.is_some()),
            (KindName::Remote, "key_hash", table.key_hash.is_some()),
        ];
        if let Some((_, key, _)) = keys.iter().find(|(of, _, is_there)| *is_there && *of != kind) {
            return Err(SensorError::ConfigForeign { name, kind: kind.name(), key });
        }
        let missing =
            |key| SensorError::ConfigMissing { name: name.clone(), kind: kind.name(), key };
        let kind = match kind {
            KindName::File => Kind::File {
                path: table.path.ok_or_else(|| missing("path"))?,
                speed: table.speed.unwrap_or(1),
                repeat: table.repeat.unwrap_or(false),
            },
            KindName::Interface => Kind::Interface {
                interface: table.interface.ok_or_else(|| missing("interface"))?,
                channels_mhz: channels(&name, &table.channels.unwrap_or_default())?,
                dwell_ms: table.dwell_ms.unwrap_or(250),
            },
            KindName::Remote => {
                Kind::Remote { key_hash: table.key_hash.ok_or_else(|| missing("key_hash"))? }
            }
        };
        Ok(Self {
            name,
            ap: table.ap,
            mode: table.mode.unwrap_or(SensorMode::Monitor),
            silent_s: table.silent_s.unwrap_or(30),
            kind,
        })
    }
}

impl SensorConfig {
    /// Lets relative paths begin at `base_dir`.
    pub(crate) fn root(&mut self, base_dir: &Path) {
        if let Kind::File { path, .. } = &mut self.kind {
            *path = base_dir.join(&*path);
        }
    }

    /// Checks what one value alone cannot show.
    pub fn validate(&self) -> Result<(), SensorError> {
        let range =
            |key, value, min, max| check(&format!("sensor '{}'", self.name), key, value, min, max);
        range("silent_s", self.silent_s, 1, SILENT_S_MAX)?;
        match &self.kind {
            Kind::File { speed, repeat, .. } => {
                range("speed", *speed, 1, SPEED_MAX)?;
                if *repeat && *speed > 1 {
                    let name = self.name.clone();
                    return Err(SensorError::ConfigLoopSpeed { name, speed: *speed });
                }
            }
            Kind::Interface { interface, dwell_ms, .. } => {
                range("dwell_ms", *dwell_ms, *DWELL_MS.start(), *DWELL_MS.end())?;
                // What is longer is no name of an interface, and neither is a path.
                if interface.is_empty()
                    || interface.len() > INTERFACE_BYTES_MAX
                    || interface.contains(['/', '\0'])
                {
                    let (name, kind) = (self.name.clone(), "interface");
                    let key = "the name of an interface, as `ip link` shows it";
                    return Err(SensorError::ConfigMissing { name, kind, key });
                }
            }
            Kind::Remote { .. } => {}
        }
        Ok(())
    }
}

/// Checks all of it together.
pub(crate) fn validate(of_all: &Sensors, sensors: &[SensorConfig]) -> Result<(), SensorError> {
    check("[sensors]", "interval_s", of_all.interval_s, 1, INTERVAL_S_MAX)?;
    let limits = [
        ("sensors", sensors.len(), SENSORS_MAX),
        ("addresses in sensors.managed", of_all.managed.len(), MANAGED_MAX),
    ];
    if let Some((what, found, max)) = limits.into_iter().find(|(_, found, max)| found > max) {
        return Err(SensorError::ConfigTooMany { what, found, max });
    }
    let mut seen = BTreeSet::new();
    for sensor in sensors {
        sensor.validate()?;
        let own = match &sensor.kind {
            Kind::File { .. } => None,
            Kind::Interface { interface, .. } => Some(("interface", interface.clone())),
            Kind::Remote { key_hash } => Some(("key_hash", key_hash.to_string())),
        };
        for (key, value) in [("name", sensor.name.clone())].into_iter().chain(own) {
            if !seen.insert((key, value.clone())) {
                return Err(SensorError::ConfigTwice { key, value });
            }
        }
    }
    Ok(())
}

fn check(of: &str, key: &'static str, value: u32, min: u32, max: u32) -> Result<(), SensorError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(SensorError::ConfigRange { of: of.to_owned(), key, value, min, max })
}

/// Centres of channels in MHz.
///
/// Source: IEEE 802.11-2020, 15.4.4.3 and 17.3.8.4.
fn channels(name: &str, channels: &[u32]) -> Result<Vec<u16>, SensorError> {
    if channels.len() > CHANNELS_MAX {
        let (what, found, max) = ("channels of one sensor", channels.len(), CHANNELS_MAX);
        return Err(SensorError::ConfigTooMany { what, found, max });
    }
    let centre = |channel: &u32| {
        let mhz = match *channel {
            number @ 1..=13 => 2_407 + 5 * number,
            14 => 2_484,
            number @ 36..=177 => 5_000 + 5 * number,
            mhz @ 2_400..=7_200 => mhz,
            _ => 0,
        };
        let known =
            u16::try_from(mhz).ok().filter(|mhz| wips::dot11::Channel::from_mhz(*mhz).is_some());
        known.ok_or_else(|| SensorError::ConfigChannel { name: name.to_owned(), channel: *channel })
    };
    channels.iter().map(centre).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        #[serde(default)]
        sensors: Sensors,
        #[serde(default)]
        sensor: Vec<SensorConfig>,
    }

    fn read(text: &str) -> Result<Vec<SensorConfig>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        validate(&file.sensors, &file.sensor).map_err(|error| error.to_string())?;
        Ok(file.sensor)
    }

    fn one(keys: &str) -> Result<SensorConfig, String> {
        read(&format!("[[sensor]]\nname = 'lobby'\n{keys}")).map(|mut them| them.remove(0))
    }

    #[test]
    fn each_kind_needs_few_words() {
        let file = one("kind = 'file'\npath = 'a.pcap'").unwrap();
        let path = PathBuf::from("a.pcap");
        assert_eq!(file.kind, Kind::File { path, speed: 1, repeat: false });
        assert_eq!((file.mode, file.silent_s, file.ap), (SensorMode::Monitor, 30, None));

        let radio = "kind = 'interface'\ninterface = 'wlan1'\nchannels = [1, 14, 36, 177, 5955]";
        let Kind::Interface { channels_mhz, dwell_ms, .. } = one(radio).unwrap().kind else {
            panic!("an interface");
        };
        assert_eq!((channels_mhz, dwell_ms), (vec![2412, 2484, 5180, 5885, 5955], 250));

        let remote = format!("kind = 'remote'\nmode = 'local'\nkey_hash = '{}'", "ab".repeat(32));
        assert_eq!(one(&remote).unwrap().mode, SensorMode::Local);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, expected: &[&str]| {
            let error = one(text).expect_err(text);
            for part in expected {
                assert!(error.contains(part), "{error}: not '{part}'");
            }
        };
        check("kind = 'file'", &["sensor 'lobby'", "needs path"]);
        check("kind = 'radar'", &["radar", "file", "interface", "remote"]);
        check("kind = 'file'\npath = 'a'\nchannels = [1]", &["channels means nothing", "file"]);
        check("kind = 'file'\npath = 'a'\nspeed = 0", &["speed = 0", "1 to 1000"]);
        check("kind = 'file'\npath = 'a'\nspeed = 2\nloop = true", &["set speed = 1"]);
        check("kind = 'file'\npath = 'a'\nsilent_s = 0", &["silent_s = 0", "1 to 86400"]);
        check("kind = 'file'\npath = 'a'\ntempo = 3", &["unknown field `tempo`"]);
        check("kind = 'interface'\ninterface = 'wlan1'\nchannels = [15]", &["channel 15"]);
        check("kind = 'interface'\ninterface = 'wlan1'\ndwell_ms = 5", &["dwell_ms = 5"]);
        check("kind = 'interface'\ninterface = '../etc'", &["as `ip link` shows it"]);
        check("kind = 'remote'\nkey_hash = 'abc'", &["64 (SHA-256)"]);
        let error = read("[sensors]\ninterval_s = 0").unwrap_err();
        assert!(error.contains("[sensors]: interval_s = 0"), "{error}");
        let error = read("[[sensor]]\nname = ''\nkind = 'file'\npath = 'a'").unwrap_err();
        assert!(error.contains("1 to 64 bytes"), "{error}");
    }

    #[test]
    fn sensors_differ_in_what_they_are() {
        let two = |keys: &str| {
            let text = ["a", "b"].map(|name| format!("[[sensor]]\nname = '{name}'\n{keys}\n"));
            read(&text.concat()).map(|them| them.len())
        };
        assert_eq!(two("kind = 'file'\npath = 'x'"), Ok(2), "a capture can be two sensors");
        assert!(two("kind = 'interface'\ninterface = 'wlan1'").unwrap_err().contains("wlan1"));
        let key = format!("kind = 'remote'\nkey_hash = '{}'", "ab".repeat(32));
        assert!(two(&key).unwrap_err().contains("key_hash"));
        let many = "[[sensor]]\nname = 'x'\nkind = 'file'\npath = 'x'\n".repeat(SENSORS_MAX + 1);
        assert!(read(&many).unwrap_err().contains("1025 sensors: 1024 is the limit"));
    }
}
