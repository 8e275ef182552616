//! `mse wips replay`: what recorded captures show of intrusions; and what a running engine sees of them.
//!
//! Several files are several sensors: their packets are merged by capture time, so that a frame that two
//! of them heard is one frame. How fast a file is played changes nothing but when it ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use wips::capture::{CaptureError, Decoder};
use wips::{CaptureTime, Change, Counts, Incident, Link, Packet, Profile, SensorId, Wips};

use crate::cli::WipsCommand;
use crate::output::{Failure, Output};

mod live;

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: WipsCommand,
) -> Result<(), Failure> {
    match command {
        WipsCommand::Replay { files, speed, profile } => {
            replay(output, &files, speed, profile.as_deref())
        }
        WipsCommand::Profile => {
            let text = toml::to_string_pretty(&Profile::default()).map_err(anyhow::Error::from)?;
            output.show(&Profile::default(), |out| out.write_all(text.as_bytes()))
        }
        WipsCommand::Incidents { all, limit, data } => {
            live::incidents(output, &data.data, all, limit).await
        }
        WipsCommand::Rogues { data } => live::rogues(output, &data.data).await,
        WipsCommand::Sensors { data } => live::sensors(output, &data.data).await,
    }
}

fn replay(
    output: &mut Output<impl Write>,
    files: &[PathBuf],
    speed: Option<f64>,
    profile: Option<&Path>,
) -> Result<(), Failure> {
    let profile = profile.map_or_else(|| Ok(Profile::default()), load)?;
    let mut sources = Vec::new();
    for (number, file) in (0..).zip(files) {
        sources.push(Source::open(SensorId(number), file)?);
    }
    let mut wips = Wips::new(profile);
    let mut closed = Vec::new();
    let mut pace = speed.map(Pace::new);
    while let Some(source) = earliest(&mut sources) {
        if let Some(packet) = source.packet() {
            if let Some(pace) = &mut pace {
                pace.wait_for(packet.at);
            }
            wips.handle(&packet);
        }
        source.advance()?;
        while let Some(change) = wips.poll() {
            if let Change::Closed(incident) = change {
                closed.push(incident);
            }
        }
    }
    closed.extend(wips.open().cloned());
    closed.sort_by_key(|it| it.id);
    tell(output, &sources, &closed, &wips)
}

/// The source whose next packet is the oldest; among equals the first.
fn earliest(sources: &mut [Source]) -> Option<&mut Source> {
    sources.iter_mut().filter(|it| it.next.is_some()).min_by_key(|it| it.next_at())
}

fn load(file: &Path) -> Result<Profile, Failure> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the profile {}", file.display()))?;
    toml::from_str(&text).map_err(|error| {
        let remedy = "`mse wips profile` prints every setting with its default";
        Failure::Config(format!("{} is no profile: {error}\n{remedy}", file.display()))
    })
}

/// One capture file, as one sensor.
struct Source {
    path: PathBuf,
    file: Box<dyn Read>,
    decoder: Decoder,
    sensor: SensorId,
    next: Option<Next>,
    /// Why it ended before its end.
    cut: Option<CaptureError>,
    bytes: Vec<u8>,
}

/// A packet whose bytes are in [`Source::bytes`].
#[derive(Clone, Copy)]
struct Next {
    at: CaptureTime,
    link: Link,
    wire_bytes: usize,
    fcs_bytes: Option<u8>,
}

impl Source {
    fn open(sensor: SensorId, path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let is_packed = path.extension().is_some_and(|it| it == "gz");
        let file: Box<dyn Read> =
            if is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut source = Self {
            path: path.to_owned(),
            file,
            decoder: Decoder::new(sensor),
            sensor,
            next: None,
            cut: None,
            bytes: Vec::new(),
        };
        source.advance()?;
        Ok(source)
    }

    fn next_at(&self) -> CaptureTime {
        self.next.map_or(CaptureTime(u64::MAX), |it| it.at)
    }

    fn packet(&self) -> Option<Packet<'_>> {
        let Next { at, link, wire_bytes, fcs_bytes } = self.next?;
        let bytes = self.bytes.as_slice();
        Some(Packet { at, sensor: self.sensor, link, wire_bytes, fcs_bytes, bytes })
    }

    /// Reads the next packet. A file that is cut gave all of its whole packets; that is said at the end.
    fn advance(&mut self) -> Result<(), Failure> {
        self.next = None;
        loop {
            match self.decoder.poll() {
                Ok(Some(captured)) => {
                    let Packet { at, link, wire_bytes, fcs_bytes, bytes, .. } = captured.packet;
                    self.bytes.clear();
                    self.bytes.extend_from_slice(bytes);
                    self.next = Some(Next { at, link, wire_bytes, fcs_bytes });
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) => return self.ends(error),
            }
            let count = self
                .file
                .read(self.decoder.space())
                .with_context(|| format!("cannot read {}", self.path.display()))?;
            if count == 0 {
                let decoder = std::mem::replace(&mut self.decoder, Decoder::new(self.sensor));
                return decoder.end().or_else(|error| self.ends(error));
            }
            self.decoder.filled(count);
        }
    }

    fn ends(&mut self, error: CaptureError) -> Result<(), Failure> {
        if let CaptureError::FileUnknown { .. } = error {
            let remedy = "give a pcap or pcapng file of 802.11 frames, as tcpdump or Wireshark write \
                          it from a monitor interface; .gz is unpacked";
            return Err(anyhow::anyhow!("{}: {error}; {remedy}", self.path.display()).into());
        }
        self.cut = Some(error);
        Ok(())
    }
}

/// Plays at a speed: 1 is as it was.
struct Pace {
    speed: f64,
    started: Option<(Instant, CaptureTime)>,
}

impl Pace {
    fn new(speed: f64) -> Self {
        Self { speed, started: None }
    }

    fn wait_for(&mut self, at: CaptureTime) {
        let (started, first) = *self.started.get_or_insert_with(|| (Instant::now(), at));
        let due = Duration::from_micros(at.since_us(first)).div_f64(self.speed);
        if let Some(wait) = due.checked_sub(started.elapsed()) {
            std::thread::sleep(wait);
        }
    }
}

fn tell(
    output: &mut Output<impl Write>,
    sources: &[Source],
    incidents: &[Incident],
    wips: &Wips,
) -> Result<(), Failure> {
    let cut: Vec<String> = sources
        .iter()
        .filter_map(|it| it.cut.map(|error| format!("{}: {error}", it.path.display())))
        .collect();
    let files: Vec<_> = sources.iter().map(|it| it.path.display().to_string()).collect();
    let counts = wips.counts();
    let articles: BTreeMap<_, _> =
        incidents.iter().flat_map(|it| &it.parts).map(|it| (it.kind, it.kind.article())).collect();
    let rogues: Vec<_> = wips
        .rogues()
        .into_iter()
        .map(|(rogue, verdict)| serde_json::json!({ "rogue": rogue, "verdict": verdict }))
        .collect();
    let document = serde_json::json!({
        "sensors": files, "cut": cut, "counts": counts, "incidents": incidents, "rogues": rogues,
        "encyclopaedia": articles,
    });
    output.show(&document, |out| {
        for cut in &cut {
            writeln!(out, "{cut}; all packets before were read")?;
        }
        incidents.iter().try_for_each(|incident| tell_incident(out, incident, &files))?;
        let Counts { packets, copies, damaged, .. } = counts;
        writeln!(
            out,
            "{} incidents in {packets} packets, of which {copies} were copies and {damaged} damaged",
            incidents.len()
        )
    })
}

fn tell_incident(out: &mut dyn Write, incident: &Incident, files: &[String]) -> io::Result<()> {
    let Incident { id, kind, severity, fidelity, .. } = incident;
    writeln!(
        out,
        "#{id} {}: {}, fidelity {} ({})",
        kind.article().name,
        severity.name(),
        fidelity.0,
        fidelity.word()
    )?;
    writeln!(
        out,
        "   from {}  against {}  network {} {}  channel {}",
        incident.transmitter,
        or_none(incident.victim.map(|it| it.to_string())),
        or_none(incident.bssid.map(|it| it.to_string())),
        incident.ssid.as_deref().unwrap_or_default().escape_debug(),
        or_none(incident.channel.map(|it| format!("{} ({})", it.number, it.band.name()))),
    )?;
    writeln!(
        out,
        "   {} to {}, {} frames",
        time_of(incident.first),
        time_of(incident.last),
        incident.frames
    )?;
    for part in &incident.parts {
        let evidence: Vec<String> = part.evidence.iter().map(|it| format!("{it:?}")).collect();
        writeln!(
            out,
            "   - {} {} by {}, {} frames: {}",
            part.kind.article().name,
            part.detail,
            part.transmitter,
            part.frames,
            evidence.join(", ")
        )?;
    }
    for hearing in &incident.heard_by {
        let rssi =
            hearing.rssi_dbm.map_or_else(|| "no signal".to_owned(), |it| format!("{it} dBm"));
        let file = usize::try_from(hearing.sensor.0).ok().and_then(|it| files.get(it));
        let file = file.map_or("", String::as_str);
        writeln!(out, "   heard in {file}: {rssi}, {} frames", hearing.frames)?;
    }
    writeln!(out, "   {}", kind.article().remedy)
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A capture time for people; seconds of 1970 are those of sensors without a clock.
fn time_of(at: CaptureTime) -> String {
    node::clock::text(at.to_time())
}
