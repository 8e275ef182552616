//! `mse user ..`: users of the console and the APIs.
//!
//! A running engine is asked through its socket: in a pair, a user is known to both nodes. Without
//! one the commands open the store themselves, unless it is one of a pair, which nobody may change
//! past the journal.

use std::io::{BufRead as _, IsTerminal as _, Write};
use std::path::Path;

use anyhow::Context as _;
use engine::api::users::{NewPassword, NewUser, UserView};
use engine::engine::SOCKET_NAME;
use node::http::Call;
use serde::Serialize;
use store::{Role, Store};

use crate::cli::UserCommand;
use crate::local;
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

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: UserCommand,
) -> Result<(), Failure> {
    match command {
        UserCommand::List { data } => list(output, &data.data).await,
        UserCommand::Add { name, role, data } => {
            let password = read_password()?;
            let new = NewUser {
                name: name.clone(),
                password: password.clone(),
                role,
                must_change_password: false,
            };
            if !ask(&data.data, "POST", "/api/v1/users", &new).await? {
                let store = open_to_change(&data.data)?;
                engine::accounts::add_user(&store, &name, &password, role, false)
                    .map_err(anyhow::Error::from)?;
            }
            say(output, &name, "added")
        }
        UserCommand::Passwd { name, data } => {
            let password = read_password()?;
            let new = NewPassword { password: password.clone(), must_change_password: false };
            let path = format!("{}/password", path_of(&name));
            if !ask(&data.data, "PUT", &path, &new).await? {
                let store = open_to_change(&data.data)?;
                let hash = node::password::hash(&password).map_err(anyhow::Error::from)?;
                store.set_password(&name, &hash, false, node::clock::wall()).map_err(failure)?;
                store.remove_sessions_of(&name, None).map_err(failure)?;
                if name == engine::accounts::FIRST_USER {
                    let name = engine::accounts::INITIAL_PASSWORD_NAME;
                    // The password in it, if it is there, is worth nothing now.
                    let _ = std::fs::remove_file(data.data.join(name));
                }
            }
            say(output, &name, "password set, sessions ended")
        }
        UserCommand::Remove { name, data } => {
            let path = path_of(&name);
            if !ask(&data.data, "DELETE", &path, &()).await? {
                open_to_change(&data.data)?.remove_user(&name).map_err(failure)?;
            }
            say(output, &name, "removed")
        }
    }
}

/// Where a user is in the API.
fn path_of(name: &str) -> String {
    format!("/api/v1/users/{}", local::segment(name))
}

/// Has a running engine change something; false when none runs.
async fn ask(
    data: &Path,
    method: &str,
    path: &str,
    body: &impl Serialize,
) -> Result<bool, Failure> {
    let method = method.parse().context("a method of HTTP")?;
    let body = serde_json::to_vec(body).map_err(anyhow::Error::from)?;
    let call = Call { method, body, media_type: Some("application/json"), ..Call::get(path) };
    match local::call(data, SOCKET_NAME, call).await {
        Ok(_) => Ok(true),
        Err(Failure::NotRunning(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn say(output: &mut Output<impl Write>, user: &str, done: &'static str) -> Result<(), Failure> {
    output.show(&Done { user, done }, |out| writeln!(out, "{user}: {done}"))
}

async fn list(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    let asked = local::get::<Vec<UserView>>(data, SOCKET_NAME, "/api/v1/users").await;
    let rows: Vec<UserRow> = if let Ok(users) = asked {
        let row = |it: UserView| UserRow {
            name: it.name,
            role: it.role,
            must_change_password: it.must_change_password,
        };
        users.into_iter().map(row).collect()
    } else {
        // Nobody serves here; what is kept can be looked at.
        let row = |it: store::User| UserRow {
            name: it.name,
            role: it.role,
            must_change_password: it.must_change_password,
        };
        open(data)?.users().map_err(failure)?.into_iter().map(row).collect()
    };
    output.show(&rows, |out| {
        for UserRow { name, role, must_change_password } in &rows {
            let note = if *must_change_password { "must change the password" } else { "" };
            writeln!(out, "{name:<24}{role:<10}{note}")?;
        }
        Ok(())
    })
}

/// Opens a store to change it past the journal, which only a stand-alone engine's store allows.
fn open_to_change(data: &Path) -> Result<Store, Failure> {
    let store = open(data)?;
    if store.applied().map_err(failure)?.index == 0 {
        return Ok(store);
    }
    Err(Failure::NotRunning(format!(
        "{} is the state of one node of a pair; its engine must be active to change it",
        data.display()
    )))
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
