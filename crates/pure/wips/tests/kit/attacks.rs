//! Attacks on the air of [`super::benign`], as different tools send them.

use std::ops::Range;

use wips::Kind::{self, *};

use super::benign::{Life, Station, air};
use super::frames::{self, ALL, Ap, Mac, Protection, Way};
use super::{BEGIN_US, Ether, Random, SECOND};

/// Who is to be blamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The attacker, under its own address.
    Own,
    /// The attacker, in the name of the target.
    AsTarget,
    /// In the name of the victim.
    AsVictim,
    Invented,
    Unnamed,
    /// It does not matter here.
    Anyone,
}

/// Who suffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    Target,
    /// Any access point of the target's name.
    Name,
    Victim,
    Everybody,
    Anyone,
}

/// One attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) kinds: &'static [Kind],
    pub(crate) by: By,
    pub(crate) against: Against,
    pub(crate) run: fn(&mut Stage),
    /// Conditions under which it need not be seen, and why.
    pub(crate) blind: &'static [&'static str],
}

/// Where an attack is staged.
pub(crate) struct Stage {
    pub(crate) ether: Ether,
    pub(crate) random: Random,
    pub(crate) target: Ap,
    pub(crate) victim: Station,
    /// The attacker's own address and strength.
    pub(crate) attacker: Mac,
    pub(crate) dbm: f32,
    pub(crate) begin: u64,
}

/// Seconds of an air with an attack, and when the attack begins.
const SECONDS: u64 = 42;
const BEGIN: u64 = 17;

impl Stage {
    pub(crate) fn new(seed: u64) -> Self {
        let ether = air(seed, SECONDS);
        let mut random = Random::new(seed ^ 0xa77a);
        let target = ether.aps[ether.target].clone();
        let victim = ether.stations[0].clone();
        // Somewhere else than target and victim, as far as signals can tell.
        let mut dbm = -35.0 - random.range(0, 45) as f32;
        while (dbm - target.dbm).abs() < 14.0 || (dbm - victim.dbm).abs() < 14.0 {
            dbm = -30.0 - random.range(0, 60) as f32;
        }
        let attacker = random.mac([0x00, 0xc0, 0xca]);
        let begin = BEGIN_US + BEGIN * SECOND + random.range(0, SECOND);
        Self { ether, random, target, victim, attacker, dbm, begin }
    }

    fn send(&mut self, at: u64, from: Mac, bytes: Vec<u8>) {
        self.ether.send(at, 6, self.dbm, from, bytes);
    }

    /// With a number of the tool's own.
    fn inject(&mut self, at: u64, number: u64, mut bytes: Vec<u8>) {
        if bytes.len() >= 24 {
            let field = ((number & 0x0fff) << 4) as u16;
            bytes[22..24].copy_from_slice(&field.to_le_bytes());
        }
        self.ether.send_raw(at, 6, self.dbm, bytes);
    }

    /// The target's own radio.
    fn answer(&mut self, at: u64, bytes: Vec<u8>) {
        let Ap { mac, dbm, .. } = self.target;
        self.ether.send(at, 6, dbm, mac, bytes);
    }

    /// `count` frames, `per_second` of them.
    fn flood(
        &mut self,
        count: u64,
        per_second: u64,
        mut frame: impl FnMut(&mut Self, u64) -> Vec<u8>,
    ) {
        for number in 0..count {
            let at = self.begin + number * SECOND / per_second;
            let bytes = frame(self, number);
            self.inject(at, number, bytes);
        }
    }

    /// The victim comes back after it was thrown off.
    fn returns(&mut self, at: u64) -> u64 {
        let Station { mac, dbm, ap, number } = self.victim;
        let mut life = Life { mac, dbm, ap, number: number + 1_000, counter: 90_000 };
        life.join(&mut self.ether, at, None)
    }

    fn bssid(&self) -> Mac {
        self.target.mac
    }

    fn twin(&self, protection: Protection) -> Ap {
        let target = self.target.clone();
        Ap { mac: self.attacker, dbm: self.dbm, protection, vendor: Vec::new(), ..target }
    }

    fn beacons(&mut self, ap: &Ap, seconds: Range<u64>, every_us: u64) {
        let mut at = self.begin + seconds.start * SECOND;
        let end = self.begin + seconds.end * SECOND;
        while at < end {
            let bytes = frames::beacon(ap, at, &[]);
            self.send(at, ap.mac, bytes);
            at += every_us + self.random.range(0, 400);
        }
    }
}

const BY_SIGNAL: &[&str] = &["no signal", "clock only", "bare", "bare, FCS", "hopping, bare, loss"];

/// What else takes a signal that tells two places apart, from the beginning on.
const BY_STEADY_SIGNAL: &[&str] = &[
    "no signal",
    "clock only",
    "bare",
    "bare, FCS",
    "hopping, bare, loss",
    "noisy",
    "begins in the middle",
    "two sensors, loss",
];

macro_rules! attacks {
    ($($name:literal, $kinds:expr, $by:ident, $against:ident, $blind:expr, $run:expr;)*) => {
        pub(crate) const ATTACKS: &[Attack] = &[$(Attack {
            name: $name,
            kinds: $kinds,
            by: By::$by,
            against: Against::$against,
            blind: $blind,
            run: $run,
        },)*];
    };
}

attacks! {
    "aireplay-ng -0 by pair", &[DeauthenticationFlood], AsTarget, Victim, &[], deauthenticate_pair;
    "aireplay-ng -0 to all", &[DeauthenticationBroadcast], AsTarget, Everybody, &[], |stage| {
        let bssid = stage.bssid();
        stage.flood(128, 60, |_, _| frames::leave(ALL, bssid, bssid, 7, false));
    };
    "two broadcasts a second", &[DeauthenticationBroadcast], AsTarget, Everybody, &[], |stage| {
        let bssid = stage.bssid();
        stage.flood(40, 2, |_, _| frames::leave(ALL, bssid, bssid, 1, false));
    };
    "ESP8266 deauther", &[DeauthenticationFlood, DisassociationFlood], AsTarget, Victim, &[], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        stage.flood(200, 20, |_, number| {
            let (to, from) = if number % 4 < 2 { (station, bssid) } else { (bssid, station) };
            frames::leave(to, from, bssid, 1, number % 2 == 1)
        });
    };
    "ESP32 deauther", &[DeauthenticationFlood], AsTarget, Victim, &[], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        for number in 0..200 {
            let at = stage.begin + number * 50_000;
            stage.inject(at, 4_095, frames::leave(station, bssid, bssid, 2, false));
        }
    };
    "Omerta", &[Omerta], AsTarget, Victim, &["hopping, bare, loss"], |stage| {
        let (bssid, station, begin) = (stage.bssid(), stage.victim.mac, stage.begin);
        let is_ours = |it: &[u8]| {
            let ends = [it.get(4..10), it.get(10..16)];
            it.len() > 40 && it[0] == 0x88 && ends.contains(&Some(&bssid)) && ends.contains(&Some(&station))
        };
        let sent = stage.ether.sent.clone();
        let data = sent.iter().filter(|it| it.at_us >= begin && is_ours(&it.bytes));
        for (number, it) in data.enumerate() {
            let frame = frames::leave(station, bssid, bssid, 1, true);
            stage.inject(it.at_us + 1_500, number as u64, frame);
        }
    };
    "disassociation flood", &[DisassociationFlood], AsTarget, Victim, &[], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        stage.flood(300, 30, |_, _| frames::leave(station, bssid, bssid, 8, true));
    };
    "slow deauthentication", &[SpoofedDisconnect], AsTarget, Victim,
        &["hopping", "hopping, bare, loss"], slow;
    "authentication flood", &[AuthenticationFlood], Invented, Target, &[], |stage| {
        let bssid = stage.bssid();
        for number in 0..600 {
            let at = stage.begin + number * 20_000;
            let station = stage.random.made_up();
            stage.inject(at, 0, frames::authentication(bssid, station, bssid, [0, 1, 0]));
            stage.answer(at + 900, frames::authentication(station, bssid, bssid, [0, 2, 0]));
        }
    };
    "authentication flood of one", &[AuthenticationFlood], Own, Target, &[], |stage| {
        let (bssid, from) = (stage.bssid(), stage.attacker);
        stage.flood(600, 30, |_, _| frames::authentication(bssid, from, bssid, [0, 1, 0]));
    };
    "association flood", &[AssociationFlood], Invented, Target, &[], |stage| {
        let target = stage.target.clone();
        for number in 0..800 {
            let at = stage.begin + number * 15_000;
            let station = stage.random.made_up();
            stage.inject(at, number, frames::association_request(&target, station, None));
            stage.answer(at + 900, frames::leave(station, target.mac, target.mac, 6, false));
        }
    };
    "reassociation flood", &[ReassociationFlood], Invented, Target, &[], |stage| {
        let target = stage.target.clone();
        let old = stage.ether.aps[2].mac;
        stage.flood(600, 50, |stage, _| {
            frames::association_request(&target, stage.random.made_up(), Some(old))
        });
    };
    "SAE commit flood", &[SaeCommitFlood], Invented, Target, &[], |stage| {
        let bssid = stage.bssid();
        for number in 0..400 {
            let at = stage.begin + number * 30_000;
            let station = stage.random.made_up();
            stage.inject(at, number, frames::authentication(bssid, station, bssid, [3, 1, 0]));
            stage.answer(at + 2_000, frames::authentication(station, bssid, bssid, [3, 1, 76]));
        }
    };
    "EAPOL-Start flood", &[EapolStartFlood], Invented, Target, &[], |stage| {
        let bssid = stage.bssid();
        stage.flood(600, 50, |stage, _| {
            frames::eapol(Way::up(bssid, stage.random.made_up()), 1, &[])
        });
    };
    "EAPOL-Logoff", &[EapolLogoff], AsVictim, Victim, &[], |stage| {
        let way = Way::up(stage.bssid(), stage.victim.mac);
        stage.flood(100, 10, |_, _| frames::eapol(way, 2, &[]));
    };
    "premature EAP failure", &[PrematureEapFailure], AsTarget, Victim, &[], |stage| {
        let way = Way::down(stage.bssid(), stage.victim.mac);
        stage.flood(100, 10, |_, number| frames::eap(way, 4, number as u8, &[]));
    };
    "premature EAP success", &[PrematureEapSuccess], AsTarget, Victim, &[], |stage| {
        let way = Way::down(stage.bssid(), stage.victim.mac);
        stage.flood(100, 10, |_, number| frames::eap(way, 3, number as u8, &[]));
    };
    "mdk4 b, random names", &[BeaconFlood], Invented, Everybody, &[], |stage| {
        stage.flood(900, 60, |stage, number| {
            let mut mac = stage.random.made_up();
            mac[0] = (number * 37) as u8;
            let ap = Ap {
                mac,
                ssid: format!("{:x}", stage.random.next()).into_bytes(),
                ..stage.twin(Protection::Wpa2)
            };
            frames::beacon(&ap, number, &[])
        });
    };
    "beacons of 60 access points that stay", &[BeaconFlood], Invented, Everybody, &[], |stage| {
        let aps: Vec<Ap> = (0..60)
            .map(|number| {
                let vendor = stage.random.pick(&[[0x00, 0x11, 0x22], [0x00, 0x26, 0xcb]]);
                let mac = stage.random.mac(vendor);
                let ssid = format!("Free WiFi {number}").into_bytes();
                Ap { mac, ssid, ..stage.twin(Protection::Open) }
            })
            .collect();
        stage.flood(3_000, 200, |_, number| frames::beacon(&aps[(number % 60) as usize], number, &[]));
    };
    "mdk4 b, one name", &[BeaconFlood], Invented, Everybody, &[], |stage| {
        stage.flood(900, 60, |stage, number| {
            let ap = Ap { mac: stage.random.made_up(), ..stage.twin(Protection::Wpa2) };
            frames::beacon(&ap, number, &[])
        });
    };
    "CTS flood", &[CtsFlood], Unnamed, Anyone, &["hopping, bare, loss"], |stage| {
        let to = stage.attacker;
        stage.flood(3_000, 200, |_, _| frames::cts(to, 30_000));
    };
    "CTS with the longest claim", &[CtsFlood, VirtualCarrier], Unnamed, Anyone, &[], |stage| {
        let to = stage.attacker;
        stage.flood(1_500, 100, |_, _| frames::cts(to, 32_767));
    };
    "RTS flood", &[RtsFlood, VirtualCarrier], Invented, Target, &[], |stage| {
        let bssid = stage.bssid();
        stage.flood(3_000, 200, |stage, _| frames::rts(bssid, stage.random.made_up(), 32_767));
    };
    "channel switch", &[ChannelSwitchSpoof], AsTarget, Everybody, &[], |stage| {
        let target = stage.target.clone();
        stage.flood(60, 5, |_, number| frames::beacon(&target, number, &[37, 3, 1, 11, 1]));
    };
    "probe flood", &[ProbeRequestFlood], Invented, Everybody, &[], |stage| {
        stage.flood(1_500, 100, |stage, _| frames::probe_request(stage.random.made_up(), b""));
    };
    "names guessed", &[SsidBruteForce], Own, Everybody, &[], |stage| {
        let from = stage.attacker;
        stage.flood(900, 60, |_, number| frames::probe_request(from, format!("a{number}").as_bytes()));
    };
    "open evil twin", &[EvilTwin], Own, Name, &[], |stage| {
        let twin = stage.twin(Protection::Open);
        stage.beacons(&twin, 0..20, 102_400);
    };
    "open evil twin, and deauthentications", &[EvilTwin], Own, Name, &[], |stage| {
        let twin = stage.twin(Protection::Open);
        stage.beacons(&twin, 0..20, 102_400);
        deauthenticate_pair(stage);
    };
    "evil twin of equal protection", &[EvilTwin], Own, Name, &["begins in the middle"], |stage| {
        let twin = stage.twin(stage.target.protection);
        stage.beacons(&twin, 0..25, 102_400);
        stage.begin += 4 * SECOND;
        deauthenticate_pair(stage);
    };
    "karma", &[Karma], Own, Anyone, &["hopping", "hopping, bare, loss"], |stage| {
        let mac = stage.attacker;
        for number in 0..8 {
            let at = stage.begin + number * SECOND;
            let (station, ssid) = (stage.random.made_up(), format!("Secret {number}").into_bytes());
            let ap = Ap { mac, ssid, ..stage.twin(Protection::Open) };
            stage.ether.send(at, 6, -60.0, station, frames::probe_request(station, &ap.ssid));
            stage.send(at + 900, mac, frames::probe_response(&ap, at, station));
        }
    };
    "known beacons", &[Karma], Own, Everybody, &["hopping, bare, loss"], |stage| {
        let mac = stage.attacker;
        let twin = stage.twin(Protection::Open);
        stage.flood(400, 20, |_, number| {
            let ssid = format!("Airport {}", number % 20).into_bytes();
            frames::beacon(&Ap { mac, ssid, ..twin.clone() }, number, &[])
        });
    };
    "BSSID on another channel", &[BssidSpoof], AsTarget, Target, &[], |stage| {
        // Heard over the edge of its channel, as the captures of others show.
        let clone = Ap { channel: 11, dbm: stage.dbm, ..stage.target.clone() };
        stage.flood(250, 10, |_, number| frames::beacon(&clone, number * 102_400, &[]));
    };
    "BSSID open", &[BssidSpoof], AsTarget, Target, &[], |stage| {
        let clone = Ap { protection: Protection::Open, ..stage.target.clone() };
        stage.flood(250, 10, |_, number| frames::beacon(&clone, number * 102_400, &[]));
    };
    "WPS PINs", &[WpsBruteForce], Own, Target, &[], wps;
    "null data", &[PowerSaveAttack], AsVictim, Victim, BY_SIGNAL, |stage| {
        let way = Way::up(stage.bssid(), stage.victim.mac);
        stage.flood(600, 40, |_, _| frames::null(way, true));
    };
    "polls", &[PsPollFlood], AsVictim, Target, &["hopping, bare, loss"], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        stage.flood(1_000, 80, |_, _| frames::ps_poll(bssid, station));
    };
    "ADDBA", &[AddbaSpoof], AsVictim, Victim, &["hopping, bare, loss"], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        stage.flood(200, 10, |_, _| {
            frames::action(bssid, station, bssid, &[3, 0, 1, 2, 0x10, 0, 0, 0x50, 0xbb])
        });
    };
    "DELBA", &[DelbaSpoof], AsVictim, Victim, &[], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        stage.flood(300, 20, |_, _| frames::action(bssid, station, bssid, &[3, 2, 0, 8, 1, 0]));
    };
    "authentication failures", &[AuthenticationFailureSpoof], AsTarget, Victim, &[], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        stage.flood(200, 20, |_, _| frames::authentication(station, bssid, bssid, [0, 2, 1]));
    };
    "FATA-Jack", &[FataJack], AsVictim, Victim, &[], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        stage.flood(200, 20, |_, _| frames::authentication(bssid, station, bssid, [2, 0xffff, 0]));
    };
    "null probe responses", &[NullProbeResponse], Own, Victim, &[], |stage| {
        let (station, from) = (stage.victim.mac, stage.attacker);
        stage.flood(120, 10, |stage, number| {
            let ap = Ap { mac: from, ssid: Vec::new(), ..stage.twin(Protection::Open) };
            frames::probe_response(&ap, number, station)
        });
    };
    "key reinstallation", &[KeyReinstallation], AsTarget, Victim,
        &["hopping", "hopping, bare, loss", "loss 30 %"], reinstall;
    "aggregates in clear", &[FragAttack], AsTarget, Victim, &[], |stage| {
        let way = Way::down(stage.bssid(), stage.victim.mac);
        stage.flood(20, 4, |stage, _| {
            let mut frame = frames::data(way, Protection::Open, 0, 0);
            frame.truncate(24);
            frame.extend([0x80, 0]);
            frame.extend(stage.victim.mac);
            frame.extend([0x00, 0x1b, 0x21, 0, 0, 1, 0, 8, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
            frame
        });
    };
    "fuzzed beacons", &[MalformedFrames], Invented, Anyone, &[], |stage| {
        stage.flood(600, 40, |stage, number| {
            let ap = Ap { mac: stage.random.made_up(), ..stage.twin(Protection::Wpa2) };
            let mut frame = frames::beacon(&ap, number, &[]);
            let at = stage.random.range(37, frame.len() as u64 - 1) as usize;
            frame[37] = 60 + (number % 100) as u8;
            frame[at] ^= 0xff;
            frame
        });
    };
    "Pwnagotchi", &[Tool], Own, Anyone, &[], |stage| {
        let mac = [0xde, 0xad, 0xbe, 0xef, 0xde, 0xad];
        let ap = Ap { mac, ssid: Vec::new(), is_hidden: true, ..stage.twin(Protection::Open) };
        let json = b"{\"name\":\"gotchi\"}";
        let mut extra = vec![222, json.len() as u8];
        extra.extend(json);
        stage.flood(30, 2, |_, number| frames::beacon(&ap, number, &extra));
    };
    "AirPwn", &[InjectedData], AsTarget, Victim, &["hopping", "hopping, bare, loss"], |stage| {
        let (bssid, station) = in_the_clear(stage);
        for number in 0..20 {
            let at = stage.begin + number * SECOND / 2;
            let right = tcp(Way::down(bssid, station), number as u32, b"HTTP/1.1 200 OK\r\nServer: right");
            let wrong = tcp(Way::down(bssid, station), number as u32, b"HTTP/1.1 302 Found\r\nLocation:");
            stage.inject(at, number, wrong);
            stage.answer(at + 9_000, right);
        }
    };
    "WiFiTap", &[ForgedData], AsTarget, Victim, BY_SIGNAL, |stage| {
        let (bssid, station) = in_the_clear(stage);
        let begin = stage.begin;
        // Somewhere else than this access point, too.
        stage.dbm = stage.target.dbm + if stage.target.dbm < -60.0 { 20.0 } else { -20.0 };
        let start = stage.random.range(1_000, 3_000);
        for number in 0..300 {
            let at = begin + number * 60_000;
            let down = Way::down(bssid, station);
            stage.answer(at, frames::clear(down, GATEWAY, 0x0800, &frames::ip(6, INSIDE, &[7; 60])));
            let forged = frames::clear(down, stage.attacker, 0x0800, &frames::ip(6, INSIDE, &[9; 60]));
            stage.inject(at + 20_000, start + number * 2_011, forged);
        }
    };
    "DHCP starvation", &[DhcpStarvation], Own, Everybody, &["hopping, bare, loss"], |stage| {
        let (bssid, _) = in_the_clear(stage);
        let from = stage.attacker;
        stage.flood(400, 20, |stage, _| {
            let request = frames::dhcp_request(stage.random.made_up());
            frames::clear(Way::up(bssid, from), ALL, 0x0800, &request)
        });
    };
    "tunnel in names", &[DnsTunnel], Own, Everybody, &["hopping, bare, loss"], |stage| {
        let (bssid, _) = in_the_clear(stage);
        let from = stage.attacker;
        stage.flood(800, 40, |stage, _| {
            let mut label = || format!("{:016x}{:016x}", stage.random.next(), stage.random.next());
            let name = format!("{}.{}.{}.{}.t.example.org", label(), label(), label(), label());
            frames::clear(Way::up(bssid, from), GATEWAY, 0x0800, &frames::dns(&name, 1, None))
        });
    };
    "tunnel in answers", &[DnsTunnel], Own, Everybody, &["hopping, bare, loss"], |stage| {
        let (bssid, _) = in_the_clear(stage);
        let (begin, to) = (stage.begin, stage.attacker);
        for number in 0..800 {
            let name = format!("{:x}.t.example.org", stage.random.next());
            let answer = frames::dns(&name, 10, Some(700));
            let frame = frames::clear(Way::down(bssid, to), GATEWAY, 0x0800, &answer);
            stage.answer(begin + number * 25_000, frame);
        }
    };
    "tunnel in echoes", &[IcmpTunnel], Own, Everybody, &["hopping, bare, loss"], |stage| {
        let (bssid, _) = in_the_clear(stage);
        let from = stage.attacker;
        stage.flood(400, 20, |stage, _| {
            let bytes: Vec<u8> = (0..200).map(|_| stage.random.next() as u8).collect();
            let echo = frames::echo([198, 51, 100, 7], false, &bytes);
            frames::clear(Way::up(bssid, from), GATEWAY, 0x0800, &echo)
        });
    };
    "group frames again", &[GroupKeyReinstallation], AsTarget, Everybody,
        &["hopping", "hopping, bare, loss"], |stage| {
        let bssid = stage.bssid();
        let begin = stage.begin;
        for number in 0..60 {
            let at = begin + number * 300_000;
            let frame = frames::group_data(bssid, GATEWAY, 900 + number, 90);
            stage.answer(at, frame.clone());
            stage.inject(at + 150_000, 2_000 + number, frame);
        }
    };
    "TLS that contradicts itself", &[MalformedEapTls], Own, Target, &["hopping, bare, loss"], |stage| {
        let way = Way::up(stage.bssid(), stage.attacker);
        // A whole of 4 bytes with 60 behind it.
        let tls = [&[13, 0x80, 0, 0, 0, 4][..], &[22; 60]].concat();
        stage.flood(60, 4, |_, number| frames::eap(way, 2, number as u8, &tls));
    };
    "identities tried", &[EapBruteForce], Own, Anyone, &["hopping, bare, loss"], |stage| {
        let way = Way::up(stage.bssid(), stage.attacker);
        stage.flood(100, 5, |_, number| {
            frames::eap(way, 2, number as u8, format!("\u{1}user{number}").as_bytes())
        });
    };
    "fake DHCP server", &[FakeDhcpServer], Own, Everybody, &["hopping, bare, loss"], |stage| {
        let (bssid, _) = in_the_clear(stage);
        let from = stage.attacker;
        stage.flood(20, 1, |_, _| frames::clear(Way::up(bssid, from), ALL, 0x0800, &dhcp_offer()));
    };
    "ARP poisoning", &[ArpPoisoning], Own, Victim, &["hopping", "hopping, bare, loss", "begins in the middle"], |stage| {
        let (bssid, gateway) = in_the_clear(stage);
        let from = stage.attacker;
        // The way out was there before.
        for seconds in 1..5 {
            let at = stage.begin - seconds * SECOND;
            let right = arp(gateway);
            stage.answer(at, frames::clear(Way::down(bssid, ALL), gateway, 0x0806, &right));
        }
        for number in 0..20 {
            let at = stage.begin + number * SECOND;
            let right = arp(gateway);
            stage.answer(at, frames::clear(Way::down(bssid, ALL), gateway, 0x0806, &right));
            let wrong = arp(from);
            stage.inject(at + 300_000, number, frames::clear(Way::up(bssid, from), ALL, 0x0806, &wrong));
        }
    };
    "windows moved by requests", &[BlockAckRequestSpoof], AsVictim, Victim,
        &["hopping, bare, loss"], |stage| {
        let (bssid, station) = (stage.bssid(), stage.victim.mac);
        let numbers = numbers_of(stage, station, bssid);
        for (at, number) in numbers {
            let mut frame = vec![0x84, 0, 0, 0];
            frame.extend(bssid);
            frame.extend(station);
            frame.extend([4, 0]);
            frame.extend((((number + 1_500) & 0x0fff) << 4).to_le_bytes());
            let dbm = stage.dbm;
            stage.ether.send_raw(at + 150, 6, dbm, frame);
        }
    };
    "PMKIDs collected", &[PmkidHarvest], Own, Anyone, &["hopping", "hopping, bare, loss"], pmkids;
    "address of a station", &[MacSpoof, PowerSaveAttack], AsVictim, Victim, BY_STEADY_SIGNAL, |stage| {
        let way = Way::up(stage.bssid(), stage.victim.mac);
        let protection = stage.target.protection;
        let start = stage.random.range(0, 4_096);
        let begin = stage.begin;
        for number in 0..250 {
            let frame = frames::data(way, protection, 50_000 + number, 90);
            stage.inject(begin + number * 50_000, start + number, frame);
        }
    };
    "Caffe Latte", &[WepReplay], Own, Anyone, &["hopping, bare, loss"], |stage| {
        let (bssid, from) = (stage.random.mac([0x00, 0xc0, 0xca]), stage.attacker);
        stage.flood(4_000, 300, |_, _| {
            let mut frame = frames::data(Way::down(bssid, ALL), Protection::Wep, 77, 60);
            frame[16..22].copy_from_slice(&from);
            frame
        });
    };
    "WEP replay", &[WepReplay], Own, Target, &["hopping, bare, loss"], |stage| {
        let (bssid, from) = (stage.bssid(), stage.attacker);
        stage.flood(4_000, 300, |_, _| {
            let mut frame = frames::data(Way::up(bssid, from), Protection::Wep, 77, 60);
            frame[16..22].copy_from_slice(&ALL);
            frame
        });
    };
}

fn deauthenticate_pair(stage: &mut Stage) {
    let (bssid, station) = (stage.bssid(), stage.victim.mac);
    for number in 0..256 {
        let (to, from) = if number % 2 == 0 { (station, bssid) } else { (bssid, station) };
        let at = stage.begin + number / 128 * SECOND * 2 + number % 128 * 4_000;
        stage.inject(at, number / 2, frames::leave(to, from, bssid, 7, false));
    }
    let at = stage.begin + 4 * SECOND;
    stage.returns(at);
}

/// One deauthentication in three seconds; the station comes back each time.
fn slow(stage: &mut Stage) {
    let (bssid, station) = (stage.bssid(), stage.victim.mac);
    for number in 0..9 {
        let at = stage.begin + number * 3 * SECOND;
        stage.inject(at, number, frames::leave(station, bssid, bssid, 7, false));
        let at = at + stage.random.range(50_000, 400_000);
        stage.returns(at);
    }
}

/// Sessions that the access point ends early.
fn wps(stage: &mut Stage) {
    let (bssid, station) = (stage.bssid(), stage.attacker);
    let (up, down) = (Way::up(bssid, station), Way::down(bssid, station));
    let wsc = |op: u8, kind: u8| {
        let mut body = vec![254, 0, 0x37, 0x2a, 0, 0, 0, 1, op, 0];
        body.extend([0x10, 0x22, 0, 1, kind]);
        body
    };
    for session in 0..10 {
        let mut at = stage.begin + session * 2 * SECOND;
        for (step, is_up) in [(4, false), (5, true), (7, false), (14, true), (14, false)] {
            let op = if step == 14 { 3 } else { 4 };
            let code = if is_up { 2 } else { 1 };
            let way = if is_up { up } else { down };
            let frame = frames::eap(way, code, step, &wsc(op, step));
            if is_up {
                stage.send(at, station, frame);
            } else {
                stage.answer(at, frame);
            }
            at += 60_000;
        }
        stage.answer(at, frames::eap(down, 4, 9, &[]));
    }
}

/// The third message again, and packet numbers from one on.
fn reinstall(stage: &mut Stage) {
    let (bssid, station) = (stage.bssid(), stage.victim.mac);
    let up = Way::up(bssid, station);
    let at = stage.returns(stage.begin);
    let dbm = stage.victim.dbm;
    let protection = stage.target.protection;
    let mut at = at + 20_000;
    for number in 2..12 {
        let frame = frames::data(up, protection, number, 80);
        stage.ether.send(at, 6, dbm, station, frame);
        at += 30_000;
    }
    // The nonce and counter of the handshake are in what was sent.
    let third = stage.ether.sent.iter().rev().find(|it| {
        it.bytes.len() > 60
            && it.bytes[4..10] == station
            && it.bytes[30..32] == [0x88, 0x8e]
            && it.bytes[37..39] == [0x13, 0xca]
    });
    let Some(mut third) = third.map(|it| it.bytes.clone()) else { return };
    for round in 0..3 {
        third[48] = third[48].wrapping_add(1);
        stage.send(at, bssid, third.clone());
        at += 40_000;
        for number in 1..6 {
            let frame = frames::data(up, protection, number, 80);
            stage.ether.send(at, 6, dbm, station, frame);
            at += 30_000 + round;
        }
        at += SECOND;
    }
}

/// What hangs on the wire of the open network, and who speaks there.
const GATEWAY: Mac = [0x00, 0x1b, 0x21, 0, 0, 1];
const INSIDE: [[u8; 4]; 2] = [frames::RESOLVER, frames::GUEST];

/// The next attack is in the open network; its station is the victim, and named.
fn in_the_clear(stage: &mut Stage) -> (Mac, Mac) {
    let cafe = stage.ether.aps.iter().find(|it| it.ssid == b"Cafe").cloned();
    stage.target = cafe.unwrap_or_else(|| stage.target.clone());
    stage.victim.mac = stage.random.made_up();
    (stage.bssid(), stage.victim.mac)
}

/// A piece of a connection.
fn tcp(way: Way, number: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 93, 184, 216, 34, 10, 0, 0, 7]);
    packet.extend([0, 80, 0xc3, 0x50]);
    packet.extend((number * 1_000).to_be_bytes());
    packet.extend([0, 0, 0, 1, 0x50, 0x18, 0x20, 0, 0, 0, 0, 0]);
    packet.extend(payload);
    frames::clear(way, [0x00, 0x1b, 0x21, 0, 0, 1], 0x0800, &packet)
}

fn dhcp_offer() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 1, 16, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 66];
    packet.extend([255, 255, 255, 255, 0, 67, 0, 68, 0, 252, 0, 0, 2, 1, 6, 0]);
    packet.extend([0; 12]);
    packet.extend([10, 0, 0, 99, 10, 0, 0, 66, 0, 0, 0, 0, 2, 9, 9, 9, 9, 9]);
    packet.extend([0; 200]);
    packet
}

/// Who says that the way out is its own.
fn arp(sender: Mac) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 2];
    packet.extend(sender);
    packet.extend([10, 0, 0, 1, 2, 9, 9, 9, 9, 9, 10, 0, 0, 7]);
    packet
}

/// When a station sends data while the attack goes on, and with which sequence numbers.
fn numbers_of(stage: &Stage, from: Mac, to: Mac) -> Vec<(u64, u16)> {
    let begin = stage.begin;
    let sent = stage.ether.clone().in_order();
    sent.iter()
        .filter(|it| it.at_us >= begin && it.bytes.len() > 40 && it.bytes[0] == 0x88)
        .filter(|it| it.bytes[4..10] == to && it.bytes[10..16] == from)
        .map(|it| (it.at_us, u16::from_le_bytes([it.bytes[22], it.bytes[23]]) >> 4))
        .collect()
}

/// One association after the other, for the first message alone.
fn pmkids(stage: &mut Stage) {
    let (mac, dbm) = (stage.attacker, stage.dbm);
    let aps: Vec<usize> = (0..stage.ether.aps.len())
        .filter(|it| {
            stage.ether.aps[*it].channel == 6 && stage.ether.aps[*it].protection.has_keys()
        })
        .collect();
    let mut at = stage.begin;
    for index in aps {
        let life = Life { mac, dbm, ap: index, number: 1, counter: 1 };
        at = life.associate(&mut stage.ether, at);
        let ap = stage.ether.aps[index].clone();
        for round in 0..2 {
            let data = frames::pmkid(index as u8);
            let frame = frames::key(ap.mac, mac, 1, round, 77 + index as u64, &data);
            stage.ether.send(at, 6, ap.dbm, ap.mac, frame);
            at += SECOND;
        }
    }
}
