//! Accepts TCP connections: the one loop behind every listener.
//!
//! There is a limit on all connections and one per address, so that one machine, by mistake or on
//! purpose, cannot keep the others out. Connections end when the loop is dropped.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// After a failed accept (no file descriptors left, mostly) the listener rests this long.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How many connections a listener holds at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In all.
    pub connections_max: usize,
    /// Of one address; of one /64 where it is IPv6.
    pub per_address_max: usize,
}

/// Runs `connection` for every connection of `listener` until it is dropped.
pub async fn accept<F>(
    listener: TcpListener,
    limits: Limits,
    mut connection: impl FnMut(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running: JoinSet<()> = JoinSet::new();
    let mut addresses: HashMap<tokio::task::Id, IpAddr> = HashMap::new();
    loop {
        tokio::select! {
            Some(ended) = running.join_next_with_id() => {
                let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, ())| *id);
                addresses.remove(&id);
            }
            accepted = listener.accept(), if running.len() < limits.connections_max => match accepted {
                Ok((stream, peer)) => {
                    let network = network(peer.ip());
                    let held = addresses.values().filter(|it| **it == network).count();
                    if held >= limits.per_address_max {
                        tracing::debug!(%peer, held, "too many connections of one address; refused");
                        continue;
                    }
                    let _ = stream.set_nodelay(true);
                    let task = running.spawn(connection(stream, peer));
                    addresses.insert(task.id(), network);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            },
        }
    }
}

/// The address that limits apply to: one host of IPv6 has a whole /64 to choose from.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            v6.to_ipv4_mapped()
                .map_or(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), IpAddr::V4)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn one_address_cannot_hold_every_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits { connections_max: 10, per_address_max: 2 };
        let hold = |stream: TcpStream, _| async move {
            std::future::pending::<()>().await;
            drop(stream);
        };
        let accepting = tokio::spawn(accept(listener, limits, hold));
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        assert_eq!(third.read(&mut [0; 1]).await.unwrap(), 0, "hung up on");

        accepting.abort();
        let mut first = held.remove(0);
        let ended = tokio::time::timeout(Duration::from_secs(5), first.read(&mut [0; 1])).await;
        assert_eq!(ended.unwrap().unwrap_or(0), 0, "connections end with their listener");
    }

    #[test]
    fn the_hosts_of_an_ipv6_network_count_as_one() {
        let network_of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network_of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network_of("192.0.2.1"), "192.0.2.1");
    }
}
