//! `mse engine` and `mse controller`: run a role until it is told to stop.

use std::path::Path;

use anyhow::Context as _;
use controller::Controller;
use engine::Engine;
use tokio::signal::unix::{SignalKind, signal};

use crate::output::Failure;

/// Runs an engine.
pub(crate) async fn engine(file: &Path) -> Result<(), Failure> {
    let config: engine::Config = load(file)?;
    let engine = Engine::start(config).await.map_err(anyhow::Error::from)?;
    until_stopped().await?;
    engine.stop().await;
    Ok(())
}

/// Runs a controller.
pub(crate) async fn controller(file: &Path) -> Result<(), Failure> {
    let config: controller::Config = load(file)?;
    let source = open_source(&config, file)?;
    let controller = Controller::start(&config, source).await.map_err(anyhow::Error::from)?;
    until_stopped().await?;
    controller.stop().await;
    Ok(())
}

/// Reads a configuration.
pub(crate) fn load<C: serde::de::DeserializeOwned>(file: &Path) -> Result<C, Failure> {
    node::config::load(file).map_err(|error| Failure::Config(error.to_string()))
}

/// Opens the source of a controller; relative paths begin at the configuration file.
pub(crate) fn open_source(
    config: &controller::Config,
    file: &Path,
) -> Result<Box<dyn controller::source::Source>, Failure> {
    let base = file.parent().unwrap_or(Path::new("."));
    config
        .source
        .open(base, node::clock::wall())
        .map_err(|error| Failure::Config(format!("{}: {error}", file.display())))
}

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn until_stopped() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
