use model::Metres;
use model::geometry::Polygon;
use model::map::{Region, RegionKind};

use super::*;

fn floor(width: f32, length: f32) -> Floor {
    Floor {
        name: "floor".to_owned(),
        level: 0,
        width: Metres(width),
        length: Metres(length),
        height: Metres(3.0),
        image: None,
        access_points: Vec::new(),
        walls: Vec::new(),
        regions: Vec::new(),
        rails: Vec::new(),
        zones: Vec::new(),
    }
}

/// The posterior whose misfit is the squared distance from `centre` in cells of one metre.
fn bell(grid: &Grid, centre: Point) -> Posterior {
    let map = grid.map(0.0, |place| place.distance(centre));
    let term = Term { map: &map, rssi: 0.0, weight: 1.0 };
    let mut posterior = Posterior::default();
    posterior.scan(grid, &[term], Base::default());
    posterior
}

#[test]
fn the_fast_exponential_is_exact_to_four_digits() {
    for step in 0..8_700 {
        let x = -0.01 * step as f32;
        let relative = exp(x) / x.exp() - 1.0;
        assert!(relative.abs() < 1e-4, "exp({x}) is off by {relative}");
    }
    assert!(exp(-1e9) < 1e-37);
    assert!(exp(f32::NEG_INFINITY) < 1e-37);
}

#[test]
fn cells_cover_the_floor_and_their_middles_are_on_it() {
    for (width, length, cells) in
        [(0.4, 0.4, 1), (1.0, 1.0, 1), (20.7, 17.6, 21 * 18), (80.0, 48.0, 3_840)]
    {
        let floor = floor(width, length);
        let grid = Grid::new(&floor);
        assert_eq!(grid.cells(), cells, "{width} x {length}");
        assert_eq!(grid.open, cells, "{width} x {length}");
        let last = grid.middle(grid.columns - 1, grid.rows - 1);
        assert!(floor.includes(last), "{last:?} on {width} x {length}");
    }
}

#[test]
fn a_huge_floor_gets_larger_cells() {
    let grid = Grid::new(&floor(2_000.0, 2_000.0));
    assert_eq!(grid.cells(), CELLS_MAX as usize);
    let grid = Grid::new(&floor(2_000.0, 0.1));
    assert_eq!((grid.columns, grid.rows), (2_000, 1));
}

#[test]
fn the_mean_is_where_the_mass_is() {
    let grid = Grid::new(&floor(40.0, 30.0));
    let centre = Point::new(13.2, 21.9);
    let mut posterior = bell(&grid, centre);
    posterior.weigh(&grid, 0.5);
    let mean = posterior.mean(&grid);
    assert!(mean.distance(centre) < 0.01, "{mean:?}");
}

#[test]
fn the_circle_of_a_normal_posterior_has_the_size_of_the_textbook() {
    let grid = Grid::new(&floor(80.0, 80.0));
    let centre = Point::new(40.0, 40.0);
    // A standard deviation of 5 m: 95 % within 2.448 of them.
    let radius = bell(&grid, centre).extent(&grid, centre, 0.5 / 25.0, 0.95);
    assert!((radius - 12.24).abs() < 0.3, "radius {radius}");
}

#[test]
fn the_extent_is_never_below_half_a_cell() {
    let grid = Grid::new(&floor(5.0, 5.0));
    let centre = Point::new(2.5, 2.5);
    let radius = bell(&grid, centre).extent(&grid, centre, 1e3, 0.95);
    assert!((radius - 0.5).abs() < 1e-6, "radius {radius}");
}

#[test]
fn places_outside_the_region_get_nothing() {
    let mut floor = floor(20.0, 10.0);
    floor.regions.push(Region {
        kind: RegionKind::Inclusion,
        outline: Polygon::rectangle(10.0, 0.0, 20.0, 10.0),
    });
    let grid = Grid::new(&floor);
    assert_eq!(grid.open, 100);
    let mut posterior = bell(&grid, Point::new(2.0, 5.0));
    posterior.weigh(&grid, 0.5);
    assert!(posterior.mean(&grid).x > 10.0);
    assert_eq!(grid.nearest(Point::new(2.0, 4.4)), Point::new(10.5, 4.5));
}

#[test]
fn an_odd_number_of_readings_counts_each_once() {
    let grid = Grid::new(&floor(3.0, 1.0));
    let map = grid.map(0.0, |place| -40.0 - place.x);
    let term = |rssi, weight| Term { map: &map, rssi, weight };
    let terms = [term(-40.0, 1.0), term(-45.0, 0.5), term(-50.0, 0.25)];
    let base = Base { misfit: 1.0, misfit_squared: 2.0, offset_share: 0.1 };
    let mut posterior = Posterior::default();
    posterior.scan(&grid, &terms, base);
    for (cell, x) in [0.5_f32, 1.5, 2.5].into_iter().enumerate() {
        let misfits = [x, x - 5.0, x - 10.0];
        let weights = [1.0, 0.5, 0.25];
        let s1 = 1.0 + zip(weights, misfits).map(|(w, e)| w * e).sum::<f32>();
        let s2 = 2.0 + zip(weights, misfits).map(|(w, e)| w * e * e).sum::<f32>();
        let found = posterior.misfits.as_flattened()[cell];
        assert!((found - (s2 - 0.1 * s1 * s1)).abs() < 1e-3, "cell {cell}");
    }
}
