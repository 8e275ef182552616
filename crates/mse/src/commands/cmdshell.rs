//! `mse cmdshell`: the command shell of the appliance.
//!
//! `show server-auth-info` prints the fields of `nmsp-3850-troubleshooting`, which a controller must
//! be told before it lets an engine in. It reads the node's files: no role has to run. `mse init`
//! makes those files. An engine of a pair presents the identity of the service, which both nodes
//! have in their state.

use std::io::{BufRead as _, IsTerminal as _, Write};
use std::path::Path;

use node::identity::{Identity, machine_mac};
use serde::Serialize;
use store::Store;

use crate::output::{Failure, Output};

/// What a controller must be told.
#[derive(Serialize)]
struct ServerAuthInfo {
    mac_address: String,
    sha1_key_hash: String,
    sha2_key_hash: String,
    certificate_type: &'static str,
}

/// Makes the identity of a role, and shows it.
pub(crate) fn init(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    let identity = Identity::load_or_create(&data.join("node"), machine_mac);
    show(output, &identity.map_err(anyhow::Error::from)?)
}

pub(crate) fn run(
    output: &mut Output<impl Write>,
    data: &Path,
    words: &[String],
) -> Result<(), Failure> {
    if !words.is_empty() {
        return command(output, data, &words.join(" "));
    }
    let is_terminal = std::io::stdin().is_terminal();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if is_terminal {
            write!(output.writer(), "cmd> ")?;
            output.flush()?;
        }
        let Some(line) = lines.next() else {
            return Ok(());
        };
        let line = line?;
        match line.trim() {
            "" => {}
            "exit" | "quit" => return Ok(()),
            text => match command(output, data, text) {
                Err(Failure::NotFound(message)) => output.line(message)?,
                other => other?,
            },
        }
    }
}

fn command(output: &mut Output<impl Write>, data: &Path, text: &str) -> Result<(), Failure> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["show", "server-auth-info"] => show_server_auth_info(output, data),
        ["help" | "?"] => output
            .line("show server-auth-info   MAC and key hashes that controllers must trust\nexit"),
        _ => Err(Failure::NotFound(format!("unknown command '{text}'; try 'help'"))),
    }
}

fn show_server_auth_info(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    if let Some(service) = Store::service_identity_in(data).map_err(anyhow::Error::from)? {
        let identity = Identity::parse(&service.certificate, &service.key.0);
        let damaged = || {
            anyhow::anyhow!(
                "the identity of the service is damaged; rebuild this node from its peer"
            )
        };
        return show(output, &identity.ok_or_else(damaged)?);
    }
    let dir = data.join("node");
    if !dir.join("identity.crt").exists() {
        return Err(Failure::NotFound(format!(
            "there is no key in {}; 'mse init --data {}' makes one",
            dir.display(),
            data.display()
        )));
    }
    show(output, &Identity::load(&dir).map_err(anyhow::Error::from)?)
}

fn show(output: &mut Output<impl Write>, identity: &Identity) -> Result<(), Failure> {
    let info = ServerAuthInfo {
        mac_address: identity.mac.to_string(),
        sha1_key_hash: identity.credentials.sha1.to_string(),
        sha2_key_hash: identity.credentials.sha256.to_string(),
        certificate_type: "SSC",
    };
    output.show(&info, |out| {
        writeln!(out, "----------------\nServer Auth Info\n----------------")?;
        writeln!(out, "MAC Address: {}", info.mac_address)?;
        writeln!(out, "SHA1 Key Hash: {}", info.sha1_key_hash)?;
        writeln!(out, "SHA2 Key Hash: {}", info.sha2_key_hash)?;
        writeln!(out, "Certificate Type: {}", info.certificate_type)
    })
}
