//! Clients that each have one commit on the way, of one row or more: how long each of them took.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio_postgres::config::TargetSessionAttrs;

use super::{COUNTED, Load, WARM};
use crate::compare::rows::{connect, runtime};
use crate::lab::{Host, VIRTUAL};
use crate::ledger::PORT;

/// A commit that takes longer fails the bench. Ours.
const COMMIT_MAX: Duration = Duration::from_secs(10);
/// Keys of one client; the next one's begin after them. Ours: more than it can write.
const KEYS: u64 = 1 << 40;

/// What is counted of a client's commits, in microseconds.
#[derive(Debug)]
struct Counted {
    from: Instant,
    to: Instant,
    took_us: Vec<u64>,
}

impl Counted {
    fn new() -> Self {
        let from = Instant::now() + WARM;
        Self { from, to: from + COUNTED, took_us: Vec::new() }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.to
    }

    /// What was sent then is acknowledged now.
    fn add(&mut self, sent: Instant) {
        let now = Instant::now();
        if now >= self.from && now < self.to {
            self.took_us.push((now - sent).as_micros() as u64);
        }
    }
}

/// Of the ledger, at its virtual address: a thread for each.
pub(super) fn ledger(load: Load) -> Result<Vec<u64>> {
    let threads: Vec<_> = (0..load.clients as u64)
        .map(|number| thread::spawn(move || ledger_client(number * KEYS, load.rows)))
        .collect();
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| anyhow!("a client had failed"))??);
    }
    Ok(all)
}

fn ledger_client(first: u64, rows: usize) -> Result<Vec<u64>> {
    let address = SocketAddr::new(VIRTUAL.parse()?, PORT);
    let stream = TcpStream::connect_timeout(&address, COMMIT_MAX)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(COMMIT_MAX))?;
    let (mut reader, mut writer) = (BufReader::new(&stream), &stream);
    let mut counted = Counted::new();
    let (mut lines, mut line) = (String::new(), String::new());
    for first in (first..).step_by(rows) {
        if counted.is_over() {
            break;
        }
        lines.clear();
        for key in first..first + rows as u64 {
            // A string takes everything.
            let _ = writeln!(lines, "PUT {key} {}", key + 1);
        }
        let sent = Instant::now();
        writer.write_all(lines.as_bytes())?;
        for _ in 0..rows {
            line.clear();
            reader.read_line(&mut line)?;
            if !line.starts_with("OK ") {
                bail!("the ledger says: {line}");
            }
        }
        counted.add(sent);
    }
    Ok(counted.took_us)
}

/// Of PostgreSQL, at its primary: all on one thread, which takes the least of the two cores from it.
/// Each has a prepared statement, whose rows are a transaction.
pub(super) fn postgres(load: Load) -> Result<Vec<u64>> {
    runtime()?.block_on(async {
        let tasks: Vec<_> = (0..load.clients as u64)
            .map(|number| tokio::spawn(postgres_client((number * KEYS) as i64, load.rows)))
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await??);
        }
        Ok(all)
    })
}

async fn postgres_client(first: i64, rows: usize) -> Result<Vec<u64>> {
    let client = connect(&[Host::A], TargetSessionAttrs::ReadWrite).await?;
    let one = client.prepare("INSERT INTO row (key, value) VALUES ($1, $2)").await?;
    let many = "INSERT INTO row (key, value) SELECT * FROM unnest($1::bigint[], $2::bigint[])";
    let many = client.prepare(many).await?;
    let mut counted = Counted::new();
    for first in (first..).step_by(rows) {
        if counted.is_over() {
            break;
        }
        let keys: Vec<i64> = (first..).take(rows).collect();
        let values: Vec<i64> = keys.iter().map(|key| key + 1).collect();
        let sent = Instant::now();
        let committed = async {
            match (&keys[..], &values[..]) {
                ([key], [value]) => client.execute(&one, &[key, value]).await,
                _ => client.execute(&many, &[&keys, &values]).await,
            }
        };
        let committed = tokio::time::timeout(COMMIT_MAX, committed).await;
        committed.context("a commit took too long")??;
        counted.add(sent);
    }
    Ok(counted.took_us)
}
