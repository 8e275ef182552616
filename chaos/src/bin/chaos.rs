//! `chaos`: runs scenarios, `compare-ha` or `bench-commit`; `chaos ledger NAME ..` is the service that
//! they have replicated.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout();
    let first = arguments.first().map(String::as_str);
    if arguments.last().is_some_and(|last| last == "--help" || last == "-h") {
        let usage = match first {
            Some("compare-ha") => chaos::compare::USAGE,
            Some("bench-commit") => chaos::commit::USAGE,
            _ => chaos::command::USAGE,
        };
        let _closed_pipe = out.write_all(usage.as_bytes());
        return ExitCode::SUCCESS;
    }
    let rest = arguments.get(1..).unwrap_or_default();
    let verdict = match first {
        Some("ledger") => chaos::ledger::run(rest).map(|()| true),
        Some("positions") => chaos::positions::run(rest, &mut out),
        Some("compare-ha") => chaos::compare::run(rest, &mut out),
        Some("bench-commit") => chaos::commit::run(rest, &mut out),
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
