//! `mse nmsp status`: the links of the engine, with the fields of the MSE page "NMSP Status".

use std::io::{self, Write};

use engine::api::nmsp::Links;
use engine::engine::SOCKET_NAME;
use model::Time;
use node::clock;
use node::nmsp::{Connection, LinkState};

use crate::cli::NmspCommand;
use crate::local;
use crate::output::{Failure, Output};

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: NmspCommand,
) -> Result<(), Failure> {
    let NmspCommand::Status { data, detail } = command;
    let links: Links = local::get(&data.data, SOCKET_NAME, "/api/v1/nmsp").await?;
    output.show(&links, |out| {
        if links.connections.is_empty() {
            writeln!(out, "No controllers. Add [[controller]] to the engine's configuration.")?;
        }
        for (nth, connection) in links.connections.iter().enumerate() {
            if nth > 0 {
                writeln!(out)?;
            }
            summary(out, connection)?;
            if detail {
                details(out, connection)?;
            }
        }
        Ok(())
    })
}

fn summary(out: &mut dyn Write, connection: &Connection) -> io::Result<()> {
    let status = match connection.state {
        LinkState::Active => "Active",
        LinkState::Connecting => "Connecting",
        LinkState::Inactive => "Inactive",
    };
    writeln!(out, "IP Address: {}", connection.address)?;
    writeln!(out, "Name: {}", connection.name)?;
    writeln!(out, "Target Type: {}", connection.target_type)?;
    writeln!(out, "NMSP Status: {status}")?;
    if let (Some(reason), Some(detail)) = (&connection.reason, &connection.detail) {
        writeln!(out, "Reason: {reason}: {detail}")?;
    }
    writeln!(out, "Since: {}", clock::text(connection.since))?;
    writeln!(out, "Echo Request Count: {}", connection.echo_requests)?;
    writeln!(out, "Echo Response Count: {}", connection.echo_responses)?;
    writeln!(out, "Last Activity Time: {}", time(connection.last_activity))
}

fn details(out: &mut dyn Write, connection: &Connection) -> io::Result<()> {
    writeln!(out, "Last Echo Request Message: {}", time(connection.last_echo_request))?;
    writeln!(out, "Last Echo Response Message: {}", time(connection.last_echo_response))?;
    writeln!(out, "Capable NMSP Services: {}", connection.capable.join(", "))?;
    writeln!(out, "Subscribed Services:")?;
    for row in &connection.subscribed {
        writeln!(out, "  {:<14}{}", row.service, row.subservices.join(", "))?;
    }
    writeln!(out, "Messages:")?;
    for row in &connection.messages {
        let direction = match row.direction {
            nmsp::counters::Direction::In => "IN",
            nmsp::counters::Direction::Out => "OUT",
        };
        let (name, count, bytes) = (&row.name, row.count, row.bytes);
        writeln!(out, "  {name:<28}{direction:<5}{count:>10} messages {bytes:>12} bytes")?;
    }
    Ok(())
}

fn time(time: Option<Time>) -> String {
    time.map_or("-".to_owned(), clock::text)
}
