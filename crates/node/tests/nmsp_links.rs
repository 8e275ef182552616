//! NMSP links on real sockets and real TLS: who is let in, and what each failure is called.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::Mac;
use nmsp::{Batch, Command, Event, MessageId, Settings, SubserviceMask};
use node::clock;
use node::identity::{Identity, Validity};
use node::key_hash::{AuthEntry, AuthList, KeyHash};
use node::nmsp::{
    Accepted, Connection, Dial, Failure, LinkState, LinkStatus, Listen, Owner, dial, listen,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const ENGINE_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
const DAY_S: i64 = 24 * 3_600;

fn now_s() -> i64 {
    (clock::wall().0 / 1000) as i64
}

fn identity(mac: Mac) -> Identity {
    Identity::ephemeral(mac, Validity::around(now_s())).unwrap()
}

/// Remembers the names of what it was told.
#[derive(Clone, Default)]
struct Notebook(Arc<Mutex<Vec<String>>>);

impl Notebook {
    fn has(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line == what)
    }
}

impl Owner for Notebook {
    fn event(&mut self, event: Event<'_>) -> Vec<Command> {
        let (line, answer) = match event {
            Event::Active { .. } => ("active".to_owned(), None),
            Event::Request { id, transaction } => {
                let batch = Batch::Statistics(Vec::new());
                (
                    id.name().to_owned(),
                    Some(Command::Send { transaction: Some(transaction), batch }),
                )
            }
            Event::Data { id, .. } => (id.name().to_owned(), None),
        };
        self.0.lock().unwrap().push(line);
        answer.into_iter().collect()
    }
}

struct Controller {
    address: String,
    key_hash: KeyHash,
    heard: Notebook,
    accepted: Arc<Mutex<Vec<Accepted>>>,
}

async fn controller(trusted: AuthList) -> Controller {
    let identity = identity(Mac([0x02, 0, 0, 0, 0, 0x0c]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let settings = Listen {
        name: "wlc-1".into(),
        tls: Arc::new(node::tls::nmsp_server(&identity, Some(trusted)).unwrap()),
        is_authenticated: true,
        settings: Settings::default(),
        offered: SubserviceMask::ALL,
    };
    let (heard, accepted) = (Notebook::default(), Arc::new(Mutex::new(Vec::new())));
    let (owner, keep) = (heard.clone(), Arc::clone(&accepted));
    tokio::spawn(listen(listener, settings, move |accepted| {
        keep.lock().unwrap().push(accepted);
        owner.clone()
    }));
    Controller { address, key_hash: identity.credentials.sha256, heard, accepted }
}

/// Dials with `engine` and returns what is heard and shown.
fn start(
    engine: &Identity,
    address: &str,
    pinned: KeyHash,
) -> (Notebook, LinkStatus, mpsc::Sender<Command>) {
    let link = Dial {
        address: address.to_owned(),
        name: "mse-1".into(),
        tls: Arc::new(node::tls::nmsp_client(engine, pinned).unwrap()),
        settings: Settings::default(),
        wanted: SubserviceMask::ALL,
    };
    let (sender, receiver) = mpsc::channel(8);
    let (heard, status) = (Notebook::default(), LinkStatus::new(address, "", "WLC", clock::wall()));
    let (mut owner, shown) = (heard.clone(), status.clone());
    tokio::spawn(async move { dial(link, &mut owner, receiver, shown).await });
    (heard, status, sender)
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn check_fails(
    engine: &Identity,
    address: &str,
    pinned: KeyHash,
    reason: &str,
) -> Connection {
    let (_, status, _commands) = start(engine, address, pinned);
    eventually(reason, || status.snapshot().reason.as_deref() == Some(reason)).await;
    let connection = status.snapshot();
    assert_ne!(connection.state, LinkState::Active);
    connection
}

fn entry(engine: &Identity) -> AuthEntry {
    AuthEntry { mac: engine.mac, key_hash: engine.credentials.sha256 }
}

#[tokio::test]
async fn a_known_engine_subscribes_asks_and_is_told() {
    let engine = identity(ENGINE_MAC);
    // SHA-1 is as good as SHA-256 where an old controller knows only that.
    let by_sha1 = AuthEntry { mac: engine.mac, key_hash: engine.credentials.sha1 };
    for trusted in [entry(&engine), by_sha1] {
        let controller = controller(AuthList(vec![trusted])).await;
        let (heard, status, commands) = start(&engine, &controller.address, controller.key_hash);
        eventually("active", || status.snapshot().state == LinkState::Active).await;
        commands.send(Command::Request(MessageId::StatisticsRequest)).await.unwrap();
        eventually("answered", || heard.has("STATISTICS_RESPONSE")).await;
        assert!(controller.heard.has("STATISTICS_REQUEST"));

        let to_engine = controller.accepted.lock().unwrap()[0].commands.clone();
        let batch = Batch::Measurements { at: clock::wall(), observations: Vec::new() };
        to_engine.send(Command::Send { transaction: None, batch }).await.unwrap();
        eventually("notified", || heard.has("MEASUREMENT_NOTIFICATION")).await;
        eventually("counted", || status.snapshot().rx_data == 2).await;
        let shown = status.snapshot();
        assert_eq!((shown.name.as_str(), shown.reason), ("wlc-1", None));
        assert!(shown.capable.iter().any(|it| it == "RSSI") && shown.subscribed.len() > 5);
    }
}

#[tokio::test]
async fn an_unknown_key_is_a_hash_mismatch() {
    let (engine, other) = (identity(ENGINE_MAC), identity(ENGINE_MAC));
    let controller = controller(AuthList(vec![entry(&other)])).await;
    let shown =
        check_fails(&engine, &controller.address, controller.key_hash, "hash_mismatch").await;
    assert!(shown.detail.unwrap().contains("show server-auth-info"));
    assert!(controller.accepted.lock().unwrap().is_empty(), "no session was made");
}

#[tokio::test]
async fn a_known_key_under_another_address_is_a_hash_mismatch() {
    let engine = identity(ENGINE_MAC);
    let moved = AuthEntry { mac: Mac([2, 9, 9, 9, 9, 9]), ..entry(&engine) };
    let controller = controller(AuthList(vec![moved])).await;
    check_fails(&engine, &controller.address, controller.key_hash, "hash_mismatch").await;
}

#[tokio::test]
async fn a_clock_outside_the_certificate_is_clock_skew() {
    for (not_before_s, not_after_s) in [(DAY_S, 2 * DAY_S), (-2 * DAY_S, -DAY_S)] {
        let validity =
            Validity { not_before_s: now_s() + not_before_s, not_after_s: now_s() + not_after_s };
        let engine = Identity::ephemeral(ENGINE_MAC, validity).unwrap();
        let controller = controller(AuthList(vec![entry(&engine)])).await;
        check_fails(&engine, &controller.address, controller.key_hash, "clock_skew").await;
    }
}

#[tokio::test]
async fn another_controller_at_the_address_is_not_trusted() {
    let engine = identity(ENGINE_MAC);
    let controller = controller(AuthList(vec![entry(&engine)])).await;
    let pinned = identity(ENGINE_MAC).credentials.sha256;
    check_fails(&engine, &controller.address, pinned, "controller_key").await;
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let engine = identity(ENGINE_MAC);
    // Bound and released: nobody listens there now.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    check_fails(&engine, &free.to_string(), engine.credentials.sha256, "refused").await;
}

/// A dead address sends nothing back; a test must not send anything there, so the system's words
/// for it are given.
#[test]
fn a_dead_address_is_unreachable() {
    use std::io::{Error, ErrorKind};
    for kind in [ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable, ErrorKind::TimedOut] {
        assert_eq!(Failure::of_io(&Error::from(kind)).word(), "unreachable", "{kind}");
    }
}

#[tokio::test]
async fn another_service_at_the_port_is_a_protocol_error() {
    let engine = identity(ENGINE_MAC);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
            let _ = stream.read(&mut [0; 512]).await;
        }
    });
    check_fails(&engine, &address, engine.credentials.sha256, "protocol").await;
}

/// A controller that accepts TLS, says `frame`, and then waits or is gone.
async fn speaker(identity: &Identity, frame: &'static [u8], is_gone: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let acceptor =
        tokio_rustls::TlsAcceptor::from(Arc::new(node::tls::nmsp_server(identity, None).unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.write_all(frame).await.unwrap();
            stream.flush().await.unwrap();
            // Its engine has spoken first: a reset would take the frame with it otherwise.
            let _ = stream.read(&mut [0; 512]).await;
            if !is_gone {
                let _ = stream.read(&mut [0; 512]).await;
            }
        }
    });
    address
}

/// A controller of a later generation: TLS is fine, the version is not.
#[tokio::test]
async fn a_controller_without_a_common_version_is_named() {
    let (engine, later) = (identity(ENGINE_MAC), identity(Mac([2, 0, 0, 0, 0, 2])));
    // Capability (7) with the field "versions 2 to 3".
    let frame =
        b"NM\x01\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01\x00\x02\x02\x03";
    let address = speaker(&later, frame, false).await;
    let shown = check_fails(&engine, &address, later.credentials.sha256, "version").await;
    assert!(shown.detail.unwrap().contains("2 to 3"));
}

/// It is killed while it sends: no good-bye of TLS, and a frame that stops after three bytes.
#[tokio::test]
async fn a_frame_that_is_cut_off_by_a_dying_controller_is_named() {
    let (engine, dying) = (identity(ENGINE_MAC), identity(Mac([2, 0, 0, 0, 0, 2])));
    let address = speaker(&dying, b"NM\x01", true).await;
    let shown = check_fails(&engine, &address, dying.credentials.sha256, "protocol").await;
    assert!(shown.detail.unwrap().contains("in the middle of a frame, after 3 bytes"));
}

/// Peers that never finish a handshake, or send garbage, take nothing from those that do.
#[tokio::test]
async fn half_open_and_garbage_connections_harm_nobody() {
    let engine = identity(ENGINE_MAC);
    let controller = controller(AuthList(vec![entry(&engine)])).await;
    let mut half_open = Vec::new();
    for _ in 0..7 {
        let mut stream = TcpStream::connect(&controller.address).await.unwrap();
        // The beginning of a TLS record, and nothing more.
        stream.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        half_open.push(stream);
    }
    let mut garbage = TcpStream::connect(&controller.address).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), garbage.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "garbage is hung up on");

    let (_, status, _commands) = start(&engine, &controller.address, controller.key_hash);
    eventually("active beside them", || status.snapshot().state == LinkState::Active).await;
    drop(half_open);
}

/// The engine comes back by itself when the controller does.
#[tokio::test]
async fn a_link_is_made_again_after_it_broke() {
    let engine = identity(ENGINE_MAC);
    let controller = controller(AuthList(vec![entry(&engine)])).await;
    let (_, status, _commands) = start(&engine, &controller.address, controller.key_hash);
    eventually("active", || status.snapshot().state == LinkState::Active).await;
    let stop = controller.accepted.lock().unwrap()[0].commands.clone();
    stop.send(Command::Stop).await.unwrap();
    eventually("a second connection", || controller.accepted.lock().unwrap().len() == 2).await;
    eventually("active again", || status.snapshot().state == LinkState::Active).await;
}
