//! What clients are answered while the node serves.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ha::Draft;
use model::pair::Epoch;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen as start_listening,
    setsockopt, socket, sockopt,
};
use node::service::Line;

use super::state::{State, packed};
use super::{Entries, KIND, Written};

/// Longest line. Ours: two numbers and a word.
const LINE_BYTES_MAX: u64 = 128;
/// Lines that are answered together. Ours: what a client of the harness sends at once.
const BATCH_MAX: usize = 1_000;
/// Of what is read, and of what is written, at once. Ours: a whole batch.
const BUFFER_BYTES: usize = 64 << 10;
/// Clients at once. Ours: many more than the harness has; one more is turned away.
const CLIENTS_MAX: usize = 512;
/// A client that says nothing for so long is gone. Ours: those of the harness never pause.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Longest entry of nothing. Ours: others wait while it is written.
const FILL_BYTES_MAX: usize = 1 << 20;
/// Rows that are copied at once for `ALL`.
const PAGE: usize = 10_000;

/// Whom clients talk to.
#[derive(Debug, Clone)]
pub(super) struct Talk {
    pub(super) name: String,
    pub(super) entries: Entries,
    pub(super) epoch: Epoch,
    pub(super) line: Line<Written>,
    pub(super) state: Arc<State>,
    pub(super) is_over: Arc<AtomicBool>,
}

/// Connections that are open, by their numbers.
#[derive(Debug, Default)]
struct Clients(Mutex<BTreeMap<u64, TcpStream>>);

/// Opens both listeners; they are open on return. The threads end soon after `is_over`.
pub(super) fn listen(
    talk: Talk,
    rows: SocketAddr,
    echo: SocketAddr,
) -> io::Result<Vec<JoinHandle<()>>> {
    let listener = TcpListener::from(open(rows, SockType::Stream)?);
    let datagrams = UdpSocket::from(open(echo, SockType::Datagram)?);
    // Where `is_over` is looked at: the sockets themselves wake nobody.
    let ends = (listener.try_clone()?, datagrams.try_clone()?, Arc::clone(&talk.is_over));
    let clients = Arc::new(Clients::default());
    let closing = Arc::clone(&clients);
    let echoing = talk.clone();
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    Ok(vec![
        named("rows").spawn(move || accept(&talk, &listener, &clients))?,
        named("echo").spawn(move || echo_back(&echoing, &datagrams))?,
        named("end").spawn(move || {
            let (listener, datagrams, is_over) = ends;
            while !is_over.load(Ordering::Acquire) {
                thread::park();
            }
            // Both wake up from what they wait for; that a datagram socket is not connected is said
            // only after that. Source: linux `inet_shutdown`.
            let both = nix::sys::socket::Shutdown::Both;
            let _ = nix::sys::socket::shutdown(listener.as_raw_fd(), both);
            let _ = nix::sys::socket::shutdown(datagrams.as_raw_fd(), both);
            for client in closing.open().values() {
                let _ = client.shutdown(Shutdown::Both);
            }
        })?,
    ])
}

/// A socket at an address that this node may not have yet: the listeners open before it comes.
pub(crate) fn open(address: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let opened = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&opened, sockopt::ReuseAddr, &true)?;
    setsockopt(&opened, sockopt::IpFreebind, &true)?;
    bind(opened.as_raw_fd(), &SockaddrStorage::from(address))?;
    if kind == SockType::Stream {
        start_listening(&opened, Backlog::MAXCONN)?;
    }
    Ok(opened)
}

impl Clients {
    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, TcpStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(talk: &Talk, listener: &TcpListener, clients: &Arc<Clients>) {
    for number in 0.. {
        let Ok((stream, _)) = listener.accept() else { return };
        let Ok(copy) = stream.try_clone() else { continue };
        {
            let mut open = clients.open();
            if talk.is_over.load(Ordering::Acquire) {
                return;
            }
            if open.len() >= CLIENTS_MAX {
                continue;
            }
            open.insert(number, copy);
        }
        let (talk, here) = (talk.clone(), Arc::clone(clients));
        let spawned = thread::Builder::new().name("client".to_owned()).spawn(move || {
            // A client that is gone, or says nothing, is closed.
            let _ = talk.answer(&stream);
            here.open().remove(&number);
        });
        if spawned.is_err() {
            clients.open().remove(&number);
        }
    }
}

fn echo_back(talk: &Talk, datagrams: &UdpSocket) {
    let mut buffer = [0; 64];
    while let Ok((length, from)) = datagrams.recv_from(&mut buffer) {
        if talk.is_over.load(Ordering::Acquire) {
            return;
        }
        let index = talk.state.position().index;
        let mut answer = buffer[..length].to_vec();
        answer.extend_from_slice(format!(" {} {} {index}", talk.name, talk.epoch).as_bytes());
        if talk.line.may_read() {
            // Who asked may be gone.
            let _ = datagrams.send_to(&answer, from);
        }
    }
}

impl Talk {
    /// Answers a client until it goes.
    fn answer(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, stream);
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, stream);
        while let Some(lines) = read_lines(&mut reader)? {
            let mut puts = Vec::new();
            for line in lines {
                let words: Vec<&str> = line.split_whitespace().collect();
                let numbers: Vec<u64> =
                    words.iter().skip(1).filter_map(|word| word.parse().ok()).collect();
                match (words.first().copied(), &numbers[..]) {
                    (Some("PUT"), [key, value]) => puts.push((*key, *value)),
                    (Some("GET"), [key]) => {
                        self.put(&mut writer, &mut puts)?;
                        self.get(&mut writer, *key)?;
                    }
                    (Some("FILL"), [bytes]) => {
                        self.put(&mut writer, &mut puts)?;
                        self.fill(&mut writer, (*bytes as usize).min(FILL_BYTES_MAX))?;
                    }
                    (Some("ALL"), []) => {
                        self.put(&mut writer, &mut puts)?;
                        self.all(&mut writer)?;
                    }
                    _ => {
                        self.put(&mut writer, &mut puts)?;
                        writeln!(
                            writer,
                            "NO such command: PUT KEY VALUE, GET KEY, FILL BYTES, ALL"
                        )?;
                    }
                }
            }
            self.put(&mut writer, &mut puts)?;
            writer.flush()?;
        }
        Ok(())
    }

    /// Writes what has gathered, all at once.
    fn put(&self, writer: &mut impl io::Write, puts: &mut Vec<(u64, u64)>) -> io::Result<()> {
        if puts.is_empty() {
            return Ok(());
        }
        let Entries { rows_max, pad_bytes } = self.entries;
        let puts = std::mem::take(puts);
        let entries = puts.chunks(rows_max.max(1));
        let drafts = entries.clone().map(|rows| Draft {
            kind: KIND,
            version: 1,
            payload: packed(rows, pad_bytes),
        });
        match self.line.write_blocking(drafts.collect()) {
            Ok(written) => entries.zip(written).try_for_each(|(rows, Written(position))| {
                let line = format!("OK {} {} {}", position.index, position.epoch, self.name);
                rows.iter().try_for_each(|_| writeln!(writer, "{line}"))
            }),
            Err(error) => puts.iter().try_for_each(|_| writeln!(writer, "NO {error}")),
        }
    }

    /// Writes nothing, of a certain length.
    fn fill(&self, writer: &mut impl io::Write, bytes: usize) -> io::Result<()> {
        let draft = Draft { kind: KIND, version: 1, payload: packed(&[], bytes) };
        match self.line.write_blocking(vec![draft]) {
            Ok(written) => written.iter().try_for_each(|Written(position)| {
                writeln!(writer, "OK {} {} {}", position.index, position.epoch, self.name)
            }),
            Err(error) => writeln!(writer, "NO {error}"),
        }
    }

    fn get(&self, writer: &mut impl io::Write, key: u64) -> io::Result<()> {
        let found = self.state.value(key);
        match found {
            _ if !self.line.may_read() => writeln!(writer, "NO reads may be answered now"),
            Some((index, value)) => writeln!(writer, "IS {value} {index}"),
            None => writeln!(writer, "NONE"),
        }
    }

    fn all(&self, writer: &mut impl io::Write) -> io::Result<()> {
        let mut first = 0;
        loop {
            let rows = self.state.rows(first, PAGE);
            if rows.is_empty() {
                break;
            }
            first += rows.len();
            for (index, key, value) in rows {
                writeln!(writer, "{index} {key} {value}")?;
            }
        }
        if self.line.may_read() {
            writeln!(writer, "END {first}")
        } else {
            writeln!(writer, "NO reads may be answered now")
        }
    }
}

/// One line, and those that are there already. Nothing when the client is gone.
fn read_lines(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if !line.ends_with('\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
        }
        lines.push(line);
        if lines.len() >= BATCH_MAX || !reader.buffer().contains(&b'\n') {
            return Ok(Some(lines));
        }
    }
}
