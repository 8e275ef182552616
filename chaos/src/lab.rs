//! Machines on a switch: network namespaces, cables, and what can be done to them.
//!
//! Every machine has one cable into the switch, which is a bridge in a namespace of its own. Pulling
//! a cable takes the switch's port down, so that the machine sees its link go, as in a server room.
//! What is cut or lost between two machines only is done by the switch, and nobody sees it.
//! The data nodes may have a cable between each other besides, which is pulled at both its ends.
//!
//! A shell of its own waits for this process to end, however it ends, and then removes everything:
//! the processes in the namespaces, the namespaces, mounts and the folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::wire::Wire;

/// Length of the network's prefix.
pub(crate) const PREFIX: u8 = 24;
/// The address of the first primary that moves. Ours, as the machines' below.
pub(crate) const VIRTUAL: &str = "10.9.0.11";
/// The same of the second primary.
pub(crate) const VIRTUAL_2: &str = "10.9.0.12";

/// The ends of the direct cable.
const DIRECT: [Host; 2] = [Host::A, Host::B];

/// Removes everything when its standard input ends.
const JANITOR: &str = r#"
trap '' INT TERM HUP
cat > /dev/null
for name in $NAMES; do
    [ -e /run/netns/$name ] && ip netns pids $name | xargs -r kill -KILL
done
for name in $NAMES; do
    [ -e /run/netns/$name ] && ip netns del $name
done
grep -o " $FOLDER/[^ ]*" /proc/self/mounts | while read mounted; do umount -l $mounted; done
rm -rf $FOLDER
"#;

/// Who hangs on the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    /// The first primary.
    A,
    /// The secondary of both primaries.
    B,
    /// The witness.
    W,
    /// Clients.
    C,
    /// The second primary.
    A2,
    /// Who listens to what all can hear, and nothing else.
    O,
}

/// What comes through a narrow way: handshakes, beacons, single rows; not the packets of a transfer.
const SMALL_BYTES: usize = 1_300;

/// Namespaces on a switch. Dropping it removes them.
#[derive(Debug)]
pub(crate) struct Lab {
    prefix: String,
    folder: PathBuf,
    /// Packets that the switch does not forward: from, to, how many percent.
    lost: Vec<(Host, Host, u8)>,
    /// Ways on which only small packets come through.
    narrow: Vec<(Host, Host)>,
    wires: Vec<(Host, Wire)>,
    janitor: Child,
}

impl Host {
    pub(crate) const ALL: [Self; 6] = [Self::A, Self::B, Self::W, Self::C, Self::A2, Self::O];

    /// Its name, also in the folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::W => "w",
            Self::C => "c",
            Self::A2 => "a2",
            Self::O => "o",
        }
    }

    /// Its address on the direct cable.
    pub(crate) fn direct_address(self) -> String {
        format!("10.9.1.{}", self.number())
    }

    fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Its own address.
    pub(crate) fn address(self) -> String {
        format!("10.9.0.{}", self.number())
    }

    /// Its Ethernet address. The second lowest bit of the first octet says: administered locally.
    pub(crate) fn mac(self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.number()]
    }
}

/// Why there can be no lab here; nothing when there can.
pub fn missing() -> Option<String> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root".to_owned());
    }
    for (program, argument, package) in [("ip", "-V", "iproute2"), ("nft", "-v", "nftables")] {
        if let Err(error) = Command::new(program).arg(argument).output() {
            return Some(format!("no `{program}`: {error}; apt-get install {package}"));
        }
    }
    let nth = TRIED.fetch_add(1, Ordering::Relaxed);
    let name = format!("mse-try-{}-{nth}", std::process::id());
    let tried = run("ip", &["netns", "add", &name]);
    if let Err(error) = tried {
        return Some(format!("no network namespaces here: {error}"));
    }
    run("ip", &["netns", "del", &name]).err().map(|error| error.to_string())
}

impl Lab {
    /// Makes machines; those of `wired` have a cable whose delay can be set, and the data nodes perhaps
    /// one between each other.
    pub(crate) fn new(wired: &[Host], has_direct: bool) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("mse-{}-{made}", std::process::id());
        let folder = std::env::temp_dir().join(&prefix);
        let hosts = Host::ALL.iter().map(|host| host.name());
        let names: Vec<_> = hosts.chain(["sw"]).map(|name| format!("{prefix}-{name}")).collect();
        let janitor = Command::new("sh")
            .args(["-c", JANITOR])
            .env("NAMES", names.join(" "))
            .env("FOLDER", &folder)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        let (lost, narrow, wires) = (Vec::new(), Vec::new(), Vec::new());
        let mut lab = Self { prefix, folder, lost, narrow, wires, janitor };
        fs::create_dir_all(&lab.folder)?;
        for name in &names {
            run("ip", &["netns", "add", name])?;
            run("ip", &["-n", name, "link", "set", "lo", "up"])?;
        }
        // Nobody's addresses but those of the machines.
        lab.inside("sw", || fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"))??;
        lab.ip("sw", "link add br0 type bridge forward_delay 0 mcast_snooping 0")?;
        lab.ip("sw", "link set br0 up")?;
        for host in Host::ALL {
            lab.connect(host, wired.contains(&host), !wired.is_empty())?;
        }
        if has_direct {
            lab.connect_directly()?;
        }
        Ok(lab)
    }

    fn connect_directly(&self) -> Result<()> {
        let far = format!("{}-sw", self.prefix);
        self.ip("sw", "link add br1 type bridge forward_delay 0 mcast_snooping 0")?;
        self.ip("sw", "link set br1 up")?;
        for host in DIRECT {
            let name = host.name();
            self.ip(name, &format!("link add eth1 type veth peer name direct-{name} netns {far}"))?;
            self.ip(name, &format!("addr add {}/{PREFIX} dev eth1", host.direct_address()))?;
            self.ip(name, "link set eth1 up")?;
            self.ip("sw", &format!("link set direct-{name} master br1 up"))?;
        }
        Ok(())
    }

    fn connect(&mut self, host: Host, is_wired: bool, is_slow: bool) -> Result<()> {
        let name = host.name();
        let mac = host.mac().map(|octet| format!("{octet:02x}")).join(":");
        let plug = if is_wired { "near" } else { "port" };
        let far = format!("{}-sw", self.prefix);
        self.ip(
            name,
            &format!("link add eth0 address {mac} type veth peer name {plug}-{name} netns {far}"),
        )?;
        self.ip(name, &format!("addr add {}/{PREFIX} dev eth0", host.address()))?;
        if is_slow {
            // A frame of a relay is one packet of the wire, never a batch of them.
            self.ip(name, "link set eth0 gso_max_segs 1")?;
        }
        self.ip(name, "link set eth0 up")?;
        if is_wired {
            self.ip("sw", &format!("link add wire-{name} type veth peer name port-{name}"))?;
            self.ip("sw", &format!("link set near-{name} up promisc on"))?;
            self.ip("sw", &format!("link set wire-{name} up promisc on"))?;
        }
        self.ip("sw", &format!("link set port-{name} master br0 up"))?;
        if is_wired {
            let (near, far) = (format!("near-{name}"), format!("wire-{name}"));
            let wire = self.inside("sw", || Wire::start(&near, &far))??;
            self.wires.push((host, wire));
        }
        Ok(())
    }

    /// Its folder, which goes with it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `ip` in a namespace.
    pub(crate) fn ip(&self, name: &str, arguments: &str) -> Result<String> {
        let namespace = format!("{}-{name}", self.prefix);
        let mut words = vec!["-n", &namespace];
        words.extend(arguments.split(' '));
        run("ip", &words)
    }

    /// Does something in a namespace, on a thread that ends with it: the process never moves. What
    /// it starts there stays there.
    pub(crate) fn inside<T: Send>(&self, name: &str, work: impl FnOnce() -> T + Send) -> Result<T> {
        let door = self.door(name)?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                door.enter()?;
                Ok(work())
            });
            thread.join().map_err(|_| anyhow!("a thread in a namespace had failed"))?
        })
    }

    /// What leads into a namespace.
    pub(crate) fn door(&self, name: &str) -> Result<Door> {
        let path = format!("/run/netns/{}-{name}", self.prefix);
        Ok(Door(File::open(&path).with_context(|| path)?))
    }

    /// The processes of a machine.
    pub(crate) fn processes(&self, host: Host) -> Result<Vec<u32>> {
        let namespace = format!("{}-{}", self.prefix, host.name());
        let listed = run("ip", &["netns", "pids", &namespace])?;
        Ok(listed.lines().filter_map(|line| line.trim().parse().ok()).collect())
    }

    /// Pulls a cable.
    pub(crate) fn pull(&self, host: Host) -> Result<()> {
        self.plug(host, "down")
    }

    /// Plugs it in again.
    pub(crate) fn plug_in(&self, host: Host) -> Result<()> {
        self.plug(host, "up")
    }

    fn plug(&self, host: Host, state: &str) -> Result<()> {
        let is_wired = self.wires.iter().any(|(wired, _)| *wired == host);
        let port = if is_wired { "near" } else { "port" };
        self.ip("sw", &format!("link set {port}-{} {state}", host.name())).map(drop)
    }

    /// Pulls the direct cable, or plugs it in.
    pub(crate) fn plug_direct(&self, is_in: bool) -> Result<()> {
        let state = if is_in { "up" } else { "down" };
        let mut ends = DIRECT.iter().map(|host| format!("link set direct-{} {state}", host.name()));
        ends.try_for_each(|end| self.ip("sw", &end).map(drop))
    }

    /// From now on the switch loses so many percent of the packets from one machine to another.
    pub(crate) fn lose(&mut self, lost: &[(Host, Host, u8)]) -> Result<()> {
        self.lost.extend(lost);
        self.rule()
    }

    /// From now on the switch drops full packets from one machine to another, and says nothing: a path
    /// whose MTU nobody knows.
    pub(crate) fn narrow(&mut self, from: Host, to: Host) -> Result<()> {
        self.narrow.push((from, to));
        self.rule()
    }

    /// The switch forwards everything again.
    pub(crate) fn lose_nothing(&mut self) -> Result<()> {
        self.lost.clear();
        self.narrow.clear();
        self.rule()
    }

    fn rule(&self) -> Result<()> {
        let mut rules = "flush ruleset\ntable bridge chaos {\nchain forward {\n\
                         type filter hook forward priority 0\n"
            .to_owned();
        for (from, to, percent) in &self.lost {
            let (from, to) = (from.name(), to.name());
            let chance = match percent {
                100.. => String::new(),
                _ => format!("numgen random mod 100 < {percent} "),
            };
            let line = format!("iifname port-{from} oifname port-{to} {chance}drop\n");
            rules.push_str(&line);
        }
        for (from, to) in &self.narrow {
            let (from, to) = (from.name(), to.name());
            let line =
                format!("iifname port-{from} oifname port-{to} ip length > {SMALL_BYTES} drop\n");
            rules.push_str(&line);
        }
        rules += "}\n}\n";
        self.inside("sw", || -> Result<()> {
            let mut command = Command::new("nft");
            let command = command.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
            let mut nft = command.spawn().context("cannot start nft")?;
            let mut input = nft.stdin.take().context("nft has no standard input")?;
            input.write_all(rules.as_bytes())?;
            drop(input);
            let done = nft.wait_with_output()?;
            if !done.status.success() {
                bail!("nft: {}", String::from_utf8_lossy(&done.stderr).trim());
            }
            Ok(())
        })?
    }

    /// Sets the delay of a machine's cable, in each direction.
    pub(crate) fn delay(&self, host: Host, delay_ms: u64) -> Result<()> {
        let wire = self.wires.iter().find(|(wired, _)| *wired == host);
        let (_, wire) = wire.with_context(|| format!("{} has no wire", host.name()))?;
        wire.delay(delay_ms);
        Ok(())
    }

    /// A file system of its own for a folder of this one, of so many MiB.
    pub(crate) fn mount(&self, name: &str, mib: u32) -> Result<()> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        let folder = folder.to_str().context("a folder is not UTF-8")?;
        run("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs", folder]).map(drop)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.wires.clear();
        drop(self.janitor.stdin.take());
        // There is nobody to tell: what is left over is seen with `ip netns`.
        let _ = self.janitor.wait();
    }
}

/// What leads into a namespace.
#[derive(Debug)]
pub(crate) struct Door(File);

impl Door {
    /// Moves this thread, and what it starts from now on.
    pub(crate) fn enter(&self) -> Result<()> {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
            .context("cannot enter a namespace")
    }
}

/// Runs a program and returns what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let done = done.with_context(|| format!("cannot start {program}"))?;
    if !done.status.success() {
        let why = String::from_utf8_lossy(&done.stderr);
        bail!("{program} {}: {}", arguments.join(" "), why.trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(test)]
mod tests;
