//! Remote sensors: real TLS and a real WebSocket on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic and say what it skips"
)]

mod common;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use common::{PATIENCE, Scratch, Site, beacon, capture, distances, identity, now_us};
use controller::sensor::send::{self, Capture, SendError, Sending};
use futures_util::{SinkExt as _, StreamExt as _};
use model::Mac;
use nmsp::SensorState;
use node::identity::{Identity, Validity};
use node::key_hash::KeyHash;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use wips::CaptureTime;

const THEN: CaptureTime = CaptureTime(1_400_000_000_000_000);

fn table(name: &str, key_hash: KeyHash) -> String {
    format!("[[sensor]]\nname = '{name}'\nkind = 'remote'\nkey_hash = '{key_hash}'\n")
}

/// A site with one remote sensor of this identity.
async fn site(name: &str, identity: &Identity) -> Site {
    let sensors = "[sensors]\nlisten = '127.0.0.1:0'\n";
    let table = table("gate", identity.credentials.sha256);
    Site::start(Scratch::new(name), &format!("{sensors}{table}")).await
}

fn sending(site: &Site) -> Sending {
    Sending {
        controller: site.controller.fleet.address.unwrap().to_string(),
        key_hash: site.controller.identity.credentials.sha256,
    }
}

fn file(site: &Site, bytes: &[u8], rest: &str) -> Capture {
    let path = site.scratch.file("x.pcapng", bytes);
    let text = format!("name = 'x'\nkind = 'file'\npath = '{}'\n{rest}", path.display());
    Capture::Own(toml::from_str(&text).unwrap())
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Connects as a sensor of ours does not.
async fn socket(site: &Site, identity: &Identity) -> Socket {
    let Sending { controller, key_hash } = sending(site);
    let tls = TlsConnector::from(Arc::new(node::tls::nmsp_client(identity, key_hash).unwrap()));
    let stream = TcpStream::connect(controller).await.unwrap();
    let stream = tls.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    client_async("wss://localhost/sensor", stream).await.unwrap().0
}

/// Waits until the other end hangs up; what it says.
async fn hangs_up(socket: &mut Socket) -> String {
    let closed = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|it| it.reason.to_string()).unwrap_or_default();
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return String::new(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_remote_sensor_captures_arrives_whole_and_in_order() {
    let own = identity(7);
    let site = site("whole", &own).await;
    assert!(site.state("gate", SensorState::Failed).await.text.contains("not connected yet"));
    let bytes = capture(1_000, THEN, 1_000);
    let begun_us = now_us();
    send::run(&own, &sending(&site), file(&site, &bytes, "")).await.unwrap();
    site.until("all packets", |told| told.packets.len() >= 1_000).await;
    let packets = site.told().packets.clone();
    assert_eq!(packets.len(), 1_000);
    for (number, packet) in (0..).zip(&packets) {
        assert_eq!(*packet.bytes, *beacon(Mac([0, 0x50, 0x56, 0, 0, 1]), number));
    }
    assert!(distances(&packets).iter().all(|it| *it == 1_000));
    assert!((begun_us..=now_us()).contains(&packets[0].at_us));
    let ended = site.state("gate", SensorState::Ended).await;
    assert_eq!((ended.packets, ended.dropped), (1_000, 0));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_why() {
    let own = identity(8);
    let site = site("refused", &own).await;
    let to = sending(&site);
    send::check(&own, &to).await.unwrap();

    let stranger = identity(9);
    let refused = send::check(&stranger, &to).await.unwrap_err();
    let SendError::PeerRefused { text, .. } = &refused else { panic!("{refused}") };
    assert!(text.contains(&stranger.credentials.sha256.to_string()), "{text}");

    let other = Sending { key_hash: stranger.credentials.sha256, ..to.clone() };
    let found = send::check(&own, &other).await.unwrap_err();
    let is_named = matches!(found, SendError::PeerKey { found, .. } if found == to.key_hash);
    assert!(is_named, "{found}");

    let nowhere = Sending { controller: "127.0.0.1:1".to_owned(), ..to.clone() };
    let error = send::check(&own, &nowhere).await.unwrap_err().to_string();
    assert!(error.contains("cannot reach 127.0.0.1:1"), "{error}");

    let nonsense = Capture::Stream(Box::pin(&b"This is no capture at all."[..]));
    let error = send::run(&own, &to, nonsense).await.unwrap_err().to_string();
    assert!(error.contains("not a pcap or pcapng"), "{error}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_sent_and_its_wrong_clock_is_put_right() {
    let own = identity(10);
    let site = site("stream", &own).await;
    let input = std::io::Cursor::new(capture(200, THEN, 700));
    let sending = sending(&site);
    send::run(&own, &sending, Capture::Stream(Box::pin(input))).await.unwrap();
    site.until("all packets", |told| told.packets.len() == 200).await;
    let packets = site.told().packets.clone();
    assert!(distances(&packets).iter().all(|it| *it == 700));
    assert!(packets[0].at_us + 30_000_000 > now_us());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_cannot_capture_says_why_from_afar() {
    let own = identity(11);
    let site = site("afar", &own).await;
    let text = "name = 'x'\nkind = 'interface'\ninterface = 'no-such-link'";
    let capture = Capture::Own(toml::from_str(text).unwrap());
    let sending = sending(&site);
    let running = tokio::spawn(async move { send::run(&own, &sending, capture).await });
    site.until("it says so", |told| {
        let newest = told.sensors.iter().rev().flatten().next();
        newest.is_some_and(|it| it.text.contains("no-such-link does not exist"))
    })
    .await;
    // It is killed, or its cable is pulled.
    running.abort();
    site.until("it is missed", |told| {
        let newest = told.sensors.iter().rev().flatten().next();
        newest.is_some_and(|it| {
            it.state == SensorState::Failed && it.text.contains("connection from 127.0.0.1")
        })
    })
    .await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hostile_sensor_sends_costs_its_connection() {
    let own = identity(12);
    let site = site("hostile", &own).await;
    // No capture.
    let mut nonsense = socket(&site, &own).await;
    nonsense.send(Message::Binary(vec![0x5a; 4_000].into())).await.unwrap();
    let reason = hangs_up(&mut nonsense).await;
    assert!(reason.contains("not a pcap or pcapng"), "{reason}");
    // Too much in one message.
    let mut long = socket(&site, &own).await;
    let _ = long.send(Message::Binary(vec![0; 1 << 20].into())).await;
    hangs_up(&mut long).await;
    // Two at once: the newer one is meant.
    let mut older = socket(&site, &own).await;
    let bytes = capture(10, CaptureTime(now_us()), 10);
    let (first, second) = bytes.split_at(77);
    older.send(Message::Binary(first.to_vec().into())).await.unwrap();
    let mut newer = socket(&site, &own).await;
    assert!(hangs_up(&mut older).await.contains("newer connection"));
    // A capture may be cut anywhere.
    newer.send(Message::Binary(first.to_vec().into())).await.unwrap();
    newer.send(Message::Binary(second.to_vec().into())).await.unwrap();
    site.until("the packets", |told| told.packets.len() == 10).await;
    // A sensor's words are short and plain.
    newer.send(Message::Text(format!("\x1b[2J{}", "x".repeat(900)).into())).await.unwrap();
    site.until("its words", |_| site.shown()[0].text.starts_with("[2Jxxx")).await;
    assert!(site.shown()[0].text.len() <= 255);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_comes_back_after_its_connection() {
    let own = Arc::new(identity(13));
    let site = site("back", &own).await;
    let (mut input, output) = tokio::io::duplex(1 << 16);
    let (sensor, sending) = (Arc::clone(&own), sending(&site));
    let running = tokio::spawn(async move {
        send::run(&sensor, &sending, Capture::Stream(Box::pin(output))).await
    });
    let now = CaptureTime(now_us());
    let mut bytes = capture(2, now, 10);
    let second = bytes.split_off(capture(1, now, 10).len());
    input.write_all(&bytes).await.unwrap();
    site.until("the first packet", |told| told.packets.len() == 1).await;
    site.state("gate", SensorState::Capturing).await;
    // Its connection is replaced, and then the other one is gone: it is the sensor's turn again.
    let thief = socket(&site, &own).await;
    drop(thief);
    site.until("it is back", |told| {
        let states = told.sensors.iter().flatten().map(|it| it.state);
        let states: Vec<_> = states.skip_while(|it| *it == SensorState::Failed).collect();
        states.contains(&SensorState::Failed) && states.ends_with(&[SensorState::Capturing])
    })
    .await;
    input.write_all(&second).await.unwrap();
    site.until("the second packet, in a capture of its own", |told| told.packets.len() == 2).await;
    drop(input);
    running.await.unwrap().unwrap();
    site.state("gate", SensorState::Ended).await;
    site.stop().await;
}

/// Half of the sensors that there may be are let in from one address: a thousand are behind two, which
/// takes IPv6.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_send_at_once() {
    const PACKETS: u32 = 50;
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has_ipv6 {
        eprintln!("there is no IPv6 here: 500 sensors instead of 1,000");
    }
    let (sensors, listen) = if has_ipv6 { (1_000, "[::]:0") } else { (500, "127.0.0.1:0") };
    let now_s = (now_us() / 1_000_000) as i64;
    let identities: Vec<_> = (0..sensors)
        .map(|it| {
            let mac = Mac::from_u64(0x0200_0001_0000 + it);
            Identity::ephemeral(mac, Validity::around(now_s)).unwrap()
        })
        .collect();
    let mut tables = format!("[sensors]\nlisten = '{listen}'\n");
    for (number, identity) in identities.iter().enumerate() {
        write!(tables, "{}", table(&format!("s{number}"), identity.credentials.sha256)).unwrap();
    }
    let site = Site::start(Scratch::new("thousand"), &tables).await;
    site.until("an engine listens", |told| !told.sensors.is_empty()).await;
    let port = site.controller.fleet.address.unwrap().port();
    let mut running = tokio::task::JoinSet::new();
    for (number, identity) in identities.into_iter().enumerate() {
        let host = if has_ipv6 && number % 2 == 0 { "[::1]" } else { "127.0.0.1" };
        let sending = Sending { controller: format!("{host}:{port}"), ..sending(&site) };
        running.spawn(async move {
            let input = std::io::Cursor::new(capture(PACKETS, CaptureTime(now_us()), 500));
            send::run(&identity, &sending, Capture::Stream(Box::pin(input))).await
        });
    }
    let all = async {
        while let Some(done) = running.join_next().await {
            done.unwrap().unwrap();
        }
    };
    tokio::time::timeout(Duration::from_mins(2), all).await.unwrap();
    site.until("all have ended", |_| site.shown().iter().all(|it| it.state == SensorState::Ended))
        .await;
    let shown = site.shown();
    assert!(shown.iter().all(|it| it.packets == u64::from(PACKETS)));
    // Nothing is lost silently: what is not there was counted.
    let dropped = || site.shown().iter().map(|it| it.dropped).sum::<u64>();
    site.until("all packets", |told| {
        told.packets.len() as u64 + dropped() >= sensors * u64::from(PACKETS)
    })
    .await;
    assert_eq!(site.told().packets.len() as u64 + dropped(), sensors * u64::from(PACKETS));
    site.stop().await;
}
