//! `sim`: runs seeds of the simulated world and says what they met.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut out, mut progress) = (io::stdout().lock(), io::stderr());
    let verdict = sim::command::run(&arguments, &mut out, &mut progress);
    let _closed_pipe = out.flush();
    match verdict {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(usage) => {
            let _closed_pipe = writeln!(progress, "{usage}");
            ExitCode::from(2)
        }
    }
}
