//! The API of MSE 8 against golden files: `tests/contextaware/<case>/{request.txt, expected, README}`.
//!
//! A request is a line `GET ..` and perhaps a line `Accept: ..`; `expected` has the status, then the
//! body as it was sent, JSON with line breaks.
//!
//! `UPDATE_GOLDEN=1 cargo test -p engine --test contextaware` rewrites the expected answers; read the
//! difference before keeping it.

use std::fs;
use std::path::Path;

use engine::cmx::{View, path};
use engine::contextaware::{Form, Request, answer, past, was};
use model::{Element, Position};
use store::HistoryRow;

#[path = "cmx/fixture.rs"]
#[expect(dead_code, reason = "the cases of the other API are not asked here")]
mod fixture;

/// Where the client that is associated was: here now, and ten metres away a minute ago.
fn history() -> Vec<Element> {
    let elements = fixture::elements();
    let found = elements.iter().find(|element| element.association.username.is_some());
    let Some((known, Position { floor, point, confidence, at })) =
        found.and_then(|known| known.position.map(|position| (known, position)))
    else {
        panic!("there is one, and it has a position");
    };
    let row = |minutes: u64| HistoryRow {
        category: known.category,
        mac: known.mac,
        at: at.minus_ms(minutes * 60_000),
        floor,
        point: model::geometry::Point::new(point.x + 10.0 * minutes as f32, point.y),
        confidence,
        ap: None,
    };
    vec![was(&row(0), Some(known)), was(&row(1), Some(known))]
}

#[test]
fn golden_answers_stay_the_same() {
    let (maps, elements) = (fixture::maps(), fixture::elements());
    let view = View::new(&maps, fixture::NOW, fixture::MISSING_AFTER_MS);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contextaware");
    let mut cases: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), CASES, "cases that are there");
    for case in cases {
        let request = fs::read_to_string(case.join("request.txt")).unwrap();
        let line = |start: &str| request.lines().find_map(|line| line.strip_prefix(start));
        let url = line("GET ").unwrap();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let form = Form::of(path, line("Accept:").unwrap_or_default());
        let segments = path::segments(path);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let past = if past(&segments).is_some() { history() } else { Vec::new() };
        let request = Request { path, query, form, origin: "https://mse.example:8443" };
        let answer = answer(request, &view, &elements, &past)
            .unwrap_or_else(|| panic!("{}: not answered", case.display()));
        let body = match form {
            Form::Json => {
                let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                serde_json::to_string_pretty(&body).unwrap()
            }
            Form::Xml => String::from_utf8(answer.body).unwrap(),
        };
        let found = format!("{} {}\n{body}\n", answer.status, answer.media_type);
        let golden = case.join("expected");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&golden).unwrap(), "{}", case.display());
    }
}

const CASES: usize = 19;
