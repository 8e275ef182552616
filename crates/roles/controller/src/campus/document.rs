//! The TOML file of a simulated campus, as it is written; `demo/campus.toml` explains every key.
//!
//! This module only describes the syntax. What the values mean together is checked in `world` and
//! `population`, whose errors name the place.

use std::net::Ipv4Addr;

use model::map::{Radio, RegionKind};
use model::{Band, CivicAddress, Mac};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// Decides everything that is left to chance.
    #[serde(default)]
    pub(super) seed: u64,
    pub(super) campus: Vec<CampusTable>,
    #[serde(default)]
    pub(super) clients: Vec<ClientsTable>,
    #[serde(default)]
    pub(super) tags: Vec<TagsTable>,
    #[serde(default)]
    pub(super) rogue_clients: Vec<MovingTable>,
    #[serde(default)]
    pub(super) rogue_aps: Vec<StillTable>,
    #[serde(default)]
    pub(super) interferers: Vec<StillTable>,
    #[serde(default)]
    pub(super) wired_clients: Vec<WiredTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CampusTable {
    pub(super) name: String,
    pub(super) building: Vec<BuildingTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildingTable {
    pub(super) name: String,
    /// Stairs and lifts, at the same place of every floor.
    #[serde(default)]
    pub(super) lifts: Vec<[f32; 2]>,
    pub(super) floor: Vec<FloorTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FloorTable {
    pub(super) name: String,
    pub(super) level: i16,
    pub(super) width: f32,
    pub(super) length: f32,
    #[serde(default = "storey_height")]
    pub(super) height: f32,
    #[serde(default)]
    pub(super) walls: Vec<WallTable>,
    #[serde(default)]
    pub(super) zones: Vec<ZoneTable>,
    #[serde(default)]
    pub(super) regions: Vec<RegionTable>,
    #[serde(default)]
    pub(super) chokepoints: Vec<ChokepointTable>,
    #[serde(default)]
    pub(super) switches: Vec<SwitchTable>,
    #[serde(default)]
    pub(super) aps: Vec<ApTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WallTable {
    pub(super) from: [f32; 2],
    pub(super) to: [f32; 2],
    #[serde(default = "light_wall_db")]
    pub(super) loss_db: f32,
    /// Middles of the doors, in metres from the start of the wall.
    #[serde(default)]
    pub(super) doors: Vec<f32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneTable {
    pub(super) name: String,
    pub(super) area: Vec<[f32; 2]>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionTable {
    pub(super) kind: RegionKind,
    pub(super) area: Vec<[f32; 2]>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChokepointTable {
    pub(super) name: String,
    pub(super) at: [f32; 2],
    /// How far away it triggers tags.
    #[serde(default = "chokepoint_range")]
    pub(super) range: f32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchTable {
    pub(super) name: String,
    pub(super) at: [f32; 2],
    /// What was entered on the switch, by the names of the parts.
    #[serde(default)]
    pub(super) civic: CivicAddress,
    /// Ports that come out at a known place.
    #[serde(default)]
    pub(super) outlets: Vec<OutletTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutletTable {
    pub(super) port: String,
    pub(super) at: [f32; 2],
    #[serde(default)]
    pub(super) civic: CivicAddress,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApTable {
    pub(super) name: String,
    pub(super) at: [f32; 2],
    #[serde(default = "ap_height")]
    pub(super) height: f32,
    /// Base radio address; made from the path when absent.
    pub(super) mac: Option<Mac>,
    /// The usual three when absent.
    pub(super) radios: Option<Vec<Radio>>,
}

/// Walking Wi-Fi stations.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientsTable {
    pub(super) count: u32,
    #[serde(default = "wifi")]
    pub(super) band: Band,
    pub(super) walks: WalksTable,
    /// Share of the stations that are associated, 0 to 1; the others probe.
    #[serde(default = "everyone")]
    pub(super) associated: f32,
    /// How often a station that only probes is heard.
    #[serde(default = "probe_interval_s")]
    pub(super) probe_every_s: u32,
    pub(super) ssid: Option<String>,
    /// Given to the associated stations in turn.
    #[serde(default)]
    pub(super) users: Vec<String>,
    /// Address of the first associated station; the others follow.
    pub(super) first_ip: Option<Ipv4Addr>,
}

/// Tags on things that move.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TagsTable {
    pub(super) count: u32,
    #[serde(default = "wifi")]
    pub(super) band: Band,
    pub(super) every_s: u32,
    pub(super) walks: WalksTable,
    /// How long a battery lasts; then it is replaced.
    #[serde(default = "battery_days")]
    pub(super) battery_days: f32,
    /// How often somebody presses the button of each.
    pub(super) panic_every_s: Option<u32>,
}

/// Other things that move.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MovingTable {
    pub(super) count: u32,
    #[serde(default = "wifi")]
    pub(super) band: Band,
    pub(super) every_s: u32,
    pub(super) walks: WalksTable,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WalksTable {
    pub(super) building: String,
    /// Where it starts; any floor when absent.
    pub(super) floor: Option<String>,
    /// Metres a second.
    pub(super) speed: f32,
    /// Shortest and longest rest between two ways.
    pub(super) pause_s: [u32; 2],
    /// Share of the ways that lead to another floor, 0 to 1.
    #[serde(default)]
    pub(super) changes_floor: f32,
}

/// A thing that stays where it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StillTable {
    pub(super) building: String,
    pub(super) floor: String,
    pub(super) at: [f32; 2],
    #[serde(default = "wifi")]
    pub(super) band: Band,
    pub(super) every_s: u32,
    /// How much stronger than a phone it sends.
    #[serde(default)]
    pub(super) stronger_db: f32,
}

/// Stations on one switch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WiredTable {
    pub(super) switch: String,
    pub(super) count: u32,
    pub(super) vlan: u16,
    #[serde(default)]
    pub(super) users: Vec<String>,
    pub(super) first_ip: Ipv4Addr,
}

fn storey_height() -> f32 {
    3.5
}

fn ap_height() -> f32 {
    2.7
}

/// The gate of a door.
fn chokepoint_range() -> f32 {
    2.0
}

fn battery_days() -> f32 {
    365.0
}

/// A plasterboard wall (reference/location.md section 6: 3 dB light, 13 dB heavy).
fn light_wall_db() -> f32 {
    3.0
}

fn wifi() -> Band {
    Band::Ghz5
}

fn everyone() -> f32 {
    1.0
}

fn probe_interval_s() -> u32 {
    15
}
