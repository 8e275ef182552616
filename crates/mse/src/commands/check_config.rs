//! `mse check-config`: reads configuration files as the roles would, without starting anything.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::roles;
use crate::output::{Failure, Output};

#[derive(Serialize)]
struct Verdict<'a> {
    file: &'a Path,
    kind: &'static str,
    error: Option<String>,
}

pub(crate) fn run(output: &mut Output<impl Write>, files: &[PathBuf]) -> Result<(), Failure> {
    let verdicts: Vec<Verdict<'_>> = files.iter().map(|file| verdict(file)).collect();
    output.show(&verdicts, |out| {
        for Verdict { file, kind, error } in &verdicts {
            match error {
                None => writeln!(out, "{}: {kind}: ok", file.display())?,
                Some(error) => writeln!(out, "{error}")?,
            }
        }
        Ok(())
    })?;
    let refused = verdicts.iter().filter(|verdict| verdict.error.is_some()).count();
    match refused {
        0 => Ok(()),
        _ => Err(Failure::Config(format!("{refused} of {} files refused", verdicts.len()))),
    }
}

fn verdict(file: &Path) -> Verdict<'_> {
    let (kind, checked) = match kind(file) {
        Ok("campus") => ("campus", campus(file)),
        Ok("controller") => ("controller", controller(file)),
        Ok("node") => ("node", node(file)),
        Ok("witness") => ("witness", witness(file)),
        Ok(kind) => (kind, engine(file)),
        Err(failure) => ("unreadable", Err(failure)),
    };
    let error = checked.err().map(|failure| match failure {
        Failure::Config(message) => message,
        other => format!("{}: {other:?}", file.display()),
    });
    Verdict { file, kind, error }
}

/// What a file configures, by the tables that only one kind has.
fn kind(file: &Path) -> Result<&'static str, Failure> {
    let table: std::collections::BTreeMap<String, serde_json::Value> = roles::load(file)?;
    let has = |key| table.contains_key(key);
    Ok(match () {
        () if has("buildings") || has("building") || has("campus") || has("seed") => "campus",
        () if has("source") || has("trusted") || has("sensor") => "controller",
        () if has("health_monitor") => "node",
        () if has("listen") => "witness",
        () => "engine",
    })
}

fn engine(file: &Path) -> Result<(), Failure> {
    let config: engine::Config = roles::load(file)?;
    config.validate().map_err(|error| roles::config_failure(file, &error))
}

fn node(file: &Path) -> Result<(), Failure> {
    let config: monitor::config::Config = roles::load(file)?;
    config.validate().map_err(|error| roles::config_failure(file, &error))
}

fn witness(file: &Path) -> Result<(), Failure> {
    roles::load::<monitor::witness::Config>(file).map(drop)
}

fn controller(file: &Path) -> Result<(), Failure> {
    let config: controller::Config = roles::load(file)?;
    config.validate().map_err(|error| roles::config_failure(file, &error))?;
    roles::open_source(&config, file).map(drop)
}

fn campus(file: &Path) -> Result<(), Failure> {
    controller::campus::Campus::open(file, 2_000, node::clock::wall())
        .map(drop)
        .map_err(|error| Failure::Config(error.to_string()))
}
