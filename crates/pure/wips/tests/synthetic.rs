//! Attacks and their absence on an air that is made here, heard by sensors of every kind.
#![expect(clippy::print_stdout, reason = "the figures are what this test is for")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end at what it did not expect"
)]

mod kit;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kit::attacks::{ATTACKS, Against, Attack, By, Stage};
use kit::sensor::{Form, Sensor, told};
use wips::Profile;
use wips::incident::Transmitter;

/// Airs without an attack. Each is heard by every fourth kind of sensor, so that all meet fifty of them.
const SEEDS: u64 = 200;
const EACH: u64 = 4;
/// More of them, each heard by every kind.
const MANY_SEEDS: u64 = 400;

/// Every way in which the air may be heard.
fn conditions() -> Vec<(&'static str, Vec<Sensor>)> {
    let one = Sensor::default();
    let form = |form| vec![Sensor { form, ..Sensor::default() }];
    vec![
        ("full", vec![one.clone()]),
        ("loss 30 %", vec![Sensor { loss: 0.3, ..one.clone() }]),
        ("noisy", vec![Sensor { noise_db: 5.0, ..one.clone() }]),
        ("no signal", form(Form::NoSignal)),
        ("no channel", form(Form::NoChannel)),
        ("clock only", form(Form::ClockOnly)),
        ("bare", form(Form::Bare)),
        ("bare, FCS", form(Form::BareFcs)),
        ("FCS left on", form(Form::FullFcs)),
        ("hopping", vec![Sensor { hops: &[1, 6, 11], ..one.clone() }]),
        (
            "hopping, bare, loss",
            vec![Sensor { hops: &[1, 6, 11], form: Form::Bare, loss: 0.3, ..one.clone() }],
        ),
        ("begins in the middle", vec![Sensor { begin_us: 18_200_000, ..one.clone() }]),
        // It hears who is near, and not whom they speak to.
        ("far away", vec![Sensor { floor_dbm: -57.0, ..one.clone() }]),
        ("far away, bare", vec![Sensor { floor_dbm: -57.0, form: Form::Bare, ..one.clone() }]),
        ("two sensors", vec![one.clone(), Sensor { ahead_us: 2_000, ..one.clone() }]),
        (
            "two sensors, loss",
            vec![Sensor { loss: 0.3, ..one.clone() }, Sensor { ahead_us: 2_000, loss: 0.3, ..one }],
        ),
    ]
}

#[test]
fn nothing_is_said_of_an_air_without_an_attack() {
    check_quiet(0..SEEDS, EACH);
}

#[test]
#[ignore = "takes minutes; in release only"]
fn nothing_is_said_of_many_airs_without_an_attack() {
    check_quiet(SEEDS..SEEDS + MANY_SEEDS, 1);
}

/// Nothing that matters is said of airs, each heard by every `each`th kind of sensor.
fn check_quiet(seeds: std::ops::Range<u64>, each: u64) {
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::<String, (u32, u64)>::new();
    for seed in seeds {
        let sent = kit::benign::air(seed, 45).in_order();
        for (_, (name, sensors)) in
            (seed..).zip(conditions()).filter(|(number, _)| number % each == 0)
        {
            for it in told(&sent, &sensors, seed, Profile::default()) {
                wrong.push(format!("seed {seed}, {name}: {:?} {:?}", it.kind, it.parts));
                let count = counts.entry(format!("{name}: {:?}", it.kind)).or_insert((0, seed));
                count.0 += 1;
            }
        }
    }
    for (what, (count, seed)) in &counts {
        println!("{what}: {count}, e.g. seed {seed}");
    }
    assert!(wrong.is_empty(), "{} in all\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}

/// Who attacks in two ways at once is told of both, and of nothing else.
#[test]
fn two_attacks_at_once_are_both_told() {
    let by_name = |name: &str| ATTACKS.iter().find(|it| it.name == name).unwrap();
    let pairs = [
        ("mdk4 b, random names", "aireplay-ng -0 to all"),
        ("authentication flood", "ESP8266 deauther"),
        ("karma", "probe flood"),
        ("open evil twin", "CTS with the longest claim"),
        ("WPS PINs", "disassociation flood"),
        ("EAPOL-Logoff", "RTS flood"),
    ];
    for (one, other) in pairs {
        for seed in 0..4 {
            let mut stage = Stage::new(seed);
            let attacks = [by_name(one), by_name(other)];
            for attack in attacks {
                (attack.run)(&mut stage);
            }
            let incidents =
                told(&stage.ether.in_order(), &[Sensor::default()], seed, Profile::default());
            let parts: Vec<_> =
                incidents.iter().flat_map(|it| &it.parts).map(|it| it.kind).collect();
            for attack in attacks {
                assert!(
                    attack.kinds.iter().any(|kind| parts.contains(kind)),
                    "{one}, {other}, seed {seed}: {parts:?}"
                );
            }
            assert!(incidents.len() <= 2, "{one}, {other}, seed {seed}: {parts:?}");
        }
    }
}

/// Two sensors whose clocks are apart hear each frame once, as soon as a few beacons have told the
/// difference.
#[test]
fn sensors_whose_clocks_are_wrong_count_each_frame_once() {
    let attack = ATTACKS.iter().find(|it| it.name == "ESP8266 deauther").unwrap();
    let one = Sensor::default();
    for (seed, ahead_us) in (0..).zip([1_900_000, -1_900_000, 400_000, -30_000]) {
        let staged = Staged::new(attack, seed);
        let two = [one.clone(), Sensor { ahead_us, ..one.clone() }];
        assert_eq!(staged.judge(attack, &two, seed), None, "{ahead_us}");
        let frames = |sensors: &[Sensor]| {
            let incidents = told(&staged.sent, sensors, seed, Profile::default());
            incidents.iter().map(|it| it.frames).sum::<u64>()
        };
        let (alone, both) = (frames(&two[..1]), frames(&two));
        assert!(both.abs_diff(alone) * 10 <= alone, "{ahead_us}: {both} of {alone}");
        // Nor is anything said of an air without an attack.
        let sent = kit::benign::air(seed, 40).in_order();
        assert!(told(&sent, &two, seed, Profile::default()).is_empty(), "{ahead_us}");
    }
}

/// The share of seeds, in percent, in which an attack must be told right.
const TOLD_MIN: usize = 100;
/// Airs for each attack: enough to see what is always wrong.
const ATTACK_SEEDS: u64 = 2;
/// The same where time does not matter.
const MANY_TOLD_MIN: usize = 80;
const MANY_ATTACK_SEEDS: u64 = 10;

#[test]
fn each_attack_is_told_once_and_blamed_on_the_right_one() {
    check_attacks(ATTACK_SEEDS, TOLD_MIN);
}

#[test]
#[ignore = "takes minutes; in release only"]
fn each_attack_is_told_right_on_many_airs() {
    check_attacks(MANY_ATTACK_SEEDS, MANY_TOLD_MIN);
}

fn check_attacks(seeds: u64, told_min: usize) {
    let mut wrong = Vec::new();
    let only = std::env::args().nth(2).filter(|it| !it.starts_with('-'));
    let is_meant = |it: &&Attack| only.as_deref().is_none_or(|only| it.name.contains(only));
    for attack in ATTACKS.iter().filter(is_meant) {
        let mut row = String::new();
        let stages: Vec<Staged> = (0..seeds).map(|seed| Staged::new(attack, seed)).collect();
        for (name, sensors) in conditions() {
            let mut told = 0;
            let mut faults = Vec::new();
            for (seed, stage) in (0..).zip(&stages) {
                match stage.judge(attack, &sensors, seed) {
                    None => told += 1,
                    Some(fault) => faults.push(format!("  seed {seed}: {fault}")),
                }
            }
            let _ = write!(row, " {told:>2}");
            // Whoever is too far away hears what it hears; it must only say nothing wrong.
            let is_blind = attack.blind.contains(&name) || name.starts_with("far away");
            if told * 100 < stages.len() * told_min && !is_blind {
                faults.truncate(1);
                wrong.push(format!("{}, {name}: {told}\n{}", attack.name, faults.join("\n")));
            }
        }
        println!("{:<40}{row}", attack.name);
    }
    println!("{}", wrong.join("\n"));
    assert!(wrong.is_empty(), "{} in all", wrong.len());
}

/// An attack on an air.
struct Staged {
    sent: Vec<kit::Sent>,
    target: model::Mac,
    victim: model::Mac,
    attacker: model::Mac,
    /// The access points of the target's name.
    named: Vec<model::Mac>,
}

impl Staged {
    fn new(attack: &Attack, seed: u64) -> Self {
        let mut stage = Stage::new(seed);
        (attack.run)(&mut stage);
        Self {
            target: model::Mac(stage.target.mac),
            victim: model::Mac(stage.victim.mac),
            attacker: model::Mac(stage.attacker),
            named: stage
                .ether
                .aps
                .iter()
                .filter(|it| it.ssid == stage.target.ssid)
                .map(|it| model::Mac(it.mac))
                .collect(),
            sent: stage.ether.in_order(),
        }
    }

    /// What is wrong with what is said of it.
    fn judge(&self, attack: &Attack, sensors: &[Sensor], seed: u64) -> Option<String> {
        let incidents = told(&self.sent, sensors, seed, Profile::default());
        let text = || {
            let all = incidents.iter().map(|it| {
                let parts: Vec<_> = it.parts.iter().map(|part| part.kind).collect();
                format!("{:?} by {} against {:?} ({parts:?})", it.kind, it.transmitter, it.victim)
            });
            all.collect::<Vec<_>>().join("; ")
        };
        let [incident] = incidents.as_slice() else {
            return Some(format!("{} incidents: {}", incidents.len(), text()));
        };
        let by = match (attack.by, incident.transmitter) {
            (By::Own, Transmitter::Own { address }) => {
                address == self.attacker || attack.name == "Pwnagotchi"
            }
            (By::AsTarget, Transmitter::Spoofed { address }) => address == self.target,
            (By::AsVictim, Transmitter::Spoofed { address }) => address == self.victim,
            (By::Invented, Transmitter::Invented { .. })
            | (By::Unnamed, Transmitter::Unnamed)
            | (By::Anyone, _) => true,
            _ => false,
        };
        let against = match attack.against {
            Against::Target => incident.victim == Some(self.target),
            Against::Name => incident.victim.is_some_and(|it| self.named.contains(&it)),
            Against::Victim => incident.victim == Some(self.victim),
            Against::Everybody => incident.victim.is_none(),
            Against::Anyone => true,
        };
        let is_right = attack.kinds.contains(&incident.kind) && by && against;
        (!is_right).then(text)
    }
}
