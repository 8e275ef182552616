//! `mse wips incidents`, `rogues` and `sensors`: what a running engine sees.
//!
//! The engine's documents are printed as they are with `--json`, so here is only what a line of text says.

use std::io::{self, Write};
use std::path::Path;

use engine::engine::SOCKET_NAME;
use model::Time;
use serde::Deserialize;
use serde_json::Value;
use wips::Incident;

use super::{or_none, time_of};
use crate::local;
use crate::output::{Failure, Output};

const PATH: &str = "/api/v1/wips";

/// An incident, as far as a line says.
#[derive(Deserialize)]
struct Shown {
    #[serde(flatten)]
    incident: Incident,
    acknowledged_by: Option<String>,
    place: Option<Place>,
    transmitter_vendor: Option<String>,
    forensics: Option<Value>,
}

#[derive(Deserialize)]
struct Place {
    path: Vec<String>,
    x: f32,
    y: f32,
    radius_m: f32,
    is_presence: bool,
}

#[derive(Deserialize)]
struct Rogue {
    bssid: String,
    ssid: Option<String>,
    class: String,
    rule: Option<String>,
    set_by: Option<String>,
    confidence: u8,
    rssi_dbm: Option<i8>,
    stations: u32,
    sensors: u32,
    is_open: bool,
    vendor: Option<String>,
}

#[derive(Deserialize)]
struct Sensor {
    controller: String,
    number: u32,
    name: String,
    ap_name: Option<String>,
    mode: String,
    state: String,
    text: String,
    last: Option<Time>,
    packets: u64,
    dropped: u64,
}

pub(super) async fn incidents(
    output: &mut Output<impl Write>,
    data: &Path,
    all: bool,
    limit: u32,
) -> Result<(), Failure> {
    let standing = if all { "all" } else { "open" };
    let path = format!("{PATH}/incidents?standing={standing}&limit={limit}");
    let document: Value = local::get(data, SOCKET_NAME, &path).await?;
    let shown: Vec<Shown> = list(&document, "incidents")?;
    output.show(&document, |out| {
        shown.iter().try_for_each(|it| write_incident(out, it))?;
        if shown.is_empty() {
            writeln!(
                out,
                "no incidents{}",
                if all { "" } else { " go on; --all shows those that are over" }
            )?;
        }
        Ok(())
    })
}

pub(super) async fn rogues(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    let document: Value = local::get(data, SOCKET_NAME, &format!("{PATH}/rogues")).await?;
    let rogues: Vec<Rogue> = list(&document, "rogues")?;
    output.show(&document, |out| {
        rogues.iter().try_for_each(|it| write_rogue(out, it))?;
        writeln!(out, "{} access points of others", rogues.len())
    })
}

pub(super) async fn sensors(output: &mut Output<impl Write>, data: &Path) -> Result<(), Failure> {
    let document: Value = local::get(data, SOCKET_NAME, &format!("{PATH}/sensors")).await?;
    let sensors: Vec<Sensor> = list(&document, "sensors")?;
    output.show(&document, |out| {
        sensors.iter().try_for_each(|it| write_sensor(out, it))?;
        writeln!(out, "{} sensors", sensors.len())
    })
}

/// The rows of a document.
fn list<T: serde::de::DeserializeOwned>(document: &Value, name: &str) -> Result<Vec<T>, Failure> {
    let rows = document.get(name).cloned().unwrap_or_default();
    Ok(serde_json::from_value(rows).map_err(anyhow::Error::from)?)
}

fn write_incident(out: &mut dyn Write, shown: &Shown) -> io::Result<()> {
    let Incident { id, kind, severity, fidelity, standing, .. } = &shown.incident;
    let standing = format!("{standing:?}").to_lowercase();
    let by = shown.acknowledged_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    writeln!(
        out,
        "#{id} {}: {}, fidelity {} ({}), {standing}{by}",
        kind.article().name,
        severity.name(),
        fidelity.0,
        fidelity.word()
    )?;
    let incident = &shown.incident;
    let vendor = shown.transmitter_vendor.as_deref().map(|it| format!(" [{it}]"));
    writeln!(
        out,
        "   from {}{}  against {}  network {} {}",
        incident.transmitter,
        vendor.unwrap_or_default(),
        or_none(incident.victim.map(|it| it.to_string())),
        or_none(incident.bssid.map(|it| it.to_string())),
        incident.ssid.as_deref().unwrap_or_default().escape_debug(),
    )?;
    writeln!(
        out,
        "   {} to {}, {} frames",
        time_of(incident.first),
        time_of(incident.last),
        incident.frames
    )?;
    if let Some(Place { path, x, y, radius_m, is_presence }) = &shown.place {
        let word = if *is_presence { "near" } else { "at" };
        writeln!(out, "   {word} {x:.1}, {y:.1} m on {}, within {radius_m:.0} m", path.join(">"))?;
    }
    if shown.forensics.is_some() {
        writeln!(out, "   captured: {PATH}/incidents/{id}/forensics")?;
    }
    Ok(())
}

fn write_rogue(out: &mut dyn Write, rogue: &Rogue) -> io::Result<()> {
    let why = match (&rogue.set_by, &rogue.rule) {
        (Some(by), _) => format!("set by {by}"),
        (None, Some(rule)) => format!("{rule}, {} %", rogue.confidence),
        (None, None) => String::new(),
    };
    let signal = rogue.rssi_dbm.map_or_else(|| "no signal".to_owned(), |it| format!("{it} dBm"));
    writeln!(
        out,
        "{}  {}  {}  {signal}, {} sensors, {} stations{}  {}{}",
        rogue.bssid,
        rogue.class,
        rogue.ssid.as_deref().unwrap_or("(hidden)").escape_debug(),
        rogue.sensors,
        rogue.stations,
        if rogue.is_open { ", open" } else { "" },
        why,
        rogue.vendor.as_deref().map(|it| format!("  [{it}]")).unwrap_or_default(),
    )
}

fn write_sensor(out: &mut dyn Write, sensor: &Sensor) -> io::Result<()> {
    let text = if sensor.text.is_empty() { String::new() } else { format!(" ({})", sensor.text) };
    writeln!(
        out,
        "{} {}  {}  {}  {}{text}  last {}, {} packets, {} dropped",
        sensor.controller,
        sensor.number,
        sensor.name,
        sensor.ap_name.as_deref().unwrap_or("-"),
        format_args!("{} {}", sensor.mode, sensor.state),
        or_none(sensor.last.map(node::clock::text)),
        sensor.packets,
        sensor.dropped
    )
}
