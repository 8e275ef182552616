//! Arguments of `mse sensor`.

use std::path::PathBuf;

use clap::Args;
use node::key_hash::KeyHash;

/// Where a sensor keeps its key when nothing says otherwise.
const DATA: &str = "/var/lib/mse-sensor";

/// What to capture and where to send it.
#[derive(Debug, Args)]
pub(crate) struct Sensor {
    /// The controller's `[sensors] listen`, as HOST or HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) controller: String,
    /// The controller's key hash: SHA2 Key Hash of `mse init --data ..` there.
    #[arg(long, value_name = "HASH")]
    pub(crate) key_hash: KeyHash,
    /// Where this sensor's key is; made when there is none.
    #[arg(long, env = "MSE_SENSOR_DATA", default_value = DATA, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Capture from this interface, which is in monitor mode.
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
    /// Listen on these channels in turn, or at these MHz.
    #[arg(long, value_delimiter = ',', requires = "interface", value_name = "LIST")]
    pub(crate) channels: Vec<u32>,
    /// How long on each channel.
    #[arg(long, requires = "interface", value_name = "MS")]
    pub(crate) dwell_ms: Option<u32>,
    /// Send a capture as if it happened now, or what is written into a FIFO.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Start over at the end of the file.
    #[arg(long = "loop", requires = "file")]
    pub(crate) repeat: bool,
    /// Send the capture that comes through standard input.
    #[arg(value_name = "-", value_parser = ["-"])]
    pub(crate) stdin: Option<String>,
    /// Only say whether the controller lets this sensor in.
    #[arg(long)]
    pub(crate) check: bool,
}
