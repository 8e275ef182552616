//! Events on their way to real receivers on loopback: those that take them, hang, refuse or break off.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use model::Time;
use node::identity::{Identity, Validity};
use node::notifier::{AddressRules, Courier, DELIVERY_MAX, Message, Severity};
use notify::{Format, MailSecurity, Receiver, SyslogProtocol, Transport, Trust};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

const BODY: &str = r#"{"notifications":[{"deviceId":"00:50:56:9c:34:89"}]}"#;
const HOST: &str = "127.0.0.1";

fn message() -> Message {
    Message {
        id: 1,
        at: Time(1_426_552_053_437),
        sender: "mse-1".into(),
        kind: "containment",
        line: "00:50:56:9c:34:89 entered North>Lobby".into(),
        media_type: "application/json",
        body: BODY.into(),
        severity: Severity::Notice,
        variables: Vec::new(),
    }
}

fn receiver(transport: Transport) -> Receiver {
    Receiver { transport, format: Format::Cmx }
}

fn http(url: String) -> Receiver {
    let headers = BTreeMap::from([("X-Key".to_owned(), "secret".to_owned())]);
    receiver(Transport::Http { url, headers, trust: Trust::System })
}

/// What became of the message, in words; empty is success.
async fn deliver(receiver: Receiver) -> String {
    let outcome = Courier::default().deliver(&receiver, &message()).await;
    outcome.map_or_else(|error| error.to_string(), |()| String::new())
}

/// A listener that treats its one connection so, and its port.
async fn serve<F: Future<Output = T> + Send, T: Send + 'static>(
    treat: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (u16, tokio::task::JoinHandle<T>) {
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move { treat(listener.accept().await.unwrap().0).await });
    (port, task)
}

/// Answers one request with this; what was asked.
async fn check_http(answer: &'static str, expected: &str) -> String {
    let (port, task) = serve(move |mut stream| async move {
        let mut asked = Vec::new();
        while !asked.ends_with(BODY.as_bytes()) {
            assert!(stream.read_buf(&mut asked).await.unwrap() > 0);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    })
    .await;
    let outcome = deliver(http(format!("http://{HOST}:{port}/api/notify/v1/location?a=b"))).await;
    assert!(
        outcome.starts_with(expected) && outcome.is_empty() == expected.is_empty(),
        "{outcome}"
    );
    task.await.unwrap()
}

#[tokio::test]
async fn a_post_has_what_receivers_look_for() {
    let asked = check_http("HTTP/1.1 204 No Content\r\n\r\n", "").await;
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/notify/v1/location?a=b HTTP/1.1\r\n"), "{head}");
    for line in ["content-type: application/json", "x-key: secret", "host: 127.0.0.1:"] {
        assert!(head.to_ascii_lowercase().contains(line), "{line} in {head}");
    }
    assert_eq!(body, BODY);
}

#[tokio::test]
async fn any_other_status_than_success_is_a_failure() {
    check_http("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "it answered 500").await;
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n";
    check_http(moved, "it answered 302 Found; redirects are not followed").await;
    check_http("SSH-2.0-OpenSSH_9.2\r\n", "HTTP: ").await;
    check_http("", "HTTP: ").await;
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up() {
    let (port, task) = serve(|mut stream| async move {
        let mut ignored = Vec::new();
        // Until the other end gives up.
        stream.read_to_end(&mut ignored).await
    })
    .await;
    let begun = Instant::now();
    let outcome = deliver(http(format!("http://{HOST}:{port}/"))).await;
    assert_eq!(outcome, "no answer in 5 s");
    assert!(begun.elapsed() < 2 * DELIVERY_MAX);
    assert!(task.await.unwrap().is_ok(), "the connection is closed");
}

#[tokio::test]
async fn nobody_there_and_nowhere_to_go_are_told_apart() {
    let unused = {
        let listener = TcpListener::bind((HOST, 0)).await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let outcome = deliver(http(format!("http://{HOST}:{unused}/"))).await;
    assert!(outcome.contains("refused"), "{outcome}");
    let outcome = deliver(http("http://169.254.169.254/latest/meta-data/".into())).await;
    assert!(outcome.contains("notifications.link_local"), "{outcome}");
    let courier = Courier::new(AddressRules::default());
    let metadata = http("http://[::ffff:169.254.169.254]/".into());
    assert!(courier.check(&metadata).is_err(), "refused before anything is sent");
    assert!(courier.check(&http("http://127.0.0.1/".into())).is_ok());
    let no_pem = Trust::Ca("nothing".into());
    let transport = Transport::Http { url: "https://a/".into(), headers: [].into(), trust: no_pem };
    assert!(courier.check(&receiver(transport)).is_err());
}

/// Posts over TLS to a receiver with a key of its own, and returns what became of it.
async fn check_tls(trust: impl FnOnce(&Identity) -> Trust, expected: &str) {
    let now_s = (node::clock::wall().0 / 1_000) as i64;
    let mac = model::Mac([2, 0, 0, 0, 0, 1]);
    let identity = Identity::ephemeral(mac, Validity::around(now_s)).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(node::tls::https_server(&identity).unwrap()));
    let (port, task) = serve(move |stream| async move {
        // Who is not believed gets no further than this.
        let Ok(mut stream) = acceptor.accept(stream).await else { return false };
        let mut asked = Vec::new();
        while !asked.ends_with(BODY.as_bytes()) {
            if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                return false;
            }
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.is_ok()
    })
    .await;
    let (url, trust) = (format!("https://{HOST}:{port}/"), trust(&identity));
    let outcome = deliver(receiver(Transport::Http { url, headers: [].into(), trust })).await;
    assert!(outcome.contains(expected) && outcome.is_empty() == expected.is_empty(), "{outcome}");
    assert_eq!(task.await.unwrap(), expected.is_empty(), "nothing is told to a stranger");
}

#[tokio::test]
async fn a_receiver_is_believed_by_its_pinned_key_alone() {
    check_tls(|own| Trust::Pin(own.credentials.sha256.to_string()), "").await;
    check_tls(|own| Trust::Pin(own.credentials.sha1.to_string()), "").await;
    check_tls(|_| Trust::Pin("0".repeat(64)), "not trusted").await;
    // No authority of a machine vouches for a key that was made a moment ago.
    check_tls(|_| Trust::System, "certificate").await;
}

fn syslog(port: u16, protocol: SyslogProtocol) -> Receiver {
    receiver(Transport::Syslog { host: HOST.into(), port, protocol, trust: Trust::System })
}

#[tokio::test]
async fn syslog_is_one_datagram_or_a_counted_message() {
    let expected = format!("<133>1 2015-03-17T00:27:33.437Z mse-1 mse - containment - {BODY}");
    let socket = UdpSocket::bind((HOST, 0)).await.unwrap();
    let udp = syslog(socket.local_addr().unwrap().port(), SyslogProtocol::Udp);
    assert_eq!(deliver(udp).await, "");
    let mut datagram = [0; 1_024];
    let length = socket.recv(&mut datagram).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&datagram[..length]), expected);

    let (port, task) = serve(|mut stream| async move {
        let mut received = String::new();
        stream.read_to_string(&mut received).await.unwrap();
        received
    })
    .await;
    assert_eq!(deliver(syslog(port, SyslogProtocol::Tcp)).await, "");
    assert_eq!(task.await.unwrap(), format!("{} {expected}", expected.len()));
}

#[tokio::test]
async fn a_trap_is_one_datagram() {
    let socket = UdpSocket::bind((HOST, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let community = "public".into();
    assert_eq!(deliver(receiver(Transport::Snmp { host: HOST.into(), port, community })).await, "");
    let mut datagram = [0; 1_024];
    let length = socket.recv(&mut datagram).await.unwrap();
    assert_eq!(datagram[..2], [0x30, (length - 2) as u8]);
}

/// A mail server that answers each command with the next of these; what it was told.
async fn check_mail(answers: &'static [&'static str], expected: &str) -> Vec<String> {
    let (port, task) = serve(move |stream| async move {
        let mut stream = BufReader::new(stream);
        let (mut told, mut line) = (Vec::new(), String::new());
        for answer in answers {
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            let is_text = answer.starts_with("354");
            loop {
                line.clear();
                if stream.read_line(&mut line).await.unwrap() == 0 {
                    return told;
                }
                told.push(line.trim_end().to_owned());
                if !is_text || line == ".\r\n" {
                    break;
                }
            }
        }
        told
    })
    .await;
    let mail = Transport::Email {
        host: HOST.into(),
        port,
        security: MailSecurity::None,
        trust: Trust::System,
        login: None,
        from: "mse@example.com".into(),
        to: "anna@example.com".into(),
    };
    let outcome = deliver(receiver(mail)).await;
    assert!(outcome.contains(expected) && outcome.is_empty() == expected.is_empty(), "{outcome}");
    task.await.unwrap()
}

/// Else they would go to port 80, to whoever listens there.
#[tokio::test]
async fn a_port_that_is_none_gets_no_events() {
    for url in ["http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://[::1]:70000/"] {
        let outcome = deliver(http(url.into())).await;
        assert!(outcome.contains("a port that is not between 1 and 65535"), "{url}: {outcome}");
    }
}

#[tokio::test]
async fn a_mail_says_it_in_its_subject() {
    let told = check_mail(
        &["220 mail", "250 mail", "250 ok", "250 ok", "354 go on", "250 queued", "221 bye"],
        "",
    )
    .await;
    let text = told.join("\n");
    for part in [
        "MAIL FROM:<mse@example.com>",
        "RCPT TO:<anna@example.com>",
        "Subject: 00:50:56:9c:34:89 entered North>Lobby",
        "Message-ID: <",
        "MIME-Version: 1.0",
        "Content-Type: application/json",
        BODY,
        "QUIT",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    check_mail(&["220 mail", "250 mail", "250 ok", "550 no such user"], "no such user").await;
}

#[tokio::test]
async fn a_mail_server_that_is_not_there_has_answered_nothing() {
    let (port, task) = serve(async |_| ()).await;
    task.abort();
    task.await.unwrap_err();
    let mail = Transport::Email {
        host: HOST.into(),
        port,
        security: MailSecurity::None,
        trust: Trust::System,
        login: None,
        from: "mse@example.com".into(),
        to: "anna@example.com".into(),
    };
    let outcome = deliver(receiver(mail)).await;
    assert!(outcome.starts_with("Connection error"), "{outcome}");
    assert_eq!(outcome.matches("refused").count(), 1, "said once: {outcome}");
}

/// A broker that answers the first packet with these bytes and the second with those.
async fn check_mqtt(accept: [u8; 4], acknowledge: [u8; 4], expected: &str) -> Vec<u8> {
    let (port, task) = serve(move |mut stream| async move {
        let mut told = Vec::new();
        for answer in [accept, acknowledge] {
            if stream.read_buf(&mut told).await.unwrap() == 0 {
                return told;
            }
            stream.write_all(&answer).await.unwrap();
        }
        stream.read_to_end(&mut told).await.unwrap();
        told
    })
    .await;
    let transport = Transport::Mqtt {
        host: HOST.into(),
        port,
        tls: false,
        trust: Trust::System,
        login: None,
        topic: "mse/events".into(),
    };
    let outcome = deliver(receiver(transport)).await;
    assert!(outcome.contains(expected) && outcome.is_empty() == expected.is_empty(), "{outcome}");
    task.await.unwrap()
}

#[tokio::test]
async fn a_broker_has_to_acknowledge() {
    let told = check_mqtt([0x20, 2, 0, 0], [0x40, 2, 0, 1], "").await;
    let published = [b"mse/events\0\x01".as_slice(), BODY.as_bytes(), &[0xe0, 0]].concat();
    assert!(told.ends_with(&published), "{told:?}");
    check_mqtt([0x20, 2, 0, 5], [0; 4], "user or password are wrong").await;
    check_mqtt([0x20, 2, 0, 0], [0x40, 2, 0, 9], "another message").await;
    check_mqtt(*b"HTTP", [0; 4], "no MQTT").await;
}
