//! Packets of all sensors become batches: a message for each would be mostly headers.

use std::time::Duration;

use nmsp::CapturedPacket;
use nmsp::limits::{CAPTURED_BYTES_MAX, FRAME_BODY_MAX};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::lane::Waiting;
use super::register::Register;
use crate::feed::Feed;

/// The first packet of a batch waits no longer. Ours: nobody notices a tenth of a second, and a quiet
/// channel still fills some packets into a message.
const BATCH_MAX: Duration = Duration::from_millis(100);
/// A batch is full then. Ours: with one more packet it is still one frame.
const BATCH_BYTES: usize = 56 * 1_024;
/// What a packet takes besides its bytes: field 4, record 19.
const PACKET_HEAD_BYTES: usize = 23;

const _: () = assert!(BATCH_BYTES + CAPTURED_BYTES_MAX + PACKET_HEAD_BYTES <= FRAME_BODY_MAX);

/// Sends what is in the queue, until nobody can fill it any more.
pub(super) async fn collect(mut waiting: mpsc::Receiver<Waiting>, feed: Feed, register: Register) {
    let bytes_of = |packet: &CapturedPacket| packet.bytes.len() + PACKET_HEAD_BYTES;
    while let Some(Waiting { packet: first, .. }) = waiting.recv().await {
        let deadline = Instant::now() + BATCH_MAX;
        let mut bytes = bytes_of(&first);
        let mut batch = vec![first];
        while bytes < BATCH_BYTES
            && let Ok(Some(Waiting { packet: next, .. })) =
                timeout_at(deadline, waiting.recv()).await
        {
            bytes += bytes_of(&next);
            batch.push(next);
        }
        let sensors: Vec<u32> = batch.iter().map(|it| it.sensor).collect();
        if !feed.captured(batch) {
            for sensor in sensors {
                register.dropped(sensor, 1);
            }
        }
    }
}
