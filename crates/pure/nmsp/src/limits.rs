//! Every limit of the protocol, with its reason. What happens at each is in `docs/protocol.md`.

/// The protocol version that this side speaks. Ours.
pub const VERSION: u8 = 1;
/// Largest body of a frame. Ours: 400 elements with eight readings fit, and a stalled peer pins no
/// more than this per session.
pub const FRAME_BODY_MAX: usize = 64 * 1024;
/// Most readings of one element in one message. Published: up to 16 APs report per element.
pub const READINGS_MAX: usize = 16;
/// Most addresses of one station. Ours: IPv4, link-local, and a few privacy addresses.
pub const IP_ADDRESSES_MAX: usize = 16;
/// Most radios of one access point. Ours.
pub const RADIOS_MAX: usize = 8;
/// Most telemetry values in the report of one tag. Ours: a tag has a handful of sensors.
pub const TELEMETRY_MAX: usize = 16;
/// Most bytes of one captured packet. Ours: the longest MSDU and what stands in front of it; of a longer
/// aggregate the beginning is enough.
pub const CAPTURED_BYTES_MAX: usize = 4 * 1024;
/// Longest peer name that is kept.
pub const PEER_NAME_BYTES_MAX: usize = 128;
/// A session that is not active after this long is given up. Ours: ten slow handshakes' worth.
pub const NEGOTIATION_MAX_MS: u64 = 10_000;
/// A begun frame must be whole after this long. Ours: 64 KiB in ten seconds is a 52 kbit/s line.
pub const FRAME_MAX_MS: u64 = 10_000;
/// Longest echo interval. Published range 1 to 120 s.
pub const ECHO_INTERVAL_MAX_MS: u64 = 120_000;
