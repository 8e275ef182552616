//! The controller's end of NMSP, on a real socket and real TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use engine::config::ControllerConfig;
use model::Mac;
use nmsp::{Batch, Command, Event, MessageId, Settings, SubserviceMask};
use node::clock;
use node::identity::{Identity, Validity, random_mac};
use node::key_hash::{AuthEntry, AuthList, KeyHash};
use node::nmsp::{Listen, Owner, listen};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Dir, PATIENCE, site};

/// A controller that trusts the engine of one directory and tells it the story.
pub(crate) struct Wlc {
    pub(crate) address: SocketAddr,
    pub(crate) key_hash: KeyHash,
    engines: Arc<Mutex<Vec<mpsc::Sender<Command>>>>,
}

impl Wlc {
    /// Listens, and trusts the engine whose data is in `dir`.
    pub(crate) async fn start(dir: &Dir) -> Self {
        let engine = Identity::load_or_create(&dir.path().join("node"), random_mac).unwrap();
        Self::trusting(&engine).await
    }

    /// Listens, and trusts an engine of this identity.
    pub(crate) async fn trusting(engine: &Identity) -> Self {
        let trusted =
            AuthList(vec![AuthEntry { mac: engine.mac, key_hash: engine.credentials.sha256 }]);
        let own = identity();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Listen {
            is_authenticated: true,
            name: "wlc-1".into(),
            tls: Arc::new(node::tls::nmsp_server(&own, Some(trusted)).unwrap()),
            settings: Settings::default(),
            offered: SubserviceMask::ALL,
        };
        let engines = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&engines);
        tokio::spawn(listen(listener, settings, move |accepted| {
            keep.lock().unwrap().push(accepted.commands);
            Desk
        }));
        Self { address, key_hash: own.credentials.sha256, engines }
    }

    /// How the engine is told about it.
    pub(crate) fn config(&self) -> ControllerConfig {
        controller_config(self.address, self.key_hash)
    }

    /// Sends a notification to the engine that connected last.
    pub(crate) async fn notify(&self, batch: Batch) {
        let engine = self.engines.lock().unwrap().last().unwrap().clone();
        let send = engine.send(Command::Send { transaction: None, batch });
        let sent = tokio::time::timeout(PATIENCE, send).await;
        sent.expect("the link takes it").unwrap();
    }
}

/// How an engine is told about a controller.
pub(crate) fn controller_config(address: SocketAddr, key_hash: KeyHash) -> ControllerConfig {
    ControllerConfig { address: address.to_string(), name: String::new(), key_hash }
}

/// A new identity, valid now.
pub(crate) fn identity() -> Identity {
    let now_s = (clock::wall().0 / 1_000) as i64;
    let mac = Mac([0x02, 0, 0, 0, 0, 0x0c]);
    Identity::ephemeral(mac, Validity::around(now_s)).unwrap()
}

/// Tells the story to an engine, and answers what it asks.
struct Desk;

impl Owner for Desk {
    fn event(&mut self, event: Event<'_>) -> Vec<Command> {
        let send = |transaction, batch| Command::Send { transaction, batch };
        match event {
            Event::Active { .. } => {
                (site::story().into_iter()).map(|batch| send(None, batch)).collect()
            }
            Event::Request { id, transaction } => {
                let batch = match id {
                    MessageId::InformationRequest => Batch::Informations(site::informations()),
                    MessageId::StatisticsRequest => Batch::Statistics(site::informations()),
                    _ => Batch::Measurements { at: clock::wall(), observations: Vec::new() },
                };
                vec![send(Some(transaction), batch)]
            }
            Event::Data { .. } => Vec::new(),
        }
    }
}
