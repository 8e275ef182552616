//! Clients of a PostgreSQL that is kept available: they insert rows that nobody else inserts.
//!
//! They connect as an application would that knows both nodes: `host=a,b
//! target_session_attrs=read-write`, and after a failure begin with the other one. What was not
//! acknowledged is given up, and its outcome unknown.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config, NoTls};

use super::machine::{Field, LOOK};
use crate::lab::{Host, Lab};

/// A node that does not take a connection is passed over after so long. Ours.
const CONNECT_MAX: Duration = Duration::from_millis(500);
/// A row that is not acknowledged is given up after so long. Ours: longer than any checkpoint's stall
/// that was seen, and much shorter than the failovers.
const PATIENCE: Duration = Duration::from_secs(1);
/// Before a connection is tried again; as the ledger's clients.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two rows of a writer: each moment is seen, and the machine is not filled with clients.
/// Source: ha.md section 2, as the echo.
const EVERY: Duration = Duration::from_millis(5);
/// Keys of one writer; the next one's begin after them. Ours: more than it can write.
const KEYS: i64 = 1 << 40;
/// A question to a node is answered by then. Ours.
const ASK_MAX: Duration = Duration::from_secs(2);
/// Everything can be read back by then. Ours: several failovers.
const READ_MAX: Duration = Duration::from_mins(2);

/// What writers saw.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// When each row was acknowledged, and its key.
    pub(super) acks: Vec<(Duration, i64)>,
    /// Rows of which nobody knows what became.
    pub(super) unknown: u64,
}

/// Writers that run.
#[derive(Debug)]
pub(super) struct Writers {
    is_over: Arc<AtomicBool>,
    last_ms: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Written>>,
}

impl Writers {
    /// Starts so many at the clients' machine; times are since `start`.
    pub(super) fn start(lab: &Lab, count: usize, start: Instant) -> Result<Self> {
        let (is_over, last_ms) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut threads = Vec::new();
        for number in 0..count {
            let door = lab.door(Host::C.name())?;
            let writer = Writer {
                start,
                next: number as i64 * KEYS,
                is_over: Arc::clone(&is_over),
                last_ms: Arc::clone(&last_ms),
                written: Written::default(),
            };
            let thread = thread::Builder::new().name("rows".to_owned());
            threads.push(thread.spawn(move || {
                let ran = door.enter().and_then(|()| Ok(runtime()?.block_on(writer.run())));
                ran.unwrap_or_else(|error| {
                    crate::say(&format!("a writer ended: {error:#}"));
                    Written::default()
                })
            })?);
        }
        Ok(Self { is_over, last_ms, threads })
    }

    /// When the last row was acknowledged.
    pub(super) fn last(&self) -> Duration {
        Duration::from_millis(self.last_ms.load(Ordering::Acquire))
    }

    /// Ends them, and says what they saw.
    pub(super) fn stop(self) -> Written {
        self.is_over.store(true, Ordering::Release);
        let mut all = Written::default();
        for thread in self.threads {
            let Ok(written) = thread.join() else { continue };
            all.acks.extend(written.acks);
            all.unknown += written.unknown;
        }
        all.acks.sort_unstable();
        all
    }
}

#[derive(Debug)]
struct Writer {
    start: Instant,
    next: i64,
    is_over: Arc<AtomicBool>,
    last_ms: Arc<AtomicU64>,
    written: Written,
}

impl Writer {
    async fn run(mut self) -> Written {
        let mut hosts = [Host::A, Host::B];
        while !self.is_over.load(Ordering::Acquire) {
            if let Ok(client) = connect(&hosts, TargetSessionAttrs::ReadWrite).await {
                // What became of the rest is not known; the next connection begins with a new row.
                let _ = self.write_on(&client).await;
            }
            // One that takes connections and acknowledges nothing must not be asked for ever.
            hosts.reverse();
            tokio::time::sleep(PAUSE).await;
        }
        self.written
    }

    async fn write_on(&mut self, client: &Client) -> Result<()> {
        let insert = "INSERT INTO row (key, value) VALUES ($1, $2)";
        let insert = within(PATIENCE, client.prepare(insert)).await?;
        while !self.is_over.load(Ordering::Acquire) {
            let key = self.next;
            self.next += 1;
            // Until the answer says otherwise.
            self.written.unknown += 1;
            within(PATIENCE, client.execute(&insert, &[&key, &(key * 3 + 1)])).await?;
            self.written.unknown -= 1;
            let at = self.start.elapsed();
            self.written.acks.push((at, key));
            self.last_ms.fetch_max(at.as_millis() as u64, Ordering::AcqRel);
            tokio::time::sleep(EVERY).await;
        }
        Ok(())
    }
}

/// Makes the table, at whoever is primary.
pub(crate) fn make_table(field: &Field) -> Result<()> {
    ask(field, &[Host::A, Host::B], TargetSessionAttrs::ReadWrite, async |client| {
        let make = "CREATE TABLE row (key bigint PRIMARY KEY, value bigint NOT NULL)";
        Ok(client.batch_execute(make).await?)
    })
}

/// The keys of every row that a primary has.
pub(super) fn read_all(field: &Field) -> Result<BTreeSet<i64>> {
    let begun = Instant::now();
    loop {
        let read = ask(field, &[Host::A, Host::B], TargetSessionAttrs::ReadWrite, async |client| {
            let rows = client.query("SELECT key FROM row", &[]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        });
        match read {
            Err(error) if begun.elapsed() >= READ_MAX => return Err(error),
            Err(_) => sleep(LOOK),
            Ok(keys) => return Ok(keys),
        }
    }
}

/// Whether a machine has a PostgreSQL that is no standby.
pub(crate) fn is_primary(field: &Field, host: Host) -> bool {
    is_true(field, host, "SELECT NOT pg_is_in_recovery()")
}

/// Whether it has a synchronous standby too.
pub(crate) fn is_whole(field: &Field, host: Host) -> bool {
    let standby = "SELECT count(*) > 0 AND current_setting('synchronous_standby_names') <> '' \
                   FROM pg_stat_replication WHERE state = 'streaming' AND \
                   sync_state IN ('sync', 'quorum')";
    is_true(field, host, standby)
}

fn is_true(field: &Field, host: Host, question: &str) -> bool {
    let answer = ask(field, &[host], TargetSessionAttrs::Any, async |client| {
        Ok(client.query_one(question, &[]).await?.try_get(0)?)
    });
    answer.unwrap_or(false)
}

/// Does something with a connection from the clients' machine.
fn ask<T: Send>(
    field: &Field,
    hosts: &[Host],
    kind: TargetSessionAttrs,
    work: impl AsyncFnOnce(&Client) -> Result<T> + Send,
) -> Result<T> {
    field.lab.inside(Host::C.name(), || {
        runtime()?.block_on(async {
            let client = connect(hosts, kind).await?;
            timeout(READ_MAX, work(&client)).await?
        })
    })?
}

/// A runtime on this thread, whose sockets are in this thread's namespace.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_io().enable_time().build()?)
}

/// A connection to the first of these that is as it should be.
pub(crate) async fn connect(hosts: &[Host], kind: TargetSessionAttrs) -> Result<Client> {
    let mut config = Config::new();
    for host in hosts {
        config.hostaddr(host.address().parse()?);
    }
    config.port(5432).user("postgres").dbname("postgres");
    config.connect_timeout(CONNECT_MAX).target_session_attrs(kind);
    let (client, connection) = within(ASK_MAX, config.connect(NoTls)).await?;
    // It ends with its client; the client is who learns of an error.
    tokio::spawn(async { drop(connection.await) });
    Ok(client)
}

async fn within<T>(
    longest: Duration,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    let done = timeout(longest, work).await;
    done.map_err(|_| anyhow!("nothing within {longest:?}"))?.context("PostgreSQL")
}
