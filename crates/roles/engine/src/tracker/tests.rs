use model::geometry::Point;
use model::map::{AccessPoint, Building, Campus, Chokepoint, Floor, Maps, Outlet, Switch};
use model::{Band, Battery, CivicAddress, CivicPart, Dbm, Encounter, Metres};
use nmsp::Attachment;

use super::*;

const START: Time = Time(1_800_000_000_000);
const MINUTE_MS: u64 = 60_000;
const CLIENT: Mac = Mac([2, 0, 0, 0, 0, 1]);
const WIRED: Mac = Mac([2, 0, 0, 0, 0, 2]);
const TAG: Mac = Mac([2, 0, 0, 0, 0, 3]);
const GATE: Point = Point { x: 2.0, y: 18.0 };

fn maps() -> Maps {
    let access_point = |number: u8| AccessPoint {
        mac: Mac([2, 0, 0, 0, 1, number]),
        name: format!("AP-{number}"),
        at: Point::new(5.0 + 10.0 * f32::from(number % 2), 5.0 + 10.0 * f32::from(number / 2)),
        height: Metres(2.5),
        radios: Vec::new(),
    };
    let floor = Floor {
        access_points: (0..4).map(access_point).collect(),
        chokepoints: vec![Chokepoint { name: "Gate".to_owned(), at: GATE, range: Metres(2.0) }],
        ..Floor::bare("Ground", 0, 20.0, 20.0)
    };
    let building = Building { name: "Main".to_owned(), floors: vec![floor] };
    Maps { campuses: vec![Campus { name: "North".to_owned(), buildings: vec![building] }] }
}

fn tracker(history: Option<History>) -> Tracker {
    let site = CurrentSite::new(Site::new(1, maps()));
    Tracker::new(&Tracking::default(), site, history)
}

fn empty() -> Report {
    Report { controller: "wlc".into(), ..Report::default() }
}

/// The tag says this about itself.
fn said(report: TagReport) -> Task {
    Task::Report(Box::new(Report { tags: vec![TagInformation { mac: TAG, report }], ..empty() }))
}

/// The client is heard by all four access points, the first loudest by `lead_db`.
fn measured(at: Time, lead_db: f32) -> Task {
    heard((Category::WirelessClient, CLIENT), at, lead_db)
}

fn heard((category, mac): (Category, Mac), at: Time, lead_db: f32) -> Task {
    let reading = |number: u8| Reading {
        ap: Mac([2, 0, 0, 0, 1, number]),
        band: Band::Ghz5,
        rssi: Dbm(if number == 0 { -60.0 + lead_db } else { -60.0 }),
        at,
    };
    let readings: Vec<Reading> = (0..4).map(reading).collect();
    Task::Report(Box::new(Report { measured: vec![(category, mac, 4)], readings, ..empty() }))
}

fn information(associated: bool) -> Information {
    let association = Association { associated, bytes_sent: 7, ..Association::default() };
    Information { category: Category::WirelessClient, mac: CLIENT, association }
}

#[test]
fn being_known_is_not_being_heard() {
    let mut tracker = tracker(None);
    let elements = tracker.elements();
    let told = |informations| Task::Report(Box::new(Report { informations, ..empty() }));
    tracker.handle(START, told(vec![information(false)]));
    let counted = vec![information(true)];
    tracker.handle(START, Task::Report(Box::new(Report { statistics: counted, ..empty() })));
    assert!(elements.read().is_empty(), "neither probing nor counters make an element");

    tracker.handle(START, told(vec![information(true)]));
    assert_eq!(elements.read().len(), 1, "an associated station is an element");
    tracker.handle(START.plus_ms(61 * MINUTE_MS), told(vec![information(true)]));
    let is_missing = |elements: &SharedElements| {
        elements.read().find(Category::WirelessClient, CLIENT).unwrap().is_missing
    };
    assert!(is_missing(&elements), "what is known does not bring it back");
    tracker.handle(START.plus_ms(62 * MINUTE_MS), measured(START.plus_ms(62 * MINUTE_MS), 0.0));
    assert!(!is_missing(&elements), "what is heard does");
}

#[test]
fn a_plugged_in_station_is_there_for_as_long_as_its_controller_is() {
    let mut tracker = tracker(None);
    let elements = tracker.elements();
    tracker.handle(START, attached("Gi1/0/7", true));
    let active = || elements.read().count(Category::WiredClient).active;
    for minute in 1..200 {
        tracker.handle(START.plus_ms(minute * MINUTE_MS), Task::Report(Box::new(empty())));
    }
    assert_eq!(active(), 1, "its controller reports");
    tracker.handle(START.plus_ms(261 * MINUTE_MS), Task::Tick);
    assert_eq!(active(), 0, "its controller has been silent for an hour");
}

/// The wired station comes to a port, or leaves it.
fn attached(port: &str, attached: bool) -> Task {
    let (username, ip_addresses) = (String::new(), Vec::new());
    let attachment =
        Attachment { mac: WIRED, attached, port: port.to_owned(), username, ip_addresses };
    Task::Report(Box::new(Report { attachments: vec![attachment], ..empty() }))
}

#[test]
fn a_wired_client_is_at_its_outlet_or_around_its_switch_and_has_the_address_of_its_port() {
    let mut maps = maps();
    let outlet = Outlet { port: "1/0/7".to_owned(), at: Point::new(3.0, 4.0) };
    let (at, reach) = (Point::new(10.0, 10.0), Metres(45.0));
    let switch = Switch { name: "sw-1".to_owned(), at, reach, outlets: vec![outlet] };
    maps.campuses[0].buildings[0].floors[0].switches = vec![switch];
    let site = CurrentSite::new(Site::new(1, maps.clone()));
    let mut tracker = Tracker::new(&Tracking::default(), site.clone(), None);
    let elements = tracker.elements();
    let place = || {
        let elements = elements.read();
        let found = elements.find(Category::WiredClient, WIRED).unwrap().position;
        found.map(|at| format!("{} {} {}", at.point.x, at.point.y, at.confidence.0))
    };
    let room = || {
        let elements = elements.read();
        let port = elements.find(Category::WiredClient, WIRED).unwrap().switch_port.clone();
        port.unwrap().civic.0.get(&CivicPart::Room).map(ToString::to_string)
    };
    let located = || elements.read().count(Category::WiredClient).located;
    tracker.handle(START, attached("sw-1 1/0/7", true));
    assert_eq!(place().as_deref(), Some("3 4 5"), "at the outlet");
    assert_eq!((room(), located()), (None, 1));

    let civic = CivicAddress([(CivicPart::Room, "2.14".into())].into());
    let told = SwitchPort { switch: "sw-1".into(), port: "".into(), civic };
    tracker.changed.clear();
    let mut notices = tracker.notices().subscribe();
    tracker.handle(
        START.plus_ms(NOTICE_INTERVAL_MS),
        Task::Report(Box::new(Report { switch_ports: vec![told], ..empty() })),
    );
    assert_eq!(room().as_deref(), Some("2.14"), "what is told later is learned as well");
    let notice = notices.try_recv().unwrap();
    assert_eq!(notice.changed, [(Category::WiredClient, WIRED)], "and listeners are told");
    tracker.handle(START, attached("sw-1 1/0/8", true));
    assert_eq!(place().as_deref(), Some("10 10 45"), "around its switch");
    assert_eq!(room().as_deref(), Some("2.14"));
    tracker.handle(START, attached("sw-2 1/0/8", true));
    assert_eq!((place(), room(), located()), (None, None, 0), "no map has this switch");

    maps.campuses[0].buildings[0].floors[0].switches[0].name = "sw-2".to_owned();
    site.replace(Site::new(2, maps));
    tracker.handle(START, Task::SiteChanged(None));
    assert_eq!((place().as_deref(), located()), (Some("10 10 45"), 1), "the new maps have it");
}

#[test]
fn an_element_that_stands_still_has_a_row_a_minute() {
    let dir = std::env::temp_dir().join(format!("openmse-tracker-{}", std::process::id()));
    let store = store::Store::open(&dir).unwrap();
    let history = Arc::new(store.history_writer().unwrap());
    let mut tracker = tracker(Some(History::Own(Arc::clone(&history))));
    for second in 0..=300 {
        let at = START.plus_ms(second * 1_000);
        tracker.handle(at, measured(at, 0.0));
    }
    let estimates = tracker.counters().estimates.load(Ordering::Relaxed);
    history.close().unwrap();
    let end = START.plus_ms(10 * MINUTE_MS);
    let rows = store.trail(Category::WirelessClient, CLIENT, START, end, 1_000).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(estimates, 1, "nothing moved after the first");
    assert_eq!(rows.len(), 6, "at the beginning and after each of five minutes");
}

#[test]
fn maps_that_change_take_positions_with_them_and_the_next_reading_brings_them_back() {
    let mut tracker = tracker(None);
    let elements = tracker.elements();
    let located = || elements.read().count(Category::WirelessClient).located;
    tracker.handle(START, measured(START, 6.0));
    assert_eq!(located(), 1);
    tracker.handle(START, Task::SiteChanged(None));
    assert_eq!(located(), 0);
    // The same readings again: nothing moved, but there is no position to keep.
    tracker.handle(START.plus_ms(1_000), measured(START.plus_ms(1_000), 6.0));
    assert_eq!(located(), 1);
}

#[test]
fn a_clock_that_is_set_back_delays_no_notice() {
    let mut tracker = tracker(None);
    let mut notices = tracker.notices().subscribe();
    tracker.handle(START, measured(START, 0.0));
    assert_eq!(notices.try_recv().unwrap().changed, [(Category::WirelessClient, CLIENT)]);
    let before = START.minus_ms(60 * MINUTE_MS);
    tracker.handle(before, measured(before.plus_ms(1), 9.0));
    assert!(notices.try_recv().is_ok(), "an hour back");
}

#[test]
fn the_newest_that_a_tag_says_counts_and_says_that_it_is_there() {
    let mut tracker = tracker(None);
    let elements = tracker.elements();
    let holds = |at, percent| {
        let battery = Some(Battery { percent, tolerance_percent: 5 });
        said(TagReport { at, battery, ..TagReport::default() })
    };
    let find = || elements.read().find(Category::Tag, TAG).cloned().unwrap();
    let percent = || find().tag.unwrap().battery.unwrap().percent;
    tracker.handle(START, holds(START, 40));
    assert_eq!((percent(), find().position), (40, None), "it need not be heard well enough");
    tracker.handle(START.plus_ms(2), holds(START.minus_ms(1), 41));
    assert_eq!(percent(), 40, "a controller remembers what was");
    let later = START.plus_ms(61 * MINUTE_MS);
    tracker.handle(later, Task::Tick);
    tracker.handle(later, holds(START, 40));
    assert!(find().is_missing, "what is known already does not bring it back");
    tracker.handle(later, holds(later, 39));
    assert!(!find().is_missing, "what it says does");
    assert_eq!((percent(), find().last_seen), (39, later));
}

#[test]
fn a_chokepoint_says_where_a_tag_is_until_it_is_out_of_range() {
    let mut tracker = tracker(None);
    let elements = tracker.elements();
    let find = || elements.read().find(Category::Tag, TAG).cloned().unwrap();
    let tag = (Category::Tag, TAG);
    tracker.handle(START, heard(tag, START, 6.0));
    let radio = find().position.unwrap();
    assert!(find().walk.is_some() && radio.point.distance(GATE) > 5.0);

    let met = START.plus_ms(1_000);
    let at_gate = |until| {
        let encounter = Some(Encounter { chokepoint: "Gate".into(), since: met, until });
        said(TagReport { at: until, encounter, ..TagReport::default() })
    };
    tracker.handle(met, at_gate(met));
    let position = find().position.unwrap();
    assert_eq!((position.point, position.confidence, position.at), (GATE, Metres(2.0), met));
    assert_eq!(find().computed, Some(radio), "the radio's answer stays known");
    assert!(find().walk.is_none(), "nothing is smoothed across a chokepoint");

    let soon = met.plus_ms(ON_CHOKEPOINT_MS);
    tracker.handle(soon, heard(tag, soon, 6.0));
    assert_eq!(find().position.unwrap().point, GATE);
    assert!(find().walk.is_some(), "the walk begins anew");
    tracker.handle(soon, at_gate(soon));
    assert!(find().walk.is_some(), "and goes on while it is at the same chokepoint");

    let left = soon.plus_ms(ON_CHOKEPOINT_MS + 1);
    tracker.handle(left, heard(tag, left, 6.0));
    let position = find().position.unwrap();
    assert!(position.point.distance(GATE) > 5.0, "{position:?}");
    assert_eq!(find().computed, None);
}

#[test]
fn what_a_tag_is_heard_with_is_not_smoothed_twice() {
    let mut tracker = tracker(None);
    let elements = tracker.elements();
    let clients = (Category::WirelessClient, CLIENT);
    let tags = (Category::Tag, TAG);
    for (after_ms, lead_db) in [(0, 0.0), (1_000, 20.0)] {
        let at = START.plus_ms(after_ms);
        tracker.handle(at, heard(clients, at, lead_db));
        tracker.handle(at, heard(tags, at, lead_db));
    }
    let strongest = |(category, mac): (Category, Mac)| {
        let elements = elements.read();
        let keeping = *keeping(category, &Settings::default());
        let readings = &elements.find(category, mac).unwrap().readings;
        let strengths = readings.readings(START.plus_ms(1_000), &keeping).map(|it| it.rssi.0);
        strengths.fold(f32::MIN, f32::max)
    };
    assert!(strongest(tags) > -43.0, "{}: the walk smooths it", strongest(tags));
    assert!(strongest(clients) < -50.0, "{}: nothing else does", strongest(clients));
}

#[test]
fn a_chokepoint_that_is_on_no_map_moves_nothing() {
    let mut tracker = tracker(None);
    let elements = tracker.elements();
    tracker.handle(START, heard((Category::Tag, TAG), START, 6.0));
    let encounter = Some(Encounter { chokepoint: "Door".into(), since: START, until: START });
    tracker.handle(START, said(TagReport { at: START, encounter, ..TagReport::default() }));
    let elements = elements.read();
    let tag = elements.find(Category::Tag, TAG).unwrap();
    assert!(tag.tag.is_some() && tag.position.is_some() && tag.computed.is_none());
}
