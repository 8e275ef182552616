use model::geometry::Polygon;
use model::map::{Region, RegionKind};

use super::*;
use crate::grid::Layer;
use crate::testing::floor;

/// A surface that knows nothing, except for what is barred.
fn blank(grid: &Grid) -> Surface {
    let mut fine_prior = vec![[NOWHERE; TILE_CELLS]; grid.tiles()];
    for (tile, priors) in fine_prior.iter_mut().enumerate() {
        for (cell, _) in grid.cells(tile).filter(|(cell, _)| grid.is_open(tile, *cell)) {
            priors[cell] = 0.0;
        }
    }
    let is_open = |tile| if grid.tile(tile).open_cells > 0.0 { 0.0 } else { NOWHERE };
    Surface {
        prior: grid.tiles_of(NOWHERE, is_open),
        fine_prior: fine_prior.into_boxed_slice(),
        precision: grid.tiles_of(1.0, |_| 1.0),
        log_variance: grid.tiles_of(0.0, |_| 0.0),
    }
}

fn scanned(grid: &Grid, layers: &[(Layer, f32, f32)], base: Base) -> Posterior {
    let terms: Vec<Term<'_>> = layers
        .iter()
        .map(|(layer, rssi, weight)| Term {
            coarse: &layer.coarse,
            fine: &layer.fine,
            rssi: *rssi,
            weight: *weight,
        })
        .collect();
    let mut posterior = Posterior::default();
    posterior.scan(grid, &blank(grid), Heard { terms: &terms, base }, None);
    posterior.weigh(1.0);
    posterior
}

/// The posterior whose misfit is the squared distance from `centre`, in deviations.
fn bell(grid: &Grid, centre: Point, deviation: f32) -> Posterior {
    // One layer along each axis; a decibel is a tenth of a deviation, so that rounding is harmless.
    let scale = 10.0 / deviation;
    let along_x = grid.layer(|place| scale * (place.x - centre.x));
    let along_y = grid.layer(|place| scale * (place.y - centre.y));
    scanned(grid, &[(along_x, 0.0, 0.01), (along_y, 0.0, 0.01)], Base::default())
}

fn grid(width: f32, length: f32) -> Grid {
    Grid::new(&floor("floor", 0, width, length, &[]))
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
fn the_mean_is_where_the_mass_is() {
    let grid = grid(40.0, 32.0);
    for (deviation, tolerance) in [(1.0, 0.1), (3.0, 0.1), (6.0, 0.5)] {
        let centre = Point::new(17.2, 14.9);
        let mean = bell(&grid, centre, deviation).mean();
        assert!(mean.distance(centre) < tolerance, "{mean:?}, deviation {deviation}");
    }
}

#[test]
fn circle_and_spread_of_a_normal_posterior_have_the_size_of_the_textbook() {
    let grid = grid(80.0, 80.0);
    let centre = Point::new(40.0, 40.0);
    let mut posterior = bell(&grid, centre, 5.0);
    // 95 % within 2.448 deviations; the mean square of the distance is that of both axes. Tiles that
    // are not looked at again stand for their middles, which takes some off.
    let radius = posterior.extent(&grid, centre, 0.95);
    assert!((radius - 12.24).abs() < 0.7, "radius {radius}");
    let spread = posterior.spread(centre);
    assert!((spread - 7.07).abs() < 0.2, "spread {spread}");
}

#[test]
fn the_extent_is_never_below_half_a_cell() {
    let grid = grid(5.0, 5.0);
    let centre = Point::new(2.5, 2.5);
    let radius = bell(&grid, centre, 0.1).extent(&grid, centre, 0.95);
    assert!((0.5..0.7).contains(&radius), "radius {radius}");
}

#[test]
fn places_outside_the_region_get_nothing() {
    let mut floor = floor("floor", 0, 20.0, 10.0, &[]);
    floor.regions.push(Region {
        kind: RegionKind::Inclusion,
        outline: Polygon::rectangle(10.0, 0.0, 20.0, 10.0),
    });
    let grid = Grid::new(&floor);
    assert!(bell(&grid, Point::new(2.0, 5.0), 4.0).mean().x > 10.0);
}

#[test]
fn every_reading_counts_by_its_weight_and_the_offset_is_integrated_out() {
    let grid = grid(3.0, 1.0);
    let layer = || grid.layer(|place| -40.0 - 2.0 * (place.x - 0.5));
    let layers = [(layer(), -40.0, 1.0), (layer(), -45.0, 0.5), (layer(), -50.0, 0.25)];
    let base = Base { misfit: 1.0, misfit_squared: 2.0, weights: 1.75, offset_share: 0.1 };
    let posterior = scanned(&grid, &layers, base);
    for (cell, x) in [0.0_f32, 2.0, 4.0].into_iter().enumerate() {
        let misfits = [x, x - 5.0, x - 10.0];
        let weights = [1.0, 0.5, 0.25];
        let sum = |power: i32| -> f32 {
            weights.iter().zip(misfits).map(|(w, e)| w * e.powi(power)).sum()
        };
        let expected = 2.0 + sum(2) - 0.1 * (1.0 + sum(1)).powi(2);
        let found = posterior.places.misfits[cell];
        assert!((found - expected).abs() < 1e-3, "{found}, expected {expected}");
    }
}

#[test]
fn a_hint_draws_the_mass_to_its_place() {
    let grid = grid(40.0, 40.0);
    let hint = Hint { at: Point::new(31.0, 9.0), weight: 1.0 };
    let scale = HintScale { reach: 1.0, power: 1.0, least: 1e-9 };
    let hints = Some(Hints { places: &[hint], scale });
    let mut posterior = Posterior::default();
    let heard = Heard { terms: &[], base: Base::default() };
    posterior.scan(&grid, &blank(&grid), heard, hints);
    posterior.weigh(1.0);
    assert!(posterior.mean().distance(hint.at) < 0.2, "{:?}", posterior.mean());
    let spread = posterior.spread(hint.at);
    assert!((1.2..1.7).contains(&spread), "{spread}");
}

#[test]
fn zones_share_the_mass_by_where_it_is() {
    let grid = grid(40.0, 8.0);
    // Zone 0 is the left half, zone 1 everything.
    let bits = |place: Point| if place.x < 20.0 { 0b11 } else { 0b10 };
    let mut zones = vec![[0_u64; TILE_CELLS]; grid.tiles()];
    for (tile, cells) in zones.iter_mut().enumerate() {
        for (cell, place) in grid.cells(tile) {
            cells[cell] = bits(place);
        }
    }
    for (x, left) in [(8.0, 1.0), (20.0, 0.5), (33.0, 0.0)] {
        let shares = bell(&grid, Point::new(x, 4.0), 1.5).zone_shares(&zones);
        assert!((shares[0] - left).abs() < 0.05, "{x}: {}", shares[0]);
        assert!((shares[1] - 1.0).abs() < 1e-3);
        assert!(shares[2] < 1e-6);
    }
}
