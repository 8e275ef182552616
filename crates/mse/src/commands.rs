//! One file per command.

mod analytics;
mod check_config;
mod cmdshell;
mod demo;
mod ha;
pub(crate) mod ha_info;
mod journal;
mod locate;
mod maps;
mod nmsp;
mod notifications;
mod roles;
mod sensor;
mod server_info;
mod service;
mod show;
mod support;
mod track;
mod user;
mod wips;

use std::io::Write;

pub(crate) use self::roles::load;
pub(crate) use self::user::read_password;
use crate::cli::{Arguments, Command};
use crate::output::{Failure, Output};

/// Does what the arguments say.
pub(crate) async fn run(
    arguments: Arguments,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    match arguments.command {
        Command::Demo { once, ha, port } => demo::run(output, once, ha, port).await,
        Command::Init { data } => cmdshell::init(output, &data.data),
        Command::Engine { config } => roles::engine(&config).await,
        Command::Controller { config } => roles::controller(&config).await,
        Command::Monitor { config, detached } => roles::monitor(&config, detached).await,
        Command::Service { command } => service::run(output, command).await,
        Command::Witness { config } => roles::witness(&config).await,
        Command::Sensor(arguments) => sensor::run(output, *arguments).await,
        Command::CheckConfig { files } => check_config::run(output, &files),
        Command::Setup(arguments) => crate::setup::run(output, &arguments),
        Command::Getserverinfo { node } => server_info::run(output, &node.place()?).await,
        Command::Gethainfo { node } => ha_info::run(output, &node.place()?).await,
        Command::Ha { command } => ha::run(output, command).await,
        Command::Nmsp { command } => nmsp::run(output, command).await,
        Command::Track { mac, follow, data } => track::run(output, mac, follow, &data.data).await,
        Command::Analytics(arguments) => analytics::run(output, &arguments).await,
        Command::Show { command } => show::run(output, command).await,
        Command::Cmdshell { data, words } => cmdshell::run(output, &data.data, &words),
        Command::Notifications { command } => notifications::run(output, command).await,
        Command::Maps { command } => maps::run(output, command).await,
        Command::Locate { command } => locate::run(output, command),
        Command::Wips { command } => wips::run(output, command).await,
        Command::Journal { command } => journal::run(output, command),
        Command::Support { output: file, node } => support::run(output, file, &node).await,
        Command::User { command } => user::run(output, command).await,
        Command::Openapi => {
            output.writer().write_all(engine::api::openapi().as_bytes()).map_err(Failure::from)
        }
    }
}
