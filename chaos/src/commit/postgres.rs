//! A PostgreSQL with one synchronous standby, set up by hand.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::compare::machine::Field;
use crate::compare::rows;
use crate::lab::Host;

/// It runs and replicates by then. Ours.
const BEGIN_MAX: Duration = Duration::from_mins(1);
/// Where its files are, on each machine.
const DATA: &str = "/data/pg";
/// Durability is PostgreSQL's own default: `fsync`, `full_page_writes` and `synchronous_commit` on,
/// which waits for the standby's disk too (PostgreSQL 15, "20.5.1", "20.6.2"). What is set besides
/// makes it faster: memory for its pages, and no checkpoint within a round.
const SETTINGS: &str = "
listen_addresses = '*'
unix_socket_directories = '/tmp'
max_connections = 200
synchronous_commit = on
synchronous_standby_names = 'b'
shared_buffers = 256MB
max_wal_size = 8GB
checkpoint_timeout = 30min
autovacuum = off
";

/// On return the standby is synchronous, and the table is there.
pub(super) fn set_up(root: &Path, logs: &Path) -> Result<Field> {
    let field = Field::start(&[Host::A, Host::B], root, logs)?;
    let initdb = ["initdb", "--pgdata", DATA, "--auth", "trust", "--username", "postgres"];
    field.run(Host::A, "postgres", &initdb)?;
    field.append(Host::A, &format!("{DATA}/postgresql.conf"), SETTINGS)?;
    let all = "host all all 10.9.0.0/24 trust\nhost replication all 10.9.0.0/24 trust\n";
    field.append(Host::A, &format!("{DATA}/pg_hba.conf"), all)?;
    let run = ["postgres", "-D", DATA];
    field.spawn(Host::A, "postgres", "postgres", &run)?;
    field.wait(BEGIN_MAX, "primary", |field| rows::is_primary(field, Host::A))?;
    let from = format!("host={} user=postgres application_name=b", Host::A.address());
    let copy = ["pg_basebackup", "--pgdata", DATA, "--dbname", &from];
    let more = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"];
    field.run(Host::B, "postgres", &[&copy[..], &more].concat())?;
    field.spawn(Host::B, "postgres", "postgres", &run)?;
    field.wait(BEGIN_MAX, "synchronous standby", |field| rows::is_whole(field, Host::A))?;
    rows::make_table(&field)?;
    Ok(field)
}
