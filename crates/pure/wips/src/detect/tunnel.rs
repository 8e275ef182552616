//! Tunnels: data that passes for questions about names, or for echoes.
//!
//! Only open networks show it. Names that hold data are long and come once; who holds data in the answers
//! gets long ones of kinds that hold any text. A ping sends the same bytes again and again but for the time
//! at the beginning; a tunnel never does.

use model::Mac;

use super::meter::Meter;
use super::{Found, Scene};
use crate::dot11::Payload;
use crate::dot11::data::{Content, ethertype};
use crate::dot11::net::{Dns, Echo};
use crate::incident::{Evidence, EvidenceSet, Kind, Transmitter};
use crate::table::Table;
use crate::window::scattered;

/// Stations that are followed at once.
const STATIONS_MAX: usize = 1_024;
/// A name so long holds data. Ours: names of content networks have up to 80 bytes, of which the reverse
/// names of IPv6 have 73; tunnels fill names up to 255 (RFC 1035, 2.3.4).
const LONG_NAME_BYTES: usize = 100;
/// An answer of free text so long holds data. Ours: what mail servers keep in DNS is asked for by them.
const LONG_ANSWER_BYTES: usize = 300;
/// Kinds of records that hold any bytes: NULL, TXT and KEY (RFC 1035, 3.2.2; RFC 4034), and the private
/// number that iodine uses.
const FREE_RECORDS: [u16; 4] = [10, 16, 25, 65_399];
/// Where the bytes of an echo begin that every ping repeats: behind a time of 16 bytes.
const PATTERN_AT: usize = 16;
const PATTERN_BYTES: usize = 16;

/// Watches questions and echoes of stations.
#[derive(Debug)]
pub(crate) struct Tunnels {
    names: Table<Mac, Names>,
    echoes: Table<(Mac, u64), Echoes>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Names {
    question: u64,
    answer: u64,
    meter: Meter,
}

/// The two newest patterns between a station and another end: two pings at once are no tunnel.
#[derive(Debug, Clone, Copy, Default)]
struct Echoes {
    patterns: [Option<[u8; PATTERN_BYTES]>; 2],
    meter: Meter,
}

impl Tunnels {
    pub(crate) fn new() -> Self {
        Self { names: Table::new(STATIONS_MAX), echoes: Table::new(STATIONS_MAX) }
    }

    pub(crate) fn see(&mut self, scene: Scene<'_>, found: &mut Found) {
        /// LLC and SNAP headers, with the ethertype.
        const HEAD: usize = 8;
        let heard = scene.heard;
        let Some(Payload::Msdu(msdu)) = heard.data().map(|it| &it.payload) else { return };
        if msdu.ethertype != Some(ethertype::IPV4)
            || msdu.content != Content::Other
            || heard.is_retry()
        {
            return;
        }
        let Some(packet) = msdu.bytes.get(HEAD..) else { return };
        let Some((_, station)) = heard.pair() else { return };
        if let Some(echo) = Echo::read(packet) {
            self.echo(scene, station, echo, found);
        } else if let Some(dns) = Dns::read(packet) {
            self.name(scene, station, dns, found);
        }
    }

    fn name(&mut self, scene: Scene<'_>, station: Mac, dns: Dns<'_>, found: &mut Found) {
        let is_long = if dns.is_answer {
            dns.bytes >= LONG_ANSWER_BYTES && FREE_RECORDS.contains(&dns.record)
        } else {
            dns.name.len() >= LONG_NAME_BYTES
        };
        if !is_long {
            return;
        }
        let name = dns.name.iter().fold(1, |name, byte| scattered(name ^ u64::from(*byte)));
        let names = self.names.entry(station, Names::default);
        let newest = if dns.is_answer { &mut names.answer } else { &mut names.question };
        // Who gets no answer asks again.
        if std::mem::replace(newest, name) == name {
            return;
        }
        tell(scene, Kind::DnsTunnel, station, &mut names.meter, found);
    }

    fn echo(&mut self, scene: Scene<'_>, station: Mac, echo: Echo<'_>, found: &mut Found) {
        let Some(pattern) =
            echo.payload.get(PATTERN_AT..).and_then(|it| it.first_chunk::<PATTERN_BYTES>())
        else {
            return;
        };
        let echoes = self.echoes.entry((station, echo.ends), Echoes::default);
        let is_known = echoes.patterns.contains(&Some(*pattern));
        let [newest, before] = echoes.patterns;
        if is_known {
            return;
        }
        echoes.patterns = [Some(*pattern), newest];
        // The first two may be of two pings.
        if before.is_some() {
            tell(scene, Kind::IcmpTunnel, station, &mut echoes.meter, found);
        }
    }
}

fn tell(scene: Scene<'_>, kind: Kind, station: Mac, meter: &mut Meter, found: &mut Found) {
    let Some(bssid) = scene.heard.bssid() else { return };
    if let Some(it) = meter.add(scene.heard, scene.rules.threshold(kind)) {
        found
            .add(scene, kind, EvidenceSet::of(&[Evidence::Rate, Evidence::Signature]))
            .by(Transmitter::Own { address: station })
            .about(Some(bssid))
            .named(scene.air.ssid(bssid))
            .frames(it.since, it.frames)
            .by_reaction_if(scene.heard.is_from_ap());
    }
}
