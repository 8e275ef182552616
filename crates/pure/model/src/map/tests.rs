use super::*;

fn floor() -> Floor {
    Floor::bare("Ground", 0, 20.0, 10.0)
}

fn maps(floor: Floor) -> Maps {
    let building = Building { name: "Main".into(), floors: vec![floor] };
    Maps { campuses: vec![Campus { name: "North".into(), buildings: vec![building] }] }
}

fn check_refused(change: impl FnOnce(&mut Floor), expected: &str) {
    let mut floor = floor();
    change(&mut floor);
    let error = maps(floor).validate().expect_err(expected);
    assert!(error.to_string().contains(expected), "'{error}' does not name '{expected}'");
}

#[test]
fn regions_say_where_an_element_can_be() {
    let mut floor = floor();
    assert!(floor.includes(Point::new(1.0, 1.0)), "no region: everywhere");
    assert!(!floor.includes(Point::new(21.0, 1.0)), "not beside the floor");
    floor.regions.push(Region {
        kind: RegionKind::Inclusion,
        outline: Polygon::rectangle(0.0, 0.0, 10.0, 10.0),
    });
    floor.regions.push(Region {
        kind: RegionKind::Exclusion,
        outline: Polygon::rectangle(4.0, 4.0, 6.0, 6.0),
    });
    assert!(floor.includes(Point::new(1.0, 1.0)));
    assert!(!floor.includes(Point::new(5.0, 5.0)), "excluded");
    assert!(!floor.includes(Point::new(15.0, 5.0)), "not included");
}

#[test]
fn what_is_wrong_with_a_map_is_named() {
    check_refused(|floor| floor.name = "a>b".into(), "a>b");
    check_refused(|floor| floor.name = String::new(), "floor");
    check_refused(|floor| floor.width = Metres(f32::NAN), "the width");
    check_refused(|floor| floor.length = Metres(9_000.0), "the length");
    let zone = Zone { name: "Lobby".into(), outline: Polygon::rectangle(0.0, 0.0, 1.0, 1.0) };
    check_refused(|floor| floor.zones = vec![zone.clone(), zone], "North>Main>Ground>Lobby");
    check_refused(
        |floor| {
            floor.zones.push(Zone { name: "Flat".into(), outline: Polygon::default() });
        },
        "Flat",
    );
    let gate = |range| Chokepoint { name: "Gate".into(), at: Point::new(1.0, 1.0), range };
    check_refused(|floor| floor.chokepoints = vec![gate(Metres(0.0))], "range of a chokepoint");
    check_refused(|floor| floor.chokepoints = vec![gate(Metres(2.0)); 2], "the chokepoint Gate");
    let outlet = |port: &str| Outlet { port: port.into(), at: Point::new(1.0, 1.0) };
    let switch = |reach, outlets| Switch {
        name: "sw-1".into(),
        at: Point::new(2.0, 2.0),
        reach: Metres(reach),
        outlets,
    };
    let refused = |switches: Vec<Switch>, expected| {
        check_refused(|floor| floor.switches = switches, expected);
    };
    refused(vec![switch(0.0, Vec::new())], "reach of a switch");
    refused(vec![switch(9.0, Vec::new()); 2], "the switch sw-1");
    refused(vec![switch(9.0, vec![outlet("1"), outlet("1")])], "port 1 of the switch sw-1");
    refused(vec![switch(9.0, vec![outlet("")])], "the name '' of a port");
    let line = Segment { from: Point::new(0.0, 0.0), to: Point::new(1.0, 0.0) };
    check_refused(
        |floor| floor.walls = vec![Wall { line, loss_db: 3.0 }; SHAPES_MAX + 1],
        "2000 walls",
    );
    let with_radio = |tx_power, antenna| {
        move |floor: &mut Floor| {
            let radio = Radio { band: Band::Ghz5, channel: 36, tx_power, antenna };
            let (mac, name, at) = (Mac::from_u64(7), "AP".into(), Point::new(1.0, 1.0));
            floor.access_points =
                vec![AccessPoint { mac, name, at, height: Metres(2.5), radios: vec![radio] }];
        }
    };
    check_refused(with_radio(Dbm(f32::NAN), None), "00:00:00:00:00:07");
    let antenna = Antenna { azimuth: 90.0, tilt: 0.0, beamwidth: 0.0, gain: 8.0 };
    check_refused(with_radio(Dbm(14.0), Some(antenna)), "beamwidth 1 to 360");
    check_refused(
        |floor| {
            floor.image = Some(FloorImage {
                sha256: "../etc/passwd".into(),
                media_type: "image/png".into(),
                width_px: 1,
                height_px: 1,
            });
        },
        "sha256",
    );
}

#[test]
fn an_access_point_on_two_floors_is_named_with_both() {
    let ap = AccessPoint {
        mac: Mac([2, 0, 0, 0, 0, 1]),
        name: "AP-1".into(),
        at: Point::new(1.0, 1.0),
        height: Metres(2.5),
        radios: Vec::new(),
    };
    let mut maps = maps(Floor { access_points: vec![ap], ..floor() });
    let floors = &mut maps.campuses[0].buildings[0].floors;
    floors.push(Floor { name: "First".into(), ..floors[0].clone() });
    let error = maps.validate().unwrap_err().to_string();
    for part in ["02:00:00:00:00:01", "'North>Main>Ground'", "'North>Main>First'", "remove it"] {
        assert!(error.contains(part), "'{error}' does not name {part}");
    }
}

#[test]
fn ids_are_the_same_in_every_engine_and_survive_javascript() {
    let maps = maps(floor());
    maps.validate().unwrap();
    let id = maps.floors().next().unwrap().id();
    assert_eq!(id, MapId::of("North>Main>Ground"));
    assert!(i64::try_from(id.0).is_ok(), "fits a signed 64-bit column");
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{}\"", id.0));
}

#[test]
fn a_mistyped_key_is_refused_by_name() {
    let text = r#"{"campuses":[{"name":"North","bildings":[]}]}"#;
    let error = serde_json::from_str::<Maps>(text).unwrap_err();
    assert!(error.to_string().contains("bildings"), "{error}");
}
