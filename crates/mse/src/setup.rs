//! `mse setup`: the set-up wizard of the high availability guides.
//!
//! | module | what it is for |
//! |---|---|
//! | `wizard` | which question comes next; no input or output |
//! | `question` | the texts |
//! | `summary` | what is to be verified |
//! | `answers` | what was answered, and its file |
//! | `machine` | what the machine says, as defaults |
//! | `known` | both together, and whether everything fits |
//! | `host` | the host's own network, name and time |
//! | `apply` | what is written |
//!
//! Here are the lines: a question is written, a line is read, on a serial console as on a pipe.
//! Nothing is written to disk before the last question is answered with yes.

mod answers;
mod apply;
mod host;
mod known;
mod machine;
mod question;
mod summary;
mod wizard;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write};
use std::path::PathBuf;

use monitor::config::Config;

use self::answers::Answers;
use self::apply::Target;
use self::known::{Base, Known};
use self::machine::Machine;
use self::wizard::{Reply, Wizard};
use crate::cli::node::DATA;
use crate::cli::setup::Setup;
use crate::commands::load;
use crate::output::{Failure, Output};

/// Who may pair a node when no other name is given.
pub(crate) const OPERATOR: &str = "admin";
/// What a node serves: an engine with its own configuration, as the packages install it.
const ENGINE_CONFIG: &str = "/etc/mse/engine.toml";
/// Longest line that is read. Ours: a list of servers is shorter.
const LINE_BYTES_MAX: u64 = 4_096;

pub(crate) fn run(output: &mut Output<impl Write>, arguments: &Setup) -> Result<(), Failure> {
    if output.json && arguments.answers.is_none() {
        let message = "a conversation is no JSON document; give the answers with --answers FILE";
        return Err(Failure::Failed(anyhow::anyhow!(message)));
    }
    let file = &arguments.node.config;
    let current: Option<Config> = file.exists().then(|| load(file)).transpose()?;
    let known_data = current.as_ref().map_or_else(|| PathBuf::from(DATA), |it| it.data.clone());
    let data = arguments.node.data.clone().unwrap_or(known_data);
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("mse"));
    let engine = ["engine", "--config", ENGINE_CONFIG].map(str::to_owned);
    let command = [program.display().to_string()].into_iter().chain(engine).collect();
    let base = Base::new(current.as_ref(), &data, command);
    let machine = Machine::read(&arguments.root);
    let before = apply::before(&data, current.as_ref(), &machine)?;

    let answers = if let Some(file) = &arguments.answers {
        load(file)?
    } else {
        let wizard = Wizard::new(machine.clone(), before, base.clone());
        let Some(answers) = converse(output.writer(), &mut read_line, wizard)? else {
            return output.line(manual(file));
        };
        answers
    };
    let known = Known { answers: &answers, machine: &machine };
    let checked = known.config(&base);
    let source = arguments.answers.as_ref().unwrap_or(file);
    let config =
        checked.map_err(|fault| Failure::Config(format!("{}: {fault}", source.display())))?;
    let target = Target { file, data: &data, current: current.as_ref() };
    let is_shown = arguments.answers.is_some() && !output.json;
    // What is said matters less than what is done: a reader may go away.
    let shown = if is_shown { output.line(summary::text(&known)) } else { Ok(()) };
    let report = apply::apply(output, &known, &config, &target)?;
    shown?;
    if output.json {
        output.show(&report, |_| Ok(()))?;
    }
    host(output, arguments, &known)?;
    if arguments.print_answers {
        let operator = apply::with_hash(&data, answers.operator.clone())?;
        let answers = Answers { operator, ..answers };
        let text = toml::to_string(&answers).map_err(anyhow::Error::from)?;
        output.line(format_args!("\n{text}"))?;
    }
    Ok(())
}

/// Asks until everything is confirmed. None: the person writes the configuration by hand.
fn converse(
    out: &mut dyn Write,
    read: &mut dyn FnMut(bool) -> io::Result<Option<String>>,
    mut wizard: Wizard,
) -> Result<Option<Answers>, Failure> {
    loop {
        let question = wizard.question();
        if question.text.is_empty() {
            write!(out, "\n{} ", question.prompt)?;
        } else {
            write!(out, "\n{}\n{} ", question.text, question.prompt)?;
        }
        out.flush()?;
        let Some(line) = read(question.is_secret)? else {
            writeln!(out)?;
            let message = "the answers ended before the last question; nothing was written";
            return Err(Failure::Failed(anyhow::anyhow!(message)));
        };
        // A terminal shows what is typed; without one the answers make the text readable.
        if !io::stdin().is_terminal() {
            writeln!(out, "{}", if question.is_secret { "" } else { line.trim() })?;
        }
        match wizard.answer(&line) {
            Reply::Next => {}
            Reply::Refused(why) => writeln!(out, "\n{why}")?,
            Reply::Manual => return Ok(None),
            Reply::Confirmed => return Ok(Some(wizard.answers)),
        }
    }
}

/// A line of standard input, unseen if it is a secret; none at its end.
fn read_line(is_secret: bool) -> io::Result<Option<String>> {
    if is_secret && io::stdin().is_terminal() {
        return rpassword::read_password().map(Some);
    }
    let mut line = String::new();
    let read = io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line)?;
    if read as u64 == LINE_BYTES_MAX && !line.ends_with('\n') {
        let message = format!("a line of more than {LINE_BYTES_MAX} bytes is no answer");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok((read > 0).then_some(line))
}

fn manual(file: &std::path::Path) -> String {
    format!(
        "\nNothing was written. The configuration belongs into {}; the operator's guide,\n\
         \"Setting up a node\", shows one, and 'mse setup --answers FILE' takes answers from a file.",
        file.display()
    )
}

/// The host's own configuration: written where that was asked for, told otherwise.
fn host(
    output: &mut Output<impl Write>,
    arguments: &Setup,
    known: &Known<'_>,
) -> Result<(), Failure> {
    let host = host::Host::of(known);
    if output.json || host.is_empty() {
        if !arguments.apply_network {
            return Ok(());
        }
    } else if !arguments.apply_network {
        output.line(
            "\nThe network, name and time of the host were not touched. To set them as answered,\n\
             as root on a host with systemd-networkd:\n",
        )?;
        return Ok(host.print(output.writer())?);
    }
    let written = host.write(&arguments.root).map_err(|(path, error)| {
        Failure::Failed(
            anyhow::Error::from(error).context(format!("cannot write {}", path.display())),
        )
    })?;
    if output.json {
        return Ok(());
    }
    for path in written {
        output.line(format_args!("Wrote {}", path.display()))?;
    }
    output.line("\nNothing of it is effective yet. A reboot makes it so, or:\n")?;
    Ok(host.print_commands(output.writer())?)
}

#[cfg(test)]
mod tests;
