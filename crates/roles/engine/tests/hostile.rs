//! Bad input: each gets an answer that names the culprit, and nothing is lost by it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use engine::Engine;
use engine::config::ControllerConfig;
use model::Dbm;
use nmsp::{Batch, Event, Input, MessageId, Output, Session, Settings, Side, SubserviceMask};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

mod common;

use common::http::{Request, exchange};
use common::wlc::{Wlc, controller_config, identity};
use common::{ADMIN, Dir, Lab, config, eventually, send, settled, site};

/// An archive with these entries; names are written as they are.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&builder.into_inner().unwrap()).unwrap();
    zip.finish().unwrap()
}

/// `maps.json` with one floor whose plan is `plan`.
fn maps_with(plan: &[u8], media_type: &str) -> (String, Vec<u8>) {
    let sha256 = node::token::hex(&node::token::sha256(plan));
    let mut maps = site::maps();
    let floors = &mut maps.campuses[0].buildings[0].floors;
    floors.truncate(1);
    let image = floors[0].image.as_mut().unwrap();
    image.sha256.clone_from(&sha256);
    image.media_type = media_type.into();
    (sha256, serde_json::to_vec(&maps).unwrap())
}

#[tokio::test]
async fn a_bad_archive_is_refused_and_the_maps_stay() {
    let lab = Lab::start().await;
    let before = lab.get("/api/v1/maps/archive").await.body;
    let check = async |body: Vec<u8>, culprit: &str| {
        let put = Request::new("PUT", "/api/v1/maps/archive");
        let response = lab.send(put.basic(ADMIN).body(body)).await;
        let message = response.error(400, "bad_request");
        assert!(message.contains(culprit), "'{message}' names {culprit}");
        let after = lab.get("/api/v1/maps/archive").await.body;
        assert!(after == before, "{culprit}: the old maps are served");
    };
    let maps = serde_json::to_vec(&site::maps()).unwrap();
    let document = ("maps.json", maps.as_slice());
    check(archive(&[("../../etc/passwd", b"x"), document]), "'../../etc/passwd'").await;
    check(archive(&[("images/../../x.png", b"x"), document]), "'images/../../x.png'").await;
    check(archive(&[document]), "not in the archive").await;
    check(b"not even gzip".to_vec(), "not a gzip-compressed tar").await;
    check(before[..before.len() - 9].to_vec(), "cut short").await;
    check(Vec::new(), "not a gzip-compressed tar").await;
    let unknown = br#"{"campuses": [{"name": "North", "colour": "red"}]}"#;
    check(archive(&[("maps.json", unknown)]), "colour").await;
    let twice = br#"{"campuses": [{"name": "North"}, {"name": "North"}]}"#;
    check(archive(&[("maps.json", twice)]), "North is there twice").await;

    let (sha256, maps) = maps_with(b"no image at all", "image/png");
    let name = format!("images/{sha256}.png");
    let entries = [("maps.json", maps.as_slice()), (&name, b"no image at all")];
    check(archive(&entries), &format!("'{name}' is no PNG")).await;
    let script = br#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 3"><script/></svg>"#;
    let (sha256, maps) = maps_with(script, "image/svg+xml");
    let name = format!("images/{sha256}.svg");
    let entries = [("maps.json", maps.as_slice()), (&name, script.as_slice())];
    check(archive(&entries), "script").await;

    assert!(!lab.engine.shared.store.files().has(&sha256), "it is not kept");
    settled(&lab.engine).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let lab = Lab::start().await;
    let large = json!({"username": "a".repeat(64 * 1024), "password": "x"});
    let response = lab.send(Request::new("POST", "/api/v1/session").json(&large)).await;
    let message = response.error(413, "too_large");
    assert!(message.contains("limit"), "{message}");
    let wrong = json!({"username": "a".repeat(63 * 1024), "password": "x"});
    let response = lab.send(Request::new("POST", "/api/v1/session").json(&wrong)).await;
    response.error(401, "unauthenticated");
}

/// Those who begin and never finish, or speak something else, take nothing from those who ask.
#[tokio::test]
async fn slow_and_garbled_connections_disturb_nobody() {
    let dir = Dir::new();
    let mut https = config(&dir, &[]);
    https.https.plain = false;
    let engine = Engine::start(https).await.unwrap();
    let tls = TlsConnector::from(Arc::new(
        node::tls::nmsp_client(&identity(), engine.shared.identity.credentials.sha256).unwrap(),
    ));
    let connect = async || {
        let stream = TcpStream::connect(engine.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        tls.connect(name, stream).await.unwrap()
    };

    let mut begun = Vec::new();
    for _ in 0..50 {
        // The beginning of a TLS record, and nothing more.
        let mut stream = TcpStream::connect(engine.address).await.unwrap();
        stream.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        begun.push(stream);
    }
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut stream = connect().await;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: ").await.unwrap();
        stream.flush().await.unwrap();
        slow.push(stream);
    }
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"SSH-2.0-x\r\n", &[0; 512]] {
        let mut stream = TcpStream::connect(engine.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut rest = Vec::new();
        let hung_up = tokio::time::timeout(common::PATIENCE, stream.read_to_end(&mut rest));
        assert!(hung_up.await.is_ok(), "{garbage:?} is hung up on");
    }

    let answer = exchange(connect().await, &Request::get("/api/v1/floors").basic(ADMIN)).await;
    assert_eq!(answer.json().as_array().unwrap().len(), 3);
    drop((begun, slow));
}

/// An element is not where an impossible strength puts it, and what was left out is counted.
#[tokio::test]
async fn impossible_strengths_are_left_out_and_counted() {
    let lab = Lab::start().await;
    let batch = |strengths: &[f32]| {
        let mut batch = site::measurement(site::PASSER_BY, site::GROUND, (15.0, 11.0));
        if let Batch::Measurements { observations, .. } = &mut batch {
            for (reading, strength) in observations[0].readings.iter_mut().zip(strengths) {
                reading.rssi = Dbm(*strength);
            }
        }
        batch
    };
    let path = format!("/api/location/v2/clients/{}", site::PASSER_BY.text());
    lab.wlc.notify(batch(&[120.0, -300.0])).await;
    let counted = async || {
        let metrics = lab.get("/metrics").await.text();
        metrics.contains("mse_readings_impossible_total 2\n")
    };
    eventually("both are counted", counted).await;
    let strongest = lab.json(&path).await["statistics"]["maxDetectedRssi"]["rssi"].as_i64();
    assert!(strongest.is_some_and(|rssi| (-128..=20).contains(&rssi)), "{strongest:?}");
}

/// What a broken controller sends in place of a measurement.
#[derive(Debug, Clone)]
struct Bad(&'static str, Vec<u8>);

fn bad_frames() -> [Bad; 4] {
    let measurement = MessageId::MeasurementNotification.to_wire().to_be_bytes();
    let frame = |body_bytes: u32, body: &[u8]| {
        let header = [b"NM\x01\x00".as_slice(), &measurement, &[0; 6]].concat();
        [&header, body_bytes.to_be_bytes().as_slice(), body].concat()
    };
    // A field "measured" (16) that says 200 bytes and has four.
    let cut = frame(8, &[0, 16, 0, 200, 1, 2, 3, 4]);
    // A measured element that says 16 readings and has none.
    let hollow = frame(12, &[0, 16, 0, 8, 2, 0, 0, 0, 0, 9, 0, 16]);
    [
        Bad("a field that is cut short", cut),
        Bad("an element without its readings", hollow),
        Bad("an oversized frame", frame(0x0100_0000, &[])),
        Bad("garbage", b"\xff\xfe\xfd garbage \x00".to_vec()),
    ]
}

/// A controller that negotiates well and then sends something bad, and how often it was called.
async fn broken_controller(bad: Bad) -> (ControllerConfig, Arc<AtomicU32>) {
    let own = identity();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = controller_config(listener.local_addr().unwrap(), own.credentials.sha256);
    let acceptor = TlsAcceptor::from(Arc::new(node::tls::nmsp_server(&own, None).unwrap()));
    let connections = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = misbehave(stream, &bad).await;
            }
        }
    });
    (config, connections)
}

async fn misbehave(
    mut stream: tokio_rustls::server::TlsStream<TcpStream>,
    Bad(_, bytes): &Bad,
) -> std::io::Result<()> {
    let now = node::clock::wall();
    let side = Side::Controller;
    let mut session = Session::new(side, Settings::default(), SubserviceMask::ALL, "bad", now);
    let mut buffer = [0; 4_096];
    loop {
        let mut is_active = false;
        while let Some(output) = session.poll() {
            match output {
                Output::Transmit(bytes) => stream.write_all(bytes).await?,
                Output::Event(Event::Active { .. }) => is_active = true,
                Output::Event(_) | Output::Close(_) => {}
            }
        }
        if is_active {
            stream.write_all(bytes).await?;
        }
        stream.flush().await?;
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let received = buffer.get(..count).unwrap_or_default();
        session.handle(now, Input::Received(received.into()));
    }
}

#[tokio::test]
async fn a_broken_controller_is_hung_up_on_and_the_others_go_on() {
    let dir = Dir::new();
    let good = Wlc::start(&dir).await;
    let mut controllers = vec![good.config()];
    let mut broken = Vec::new();
    for bad in bad_frames() {
        let what = bad.0;
        let (controller, connections) = broken_controller(bad).await;
        broken.push((what, controller.address.clone(), connections));
        controllers.push(controller);
    }
    let engine = Engine::start(config(&dir, &controllers)).await.unwrap();
    settled(&engine).await;
    let request = || Request::get("/api/v1/nmsp").basic(ADMIN);
    let links = async || send(&engine, request()).await.json()["connections"].clone();
    let of = |links: &Value, address: &str| -> Value {
        let mut links = links.as_array().unwrap().iter();
        links.find(|it| it["address"] == address).unwrap().clone()
    };

    for (what, address, _) in &broken {
        eventually(what, async || of(&links().await, address)["reason"] == "protocol").await;
    }
    let (what, address, connections) = &broken[0];
    let detail = of(&links().await, address)["detail"].clone();
    assert!(detail.as_str().unwrap().contains("message 15"), "{what}: {detail}");
    eventually("it is tried again, and again", async || connections.load(Ordering::Relaxed) > 2)
        .await;

    settled(&engine).await;
    let one = site::ANNA.path();
    let batch = site::measurement(site::ANNA, site::GROUND, (15.0, 11.0));
    good.notify(batch).await;
    eventually("the good controller's element moves", async || {
        let anna = send(&engine, Request::get(&one).basic(ADMIN)).await.json();
        anna["position"]["point"]["x"].as_f64().is_some_and(|x| x > 12.0)
    })
    .await;
    assert_eq!(of(&links().await, &good.config().address)["state"], "active");
}
