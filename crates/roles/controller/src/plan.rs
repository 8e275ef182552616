//! Draws a floor as a plan: an SVG in muted colours, made to lie under coloured dots.
//!
//! The picture spans the floor exactly and has no margin, so a place in metres is a place on it in
//! pixels after one multiplication. It holds no script, no style sheet, no reference to anything
//! outside, and is the same text for the same floor. Names of zones and access points are left to the
//! console, which writes them over any plan.

use std::fmt::Write;

use model::geometry::{Point, Polygon};
use model::map::{Floor, RegionKind, Wall};

/// Length of the longer side in pixels: sharp on a large screen, small as a file. Ours.
const LONGER_SIDE_PX: f32 = 1_600.0;
/// A wall of at least this loss is drawn as a heavy one (reference/location.md section 6: 13 dB).
const HEAVY_DB: f32 = 10.0;
/// Widths of gaps between two pieces of a wall that are drawn as doors, in metres. Ours.
const DOOR_M: std::ops::RangeInclusive<f32> = 0.6..=2.6;
/// Widths of lines in pixels, the same on every floor.
const BORDER_PX: f32 = 10.0;
const HEAVY_PX: f32 = 6.0;
const LIGHT_PX: f32 = 3.2;
const DOOR_PX: f32 = 1.6;
/// Half of it is covered by the fill.
const EDGE_PX: f32 = 3.0;
/// Floor of zones, in turn: warm and cool tints next to each other.
const ZONE_FILLS: [&str; 8] =
    ["#e9f0f7", "#f6efe2", "#e8f2ea", "#f5e9e8", "#eeebf6", "#e6f1f1", "#f4f0e0", "#eef0f3"];
const GROUND: &str = "#faf9f6";
const INK: &str = "#66727f";
const INK_LIGHT: &str = "#a3adb8";
const INK_DOOR: &str = "#c3cad2";
const EDGE: &str = "#cfccc4";

/// Fill of exclusion regions.
const HATCH: &str = r##"<defs><pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="9" height="9" fill="#efede8"/><rect width="1.5" height="9" fill="#dcd9d2"/></pattern></defs>"##;

/// A drawn floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The picture, media type `image/svg+xml`.
    pub svg: String,
    /// Its width; spans the floor's `width`.
    pub width_px: u32,
    /// Its height; spans the floor's `length`.
    pub height_px: u32,
}

/// Draws `floor`.
pub fn draw(floor: &Floor) -> Plan {
    let (width, length) = (floor.width.0.max(1.0), floor.length.0.max(1.0));
    let scale = LONGER_SIDE_PX / width.max(length);
    let px = |metres: f32| (metres * scale).round().max(1.0) as u32;
    let mut pen = Pen { svg: String::new(), scale };
    let (width_px, height_px) = (px(width), px(length));
    pen.put(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{height_px}" viewBox="0 0 {width_px} {height_px}">"#
    ));
    pen.put(format_args!("{HATCH}"));
    pen.put(format_args!(r#"<rect width="{width_px}" height="{height_px}" fill="{GROUND}"/>"#));
    for (nth, zone) in floor.zones.iter().enumerate() {
        let fill = ZONE_FILLS[nth % ZONE_FILLS.len()];
        pen.polygon(&zone.outline, fill, "none");
    }
    // All edges, then all fills: regions that touch look like one.
    for region in &floor.regions {
        pen.polygon(&region.outline, "none", EDGE);
    }
    for region in &floor.regions {
        if region.kind == RegionKind::Exclusion {
            pen.polygon(&region.outline, "url(#hatch)", "none");
        }
    }
    for pair in floor.walls.windows(2) {
        if let [before, after] = pair {
            pen.door(before, after);
        }
    }
    for wall in &floor.walls {
        pen.wall(wall);
    }
    // Half of the outline is outside the picture.
    pen.put(format_args!(
        r#"<rect width="{width_px}" height="{height_px}" fill="none" stroke="{INK}" stroke-width="{BORDER_PX}"/>"#
    ));
    pen.put(format_args!("</svg>"));
    Plan { svg: pen.svg, width_px, height_px }
}

/// Writes elements whose places are given in metres.
struct Pen {
    svg: String,
    /// Pixels per metre.
    scale: f32,
}

impl Pen {
    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.svg, "{element}");
    }

    /// A length in pixels, to a tenth.
    fn number(&self, metres: f32) -> String {
        let text = format!("{:.1}", metres * self.scale);
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    }

    /// A place as `x,y` in pixels.
    fn place(&self, point: Point) -> String {
        format!("{},{}", self.number(point.x), self.number(point.y))
    }

    fn polygon(&mut self, outline: &Polygon, fill: &str, stroke: &str) {
        let corners: Vec<String> = outline.corners.iter().map(|c| self.place(*c)).collect();
        self.put(format_args!(
            r#"<polygon points="{}" fill="{fill}" stroke="{stroke}" stroke-width="{EDGE_PX}"/>"#,
            corners.join(" ")
        ));
    }

    fn wall(&mut self, wall: &Wall) {
        let (ink, width_px) =
            if wall.loss_db >= HEAVY_DB { (INK, HEAVY_PX) } else { (INK_LIGHT, LIGHT_PX) };
        self.put(format_args!(
            r#"<path d="M{}L{}" stroke="{ink}" stroke-width="{width_px}" stroke-linecap="square"/>"#,
            self.place(wall.line.from),
            self.place(wall.line.to),
        ));
    }

    /// A door with its swing, when the two pieces of wall leave a gap of a door's width in line.
    fn door(&mut self, before: &Wall, after: &Wall) {
        let (hinge, latch) = (before.line.to, after.line.from);
        let width = hinge.distance(latch);
        let is_in_line = {
            let (start, end) = (before.line.from, after.line.to);
            // Three parts as long as the whole: on one line, in this order.
            let parts = start.distance(hinge) + width + latch.distance(end);
            (parts - start.distance(end)).abs() < 0.01
        };
        if !DOOR_M.contains(&width) || !is_in_line {
            return;
        }
        let (dx, dy) = (latch.x - hinge.x, latch.y - hinge.y);
        let open = Point::new(hinge.x - dy, hinge.y + dx);
        let radius = self.number(width);
        self.put(format_args!(
            r#"<path d="M{}L{}A{radius},{radius} 0 0 0 {}" fill="none" stroke="{INK_DOOR}" stroke-width="{DOOR_PX}"/>"#,
            self.place(hinge),
            self.place(open),
            self.place(latch),
        ));
    }
}

#[cfg(test)]
mod tests {
    use model::geometry::Segment;
    use model::map::{Region, Zone};

    use super::*;

    fn wall(x0: f32, x1: f32, loss_db: f32) -> Wall {
        let line = Segment { from: Point::new(x0, 10.0), to: Point::new(x1, 10.0) };
        Wall { line, loss_db }
    }

    fn floor() -> Floor {
        Floor {
            walls: vec![wall(0.0, 10.0, 3.0), wall(11.4, 40.0, 3.0)],
            regions: vec![Region {
                kind: RegionKind::Exclusion,
                outline: Polygon::rectangle(14.0, 13.0, 26.0, 17.0),
            }],
            zones: vec![Zone {
                name: "Lobby".into(),
                outline: Polygon::rectangle(0.0, 10.0, 40.0, 20.0),
            }],
            ..Floor::bare("Ground", 0, 40.0, 20.0)
        }
    }

    #[test]
    fn the_picture_spans_the_floor_and_is_always_the_same() {
        let plan = draw(&floor());
        assert_eq!((plan.width_px, plan.height_px), (1_600, 800));
        assert!(plan.svg.starts_with("<svg xmlns"));
        assert!(plan.svg.contains(r#"width="1600" height="800""#));
        assert_eq!(plan, draw(&floor()));
    }

    #[test]
    fn a_gap_of_a_doors_width_becomes_a_door() {
        let doors = |walls: Vec<Wall>| {
            let floor = Floor { walls, ..floor() };
            draw(&floor).svg.matches('A').count()
        };
        let base = doors(Vec::new());
        let check = |second: Wall, expected: usize| {
            assert_eq!(doors(vec![wall(0.0, 10.0, 3.0), second]) - base, expected);
        };
        check(wall(11.4, 40.0, 3.0), 1);
        check(wall(10.2, 40.0, 3.0), 0);
        check(wall(14.0, 40.0, 3.0), 0);
        let mut aside = wall(11.4, 40.0, 3.0);
        aside.line.to.y = 18.0;
        check(aside, 0);
    }
}
