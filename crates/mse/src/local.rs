//! Asks a running role through its Unix socket.

use std::fmt::Write as _;
use std::path::Path;

use node::http::Call;
use serde::de::DeserializeOwned;

use crate::output::Failure;

/// Sends a request to the role in `data`; `socket` is the name of its socket there.
pub(crate) async fn call(data: &Path, socket: &str, call: Call<'_>) -> Result<Vec<u8>, Failure> {
    let path = data.join(socket);
    let role = socket.trim_start_matches("node/").trim_end_matches(".sock");
    let (status, body) =
        node::http::call_local(&path, call).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
                Failure::NotRunning(format!(
                    "no {role} runs in {}; start it, or name its directory with --data",
                    data.display()
                ))
            }
            std::io::ErrorKind::PermissionDenied => Failure::Failed(anyhow::anyhow!(
                "{} belongs to the user of the {role}; run this command as that user or as root",
                path.display()
            )),
            _ => Failure::Failed(anyhow::Error::from(error).context(path.display().to_string())),
        })?;
    if status < 400 {
        return Ok(body);
    }
    let message = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .and_then(|body| {
            let error = body.pointer("/error/message").or_else(|| body.get("error"));
            error.and_then(|it| it.as_str()).map(str::to_owned)
        })
        .unwrap_or_else(|| format!("the {role} answered {status}"));
    Err(if status == 404 {
        Failure::NotFound(message)
    } else {
        Failure::Failed(anyhow::anyhow!(message))
    })
}

/// A name as one segment of a path; it may hold any character.
pub(crate) fn segment(name: &str) -> String {
    name.bytes().fold(String::new(), |mut segment, byte| {
        if byte.is_ascii_alphanumeric() {
            segment.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
        segment
    })
}

/// Gets a JSON document.
pub(crate) async fn get<T: DeserializeOwned>(
    data: &Path,
    socket: &str,
    path: &str,
) -> Result<T, Failure> {
    let body = call(data, socket, Call::get(path)).await?;
    Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
}

/// Sends a JSON document and gets one.
pub(crate) async fn post<T: DeserializeOwned>(
    data: &Path,
    socket: &str,
    path: &str,
    document: &serde_json::Value,
) -> Result<T, Failure> {
    let body = serde_json::to_vec(document).map_err(anyhow::Error::from)?;
    let body = call(data, socket, Call::post(path, body)).await?;
    Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
}
