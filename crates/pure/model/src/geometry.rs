//! Plane geometry in metres. The origin is the top left corner of a floor, x runs right, y down.

use serde::{Deserialize, Serialize};

/// A place on a floor, in metres.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Point {
    /// Metres from the left edge.
    pub x: f32,
    /// Metres from the top edge.
    pub y: f32,
}

impl Point {
    /// The point at (`x`, `y`) metres.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Straight distance in metres.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Whether both coordinates are numbers.
    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }
}

/// A straight line between two points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Segment {
    /// One end.
    pub from: Point,
    /// The other end.
    pub to: Point,
}

impl Segment {
    /// Whether the two segments share a point.
    pub fn crosses(&self, other: &Self) -> bool {
        let d1 = turn(other.from, other.to, self.from);
        let d2 = turn(other.from, other.to, self.to);
        let d3 = turn(self.from, self.to, other.from);
        let d4 = turn(self.from, self.to, other.to);
        if ((d1 > 0.0) != (d2 > 0.0))
            && ((d3 > 0.0) != (d4 > 0.0))
            && d1 * d2 != 0.0
            && d3 * d4 != 0.0
        {
            return true;
        }
        (d1 == 0.0 && other.covers(self.from))
            || (d2 == 0.0 && other.covers(self.to))
            || (d3 == 0.0 && self.covers(other.from))
            || (d4 == 0.0 && self.covers(other.to))
    }

    /// The point of the segment that is nearest to `point`.
    pub fn nearest(&self, point: Point) -> Point {
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        let length2 = dx * dx + dy * dy;
        if length2 == 0.0 {
            return self.from;
        }
        let along = ((point.x - self.from.x) * dx + (point.y - self.from.y) * dy) / length2;
        let along = along.clamp(0.0, 1.0);
        Point::new(self.from.x + along * dx, self.from.y + along * dy)
    }

    /// Whether a point that is known to be on the line is between the ends.
    fn covers(&self, point: Point) -> bool {
        point.x >= self.from.x.min(self.to.x)
            && point.x <= self.from.x.max(self.to.x)
            && point.y >= self.from.y.min(self.to.y)
            && point.y <= self.from.y.max(self.to.y)
    }
}

/// Twice the signed area of the triangle; its sign is the direction of the turn.
fn turn(a: Point, b: Point, c: Point) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

/// A closed area; the last corner joins the first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Polygon {
    /// The corners in order, at least three.
    pub corners: Vec<Point>,
}

impl Polygon {
    /// The axis-parallel rectangle from (`x0`, `y0`) to (`x1`, `y1`).
    pub fn rectangle(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        let corners =
            vec![Point::new(x0, y0), Point::new(x1, y0), Point::new(x1, y1), Point::new(x0, y1)];
        Self { corners }
    }

    /// Whether `point` is inside, by the even-odd rule.
    pub fn contains(&self, point: Point) -> bool {
        let mut inside = false;
        for Segment { from, to } in self.sides() {
            let straddles = (from.y > point.y) != (to.y > point.y);
            if straddles
                && point.x < (to.x - from.x) * (point.y - from.y) / (to.y - from.y) + from.x
            {
                inside = !inside;
            }
        }
        inside
    }

    /// The sides in order.
    pub fn sides(&self) -> impl Iterator<Item = Segment> + '_ {
        let next = self.corners.iter().cycle().skip(1);
        self.corners.iter().zip(next).map(|(from, to)| Segment { from: *from, to: *to })
    }

    /// `point` itself when inside, else the nearest point of the border.
    pub fn nearest(&self, point: Point) -> Point {
        if self.contains(point) {
            return point;
        }
        self.sides()
            .map(|side| side.nearest(point))
            .min_by(|a, b| a.distance(point).total_cmp(&b.distance(point)))
            .unwrap_or(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(x0: f32, y0: f32, x1: f32, y1: f32) -> Segment {
        Segment { from: Point::new(x0, y0), to: Point::new(x1, y1) }
    }

    #[test]
    fn segments_cross_when_they_share_a_point() {
        let wall = segment(0.0, 0.0, 10.0, 0.0);
        assert!(wall.crosses(&segment(5.0, -1.0, 5.0, 1.0)), "through the middle");
        assert!(wall.crosses(&segment(5.0, 0.0, 5.0, 1.0)), "ends on it");
        assert!(wall.crosses(&segment(2.0, 0.0, 4.0, 0.0)), "lies in it");
        assert!(!wall.crosses(&segment(5.0, 1.0, 5.0, 2.0)), "beside it");
        assert!(!wall.crosses(&segment(11.0, -1.0, 11.0, 1.0)), "beyond its end");
        assert!(!wall.crosses(&segment(11.0, 0.0, 12.0, 0.0)), "on its line, beyond its end");
    }

    #[test]
    fn a_polygon_knows_inside_from_outside() {
        let notch = Polygon {
            corners: [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 2.0), (0.0, 4.0)]
                .map(|(x, y)| Point::new(x, y))
                .to_vec(),
        };
        assert!(notch.contains(Point::new(1.0, 1.0)));
        assert!(notch.contains(Point::new(0.5, 3.0)));
        assert!(!notch.contains(Point::new(2.0, 3.0)), "in the notch");
        assert_eq!(notch.nearest(Point::new(2.0, -3.0)), Point::new(2.0, 0.0));
        assert_eq!(notch.nearest(Point::new(1.0, 1.0)), Point::new(1.0, 1.0));
    }

    #[test]
    fn an_empty_polygon_contains_nothing() {
        assert!(!Polygon::default().contains(Point::new(0.0, 0.0)));
        assert_eq!(Polygon::default().nearest(Point::new(1.0, 2.0)), Point::new(1.0, 2.0));
    }
}
