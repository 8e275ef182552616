//! The CMX API against golden files: `tests/cmx/<case>/{request.txt, expected.json, README}`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p engine --test cmx` rewrites the expected answers; read the
//! difference before keeping it.

use engine::cmx::{View, answer};

#[path = "cmx/fixture.rs"]
mod fixture;

#[test]
fn golden_answers_stay_the_same() {
    let (maps, elements) = (fixture::maps(), fixture::elements());
    maps.validate().unwrap();
    let view = View::new(&maps, fixture::NOW, fixture::MISSING_AFTER_MS);
    let cases = fixture::cases();
    assert_eq!(cases.len(), 45, "cases that are there");
    for case in cases {
        let answer = answer(&case.path, &case.query, &view, &elements)
            .unwrap_or_else(|| panic!("{}: not a path of CMX", case.dir.display()));
        case.check(answer.status, &answer.body);
    }
}
