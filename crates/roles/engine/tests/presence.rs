//! The presence API of CMX against golden files: `tests/presence/<case>/{request.txt, expected.json,
//! README}`, asked on a Thursday morning about the three days before.
//!
//! `UPDATE_GOLDEN=1 cargo test -p engine --test presence` rewrites the expected answers; read the
//! difference before keeping it.

use std::fs;
use std::path::Path;

use engine::analytics::{Analytics, Inquiry, presence_api};
use engine::cmx::{Manufacturers, path, query};
use engine::config;
use model::{Category, Mac, Time};
use serde_json::Value;
use store::Store;

mod common;

use common::past::{self, DAY_MS, HOUR_MS, MONDAY};
use common::{Dir, site};

#[test]
fn golden_answers_stay_the_same() {
    let dir = Dir::new();
    let store = Store::open(dir.path()).unwrap();
    store.keep_stays(&past::stays()).unwrap();
    let analytics = Analytics::new(&config::Analytics::default(), 100).unwrap();
    let maps = site::maps();
    let inquiry = Inquiry {
        analytics: &analytics,
        store: &store,
        revision: 1,
        now: Time(MONDAY + 3 * DAY_MS + 8 * HOUR_MS),
        category: Category::WirelessClient,
    };
    // Of the clients of the past, the first two are somebody's.
    let maker = |mac: Mac| (mac.to_u64() <= 2).then_some("Acme");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/presence");
    let mut cases: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), 27, "cases that are there");
    for case in cases {
        let request = fs::read_to_string(case.join("request.txt")).unwrap();
        let url = request.trim().strip_prefix("GET ").unwrap();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let segments = path::segments(path);
        let rest: Vec<&str> = segments.iter().skip(3).map(String::as_str).collect();
        let asked = (rest.as_slice(), query::pairs(query));
        let asked = (asked.0, asked.1.as_slice());
        let answer = presence_api::answer(asked, &maps, &inquiry, Manufacturers(&maker)).unwrap();
        let answer = answer.unwrap_or_else(|| panic!("{}: not answered", case.display()));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let found = serde_json::json!({"status": answer.status, "body": body});
        let golden = case.join("expected.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        }
        let expected: Value = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
        assert!(
            found == expected,
            "{}:\n{found:#}\nis not what is expected:\n{expected:#}",
            case.display()
        );
    }
}
