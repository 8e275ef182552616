//! `mse track MAC`: where an element is, one line, as `cmxloc monitor` prints it:
//! time, x, y, hierarchy; then confidence and zones.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use engine::engine::SOCKET_NAME;
use model::{Mac, Time};
use serde_json::Value;

use crate::local;
use crate::output::{Failure, Output};

/// Time between two questions with `--follow`.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    mac: Mac,
    follow: bool,
    data: &Path,
) -> Result<(), Failure> {
    let mut shown = None;
    loop {
        let elements = find(mac, data).await?;
        if elements.is_empty() && !follow {
            let message = format!("{mac} is not tracked: it was not heard, or a limit was reached");
            return Err(Failure::NotFound(message));
        }
        if shown.as_ref() != Some(&elements) {
            let mut lines = Vec::new();
            for element in &elements {
                lines.push(describe(element, data).await?);
            }
            output
                .show(&elements, |out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))?;
            shown = Some(elements);
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}

/// The element in every category that knows the address.
async fn find(mac: Mac, data: &Path) -> Result<Vec<Value>, Failure> {
    let page: Value =
        local::get(data, SOCKET_NAME, &format!("/api/v1/elements?search={}", mac.bare())).await?;
    Ok(page["elements"].as_array().cloned().unwrap_or_default())
}

async fn describe(element: &Value, data: &Path) -> Result<String, Failure> {
    let category = element["category"].as_str().unwrap_or_default();
    let position = &element["position"];
    let Some(floor) = position["floor"].as_str() else {
        return Ok(format!(
            "{category} has no position: no access point with a place on a map hears it"
        ));
    };
    let floor: Value = local::get(data, SOCKET_NAME, &format!("/api/v1/floors/{floor}")).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let at = node::clock::text(Time(position["at"].as_u64().unwrap_or_default()));
    let (x, y) = (
        position["point"]["x"].as_f64().unwrap_or_default(),
        position["point"]["y"].as_f64().unwrap_or_default(),
    );
    let path =
        [text(&floor["campus"]), text(&floor["building"]), text(&floor["floor"]["name"])].join(">");
    let confidence = position["confidence"].as_f64().unwrap_or_default();
    let zones: Vec<&str> =
        element["zones"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let zones = if zones.is_empty() { String::new() } else { format!("  in {}", zones.join(", ")) };
    let missing = if element["missing"] == true { "  missing" } else { "" };
    Ok(format!(
        "{at}  {x:.1} m  {y:.1} m  {path}  within {confidence:.1} m  {category}{zones}{missing}"
    ))
}
