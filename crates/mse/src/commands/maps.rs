//! `mse maps ..`: import, export, and archives from a controller's source.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use engine::api::maps::ImportSummary;
use engine::engine::SOCKET_NAME;
use model::map::{FloorImage, Maps};
use node::http::Call;

use super::roles;
use crate::cli::MapsCommand;
use crate::local;
use crate::output::{Failure, Output};

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: MapsCommand,
) -> Result<(), Failure> {
    match command {
        MapsCommand::Import { file, data } => {
            let body = std::fs::read(&file).with_context(|| file.display().to_string())?;
            let call = Call {
                method: "PUT".parse().map_err(anyhow::Error::new)?,
                body,
                ..Call::get("/api/v1/maps/archive")
            };
            let body = local::call(&data.data, SOCKET_NAME, call).await?;
            let summary: ImportSummary =
                serde_json::from_slice(&body).map_err(anyhow::Error::from)?;
            say(output, "imported", summary, &file)
        }
        MapsCommand::Export { file, data } => {
            let body =
                local::call(&data.data, SOCKET_NAME, Call::get("/api/v1/maps/archive")).await?;
            std::fs::write(&file, &body).with_context(|| file.display().to_string())?;
            let bytes = body.len();
            let document = serde_json::json!({ "file": &file, "bytes": bytes });
            output.show(&document, |out| writeln!(out, "{}: {bytes} bytes", file.display()))
        }
        MapsCommand::FromSource { config, file } => {
            let settings: controller::Config = roles::load(&config)?;
            let mut maps = roles::open_source(&settings, &config)?.maps().clone();
            let images = draw_plans(&mut maps);
            let bytes = archive(&maps, &images)?;
            std::fs::write(&file, bytes).with_context(|| file.display().to_string())?;
            say(output, "written", ImportSummary::of(&maps), &file)
        }
    }
}

fn say(
    output: &mut Output<impl Write>,
    done: &str,
    summary: ImportSummary,
    file: &Path,
) -> Result<(), Failure> {
    output.show(&summary, |out| {
        let ImportSummary { campuses, buildings, floors, access_points } = summary;
        writeln!(
            out,
            "{}: {done}: campuses {campuses}, buildings {buildings}, floors {floors}, access points {access_points}",
            file.display()
        )
    })
}

/// Draws a plan for every floor without an image; returns the images by their SHA-256.
pub(crate) fn draw_plans(maps: &mut Maps) -> BTreeMap<String, Vec<u8>> {
    let mut images = BTreeMap::new();
    let buildings = maps.campuses.iter_mut().flat_map(|campus| &mut campus.buildings);
    for floor in
        buildings.flat_map(|building| &mut building.floors).filter(|floor| floor.image.is_none())
    {
        let plan = controller::plan::draw(floor);
        let content = plan.svg.into_bytes();
        let sha256 = node::token::hex(&node::token::sha256(&content));
        floor.image = Some(FloorImage {
            sha256: sha256.clone(),
            media_type: "image/svg+xml".to_owned(),
            width_px: plan.width_px,
            height_px: plan.height_px,
        });
        images.insert(sha256, content);
    }
    images
}

pub(crate) fn archive(maps: &Maps, images: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    engine::archive::export(
        maps,
        |sha256| images.get(sha256).cloned().ok_or_else(missing),
        &mut bytes,
    )
    .map_err(anyhow::Error::from)?;
    Ok(bytes)
}
