//! Makes pcapng files: evidence that others can open.

use std::collections::BTreeMap;

use super::pcapng::block;
use crate::packet::{Link, Packet, SensorId};

/// Longest comment (ours); more is cut at a character.
pub const COMMENT_MAX: usize = 4096;

/// Writes blocks at the end of a buffer, which the caller may take away at any time.
///
/// Each sensor and link type is an interface, described when its first packet comes.
#[derive(Debug)]
pub struct Writer {
    interfaces: BTreeMap<(SensorId, Link, Option<u8>), u32>,
    names: BTreeMap<SensorId, String>,
}

/// Options of blocks.
mod option {
    pub(super) const COMMENT: u16 = 1;
    /// The program that wrote the section.
    pub(super) const APPLICATION: u16 = 4;
    /// Name of an interface.
    pub(super) const NAME: u16 = 2;
    pub(super) const FCS_BYTES: u16 = 13;
}

impl Writer {
    /// Begins a file, with a comment about the whole of it.
    pub fn new(out: &mut Vec<u8>, comment: Option<&str>) -> Self {
        write_block(out, block::SECTION, |out| {
            out.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
            out.extend_from_slice(&[1, 0, 0, 0]); // version 1.0
            out.extend_from_slice(&u64::MAX.to_le_bytes()); // length unknown
            write_comment(out, comment);
            write_option(out, option::APPLICATION, b"OpenMSE");
            end_options(out);
        });
        Self { interfaces: BTreeMap::new(), names: BTreeMap::new() }
    }

    /// What a sensor is called, before its first packet; without a name it has its number.
    pub fn name(&mut self, sensor: SensorId, name: &str) {
        self.names.insert(sensor, name.to_owned());
    }

    /// Adds a packet, with a comment of its own.
    pub fn packet(&mut self, out: &mut Vec<u8>, packet: &Packet<'_>, comment: Option<&str>) {
        let interface = self.interface(out, packet);
        write_block(out, block::ENHANCED_PACKET, |out| {
            let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
            let (high, low) = ((packet.at.0 >> 32) as u32, packet.at.0 as u32);
            for word in
                [interface, high, low, length(packet.bytes.len()), length(packet.wire_bytes)]
            {
                out.extend_from_slice(&word.to_le_bytes());
            }
            out.extend_from_slice(packet.bytes);
            pad(out, packet.bytes.len());
            if comment.is_some() {
                write_comment(out, comment);
                end_options(out);
            }
        });
    }

    /// Number of the packet's interface; describes it when it is new.
    fn interface(&mut self, out: &mut Vec<u8>, packet: &Packet<'_>) -> u32 {
        let next = self.interfaces.len() as u32;
        let Packet { sensor, link, fcs_bytes, .. } = *packet;
        let name = self.names.get(&sensor);
        *self.interfaces.entry((sensor, link, fcs_bytes)).or_insert_with(|| {
            write_block(out, block::INTERFACE, |out| {
                out.extend_from_slice(&link.number().to_le_bytes());
                out.extend_from_slice(&[0; 2]); // reserved
                out.extend_from_slice(&[0; 4]); // packets are not cut
                let name = name.map_or_else(|| format!("sensor {}", sensor.0), Clone::clone);
                let cut = name.floor_char_boundary(COMMENT_MAX);
                let name = name.as_bytes().get(..cut).unwrap_or_default();
                write_option(out, option::NAME, name);
                if let Some(bytes) = fcs_bytes {
                    write_option(out, option::FCS_BYTES, &[bytes]);
                }
                end_options(out);
            });
            next
        })
    }
}

/// Writes a block; its length stands in front of what `body` writes, and behind it.
fn write_block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = ((out.len() - start + 4) as u32).to_le_bytes();
    out.extend_from_slice(&length);
    if let Some(slot) = out.get_mut(start + 4..start + 8) {
        slot.copy_from_slice(&length);
    }
}

fn write_comment(out: &mut Vec<u8>, comment: Option<&str>) {
    let Some(comment) = comment else { return };
    let cut = comment.floor_char_boundary(COMMENT_MAX);
    write_option(out, option::COMMENT, comment.as_bytes().get(..cut).unwrap_or_default());
}

fn write_option(out: &mut Vec<u8>, number: u16, value: &[u8]) {
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

fn end_options(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}

/// Fills up to four bytes.
fn pad(out: &mut Vec<u8>, length: usize) {
    out.resize(out.len() + length.next_multiple_of(4) - length, 0);
}
