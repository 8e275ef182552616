//! `mse demo --ha`: a primary, a secondary and a witness on loopback, each a process of its own, with
//! a hospital to locate, and words that kill things.
//!
//! The virtual address is one of 127.0.0.0/8: whoever serves listens there. Everything else is what
//! runs on real machines.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use controller::Controller;
use controller::campus::Campus;
use controller::source::Source as _;
use engine::engine::SOCKET_NAME as ENGINE_SOCKET;
use model::map::Maps;
use model::pair::Seat;
use monitor::config::{HealthMonitor, Provider, Service, VirtualAddress};
use monitor::info::{Info, PATH, SOCKET_NAME};
use monitor::operators::{Operator, Operators};
use node::clock;
use node::http::Call;
use node::identity::Identity;
use node::key_hash::{AuthEntry, AuthList};
use serde::Serialize;
use serde_json::json;

use super::page::{Asked, NodeView, Page, View};
use super::{CAMPUS, CAMPUS_INTERVAL_MS, Scratch, USER, loopback, maps};
use crate::commands::roles::Stop;
use crate::commands::service::tail;
use crate::local;
use crate::output::{Failure, Output};

/// Networks of loopback to choose from, so that two demonstrations on one machine do not meet.
const NETWORKS: std::ops::RangeInclusive<u8> = 10..=250;
/// The instance of a primary.
const INSTANCE: u32 = monitor::peers::FIRST_INSTANCE;
/// Everything must have started after this long.
const START_MAX: Duration = Duration::from_secs(30);
/// Between two questions of the probe.
const PROBE_PAUSE: Duration = Duration::from_millis(10);
/// A pause that is worth looking at.
const BLINK: Duration = Duration::from_millis(50);
/// A pause that is worth a line, whoever serves afterwards.
const PAUSE: Duration = Duration::from_millis(500);

/// Lines that the page shows. Ours: a screen.
const SAID_MAX: usize = 14;

/// What can be typed, and what has a button on the page.
struct Word {
    text: &'static str,
    meaning: &'static str,
    has_button: bool,
}

const fn word(text: &'static str, meaning: &'static str) -> Word {
    Word { text, meaning, has_button: true }
}

const fn typed_word(text: &'static str, meaning: &'static str) -> Word {
    Word { text, meaning, has_button: false }
}

const WORDS: [Word; 9] = [
    typed_word("status", "both nodes, as `mse gethainfo` sees them"),
    word("switchover", "hand the service to the secondary"),
    word("failback", "hand it back to the primary"),
    word("kill service", "kill -9 of the engine that serves"),
    word("kill monitor", "kill -9 of the health monitor that serves"),
    word("kill witness", "kill -9 of the witness"),
    word("start", "start again what was killed"),
    typed_word("help", "these words"),
    typed_word("quit", "end the demo, and remove what it stored"),
];

fn help() -> String {
    let line = |it: &Word| format!("  {:<18}{}", it.text, it.meaning);
    WORDS.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A process of the demonstration.
struct Process {
    name: &'static str,
    role: &'static str,
    config: PathBuf,
    data: PathBuf,
    child: Option<Child>,
}

/// Addresses of the demonstration, with the last numbers of the guides.
#[derive(Debug, Clone, Copy)]
struct Addresses {
    virtual_address: IpAddr,
    primary: IpAddr,
    secondary: IpAddr,
    witness: SocketAddr,
}

impl Addresses {
    /// Those of the first network that nobody uses, and what keeps others out of it.
    fn free() -> Result<(Self, TcpListener), Failure> {
        let address = |network, last| IpAddr::V4(Ipv4Addr::new(127, 0, network, last));
        let port = monitor::config::PORT;
        // The nodes' own addresses are free until they have started.
        let taken = |network: u8| {
            let kept = TcpListener::bind((address(network, 10), port)).ok()?;
            TcpListener::bind((address(network, 12), port)).ok()?;
            Some((network, kept))
        };
        let (network, kept) = NETWORKS
            .into_iter()
            .find_map(taken)
            .with_context(|| format!("port {port} is taken on all of loopback"))?;
        let addresses = Self {
            virtual_address: address(network, 11),
            primary: address(network, 12),
            secondary: address(network, 13),
            witness: SocketAddr::new(address(network, 14), port),
        };
        Ok((addresses, kept))
    }
}

/// Everything that runs.
struct Stage {
    primary: Process,
    secondary: Process,
    witness: Process,
    controller: Controller,
}

pub(super) async fn run(
    output: &mut Output<impl Write>,
    scratch: &Scratch,
    stop: &mut Stop,
    port: u16,
) -> Result<(), Failure> {
    output.line("\n  Starting a primary, a secondary, a witness and a controller ..")?;
    let password = node::token::one_time_password();
    let (addresses, _kept) = Addresses::free()?;
    let mut stage = Stage::start(scratch, addresses, port, &password).await?;
    let service = SocketAddr::new(addresses.virtual_address, port);
    let console = format!("http://{service}/");
    let buttons = WORDS.iter().filter(|it| it.has_button).map(|it| (it.text, it.meaning));
    let mut page = Page::open(&console, buttons).await?;
    output.line(welcome(&console, &page.address, &password, scratch))?;
    let is_over = Arc::new(AtomicBool::new(false));
    let (told, mut blinks) = tokio::sync::mpsc::unbounded_channel();
    let probe = {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || probe(service, &is_over, &told))
    };
    let mut words = typed();
    let mut holder = "primary";
    let mut said = Said::default();
    let outcome = loop {
        tokio::select! {
            () = stop.wait() => break Ok(()),
            Some(gap) = blinks.recv() => {
                let name = stage.settled(holder).await;
                if name != holder || gap >= PAUSE {
                    let ms = Duration::as_millis(&gap);
                    said.line(output, &format!("  no answer for {ms} ms; served by the {name}"))?;
                    holder = name;
                }
            }
            Some(word) = words.recv() => {
                if word.trim() == "quit" {
                    break Ok(());
                }
                let answer = stage.obey(word.trim()).await;
                let answer = answer.unwrap_or_else(|failure| format!("  {}", failure.message()));
                said.line(output, &answer)?;
            }
            Some(asked) = page.asked.recv() => match asked {
                // A page that is closed waits for nothing.
                Asked::View(answer) => drop(answer.send(stage.view(&said).await)),
                Asked::Word(word, answer) => {
                    let done = stage.obey(word.trim()).await;
                    let done = done.unwrap_or_else(|failure| format!("  {}", failure.message()));
                    said.line(output, &format!("  [{}]\n{done}", word.trim()))?;
                    let _ = answer.send(done);
                }
            },
        }
    };
    is_over.store(true, Ordering::Relaxed);
    let _ = probe.join();
    stage.stop().await;
    outcome
}

/// What was said last, for the page.
#[derive(Default)]
struct Said(VecDeque<String>);

impl Said {
    fn line(&mut self, output: &mut Output<impl Write>, text: &str) -> Result<(), Failure> {
        self.0.extend(text.lines().map(|line| line.trim().to_owned()));
        self.0.drain(..self.0.len().saturating_sub(SAID_MAX));
        output.line(text)
    }
}

/// Lines of standard input. When nobody types, the demo runs until it is told to stop.
fn typed() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (say, said) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if say.send(line).is_err() {
                return;
            }
        }
    });
    said
}

fn welcome(console: &str, page: &str, password: &str, scratch: &Scratch) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "mse".to_owned());
    format!(
        "\n  OpenMSE demo of high availability: a hospital, located by a pair.\n\n\
         \x20   Console    {console}   (whoever serves has this address)\n\
         \x20   Buttons    {page}\n\
         \x20   User       {USER}\n\
         \x20   Password   {password}   (for this run only)\n\n\
         \x20 Words that you can type here:\n\n{}\n\n\
         \x20 In another terminal:\n\n\
         \x20   {program} gethainfo --data {}\n\
         \x20   {program} ha events --data {}\n",
        help(),
        scratch.dir("primary").display(),
        scratch.dir("secondary").display(),
    )
}

impl Stage {
    async fn start(
        scratch: &Scratch,
        addresses: Addresses,
        port: u16,
        password: &str,
    ) -> Result<Self, Failure> {
        let now = clock::wall();
        let campus = Campus::parse(CAMPUS, CAMPUS_INTERVAL_MS, now).map_err(anyhow::Error::from)?;
        let maps = campus.maps().clone();
        // The first node's own key becomes the service's: controllers trust it on both.
        let state =
            scratch.dir("primary").join("instances").join(INSTANCE.to_string()).join("state");
        let identity = Identity::load_or_create(&state.join("node"), node::identity::random_mac)
            .map_err(anyhow::Error::from)?;
        let trusted = AuthEntry { mac: identity.mac, key_hash: identity.credentials.sha256 };
        let config = controller::Config {
            data: scratch.dir("wlc-hospital"),
            name: "wlc-hospital".to_owned(),
            nmsp: controller::config::NmspServer { listen: loopback(0), ..Default::default() },
            trusted: AuthList(vec![trusted]),
            unauthenticated_nmsp: false,
            // The source is handed over open.
            source: controller::config::SourceConfig::Campus {
                file: PathBuf::new(),
                interval_s: 2,
            },
            sensors: controller::sensor::config::Sensors::default(),
            sensor: Vec::new(),
        };
        let controller =
            Controller::start(&config, Box::new(campus)).await.map_err(anyhow::Error::from)?;
        let engine = scratch.dir("engine.toml");
        write(
            &engine,
            &engine_text(&controller, SocketAddr::new(addresses.virtual_address, port)),
        )?;
        let mut stage = Self {
            primary: Process::new(scratch, "primary", "monitor"),
            secondary: Process::new(scratch, "secondary", "monitor"),
            witness: Process::new(scratch, "witness", "witness"),
            controller,
        };
        let virtual_address = VirtualAddress {
            address: addresses.virtual_address,
            prefix: 24,
            provider: Provider::Loopback,
        };
        write_toml(
            &stage.primary.config,
            &stage.primary.node(
                Seat::Primary,
                addresses.primary,
                Some(virtual_address),
                &engine,
            )?,
        )?;
        write_toml(
            &stage.secondary.config,
            &stage.secondary.node(Seat::Secondary, addresses.secondary, None, &engine)?,
        )?;
        let listen = addresses.witness;
        let witness = monitor::witness::Config { data: stage.witness.data.clone(), listen };
        write_toml(&stage.witness.config, &witness)?;
        let paired = stage.pair(addresses, &state, maps, password).await;
        if let Err((name, failure)) = paired {
            let failure = stage.explain(name, failure);
            stage.stop().await;
            return Err(failure);
        }
        Ok(stage)
    }

    /// Starts everything, gives the pair maps and a user, and pairs both nodes. An error comes with
    /// the process that it is about.
    async fn pair(
        &mut self,
        addresses: Addresses,
        state: &Path,
        maps: Maps,
        password: &str,
    ) -> Result<(), (&'static str, Failure)> {
        let about = |name| move |failure| (name, failure);
        let operator = node::token::one_time_password();
        let secondary = self.secondary.key(&operator).map_err(about("secondary"))?;
        let witness = self.witness.key(&operator).map_err(about("witness"))?;
        for process in [&mut self.primary, &mut self.secondary, &mut self.witness] {
            process.start().map_err(about(process.name))?;
        }
        self.until("the primary's engine", "primary", async |_| is_active(state).await).await?;
        furnish(state, maps, password).await.map_err(about("primary"))?;
        let request = json!({
            "address": addresses.secondary,
            "port": monitor::config::PORT,
            "user": USER,
            "password": operator,
            "key_hash": secondary,
            "failover": "automatic",
            "failback": "manual",
            "failover_wait_s": 2.5,
            "witness": { "address": addresses.witness, "key_hash": witness },
        });
        let has_secondary = async |stage: &Self| stage.secondary.info().await.is_some();
        self.until("the secondary", "secondary", has_secondary).await?;
        let path = "/api/v1/ha/pair";
        local::post::<serde_json::Value>(&self.primary.data, SOCKET_NAME, path, &request)
            .await
            .map_err(about("primary"))?;
        let is_paired =
            async |stage: &Self| stage.primary.state().await == Some(ha::State::PrimaryActive);
        self.until("the pair", "secondary", is_paired).await
    }

    /// Waits until something holds, as long as every process runs.
    async fn until(
        &mut self,
        what: &str,
        name: &'static str,
        holds: impl AsyncFn(&Self) -> bool,
    ) -> Result<(), (&'static str, Failure)> {
        let asked = Instant::now();
        while asked.elapsed() < START_MAX {
            if holds(self).await {
                return Ok(());
            }
            for process in [&mut self.primary, &mut self.secondary, &mut self.witness] {
                if let Some(status) = process.ended() {
                    let text = format!("the {} has ended ({status})", process.name);
                    return Err((process.name, Failure::Failed(anyhow::anyhow!(text))));
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let text = format!("{what} did not come up in {} s", START_MAX.as_secs());
        Err((name, Failure::Failed(anyhow::anyhow!(text))))
    }

    /// The failure with the last words of the process that it is about: its log is removed.
    fn explain(&self, name: &str, failure: Failure) -> Failure {
        let all = [&self.primary, &self.secondary, &self.witness];
        let Some(process) = all.into_iter().find(|it| it.name == name) else { return failure };
        let last = tail(&process.log());
        let text =
            format!("{}; the last words of the {name}:\n{}", failure.message(), last.trim_end());
        Failure::Failed(anyhow::anyhow!(text))
    }

    /// What the page shows.
    async fn view(&self, said: &Said) -> View {
        let mut nodes = Vec::new();
        for process in [&self.primary, &self.secondary] {
            let info = process.info().await;
            let state = info.as_ref().and_then(|info| info.peers.first());
            nodes.push(NodeView {
                name: process.name,
                runs: info.is_some(),
                state: state.map(|peer| peer.state.to_string()).unwrap_or_default(),
                serves: info.is_some_and(|info| info.node.serving),
            });
        }
        let said = said.0.iter().cloned().collect();
        View { nodes, witness_runs: self.witness.child.is_some(), said }
    }

    /// The name of the node that serves.
    async fn serving(&self) -> Option<&'static str> {
        for process in [&self.primary, &self.secondary] {
            if process.info().await.is_some_and(|info| info.node.serving) {
                return Some(process.name);
            }
        }
        None
    }

    /// The same, once a change that is going on has ended.
    async fn settled(&self, before: &'static str) -> &'static str {
        for _ in 0..10 {
            if let Some(name) = self.serving().await {
                return name;
            }
            tokio::time::sleep(PROBE_PAUSE).await;
        }
        before
    }

    async fn obey(&mut self, word: &str) -> Result<String, Failure> {
        let is_over = self.secondary.state().await == Some(ha::State::FailoverActive);
        let holder = if is_over { &mut self.secondary } else { &mut self.primary };
        match word {
            "" => Ok(String::new()),
            "help" => Ok(help()),
            "status" => Ok(self.status().await),
            "switchover" | "failback" => {
                let path = format!("/api/v1/ha/groups/{INSTANCE}/{word}");
                let answer: serde_json::Value =
                    local::post(&holder.data, SOCKET_NAME, &path, &json!({})).await?;
                Ok(format!("  {}", answer["text"].as_str().unwrap_or("done")))
            }
            "kill service" => Ok(holder.kill_service()),
            "kill monitor" => Ok(holder.kill()),
            "kill witness" => Ok(self.witness.kill()),
            "start" => {
                let mut started = Vec::new();
                for process in [&mut self.primary, &mut self.secondary, &mut self.witness] {
                    if process.child.is_none() {
                        process.start()?;
                        started.push(process.name);
                    }
                }
                let names = started.join(", ");
                Ok(if started.is_empty() {
                    "  everything runs".to_owned()
                } else {
                    format!("  started: {names}")
                })
            }
            _ => Ok(format!("  '{word}' is none of these words:\n{}", help())),
        }
    }

    async fn status(&self) -> String {
        let mut lines = Vec::new();
        for process in [&self.primary, &self.secondary] {
            let line = match process.info().await {
                None => format!("  {:<10} its health monitor does not run", process.name),
                Some(info) => {
                    let state = info.peers.first().map(|peer| peer.state.to_string());
                    let serves = if info.node.serving { "serves" } else { "dormant" };
                    format!("  {:<10} {:<20} {serves}", process.name, state.unwrap_or_default())
                }
            };
            lines.push(line);
        }
        let runs = if self.witness.child.is_some() { "runs" } else { "does not run" };
        lines.push(format!("  {:<10} {runs}", "witness"));
        lines.join("\n")
    }

    async fn stop(mut self) {
        for process in [&mut self.secondary, &mut self.primary, &mut self.witness] {
            process.stop().await;
        }
        self.controller.stop().await;
    }
}

impl Process {
    fn new(scratch: &Scratch, name: &'static str, role: &'static str) -> Self {
        let config = scratch.dir(&format!("{name}.toml"));
        Self { name, role, config, data: scratch.dir(name), child: None }
    }

    /// What its monitor is told.
    fn node(
        &self,
        role: Seat,
        address: IpAddr,
        virtual_address: Option<VirtualAddress>,
        engine: &Path,
    ) -> Result<monitor::config::Config, Failure> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let words = [program.as_path(), Path::new("engine"), Path::new("--config"), engine];
        let command = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Ok(monitor::config::Config {
            data: self.data.clone(),
            name: Some(self.name.to_owned()),
            role,
            health_monitor: HealthMonitor {
                interface: None,
                address,
                port: monitor::config::PORT,
                direct_connect: None,
            },
            virtual_address,
            recovery: false,
            service: Service { command },
            max_active: 2,
            logs: monitor::config::Logs::default(),
        })
    }

    /// Makes its key and its operator before it starts; says the key's hash.
    fn key(&self, password: &str) -> Result<String, Failure> {
        let folder = self.data.join("node");
        let identity = Identity::load_or_create(&folder, node::identity::random_mac)
            .map_err(anyhow::Error::from)?;
        let password_hash = node::password::hash(password).map_err(anyhow::Error::from)?;
        let mut operators = Operators::default();
        operators.set(Operator { name: USER.to_owned(), password_hash });
        operators.save(&folder).map_err(anyhow::Error::from)?;
        Ok(identity.credentials.sha256.to_string())
    }

    fn start(&mut self) -> Result<(), Failure> {
        let log = self.log();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| log.display().to_string())?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = Command::new(program)
            .arg(self.role)
            .arg("--config")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start the {}", self.name))?;
        self.child = Some(child);
        Ok(())
    }

    /// What it and its service print.
    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// How it has ended, if it has.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok()?
    }

    fn kill(&mut self) -> String {
        let Some(mut child) = self.child.take() else {
            return format!("  the {} does not run", self.name);
        };
        let id = child.id();
        let _ = child.kill();
        let _ = child.wait();
        format!("  kill -9 {id}: the {} of the {}; `start` brings it back", self.role, self.name)
    }

    /// Kills the process whose parent is this monitor.
    fn kill_service(&self) -> String {
        let Some(child) = &self.child else { return format!("  the {} does not run", self.name) };
        let Some(service) = child_of(child.id()) else {
            return "  its engine does not run".to_owned();
        };
        let killed = Command::new("kill").arg("-9").arg(service.to_string()).status();
        match killed {
            Ok(status) if status.success() => {
                format!(
                    "  kill -9 {service}: the engine of the {}; its monitor starts it again",
                    self.name
                )
            }
            _ => format!("  {service} cannot be killed"),
        }
    }

    async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(8) && matches!(child.try_wait(), Ok(None)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    async fn info(&self) -> Option<Info> {
        local::get(&self.data, SOCKET_NAME, PATH).await.ok()
    }

    async fn state(&self) -> Option<ha::State> {
        self.info().await?.peers.first().map(|peer| peer.state)
    }
}

/// What the engines of both nodes are told; each has its own data from its monitor.
fn engine_text(controller: &Controller, listen: SocketAddr) -> String {
    let (address, key_hash) = (controller.address, controller.identity.credentials.sha256);
    format!(
        "data = \"/nonexistent\"\nname = \"mse-demo\"\n[https]\nlisten = \"{listen}\"\nplain = true\n\
         [nmsp]\necho_interval_ms = 5000\ndead_interval_ms = 15000\n\
         [[controller]]\naddress = \"{address}\"\nname = \"wlc-hospital\"\nkey_hash = \"{key_hash}\"\n"
    )
}

/// Whether the engine serves.
async fn is_active(state: &Path) -> bool {
    let info: Result<serde_json::Value, _> =
        local::get(state, ENGINE_SOCKET, "/api/v1/server/info").await;
    info.is_ok_and(|info| info["duty"] == "active")
}

/// Maps and a user, through the engine as anybody else would.
async fn furnish(state: &Path, mut maps: Maps, password: &str) -> Result<(), Failure> {
    let images = maps::draw_plans(&mut maps);
    let archive = maps::archive(&maps, &images)?;
    let put = |path, body, media_type| -> Result<Call<'_>, Failure> {
        let method = "PUT".parse().map_err(anyhow::Error::new)?;
        Ok(Call { method, body, media_type, ..Call::get(path) })
    };
    let call = put("/api/v1/maps/archive", archive, None)?;
    // It serves, and is told a moment later until when it may answer.
    until("the maps", async || local::call(state, ENGINE_SOCKET, call.clone()).await.is_ok())
        .await?;
    let path = format!("/api/v1/users/{USER}/password");
    let body = json!({ "password": password }).to_string().into_bytes();
    let call = put(&path, body, Some("application/json"))?;
    // The first user is made by the engine itself, a moment after it begins to serve.
    until("the first user", async || local::call(state, ENGINE_SOCKET, call.clone()).await.is_ok())
        .await
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Result<(), Failure> {
    let asked = Instant::now();
    while asked.elapsed() < START_MAX {
        if holds().await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure::Failed(anyhow::anyhow!("{what} did not come up in {} s", START_MAX.as_secs())))
}

/// Asks whoever serves, and tells of pauses.
fn probe(
    address: SocketAddr,
    is_over: &AtomicBool,
    told: &tokio::sync::mpsc::UnboundedSender<Duration>,
) {
    let mut last = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        if std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            let gap = last.elapsed();
            last = Instant::now();
            if gap >= BLINK && told.send(gap).is_err() {
                return;
            }
        }
        std::thread::sleep(PROBE_PAUSE);
    }
}

/// The first process whose parent is that one.
fn child_of(parent: u32) -> Option<u32> {
    let all = std::fs::read_dir("/proc").ok()?.flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // After the name in brackets: state, parent.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1) == Some(&parent.to_string())
    })
}

fn write_toml(path: &Path, document: &impl Serialize) -> Result<(), Failure> {
    write(path, &toml::to_string(document).map_err(anyhow::Error::from)?)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Ok(std::fs::write(path, text).with_context(|| path.display().to_string())?)
}
