//! How much of a packet is worth sending.
//!
//! Nine tenths of the bytes on the air are ciphertext, which nobody can read. Detectors need all of a
//! management or control frame, all of what is said in clear (EAPOL, aggregates, ARP and DHCP), and of
//! ciphertext only what stands in front of it: MAC header, cipher header, packet number.

use wips::dot11::data::{Payload, Security};
use wips::dot11::{Anomaly, Body, Data};
use wips::{Packet, Parsed};

/// Bytes of a frame that are kept when its body is encrypted.
///
/// Ours. MAC header and cipher header have at most 46 bytes; the rest is ciphertext by which the copies
/// of several sensors are recognised. Every sensor must cut at the same byte of the *frame*, whatever its
/// radio header is, or copies would differ.
const ENCRYPTED_FRAME_BYTES: usize = 256;

/// How many bytes of `packet`, from its start, are sent.
///
/// * WEP is kept whole: its attacks are recognised by the lengths of bodies.
/// * A damaged frame is kept whole: without its end nobody would see that it is damaged.
pub(super) fn wanted_bytes(packet: &Packet<'_>, parsed: &Parsed<'_>) -> usize {
    let whole = packet.bytes.len();
    let Body::Data(Data { security, payload: Payload::Encrypted(_) }) = parsed.body else {
        return whole;
    };
    let is_readable = matches!(security, Some(Security::Extended(_)));
    if !is_readable
        || parsed.anomalies.contains(Anomaly::BadFcs)
        || parsed.frame.len() <= ENCRYPTED_FRAME_BYTES
    {
        return whole;
    }
    // The frame is a part of the packet, so this is what stands in front of it.
    let before = parsed.frame.as_ptr().addr().saturating_sub(packet.bytes.as_ptr().addr());
    whole.min(before + ENCRYPTED_FRAME_BYTES)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::path::Path;

    use wips::capture::Decoder;
    use wips::{CaptureTime, Change, Link, Profile, SensorId, Wips, parse};

    use super::*;

    const RADIOTAP: [u8; 8] = [0, 0, 8, 0, 0, 0, 0, 0];

    /// A data frame to an access point, whose body begins with `head` and has `body` bytes.
    fn data(protected: bool, head: &[u8], body: usize) -> Vec<u8> {
        let mut frame = vec![0x08, if protected { 0x41 } else { 0x01 }, 0, 0];
        frame.extend([[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3]].concat());
        frame.extend([0x10, 0]);
        frame.extend(head);
        frame.resize(24 + body, 0x5a);
        frame
    }

    fn check(frame: &[u8], expected: usize) {
        for (link, before) in [(Link::Bare, &[][..]), (Link::Radiotap, &RADIOTAP)] {
            let bytes = [before, frame].concat();
            let packet = Packet::new(CaptureTime(1), SensorId(1), link, &bytes);
            let parsed = parse(&packet);
            let kept = wanted_bytes(&packet, &parsed);
            assert_eq!(kept, before.len() + expected, "{link:?}");
            let cut = Packet { bytes: &bytes[..kept], wire_bytes: bytes.len(), ..packet };
            let again = parse(&cut);
            assert_eq!(again.header, parsed.header);
            assert_eq!(again.data().map(|it| it.security), parsed.data().map(|it| it.security));
        }
    }

    #[test]
    fn ciphertext_is_cut_at_the_same_byte_of_every_frame() {
        let ccmp = [1, 0, 0, 0x20, 0, 0, 0, 0];
        check(&data(true, &ccmp, 1_500), 256);
        check(&data(true, &ccmp, 233), 256);
        check(&data(true, &ccmp, 200), 224);
    }

    #[test]
    fn what_detectors_read_is_whole() {
        check(&data(true, &[1, 2, 3, 0], 1_500), 1_524);
        check(&data(false, &[0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x8e], 1_500), 1_524);
        let mut beacon = data(false, &[], 1_500);
        beacon[..2].copy_from_slice(&[0x80, 0]);
        check(&beacon, 1_524);
    }

    #[test]
    fn a_damaged_frame_stays_seen_as_damaged() {
        let with_fcs = [0, 0, 9, 0, 2, 0, 0, 0, 0x10];
        let bytes = [&with_fcs[..], &data(true, &[1, 0, 0, 0x20, 0, 0, 0, 0], 1_500)].concat();
        let packet = Packet::new(CaptureTime(1), SensorId(1), Link::Radiotap, &bytes);
        let parsed = parse(&packet);
        assert!(parsed.anomalies.contains(Anomaly::BadFcs));
        assert_eq!(wanted_bytes(&packet, &parsed), bytes.len());
    }

    /// What is said of a capture, packet by packet as `each` makes them.
    fn incidents(bytes: &[u8], each: impl Fn(Packet<'_>) -> Vec<u8>) -> Vec<String> {
        let mut wips = Wips::new(Profile::default());
        let mut decoder = Decoder::new(SensorId(1));
        let mut told = Vec::new();
        let mut rest = bytes;
        loop {
            while let Ok(Some(captured)) = decoder.poll() {
                let kept = each(captured.packet);
                let wire_bytes = captured.packet.wire_bytes;
                wips.handle(&Packet { bytes: &kept, wire_bytes, ..captured.packet });
                while let Some(change) = wips.poll() {
                    if let Change::Closed(incident) = change {
                        told.push(incident);
                    }
                }
            }
            let space = decoder.space();
            let (now, later) = rest.split_at(rest.len().min(space.len()));
            if now.is_empty() {
                break;
            }
            space[..now.len()].copy_from_slice(now);
            decoder.filled(now.len());
            rest = later;
        }
        told.extend(wips.open().cloned());
        let shown = |it: &wips::Incident| {
            format!(
                "{:?} {:?} {:?} {} {:?}",
                it.kind, it.transmitter, it.victim, it.frames, it.first
            )
        };
        told.iter().map(shown).collect()
    }

    #[test]
    fn detectors_say_the_same_of_what_is_cut() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/captures");
        let files = ["lab", "public"].map(|it| folder.join(it).read_dir()).into_iter().flatten();
        let files: Vec<_> = files.flatten().map(|entry| entry.unwrap().path()).collect();
        if files.is_empty() {
            // Not a macro: those are captured, and this must be seen.
            let line = format!("SKIPPED: no captures in {}\n", folder.display());
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }

        for path in files {
            let mut bytes = std::fs::read(&path).unwrap();
            if path.extension().is_some_and(|it| it == "gz") {
                let packed = std::mem::take(&mut bytes);
                flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
            }
            let whole = incidents(&bytes, |packet| packet.bytes.to_vec());
            let cut = incidents(&bytes, |packet| {
                packet.bytes[..wanted_bytes(&packet, &parse(&packet))].to_vec()
            });
            assert_eq!(cut, whole, "{}", path.display());
        }
    }
}
