//! `chaos`: runs scenarios; `chaos ledger NAME PAD_BYTES` is the service that they have replicated.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// The service, with entries that are so much longer.
fn serve(name: &str, pad: &str) -> anyhow::Result<()> {
    chaos::ledger::run(name, pad.parse()?)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout();
    let verdict = match &arguments[..] {
        [ledger, name, pad] if ledger == "ledger" => serve(name, pad).map(|()| true),
        [help] if help == "--help" || help == "-h" => {
            let _closed_pipe = out.write_all(chaos::command::USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        _ => chaos::command::run(&arguments, &mut out),
    };
    let _closed_pipe = out.flush();
    match verdict {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _closed_pipe = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}
