//! `mse sensor`: captures here, and sends it to a controller that is elsewhere.

use std::io::Write;

use controller::sensor::config::{PORT, SensorConfig};
use controller::sensor::send::{self, Capture, SendError, Sending};
use node::identity::{Identity, machine_mac};

use super::roles::Stop;
use crate::cli::sensor::Sensor;
use crate::output::{Failure, Output};

pub(crate) async fn run(output: &mut Output<impl Write>, arguments: Sensor) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let port = arguments.controller.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    let controller = match port {
        Some(Ok(_)) => arguments.controller.clone(),
        _ => format!("{}:{PORT}", arguments.controller),
    };
    let sending = Sending { controller, key_hash: arguments.key_hash };
    let capture = if arguments.check { None } else { Some(capture(&arguments)?) };
    let identity = Identity::load_or_create(&arguments.data.join("node"), machine_mac)
        .map_err(anyhow::Error::from)?;
    let key_hash = identity.credentials.sha256;
    let Some(capture) = capture else {
        send::check(&identity, &sending).await.map_err(failure)?;
        let document = serde_json::json!({ "controller": sending.controller, "let_in": true });
        return output
            .show(&document, |out| writeln!(out, "{} lets this sensor in", sending.controller));
    };
    tracing::info!(%key_hash, controller = sending.controller, "sensor started");
    tokio::select! {
        done = send::run(&identity, &sending, capture) => done.map_err(failure),
        () = stop.wait() => Ok(()),
    }
}

fn failure(error: SendError) -> Failure {
    Failure::Failed(error.into())
}

/// What the arguments say to capture, checked as a controller's configuration is.
fn capture(arguments: &Sensor) -> Result<Capture, Failure> {
    let mut table = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
    match (&arguments.interface, &arguments.file, &arguments.stdin) {
        (None, None, Some(_)) => return Ok(Capture::Stream(Box::pin(tokio::io::stdin()))),
        (Some(interface), None, None) => {
            set("name", interface.as_str().into());
            set("kind", "interface".into());
            set("interface", interface.as_str().into());
            set("channels", arguments.channels.clone().into());
            if let Some(dwell_ms) = arguments.dwell_ms {
                set("dwell_ms", i64::from(dwell_ms).into());
            }
        }
        (None, Some(file), None) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            // A name of the configuration is shorter than one of a file may be.
            set("name", name.chars().take(16).collect::<String>().into());
            set("kind", "file".into());
            set("path", file.to_string_lossy().into_owned().into());
            set("loop", arguments.repeat.into());
        }
        _ => {
            let remedy = "give one of --interface NAME, --file FILE, and - for standard input";
            return Err(Failure::Config(remedy.to_owned()));
        }
    }
    let config: SensorConfig =
        table.try_into().map_err(|error: toml::de::Error| Failure::Config(error.to_string()))?;
    config.validate().map_err(|error| Failure::Config(error.to_string()))?;
    Ok(Capture::Own(config))
}
