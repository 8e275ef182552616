//! Clients that look on: writers, an echo, and somebody who asks the network whose an address is.
//!
//! They only record; [`crate::judge`] says what it means. Times are since the site was set up.

mod address;
mod echo;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use model::pair::{Ballot, Epoch, Seat};

use crate::lab::{Host, Lab};
pub(crate) use writer::{BATCH, fill, read_all};

/// A row that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) at: Duration,
    pub(crate) key: u64,
    pub(crate) value: u64,
    pub(crate) index: u64,
    pub(crate) epoch: Epoch,
    pub(crate) by: Host,
}

/// A datagram that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) at: Duration,
    pub(crate) by: Host,
    /// What was acknowledged to somebody before it was asked was not there.
    pub(crate) is_stale: bool,
}

/// An Ethernet address in whose name the virtual address was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) at: Duration,
    pub(crate) by: [u8; 6],
}

/// What clients of one group saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) acks: Vec<Ack>,
    /// Rows of which nobody knows what became.
    pub(crate) unknown: u64,
    /// Rows that were refused.
    pub(crate) refused: u64,
    pub(crate) echoes: Vec<Echo>,
    pub(crate) claims: Vec<Claim>,
    /// When each machine came to have the address, and lost it.
    pub(crate) held: Vec<(Host, Vec<(Duration, Duration)>)>,
}

/// What the probes of one group share.
#[derive(Debug, Clone)]
struct Shared {
    address: String,
    start: Instant,
    is_over: Arc<AtomicBool>,
    /// The highest index that was acknowledged so far.
    acknowledged: Arc<AtomicU64>,
}

impl Shared {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

/// Probes that run.
#[derive(Debug)]
pub(crate) struct Probes {
    is_over: Arc<AtomicBool>,
    groups: Vec<Vec<JoinHandle<Seen>>>,
}

impl Probes {
    /// For the groups with these virtual addresses. A client that waits for longer than `patience`
    /// tries again.
    pub(crate) fn start(
        lab: &Lab,
        addresses: &[&str],
        patience: Duration,
        writers: usize,
        start: Instant,
    ) -> Result<Self> {
        let is_over = Arc::<AtomicBool>::default();
        let mut groups = Vec::new();
        for address in addresses {
            let shared = Shared {
                address: (*address).to_owned(),
                start,
                is_over: Arc::clone(&is_over),
                acknowledged: Arc::default(),
            };
            let mut threads = Vec::new();
            for number in 0..writers {
                threads.push(spawn(lab, Host::C, &shared, move |shared| {
                    writer::write(shared, number as u64, patience)
                })?);
            }
            threads.push(spawn(lab, Host::C, &shared, echo::ask)?);
            threads.push(spawn(lab, Host::O, &shared, address::ask)?);
            for host in [Host::A, Host::B, Host::A2] {
                threads.push(spawn(lab, host, &shared, move |shared| address::look(shared, host))?);
            }
            groups.push(threads);
        }
        Ok(Self { is_over, groups })
    }

    /// Ends them, and says what they saw of each group.
    pub(crate) fn stop(self) -> Vec<Seen> {
        self.is_over.store(true, Ordering::Release);
        let groups = self.groups.into_iter();
        groups
            .map(|threads| {
                let mut all = Seen::default();
                for thread in threads {
                    let Ok(seen) = thread.join() else { continue };
                    all.acks.extend(seen.acks);
                    all.unknown += seen.unknown;
                    all.refused += seen.refused;
                    all.echoes.extend(seen.echoes);
                    all.claims.extend(seen.claims);
                    all.held.extend(seen.held);
                }
                all.acks.sort_by_key(|ack| ack.at);
                all
            })
            .collect()
    }
}

fn spawn(
    lab: &Lab,
    host: Host,
    shared: &Shared,
    work: impl FnOnce(&Shared) -> Result<Seen> + Send + 'static,
) -> Result<JoinHandle<Seen>> {
    let (door, shared) = (lab.door(host.name())?, shared.clone());
    let thread = thread::Builder::new().name("probe".to_owned());
    Ok(thread.spawn(move || {
        let seen = door.enter().and_then(|()| work(&shared));
        seen.unwrap_or_else(|error| {
            crate::say(&format!("a probe ended: {error:#}"));
            Seen::default()
        })
    })?)
}

/// Which machine has this name.
fn host(name: &str) -> Option<Host> {
    Host::ALL.into_iter().find(|host| host.name() == name)
}

/// Reads `1.7p/3`. Source: `model::pair`, as it prints an epoch.
fn epoch(text: &str) -> Option<Epoch> {
    let (ballot, run) = text.split_once('/')?;
    let (generation, round) = ballot.split_once('.')?;
    let (round, by) = round.split_at_checked(round.len().checked_sub(1)?)?;
    let by = match by {
        "p" => Seat::Primary,
        "s" => Seat::Secondary,
        _ => return None,
    };
    let ballot = Ballot { generation: generation.parse().ok()?, round: round.parse().ok()?, by };
    Some(Epoch { ballot, run: run.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_read_as_it_is_printed() {
        let ballot = Ballot { generation: 2, round: 17, by: Seat::Secondary };
        let expected = Epoch { ballot, run: 3 };
        assert_eq!(epoch(&expected.to_string()), Some(expected));
        assert_eq!(epoch("1.7x/3"), None);
        assert_eq!(epoch("1.7"), None);
    }
}
