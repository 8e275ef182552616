//! `pg_auto_failover`: PostgreSQL with a synchronous standby; its monitor runs on the witness.
//!
//! Settings of the monitor (docs/ref/configuration.rst): health checks every 1 s (5 s), that fail
//! after 1 s (5 s) and one more try 0.5 s later (2 tries, 2 s); a node that does not report is
//! unhealthy after 5 s (20 s). A keeper that sees nobody stops its PostgreSQL after
//! `network_partition_timeout` 5 s (20 s), and `primary_demote_timeout`, for which a promotion waits,
//! is 10 s (30 s): it must be longer, or two would serve. In brackets the defaults.

use std::time::Duration;

use anyhow::Result;

use super::{Kind, Peer};
use crate::compare::machine::Field;
use crate::compare::rows;
use crate::lab::{Host, PREFIX};

/// A formation with a synchronous standby is there by then. Ours.
const BEGIN_MAX: Duration = Duration::from_mins(2);
/// Where PostgreSQL's files are, on each machine.
const DATA: &str = "/data/pg";
/// Reads of the monitor.
const MONITOR: &str = "
max_connections = 200
pgautofailover.health_check_period = 1000
pgautofailover.health_check_timeout = 1000
pgautofailover.health_check_max_retries = 1
pgautofailover.health_check_retry_delay = 500
pgautofailover.node_considered_unhealthy_timeout = 5000
pgautofailover.primary_demote_timeout = 10000
";
/// Reads of the nodes. A standby that is cut off is noticed after 5 s (60 s; PostgreSQL 15, "20.6.1").
const REPLICATION: &str =
    "max_connections = 500\nwal_sender_timeout = 5s\nwal_receiver_timeout = 5s\n";
/// See [`MONITOR`].
const PARTITION_S: &str = "5";

#[derive(Debug)]
pub(in crate::compare) struct AutoFailover;

fn create(field: &Field, host: Host, role: &[&str], more: &[&str]) -> Result<()> {
    let address = host.address();
    let words = ["pg_autoctl", "create"];
    let common = ["--pgdata", DATA, "--pgport", "5432", "--hostname", &address];
    let trust = ["--auth", "trust", "--no-ssl"];
    field.run(host, "postgres", &[&words[..], role, &common, &trust, more].concat()).map(drop)
}

fn run(field: &Field, host: Host) -> Result<()> {
    field.spawn(host, "autoctl", "postgres", &["pg_autoctl", "run", "--pgdata", DATA])
}

impl Peer for AutoFailover {
    fn name(&self) -> &'static str {
        "pg_auto_failover"
    }

    fn kind(&self) -> Kind {
        Kind::Rows
    }

    fn set_up(&self, field: &Field) -> Result<()> {
        create(field, Host::W, &["monitor"], &[])?;
        field.append(Host::W, "/data/pg/postgresql.conf", MONITOR)?;
        run(field, Host::W)?;
        field.wait(BEGIN_MAX, "monitor", |field| {
            let words = ["pg_isready", "--host", "127.0.0.1"];
            field.run(Host::W, "postgres", &words).is_ok()
        })?;
        let monitor =
            format!("postgres://autoctl_node@{}:5432/pg_auto_failover", Host::W.address());
        for host in [Host::A, Host::B] {
            create(field, host, &["postgres"], &["--name", host.name(), "--monitor", &monitor])?;
            let words = ["pg_autoctl", "config", "set", "--pgdata", DATA];
            let timeout = ["timeout.network_partition_timeout", PARTITION_S];
            field.run(host, "postgres", &[&words[..], &timeout].concat())?;
            if host == Host::A {
                // The standby gets a copy of both.
                let client = format!("host all all 10.9.0.0/{PREFIX} trust\n");
                field.append(host, "/data/pg/pg_hba.conf", &client)?;
                field.append(host, "/data/pg/postgresql.conf", REPLICATION)?;
            }
            run(field, host)?;
            if host == Host::A {
                field.wait(BEGIN_MAX, "primary", |field| rows::is_primary(field, Host::A))?;
            }
        }
        field.wait(BEGIN_MAX, "synchronous standby", |field| rows::is_whole(field, Host::A))
    }

    fn is_ha(&self, process: &str) -> bool {
        process.starts_with("pg_autoctl")
    }

    fn switch(&self, field: &Field, _from: Host) -> Result<()> {
        let words = ["pg_autoctl", "perform", "switchover", "--pgdata", DATA];
        field.run(Host::W, "postgres", &words).map(drop)
    }
}
