//! `chaos`: runs scenarios; `chaos ledger NAME ..` is the service that they have replicated.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout();
    let verdict = match &arguments[..] {
        [ledger, words @ ..] if ledger == "ledger" => chaos::ledger::run(words).map(|()| true),
        [help] if help == "--help" || help == "-h" => {
            let _closed_pipe = out.write_all(chaos::command::USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        [compare, help] if compare == "compare-ha" && (help == "--help" || help == "-h") => {
            let _closed_pipe = out.write_all(chaos::compare::USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        [compare, words @ ..] if compare == "compare-ha" => chaos::compare::run(words, &mut out),
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
