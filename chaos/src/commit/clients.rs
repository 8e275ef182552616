//! Clients that each have one row on the way: how long each of their rows took.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio_postgres::config::TargetSessionAttrs;

use super::{COUNTED, WARM};
use crate::compare::rows::{connect, runtime};
use crate::lab::{Host, VIRTUAL};
use crate::ledger::PORT;

/// A row that takes longer fails the bench. Ours.
const ROW_MAX: Duration = Duration::from_secs(10);
/// Keys of one client; the next one's begin after them. Ours: more than it can write.
const KEYS: u64 = 1 << 40;

/// What is counted of a client's rows, in microseconds.
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

    /// A row that was sent then is acknowledged now.
    fn add(&mut self, sent: Instant) {
        let now = Instant::now();
        if now >= self.from && now < self.to {
            self.took_us.push((now - sent).as_micros() as u64);
        }
    }
}

/// Of the ledger, at its virtual address: a thread for each.
pub(super) fn ledger(clients: usize) -> Result<Vec<u64>> {
    let threads: Vec<_> = (0..clients as u64)
        .map(|number| thread::spawn(move || ledger_client(number * KEYS)))
        .collect();
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| anyhow!("a client had failed"))??);
    }
    Ok(all)
}

fn ledger_client(first: u64) -> Result<Vec<u64>> {
    let address = SocketAddr::new(VIRTUAL.parse()?, PORT);
    let stream = TcpStream::connect_timeout(&address, ROW_MAX)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ROW_MAX))?;
    let (mut reader, mut writer) = (BufReader::new(&stream), &stream);
    let mut counted = Counted::new();
    let mut line = String::new();
    for key in first.. {
        if counted.is_over() {
            break;
        }
        let sent = Instant::now();
        writer.write_all(format!("PUT {key} {}\n", key + 1).as_bytes())?;
        line.clear();
        reader.read_line(&mut line)?;
        if !line.starts_with("OK ") {
            bail!("the ledger says: {line}");
        }
        counted.add(sent);
    }
    Ok(counted.took_us)
}

/// Of PostgreSQL, at its primary: all on one thread, which takes the least of the two cores from it.
/// Each has a prepared statement, and commits each row.
pub(super) fn postgres(clients: usize) -> Result<Vec<u64>> {
    runtime()?.block_on(async {
        let tasks: Vec<_> = (0..clients as u64)
            .map(|number| tokio::spawn(postgres_client((number * KEYS) as i64)))
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await??);
        }
        Ok(all)
    })
}

async fn postgres_client(first: i64) -> Result<Vec<u64>> {
    let client = connect(&[Host::A], TargetSessionAttrs::ReadWrite).await?;
    let insert = client.prepare("INSERT INTO row (key, value) VALUES ($1, $2)").await?;
    let mut counted = Counted::new();
    for key in first.. {
        if counted.is_over() {
            break;
        }
        let sent = Instant::now();
        let row = tokio::time::timeout(ROW_MAX, client.execute(&insert, &[&key, &(key + 1)])).await;
        row.context("a row took too long")??;
        counted.add(sent);
    }
    Ok(counted.took_us)
}
