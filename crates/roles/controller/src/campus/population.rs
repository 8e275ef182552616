//! What is on a simulated campus: who walks, what stands, and what the network knows of them.

use std::net::{IpAddr, Ipv4Addr};

use model::geometry::Point;
use model::{Association, Band, Category, CivicAddress, Mac, SwitchPort, Time};
use rand_pcg::Pcg32;

use super::CampusError;
use super::chance::{hash, normal, share};
use super::document::{
    CampusTable, ClientsTable, Document, StillTable, SwitchTable, TagsTable, WalksTable, WiredTable,
};
use super::tag::{CALL_MS, Tag};
use super::walk::{Manner, Walker};
use super::world::World;
use crate::source::{Port, WiredClient};

/// Most elements of all kinds together, what one engine tracks (MSE 8.0: 50,000).
const ELEMENTS_MAX: usize = 50_000;
/// Deviation of the power of one sender. Ours: phones differ by about as much.
const SENDER_DB: f32 = 2.0;
/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;
/// Ports of one switch.
const PORTS: usize = 48;
/// Bytes a second that a station sends and receives at least, and how much more at most. Ours.
const TRAFFIC: [u64; 2] = [200, 40_000];

/// One thing that is heard.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub(super) category: Category,
    pub(super) mac: Mac,
    pub(super) band: Band,
    pub(super) stronger_db: f32,
    /// Heard in every so many-th report, `phase` reports late.
    pub(super) every: u64,
    pub(super) phase: u64,
    pub(super) motion: Motion,
    /// What the network knows; none for what is not associated.
    pub(super) station: Option<Station>,
    /// What it says about itself; none for what is no tag.
    pub(super) tag: Option<Tag>,
}

/// How something moves.
#[derive(Debug, Clone)]
pub(super) enum Motion {
    /// Not at all.
    Still {
        /// Its floor.
        storey: usize,
        /// Its place.
        point: Point,
    },
    /// On foot.
    Walking(Box<Walker>),
}

/// An associated station.
#[derive(Debug, Clone)]
pub(super) struct Station {
    ssid: Option<Box<str>>,
    username: Option<Box<str>>,
    ip: Option<IpAddr>,
    /// The access point that serves it.
    pub(super) ap: Option<Mac>,
}

impl Station {
    /// The association after `seconds`, of the station whose chance is `key`.
    pub(super) fn association(&self, key: u64, seconds: u64) -> Association {
        let bytes = |way: u64| seconds * (TRAFFIC[0] + hash([key, way]) % TRAFFIC[1]);
        Association {
            associated: self.ap.is_some(),
            ap: self.ap,
            ssid: self.ssid.clone(),
            username: self.username.clone(),
            ip_addresses: self.ip.into_iter().collect(),
            bytes_sent: bytes(1),
            bytes_received: bytes(2),
        }
    }
}

impl Motion {
    /// The floor and place at `at`.
    pub(super) fn place(&self, at: Time) -> Option<(usize, Point)> {
        match self {
            Self::Still { storey, point } => Some((*storey, *point)),
            Self::Walking(walker) => walker.place(at),
        }
    }
}

/// Builds the actors of a document, table after table.
struct Census<'a> {
    world: &'a World,
    seed: u64,
    interval_ms: u64,
    begins: Time,
    actors: Vec<Actor>,
    /// How many there are of each category.
    counts: [usize; Category::ALL.len()],
}

/// Every actor of `document`, in the order of category and address.
pub(super) fn actors(
    document: &Document,
    world: &World,
    interval_ms: u64,
    begins: Time,
) -> Result<Vec<Actor>, CampusError> {
    let mut census = Census {
        world,
        seed: document.seed,
        interval_ms,
        begins,
        actors: Vec::new(),
        counts: [0; Category::ALL.len()],
    };
    for (nth, table) in document.clients.iter().enumerate() {
        census.add_clients(&format!("clients[{nth}]"), table)?;
    }
    for (nth, table) in document.tags.iter().enumerate() {
        census.add_tags(&format!("tags[{nth}]"), table)?;
    }
    for (nth, table) in document.rogue_clients.iter().enumerate() {
        let key = format!("rogue_clients[{nth}]");
        for _ in 0..table.count {
            let motion = census.walker(&key, &table.walks)?;
            census.add(Category::RogueClient, table.band, 0.0, table.every_s, motion)?;
        }
    }
    let still = [
        ("rogue_aps", Category::RogueAp, &document.rogue_aps),
        ("interferers", Category::Interferer, &document.interferers),
    ];
    for (key, category, tables) in still {
        for (nth, table) in tables.iter().enumerate() {
            census.add_still(&format!("{key}[{nth}]"), category, table)?;
        }
    }
    census.actors.sort_by_key(|actor| (actor.category, actor.mac));
    Ok(census.actors)
}

/// The wired stations of all switches.
pub(super) fn wired(tables: &[WiredTable]) -> Result<Vec<WiredClient>, CampusError> {
    let mut wired = Vec::new();
    for (nth, table) in tables.iter().enumerate() {
        if table.count as usize > PORTS {
            return Err(CampusError::ConfigValue {
                table: format!("wired_clients[{nth}]"),
                what: "count is above the 48 ports of a switch",
            });
        }
        for port in 0..table.count {
            wired.push(WiredClient {
                mac: mac(Category::WiredClient, wired.len()),
                switch: table.switch.as_str().into(),
                port: Port { slot: 1, module: 0, port: port as u8 + 1 },
                vlan: table.vlan,
                username: in_turn(&table.users, port),
                ip_addresses: vec![following(table.first_ip, port)],
            });
        }
    }
    Ok(wired)
}

/// The addresses that were entered on switches and for their ports.
pub(super) fn switch_ports(campuses: &[CampusTable]) -> Vec<SwitchPort> {
    let floors = campuses.iter().flat_map(|it| &it.building).flat_map(|it| &it.floor);
    let of = |switch: &SwitchTable, port: &str, civic: &CivicAddress| SwitchPort {
        switch: switch.name.as_str().into(),
        port: port.into(),
        civic: civic.clone(),
    };
    let of_switch = |it: &SwitchTable| {
        let outlets = it.outlets.iter().map(|outlet| of(it, &outlet.port, &outlet.civic));
        [of(it, "", &it.civic)].into_iter().chain(outlets).collect::<Vec<_>>()
    };
    let all = floors.flat_map(|it| &it.switches).flat_map(of_switch);
    all.filter(|it| !it.civic.is_empty()).collect()
}

/// The address of the `nth` element of a kind.
///
/// Ours: 02:4d and 1 to 6 for the category (locally administered), then the number from one.
fn mac(category: Category, nth: usize) -> Mac {
    let [.., a, b, c] = (nth as u64 + 1).to_be_bytes();
    Mac([0x02, 0x4d, category.index() as u8 + 1, a, b, c])
}

/// The `nth` of `names`, starting over at the end.
fn in_turn(names: &[String], nth: u32) -> Option<Box<str>> {
    let name = names.get(nth as usize % names.len().max(1))?;
    Some(name.as_str().into())
}

/// The address `nth` after `first`.
fn following(first: Ipv4Addr, nth: u32) -> IpAddr {
    Ipv4Addr::from_bits(first.to_bits().wrapping_add(nth)).into()
}

impl Census<'_> {
    fn add_clients(&mut self, key: &str, table: &ClientsTable) -> Result<(), CampusError> {
        if !(0.0..=1.0).contains(&table.associated) {
            return Err(CampusError::ConfigValue {
                table: key.to_owned(),
                what: "associated is not a share from 0 to 1",
            });
        }
        let associated = (table.count as f32 * table.associated).round() as u32;
        for nth in 0..table.count {
            let motion = self.walker(key, &table.walks)?;
            let is_associated = nth < associated;
            // An associated station sends all the time, so it is in every report.
            let every_s = if is_associated { 1 } else { table.probe_every_s };
            let actor = self.add(Category::WirelessClient, table.band, 0.0, every_s, motion)?;
            actor.station = is_associated.then(|| Station {
                ssid: table.ssid.as_deref().map(Into::into),
                username: in_turn(&table.users, nth),
                ip: table.first_ip.map(|first| following(first, nth)),
                ap: None,
            });
        }
        Ok(())
    }

    fn add_tags(&mut self, key: &str, table: &TagsTable) -> Result<(), CampusError> {
        let bad = |what| Err(CampusError::ConfigValue { table: key.to_owned(), what });
        if !(0.01..=3_650.0).contains(&table.battery_days) {
            return bad("battery_days is not 0.01 to 3,650");
        }
        let panic_every_ms = table.panic_every_s.map(|seconds| u64::from(seconds) * 1_000);
        if panic_every_ms.is_some_and(|every_ms| every_ms <= CALL_MS) {
            return bad("panic_every_s is not above the 60 s of a call");
        }
        let battery_ms = (f64::from(table.battery_days) * DAY_MS) as u64;
        for _ in 0..table.count {
            let motion = self.walker(key, &table.walks)?;
            let seed = self.seed;
            let actor = self.add(Category::Tag, table.band, 0.0, table.every_s, motion)?;
            let chance = hash([seed, actor.mac.to_u64(), 6]);
            actor.tag = Some(Tag::new(chance, battery_ms, panic_every_ms));
        }
        Ok(())
    }

    fn add_still(
        &mut self,
        key: &str,
        category: Category,
        table: &StillTable,
    ) -> Result<(), CampusError> {
        let storeys = self.storeys(key, &table.building, Some(&table.floor))?;
        let [x, y] = table.at;
        if !(x.is_finite() && y.is_finite() && table.stronger_db.abs() <= 40.0) {
            return Err(CampusError::ConfigValue {
                table: key.to_owned(),
                what: "at is not a place, or stronger_db is not -40 to 40",
            });
        }
        let motion = Motion::Still { storey: storeys[0], point: Point::new(x, y) };
        self.add(category, table.band, table.stronger_db, table.every_s, motion)?;
        Ok(())
    }

    /// Someone new who walks as `table` says.
    fn walker(&self, key: &str, table: &WalksTable) -> Result<Motion, CampusError> {
        let bad = |what| Err(CampusError::ConfigValue { table: format!("{key}.walks"), what });
        if !(0.05..=20.0).contains(&table.speed) {
            return bad("speed is not 0.05 to 20 metres a second");
        }
        if !(0.0..=1.0).contains(&table.changes_floor) {
            return bad("changes_floor is not a share from 0 to 1");
        }
        let [shortest, longest] = table.pause_s;
        if shortest > longest || longest > 86_400 {
            return bad("pause_s is not [shortest, longest] within a day");
        }
        let storeys = self.storeys(key, &table.building, table.floor.as_deref())?;
        let nth = self.actors.len() as u64;
        let storey = storeys[(hash([self.seed, nth, 2]) % storeys.len() as u64) as usize];
        if self.world.storeys[storey].cells.is_empty() {
            return bad("nobody can walk on that floor: walls and regions leave no room");
        }
        let manner = Manner {
            // Nobody walks exactly like the next: ±20 %.
            speed: table.speed * (0.8 + 0.4 * share([self.seed, nth, 3])),
            pause_ms: (u64::from(shortest) * 1_000, u64::from(longest) * 1_000),
            changes_floor: table.changes_floor,
        };
        let rng = Pcg32::new(hash([self.seed, nth, 4]), nth);
        let walker = Walker::new(self.world, storey, manner, rng, self.begins);
        Ok(Motion::Walking(Box::new(walker)))
    }

    /// The floors of `building`, or only its floor `floor`; never empty.
    fn storeys(
        &self,
        key: &str,
        building: &str,
        floor: Option<&str>,
    ) -> Result<Vec<usize>, CampusError> {
        let storeys = self.world.houses.iter();
        let storeys = storeys.filter(|house| house.name == building);
        let storeys: Vec<usize> = storeys
            .flat_map(|house| house.storeys.iter().copied())
            .filter(|storey| floor.is_none_or(|name| self.world.storeys[*storey].name == name))
            .collect();
        if storeys.is_empty() {
            return Err(CampusError::ConfigPlace {
                table: key.to_owned(),
                building: building.to_owned(),
                floor: floor.unwrap_or("(any floor)").to_owned(),
            });
        }
        Ok(storeys)
    }

    fn add(
        &mut self,
        category: Category,
        band: Band,
        stronger_db: f32,
        every_s: u32,
        motion: Motion,
    ) -> Result<&mut Actor, CampusError> {
        let nth = self.actors.len();
        if nth >= ELEMENTS_MAX {
            return Err(CampusError::TooManyElements { max: ELEMENTS_MAX });
        }
        let count = &mut self.counts[category.index()];
        let mac = mac(category, *count);
        *count += 1;
        let every = (u64::from(every_s) * 1_000).div_ceil(self.interval_ms).max(1);
        self.actors.push(Actor {
            category,
            mac,
            band,
            stronger_db: stronger_db + SENDER_DB * normal([self.seed, mac.to_u64()]),
            every,
            phase: hash([self.seed, nth as u64, 5]) % every,
            motion,
            station: None,
            tag: None,
        });
        Ok(&mut self.actors[nth])
    }
}
