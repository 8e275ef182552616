//! Arguments. The texts here are the manual; keep them true and short.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use locate_bench::Mode;
use model::Mac;

use crate::output::EXIT_CODES;

pub(crate) mod ha;
pub(crate) mod node;
pub(crate) mod sensor;
pub(crate) mod service;
pub(crate) mod setup;

/// Open mobility services suite: locates Wi-Fi devices on a campus.
#[derive(Debug, Parser)]
#[command(name = "mse", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log to standard error: error, warn, info, debug, or `engine=debug,warn`.
    ///
    /// Roles log info by default, commands and the demo warn.
    #[arg(long, global = true, env = "MSE_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Log JSON lines.
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where a role keeps its things.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// Data directory of the role.
    #[arg(
        long,
        global = true,
        env = "MSE_DATA",
        default_value = "/var/lib/mse",
        value_name = "DIR"
    )]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything on this machine: a recording of real radio and a simulated hospital.
    ///
    /// Runs two controllers and an engine on loopback, with storage in a temporary directory that
    /// is removed at the end. Prints the address of the console and a password for this run.
    Demo {
        /// Play the recording once, fast, compare with where the device truly was, and exit.
        #[arg(long)]
        once: bool,
        /// Show a pair instead: a primary, a secondary and a witness, and words that kill things.
        ///
        /// The words are also buttons on a page whose address it prints: on 127.0.0.1, with a random
        /// token, for this user only.
        #[arg(long, conflicts_with = "once")]
        ha: bool,
        /// Port of the console; another one is taken when it is in use.
        #[arg(long, default_value_t = 8880)]
        port: u16,
    },
    /// Make the data directory and the key of a role, and print what its peers must be told.
    ///
    /// Run it as the user that the role will run as. Does nothing when there is a key.
    Init {
        #[command(flatten)]
        data: Data,
    },
    /// Run an engine.
    Engine {
        /// Configuration file; demo/engine.toml explains it.
        #[arg(
            long,
            env = "MSE_CONFIG",
            default_value = "/etc/mse/engine.toml",
            value_name = "FILE"
        )]
        config: PathBuf,
    },
    /// Run the health monitor of a node: it starts the node's service, pairs it, and holds the virtual
    /// address.
    Monitor {
        /// Configuration file, as `mse setup` writes it; demo/node.toml explains it.
        #[arg(
            long,
            env = "MSE_NODE_CONFIG",
            default_value = "/etc/mse/node.toml",
            value_name = "FILE"
        )]
        config: PathBuf,
        /// Log to the log directory only, and leave the terminal; `mse service start` says so.
        #[arg(long, hide = true)]
        detached: bool,
    },
    /// Start, stop and look at this node, as `/etc/init.d/msed` of the appliance.
    Service {
        #[command(subcommand)]
        command: service::ServiceCommand,
    },
    /// Run a stand-alone witness: the third voter of pairs. It belongs on a third machine.
    Witness {
        /// Configuration file; demo/witness.toml explains it.
        #[arg(
            long,
            env = "MSE_CONFIG",
            default_value = "/etc/mse/witness.toml",
            value_name = "FILE"
        )]
        config: PathBuf,
    },
    /// Run a controller.
    Controller {
        /// Configuration file; demo/controller.toml explains it.
        #[arg(
            long,
            env = "MSE_CONFIG",
            default_value = "/etc/mse/controller.toml",
            value_name = "FILE"
        )]
        config: PathBuf,
    },
    /// Capture here, and send it to a controller that is elsewhere.
    ///
    /// The controller needs a [[sensor]] with kind = "remote" and this sensor's key hash, which
    /// `mse init --data /var/lib/mse-sensor` prints. See docs/guide/sensors.md.
    Sensor(Box<sensor::Sensor>),
    /// Check configuration files without starting anything.
    CheckConfig {
        /// Files of an engine, a controller, a node or a witness, or a campus.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Set this node up: names, addresses, high availability role. Ask again later for changes.
    ///
    /// Writes the node's configuration and an operator for pairing. The host's own network, name and
    /// time are never touched without --apply-network.
    Setup(Box<setup::Setup>),
    /// Print the state of the engine and its services, as on the appliance.
    Getserverinfo {
        #[command(flatten)]
        node: node::Node,
    },
    /// Print the high availability configuration and state of this node, as on the appliance.
    Gethainfo {
        #[command(flatten)]
        node: node::Node,
    },
    /// High availability of this node.
    Ha {
        #[command(subcommand)]
        command: ha::HaCommand,
    },
    /// Links between the engine and its controllers.
    Nmsp {
        #[command(subcommand)]
        command: NmspCommand,
    },
    /// Where an element is. Exits with 4 when it is not tracked.
    Track {
        /// Its MAC address, in any form.
        mac: Mac,
        /// Print a line whenever it is heard, until interrupted.
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Visitors of a place: how many, when, and for how long.
    Analytics(AnalyticsArguments),
    /// Commands of the controller: `mse show nmsp status`, `mse show sensors`.
    Show {
        #[command(subcommand)]
        command: ShowCommand,
    },
    /// The command shell of the appliance. Without words it reads commands line by line.
    Cmdshell {
        #[command(flatten)]
        data: Data,
        /// A command, such as `show server-auth-info`.
        words: Vec<String>,
    },
    /// Who is told what about which element.
    Notifications {
        #[command(subcommand)]
        command: NotificationsCommand,
    },
    /// Import, export and make maps.
    Maps {
        #[command(subcommand)]
        command: MapsCommand,
    },
    /// Measure how well positions are computed.
    Locate {
        #[command(subcommand)]
        command: LocateCommand,
    },
    /// Wireless intrusions: what captures show of them.
    Wips {
        #[command(subcommand)]
        command: WipsCommand,
    },
    /// Look at a replicated log on disk. Nothing is changed, and the role may be running.
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Write one archive with what is needed to help: configurations, state, events, logs, versions.
    ///
    /// It holds no keys, password hashes, tokens or data of elements; secrets in configurations are
    /// replaced, and so is every MAC address. Look into it with `tar` before you send it. The node
    /// may be running or not; run it as root or as the user of the node.
    Support {
        /// The archive; mse-support-HOST-SECONDS.tar.gz when it is not given. None is replaced.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        node: node::Node,
    },
    /// Users of the console and the APIs.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Print the OpenAPI document of the native API.
    Openapi,
}

impl Arguments {
    /// What to log.
    pub(crate) fn log_filter(&self) -> &str {
        let is_role = matches!(
            self.command,
            Command::Engine { .. }
                | Command::Controller { .. }
                | Command::Monitor { .. }
                | Command::Witness { .. }
                | Command::Sensor(_)
        );
        self.log.as_deref().unwrap_or(if is_role { "info" } else { "warn" })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct AnalyticsArguments {
    /// Campus>Building>Floor>Zone, or a beginning of it, or an id; everywhere when it is not given.
    pub(crate) place: Option<String>,
    /// today, yesterday, 3days, lastweek or lastmonth.
    #[arg(long, value_name = "WORD", conflicts_with_all = ["from", "until"])]
    pub(crate) period: Option<String>,
    /// The first day, as 2026-11-28.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// The last day, included; the first one when it is not given.
    #[arg(long, value_name = "DAY", requires = "from")]
    pub(crate) until: Option<String>,
    /// Count tags, not clients.
    #[arg(long)]
    pub(crate) tags: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NmspCommand {
    /// State of every link, and why it is not active.
    Status {
        #[command(flatten)]
        data: Data,
        /// Print services and message counters too.
        #[arg(long)]
        detail: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShowCommand {
    /// NMSP of this controller.
    Nmsp {
        #[command(flatten)]
        data: Data,
        #[command(subcommand)]
        command: ShowNmsp,
    },
    /// Sensors of this controller: how each is, and what came from it.
    Sensors {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ShowNmsp {
    /// Connections and their echo and data counters.
    Status,
    /// What each engine subscribed to.
    Subscription,
    /// Message counters of each connection.
    Statistics,
    /// What this controller can report.
    Capability,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LocateCommand {
    /// Locate on a recorded site with the shipped defaults, and print the errors in metres.
    ///
    /// Prints one line, `n .. mean .. median .. p90 .. floor ..% building ..% covered ..%`: queries that
    /// were answered, horizontal errors, answers on the right floor and in the right building, and
    /// answers whose radius holds the truth. The format of a site is in docs/guide/location.md.
    Bench {
        /// The folder of the site.
        folder: PathBuf,
        /// What may be used: `none` of the survey, `points:N` that the seed draws, `all` of it;
        /// `fingerprint` uses all and no place of an access point; `track` follows recorded streams;
        /// `rogue` locates transmitters of unknown power.
        #[arg(long, default_value = "all")]
        mode: LocateMode,
        /// Draws the points of `--mode points:N`; the same seed draws the same points.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Use only the K strongest readings of each query.
        #[arg(long, value_name = "K")]
        keep: Option<usize>,
        /// Write `id,x,y,floor,building,radius95` for each answer.
        ///
        /// Then `queries.csv.gz` is read where it is there. With `--mode track` there is one file per
        /// stream, with its name before the ending.
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WipsCommand {
    /// Print the incidents in recorded captures: kind, transmitter, victim, channel, times, fidelity,
    /// severity, count.
    ///
    /// Several files are several sensors: a frame that two of them heard is one frame.
    Replay {
        /// Captures of 802.11 frames, pcap or pcapng, also with .gz.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Play N times as fast as it was; as fast as possible when it is not given.
        #[arg(long, value_name = "N", value_parser = speed)]
        speed: Option<f64>,
        /// Profile with thresholds and managed networks; `mse wips profile` prints the default.
        #[arg(long, value_name = "FILE")]
        profile: Option<PathBuf>,
    },
    /// Print the default profile.
    Profile,
    /// Print the incidents that a running engine knows, newest first.
    Incidents {
        /// Also those that are over.
        #[arg(long)]
        all: bool,
        /// So many at most.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        data: Data,
    },
    /// Print the access points of others that a running engine hears, with their classes.
    Rogues {
        #[command(flatten)]
        data: Data,
    },
    /// Print the sensors of a running engine.
    Sensors {
        #[command(flatten)]
        data: Data,
    },
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|it| it.is_finite() && *it > 0.0);
    speed.ok_or_else(|| format!("'{text}' is no speed; 1 is as it was, 10 ten times as fast"))
}

/// `--mode` of `mse locate bench`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocateMode(pub(crate) Mode);

impl std::str::FromStr for LocateMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mode = match text.split_once(':') {
            Some(("points", count)) => {
                let count =
                    count.parse().map_err(|_| format!("'{count}' is no number of points"))?;
                Mode::Points(count)
            }
            None if text == "none" => Mode::None,
            None if text == "all" => Mode::All,
            None if text == "fingerprint" => Mode::Fingerprint,
            None if text == "track" => Mode::Track,
            None if text == "rogue" => Mode::Rogue,
            _ => {
                let known = "none, points:N, all, fingerprint, track and rogue are known";
                return Err(format!("'{text}' is no mode; {known}"));
            }
        };
        Ok(Self(mode))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotificationsCommand {
    /// Every notification, and how its receivers fare.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// One notification as JSON, secrets hidden; what `put` takes. Exits with 4 when there is none.
    Show {
        /// Its name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Add a notification, or replace the one of the same name.
    Put {
        /// File with the definition, as docs/guide/notifications.md describes it; - is standard input.
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Remove a notification. Exits with 4 when there is none.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Send a made-up event to each receiver now. Exits with 1 when one did not take it.
    Test {
        /// Its name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MapsCommand {
    /// Replace the maps of the running engine by those of an archive.
    Import {
        /// The archive (tar.gz).
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Write the maps of the running engine to an archive.
    Export {
        /// The archive (tar.gz).
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Write the maps of a controller's source (recording or campus) to an archive, plans drawn.
    FromSource {
        /// Configuration file of the controller.
        config: PathBuf,
        /// The archive (tar.gz).
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Read everything and say what is there and what is wrong. Exits with 1 when entries are
    /// damaged.
    ///
    /// Checks the CRC of every entry, the chain of hashes from entry to entry, and the BLAKE3 of
    /// every sealed segment. While the role runs, what it is writing just now may look like an
    /// interrupted write.
    Verify {
        /// The directory with the segments.
        dir: PathBuf,
    },
    /// Print entries, one line each; with --json one JSON document per line.
    Dump {
        /// The directory with the segments.
        dir: PathBuf,
        /// First index.
        #[arg(long, default_value_t = 1, value_name = "INDEX")]
        from: u64,
        /// Most entries to print; all when it is not given.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
        /// Print contents too, in hexadecimal.
        #[arg(long)]
        payload: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Add a user. The password is typed unseen, or read from standard input when that is a pipe.
    Add {
        /// User name.
        name: String,
        /// viewer, operator or admin.
        #[arg(long, default_value = "viewer")]
        role: store::Role,
        #[command(flatten)]
        data: Data,
    },
    /// Set a password and end the user's sessions. The password is given as with `add`.
    Passwd {
        /// User name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Remove a user.
    Remove {
        /// User name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
}
