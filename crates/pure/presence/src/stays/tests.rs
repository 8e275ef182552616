use std::fmt::Write as _;

use super::*;
use proptest::prelude::*;

/// Places are called by a letter.
fn place(letter: char) -> MapId {
    MapId(u64::from(letter))
}

/// Plays a script, a line for each sighting or other event:
///
/// ```text
/// 00:00 1 F lobby-letters dBm [c]     element 1 is on floor F in these zones ("-": in none)
/// 00:10 sweep                         the timers run
/// 00:10 finish                        the end
/// ```
///
/// What is handed out comes back as `1 F 00:00-00:10 -60 c`, a line for each stay.
fn play(presence: &mut Presence, script: &str) -> String {
    let mut text = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = time(words[0]);
        match words[1] {
            "sweep" => presence.sweep(at),
            "finish" => presence.finish(),
            element => {
                let zones: Vec<MapId> =
                    words[3].chars().filter(|letter| *letter != '-').map(place).collect();
                presence.see(&Sighting {
                    category: Category::WirelessClient,
                    mac: Mac::from_u64(element.parse().unwrap()),
                    at,
                    floor: place(words[2].chars().next().unwrap()),
                    point: Point::new(1.0, 1.0),
                    zones: &zones,
                    strongest: words.get(4).map(|rssi| Dbm(rssi.parse().unwrap())),
                    is_connected: words.get(5) == Some(&"c"),
                });
            }
        }
        for stay in presence.take() {
            let _ = writeln!(text, "{}", shown(&stay));
        }
    }
    text
}

fn shown(stay: &Stay) -> String {
    let clock = |Time(ms): Time| format!("{:02}:{:02}", ms / 3_600_000, ms / 60_000 % 60);
    let letter = char::from_u32(stay.place.0 as u32).unwrap();
    let rssi = stay.strongest_dbm.map_or_else(|| "?".into(), |dbm| dbm.to_string());
    let connected = if stay.is_connected { " c" } else { "" };
    let (from, until) = (clock(stay.entered), clock(stay.left));
    format!("{} {letter} {from}-{until} {rssi}{connected}", stay.mac.to_u64())
}

fn time(clock: &str) -> Time {
    let (hours, minutes) = clock.split_once(':').unwrap();
    Time(hours.parse::<u64>().unwrap() * 3_600_000 + minutes.parse::<u64>().unwrap() * 60_000)
}

fn check(script: &str, expected: &str) {
    let expected: String =
        expected.lines().map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(play(&mut Presence::new(10), script).trim_end(), expected);
}

#[test]
fn a_stay_ends_with_silence_and_is_handed_out_once() {
    check(
        "00:00 1 F - -70
         00:04 1 F - -60 c
         00:15 sweep
         00:16 sweep",
        "1 F 00:00-00:04 -60 c",
    );
}

#[test]
fn floor_and_zones_are_stays_of_their_own() {
    check(
        "00:00 1 F L -60
         00:01 1 F LB -60
         00:03 1 F B -60
         00:04 1 F - -60
         00:05 finish",
        "1 L 00:00-00:01 -60
         1 F 00:00-00:04 -60
         1 B 00:01-00:03 -60",
    );
}

#[test]
fn flicker_at_a_border_is_one_stay() {
    check(
        "00:00 1 F L
         00:01 1 F -
         00:02 1 F L
         00:03 finish",
        "1 F 00:00-00:02 ?
         1 L 00:00-00:02 ?",
    );
}

#[test]
fn who_is_heard_elsewhere_has_left() {
    check(
        "00:00 1 F -
         00:02 1 G -
         00:03 finish",
        "1 F 00:00-00:00 ?
         1 G 00:02-00:02 ?",
    );
}

#[test]
fn who_comes_back_after_a_silence_begins_a_new_stay() {
    check(
        "00:00 1 F - -50 c
         00:11 1 F - -80
         00:12 finish",
        "1 F 00:00-00:00 -50 c
         1 F 00:11-00:11 -80",
    );
}

/// What was kept before a restart, what is seen after it, and what is handed out at the end.
fn check_restart(kept: &[(char, &str, &str)], script: &str, expected: &str) {
    let stay = |(letter, entered, left): &(char, &str, &str)| Stay {
        category: Category::WirelessClient,
        mac: Mac::from_u64(1),
        place: place(*letter),
        entered: time(entered),
        left: time(left),
        strongest_dbm: Some(-50),
        is_connected: true,
    };
    let mut presence = Presence::new(10);
    let seen = play(&mut presence, script);
    assert_eq!(seen, "", "nothing is handed out before the first sweep");
    presence.go_on(kept.iter().map(stay).collect());
    assert_eq!(play(&mut presence, "08:00 finish"), expected);
}

#[test]
fn a_stay_that_was_kept_goes_on_after_a_restart() {
    check_restart(&[('F', "00:00", "00:05")], "00:12 1 F - -70", "1 F 00:00-00:12 -50 c\n");
    check_restart(&[('F', "00:00", "00:05")], "00:16 1 F - -70", "1 F 00:16-00:16 -70\n");
    check_restart(&[('G', "00:00", "00:05")], "00:06 1 F - -70", "1 F 00:06-00:06 -70\n");
    let two = [('F', "00:00", "00:02"), ('F', "00:04", "00:05")];
    check_restart(&two, "00:06 1 F - -70", "1 F 00:04-00:06 -50 c\n");
}

#[test]
fn what_goes_on_is_handed_out_as_far_as_it_got() {
    check(
        "00:00 1 F -
         00:00 sweep
         00:04 1 F -
         00:04 sweep
         00:05 1 F -
         00:05 sweep
         00:06 1 F - -50 c
         00:06 sweep
         00:10 1 F - -40 c
         00:10 sweep
         00:11 1 F -
         00:11 sweep",
        "1 F 00:00-00:00 ?
         1 F 00:00-00:05 ?
         1 F 00:00-00:06 -50 c
         1 F 00:00-00:11 -40 c",
    );
}

#[test]
fn a_long_stay_is_several_without_a_gap() {
    let mut script = String::new();
    for minute in (0..=5 * 60).step_by(10) {
        let _ = writeln!(script, "{:02}:{:02} 1 F -", minute / 60, minute % 60);
    }
    check(&(script + "05:00 finish"), "1 F 00:00-04:00 ?\n1 F 04:00-05:00 ?");
}

#[test]
fn an_old_sighting_changes_nothing() {
    check("00:09 1 F -\n00:01 1 G L -40 c\n00:10 finish", "1 F 00:09-00:09 ?");
}

#[test]
fn elements_beyond_the_limit_are_counted() {
    let mut presence = Presence::new(1);
    play(&mut presence, "00:00 1 F -\n00:00 2 F -\n00:01 1 F -\n00:01 2 F -");
    assert_eq!(presence.refused(), Refused { sightings: 2, stays: 0 });
    assert_eq!(presence.open().count(), 1);
    play(&mut presence, "00:20 sweep\n00:20 2 F -");
    assert_eq!(presence.open().count(), 1, "there is room again");
}

#[test]
fn places_beyond_the_limit_are_counted() {
    let mut presence = Presence::new(1);
    play(&mut presence, "00:00 1 F ABCDEHIJKLMNO");
    assert_eq!(presence.open().count(), PLACES_MAX);
    assert_eq!(presence.refused().sightings, 2);
}

#[test]
fn stays_that_nobody_takes_are_counted() {
    let mut presence = Presence::new(WAITING_MAX + 5);
    for number in 0..(WAITING_MAX + 5) as u64 {
        presence.see(&Sighting {
            category: Category::Tag,
            mac: Mac::from_u64(number),
            at: Time(0),
            floor: place('F'),
            point: Point::new(0.0, 0.0),
            zones: &[],
            strongest: None,
            is_connected: false,
        });
    }
    presence.finish();
    assert_eq!(presence.refused().stays, 5);
    assert_eq!(presence.take().len(), WAITING_MAX);
}

#[test]
fn only_clients_make_heat() {
    let mut presence = Presence::new(2);
    play(&mut presence, "00:00 1 F -\n00:01 1 F -");
    let total = |presence: &mut Presence| -> u64 {
        presence.heat().take().into_values().flat_map(BTreeMap::into_values).sum()
    };
    assert_eq!(total(&mut presence), 60_000);
    for at in [0, 60_000] {
        presence.see(&Sighting {
            category: Category::Tag,
            mac: Mac::from_u64(9),
            at: Time(at),
            floor: place('F'),
            point: Point::new(0.0, 0.0),
            zones: &[],
            strongest: None,
            is_connected: false,
        });
    }
    assert_eq!(total(&mut presence), 0);
}

/// `cargo test --release -p presence -- --ignored --nocapture measure`
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
#[expect(clippy::disallowed_methods, reason = "a measurement takes the time")]
fn measure_sightings() {
    const ELEMENTS: u64 = 20_000;
    const ROUNDS: u64 = 10;
    let mut presence = Presence::new(ELEMENTS as usize);
    let zones = [place('L')];
    let started = std::time::Instant::now();
    for round in 0..ROUNDS {
        for mac in 0..ELEMENTS {
            presence.see(&Sighting {
                category: Category::WirelessClient,
                mac: Mac::from_u64(mac.wrapping_mul(0x9e37_79b9)),
                at: Time(round * 2_000),
                floor: MapId(mac % 50),
                point: Point::new((mac % 80) as f32, (mac % 48) as f32),
                zones: &zones,
                strongest: Some(Dbm(-60.0)),
                is_connected: true,
            });
        }
        presence.sweep(Time(round * 2_000));
    }
    let each = started.elapsed() / (ELEMENTS * ROUNDS) as u32;
    println!("{each:?} a sighting of {ELEMENTS} elements, {} stays told", presence.take().len());
}

proptest! {
    /// However an element moves: its stays at a place neither overlap nor are too long, and cover the
    /// time of its sightings there.
    #[test]
    fn stays_of_a_place_are_in_order(moves in prop::collection::vec((0_u64..900, 0_usize..3, any::<bool>()), 1..80)) {
        let mut presence = Presence::new(1);
        let (mut at, mut seen) = (Time(0), Vec::new());
        let mut stays: BTreeMap<(MapId, Time), Stay> = BTreeMap::new();
        let mut note = |presence: &mut Presence| {
            stays.extend(presence.take().into_iter().map(|stay| ((stay.place, stay.entered), stay)));
        };
        for (seconds, floor, sweeps) in moves {
            at = at.plus_ms(seconds * 1_000);
            let floor = MapId(floor as u64);
            seen.push((floor, at));
            presence.see(&Sighting {
                category: Category::WirelessClient,
                mac: Mac::from_u64(1),
                at,
                floor,
                point: Point::new(0.0, 0.0),
                zones: &[],
                strongest: None,
                is_connected: false,
            });
            if sweeps {
                presence.sweep(at);
            }
            note(&mut presence);
        }
        presence.finish();
        note(&mut presence);
        let stays: Vec<Stay> = stays.into_values().collect();
        for pair in stays.windows(2) {
            prop_assert!(pair[0].place != pair[1].place || pair[0].left <= pair[1].entered);
        }
        for stay in &stays {
            prop_assert!(stay.left.since_ms(stay.entered) <= LOOK_BACK_MS);
        }
        for (floor, at) in seen {
            let covers = |stay: &Stay| stay.place == floor && (stay.entered..=stay.left).contains(&at);
            prop_assert!(stays.iter().any(covers), "{at:?} on {floor:?} in {stays:?}");
        }
    }
}
