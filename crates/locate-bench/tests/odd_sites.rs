//! Sites unlike those in hand: other words, missing columns, nothing heard, and tables with mistakes.
#![expect(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::fmt::Write as _;
use std::path::PathBuf;

use locate_bench::{Answered, BenchError, Mode, Options, run, write};

const TRAIN: &str = "sid,point,t,x,y,z,floor,building,device,obs\n";

/// A folder of its own, removed at the end.
struct Site(PathBuf);

impl Site {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("mse-odd-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        Self(folder)
    }

    fn run(&self, mode: Mode, blind: bool) -> Result<Vec<Answered>, BenchError> {
        let options = Options { mode, seed: 1, keep: None, blind };
        run(&self.0, options, &mut |_, _, _| {})
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Four access points in the corners of 20 x 20 m; `rest` is what their lines end with.
fn aps(head: &str, rest: &str) -> String {
    let corners = [(0, "0,0"), (1, "20,0"), (2, "0,20"), (3, "20,20")];
    let line = |(ap, at): (i32, &str)| format!("{ap},{at}{rest}\n");
    format!("ap,x,y{head}\n{}", corners.map(line).concat())
}

/// Survey points on a grid of 4 m, each with the strengths of a plain law.
fn survey(lines: &mut String, floor: &str, building: &str, loudness: i32) {
    for (nth, (x, y)) in (0..36).map(|it| (it % 6 * 4, it / 6 * 4)).enumerate() {
        let heard = [(0, 0), (20, 0), (0, 20), (20, 20)].into_iter().enumerate();
        let obs = heard.map(|(ap, (ap_x, ap_y))| {
            let off = f64::from(x - ap_x).hypot(f64::from(y - ap_y)).max(1.0);
            format!("{ap}:{:.0}", f64::from(loudness) - 30.0 * off.log10())
        });
        let obs: Vec<String> = obs.collect();
        let obs = obs.join(" ");
        writeln!(lines, "s{nth},,,{x},{y},,{floor},{building},,{obs}").unwrap();
    }
}

fn places(answered: &[Answered]) -> Vec<[&str; 3]> {
    let answers = answered.iter().flat_map(|it| &it.answers);
    answers.map(|it| [it.id.as_str(), it.floor.as_str(), it.building.as_str()]).collect()
}

#[test]
fn answers_use_the_words_of_the_survey_even_where_tables_disagree() {
    let mut train = TRAIN.to_owned();
    survey(&mut train, "-1", "3", -35);
    let queries = format!("{TRAIN}q1,,,,,,,,,0:-40 1:-70 2:-70 3:-78\n");
    let trials = "trial,k,receivers\n7,4,0:0:-1:-40 20:0:-1:-70 0:20:-1:-70 20:20:-1:-80\n";
    for (head, rest) in [(",floor,building", ",-1,Main"), (",floor", ",-1"), ("", "")] {
        let files = [
            ("aps.csv", aps(head, rest)),
            ("train.csv", train.clone()),
            ("queries.csv", queries.clone()),
            ("rogue_trials.csv", trials.to_owned()),
        ];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        let site = Site::new(&format!("words{}", head.len()), &files);
        let blind = |mode| site.run(mode, true).unwrap();
        assert_eq!(places(&blind(Mode::All)), [["q1", "-1", "3"]], "{head}");
        assert_eq!(places(&blind(Mode::Fingerprint)), [["q1", "-1", "3"]], "{head}");
        assert_eq!(places(&blind(Mode::Rogue)), [["7", "-1", "3"]], "{head}");
        let answered = blind(Mode::None);
        assert_eq!(places(&answered)[0][2], "3", "what the building is called is no measurement");
    }
}

#[test]
fn access_points_without_a_building_are_in_the_one_around_them() {
    let mut train = TRAIN.to_owned();
    survey(&mut train, "0", "east", -35);
    for nth in 0..6 {
        writeln!(train, "w{nth},,,{},9,,0,west,,9:-{}", 200 + nth, 50 + nth).unwrap();
    }
    let queries = format!("{TRAIN}q1,,,,,,,,,0:-40 1:-70 2:-70 3:-78\nq2,,,,,,,,,9:-50\n");
    let files = [("aps.csv", &*aps("", "")), ("train.csv", &train), ("queries.csv", &queries)];
    let site = Site::new("buildings", &files);
    let answered = site.run(Mode::All, true).unwrap();
    assert_eq!(places(&answered), [["q1", "0", "east"], ["q2", "0", "west"]]);
}

#[test]
fn optional_columns_and_other_line_ends_do_not_matter() {
    let table =
        "sid,x,y,obs\r\nq1,3,4,0:-50 1:-66 2:-66 3:-70\r\n\r\nq2,9,9,0:-60 1:-60 2:-60 3:-60\r\n";
    let aps = aps("", "").replace('\n', "\r\n");
    let site = Site::new("lines", &[("aps.csv", &aps), ("test_dev.csv", table)]);
    let score = Answered::score_of_all(&site.run(Mode::None, false).unwrap()).unwrap();
    assert_eq!((score.n, score.floor, score.building), (2, 100.0, 100.0));
    assert!(score.mean < 4.0, "{score}");
}

#[test]
fn points_without_a_name_are_told_apart_by_their_place() {
    let mut train = TRAIN.to_owned();
    survey(&mut train, "0", "0", -35);
    let query = format!("{TRAIN}q1,,,8,8,,0,0,,0:-66 1:-70 2:-70 3:-73\n");
    let site = Site::new("points", &[("train.csv", &train), ("test_dev.csv", &query)]);
    let radius = |mode| site.run(mode, false).unwrap()[0].answers[0].radius95;
    let (five, all) = (radius(Mode::Points(5)), radius(Mode::All));
    assert!((five - all).abs() > 0.01, "five points are not all: {five} {all}");
}

#[test]
fn a_large_plan_of_blocked_squares_is_read() {
    let mut squares = "x,y,passable\n".to_owned();
    for (x, y) in (0..120).flat_map(|x| (0..120).map(move |y| (x, y))) {
        let passable = u8::from(x < 60);
        writeln!(squares, "{},{},{passable}", f64::from(x) / 2.0, f64::from(y) / 2.0).unwrap();
    }
    let table = "sid,x,y,obs\nq1,3,4,0:-50 1:-66 2:-66 3:-70\n";
    let files =
        [("aps.csv", &*aps("", "")), ("test_dev.csv", table), ("occupancy_0.5m.csv", &squares)];
    let site = Site::new("occupancy", &files);
    assert_eq!(site.run(Mode::None, false).unwrap()[0].answers.len(), 1);
}

#[test]
fn streams_are_answered_by_their_own_clock() {
    let head = "t_ms,ap,rssi\n";
    let at = |t_ms: u64| [0, 1, 2, 3].map(|ap| format!("{t_ms},{ap},-6{ap}\n")).concat();
    let day = 1_795_888_638_000;
    let stream = [head, &at(day + 200), &at(day + 900), &at(day + 86_400_100)].concat();
    let files = [("aps.csv", &*aps("", "")), ("stream_b.csv", &stream), ("stream_a.csv", head)];
    let site = Site::new("streams", &files);
    let all = site.run(Mode::Track, true).unwrap();
    assert_eq!(all[0].answers, [], "nothing was heard");
    let ids: Vec<&str> = all[1].answers.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["1795888639000", "1795888640000"]);
}

/// A stream of a device that stands near the first access point, and what the strongest alone says.
#[test]
fn only_the_strongest_readings_of_a_track_are_kept_when_asked() {
    let heard = [(0, -45), (1, -70), (2, -70), (3, -78)];
    let second = |t_ms: u64| heard.map(|(ap, rssi)| format!("{t_ms},{ap},{rssi}\n")).concat();
    let stream = format!("t_ms,ap,rssi\n{}{}", second(100), second(1_100));
    let site = Site::new("keep", &[("aps.csv", &*aps("", "")), ("stream_a.csv", &stream)]);
    let radius = |keep| {
        let options = Options { mode: Mode::Track, seed: 1, keep, blind: false };
        run(&site.0, options, &mut |_, _, _| {}).unwrap()[0].answers[0].radius95
    };
    let (all, one) = (radius(None), radius(Some(1)));
    assert!((all - one).abs() > 0.1, "{all} {one}");
}

#[test]
fn walls_count_for_hidden_transmitters_too() {
    let trials = "trial,k,receivers\n7,3,0:0:0:-50 20:0:0:-58 0:20:0:-62\n";
    let walls = "x1,y1,x2,y2,loss_db\n10,0,10,20,13\n";
    let truth = "trial,ap,x,y,floor\n7,9,3,2,0\n";
    let files = [("rogue_trials.csv", trials), ("rogue_truth.csv", truth), ("walls.csv", walls)];
    let at = |name, files| {
        let site = Site::new(name, files);
        let answered = site.run(Mode::Rogue, true).unwrap();
        assert_eq!(Answered::score_of_all(&answered).unwrap().n, 1, "the truth is there");
        answered[0].answers[0].x
    };
    let (with, without) = (at("walls", &files), at("no-walls", &files[..2]));
    assert!((with - without).abs() > 0.5, "{with} {without}");
}

#[test]
fn what_is_written_can_be_read_whatever_floors_are_called() {
    let aps = aps(",floor,building", ",\"Level 1, \"\"west\"\"\",\"A, B\"");
    let queries = "sid,obs\nq1,0:-50 1:-66 2:-66 3:-70\n";
    let site = Site::new("written", &[("aps.csv", &aps), ("queries.csv", queries)]);
    let answered = site.run(Mode::None, true).unwrap();
    let mut text = Vec::new();
    write(&mut text, &answered[0].answers).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    assert_eq!(reader.headers().unwrap(), vec!["id", "x", "y", "floor", "building", "radius95"]);
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!([&row[0], &row[3], &row[4]], ["q1", "Level 1, \"west\"", "A, B"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_remedy() {
    let check = |name: &str, mode: Mode, files: &[(&str, &str)], expected: &str| {
        let site = Site::new(name, files);
        let error = site.run(mode, false).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    };
    let aps = aps("", "");
    let aps = ("aps.csv", aps.as_str());
    let none = Mode::None;
    let test = |rows: &'static str| [aps, ("test_dev.csv", rows)];
    check("empty", none, &[], "it is no recorded site: docs/guide/location.md");
    check("tracks", none, &[("stream_a.csv", "t_ms")], "what is there serves --mode track");
    check("blind", none, &[("queries.csv", "sid,obs")], "--answers FILE");
    check("column", none, &test("sid,x,y\nq,1,1\n"), "line 1: the column 'obs' is missing");
    check("short", none, &test("x,y,obs\n1,1\n"), "line 2");
    check("number", none, &test("x,y,obs\n1,1,\nleft,1,0:-50\n"), "line 3: x is 'left', no number");
    check("pair", none, &test("x,y,obs\n1,1,0:-50 1-60\n"), "line 2: obs has '1-60', no ap:rssi");
    for rssi in ["100", "NaN", "-129"] {
        let text = format!("x,y,obs\n1,1,0:{rssi}\n");
        check("rssi", none, &[aps, ("test_dev.csv", &text)], "strengths are -128 to 20 dBm");
    }
    let twice = "ap,x,y,floor\n5,1,1,0\n5,1,1,1\n";
    let files = [("aps.csv", twice), ("test_dev.csv", "x,y,obs\n")];
    check("twice", none, &files, "line 3: access point 5 is there twice");
    let text = "ap,x,y,floor\nfirst,1,1,0\n";
    let files = [("aps.csv", text), ("test_dev.csv", "x,y,obs\n")];
    check("ap", none, &files, "line 2: ap is 'first', no whole number");
    check("nowhere", none, &[("test_dev.csv", "x,y,obs\n")], "choose a mode that uses the survey");
    let files = [aps, ("stream_a.csv", "t_ms,ap,rssi\n-5,0,-60\n")];
    check("time", Mode::Track, &files, "line 2: t_ms is '-5', no whole number");
    let files = [aps, ("stream_a.csv", "t_ms,ap,rssi\n5,0,60\n")];
    check("loud", Mode::Track, &files, "60 dBm in 'rssi' cannot be heard");
    let files = [("rogue_trials.csv", "trial,receivers\n1,0:0:0\n")];
    check("receiver", Mode::Rogue, &files, "line 2: receivers has '0:0:0', no x:y:floor:rssi");
    let gone = PathBuf::from("/no/such/site");
    let options = Options { mode: none, seed: 1, keep: None, blind: false };
    let error = run(&gone, options, &mut |_, _, _| {}).unwrap_err().to_string();
    assert!(error.contains("/no/such/site: No such file"), "{error}");
}
