//! Floors and readings for the tests of this crate.

use model::geometry::Point;
use model::map::{AccessPoint, Building, Campus, Floor, Maps};
use model::{Mac, Metres};

pub(crate) fn floor(
    name: &str,
    level: i16,
    width: f32,
    length: f32,
    aps: &[(u64, f32, f32)],
) -> Floor {
    let access_point = |&(number, x, y): &(u64, f32, f32)| AccessPoint {
        mac: Mac::from_u64(number),
        name: format!("ap{number}"),
        at: Point::new(x, y),
        height: Metres(2.5),
        radios: Vec::new(),
    };
    Floor {
        access_points: aps.iter().map(access_point).collect(),
        ..Floor::bare(name, level, width, length)
    }
}

pub(crate) fn maps(floors: Vec<Floor>) -> Maps {
    let building = |floors| Building { name: "building".to_owned(), floors };
    Maps { campuses: vec![Campus { name: "campus".to_owned(), buildings: vec![building(floors)] }] }
}
