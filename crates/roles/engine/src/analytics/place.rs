//! What people ask about: everywhere, a campus, a building, a floor or a zone, and which stays are
//! looked at for it.

use model::map::{Building, Campus, FloorRef, MapId, Maps};

/// Where somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its id; that of the empty path for everywhere.
    pub id: MapId,
    /// `Campus>Building>Floor>Zone`, or a beginning of it; empty for everywhere.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The places that have stays: its floors, or the zone itself.
    pub parts: Vec<MapId>,
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All campuses.
    Everywhere,
    /// A campus; CMX calls it a site.
    Campus,
    /// A building.
    Building,
    /// A floor.
    Floor,
    /// A zone.
    Zone,
}

/// No such place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no place '{0}'; name it by its id, or as Campus>Building>Floor>Zone")]
pub struct PlaceError(pub String);

impl Kind {
    /// Its word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Campus => "campus",
            Self::Building => "building",
            Self::Floor => "floor",
            Self::Zone => "zone",
        }
    }
}

impl Place {
    /// All campuses together.
    pub fn everywhere(maps: &Maps) -> Self {
        Self::new(String::new(), Kind::Everywhere, maps.floors())
    }

    /// Every place of the maps: each one before those that it holds.
    pub fn all(maps: &Maps) -> Vec<Self> {
        let mut places = vec![Self::everywhere(maps)];
        for campus in &maps.campuses {
            let floors = campus.buildings.iter().flat_map(|building| floors_of(campus, building));
            places.push(Self::new(campus.name.clone(), Kind::Campus, floors));
            for building in &campus.buildings {
                let path = format!("{}>{}", campus.name, building.name);
                places.push(Self::new(path, Kind::Building, floors_of(campus, building)));
                for floor in floors_of(campus, building) {
                    let path = floor.path();
                    places.push(Self::new(path.clone(), Kind::Floor, std::iter::once(floor)));
                    places.extend(floor.floor.zones.iter().map(|zone| {
                        let path = format!("{path}>{}", zone.name);
                        let id = MapId::of(&path);
                        Self { id, path, kind: Kind::Zone, parts: vec![id] }
                    }));
                }
            }
        }
        places
    }

    /// The place that a text names: a path, or an id as [`MapId::named`] takes it. An empty text is
    /// everywhere.
    pub fn find(maps: &Maps, text: &str) -> Result<Self, PlaceError> {
        let text = text.trim();
        let places = Self::all(maps);
        let id = MapId::named(text, places.iter().map(|place| place.id));
        let by_path = places.iter().find(|place| place.path == text);
        let found = by_path.or_else(|| places.iter().find(|place| Some(place.id) == id));
        found.cloned().ok_or_else(|| PlaceError(text.chars().take(64).collect()))
    }

    fn new<'m>(path: String, kind: Kind, floors: impl Iterator<Item = FloorRef<'m>>) -> Self {
        Self { id: MapId::of(&path), path, kind, parts: floors.map(|floor| floor.id()).collect() }
    }
}

fn floors_of<'m>(campus: &'m Campus, building: &'m Building) -> impl Iterator<Item = FloorRef<'m>> {
    building.floors.iter().map(move |floor| FloorRef { campus, building, floor })
}

#[cfg(test)]
mod tests {
    use model::geometry::Polygon;
    use model::map::{Floor, Zone};

    use super::*;

    fn maps() -> Maps {
        let floor = |name: &str, zones: &[&str]| Floor {
            zones: zones
                .iter()
                .map(|name| Zone {
                    name: (*name).into(),
                    outline: Polygon::rectangle(0.0, 0.0, 5.0, 5.0),
                })
                .collect(),
            ..Floor::bare(name, 0, 20.0, 20.0)
        };
        let building = |name: &str, floors: Vec<Floor>| Building { name: name.into(), floors };
        Maps {
            campuses: vec![
                Campus {
                    name: "North".into(),
                    buildings: vec![
                        building("Main", vec![floor("Ground", &["Lobby"]), floor("First", &[])]),
                        building("Annex", vec![floor("Ground", &[])]),
                    ],
                },
                Campus { name: "South".into(), buildings: Vec::new() },
            ],
        }
    }

    fn check(text: &str, kind: Kind, parts: &[&str]) {
        let place = Place::find(&maps(), text).unwrap();
        let parts: Vec<MapId> = parts.iter().map(|path| MapId::of(path)).collect();
        assert_eq!((place.kind, place.parts), (kind, parts), "{text}");
    }

    #[test]
    fn a_place_is_its_floors_and_a_zone_itself() {
        let main = ["North>Main>Ground", "North>Main>First"];
        let north = [main[0], main[1], "North>Annex>Ground"];
        check("", Kind::Everywhere, &north);
        check("North", Kind::Campus, &north);
        check("South", Kind::Campus, &[]);
        check("North>Main", Kind::Building, &main);
        check("North>Main>First", Kind::Floor, &main[1..]);
        check("North>Main>Ground>Lobby", Kind::Zone, &["North>Main>Ground>Lobby"]);
        assert_eq!(Place::all(&maps()).len(), 9);
    }

    #[test]
    fn an_id_will_do_even_rounded() {
        let id = MapId::of("North>Main").0;
        let main = ["North>Main>Ground", "North>Main>First"];
        check(&id.to_string(), Kind::Building, &main);
        let rounded = format!("{}", id as f64);
        assert_ne!(rounded, id.to_string());
        check(&rounded, Kind::Building, &main);
    }

    #[test]
    fn an_unknown_place_is_named() {
        let error = Place::find(&maps(), "North>Tower").unwrap_err().to_string();
        assert!(error.contains("'North>Tower'"), "{error}");
        assert!(Place::find(&maps(), "17").is_err());
    }
}
