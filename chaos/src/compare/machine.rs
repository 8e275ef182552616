//! Machines that run a peer: each with a root file system, processes and a name of its own.
//!
//! The root is an overlay of the chroot, mounted in a mount namespace that ends with the machine's
//! first process. What must be on the disk is in `/data`, which is a folder of the lab and no overlay.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use crate::lab::{Host, Lab};
use crate::site::signal;

/// Between two looks at a state.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// A machine has begun after so long. Ours.
const BOOT_MAX: Duration = Duration::from_secs(10);
/// A program that is waited for is ended after so many seconds. Ours: a base backup of nothing.
const RUN_MAX_S: &str = "120";
/// What belongs to a machine rather than to what it runs.
const MACHINE: &[&str] = &["unshare", "nsenter", "tini", "sleep"];

/// Makes the root and becomes the first process, which reaps whoever is left behind.
const BOOT: &str = r#"
set -e
mount --make-rprivate /
mkdir -p "$OWN/upper/data" "$OWN/work" "$OWN/root" "$OWN/data"
mount -t overlay overlay \
    -o "lowerdir=$ROOT,upperdir=$OWN/upper,workdir=$OWN/work" "$OWN/root"
mount -t proc proc "$OWN/root/proc"
mount --rbind /dev "$OWN/root/dev"
mount -t tmpfs tmpfs "$OWN/root/dev/shm"
mount -t tmpfs tmpfs "$OWN/root/run"
mount -t tmpfs tmpfs "$OWN/root/tmp"
mount --bind "$OWN/data" "$OWN/root/data"
chroot "$OWN/root" install --directory --owner=postgres --group=postgres /data /run/postgresql
hostname "$NAME"
exec chroot "$OWN/root" sh -c '! command -v tini > /dev/null || exec tini -- sleep infinity
exec sleep infinity'
"#;

/// A lab whose machines have roots.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) lab: Lab,
    logs: PathBuf,
    /// The first process of each machine.
    firsts: BTreeMap<Host, u32>,
}

impl Field {
    /// Starts these machines.
    pub(crate) fn start(hosts: &[Host], chroot: &Path, logs: &Path) -> Result<Self> {
        // Logs of an earlier run would only confuse; there may be none.
        let _ = fs::remove_dir_all(logs);
        fs::create_dir_all(logs).with_context(|| logs.display().to_string())?;
        let lab = Lab::new(&[], false)?;
        let mut field = Self { lab, logs: logs.to_owned(), firsts: BTreeMap::new() };
        for host in hosts {
            let first = field.boot(*host, chroot)?;
            field.firsts.insert(*host, first);
        }
        Ok(field)
    }

    fn boot(&self, host: Host, chroot: &Path) -> Result<u32> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--uts", "--ipc", "--pid", "--fork", "sh", "-c", BOOT]);
        command.env("OWN", self.lab.folder().join(host.name())).env("ROOT", chroot);
        command.env("NAME", host.name()).process_group(0);
        command
            .stdin(Stdio::null())
            .stdout(self.log(host, "boot")?)
            .stderr(self.log(host, "boot")?);
        let child = self.lab.inside(host.name(), move || command.spawn())?;
        child.context("cannot start unshare")?;
        let begun = Instant::now();
        loop {
            let processes = self.lab.processes(host)?;
            if let Some(first) = processes.into_iter().find(|process| is_first(*process)) {
                return Ok(first);
            }
            if begun.elapsed() >= BOOT_MAX {
                bail!("machine {} does not begin; see its boot.log", host.name());
            }
            sleep(LOOK);
        }
    }

    fn log(&self, host: Host, name: &str) -> Result<File> {
        let path = self.logs.join(format!("{}-{name}.log", host.name()));
        Ok(OpenOptions::new().create(true).append(true).open(path)?)
    }

    /// A folder or file as a machine sees it under `/`, from outside.
    fn outside(&self, host: Host, path: &str) -> PathBuf {
        let first = self.firsts.get(&host).copied().unwrap_or_default();
        PathBuf::from(format!("/proc/{first}/root{path}"))
    }

    /// Writes a file of a machine, and the folders above it.
    pub(crate) fn write(&self, host: Host, path: &str, text: &str) -> Result<()> {
        let path = self.outside(host, path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Adds to a file of a machine.
    pub(crate) fn append(&self, host: Host, path: &str, text: &str) -> Result<()> {
        let path = self.outside(host, path);
        let file = OpenOptions::new().append(true).open(&path);
        let mut file = file.with_context(|| path.display().to_string())?;
        Ok(std::io::Write::write_all(&mut file, text.as_bytes())?)
    }

    fn command(&self, host: Host, user: &str, words: &[&str]) -> Result<Command> {
        let first = self.firsts.get(&host).context("the machine does not run")?.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &first, "--mount", "--uts", "--ipc", "--pid", "--root"]);
        command.args(["--wd", "setpriv"]);
        command.arg(format!("--reuid={user}")).arg(format!("--regid={user}"));
        command.args(["--init-groups", "--"]).args(words).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin");
        command.env("LC_ALL", "C.UTF-8").env("HOME", "/data").env("USER", user);
        Ok(command)
    }

    /// Runs a program on a machine, and returns what it printed.
    pub(crate) fn run(&self, host: Host, user: &str, words: &[&str]) -> Result<String> {
        let mut command = self.command(host, user, &[&["timeout", RUN_MAX_S], words].concat())?;
        let done = self.lab.inside(host.name(), move || command.output())?;
        let done = done.context("cannot start nsenter")?;
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr);
            std::io::Write::write_all(&mut self.log(host, "failed")?, &done.stderr)?;
            let why = why.lines().last().unwrap_or_default();
            bail!("{} on {}: {why}", words.join(" "), host.name());
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// Starts a program on a machine, which goes on; its log has the name.
    pub(crate) fn spawn(&self, host: Host, name: &str, user: &str, words: &[&str]) -> Result<()> {
        let mut command = self.command(host, user, words)?;
        command.stdout(self.log(host, name)?).stderr(self.log(host, name)?).process_group(0);
        let child = self.lab.inside(host.name(), move || command.spawn())?;
        child.context("cannot start nsenter").map(drop)
    }

    /// Signals the processes of a machine that are meant, all at once; how many there were.
    pub(crate) fn signal(
        &self,
        host: Host,
        kind: Signal,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<usize> {
        let processes = self.lab.processes(host)?.into_iter();
        let meant: Vec<u32> = processes
            .filter(|process| {
                let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
                let name = name.trim();
                !name.is_empty() && !MACHINE.contains(&name) && is_meant(name)
            })
            .collect();
        for process in &meant {
            // One that follows another may be gone already.
            let _ = signal(*process, kind);
        }
        Ok(meant.len())
    }

    /// Waits until something holds.
    pub(crate) fn wait(
        &self,
        longest: Duration,
        what: &str,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Result<()> {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() >= longest {
                bail!("no {what} within {} s; see {}", longest.as_secs(), self.logs.display());
            }
            sleep(LOOK);
        }
        Ok(())
    }
}

/// Whether a process is the first one of a namespace below ours, and has become what it is to be.
/// Source: `proc_pid_status(5)`, `NSpid`.
fn is_first(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let is_one = line("NSpid:").is_some_and(|ids| ids.split_whitespace().nth(1) == Some("1"));
    is_one && line("Name:").is_some_and(|name| ["tini", "sleep"].contains(&name))
}
