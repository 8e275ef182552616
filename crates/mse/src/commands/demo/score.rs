//! `mse demo --once`: plays the recording through controller, TLS, engine and API, and compares the
//! positions with where the device truly was.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use controller::replay::{Pace, Replay};
use controller::source::{Source as _, Track as _};
use model::geometry::Point;
use model::{Mac, Time};
use node::clock;
use node::http::Call;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::{ONCE_SPEED, REPLAY_INTERVAL_MS, Scratch, Stage, Stop, USER};
use crate::output::{Failure, Output};

/// The engine has the last report long before this. It bounds the wait, not the measurement.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// Points of the trail that are asked for: a position a second, many times over.
const TRAIL_LIMIT: u32 = 10_000;

/// A position of the trail, as the API gives it.
#[derive(Debug, Deserialize)]
struct TrailPoint {
    at: Time,
    x: f32,
    y: f32,
}

/// How far the positions are from the truth, in metres.
#[derive(Debug, Serialize)]
struct Score {
    n: usize,
    mean: f32,
    median: f32,
    p90: f32,
}

pub(super) async fn run(
    output: &mut Output<impl Write>,
    scratch: &Scratch,
    stop: &mut Stop,
) -> Result<(), Failure> {
    let now = clock::wall();
    let pace = Pace { speed: ONCE_SPEED, repeat: false, interval_ms: REPLAY_INTERVAL_MS };
    let recording = scratch.recording()?;
    let beacon = recording.tracks().first().context("the recording is empty")?.mac;
    let seconds = recording.duration_ms() / 1_000;
    // A twin of the source tells the truth; it hears nothing.
    let truth = Replay::new(recording, pace, now);
    let played = Replay::new(scratch.recording()?, pace, now);
    let first = truth.deadline();
    output_progress(output, seconds)?;
    let stage = Stage::start(scratch, [("wlc-office", Box::new(played) as _)], 0).await?;
    let last = now.plus_ms(recording_ms(seconds) / u64::from(ONCE_SPEED));
    let play = async {
        tokio::time::sleep(clock::Steady::new().until(last)).await;
        settled_trail(&stage, beacon).await
    };
    let trail = tokio::select! {
        trail = play => trail,
        () = stop.wait() => Err(Failure::Interrupted),
    };
    stage.stop().await;
    let trail = trail?;
    let errors = trail.iter().filter_map(|point| {
        let place = truth.truth(beacon, point.at)?;
        Some(place.point.distance(Point::new(point.x, point.y)))
    });
    let score = Score::of(errors.collect())
        .with_context(|| format!("no position was found; the recording begins at {first:?}"))?;
    output.show(&score, |out| {
        let Score { n, mean, median, p90 } = score;
        writeln!(out, "demo: n {n} mean {mean:.2} median {median:.2} p90 {p90:.2}")
    })
}

fn output_progress(output: &mut Output<impl Write>, seconds: u64) -> Result<(), Failure> {
    if output.json {
        return Ok(());
    }
    output.line(format_args!(
        "Playing {seconds} s of recorded radio {ONCE_SPEED} times as fast, through NMSP over TLS; errors in metres."
    ))
}

fn recording_ms(seconds: u64) -> u64 {
    (seconds + 1) * 1_000
}

/// Asks the API for the trail until it no longer grows: then the last report has arrived and been
/// written.
async fn settled_trail(stage: &Stage, beacon: Mac) -> Result<Vec<TrailPoint>, Failure> {
    let deadline = tokio::time::Instant::now() + SETTLE_MAX;
    let mut before = Vec::new();
    loop {
        let trail = trail(stage, beacon).await?;
        let is_settled = !trail.is_empty() && trail.len() == before.len();
        if is_settled || tokio::time::Instant::now() > deadline {
            return Ok(trail);
        }
        before = trail;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The trail over HTTP, logged in as a client would.
async fn trail(stage: &Stage, beacon: Mac) -> Result<Vec<TrailPoint>, Failure> {
    let path = format!("/api/v1/elements/tags/{beacon}/trail?minutes=60&limit={TRAIL_LIMIT}");
    let credentials =
        base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{}", stage.password));
    let authorization = format!("Basic {credentials}");
    let call = Call { authorization: Some(&authorization), ..Call::get(&path) };
    let stream = TcpStream::connect(stage.engine.address).await?;
    let (status, body) = node::http::call(stream, call).await?;
    if status != 200 {
        let answer = String::from_utf8_lossy(&body).into_owned();
        return Err(Failure::Failed(anyhow::anyhow!("the engine answered {status}: {answer}")));
    }
    Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
}

impl Score {
    /// The score of these errors; `None` when there are none.
    fn of(mut errors: Vec<f32>) -> Option<Self> {
        errors.sort_by(f32::total_cmp);
        let n = errors.len();
        let at = |share: f32| {
            errors.get(((n as f32 * share) as usize).min(n.saturating_sub(1))).copied()
        };
        Some(Self {
            n,
            mean: errors.iter().sum::<f32>() / n as f32,
            median: at(0.5)?,
            p90: at(0.9)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_the_mean_and_two_quantiles() {
        assert!(Score::of(Vec::new()).is_none());
        let score = Score::of((1..=100).map(|metres| metres as f32).collect()).unwrap();
        assert_eq!((score.n, score.mean, score.median, score.p90), (100, 50.5, 51.0, 91.0));
    }
}
