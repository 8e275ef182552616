#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::print_stdout, clippy::unwrap_used)]
mod common;
use wips::*;
#[test]
fn dump() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for path in common::captures(&["lab", "public"]) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.contains(&only) { continue; }
        let bytes = common::bytes_of(&path);
        let mut wips = Wips::new(Profile::default());
        let mut all = vec![];
        let started = std::time::Instant::now();
        let mut first = None;
        let _ = common::decode(&bytes, 65536, |c| {
            first.get_or_insert(c.packet.at);
            wips.handle(&c.packet);
            while let Some(ch) = wips.poll() { if let Change::Closed(i) = ch { all.push(i) } }
        });
        all.extend(wips.open().cloned());
        let first = first.unwrap();
        println!("== {name} {} packets {:?}", wips.counts().packets, started.elapsed());
        for i in all {
            if i.severity < Severity::Minor && std::env::var("INFO").is_err() { continue; }
            println!("  {:?} {} fid {} from {} victim {:?} bssid {:?} ssid {:?} ch {:?} det {:.2} {:.2}..{:.2} n {}", i.kind, i.severity.name(), i.fidelity.0, i.transmitter, i.victim, i.bssid, i.ssid, i.channel, i.detected.since_us(first) as f64/1e6, i.first.since_us(first) as f64/1e6, i.last.since_us(first) as f64/1e6, i.frames);
            for p in &i.parts { println!("     - {:?} {} by {} v {:?} n {} det {:.2} {:?}", p.kind, p.detail, p.transmitter, p.victim, p.frames, p.detected.since_us(first) as f64/1e6, p.evidence); }
        }
    }
}
