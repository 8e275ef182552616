//! What tables call floors and buildings.
//!
//! The tables of a site need not agree: access points may have a building's name and the survey its
//! number, or a column is empty. Answers use the words of the survey, which are those of the queries.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dataset::{Row, Table};

/// The name of a floor in the tables: building and floor.
pub(crate) type Label = (String, String);

/// How the rows of one site are to be read.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    /// What the only building is called, if there is one.
    only_building: Option<String>,
    /// What the maps call it, when there is one: the word of the access points, if there are any.
    on_maps: String,
    /// Survey points, beside which an access point may be.
    points: Vec<(f32, f32, &'a str, &'a str)>,
}

impl<'a> Words<'a> {
    /// Of access points, and of the rows of the survey that may be used. `folder` is asked for the
    /// name of the only building alone, and no fault of its survey matters for that.
    pub(crate) fn of(folder: &Path, aps: &[Row<'_>], used: &[Row<'a>]) -> Self {
        let survey = Table::read(folder, "train.csv").ok().flatten();
        let rows: Vec<Row<'_>> = survey.iter().flat_map(Table::rows).collect();
        let point = |row: &Row<'a>| {
            let (Ok(Some(x)), Ok(Some(y))) = (row.number("x"), row.number("y")) else {
                return None;
            };
            Some((x, y, row.text("building"), row.text("floor")))
        };
        let points = used.iter().filter_map(point).collect();
        let first = aps.first().or(rows.first());
        let on_maps = first.map_or_else(String::new, |row| row.text("building").to_owned());
        Self { only_building: only_building(aps, &rows), on_maps, points }
    }

    /// What the only building of a folder is called; empty when there are several.
    pub(crate) fn only_building_of(folder: &Path) -> String {
        let aps = Table::read(folder, "aps.csv").ok().flatten();
        let rows: Vec<Row<'_>> = aps.iter().flat_map(Table::rows).collect();
        Words::of(folder, &rows, &[]).only_building.unwrap_or_default()
    }

    /// Whether there is one building, however tables call it.
    pub(crate) fn has_one_building(&self) -> bool {
        self.only_building.is_some()
    }

    /// What the maps call the building that answers call so.
    pub(crate) fn on_maps(&self, building: &str) -> String {
        if self.has_one_building() { self.on_maps.clone() } else { building.to_owned() }
    }

    /// Where a survey point is.
    pub(crate) fn of_point(&self, row: &Row<'_>) -> Label {
        let building = self.only_building.as_deref().unwrap_or(row.text("building"));
        (building.to_owned(), row.text("floor").to_owned())
    }

    /// Where an access point at (`x`, `y`) is. A word that the survey does not know, or none, is that
    /// of the nearest survey point; a floor is only where its building has no other.
    pub(crate) fn of_access_point(&self, row: &Row<'_>, x: f32, y: f32) -> Label {
        let (mut building, mut floor) = (row.text("building"), row.text("floor"));
        match &self.only_building {
            Some(only) => building = only,
            None if self.points.iter().any(|(.., known, _)| *known == building) => {}
            None => {
                let on_floor =
                    |it: &&(f32, f32, &'a str, &'a str)| floor.is_empty() || it.3 == floor;
                let off = |it: &&(f32, f32, &'a str, &'a str)| (it.0 - x).hypot(it.1 - y);
                let nearest = self.points.iter().filter(on_floor);
                let nearest = nearest.min_by(|a, b| off(a).total_cmp(&off(b)));
                building = nearest.map_or(building, |it| it.2);
            }
        }
        if floor.is_empty() {
            let is_here = |known: &str| self.only_building.is_some() || known == building;
            let floors = self.points.iter().filter(|it| is_here(it.2)).map(|it| it.3);
            let floors: BTreeSet<&str> = floors.collect();
            if let (1, Some(only)) = (floors.len(), floors.first()) {
                floor = only;
            }
        }
        (building.to_owned(), floor.to_owned())
    }
}

/// The survey's word for the only building, or that of the access points; nothing when any of them
/// knows several.
fn only_building(aps: &[Row<'_>], survey: &[Row<'_>]) -> Option<String> {
    let words = |rows: &[Row<'_>]| -> BTreeSet<String> {
        let words = rows.iter().map(|row| row.text("building").to_owned());
        words.filter(|word| !word.is_empty()).collect()
    };
    let (of_aps, of_survey) = (words(aps), words(survey));
    if of_aps.len() > 1 || of_survey.len() > 1 {
        return None;
    }
    Some(of_survey.into_iter().chain(of_aps).next().unwrap_or_default())
}

/// The storey that a floor's name means: a number, a number in words around it, or one of the usual
/// names of ground floors and basements. Nothing when it means none.
pub(crate) fn level_of(name: &str) -> Option<i16> {
    if let Ok(level) = name.parse() {
        return Some(level);
    }
    let name = name.trim().to_ascii_lowercase();
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let number = digits.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let number: Option<i16> = number.parse().ok();
    let word = name.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let is_below = name.starts_with('-') || ["b", "basement", "u", "ug", "sub"].contains(&word);
    let is_ground = ["g", "gf", "eg", "ground", "lobby"].contains(&word);
    match (number, is_below) {
        (Some(number), true) => Some(-number),
        (Some(number), false) => Some(number),
        (None, true) => Some(-1),
        (None, false) => is_ground.then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_floors_mean_storeys() {
        let names = [
            ("3", Some(3)),
            ("-2", Some(-2)),
            ("1.0", Some(1)),
            ("2nd floor", Some(2)),
            ("F4", Some(4)),
            ("Level 5", Some(5)),
            ("G", Some(0)),
            ("Ground", Some(0)),
            ("EG", Some(0)),
            ("B2", Some(-2)),
            ("Basement", Some(-1)),
            ("UG", Some(-1)),
            ("Upper 2", Some(2)),
            ("Mezzanine", None),
            ("", None),
        ];
        for (name, level) in names {
            assert_eq!(level_of(name), level, "{name}");
        }
    }
}
