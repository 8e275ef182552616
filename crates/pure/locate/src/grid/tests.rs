use model::geometry::Polygon;
use model::map::{Region, RegionKind};

use super::*;
use crate::testing::floor;

fn grid(width: f32, length: f32) -> Grid {
    Grid::new(&floor("floor", 0, width, length, &[]))
}

fn open_cells(grid: &Grid) -> u32 {
    (0..grid.tiles()).map(|tile| grid.tile(tile).open_cells as u32).sum()
}

#[test]
fn cells_cover_the_floor_and_their_middles_are_on_it() {
    for (width, length, cells) in
        [(0.4, 0.4, 1), (1.0, 1.0, 1), (20.7, 17.6, 21 * 18), (80.0, 48.0, 3_840)]
    {
        let floor = floor("floor", 0, width, length, &[]);
        let grid = Grid::new(&floor);
        assert_eq!(open_cells(&grid), cells, "{width} x {length}");
        for tile in 0..grid.tiles() {
            for (cell, middle) in grid.cells(tile) {
                assert!(floor.includes(middle), "{middle:?} on {width} x {length}");
                assert!(middle.distance(grid.middle(tile, cell)) < 1e-3);
                assert_eq!(grid.locate(middle), (tile, cell));
            }
        }
    }
}

#[test]
fn a_huge_floor_gets_larger_cells() {
    let huge = grid(2_000.0, 2_000.0);
    assert_eq!(open_cells(&huge), CELLS_MAX as u32);
    let line = grid(2_000.0, 0.1);
    assert_eq!((line.columns, line.rows), (2_000, 1));
}

#[test]
fn a_place_off_the_floor_belongs_to_the_nearest_cell() {
    let grid = grid(20.0, 10.0);
    assert_eq!(grid.locate(Point::new(-5.0, -5.0)), (0, 0));
    let last = grid.locate(Point::new(90.0, 90.0));
    assert!(grid.middle(last.0, last.1).distance(Point::new(19.5, 9.5)) < 1e-3);
}

#[test]
fn places_outside_the_region_are_not_open() {
    let mut floor = floor("floor", 0, 20.0, 10.0, &[]);
    floor.regions.push(Region {
        kind: RegionKind::Inclusion,
        outline: Polygon::rectangle(10.0, 0.0, 20.0, 10.0),
    });
    let grid = Grid::new(&floor);
    assert_eq!(open_cells(&grid), 100);
    assert_eq!(grid.nearest(Point::new(2.0, 4.4)), Point::new(10.5, 4.5));
}

#[test]
fn a_layer_has_the_mean_of_each_tile_and_every_cell_to_the_decibel() {
    let grid = grid(9.0, 4.0);
    let layer = grid.layer(|place| -40.0 - place.x);
    assert_eq!(layer.coarse.as_flattened()[..3], [-42.0, -46.0, -48.5]);
    let (tile, cell) = grid.locate(Point::new(5.2, 3.1));
    assert_eq!(layer.fine[tile][cell], -46);
}
