//! `mse show nmsp ..`: what a controller prints, in the published shapes.
//!
//! `status` has the columns of IOS-XE 9800 (`connector-active-active`, step 8), `statistics` the
//! message numbers and titles of 9800, `capability` and `subscription` two columns.
//! `mse show sensors` is ours.

use std::io::{self, Write};

use controller::server::{NmspView, SOCKET_NAME};
use nmsp::counters::Direction;
use nmsp::{Sensor, SensorMode, SensorState};
use node::clock;
use node::nmsp::{Connection, LinkState, ServiceRow};

use crate::cli::{ShowCommand, ShowNmsp};
use crate::local;
use crate::output::{Failure, Output};

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: ShowCommand,
) -> Result<(), Failure> {
    let (data, command) = match command {
        ShowCommand::Nmsp { data, command } => (data, command),
        ShowCommand::Sensors { data } => {
            let all: Vec<Sensor> = local::get(&data.data, SOCKET_NAME, "/api/v1/sensors").await?;
            return output.show(&all, |out| sensors(out, &all));
        }
    };
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

fn sensors(out: &mut dyn Write, sensors: &[Sensor]) -> io::Result<()> {
    if sensors.is_empty() {
        return writeln!(out, "No sensors. Add [[sensor]] to the controller's configuration.");
    }
    let head = ["#", "Name", "State", "Mode", "AP", "Packets", "Dropped", "Last packet"];
    let rows: Vec<[String; 8]> = sensors.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut line = |cells: [&str; 8]| {
        for (cell, width) in cells.iter().zip(widths).take(7) {
            write!(out, "{cell:<width$}  ")?;
        }
        writeln!(out, "{}", cells[7])
    };
    line(head)?;
    for row in &rows {
        line(row.each_ref().map(String::as_str))?;
    }
    for sensor in sensors.iter().filter(|it| !it.text.is_empty()) {
        writeln!(out, "{}: {}", sensor.name, sensor.text)?;
    }
    Ok(())
}

fn row(sensor: &Sensor) -> [String; 8] {
    let state = match sensor.state {
        SensorState::Capturing => "Capturing",
        SensorState::Silent => "Silent",
        SensorState::Failed => "Failed",
        SensorState::Ended => "Ended",
    };
    let mode = match sensor.mode {
        SensorMode::Monitor => "Monitor",
        SensorMode::Local => "Local",
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        sensor.number.to_string(),
        sensor.name.clone(),
        state.to_owned(),
        mode.to_owned(),
        or_none(sensor.ap.map(|it| it.to_string())),
        sensor.packets.to_string(),
        sensor.dropped.to_string(),
        or_none(sensor.last.map(clock::text)),
    ]
}

fn active(connection: &Connection) -> &'static str {
    if connection.state == LinkState::Active { "Active" } else { "Inactive" }
}
