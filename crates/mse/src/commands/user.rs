//! `mse user ..`: users of the console and the APIs.

use std::io::{BufRead as _, IsTerminal as _, Write};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use store::{Role, Store};

use crate::cli::UserCommand;
use crate::output::{Failure, Output};

#[derive(Serialize)]
struct UserRow {
    name: String,
    role: Role,
    must_change_password: bool,
}

/// What was done.
#[derive(Serialize)]
struct Done<'a> {
    user: &'a str,
    done: &'static str,
}

pub(crate) fn run(output: &mut Output<impl Write>, command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::List { data } => list(output, &data.data),
        UserCommand::Add { name, role, data } => {
            let store = open(&data.data)?;
            engine::accounts::add_user(&store, &name, &read_password()?, role, false)
                .map_err(anyhow::Error::from)?;
            say(output, &name, "added")
        }
        UserCommand::Passwd { name, data } => {
            let store = open(&data.data)?;
            let hash = node::password::hash(&read_password()?).map_err(anyhow::Error::from)?;
            store.set_password(&name, &hash, false, node::clock::wall()).map_err(failure)?;
            store.remove_sessions_of(&name, None).map_err(failure)?;
            if name == engine::accounts::FIRST_USER {
                // The password in it, if it is there, is worth nothing now.
                let _ =
                    std::fs::remove_file(data.data.join(engine::accounts::INITIAL_PASSWORD_NAME));
            }
            say(output, &name, "password set, sessions ended")
        }
        UserCommand::Remove { name, data } => {
            open(&data.data)?.remove_user(&name).map_err(failure)?;
            say(output, &name, "removed")
        }
    }
}

fn say(output: &mut Output<impl Write>, user: &str, done: &'static str) -> Result<(), Failure> {
    output.show(&Done { user, done }, |out| writeln!(out, "{user}: {done}"))
}

fn list(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    let users = open(data)?.users().map_err(failure)?;
    let row = |it: store::User| UserRow {
        name: it.name,
        role: it.role,
        must_change_password: it.must_change_password,
    };
    let rows: Vec<UserRow> = users.into_iter().map(row).collect();
    output.show(&rows, |out| {
        for UserRow { name, role, must_change_password } in &rows {
            let note = if *must_change_password { "must change the password" } else { "" };
            writeln!(out, "{name:<24}{role:<10}{note}")?;
        }
        Ok(())
    })
}

/// Opens the store of an engine; a command must not make one by a mistyped path.
fn open(data: &Path) -> Result<Store, Failure> {
    if !data.join("state.db").exists() {
        let message = format!(
            "no engine was ever started in {}; name its directory with --data",
            data.display()
        );
        return Err(Failure::NotFound(message));
    }
    Store::open(data).map_err(failure)
}

fn failure(error: store::StoreError) -> Failure {
    match error {
        store::StoreError::PeerUnknownUser(_) => Failure::NotFound(error.to_string()),
        other => Failure::Failed(other.into()),
    }
}

/// Typed unseen on a terminal; a line of standard input otherwise.
pub(crate) fn read_password() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("Password: ");
        return Ok(typed.context("cannot read the password from the terminal")?);
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.context("cannot read the password from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
