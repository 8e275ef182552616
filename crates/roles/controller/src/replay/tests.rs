//! Tests of the replay, with the recording of the demo and with small ones of their own.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Friday, 20 November 2026.
const NOW: Time = Time(1_795_132_800_000);

fn demo() -> Recording {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../demo/tetam");
    Recording::open(path.as_ref()).expect("the demo recording is sound")
}

fn pace(speed: u32, interval_ms: u64) -> Pace {
    Pace { speed, repeat: false, interval_ms }
}

/// Every report, each polled exactly when it is due.
fn play(mut replay: Replay, most: usize) -> Vec<(Time, Report)> {
    let mut reports = Vec::new();
    while let Some(due) = replay.deadline()
        && reports.len() < most
    {
        assert_eq!(replay.poll(due.minus_ms(1)), None, "nothing comes early");
        let report = replay.poll(due).expect("a report is due at its deadline");
        reports.push((due, report));
    }
    reports
}

/// A recording of two receivers whose stream has `rows` after the header.
fn small(name: &str, rows: &str) -> Result<Recording, RecordingError> {
    let directory: PathBuf = std::env::temp_dir().join(format!("controller-replay-{name}"));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("meta.json"), r#"{"name":"Small","area_m":[10,8]}"#).unwrap();
    let aps = "ap,name,x,y,z,floor,building,band\n0,a,1,1,2,0,s,ble\n7,b,9,7,2,0,s,ble\n";
    fs::write(directory.join("aps.csv"), aps).unwrap();
    let stream = directory.join("stream_a.csv.gz");
    let mut gz = GzEncoder::new(fs::File::create(&stream).unwrap(), Compression::fast());
    gz.write_all(format!("t_ms,ap,rssi,x,y\n{rows}").as_bytes()).unwrap();
    gz.finish().unwrap();
    let recording = Recording::open(&stream);
    fs::remove_dir_all(&directory).unwrap();
    recording
}

#[test]
fn no_reading_is_ever_in_the_future_and_the_end_is_now() {
    for speed in [1, 2, 3, 7, 20, 999] {
        for interval_ms in [1_000, 1_700, 180_000] {
            let recording = demo();
            let duration_ms = recording.duration_ms();
            let reports = play(Replay::new(recording, pace(speed, interval_ms), NOW), usize::MAX);
            for (due, report) in &reports {
                assert!(report.at <= *due, "speed {speed}: {report:?} at {due:?}");
                let times = report.observations.iter().flat_map(|o| &o.readings);
                assert!(times.into_iter().all(|reading| reading.at <= report.at));
            }
            let (due, last) = reports.last().unwrap();
            assert!(due.since_ms(last.at) <= 1, "the recording ends at the clock");
            assert_eq!(due.since_ms(NOW), duration_ms.div_ceil(u64::from(speed)));
        }
    }
}

#[test]
fn speed_changes_when_reports_come_but_not_what_they_say() {
    let slow = play(Replay::new(demo(), pace(1, 1_000), NOW), usize::MAX);
    let fast = play(Replay::new(demo(), pace(10, 1_000), NOW), usize::MAX);
    assert_eq!(slow.len(), 84, "one report a second for 83.7 s");
    assert_eq!(slow.len(), fast.len());
    let shift_ms = slow[0].1.at.since_ms(fast[0].1.at);
    for ((_, slow), (_, fast)) in slow.iter().zip(&fast) {
        let mut moved = fast.clone();
        moved.at = moved.at.plus_ms(shift_ms);
        for reading in moved.observations.iter_mut().flat_map(|o| &mut o.readings) {
            reading.at = reading.at.plus_ms(shift_ms);
        }
        assert_eq!(&moved, slow);
    }
}

#[test]
fn packets_of_an_interval_become_one_reading_per_receiver() {
    let rows = "0,0,-60,1,1\n10,7,-80,1,1\n900,0,-70,2,1\n1000,0,-50,2,1\n2500,7,-90,3,1\n";
    let recording = small("aggregate", rows).unwrap();
    let mac = recording.tracks()[0].mac;
    let aps: Vec<Mac> = recording.maps().campuses[0].buildings[0].floors[0]
        .access_points
        .iter()
        .map(|ap| ap.mac)
        .collect();
    let reports = play(Replay::new(recording, pace(1, 1_000), NOW), 10);
    let said: Vec<Vec<(Mac, f32, u64)>> = reports
        .iter()
        .map(|(_, report)| {
            let readings = report.observations.iter().flat_map(|observation| {
                assert_eq!((observation.category, observation.mac), (Category::Tag, mac));
                &observation.readings
            });
            readings.map(|reading| (reading.ap, reading.rssi.0, reading.at.since_ms(NOW))).collect()
        })
        .collect();
    assert_eq!(
        said,
        [
            vec![(aps[0], -65.0, 900), (aps[1], -80.0, 10)],
            vec![(aps[0], -50.0, 1_000)],
            vec![(aps[1], -90.0, 2_500)],
        ]
    );
}

#[test]
fn a_repeated_recording_never_ends_and_keeps_the_truth() {
    let recording = small("repeat", "0,0,-60,1,1\n1500,0,-70,4,1\n").unwrap();
    let mac = recording.tracks()[0].mac;
    let repeat = Pace { repeat: true, ..pace(1, 1_000) };
    let replay = Replay::new(recording, repeat, NOW);
    let truth = |ms| replay.truth(mac, NOW.plus_ms(ms)).unwrap().point.x;
    for (ms, x) in [(0, 1.0), (750, 2.5), (1_500, 4.0), (2_000, 1.0), (2_750, 2.5)] {
        assert!((truth(ms) - x).abs() < 1e-6, "{ms} ms: {}", truth(ms));
    }
    let dues: Vec<u64> = play(replay, 5)
        .iter()
        .map(|(due, report)| {
            assert_eq!(*due, report.at);
            due.since_ms(NOW)
        })
        .collect();
    assert_eq!(dues, [1_000, 1_500, 3_000, 3_500, 5_000]);
}

#[test]
fn a_suspended_machine_does_not_repeat_what_it_missed() {
    let repeat = Pace { repeat: true, ..pace(1, 1_000) };
    let mut replay = Replay::new(demo(), repeat, NOW);
    let wake = NOW.plus_ms(86_400_000);
    let mut reports = 0;
    while let Some(report) = replay.poll(wake) {
        assert!(report.at <= wake && wake.since_ms(report.at) < 8_000);
        reports += 1;
    }
    assert!((5..=7).contains(&reports), "{reports} reports");
}

#[test]
fn the_truth_is_where_the_cameras_saw_the_beacon_at_event_time() {
    let mut replay = Replay::new(demo(), pace(20, 1_000), NOW);
    let mac = replay.recording().tracks()[0].mac;
    let first = replay.poll(replay.deadline().unwrap()).unwrap();
    let place = replay.truth(mac, first.at).unwrap();
    assert_eq!(Some(place.floor), replay.maps().floors().next().map(|f| f.id()));
    assert!(place.point.distance(model::geometry::Point::new(11.74, 4.29)) < 1.0);
    assert_eq!(replay.truth(Mac::default(), first.at), None);
    assert_eq!(replay.truth(mac, first.at.minus_ms(5_000)), None, "before the recording");
    assert_eq!(replay.truth(mac, NOW.plus_ms(60_000)), None, "after it");
}

#[test]
fn the_demo_maps_are_valid_and_exclude_no_place_where_someone_walked() {
    let recording = demo();
    recording.maps().validate().unwrap();
    let place = recording.maps().floors().next().unwrap();
    assert_eq!(place.path(), "Tetam>Office>Office");
    assert_eq!(place.floor.access_points.len(), 12);
    assert_eq!(place.floor.access_points[0].mac.to_string()[..8], *"02:4d:53");
    let regions = place.floor.regions.len();
    assert!((5..=20).contains(&regions), "{regions} rectangles");
    for packet in &recording.tracks()[0].packets {
        assert!(place.floor.includes(packet.truth), "{packet:?}");
    }
}

#[test]
fn bad_rows_are_refused_with_file_line_and_column() {
    let check = |name, rows, expected: &str| {
        let error = small(name, rows).expect_err(rows).to_string();
        assert!(error.contains("stream_a.csv.gz, line"), "{error}");
        assert!(error.contains(expected), "{error}");
    };
    check("columns", "0,0,-60,1\n", "line 2: the columns are not t_ms,ap");
    check("extra", "0,0,-60,1,1,9\n", "line 2: the columns");
    check("word", "0,0,-60,1,1\n1,0,loud,1,1\n", "line 3, column rssi: 'loud'");
    check("nan", "0,0,NaN,1,1\n", "line 2, column rssi: 'NaN'");
    check("receiver", "0,3,-60,1,1\n", "line 2, column ap: '3' is not a receiver");
    check("order", "5,0,-60,1,1\n4,0,-60,1,1\n", "line 3, column t_ms: '4'");
    check("late", "86400001,0,-60,1,1\n", "column t_ms");
}
