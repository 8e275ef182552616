//! `mse`: every role and every operator's command of OpenMSE in one program.
//!
//! | file | what it is for |
//! |---|---|
//! | `cli` | arguments |
//! | `output` | text or JSON on standard output, and exit codes |
//! | `local` | asks a running role through its Unix socket |
//! | `commands/..` | one file per command |
//! | `setup/..` | the set-up wizard |

mod cli;
mod commands;
#[cfg(test)]
mod golden;
mod local;
mod output;
mod setup;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::cli::Arguments;
use crate::output::{Failure, Output};

/// Background work, such as removing old positions, is left after this long.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // A link named getserverinfo or gethainfo is the command of that name, as on the appliance.
    let called_as = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = called_as.as_deref().and_then(|path| path.file_name()).unwrap_or_default();
    let arguments = if name == "getserverinfo" || name == "gethainfo" {
        let rest = std::env::args_os().skip(1);
        Arguments::parse_from(["mse".into(), name.to_owned()].into_iter().chain(rest))
    } else {
        Arguments::parse()
    };
    node::log::init(
        arguments.log_filter(),
        if arguments.log_json { node::log::Format::Json } else { node::log::Format::Text },
    );
    let mut output = Output::new(std::io::stdout(), arguments.json);
    let outcome = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let outcome = runtime.block_on(commands::run(arguments, &mut output));
            // Nobody waits for what is still being cleaned up.
            runtime.shutdown_timeout(SHUTDOWN_MAX);
            outcome
        }
        Err(error) => Err(Failure::from(anyhow::Error::from(error))),
    };
    match outcome.and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
