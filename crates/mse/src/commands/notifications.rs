//! `mse notifications ..`: who is told what about which element.

use std::io::{self, Read as _, Write};
use std::path::Path;

use anyhow::Context as _;
use engine::api::notifications::{NotificationView, TestOutcome};
use engine::engine::SOCKET_NAME;
use node::http::Call;
use serde::Serialize;
use serde_json::Value;

use crate::cli::NotificationsCommand;
use crate::local;
use crate::output::{Failure, Output};

const PATH: &str = "/api/v1/notifications";

/// What was done.
#[derive(Serialize)]
struct Done<'a> {
    notification: &'a str,
    done: &'static str,
}

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: NotificationsCommand,
) -> Result<(), Failure> {
    match command {
        NotificationsCommand::List { data } => {
            let views: Vec<NotificationView> = local::get(&data.data, SOCKET_NAME, PATH).await?;
            output.show(&views, |out| views.iter().try_for_each(|view| write(out, view)))
        }
        NotificationsCommand::Show { name, data } => {
            let view: NotificationView =
                local::get(&data.data, SOCKET_NAME, &path_of(&name)).await?;
            let text =
                serde_json::to_string_pretty(&view.definition).map_err(anyhow::Error::from)?;
            output.show(&view.definition, |out| writeln!(out, "{text}"))
        }
        NotificationsCommand::Put { file, data } => {
            let body = read(&file)?;
            let name = name_in(&body).with_context(|| file.display().to_string())?;
            call(&data.data, "PUT", &path_of(&name), body).await?;
            say(output, &name, "put")
        }
        NotificationsCommand::Remove { name, data } => {
            call(&data.data, "DELETE", &path_of(&name), Vec::new()).await?;
            say(output, &name, "removed")
        }
        NotificationsCommand::Test { name, data } => {
            let path = format!("{}/test", path_of(&name));
            let outcomes: Vec<TestOutcome> =
                local::post(&data.data, SOCKET_NAME, &path, &Value::Null).await?;
            output.show(&outcomes, |out| {
                outcomes.iter().try_for_each(|TestOutcome { place, error }| {
                    writeln!(out, "{place}: {}", error.as_deref().unwrap_or("taken"))
                })
            })?;
            let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
            if failed > 0 {
                let message = format!("{failed} of {} receivers did not take it", outcomes.len());
                return Err(Failure::Failed(anyhow::anyhow!(message)));
            }
            Ok(())
        }
    }
}

fn write(out: &mut dyn Write, view: &NotificationView) -> io::Result<()> {
    let NotificationView { definition, receivers } = view;
    let note = if definition.enabled { "" } else { "  (not enabled)" };
    writeln!(out, "{}{note}", definition.name)?;
    for receiver in receivers {
        let counts = &receiver.counts;
        writeln!(
            out,
            "  {}  sent {}, waiting {}, lost {}, dropped {}",
            receiver.place, counts.sent, counts.waiting, counts.lost, counts.dropped
        )?;
        if let Some(reason) = &receiver.reason {
            writeln!(out, "    does not take events: {reason}")?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    if file == Path::new("-") {
        io::stdin().read_to_end(&mut body).context("standard input")?;
    } else {
        body = std::fs::read(file).with_context(|| file.display().to_string())?;
    }
    Ok(body)
}

/// The name in a definition; all else the engine checks.
fn name_in(body: &[u8]) -> anyhow::Result<String> {
    let definition: Value = serde_json::from_slice(body)?;
    let name = definition.get("name").and_then(Value::as_str);
    name.map(str::to_owned).context("the definition has no \"name\"")
}

async fn call(data: &Path, method: &str, path: &str, body: Vec<u8>) -> Result<(), Failure> {
    let method = method.parse().context("a method of HTTP")?;
    let call = Call { method, body, media_type: Some("application/json"), ..Call::get(path) };
    local::call(data, SOCKET_NAME, call).await.map(drop)
}

fn say(output: &mut Output<impl Write>, name: &str, done: &'static str) -> Result<(), Failure> {
    output.show(&Done { notification: name, done }, |out| writeln!(out, "{name}: {done}"))
}

fn path_of(name: &str) -> String {
    format!("{PATH}/{}", local::segment(name))
}
