//! Writes rows that nobody else writes, as fast as it is told that they are safe.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::{Ack, Seen, Shared, epoch, host};
use crate::ledger::PORT;

/// Rows that are sent at once, and become one entry; their keys begin at a multiple of it. Ours:
/// enough to be quick, few enough to see each moment.
pub(crate) const BATCH: u64 = 32;
/// Keys of one writer; the next one's begin after them. Ours: more than it can write.
const KEYS: u64 = 1 << 40;
/// Before a connection is tried again.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes of nothing that are written at once. Ours: a few milliseconds.
const FILL_BYTES: usize = 128 << 10;
/// Everything is read by then, or again. Ours: some million rows.
const READ_MAX: Duration = Duration::from_secs(30);

/// Writes until it is over. A row is written once: one that was not acknowledged is given up.
pub(super) fn write(shared: &Shared, number: u64, patience: Duration) -> Result<Seen> {
    let address = SocketAddr::new(shared.address.parse()?, PORT);
    let mut seen = Seen::default();
    let mut next = number * KEYS;
    while !shared.is_over() {
        if let Ok(stream) = TcpStream::connect_timeout(&address, patience) {
            // What became of the rest is not known; the next connection begins with new rows.
            let _ = write_on(shared, &stream, patience, &mut next, &mut seen);
        }
        sleep(PAUSE);
    }
    Ok(seen)
}

fn write_on(
    shared: &Shared,
    stream: &TcpStream,
    patience: Duration,
    next: &mut u64,
    seen: &mut Seen,
) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    while !shared.is_over() {
        let keys = *next..*next + BATCH;
        *next = keys.end;
        let mut lines = String::new();
        for key in keys.clone() {
            writeln!(lines, "PUT {key} {}", value(key))?;
        }
        // Until the answer says otherwise.
        seen.unknown += BATCH;
        writer.write_all(lines.as_bytes())?;
        let mut is_refused = false;
        for key in keys {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                bail!("the connection was closed");
            }
            let at = shared.now();
            match &line.split_whitespace().collect::<Vec<_>>()[..] {
                ["OK", index, epoch_text, name] => {
                    let index = index.parse()?;
                    let epoch = epoch(epoch_text).with_context(|| line.clone())?;
                    let by = host(name).with_context(|| line.clone())?;
                    shared.acknowledged.fetch_max(index, Ordering::AcqRel);
                    seen.acks.push(Ack { at, key, value: value(key), index, epoch, by });
                    seen.unknown -= 1;
                }
                ["NO", "not", "written:", ..] => {
                    is_refused = true;
                    seen.refused += 1;
                    seen.unknown -= 1;
                }
                ["NO", ..] => is_refused = true,
                _ => bail!("an answer that is none: {line}"),
            }
        }
        if is_refused {
            sleep(PAUSE);
        }
    }
    Ok(())
}

/// The value of a key: another number, that nothing else would be.
fn value(key: u64) -> u64 {
    key.wrapping_mul(3) + 1
}

/// Has so many MiB of nothing written, and waits for each part, so that others wait little.
pub(crate) fn fill(address: &str, mib: usize) -> Result<()> {
    let address = SocketAddr::new(address.parse()?, PORT);
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_MAX))?;
    let mut reader = BufReader::new(&stream);
    for _ in 0..(mib << 20) / FILL_BYTES {
        writeln!(&stream, "FILL {FILL_BYTES}")?;
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if !line.starts_with("OK") {
            bail!("no room is filled: {line}");
        }
    }
    Ok(())
}

/// Everything that can be read: index and value by key.
pub(crate) fn read_all(address: &str) -> Result<BTreeMap<u64, (u64, u64)>> {
    let address = SocketAddr::new(address.parse()?, PORT);
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(READ_MAX))?;
    (&stream).write_all(b"ALL\n")?;
    let mut rows = BTreeMap::new();
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        match &line.split_whitespace().collect::<Vec<_>>()[..] {
            ["END", count] if count.parse::<usize>()? == rows.len() => return Ok(rows),
            ["NO" | "END", ..] => bail!("{line}, after {} rows", rows.len()),
            [index, key, value] => {
                rows.insert(key.parse()?, (index.parse()?, value.parse()?));
            }
            _ => bail!("a row that is none: {line}"),
        }
    }
    bail!("the connection was closed after {} rows", rows.len())
}
