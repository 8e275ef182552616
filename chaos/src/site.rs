//! A site: machines that run the program, paired as an operator would, with clients that look on.
//!
//! | module | what it is for |
//! |---|---|
//! | `clock` | a machine whose wall clock steps |
//! | `disk` | what is on a machine's disk: damaged, lost, copied, looked at |
//! | `sync` | how far a backup has come, from moment to moment |

pub(crate) mod clock;
mod disk;
pub(crate) mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::Value;

use crate::lab::{Host, Lab, PREFIX, VIRTUAL, VIRTUAL_2};
use crate::probes::{Probes, Seen};

/// Operator of every node and password. For namespaces that nobody else reaches.
const OPERATOR: (&str, &str) = ("admin", "chaos of the lab");
/// Port of monitors and witness. Source: `shared/design/architecture.md`, "Ports".
const PORT: u16 = 8_082;
/// Between two looks at a state.
const LOOK: Duration = Duration::from_millis(100);
/// A start, a pairing or a first synchronisation is over after this long. Ours: a busy machine.
const BEGIN_MAX: Duration = Duration::from_mins(1);
/// A pairing that is refused is refused for good after this long. Ours.
const PAIR_MAX: Duration = Duration::from_secs(5);
/// Everything that was broken is whole again after so long. Ours: a lost backup is taken back in
/// after 10 s, and after 20 s when it was lost twice.
const WHOLE_MAX: Duration = Duration::from_secs(90);
/// A program that was asked to end has ended after so long. Ours: it hands over for 10 s at most.
const END_MAX: Duration = Duration::from_secs(20);

/// The programs under test.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `mse`.
    pub mse: PathBuf,
    /// What runs the [`ledger`](crate::ledger); its arguments are added.
    pub ledger: Vec<String>,
    /// The same of an older build, where there is one.
    pub older: Option<Box<Self>>,
}

impl Programs {
    /// The programs of one build.
    pub(crate) fn of(mse: &Path, chaos: &Path, older: Option<Box<Self>>) -> Result<Self> {
        let there = |file: &Path| {
            file.canonicalize().with_context(|| format!("there is no {}", file.display()))
        };
        let ledger = vec![there(chaos)?.to_string_lossy().into_owned(), "ledger".to_owned()];
        Ok(Self { mse: there(mse)?, ledger, older })
    }
}

/// What a site has besides a primary, its secondary and a witness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Cables whose delay can be set.
    pub(crate) wired: &'static [Host],
    /// The machine whose disk is small, and how many MiB it has.
    pub(crate) small_disk: Option<(Host, u32)>,
    /// A second primary on the same secondary.
    pub(crate) has_second: bool,
    /// Most rows of an entry; fewer make more entries.
    pub(crate) rows_max: usize,
    /// Entries have so many bytes of nothing, so that a journal fills up.
    pub(crate) pad_bytes: usize,
    /// The primary's state has so many MiB besides its rows.
    pub(crate) ballast_mib: usize,
    /// The data nodes have a cable between each other.
    pub(crate) has_direct: bool,
    /// The machine whose wall clock can be stepped.
    pub(crate) own_clock: Option<Host>,
    /// Every machine begins with the older build.
    pub(crate) is_older: bool,
}

/// Machines that run.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) lab: Lab,
    programs: Programs,
    plan: Plan,
    logs: PathBuf,
    running: BTreeMap<Host, Child>,
    stopped: BTreeSet<Host>,
    /// Who runs the older build.
    older: BTreeSet<Host>,
    /// Who was set up anew to get back what its peer keeps.
    recovering: BTreeSet<Host>,
    /// Processes that had a clock of their own.
    clocked: Vec<u32>,
    start: Instant,
    probes: Option<Probes>,
    /// When something was done, and what.
    pub(crate) marks: Vec<(Duration, String)>,
}

/// What a node says of one of its groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Told {
    pub(crate) instance: u32,
    virtual_address: String,
    pub(crate) heartbeat_is_up: bool,
    pub(crate) sync_percent: u8,
    state: Value,
}

#[derive(Debug, Deserialize)]
struct Info {
    running: bool,
    /// By its wall clock.
    at_ms: u64,
    peers: Vec<Told>,
}

impl Told {
    /// In the protocol's words.
    pub(crate) fn state(&self) -> String {
        self.state.as_str().map_or_else(|| self.state.to_string(), str::to_owned)
    }

    /// Nobody could be lost now without being missed for more than a moment.
    pub(crate) fn is_whole(&self) -> bool {
        let serves = ["PRIMARY_ACTIVE", "FAILOVER_ACTIVE"].contains(&self.state().as_str());
        serves && self.heartbeat_is_up && self.sync_percent >= 100
    }
}

impl Site {
    /// Sets everything up; on return the pair is complete, and nobody writes yet.
    pub(crate) fn set_up(programs: &Programs, plan: Plan, logs: &Path) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let mut site = Self {
            lab: Lab::new(plan.wired, plan.has_direct)?,
            programs: programs.clone(),
            plan,
            logs: logs.to_owned(),
            running: BTreeMap::new(),
            stopped: BTreeSet::new(),
            older: BTreeSet::new(),
            recovering: BTreeSet::new(),
            clocked: Vec::new(),
            start: Instant::now(),
            probes: None,
            marks: Vec::new(),
        };
        if let Some((host, mib)) = plan.small_disk {
            site.lab.mount(host.name(), mib)?;
        }
        for host in site.machines() {
            if plan.is_older {
                site.older.insert(host);
            }
            site.set_up_host(host)?;
            site.start(host)?;
        }
        for primary in site.primaries() {
            site.pair(primary)?;
        }
        for primary in site.primaries() {
            site.wait(BEGIN_MAX, "a complete pair", |site| {
                site.told(primary, primary).is_some_and(|told| told.is_whole())
            })?;
        }
        Ok(site)
    }

    /// Who runs the program.
    fn machines(&self) -> Vec<Host> {
        let mut machines = vec![Host::W, Host::A, Host::B];
        machines.extend(self.plan.has_second.then_some(Host::A2));
        machines
    }

    /// Whose groups there are.
    pub(crate) fn primaries(&self) -> Vec<Host> {
        let mut primaries = vec![Host::A];
        primaries.extend(self.plan.has_second.then_some(Host::A2));
        primaries
    }

    pub(crate) fn data(&self, host: Host) -> PathBuf {
        self.lab.folder().join(host.name())
    }

    fn file(&self, host: Host) -> PathBuf {
        self.lab.folder().join(format!("{}.toml", host.name()))
    }

    /// The build that a machine runs.
    fn programs(&self, host: Host) -> &Programs {
        let older = self.programs.older.as_deref().filter(|_| self.older.contains(&host));
        older.unwrap_or(&self.programs)
    }

    /// Writes a machine's configuration, and gives it a key and an operator.
    pub(crate) fn set_up_host(&self, host: Host) -> Result<()> {
        self.configure(host)?;
        self.mse(host, &["init"], None)?;
        self.mse(host, &["ha", "passwd", OPERATOR.0], Some(OPERATOR.1)).map(drop)
    }

    fn configure(&self, host: Host) -> Result<()> {
        let (name, address, data) = (host.name(), host.address(), self.data(host));
        let data_line = format!("data = {:?}\n", data.to_string_lossy());
        let virtual_address = match host {
            // Where there is no second primary, its machine is for somebody who takes A for itself.
            Host::A2 if self.plan.has_second => Some(VIRTUAL_2),
            Host::A | Host::A2 => Some(VIRTUAL),
            _ => None,
        };
        let role = if virtual_address.is_some() { "primary" } else { "secondary" };
        let text = if host == Host::W {
            format!("{data_line}listen = \"{address}:{PORT}\"\n")
        } else {
            let mut command = self.programs(host).ledger.clone();
            let Plan { rows_max, pad_bytes, ballast_mib, has_direct, .. } = self.plan;
            let ballast_mib = if role == "primary" { ballast_mib } else { 0 };
            let numbers = [rows_max, pad_bytes, ballast_mib].map(|number| number.to_string());
            command.push(name.to_owned());
            command.extend(numbers);
            let virtual_address = virtual_address.map_or_else(String::new, |address| {
                format!("[virtual_address]\naddress = \"{address}\"\nprefix = {PREFIX}\n")
            });
            let recovery = if self.recovering.contains(&host) { "recovery = true\n" } else { "" };
            let direct = if has_direct {
                let address = host.direct_address();
                format!("direct_connect = {{ interface = \"eth1\", address = \"{address}\" }}\n")
            } else {
                String::new()
            };
            format!(
                "{data_line}name = \"{name}\"\nrole = \"{role}\"\n{recovery}[health_monitor]\n\
                 interface = \"eth0\"\naddress = \"{address}\"\n{direct}{virtual_address}\
                 [service]\ncommand = {command:?}\n"
            )
        };
        fs::write(self.file(host), text)?;
        Ok(())
    }

    /// Starts the program on a machine where it does not run.
    pub(crate) fn start(&mut self, host: Host) -> Result<()> {
        if self.running.contains_key(&host) {
            return Ok(());
        }
        let log = || -> Result<File> {
            let path = self.logs.join(format!("{}.log", host.name()));
            Ok(OpenOptions::new().create(true).append(true).open(path)?)
        };
        let (out, errors) = (log()?, log()?);
        let role = if host == Host::W { "witness" } else { "monitor" };
        let mut command = Command::new(&self.programs(host).mse);
        command.args([role, "--config"]).arg(self.file(host));
        if self.plan.own_clock == Some(host) {
            command.envs(self.clock_variables(host)?);
        }
        // Its own group: Ctrl-C is for this program, which then has everything removed.
        command.stdin(Stdio::null()).stdout(out).stderr(errors).process_group(0);
        let child = self.lab.inside(host.name(), move || command.spawn())?;
        let child = child.context("cannot start mse")?;
        if self.plan.own_clock == Some(host) {
            self.clocked.push(child.id());
        }
        self.running.insert(host, child);
        if host == Host::W {
            return Ok(());
        }
        self.mark(format!("{} started", host.name()));
        self.wait(BEGIN_MAX, "a monitor that answers", |site| site.info(host).is_some())
    }

    /// Pairs a primary with the secondary.
    pub(crate) fn pair(&self, primary: Host) -> Result<()> {
        let hash = |host| -> Result<String> {
            let shown = self.mse(host, &["init"], None)?;
            let hash = shown.split_whitespace().find(|word| is_hash(word));
            Ok(hash.with_context(|| format!("no key hash in: {shown}"))?.to_owned())
        };
        let (peer, witness) = (hash(Host::B)?, hash(Host::W)?);
        let witness_address = format!("{}:{PORT}", Host::W.address());
        let secondary = Host::B.address();
        let mut words = vec![
            "ha",
            "pair",
            &secondary,
            "--key-hash",
            &peer,
            "--user",
            OPERATOR.0,
            "--failover",
            "automatic",
            "--witness",
            &witness_address,
            "--witness-key-hash",
            &witness,
        ];
        words.extend(self.plan.has_direct.then_some("--direct-connect"));
        // A monitor answers operators of its machine a moment before it answers others.
        let begun = Instant::now();
        loop {
            match self.mse(primary, &words, Some(OPERATOR.1)) {
                Err(error) if begun.elapsed() >= PAIR_MAX => return Err(error),
                Err(_) => sleep(LOOK),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Runs the program as an operator of the machine would, and returns what it printed.
    fn mse(&self, host: Host, words: &[&str], input: Option<&str>) -> Result<String> {
        let mut command = Command::new(&self.programs(host).mse);
        command.args(words).arg("--data").arg(self.data(host)).env_remove("MSE_NODE_CONFIG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start mse")?;
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            pipe.write_all(input.as_bytes())?;
        }
        let done = child.wait_with_output()?;
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr);
            bail!("mse {} on {}: {}", words.join(" "), host.name(), why.trim());
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    fn info(&self, host: Host) -> Option<Info> {
        let shown = self.mse(host, &["--json", "ha", "status"], None).ok()?;
        serde_json::from_str::<Info>(&shown).ok().filter(|info| info.running)
    }

    /// What a machine says of the group of a primary; nothing when it says nothing.
    pub(crate) fn told(&self, host: Host, primary: Host) -> Option<Told> {
        let address = address_of(primary);
        let peers = self.info(host)?.peers;
        peers.into_iter().find(|told| told.virtual_address == address)
    }

    /// Who serves the group of a primary, and whether the pair is complete.
    pub(crate) fn holder(&self, primary: Host) -> Option<(Host, Told)> {
        [primary, Host::B].into_iter().find_map(|host| {
            let told = self.told(host, primary)?;
            let is_here = match told.state().as_str() {
                "PRIMARY_ACTIVE" => host == primary,
                "FAILOVER_ACTIVE" => host == Host::B,
                _ => false,
            };
            is_here.then_some((host, told))
        })
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
                bail!("no {what} within {} s: {}", longest.as_secs(), self.words());
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// How the machines are, for who reads a failure.
    fn words(&self) -> String {
        let mut words = Vec::new();
        for primary in self.primaries() {
            for host in [primary, Host::B] {
                let told = self.told(host, primary);
                let told = told.map(|told| {
                    let is_up = if told.heartbeat_is_up { "hears" } else { "does not hear" };
                    format!("{} {} % and {is_up} its peer", told.state(), told.sync_percent)
                });
                let told = told.unwrap_or_else(|| "says nothing".to_owned());
                words.push(format!("{} {told}", host.name()));
            }
        }
        words.join("; ")
    }

    /// Starts clients of every primary's group.
    pub(crate) fn probe(&mut self, patience: Duration, writers: usize) -> Result<()> {
        let addresses: Vec<&str> = self.primaries().into_iter().map(address_of).collect();
        self.probes = Some(Probes::start(&self.lab, &addresses, patience, writers, self.start)?);
        Ok(())
    }

    /// Ends the clients, and says what they saw of each group.
    pub(crate) fn seen(&mut self) -> Result<Vec<Seen>> {
        let probes = self.probes.take().context("nobody looked on")?;
        Ok(probes.stop())
    }

    /// Notes that something is done now.
    pub(crate) fn mark(&mut self, what: impl Into<String>) {
        self.marks.push((self.start.elapsed(), what.into()));
    }

    /// Since the site was set up.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn pull(&mut self, host: Host) -> Result<()> {
        self.mark(format!("cable of {} pulled", host.name()));
        self.lab.pull(host)
    }

    pub(crate) fn plug_in(&mut self, host: Host) -> Result<()> {
        self.mark(format!("cable of {} plugged in", host.name()));
        self.lab.plug_in(host)
    }

    /// Pulls the direct cable.
    pub(crate) fn pull_direct(&mut self) -> Result<()> {
        self.mark("direct cable pulled");
        self.lab.plug_direct(false)
    }

    pub(crate) fn plug_in_direct(&mut self) -> Result<()> {
        self.mark("direct cable plugged in");
        self.lab.plug_direct(true)
    }

    /// The switch forwards everything again.
    pub(crate) fn lose_nothing(&mut self) -> Result<()> {
        self.mark("nothing is lost any more");
        self.lab.lose_nothing()
    }

    /// Loses so many percent of the packets in each of these directions.
    pub(crate) fn lose(&mut self, ways: &[(Host, Host)], percent: u8) -> Result<()> {
        for (from, to) in ways {
            self.mark(format!("{percent} % lost from {} to {}", from.name(), to.name()));
        }
        let lost: Vec<_> = ways.iter().map(|(from, to)| (*from, *to, percent)).collect();
        self.lab.lose(&lost)
    }

    /// Full packets from one machine to another are dropped without a word.
    pub(crate) fn narrow(&mut self, from: Host, to: Host) -> Result<()> {
        self.mark(format!("full packets lost from {} to {}", from.name(), to.name()));
        self.lab.narrow(from, to)
    }

    /// Whether a machine has told operators something with these words.
    pub(crate) fn has_told(&self, host: Host, words: &str) -> bool {
        let instances = fs::read_dir(self.data(host).join("instances"));
        let events =
            |instance: fs::DirEntry| fs::read_to_string(instance.path().join("events.jsonl"));
        let mut texts = instances.into_iter().flatten().flatten().flat_map(events);
        texts.any(|text| text.contains(words))
    }

    pub(crate) fn delay(&mut self, host: Host, delay_ms: u64) -> Result<()> {
        self.mark(format!("{delay_ms} ms on the cable of {}", host.name()));
        self.lab.delay(host, delay_ms)
    }

    /// `kill -9` of the program, not of its service.
    pub(crate) fn kill(&mut self, host: Host) -> Result<()> {
        self.mark(format!("kill -9 of the program on {}", host.name()));
        let mut child = self.running.remove(&host).context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks the program to end, and waits for that.
    pub(crate) fn stop(&mut self, host: Host) -> Result<()> {
        self.mark(format!("{} stopped in order", host.name()));
        let mut child = self.running.remove(&host).context("it does not run")?;
        signal(child.id(), Signal::TERM)?;
        let begun = Instant::now();
        while child.try_wait()?.is_none() {
            if begun.elapsed() >= END_MAX {
                // It must not stay behind.
                child.kill()?;
                child.wait()?;
                bail!("{} does not end within {} s", host.name(), END_MAX.as_secs());
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// Ends the older build on a machine and starts the newer one, as an operator upgrades.
    pub(crate) fn upgrade(&mut self, host: Host) -> Result<()> {
        self.stop(host)?;
        self.mark(format!("{} is upgraded", host.name()));
        self.older.remove(&host);
        self.configure(host)?;
        self.start(host)
    }

    /// Whether another build is there to upgrade from.
    pub(crate) fn has_older(&self) -> bool {
        self.programs.older.is_some()
    }

    /// `kill -9` of the service.
    pub(crate) fn kill_service(&mut self, host: Host) -> Result<()> {
        self.mark(format!("kill -9 of the service on {}", host.name()));
        let monitor = self.running.get(&host).context("it does not run")?.id();
        let services = self.lab.processes(host)?;
        for service in services.into_iter().filter(|process| *process != monitor) {
            signal(service, Signal::KILL)?;
        }
        Ok(())
    }

    /// The power of machines goes, all at once.
    pub(crate) fn lose_power(&mut self, hosts: &[Host]) -> Result<()> {
        let names: Vec<_> = hosts.iter().map(|host| host.name()).collect();
        self.mark(format!("power of {} lost", names.join(" and ")));
        let mut processes = Vec::new();
        for host in hosts {
            processes.extend(self.lab.processes(*host)?);
        }
        for process in processes {
            // One that follows its monitor may be gone already.
            let _ = signal(process, Signal::KILL);
        }
        for host in hosts {
            if let Some(mut child) = self.running.remove(host) {
                child.wait()?;
            }
        }
        Ok(())
    }

    /// SIGSTOP of the monitor alone.
    pub(crate) fn freeze(&mut self, host: Host) -> Result<()> {
        self.mark(format!("SIGSTOP of the monitor on {}", host.name()));
        let monitor = self.running.get(&host).context("it does not run")?.id();
        self.stopped.insert(host);
        signal(monitor, Signal::STOP)
    }

    pub(crate) fn thaw(&mut self, host: Host) -> Result<()> {
        if !self.stopped.remove(&host) {
            return Ok(());
        }
        self.mark(format!("SIGCONT of the monitor on {}", host.name()));
        let monitor = self.running.get(&host).context("it does not run")?.id();
        signal(monitor, Signal::CONT)
    }

    /// Mends everything that was broken, and waits until every pair is complete.
    pub(crate) fn mend(&mut self) -> Result<()> {
        self.mark("everything is mended");
        self.lab.lose_nothing()?;
        if self.plan.has_direct {
            self.lab.plug_direct(true)?;
        }
        for host in self.plan.wired {
            self.lab.delay(*host, 0)?;
        }
        for host in self.machines() {
            self.lab.plug_in(host)?;
            self.thaw(host)?;
            let has_ended = match self.running.get_mut(&host) {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if has_ended {
                self.running.remove(&host);
                self.start(host)?;
            }
        }
        self.wait_until_whole()
    }

    /// Waits until every pair is complete.
    pub(crate) fn wait_until_whole(&mut self) -> Result<()> {
        for primary in self.primaries() {
            self.wait(WHOLE_MAX, "complete pair", |site| {
                site.holder(primary).is_some_and(|(_, told)| told.is_whole())
            })?;
        }
        self.mark("every pair is complete");
        Ok(())
    }

    /// Hands the service of a primary's group to the other node.
    pub(crate) fn switch(&mut self, primary: Host) -> Result<()> {
        let (holder, told) = self.holder(primary).context("nobody serves")?;
        let (verb, to) = match holder {
            Host::B => ("failback", primary),
            _ => ("switchover", Host::B),
        };
        self.mark(format!("{verb} to {}", to.name()));
        let instance = told.instance.to_string();
        self.mse(holder, &["ha", verb, "--instance", &instance], None)?;
        self.wait(BEGIN_MAX, "holder after the switch", |site| {
            site.holder(primary).is_some_and(|(now, _)| now == to)
        })
    }

    /// Has so many MiB of nothing written to a primary's group.
    pub(crate) fn fill(&mut self, primary: Host, mib: usize) -> Result<()> {
        let address = address_of(primary);
        self.lab.inside(Host::C.name(), || crate::probes::fill(address, mib))??;
        self.mark(format!("{mib} MiB of nothing written"));
        Ok(())
    }

    /// Everything that clients of a primary's group can read: index by key, with the value.
    pub(crate) fn read_all(&self, primary: Host) -> Result<BTreeMap<u64, (u64, u64)>> {
        let address = address_of(primary);
        let begun = Instant::now();
        loop {
            match self.lab.inside(Host::C.name(), || crate::probes::read_all(address))? {
                Ok(rows) => return Ok(rows),
                Err(error) if begun.elapsed() >= BEGIN_MAX => return Err(error),
                Err(_) => sleep(LOOK),
            }
        }
    }

    /// Keeps the events logs beside the programs' logs.
    pub(crate) fn keep_events(&self) {
        for host in self.machines() {
            let instances = fs::read_dir(self.data(host).join("instances"));
            for instance in instances.into_iter().flatten().flatten() {
                let number = instance.file_name().to_string_lossy().into_owned();
                let name = format!("{}-{number}-events.jsonl", host.name());
                // Without them a run is only harder to explain.
                let _ = fs::copy(instance.path().join("events.jsonl"), self.logs.join(name));
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            // One that has ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.clocked.iter().for_each(|process| clock::clean_up(*process));
    }
}

/// Lets some time pass.
pub(crate) fn pass(seconds: f64) {
    sleep(Duration::from_secs_f64(seconds));
}

fn address_of(primary: Host) -> &'static str {
    if primary == Host::A2 { VIRTUAL_2 } else { VIRTUAL }
}

pub(crate) fn signal(process: u32, signal: Signal) -> Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    kill_process(process.context("no such process")?, signal).context("cannot signal")
}

/// The hash of a key by SHA-256: 64 hexadecimal digits, however they are parted.
fn is_hash(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_hexdigit).count();
    digits == 64 && word.chars().all(|c| c.is_ascii_hexdigit() || c == ':')
}
