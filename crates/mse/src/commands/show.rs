//! `mse show nmsp ..`: what a controller prints, in the published shapes.
//!
//! `status` has the columns of IOS-XE 9800 (`connector-active-active`, step 8), `statistics
//! connection` the message numbers and titles of 9800, `capability` and `subscription` two columns.

use std::io::{self, Write};

use controller::server::SOCKET_NAME;
use serde_json::Value;

use crate::cli::{ShowCommand, ShowNmsp};
use crate::local;
use crate::output::{Failure, Output};

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: ShowCommand,
) -> Result<(), Failure> {
    let ShowCommand::Nmsp { data, command } = command;
    let view: Value = local::get(&data.data, SOCKET_NAME, "/api/v1/nmsp").await?;
    output.show(&view, |out| match command {
        ShowNmsp::Status => status(out, &view),
        ShowNmsp::Subscription => subscription(out, &view),
        ShowNmsp::Statistics => statistics(out, &view),
        ShowNmsp::Capability => capability(out, &view),
    })
}

fn status(out: &mut dyn Write, view: &Value) -> io::Result<()> {
    writeln!(out, "NMSP Status\n-----------\n")?;
    let line = |cells: [&str; 7]| {
        let [address, active, sent, received, tx, rx, transport] = cells;
        format!("{address:<28}{active:<10}{sent:<14}{received:<13}{tx:<10}{rx:<10}{transport}")
    };
    let header = [
        "DNA Spaces/CMX IP Address",
        "Active",
        "Tx Echo Resp",
        "Rx Echo Req",
        "Tx Data",
        "Rx Data",
        "Transport",
    ];
    writeln!(out, "{}\n{}", line(header), "-".repeat(94))?;
    for it in rows(&view["connections"]) {
        let cells = ["echo_responses", "echo_requests", "tx_data", "rx_data"]
            .map(|key| it[key].to_string());
        let [sent, received, tx, rx] = cells.each_ref().map(String::as_str);
        writeln!(
            out,
            "{}",
            line([
                text(&it["address"]),
                active(it),
                sent,
                received,
                tx,
                rx,
                "TLS"
            ])
        )?;
    }
    Ok(())
}

fn subscription(out: &mut dyn Write, view: &Value) -> io::Result<()> {
    writeln!(out, "Mobility Services Subscribed:\n")?;
    writeln!(out, "{:<20}Services\n{}", "Server IP", "-".repeat(60))?;
    let active = rows(&view["connections"])
        .zip(rows(&view["subscriptions"]))
        .filter(|(it, _)| it["state"] == "active");
    for (connection, services) in active {
        let names: Vec<&str> = rows(services).map(|pair| text(&pair[0])).collect();
        writeln!(
            out,
            "{:<20}{}",
            text(&connection["address"]),
            names.join(", ")
        )?;
        for pair in rows(services) {
            writeln!(out, "{:<20}  {}: {}", "", text(&pair[0]), list(&pair[1]))?;
        }
    }
    Ok(())
}

fn statistics(out: &mut dyn Write, view: &Value) -> io::Result<()> {
    writeln!(out, "NMSP Connection Counters\n------------------------\n")?;
    let title = |id: &Value| {
        rows(&view["titles"])
            .find(|pair| pair[0] == *id)
            .map_or("", |pair| text(&pair[1]))
    };
    for connection in rows(&view["connections"]) {
        writeln!(
            out,
            "CMX IP Address: {}, Status: {}",
            text(&connection["address"]),
            active(connection)
        )?;
        writeln!(out, "  {:<52}Tx message counters", "Rx message counters")?;
        let side = |direction: &str| -> Vec<String> {
            let rows = rows(&connection["messages"]).filter(|row| row["direction"] == direction);
            rows.map(|row| {
                format!(
                    "{:>5} {:<28}: {}",
                    row["id"].to_string(),
                    title(&row["id"]),
                    row["count"]
                )
            })
            .collect()
        };
        let (received, sent) = (side("in"), side("out"));
        for at in 0..received.len().max(sent.len()) {
            let cell = |column: &[String]| column.get(at).cloned().unwrap_or_default();
            writeln!(out, "  {:<52}{}", cell(&received), cell(&sent))?;
        }
        writeln!(
            out,
            "  Unsupported messages: {}\n",
            connection["unsupported"]
        )?;
    }
    writeln!(
        out,
        "Notifications dropped for slow engines: {}",
        view["dropped"]
    )
}

fn capability(out: &mut dyn Write, view: &Value) -> io::Result<()> {
    writeln!(out, "{:<24}Subservice\n{}", "Service", "-".repeat(60))?;
    for pair in rows(&view["capability"]) {
        writeln!(out, "{:<24}{}", text(&pair[0]), list(&pair[1]))?;
    }
    Ok(())
}

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> String {
    rows(value).map(text).collect::<Vec<_>>().join(", ")
}

fn active(connection: &Value) -> &'static str {
    if connection["state"] == "active" {
        "Active"
    } else {
        "Inactive"
    }
}
