use model::geometry::{Point, Polygon, Segment};
use model::map::{AccessPoint, Floor, MapId, Region, RegionKind, Zone};
use model::survey::{Survey, SurveyPoint, SurveyReading};
use model::{Dbm, Mac};
use proptest::prelude::*;

use super::*;
use crate::testing::{floor, maps};
use crate::{Method, POINTS_MIN};

fn id(floor: &str) -> MapId {
    MapId::of(&format!("campus>building>{floor}"))
}

/// Four access points in the corners of 40 x 30 m.
fn hall() -> Floor {
    let corners = [(1, 2.0, 2.0), (2, 38.0, 2.0), (3, 2.0, 28.0), (4, 38.0, 28.0)];
    floor("hall", 0, 40.0, 30.0, &corners)
}

/// Two storeys of 40 x 30 m with four access points each, numbers 1 to 4 and 11 to 14.
fn storeys() -> Maps {
    let mut upper = hall();
    upper.name = "upper".to_owned();
    upper.level = 1;
    for ap in &mut upper.access_points {
        ap.mac = Mac::from_u64(ap.mac.to_u64() + 10);
    }
    maps(vec![upper, hall()])
}

fn reading(ap: u64, rssi: f32) -> Reading {
    Reading { ap: Mac::from_u64(ap), band: Band::Ghz2_4, rssi: Dbm(rssi), at: Time(1_000 + ap) }
}

/// What the access points of `floor` hear of an element at `place`, without noise.
fn heard_at(floor: &Floor, place: Point, offset_db: f32) -> Vec<Reading> {
    let hear = |ap: &AccessPoint| {
        let distance = ap.at.distance(place).hypot(1.4).max(1.0);
        reading(ap.mac.to_u64(), -32.0 - 35.0 * distance.log10() + offset_db)
    };
    floor.access_points.iter().map(hear).collect()
}

fn estimate(maps: &Maps, readings: &[Reading], power: Power) -> Option<Estimate> {
    let locator = Locator::new(maps, &Survey::default(), Settings::default());
    let readings = readings.iter().copied();
    locator.estimate(&mut Scratch::default(), readings, power, None)
}

#[test]
fn a_clean_signal_is_located_where_it_comes_from() {
    let maps = maps(vec![hall()]);
    for place in [Point::new(20.0, 15.0), Point::new(8.0, 22.0)] {
        let readings = heard_at(&hall(), place, 0.0);
        let estimate = estimate(&maps, &readings, Power::Known).unwrap();
        let error = estimate.position.point.distance(place);
        assert!(error < 2.0, "{error} m from {place:?}");
        assert!(error <= estimate.position.confidence.0);
        assert_eq!(estimate.position.floor, id("hall"));
        assert_eq!(estimate.position.at, Time(1_004));
        assert_eq!(estimate.access_points, 4);
    }
}

#[test]
fn an_element_of_unknown_power_is_not_thought_far_away() {
    let maps = maps(vec![hall()]);
    let place = Point::new(12.0, 10.0);
    let quiet = heard_at(&hall(), place, -12.0);
    let error = |power| {
        let estimate = estimate(&maps, &quiet, power).unwrap();
        estimate.position.point.distance(place)
    };
    let (unknown, known) = (error(Power::Unknown), error(Power::Known));
    assert!(unknown < 0.6 * known, "{unknown} m, {known} m");
}

#[test]
fn one_access_point_answers_with_its_place_and_a_radius_that_grows_with_distance() {
    let maps = maps(vec![hall()]);
    let near = estimate(&maps, &[reading(1, -45.0)], Power::Known).unwrap();
    let far = estimate(&maps, &[reading(1, -70.0)], Power::Known).unwrap();
    assert_eq!(near.position.point, Point::new(2.0, 2.0));
    assert_eq!(far.position.point, Point::new(2.0, 2.0));
    assert_eq!((near.access_points, far.access_points), (1, 1));
    assert!(near.position.confidence.0 > 5.0);
    assert!(far.position.confidence.0 > 1.5 * near.position.confidence.0);
}

#[test]
fn two_bands_of_one_access_point_are_still_one() {
    let maps = maps(vec![hall()]);
    let other = Reading { band: Band::Ghz5, ..reading(1, -50.0) };
    let estimate = estimate(&maps, &[reading(1, -45.0), other], Power::Known).unwrap();
    assert_eq!(estimate.access_points, 1);
    assert_eq!(estimate.position.point, Point::new(2.0, 2.0));
}

#[test]
fn two_access_points_answer_between_them() {
    let maps = maps(vec![hall()]);
    let readings = [reading(1, -60.0), reading(2, -60.0)];
    let estimate = estimate(&maps, &readings, Power::Known).unwrap();
    assert_eq!(estimate.access_points, 2);
    assert!((estimate.position.point.x - 20.0).abs() < 0.5);
    assert!(estimate.position.confidence.0 > 8.0);
}

#[test]
fn the_fewer_access_points_the_more_their_centroid_counts() {
    for (access_points, share) in [(1, 1.0), (2, 0.5), (3, 0.25), (4, 0.125)] {
        assert!((centroid_share(access_points) - share).abs() < f32::EPSILON);
    }
    let locator = Locator::new(&maps(vec![hall()]), &Survey::default(), Settings::default());
    let mut scratch = Scratch::default();
    let readings = [reading(1, -50.0), reading(2, -70.0)];
    locator.estimate(&mut scratch, readings, Power::Known, None).unwrap();
    let centroid = locator.centroid(&scratch.heard, 0).unwrap();
    // 38 m counts a tenth of 2 m.
    assert!((centroid.x - (2.0 + 3.8) / 1.1).abs() < 1e-3, "{centroid:?}");
    assert_eq!(locator.centroid(&[], 0), None);
}

#[test]
fn one_access_point_of_a_surveyed_floor_says_where_it_is_heard_so() {
    let survey = survey_of_the_hall();
    let locator = Locator::new(&maps(vec![hall()]), &survey, Settings::default());
    let place = Point::new(20.0, 15.0);
    let only = really_heard_at(place)[0];
    let estimate = locator.estimate(&mut Scratch::default(), [only], Power::Known, None).unwrap();
    let at = Point::new(2.0, 2.0);
    assert!(estimate.position.point.distance(place) < 0.5 * at.distance(place), "{estimate:?}");
}

#[test]
fn what_no_known_access_point_hears_has_no_place() {
    let maps = maps(vec![hall()]);
    assert_eq!(estimate(&maps, &[], Power::Known), None);
    assert_eq!(estimate(&maps, &[reading(99, -50.0)], Power::Known), None);
    assert_eq!(estimate(&maps, &[reading(1, f32::NAN)], Power::Known), None);
    let nowhere = Maps::default();
    assert_eq!(estimate(&nowhere, &[reading(1, -50.0)], Power::Known), None);
}

#[test]
fn a_floor_that_excludes_every_place_gives_no_answer() {
    let mut closed = hall();
    closed.regions.push(Region {
        kind: RegionKind::Exclusion,
        outline: Polygon::rectangle(-1.0, -1.0, 50.0, 50.0),
    });
    let maps = maps(vec![closed]);
    assert_eq!(estimate(&maps, &[reading(1, -50.0)], Power::Known), None);
}

#[test]
fn the_answer_keeps_to_the_region() {
    // A ring around a closed core: the mean of a doubtful signal is in the core.
    let mut ring = hall();
    ring.regions.push(Region {
        kind: RegionKind::Exclusion,
        outline: Polygon::rectangle(5.0, 5.0, 35.0, 25.0),
    });
    let maps = maps(vec![ring.clone()]);
    let readings = heard_at(&ring, Point::new(20.0, 15.0), 0.0);
    let estimate = estimate(&maps, &readings, Power::Known).unwrap();
    assert!(ring.includes(estimate.position.point));
}

#[test]
fn the_floor_of_the_strong_readings_wins() {
    let maps = storeys();
    let place = Point::new(10.0, 20.0);
    let lower = heard_at(&hall(), place, 0.0);
    let both = |near_db: f32, far_db: f32| -> Vec<Reading> {
        let shifted = |shift_ap: u64, db: f32| {
            lower.iter().map(move |r| reading(r.ap.to_u64() + shift_ap, r.rssi.0 + db))
        };
        shifted(0, near_db).chain(shifted(10, far_db)).collect()
    };
    let floor = |readings: &[Reading]| {
        let estimate = estimate(&maps, readings, Power::Known).unwrap();
        estimate.position.floor
    };
    assert_eq!(floor(&both(0.0, -16.0)), id("hall"));
    assert_eq!(floor(&both(-16.0, 0.0)), id("upper"));
}

#[test]
fn the_previous_floor_is_kept_while_the_odds_are_about_even() {
    let maps = storeys();
    let locator = Locator::new(&maps, &Survey::default(), Settings::default());
    let mut scratch = Scratch::default();
    let mut locate = |lower: f32, upper: f32, previous| {
        let readings =
            (1..=4).map(|ap| reading(ap, lower)).chain((11..=14).map(|ap| reading(ap, upper)));
        let estimate = locator.estimate(&mut scratch, readings, Power::Known, previous);
        let estimate = estimate.unwrap();
        (estimate.position.floor, Some(estimate.previous))
    };
    let (floor, previous) = locate(-60.0, -70.0, None);
    assert_eq!(floor, id("hall"));
    let (floor, previous) = locate(-65.2, -65.0, previous);
    assert_eq!(floor, id("hall"), "hardly likelier, for the first time");
    let (floor, previous) = locate(-65.2, -65.0, previous);
    assert_eq!(floor, id("upper"), "for the second time");
    let (floor, _) = locate(-55.0, -75.0, previous);
    assert_eq!(floor, id("hall"), "clearly likelier");
}

#[test]
fn wings_on_one_level_do_not_share_coordinates() {
    let mut wing = hall();
    wing.name = "wing".to_owned();
    for ap in &mut wing.access_points {
        ap.mac = Mac::from_u64(ap.mac.to_u64() + 10);
    }
    let maps = maps(vec![hall(), wing]);
    let mut readings = heard_at(&hall(), Point::new(30.0, 20.0), 0.0);
    readings.push(reading(11, -90.0));
    let estimate = estimate(&maps, &readings, Power::Known).unwrap();
    assert_eq!(estimate.position.floor, id("hall"));
    assert!(estimate.position.point.distance(Point::new(30.0, 20.0)) < 2.0);
}

#[test]
fn weak_readings_beyond_the_strongest_four_are_cut() {
    let corners: Vec<_> = (1..=6).map(|ap| (ap, 6.0 * ap as f32, 15.0)).collect();
    let maps = maps(vec![floor("hall", 0, 40.0, 30.0, &corners)]);
    let readings = [-60.0, -80.0, -81.0, -82.0, -83.0, -74.0]
        .into_iter()
        .zip(1..)
        .map(|(rssi, ap)| reading(ap, rssi));
    let found = estimate(&maps, &readings.collect::<Vec<_>>(), Power::Known).unwrap();
    assert_eq!(found.access_points, 4);
}

#[test]
fn the_order_of_readings_does_not_matter() {
    let maps = storeys();
    let mut readings = heard_at(&hall(), Point::new(11.0, 8.0), 0.0);
    readings.extend((11..=14).map(|ap| reading(ap, -75.0)));
    let forwards = estimate(&maps, &readings, Power::Known);
    readings.reverse();
    assert_eq!(forwards, estimate(&maps, &readings, Power::Known));
}

#[test]
fn working_memory_can_be_shared_between_floors_of_any_size() {
    let large = floor("large", 0, 90.0, 60.0, &[(21, 5.0, 5.0), (22, 80.0, 50.0)]);
    let mut both = maps(vec![large]);
    both.campuses.extend(maps(vec![hall()]).campuses);
    both.campuses[1].name = "other".to_owned();
    let locator = Locator::new(&both, &Survey::default(), Settings::default());
    let mut shared = Scratch::default();
    let small = heard_at(&hall(), Point::new(30.0, 5.0), 0.0);
    let wide = [reading(21, -60.0), reading(22, -70.0)];
    for readings in [&small[..], &wide, &small] {
        let readings = || readings.iter().copied();
        let fresh = locator.estimate(&mut Scratch::default(), readings(), Power::Known, None);
        let reused = locator.estimate(&mut shared, readings(), Power::Known, None);
        assert_eq!(fresh, reused);
    }
}

#[test]
fn the_answer_is_on_a_rail_where_there_are_any() {
    let mut shop = hall();
    shop.rails.push(Segment { from: Point::new(0.0, 10.0), to: Point::new(40.0, 10.0) });
    let readings = heard_at(&shop, Point::new(20.0, 13.0), 0.0);
    let estimate = estimate(&maps(vec![shop]), &readings, Power::Known).unwrap();
    assert!((estimate.position.point.y - 10.0).abs() < 1e-3);
    assert!((estimate.position.point.x - 20.0).abs() < 2.0);
}

/// The nearest place of the rail is in an exclusion, so the answer is at its border.
#[test]
fn the_answer_is_on_a_rail_beside_what_is_excluded() {
    let mut shop = hall();
    let rail = Segment { from: Point::new(0.0, 10.0), to: Point::new(40.0, 10.0) };
    shop.rails.push(rail);
    let outline = Polygon::rectangle(15.0, 8.0, 25.0, 12.0);
    shop.regions.push(Region { kind: RegionKind::Exclusion, outline });
    let locator = Locator::new(&maps(vec![shop.clone()]), &Survey::default(), Settings::default());
    let mut scratch = Scratch::default();
    let readings = heard_at(&shop, Point::new(19.0, 10.0), 0.0);
    let estimate = locator.estimate(&mut scratch, readings, Power::Known, None).unwrap();
    let place = estimate.position.point;
    assert!((place.y - 10.0).abs() < 1e-3 && place.x <= 15.0 && place.x > 14.0, "{place:?}");
}

#[test]
fn zones_hold_an_element_by_probability() {
    let mut hall = hall();
    let zone = |name: &str, outline| Zone { name: name.to_owned(), outline };
    hall.zones = vec![
        zone("left", Polygon::rectangle(0.0, 0.0, 20.0, 30.0)),
        zone("all", Polygon::rectangle(0.0, 0.0, 40.0, 30.0)),
    ];
    let maps = maps(vec![hall.clone()]);
    let locator = Locator::new(&maps, &Survey::default(), Settings::default());
    let mut scratch = Scratch::default();
    assert_eq!(locator.zones(&scratch).count(), 0, "nothing before the first answer");
    let mut zones = |x: f32| {
        let readings = heard_at(&hall, Point::new(x, 15.0), 0.0);
        locator.estimate(&mut scratch, readings, Power::Known, None).unwrap();
        let zones: Vec<(String, f32)> =
            locator.zones(&scratch).map(|(name, share)| (name.to_owned(), share)).collect();
        assert_eq!((zones[0].0.as_str(), zones[1].0.as_str()), ("left", "all"));
        assert!((zones[1].1 - 1.0).abs() < 1e-3);
        zones[0].1
    };
    assert!(zones(5.0) > 0.9);
    assert!((0.3..0.7).contains(&zones(20.0)));
    assert!(zones(36.0) < 0.1);
}

/// How a hall really sounds: not as the model believes. Each access point is heard differently, and
/// there is a shadow in the middle.
fn really_heard_at(place: Point) -> Vec<Reading> {
    let mut readings = heard_at(&hall(), place, 0.0);
    let shadow = if place.distance(Point::new(20.0, 15.0)) < 8.0 { -12.0 } else { 0.0 };
    for (reading, own) in readings.iter_mut().zip([-9.0, 6.0, -3.0, 0.0]) {
        reading.rssi.0 += own + shadow;
    }
    readings
}

/// A survey of the hall every four metres.
fn survey_of_the_hall() -> Survey {
    let mut points = Vec::new();
    for (column, row) in (0..9).flat_map(|column| (0..7).map(move |row| (column, row))) {
        let at = Point::new(3.0 + 4.0 * column as f32, 3.0 + 4.0 * row as f32);
        let reading = |it: Reading| SurveyReading { ap: it.ap, band: it.band, rssi: it.rssi };
        let readings = really_heard_at(at).into_iter().map(reading).collect();
        let device = String::new();
        points.push(SurveyPoint { floor: id("hall"), at, taken: Time(0), device, readings });
    }
    Survey { points }
}

/// Mean error at places between the survey points.
fn error_between(locator: &Locator) -> f32 {
    let mut scratch = Scratch::default();
    let places: Vec<Point> =
        (0..8).map(|step| Point::new(5.0 + 4.0 * step as f32, 8.0 + 2.0 * step as f32)).collect();
    let error = |place: &Point| {
        let readings = really_heard_at(*place);
        let estimate = locator.estimate(&mut scratch, readings, Power::Known, None).unwrap();
        estimate.position.point.distance(*place)
    };
    places.iter().map(error).sum::<f32>() / places.len() as f32
}

#[test]
fn a_survey_makes_answers_better_and_says_how_good_they_are() {
    let maps = maps(vec![hall()]);
    let unknown = Locator::new(&maps, &Survey::default(), Settings::default());
    assert_eq!(unknown.quality(id("hall")), None);
    let known = Locator::new(&maps, &survey_of_the_hall(), Settings::default());
    let (before, after) = (error_between(&unknown), error_between(&known));
    assert!(after < 0.5 * before, "{after} m with the survey, {before} m without");
    let quality = known.quality(id("hall")).unwrap();
    assert_eq!(quality.points, 63);
    assert_ne!(quality.method, Method::Model);
    assert!(quality.error_mean < before && quality.error_mean <= quality.error_p90);
}

#[test]
fn a_floor_without_access_points_is_located_by_its_survey() {
    let mut bare = hall();
    bare.access_points.clear();
    let maps = maps(vec![bare]);
    let locator = Locator::new(&maps, &survey_of_the_hall(), Settings::default());
    assert!(matches!(locator.quality(id("hall")).unwrap().method, Method::Fingerprints(_)));
    assert!(error_between(&locator) < 3.0, "{}", error_between(&locator));
    let nobody = [reading(77, -50.0)];
    let mut scratch = Scratch::default();
    assert_eq!(locator.estimate(&mut scratch, nobody, Power::Known, None), None);
}

/// Elements of the hall, whose access points have no place, are heard faintly by those of the floor above.
#[test]
fn a_surveyed_floor_without_access_points_is_answered_beside_one_that_has_some() {
    let mut maps = storeys();
    let floors = maps.campuses.iter_mut().flat_map(|it| &mut it.buildings);
    for floor in floors.flat_map(|it| &mut it.floors).filter(|it| it.name == "hall") {
        floor.access_points.clear();
    }
    let own = survey_of_the_hall();
    let mut both = own.clone();
    let above = |mac: Mac| Mac::from_u64(mac.to_u64() + 10);
    both.points.extend(own.points.iter().cloned().map(|point| SurveyPoint {
        floor: id("upper"),
        readings:
            point.readings.iter().map(|it| SurveyReading { ap: above(it.ap), ..*it }).collect(),
        ..point
    }));
    for survey in [own, both] {
        let locator = Locator::new(&maps, &survey, Settings::default());
        let place = Point::new(10.0, 20.0);
        let faint = heard_at(&hall(), place, -25.0).into_iter();
        let faint = faint.map(|it| Reading { ap: above(it.ap), ..it });
        let readings = heard_at(&hall(), place, 0.0).into_iter().chain(faint);
        let mut scratch = Scratch::default();
        let estimate = locator.estimate(&mut scratch, readings, Power::Known, None).unwrap();
        assert_eq!(estimate.position.floor, id("hall"), "{}", survey.points.len());
        assert!(estimate.position.point.distance(place) < 6.0, "{estimate:?}");
    }
}

#[test]
fn too_few_points_calibrate_nothing() {
    let mut survey = survey_of_the_hall();
    survey.points.truncate(POINTS_MIN - 1);
    let locator = Locator::new(&maps(vec![hall()]), &survey, Settings::default());
    assert_eq!(locator.quality(id("hall")), None);
}

#[test]
fn a_survey_of_one_storey_does_not_draw_elements_to_it() {
    let maps = storeys();
    let locator = Locator::new(&maps, &survey_of_the_hall(), Settings::default());
    let place = Point::new(10.0, 20.0);
    let above =
        heard_at(&hall(), place, 0.0).into_iter().map(|it| reading(it.ap.to_u64() + 10, it.rssi.0));
    let below = heard_at(&hall(), place, -18.0);
    let readings = above.chain(below);
    let mut scratch = Scratch::default();
    let estimate = locator.estimate(&mut scratch, readings, Power::Known, None).unwrap();
    assert_eq!(estimate.position.floor, id("upper"));
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let rssi = prop_oneof![8 => -100.0_f32..-20.0, 1 => any::<f32>()];
    let band = prop::sample::select(&Band::ALL[..]);
    (0_u64..24, band, rssi, any::<u64>()).prop_map(|(ap, band, rssi, at_ms)| Reading {
        band,
        at: Time(at_ms),
        ..reading(ap, rssi)
    })
}

fn any_floor(name: &'static str, level: i16, first_ap: u64) -> impl Strategy<Value = Floor> {
    let side = || prop_oneof![1 => 0.1_f32..2.0, 3 => 2.0_f32..60.0];
    let aps = prop::collection::vec((-5.0_f32..65.0, -5.0_f32..65.0), 0..8);
    let corners = prop::collection::vec((-5.0_f32..65.0, -5.0_f32..65.0), 3..6);
    let kind = prop::sample::select(vec![RegionKind::Inclusion, RegionKind::Exclusion]);
    let regions = prop::collection::vec((kind, corners), 0..3);
    (side(), side(), aps, regions).prop_map(move |(width, length, aps, regions)| {
        let aps: Vec<_> = (first_ap..).zip(aps).map(|(number, (x, y))| (number, x, y)).collect();
        let mut floor = floor(name, level, width, length, &aps);
        let point = |(x, y)| Point::new(x, y);
        floor.regions = regions
            .into_iter()
            .map(|(kind, corners)| Region {
                kind,
                outline: Polygon { corners: corners.into_iter().map(point).collect() },
            })
            .collect();
        floor
    })
}

proptest! {
    #[test]
    fn every_answer_is_a_place_of_its_floor_with_a_finite_radius(
        lower in any_floor("lower", 0, 0),
        middle in any_floor("middle", 1, 8),
        upper in any_floor("upper", 5, 16),
        readings in prop::collection::vec(any_reading(), 0..40),
        unknown in any::<bool>(),
    ) {
        let maps = maps(vec![lower, middle, upper]);
        let power = if unknown { Power::Unknown } else { Power::Known };
        let locator = Locator::new(&maps, &Survey::default(), Settings::default());
        let mut scratch = Scratch::default();
        let mut previous = None;
        for count in 0..readings.len() {
            let readings = readings.iter().take(count).copied();
            let Some(estimate) = locator.estimate(&mut scratch, readings, power, previous) else {
                continue;
            };
            let position = estimate.position;
            let place = maps.floor(position.floor).unwrap();
            prop_assert!(place.floor.includes(position.point), "{:?}", position);
            let radius = position.confidence.0;
            prop_assert!(radius > 0.0 && radius.is_finite(), "{:?}", estimate);
            prop_assert!((1..=SLOTS_MAX).contains(&estimate.access_points));
            previous = Some(estimate.previous);
        }
    }
}
