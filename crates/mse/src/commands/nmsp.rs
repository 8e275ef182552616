//! `mse nmsp status`: the links of the engine, with the fields of the MSE page "NMSP Status".

use std::io::{self, Write};

use engine::engine::SOCKET_NAME;
use serde_json::Value;

use crate::cli::NmspCommand;
use crate::local;
use crate::output::{Failure, Output};

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: NmspCommand,
) -> Result<(), Failure> {
    let NmspCommand::Status { data, detail } = command;
    let links: Value = local::get(&data.data, SOCKET_NAME, "/api/v1/nmsp").await?;
    output.show(&links, |out| {
        let connections = links["connections"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        if connections.is_empty() {
            return writeln!(
                out,
                "No controllers. Add [[controller]] to the engine's configuration."
            );
        }
        for connection in connections {
            print(out, connection, detail)?;
        }
        Ok(())
    })
}

fn print(out: &mut dyn Write, connection: &Value, detail: bool) -> io::Result<()> {
    let text = |key: &str| connection[key].as_str().unwrap_or_default();
    let number = |key: &str| connection[key].as_u64().unwrap_or_default();
    let time = |key: &str| {
        connection[key]
            .as_u64()
            .map_or("-".to_owned(), |ms| node::clock::text(model::Time(ms)))
    };
    writeln!(out, "IP Address: {}", text("address"))?;
    writeln!(out, "Name: {}", text("name"))?;
    writeln!(out, "Target Type: {}", text("target_type"))?;
    writeln!(out, "NMSP Status: {}", title(text("state")))?;
    if !connection["reason"].is_null() {
        writeln!(out, "Reason: {}: {}", text("reason"), text("detail"))?;
    }
    writeln!(out, "Since: {}", time("since"))?;
    writeln!(out, "Echo Request Count: {}", number("echo_requests"))?;
    writeln!(out, "Echo Response Count: {}", number("echo_responses"))?;
    writeln!(out, "Last Activity Time: {}", time("last_activity"))?;
    if detail {
        writeln!(
            out,
            "Last Echo Request Message: {}",
            time("last_echo_request")
        )?;
        writeln!(
            out,
            "Last Echo Response Message: {}",
            time("last_echo_response")
        )?;
        writeln!(
            out,
            "Capable NMSP Services: {}",
            list(&connection["capable"])
        )?;
        writeln!(out, "Subscribed Services:")?;
        for row in connection["subscribed"].as_array().into_iter().flatten() {
            writeln!(
                out,
                "  {:<14}{}",
                row["service"].as_str().unwrap_or_default(),
                list(&row["subservices"])
            )?;
        }
        writeln!(out, "Messages:")?;
        for row in connection["messages"].as_array().into_iter().flatten() {
            let direction = row["direction"].as_str().unwrap_or_default().to_uppercase();
            let name = row["name"].as_str().unwrap_or_default();
            writeln!(
                out,
                "  {name:<28}{direction:<5}{:>10} messages {:>12} bytes",
                row["count"].to_string(),
                row["bytes"].to_string()
            )?;
        }
    }
    writeln!(out)
}

fn list(value: &Value) -> String {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn title(state: &str) -> &str {
    match state {
        "active" => "Active",
        "connecting" => "Connecting",
        _ => "Inactive",
    }
}
