//! Where nobody can be: blocked squares as few rectangles, because maps bound their regions.

use std::collections::BTreeMap;
use std::path::Path;

use model::geometry::Point;
use model::map::SHAPES_MAX;

use crate::BenchError;
use crate::dataset::Table;

/// Side of a square.
const SQUARE_M: f32 = 0.5;

/// A blocked area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Blocked {
    pub(crate) from: Point,
    pub(crate) to: Point,
}

/// Reads the areas of a folder, none when it has no such table. Of more areas than a floor may have
/// the largest are kept.
pub(crate) fn read(folder: &Path) -> Result<Vec<Blocked>, BenchError> {
    let Some(table) = Table::read(folder, "occupancy_0.5m.csv")? else { return Ok(Vec::new()) };
    table.require(&["x", "y", "passable"])?;
    let mut squares = Vec::new();
    for row in table.rows() {
        if row.needed("passable")? == 0.0 {
            squares.push(Point::new(row.needed("x")?, row.needed("y")?));
        }
    }
    let mut areas = merged(&squares);
    let size = |it: &Blocked| (it.to.x - it.from.x) * (it.to.y - it.from.y);
    areas.sort_by(|a, b| size(b).total_cmp(&size(a)));
    areas.truncate(SHAPES_MAX);
    Ok(areas)
}

/// Squares of a line that touch become a strip, and strips of equal ends that touch a rectangle.
fn merged(squares: &[Point]) -> Vec<Blocked> {
    let Some(first) = squares.first() else { return Vec::new() };
    // A saturating conversion; squares lie on one grid, wherever it begins.
    let place = |it: f32, origin: f32| ((it - origin) / SQUARE_M).round() as i64;
    let mut lines: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for Point { x, y } in squares {
        lines.entry(place(*y, first.y)).or_default().push(place(*x, first.x));
    }
    // Strips that may still grow, by their ends, with the line that they began in.
    let mut growing: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
    let mut done = Vec::new();
    for (line, mut columns) in lines {
        columns.sort_unstable();
        columns.dedup();
        let strips = columns.chunk_by(|a, b| b - a == 1);
        for strip in strips {
            let (Some(&left), Some(&right)) = (strip.first(), strip.last()) else { continue };
            match growing.get_mut(&(left, right)) {
                Some((_, last)) if *last == line - 1 => *last = line,
                _ => {
                    let before = growing.insert((left, right), (line, line));
                    done.extend(before.map(|lines| ((left, right), lines)));
                }
            }
        }
    }
    done.extend(growing);
    let middle = |at: i64, origin: f32| at as f32 * SQUARE_M + origin;
    let half = SQUARE_M / 2.0;
    let area = |((left, right), (top, bottom))| Blocked {
        from: Point::new(middle(left, first.x) - half, middle(top, first.y) - half),
        to: Point::new(middle(right, first.x) + half, middle(bottom, first.y) + half),
    };
    done.into_iter().map(area).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(squares: &[(f32, f32)], expected: &[[f32; 4]]) {
        let squares: Vec<Point> = squares.iter().map(|(x, y)| Point::new(*x, *y)).collect();
        let mut areas: Vec<[f32; 4]> =
            merged(&squares).iter().map(|it| [it.from.x, it.from.y, it.to.x, it.to.y]).collect();
        areas.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        assert_eq!(areas, expected);
    }

    #[test]
    fn squares_that_touch_are_one_area() {
        check(&[], &[]);
        check(&[(1.0, 2.0)], &[[0.75, 1.75, 1.25, 2.25]]);
        check(&[(1.0, 2.0), (0.5, 2.0), (0.5, 2.5), (1.0, 2.5)], &[[0.25, 1.75, 1.25, 2.75]]);
        // The same column again after a gap, and an L.
        check(&[(0.0, 0.0), (0.0, 1.0)], &[[-0.25, -0.25, 0.25, 0.25], [-0.25, 0.75, 0.25, 1.25]]);
        check(
            &[(0.0, 0.0), (0.0, 0.5), (0.5, 0.5)],
            &[[-0.25, -0.25, 0.25, 0.25], [-0.25, 0.25, 0.75, 0.75]],
        );
    }
}
