//! The ports that programs of CMX and MSE 8 insist on, with TLS and without.

use std::net::SocketAddr;
use std::sync::Arc;

use engine::Engine;
use engine::config::Compatibility;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

mod common;

use common::http::{Request, exchange};
use common::wlc::identity;
use common::{ADMIN, Dir, Lab, config, send, send_to};

#[tokio::test]
async fn programs_find_their_apis_and_nothing_else_at_their_ports() {
    let dir = Dir::new();
    let mut config = config(&dir, &[]);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.compatibility =
        vec![Compatibility { listen, plain: true }, Compatibility { listen, plain: false }];
    let engine = Engine::start(config).await.unwrap();
    let &[plain, tls] = engine.compatibility.as_slice() else { panic!("two listeners") };

    let count = "/api/location/v2/clients/count";
    let maps = "/api/contextaware/v1/maps/count.json";
    for path in [count, maps] {
        let answer = send_to(plain, Request::get(path).basic(ADMIN)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        // The first request of a program without credentials.
        let refused = send_to(plain, Request::get(path)).await;
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm="));
    }
    for path in ["/", "/console.js", "/metrics", "/api/v1/floors", "/api/v1/users"] {
        assert_eq!(send(&engine, Request::get(path).basic(ADMIN)).await.status, 200, "{path}");
        let answer = send_to(plain, Request::get(path).basic(ADMIN)).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }

    let connector = TlsConnector::from(Arc::new(
        node::tls::nmsp_client(&identity(), engine.shared.identity.credentials.sha256).unwrap(),
    ));
    let stream = TcpStream::connect(tls).await.unwrap();
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await;
    let answer = exchange(stream.unwrap(), &Request::get(count).basic(ADMIN)).await;
    assert_eq!(answer.json()["count"], 0);
}

/// Programs of MSE 8 that speak XML read errors as XML, whoever refuses.
#[tokio::test]
async fn errors_of_mse_are_written_as_the_program_asks() {
    let lab = Lab::start().await;
    let check = async |path: &str, accept: &str, status: u16, is_xml: bool| {
        let path = format!("/api/contextaware/v1/{path}");
        let request = Request::get(&path).basic(ADMIN).header("Accept", accept);
        let answer = lab.send(request).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let media_type = answer.header("content-type").unwrap();
        if is_xml {
            assert_eq!(media_type, "application/xml;charset=UTF-8", "{path}");
            let text = answer.text();
            let document = roxmltree::Document::parse(&text).unwrap();
            let error = document.root_element().attribute("error").unwrap();
            assert!(!error.is_empty() && !error.contains('{') && !error.contains('<'), "{error}");
        } else {
            assert!(media_type.starts_with("application/json"), "{path}: {media_type}");
            assert!(!answer.json()["error"].as_str().unwrap().contains('<'), "{}", answer.text());
        }
        let length = answer.header("content-length").unwrap();
        assert_eq!(length, answer.body.len().to_string(), "{path}");
    };
    for (path, status) in [
        ("location/clients/ff:ff:ff:ff:ff:ff", 404),
        ("location/clients?page=x", 400),
        ("maps/info/Nowhere", 404),
        ("maps/image/A/B/C", 404),
        ("unicorns", 404),
        ("notifications/nobody", 404),
    ] {
        check(path, "application/xml", status, true).await;
        check(path, "application/json", status, false).await;
        check(path, "application/json;q=0.1, application/xml;q=0.9", status, true).await;
    }
    check("unicorns.xml", "application/json", 404, true).await;
    let path = "/api/contextaware/v1/maps";
    let refused = lab.send(Request::get(path).header("Accept", "text/xml")).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text().starts_with("<?xml"), "{}", refused.text());
    assert!(refused.header("www-authenticate").is_some());
}

/// Whoever tries a method learns which ones there are.
#[tokio::test]
async fn paths_say_which_methods_they_have() {
    let lab = Lab::start().await;
    let check = async |path: &str, method: &str, expected: &str| {
        let refused = lab.send(Request::new(method, path).basic(ADMIN)).await;
        assert_eq!(refused.status, 405, "{method} {path}: {}", refused.text());
        assert_eq!(refused.header("allow"), Some(expected), "{method} {path}");
        assert!(refused.text().contains(method) && refused.text().contains(expected));
        let asked = lab.send(Request::new("OPTIONS", path).basic(ADMIN)).await;
        assert_eq!((asked.status, asked.header("allow")), (204, Some(expected)), "{path}");
        assert!(asked.body.is_empty(), "{path}: {}", asked.text());
    };
    let read = "GET, HEAD, OPTIONS";
    check("/api/config/v1/maps", "PUT", read).await;
    check("/api/contextaware/v1/maps", "DELETE", read).await;
    check("/api/location/v2/clients", "POST", read).await;
    check("/api/config/v1/zoneCountParams/1", "POST", "GET, HEAD, PUT, OPTIONS").await;
    for all in ["/api/config/v1/notifications", "/api/contextaware/v1/notifications"] {
        check(all, "DELETE", "GET, HEAD, PUT, POST, OPTIONS").await;
        let one = format!("{all}/lobby");
        check(&one, "PATCH", "GET, HEAD, PUT, POST, DELETE, OPTIONS").await;
        check(&format!("{all}/exists/lobby"), "PUT", read).await;
    }
}
