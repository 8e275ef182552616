//! `mse engine`, `mse controller`, `mse monitor`, `mse witness`: run until told to stop.

use std::path::Path;

use anyhow::Context as _;
use controller::Controller;
use engine::service::Place;
use engine::{Engine, Service};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::Failure;

/// Runs an engine: alone, or as one of a pair when a health monitor started it.
pub(crate) async fn engine(file: &Path) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let config: engine::Config = load(file)?;
    config.validate().map_err(|error| config_failure(file, &error))?;
    if let Some(place) = Place::from_environment().map_err(anyhow::Error::from)? {
        return serve_pair(config, place, &mut stop).await;
    }
    let engine = Engine::start(config).await.map_err(anyhow::Error::from)?;
    stop.wait().await;
    engine.stop().await;
    Ok(())
}

/// Runs until the monitor is gone, or until this process is told to stop: then it leaves, and the
/// peer takes over.
async fn serve_pair(config: engine::Config, place: Place, stop: &mut Stop) -> Result<(), Failure> {
    let mut service = Service::start(config, place).await.map_err(anyhow::Error::from)?;
    let ended = tokio::select! {
        ended = service.ended() => ended,
        () = stop.wait() => {
            service.leave();
            service.ended().await
        }
    };
    match ended {
        Ok(()) => {
            tracing::info!("the line to the health monitor has ended; this engine ends, too");
            Ok(())
        }
        Err(reason) => Err(Failure::Failed(anyhow::anyhow!(reason))),
    }
}

/// Runs a controller.
pub(crate) async fn controller(file: &Path) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let config: controller::Config = load(file)?;
    config.validate().map_err(|error| config_failure(file, &error))?;
    let source = open_source(&config, file)?;
    let config = config.rooted(file.parent().unwrap_or(Path::new(".")));
    let controller = Controller::start(&config, source).await.map_err(anyhow::Error::from)?;
    stop.wait().await;
    controller.stop().await;
    Ok(())
}

/// Runs the health monitor of a node.
///
/// Detached, it has left the terminal that it was started in, and its log is in a file alone.
pub(crate) async fn monitor(file: &Path, is_detached: bool) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let config: monitor::config::Config = load(file)?;
    config.validate().map_err(|error| config_failure(file, &error))?;
    if is_detached {
        rustix::process::setsid().context("cannot leave the terminal")?;
    }
    let directory = config.log_directory();
    let log = config.log("monitor").with_context(|| directory.display().to_string())?;
    node::log::also_into(log, is_detached);
    let monitor = monitor::Monitor::start(config).await.map_err(anyhow::Error::from)?;
    stop.wait().await;
    monitor.stop().await;
    Ok(())
}

/// Runs a witness.
pub(crate) async fn witness(file: &Path) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let config: monitor::witness::Config = load(file)?;
    let witness = monitor::witness::Witness::start(config).await.map_err(anyhow::Error::from)?;
    stop.wait().await;
    witness.stop().await;
    Ok(())
}

/// Reads a configuration.
pub(crate) fn load<C: serde::de::DeserializeOwned>(file: &Path) -> Result<C, Failure> {
    node::config::load(file).map_err(|error| Failure::Config(error.to_string()))
}

/// Values that do not fit together, with the file that holds them.
pub(crate) fn config_failure(file: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Config(format!("{}: {error}", file.display()))
}

/// Opens the source of a controller; relative paths begin at the configuration file.
pub(crate) fn open_source(
    config: &controller::Config,
    file: &Path,
) -> Result<Box<dyn controller::source::Source>, Failure> {
    let base = file.parent().unwrap_or(Path::new("."));
    config.source.open(base, node::clock::wall()).map_err(|error| config_failure(file, &error))
}

/// What asks a role to stop: SIGTERM, Ctrl-C, or a terminal that is closed.
///
/// Made before anything that must be cleaned up; a signal that comes earlier than [`Stop::wait`] is
/// kept for it.
pub(crate) struct Stop([Signal; 3]);

impl Stop {
    pub(crate) fn new() -> Result<Self, Failure> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = kinds.map(signal);
        let listen = || Ok([terminate?, interrupt?, hangup?]);
        let signals: std::io::Result<_> = listen();
        Ok(Self(signals.context("cannot listen for signals")?))
    }

    pub(crate) async fn wait(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
