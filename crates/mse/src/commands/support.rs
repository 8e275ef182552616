//! `mse support`: one archive with what an engineer asks for first, and without what must not leave
//! the node.
//!
//! What it takes is a list in this file; nothing is taken because it lies in some folder. Every text
//! goes through [`secrets::Scrubber`], also what should have no secret in it. Databases, plans and
//! the contents of the journal are never read.

mod secrets;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use engine::engine::SOCKET_NAME as ENGINE_SOCKET;
use flate2::Compression;
use flate2::write::GzEncoder;
use monitor::config::Config;
use monitor::group::STATE_NAME;
use monitor::info::SOCKET_NAME;
use node::http::Call;
use serde::Serialize;

use self::secrets::Scrubber;
use super::{ha_info, journal, server_info};
use crate::cli::node::{Node, Place};
use crate::output::{Failure, Output};

/// Bytes of one file in the bundle; of a longer one the end is taken. Ours: days of a node's log.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// Bytes of all files together. Ours: it can be sent by e-mail once it is packed.
const BUNDLE_BYTES_MAX: u64 = 48 << 20;
/// Log files at most. Ours: those of a secondary with two instances, as `[logs]` keeps them.
const LOGS_MAX: usize = 64;
/// A longer journal is listed and not read: reading it would keep a disk busy for long. Ours.
const JOURNAL_BYTES_MAX: u64 = 1 << 30;
/// A role that does not answer for so long is left out.
const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// What is said about the bundle.
#[derive(Debug, Serialize)]
struct Report {
    file: PathBuf,
    bytes: u64,
    contents: Vec<Content>,
    /// What could not be had, and why.
    missing: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Content {
    name: String,
    bytes: usize,
}

/// What goes into the archive.
#[derive(Debug)]
struct Bundle {
    scrubber: Scrubber,
    files: Vec<(String, String)>,
    bytes: u64,
    missing: Vec<String>,
}

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    file: Option<PathBuf>,
    node: &Node,
) -> Result<(), Failure> {
    let place = node.place()?;
    let folder = place.data.join("node");
    if !folder.is_dir() {
        return Err(Failure::NotFound(format!(
            "{} is no role's data directory; name it with --data",
            place.data.display()
        )));
    }
    let mut bundle =
        Bundle { scrubber: Scrubber::new(), files: Vec::new(), bytes: 0, missing: Vec::new() };
    let instances = instances(&place.data);
    // What is secret is learned first: it may be in anything that comes after.
    bundle.scrubber.learn_folder(&folder);
    for (_, instance) in &instances {
        bundle.scrubber.learn_folder(&instance.join(STATE_NAME).join("node"));
    }
    bundle.configurations(node, &place);
    bundle.machine(&place);
    bundle.told(&place, &instances).await;
    bundle.journals(&instances);
    bundle.logs(&place);
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let stamp = node::clock::wall().0 / 1_000;
    let file = file.unwrap_or_else(|| format!("mse-support-{}-{stamp}.tar.gz", name.trim()).into());
    let report = bundle.write(&file)?;
    output.show(&report, |out| {
        writeln!(out, "{}: {} bytes", report.file.display(), report.bytes)?;
        for Content { name, bytes } in &report.contents {
            writeln!(out, "  {bytes:>9}  {name}")?;
        }
        for missing in &report.missing {
            writeln!(out, "  not there: {missing}")?;
        }
        writeln!(out, "It holds no keys, passwords or tokens; MAC addresses are replaced.")
    })
}

/// The folders of the node's groups, by their names.
fn instances(data: &Path) -> Vec<(String, PathBuf)> {
    let found = std::fs::read_dir(data.join("instances")).into_iter().flatten().flatten();
    let mut all: Vec<_> = found
        .map(|it| (it.file_name().to_string_lossy().into_owned(), it.path()))
        .filter(|(name, path)| name.parse::<u32>().is_ok() && path.is_dir())
        .collect();
    all.sort();
    all
}

impl Bundle {
    /// Takes a text in, without its secrets.
    fn add(&mut self, name: &str, text: &str) {
        let text = self.scrubber.text(end_of(text, FILE_BYTES_MAX));
        if self.bytes + text.len() as u64 > BUNDLE_BYTES_MAX {
            return self.miss(name, "the bundle is full");
        }
        self.bytes += text.len() as u64;
        self.files.push((name.to_owned(), text));
    }

    fn miss(&mut self, name: &str, why: impl std::fmt::Display) {
        let why = self.scrubber.text(&why.to_string());
        self.missing.push(format!("{name}: {why}"));
    }

    fn add_or_miss(&mut self, name: &str, text: Result<String, impl std::fmt::Display>) {
        match text {
            Ok(text) => self.add(name, &text),
            Err(error) => self.miss(name, error),
        }
    }

    /// Configuration files, as TOML without secrets: first those of roles, then the node's own.
    fn configurations(&mut self, node: &Node, place: &Place) {
        let mut files = Vec::new();
        if let Some(config) = &place.config {
            files.push(("config/node.toml".to_owned(), node.config.clone()));
            let mut words = config.service.command.iter();
            while let Some(word) = words.next() {
                if word == "--config"
                    && let Some(file) = words.next()
                {
                    files.push(("config/service.toml".to_owned(), file.into()));
                }
            }
        } else if Path::new("/etc/mse/engine.toml").exists() && !place.has_monitor {
            files.push(("config/engine.toml".to_owned(), "/etc/mse/engine.toml".into()));
        }
        for name in [monitor::peers::FILE_NAME, "setup.toml"] {
            let file = place.data.join("node").join(name);
            if file.exists() {
                files.push((format!("node/{name}"), file));
            }
        }
        for (name, file) in files {
            let text = std::fs::read_to_string(&file).map_err(|error| error.to_string());
            let text = text.and_then(|text| self.scrubber.toml(&text));
            self.add_or_miss(&name, text);
        }
    }

    /// Versions, kernel, addresses and disks. Interfaces without their MAC addresses.
    fn machine(&mut self, place: &Place) {
        let mut text = format!("mse {}\n", env!("CARGO_PKG_VERSION"));
        let line = |name: &str, path: &str| {
            let content = std::fs::read_to_string(path).unwrap_or_default();
            format!("{name}: {}\n", content.trim())
        };
        text += &line("kernel", "/proc/sys/kernel/osrelease");
        text += &line("host", "/proc/sys/kernel/hostname");
        text += &line("load", "/proc/loadavg");
        text += &line("uptime and idle time (s)", "/proc/uptime");
        text += "now: ";
        text += &node::clock::date_text(node::clock::wall());
        text.push('\n');
        for (name, path) in [
            ("system/memory.txt", "/proc/meminfo"),
            ("system/os-release.txt", "/etc/os-release"),
            ("system/routes.txt", "/proc/net/route"),
            ("system/addresses-ipv4.txt", "/proc/net/fib_trie"),
        ] {
            self.add_or_miss(name, std::fs::read_to_string(path));
        }
        self.add("system/versions.txt", &text);
        let addresses = std::fs::read_to_string("/proc/net/if_inet6").map(|text| inet6(&text));
        self.add_or_miss("system/addresses-ipv6.txt", addresses);
        self.add("system/disk.txt", &disk(place));
    }

    /// What the node says of itself.
    async fn told(&mut self, place: &Place, instances: &[(String, PathBuf)]) {
        for is_json in [false, true] {
            let kind = if is_json { "json" } else { "txt" };
            let mut printed = Output::new(Vec::new(), is_json);
            let done = within(server_info::run(&mut printed, place)).await;
            self.printed(&format!("node/getserverinfo.{kind}"), printed, done);
            if place.has_monitor {
                let mut printed = Output::new(Vec::new(), is_json);
                let done = within(ha_info::run(&mut printed, place)).await;
                self.printed(&format!("node/gethainfo.{kind}"), printed, done);
            }
        }
        for (name, path) in [
            ("node/ha-status.json", "/api/v1/ha/status"),
            ("node/ha-events.json", "/api/v1/ha/events"),
            ("node/metrics.txt", "/metrics"),
        ] {
            if place.has_monitor {
                self.asked(name, &place.data, SOCKET_NAME, path).await;
            }
        }
        // A stand-alone engine is in the data directory itself.
        if !place.has_monitor {
            self.asked("engine/metrics.txt", &place.data, ENGINE_SOCKET, "/metrics").await;
        }
        for (name, folder) in instances {
            let state = folder.join(STATE_NAME);
            let metrics = format!("instances/{name}/metrics.txt");
            self.asked(&metrics, &state, ENGINE_SOCKET, "/metrics").await;
            let events = folder.join("events.jsonl");
            if events.exists() {
                let text = read_end(&events, FILE_BYTES_MAX);
                self.add_or_miss(&format!("instances/{name}/events.jsonl"), text);
            }
        }
    }

    fn printed(&mut self, name: &str, mut printed: Output<Vec<u8>>, done: Result<(), Failure>) {
        let text = String::from_utf8_lossy(printed.writer()).into_owned();
        match done {
            Ok(()) => self.add(name, &text),
            Err(failure) => self.miss(name, failure.message()),
        }
    }

    async fn asked(&mut self, name: &str, data: &Path, socket: &str, path: &str) {
        let asked = within(crate::local::call(data, socket, Call::get(path))).await;
        let text = asked.map(|body| String::from_utf8_lossy(&body).into_owned());
        self.add_or_miss(name, text.map_err(Failure::message));
    }

    /// What `mse journal verify` says: segments and their faults, no entry.
    fn journals(&mut self, instances: &[(String, PathBuf)]) {
        for (name, folder) in instances {
            let (name, dir) = (format!("instances/{name}/journal.json"), folder.join("journal"));
            if size(&dir) > JOURNAL_BYTES_MAX {
                let text = format!(
                    "longer than {} MiB; run `mse journal verify {}`",
                    JOURNAL_BYTES_MAX >> 20,
                    dir.display()
                );
                self.miss(&name, text);
                continue;
            }
            let mut printed = Output::new(Vec::new(), true);
            let done = journal::verify(&mut printed, &dir);
            let text = String::from_utf8_lossy(printed.writer()).into_owned();
            match done {
                // A damaged one is told in the document.
                Err(failure) if text.is_empty() => self.miss(&name, failure.message()),
                _ => self.add(&name, &text),
            }
        }
    }

    /// The newest logs first: those are in when the bundle is full.
    fn logs(&mut self, place: &Place) {
        let default = || place.data.join("logs");
        let directory = place.config.as_ref().map_or_else(default, Config::log_directory);
        let found = std::fs::read_dir(&directory);
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.miss("logs", format!("{}: {error}", directory.display())),
        };
        let mut logs: Vec<(std::time::SystemTime, PathBuf)> = found
            .flatten()
            .filter(|it| it.file_name().to_string_lossy().contains(".log"))
            .filter_map(|it| {
                let metadata = it.metadata().ok().filter(std::fs::Metadata::is_file)?;
                Some((metadata.modified().ok()?, it.path()))
            })
            .collect();
        logs.sort();
        for (_, path) in logs.iter().rev().take(LOGS_MAX) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.add_or_miss(&format!("logs/{name}"), read_end(path, FILE_BYTES_MAX));
        }
    }

    fn write(mut self, path: &Path) -> Result<Report, Failure> {
        let read_me = self.read_me();
        self.files.insert(0, ("README.txt".to_owned(), read_me));
        let context = || path.display().to_string();
        // A bundle that is there is somebody's.
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(context)?;
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
        let mtime = node::clock::wall().0 / 1_000;
        for (name, text) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(mtime);
            archive
                .append_data(&mut header, format!("mse-support/{name}"), text.as_bytes())
                .with_context(context)?;
        }
        let file = archive.into_inner().and_then(GzEncoder::finish).with_context(context)?;
        file.sync_all().with_context(context)?;
        let bytes = file.metadata().with_context(context)?.len();
        let content = |(name, text): (String, String)| Content { bytes: text.len(), name };
        let contents = self.files.into_iter().map(content).collect();
        Ok(Report { file: path.to_owned(), bytes, contents, missing: self.missing })
    }

    fn read_me(&self) -> String {
        let mut text = format!(
            "A support bundle of mse {}, made by `mse support`.\n\n\
             Configurations have {} where a secret was, and no comments. Private keys, password\n\
             hashes, tokens, database rows, plans and the contents of the journal are not in it.\n\
             Every MAC address is replaced by another one, the same in all files of this bundle.\n\
             Of a file that is longer than {} MiB the end is here.\n",
            env!("CARGO_PKG_VERSION"),
            secrets::REMOVED,
            FILE_BYTES_MAX >> 20,
        );
        if !self.missing.is_empty() {
            text += "\nWhat could not be had:\n";
            text += &self.missing.join("\n");
            text.push('\n');
        }
        text
    }
}

/// A role that hangs must not keep the bundle waiting.
async fn within<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::NotRunning(format!("no answer in {} s", ANSWER_MAX.as_secs()));
    tokio::time::timeout(ANSWER_MAX, asked).await.unwrap_or_else(|_| Err(late()))
}

/// Addresses of the kernel's table, without what is nobody's business.
fn inet6(table: &str) -> String {
    let rows = table.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, prefix, _, _, interface] = words[..] else { return None };
        let address = std::net::Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
        let prefix = u8::from_str_radix(prefix, 16).ok()?;
        // Made of the interface's MAC address (RFC 4291).
        let is_mac = address.octets()[11..13] == [0xff, 0xfe];
        let address =
            if is_mac { "(made of a MAC address)".to_owned() } else { address.to_string() };
        Some(format!("{interface} {address}/{prefix}\n"))
    });
    rows.collect()
}

/// Free room where the node writes, and what it uses.
fn disk(place: &Place) -> String {
    let logs = place.config.as_ref().map(Config::log_directory);
    let lines = [Some(place.data.clone()), logs].into_iter().flatten().map(|path| {
        let shown = path.display();
        let disk = match rustix::fs::statvfs(&path) {
            Ok(disk) => disk,
            Err(error) => return format!("{shown}: {error}"),
        };
        let mib = |blocks: u64| (blocks * disk.f_frsize) >> 20;
        format!(
            "{shown}: {} MiB free of {} MiB, {} of {} inodes free, {} MiB used here",
            mib(disk.f_bavail),
            mib(disk.f_blocks),
            disk.f_favail,
            disk.f_files,
            size(&path) >> 20
        )
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Bytes of all files below.
fn size(dir: &Path) -> u64 {
    let found = std::fs::read_dir(dir).into_iter().flatten().flatten();
    found
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn read_end(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(bytes_max);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    file.take(bytes_max).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // What begins in the middle of a line may begin in the middle of a secret.
    Ok(if from > 0 {
        text.split_once('\n').map_or_else(String::new, |(_, it)| it.to_owned())
    } else {
        text
    })
}

/// The end of a text, from the beginning of a line.
fn end_of(text: &str, bytes_max: u64) -> &str {
    let from = text.len().saturating_sub(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    if from == 0 {
        return text;
    }
    let rest = text.as_bytes()[from..].iter().position(|byte| *byte == b'\n');
    rest.and_then(|at| text.get(from + at + 1..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_line() {
        assert_eq!(end_of("one\ntwo\nsix\n", 7), "six\n");
        assert_eq!(end_of("one\ntwo\n", 100), "one\ntwo\n");
        assert_eq!(end_of("äöüäöü", 5), "");
    }

    #[test]
    fn an_address_that_is_made_of_a_mac_is_not_told() {
        let table = "fe80000000000000025056fffe9c3489 02 40 20 80     eth0\n\
                     20010db8000000000000000000000011 02 40 00 80     eth0\n";
        let expected = "eth0 (made of a MAC address)/64\neth0 2001:db8::11/64\n";
        assert_eq!(inet6(table), expected);
    }
}
