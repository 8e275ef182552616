//! Patroni on etcd: PostgreSQL with a synchronous standby. etcd has a member on each node and one on
//! the witness.
//!
//! Settings: `ttl 20` and `retry_timeout 3` are the lowest that Patroni takes, and `loop_wait 1` the
//! lowest that is useful (patroni/config.py; `loop_wait + 2 * retry_timeout <= ttl`).
//! `synchronous_mode on`, so that nothing acknowledged is lost (`docs/replication_modes.rst`).
//! `primary_start_timeout 0`: a crashed primary is failed over at once instead of being started again
//! for up to five minutes (`docs/dynamic_configuration.rst`). `wal_sender_timeout 5s` and the receiver's,
//! instead of 60 s: a standby that is cut off is noticed (PostgreSQL 15, "20.6.1"). etcd has its own
//! times, 100 ms heartbeat and 1 s election, and `--pre-vote`, which later releases have by default: a
//! member that returns does not end the others' term. No watchdog: there is none in a lab.

use std::time::Duration;

use anyhow::Result;

use super::{Kind, Peer};
use crate::compare::machine::Field;
use crate::compare::rows;
use crate::lab::{Host, PREFIX};

/// A cluster with a synchronous standby is there by then. Ours.
const BEGIN_MAX: Duration = Duration::from_mins(2);
/// Where Patroni reads.
const FILE: &str = "/etc/patroni/compare.yml";
/// Members of etcd.
const MEMBERS: [Host; 3] = [Host::A, Host::B, Host::W];

#[derive(Debug)]
pub(in crate::compare) struct Patroni;

fn settings(host: Host) -> String {
    let (name, address) = (host.name(), host.address());
    let [a, b, w] = MEMBERS.map(|member| format!("{}:2379", member.address()));
    let network = format!("10.9.0.0/{PREFIX}");
    format!(
        "scope: compare
name: {name}
restapi: {{listen: '{address}:8008', connect_address: '{address}:8008'}}
etcd3: {{hosts: ['{a}', '{b}', '{w}']}}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 3
    primary_start_timeout: 0
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters: {{max_connections: 500, wal_sender_timeout: 5s, wal_receiver_timeout: 5s}}
  initdb: [{{encoding: UTF8}}, data-checksums]
postgresql:
  listen: '{address}:5432'
  connect_address: '{address}:5432'
  data_dir: /data/pg
  bin_dir: /usr/lib/postgresql/15/bin
  pgpass: /tmp/pgpass
  pg_hba:
  - local all all trust
  - host all all {network} trust
  - host replication all {network} trust
  authentication:
    superuser: {{username: postgres}}
    replication: {{username: replicator}}
  parameters: {{unix_socket_directories: /tmp}}
"
    )
}

impl Peer for Patroni {
    fn name(&self) -> &'static str {
        "Patroni"
    }

    fn kind(&self) -> Kind {
        Kind::Rows
    }

    fn set_up(&self, field: &Field) -> Result<()> {
        let cluster = MEMBERS.map(|host| format!("{}=http://{}:2380", host.name(), host.address()));
        let cluster = format!("--initial-cluster={}", cluster.join(","));
        for host in MEMBERS {
            let address = host.address();
            let words = [
                "etcd".to_owned(),
                format!("--name={}", host.name()),
                "--data-dir=/data/etcd".to_owned(),
                "--pre-vote=true".to_owned(),
                format!("--listen-peer-urls=http://{address}:2380"),
                format!("--initial-advertise-peer-urls=http://{address}:2380"),
                format!("--listen-client-urls=http://{address}:2379,http://127.0.0.1:2379"),
                format!("--advertise-client-urls=http://{address}:2379"),
                cluster.clone(),
            ];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            field.spawn(host, "etcd", "postgres", &words)?;
        }
        for host in [Host::A, Host::B] {
            field.write(host, FILE, &settings(host))?;
            field.spawn(host, "patroni", "postgres", &["patroni", FILE])?;
            if host == Host::A {
                field.wait(BEGIN_MAX, "primary", |field| rows::is_primary(field, Host::A))?;
            }
        }
        field.wait(BEGIN_MAX, "synchronous standby", |field| rows::is_whole(field, Host::A))
    }

    fn is_ha(&self, process: &str) -> bool {
        ["patroni", "python3", "etcd"].contains(&process)
    }

    fn switch(&self, field: &Field, from: Host) -> Result<()> {
        let to = if from == Host::A { Host::B } else { Host::A };
        let words = ["patronictl", "-c", FILE, "switchover", "--force", "--candidate", to.name()];
        let leader = ["--leader", from.name(), "compare"];
        field.run(Host::B, "postgres", &[&words[..], &leader].concat()).map(drop)
    }
}
