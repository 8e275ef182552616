//! Files and FIFOs as sensors: what an engine is told over a real NMSP session.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use common::{PLACE, Scratch, Site, beacon, capture, distances, now_us};
use model::{Band, Category, Mac};
use nmsp::SensorState;
use wips::CaptureTime;

/// Long before today.
const THEN: CaptureTime = CaptureTime(1_400_000_000_000_000);

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_whole_in_order_and_as_of_now() {
    let scratch = Scratch::new("file");
    let bytes = capture(300, THEN, 2_000);
    scratch.file("a.pcapng", &bytes);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&bytes).unwrap();
    scratch.file("b.pcapng.gz", &packed.finish().unwrap());
    let (before_us, started) = (now_us(), Instant::now());
    let site = Site::start(
        scratch,
        "[[sensor]]\nname = 'a'\nkind = 'file'\npath = 'a.pcapng'\n\
         ap = '00:1b:0d:00:00:10'\nmode = 'local'\nloop = true\n\
         [[sensor]]\nname = 'b'\nkind = 'file'\npath = 'b.pcapng.gz'\n",
    )
    .await;
    // What was played before the engine was there is not for it: the first file is played again.
    site.until("a whole round", |told| {
        let of_a = told.packets.iter().filter(|it| it.sensor == 0);
        of_a.skip_while(|it| !it.bytes.ends_with(b"0000")).count() >= 300
    })
    .await;
    assert!(started.elapsed() > Duration::from_millis(590), "it is played in its own time");
    let packets: Vec<_> = {
        let told = site.told();
        let of_a = told.packets.iter().filter(|it| it.sensor == 0).cloned();
        of_a.skip_while(|it| !it.bytes.ends_with(b"0000")).take(300).collect()
    };
    for (number, packet) in (0..).zip(&packets) {
        assert_eq!(*packet.bytes, *beacon(Mac([0, 0x50, 0x56, 0, 0, 1]), number));
        assert_eq!((packet.link, packet.wire_bytes as usize), (127, packet.bytes.len()));
    }
    assert!(distances(&packets).iter().all(|it| *it == 2_000));
    assert!((before_us..=now_us()).contains(&packets[0].at_us), "as of now");

    let ended = site.state("b", SensorState::Ended).await;
    assert_eq!((ended.number, ended.packets, ended.text.as_str()), (1, 300, ""));
    let playing = site.state("a", SensorState::Capturing).await;
    assert_eq!((playing.ap, playing.dropped), (Some(PLACE), 0));
    let most = *site.told().messages.iter().max().unwrap();
    assert!(most > 20, "packets travel together: {most}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faster_file_keeps_its_distances_and_ends_at_the_present() {
    let scratch = Scratch::new("speed");
    // 100 s, played in one.
    scratch.file("a.pcapng", &capture(1_000, THEN, 100_000));
    let began_us = now_us();
    let rest = "[[sensor]]\nname = 'a'\nkind = 'file'\npath = 'a.pcapng'\nspeed = 100";
    let site = Site::start(scratch, rest).await;
    site.state("a", SensorState::Ended).await;
    site.until("the last packet", |told| {
        told.packets.last().is_some_and(|it| it.bytes.ends_with(b"0999"))
    })
    .await;
    let packets = site.told().packets.clone();
    assert!(distances(&packets).iter().all(|it| *it == 100_000), "{:?}", distances(&packets));
    let first = packets.first().unwrap();
    assert!(first.at_us < began_us, "it begins in the past");
    let last = packets.last().unwrap().at_us;
    assert!(last <= now_us() && last + 3_000_000 > now_us(), "it ends now");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_heard_is_measured() {
    let scratch = Scratch::new("sights");
    scratch.file("a.pcapng", &capture(500, THEN, 10_000));
    let rest = "[sensors]\ninterval_s = 1\n[[sensor]]\nname = 'a'\nkind = 'file'\n\
                path = 'a.pcapng'\nloop = true\nap = '00:1b:0d:00:00:10'";
    let site = Site::start(scratch, rest).await;
    site.until("a rogue is measured", |told| !told.observations.is_empty()).await;
    let observation = site.told().observations[0].clone();
    assert_eq!(observation.category, Category::RogueAp);
    assert_eq!(observation.mac, Mac([0, 0x50, 0x56, 0, 0, 1]));
    let reading = observation.readings[0];
    assert_eq!((reading.ap, reading.band, reading.rssi.0), (PLACE, Band::Ghz2_4, -56.0));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_file_is_said_and_tried_again() {
    let scratch = Scratch::new("wrong");
    scratch.file("text", b"This is no capture, it is a text.");
    scratch.file("empty", b"");
    let whole = capture(10, THEN, 1);
    scratch.file("cut", &whole[..whole.len() - 7]);
    // Ethernet in a pcap of one packet.
    let mut ethernet = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    ethernet.extend([0; 8]);
    ethernet.extend([0, 0, 1, 0, 1, 0, 0, 0]);
    ethernet.extend([1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4]);
    scratch.file("ethernet", &ethernet);
    let names = ["absent", "text", "empty", "cut", "ethernet", "."];
    let tables =
        names.map(|it| format!("[[sensor]]\nname = '{it}'\nkind = 'file'\npath = '{it}'\n"));
    let site = Site::start(scratch, &tables.concat()).await;
    let expected = [
        ("absent", SensorState::Failed, "No such file"),
        ("text", SensorState::Failed, "not a pcap or pcapng"),
        ("empty", SensorState::Failed, "holds no packet"),
        ("cut", SensorState::Ended, "all packets before were read"),
        ("ethernet", SensorState::Failed, "link type 1, which is not 802.11"),
        (".", SensorState::Failed, "neither a file nor a FIFO"),
    ];
    for (name, state, text) in expected {
        let sensor = site.state(name, state).await;
        assert!(sensor.text.contains(text), "{}", sensor.text);
    }
    assert_eq!(site.state("cut", SensorState::Ended).await.packets, 9);
    // The file comes, and so does the sensor.
    std::fs::write(site.scratch.0.join("absent"), &whole).unwrap();
    assert_eq!(site.state("absent", SensorState::Ended).await.packets, 10);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_sensor_is_an_event_and_so_is_its_return() {
    let scratch = Scratch::new("silent");
    let fifo = scratch.0.join("fifo");
    make_fifo(&fifo);
    let rest = "[[sensor]]\nname = 'a'\nkind = 'file'\npath = 'fifo'\nsilent_s = 1";
    let site = Site::start(scratch, rest).await;
    let silent = site.state("a", SensorState::Silent).await;
    assert_eq!(silent.packets, 0);
    // A writer comes, whose clock is wrong.
    let write = |bytes: Vec<u8>| {
        let fifo = fifo.clone();
        tokio::task::spawn_blocking(move || {
            let mut file = std::fs::OpenOptions::new().write(true).open(fifo).unwrap();
            file.write_all(&bytes).unwrap();
        })
    };
    write(capture(20, CaptureTime(77), 5_000)).await.unwrap();
    let back = site.state("a", SensorState::Capturing).await;
    assert!(back.text.contains("its clock is") && back.text.contains("behind"), "{}", back.text);
    site.until("the first capture", |told| told.packets.len() == 20).await;
    {
        let told = site.told();
        assert!(distances(&told.packets).iter().all(|it| *it == 5_000));
        assert!(told.packets[0].at_us + 30_000_000 > now_us(), "put right");
    }
    site.state("a", SensorState::Silent).await;
    // The next writer begins anew, and its clock is right: its times are kept.
    let right = CaptureTime(now_us());
    write(capture(20, right, 5_000)).await.unwrap();
    site.until("the second capture", |told| told.packets.len() == 40).await;
    assert_eq!(site.told().packets[20].at_us, right.0);
    assert_eq!(site.state("a", SensorState::Capturing).await.text, "");
    // And one that writes nonsense is said to.
    write(b"nonsense".repeat(9)).await.unwrap();
    let failed = site.state("a", SensorState::Failed).await;
    assert!(failed.text.contains("not a pcap"), "{}", failed.text);
    site.stop().await;
}

/// Makes a FIFO.
fn make_fifo(path: &std::path::Path) {
    let done = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_files_play_at_once() {
    const SENSORS: u32 = 1_000;
    const PACKETS: u32 = 5;
    let scratch = Scratch::new("thousand");
    let mut tables = String::new();
    for number in 0..SENSORS {
        let name = format!("s{number}");
        scratch.file(&name, &capture(PACKETS, THEN, 200_000));
        write!(
            tables,
            "[[sensor]]\nname = '{name}'\nkind = 'file'\npath = '{name}'\nloop = true\n"
        )
        .unwrap();
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let site = Site::start(scratch, &tables).await;
    site.until("each is heard", |told| {
        let heard: std::collections::BTreeSet<u32> =
            told.packets.iter().map(|it| it.sensor).collect();
        heard.len() == SENSORS as usize
    })
    .await;
    // Those of the other tests of this process are counted, too.
    assert!(threads() < 100, "{} threads", threads());
    let shown = site.shown();
    assert!(shown.iter().all(|it| it.state == SensorState::Capturing), "{:?}", shown[0]);
    site.stop().await;
}
