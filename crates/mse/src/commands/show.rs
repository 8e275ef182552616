//! `mse show nmsp ..`: what a controller prints, in the published shapes.
//!
//! `status` has the columns of IOS-XE 9800 (`connector-active-active`, step 8), `statistics` the
//! message numbers and titles of 9800, `capability` and `subscription` two columns.

use std::io::{self, Write};

use controller::server::{NmspView, SOCKET_NAME};
use nmsp::counters::Direction;
use node::nmsp::{Connection, LinkState, ServiceRow};

use crate::cli::{ShowCommand, ShowNmsp};
use crate::local;
use crate::output::{Failure, Output};

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: ShowCommand,
) -> Result<(), Failure> {
    let ShowCommand::Nmsp { data, command } = command;
    let view: NmspView = local::get(&data.data, SOCKET_NAME, "/api/v1/nmsp").await?;
    output.show(&view, |out| match command {
        ShowNmsp::Status => status(out, &view),
        ShowNmsp::Subscription => subscription(out, &view),
        ShowNmsp::Statistics => statistics(out, &view),
        ShowNmsp::Capability => capability(out, &view),
    })
}

fn status(out: &mut dyn Write, view: &NmspView) -> io::Result<()> {
    writeln!(out, "NMSP Status\n-----------\n")?;
    writeln!(
        out,
        "{:<28}{:<10}{:<14}{:<13}{:<10}{:<10}Transport\n{}",
        "DNA Spaces/CMX IP Address",
        "Active",
        "Tx Echo Resp",
        "Rx Echo Req",
        "Tx Data",
        "Rx Data",
        "-".repeat(94)
    )?;
    for it in &view.connections {
        let (address, active) = (&it.address, active(it));
        let (sent, received, tx, rx) =
            (it.echo_responses, it.echo_requests, it.tx_data, it.rx_data);
        writeln!(out, "{address:<28}{active:<10}{sent:<14}{received:<13}{tx:<10}{rx:<10}TLS")?;
    }
    Ok(())
}

fn subscription(out: &mut dyn Write, view: &NmspView) -> io::Result<()> {
    writeln!(out, "Mobility Services Subscribed:\n")?;
    writeln!(out, "{:<20}Services\n{}", "Server IP", "-".repeat(60))?;
    for it in view.connections.iter().filter(|it| it.state == LinkState::Active) {
        let services: Vec<&str> =
            it.subscribed_titles.iter().map(|row| row.service.as_str()).collect();
        writeln!(out, "{:<20}{}", it.address, services.join(", "))?;
        for ServiceRow { service, subservices } in &it.subscribed_titles {
            writeln!(out, "{:<20}  {service}: {}", "", subservices.join(", "))?;
        }
    }
    Ok(())
}

fn statistics(out: &mut dyn Write, view: &NmspView) -> io::Result<()> {
    writeln!(out, "NMSP Connection Counters\n------------------------\n")?;
    for it in &view.connections {
        writeln!(out, "CMX IP Address: {}, Status: {}", it.address, active(it))?;
        writeln!(out, "  {:<52}Tx message counters", "Rx message counters")?;
        let column = |direction| -> Vec<String> {
            let rows = it.messages.iter().filter(|row| row.direction == direction);
            rows.map(|row| format!("{:>5} {:<28}: {}", row.id, row.title, row.count)).collect()
        };
        let (received, sent) = (column(Direction::In), column(Direction::Out));
        for at in 0..received.len().max(sent.len()) {
            let cell = |column: &[String]| column.get(at).cloned().unwrap_or_default();
            writeln!(out, "  {:<52}{}", cell(&received), cell(&sent))?;
        }
        writeln!(out, "  Unsupported messages: {}\n", it.unsupported)?;
    }
    writeln!(out, "Notifications dropped for slow engines: {}", view.dropped)
}

fn capability(out: &mut dyn Write, view: &NmspView) -> io::Result<()> {
    writeln!(out, "{:<24}Subservice\n{}", "Service", "-".repeat(60))?;
    for ServiceRow { service, subservices } in &view.capability {
        writeln!(out, "{service:<24}{}", subservices.join(", "))?;
    }
    Ok(())
}

fn active(connection: &Connection) -> &'static str {
    if connection.state == LinkState::Active { "Active" } else { "Inactive" }
}
