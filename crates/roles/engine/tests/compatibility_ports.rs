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
use common::{ADMIN, Dir, config, send, send_to};

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
