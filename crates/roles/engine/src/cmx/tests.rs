use model::geometry::Point;
use model::map::{Building, Campus, Floor};
use model::{Association, Mac, Metres};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn maps() -> Maps {
    let floor = |name: &str| Floor::bare(name, 0, 20.0, 10.0);
    let building = Building { name: "Main".into(), floors: vec![floor("Ground"), floor("First")] };
    Maps { campuses: vec![Campus { name: "North".into(), buildings: vec![building] }] }
}

/// A client with the last octet `last`, on the named floor.
fn client(last: u8, floor: &str, association: Association) -> Element {
    Element {
        category: Category::WirelessClient,
        mac: Mac([0, 0x50, 0x56, 0x9c, 0x34, last]),
        first_seen: Time(1),
        last_seen: Time(2),
        band: None,
        strongest: None,
        position: Some(Position {
            floor: MapId::of(&format!("North>Main>{floor}")),
            point: Point::new(1.0, 1.0),
            confidence: Metres(2.0),
            at: Time(2),
        }),
        association,
        tag: None,
        switch_port: None,
        computed: None,
        controller: "wlc.example".into(),
    }
}

fn elements() -> Vec<Element> {
    let associated = Association {
        associated: true,
        ssid: Some("corp".into()),
        username: Some("anna".into()),
        ip_addresses: vec!["192.0.2.1".parse().unwrap()],
        ..Association::default()
    };
    vec![
        client(0xb2, "First", Association::default()),
        client(0xa1, "Ground", associated),
        // Its floor was removed from the maps.
        client(0xc3, "Attic", Association::default()),
    ]
}

fn ask(path: &str, query: &str) -> Option<(u16, Value)> {
    let (maps, elements) = (maps(), elements());
    let maker = |mac: Mac| (mac.0[5] == 0xa1).then_some("Acme");
    let view = View::new(&maps, Time(1_000), 500).naming(Manufacturers(&maker));
    let answer = answer(path, query, &view, &elements)?;
    let body = match &answer.body[..] {
        b"" => Value::Null,
        body => serde_json::from_slice(body).unwrap(),
    };
    Some((answer.status, body))
}

/// An id as JavaScript rounds it is that of the zone and of the site.
#[test]
fn a_rounded_id_will_do() {
    let mut maps = maps();
    let outline = model::geometry::Polygon::rectangle(0.0, 0.0, 5.0, 5.0);
    maps.campuses[0].buildings[0].floors[0].zones =
        vec![model::map::Zone { name: "Lobby".into(), outline }];
    let (view, elements) = (View::new(&maps, Time(1_000), 500), elements());
    let check = |path: &str, query: &str, id: &str| {
        let answer = answer(path, query, &view, &elements).unwrap();
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, body[id].is_string()), (200, true), "{path}?{query}: {body}");
    };
    let zone = MapId::of("North>Main>Ground>Lobby");
    let site = MapId::of("North");
    for id in [zone.to_string(), (zone.0 as f64).to_string()] {
        let path = "/api/location/v1/clients/count/byzone/detail";
        check(path, &format!("zoneId={id}"), "zoneId");
    }
    for id in [site.to_string(), (site.0 as f64).to_string()] {
        check(&format!("/api/config/v1/sites/{id}"), "", "aesUidString");
    }
}

/// Checks which clients v2 and v3 list: their last octets.
fn check_found(path: &str, query: &str, expected: &[&str]) {
    let (_, body) = ask(path, query).unwrap();
    let found: Vec<&str> = body
        .as_array()
        .into_iter()
        .flatten()
        .map(|client| &client["macAddress"].as_str().unwrap()[15..])
        .collect();
    assert_eq!(found, expected, "{path}?{query}");
}

#[test]
fn v3_filters_add_up() {
    let check =
        |query: &str, expected: &[&str]| check_found("/api/location/v3/clients", query, expected);
    check("", &["b2", "a1"]);
    check("associatedOnly=true", &["a1"]);
    check("probingOnly=true", &["b2"]);
    check("associatedOnly=true&probingOnly=true", &[]);
    check("associatedOnly=false", &["b2", "a1"]);
    check("ssid=corp&username=anna", &["a1"]);
    check("ssid=corp&username=bob", &[]);
    check("ipAddress=192.0.2.1", &["a1"]);
    check("macAddressSearch=34:B", &["b2"]);
    check("mapHierarchy=North%3EMain", &["b2", "a1"]);
    check("mapHierarchy=First", &["b2"]);
    check("manufacturer=Nobody", &[]);
    let ground = MapId::of("North>Main>Ground");
    check(&format!("floorRefId={ground}"), &["a1"]);
    // As JavaScript rounds it.
    assert_ne!((ground.0 as f64).to_string(), ground.to_string());
    check(&format!("floorRefId={}", ground.0 as f64), &["a1"]);
    check("floorRefId=17", &[]);
}

#[test]
fn v2_lists_in_one_order_page_by_page() {
    let check = |query, expected| check_found("/api/location/v2/clients", query, expected);
    check("", &["a1", "b2"]);
    check("sortBy=macAddress:DESC", &["b2", "a1"]);
    check("sortBy=userName:ASC", &["b2", "a1"]);
    check("page=1&pageSize=1", &["a1"]);
    check("page=2&pageSize=1", &["b2"]);
    check("page=3&pageSize=1", &[]);
    check("page=18446744073709551615", &[]);
    check("username=anna", &["a1"]);
}

#[test]
fn ids_survive_javascript() {
    let id = MapId::of("North>Main>Ground");
    let (_, body) = ask("/api/location/v3/clients", "ssid=corp").unwrap();
    assert_eq!(body[0]["floorId"], id.0);
    assert_eq!(body[0]["floorRefId"], id.to_string());
}

#[test]
fn a_manufacturer_is_named_and_filtered_by() {
    for path in ["/api/location/v2/clients", "/api/location/v3/clients"] {
        let (_, body) = ask(path, "").unwrap();
        let makers: Vec<&Value> =
            body.as_array().unwrap().iter().map(|client| &client["manufacturer"]).collect();
        assert!(makers.contains(&&json!("Acme")) && makers.contains(&&Value::Null), "{makers:?}");
    }
    check_found("/api/location/v3/clients", "manufacturer=Acme", &["a1"]);
    check_found("/api/location/v3/clients", "manufacturer=Other", &[]);
}

#[test]
fn a_list_of_one_kind_holds_no_other() {
    assert_eq!(ask("/api/location/v1/tags", ""), Some((204, Value::Null)));
    assert_eq!(ask("/api/location/v1/tags/count", "").unwrap().1["count"], 0);
    assert_eq!(ask("/api/location/v2/clients/count", "page=1&pageSize=1").unwrap().1["count"], 2);
}

#[test]
fn what_cmx_does_not_have_is_not_answered() {
    for path in [
        "/",
        "/api",
        "/api/location/v1/wiredclients",
        "/api/location/v3/tags/x/y",
        "/api/v1/floors",
    ] {
        assert_eq!(ask(path, ""), None, "{path}");
    }
}

#[test]
fn what_is_not_there_is_404_and_what_is_not_understood_400() {
    let check =
        |path, query, status| assert_eq!(ask(path, query).unwrap().0, status, "{path}?{query}");
    check("/api/config/v1/maps/info/South", "", 404);
    check("/api/config/v1/maps/info/North/Annex", "", 404);
    check("/api/config/v1/maps/info/North/Main/Attic", "", 404);
    check("/api/config/v1/aps/00:00:00:00:00:01", "", 404);
    check("/api/location/v2/clients/nobody", "", 204);
    check("/api/location/v2/clients", "macAddress=zz", 400);
    check("/api/location/v2/clients/count", "sortBy=x", 400);
}

#[test]
fn lists_of_names_can_be_narrowed() {
    let check = |path, expected: &[&str]| {
        assert_eq!(ask(path, "").unwrap().1, serde_json::json!(expected), "{path}");
    };
    check("/api/config/v1/maps/building/list", &["North>Main"]);
    check("/api/config/v1/maps/building/list/North", &["North>Main"]);
    check("/api/config/v1/maps/building/list/South", &[]);
    check("/api/config/v1/maps/floor/list/Main", &["North>Main>Ground", "North>Main>First"]);
}

proptest! {
    #[test]
    fn no_request_makes_it_panic(path in "/api/(location|config)/v[123]/.*", query in ".*") {
        let _ = ask(&path, &query);
    }

    #[test]
    fn no_query_makes_it_panic(key in "(page|pageSize|sortBy|macAddress|macAddressSearch)", value in ".*") {
        let query = format!("{key}={value}");
        let _ = ask("/api/location/v2/clients", &query);
        let _ = ask("/api/location/v3/clients", &query);
    }
}
