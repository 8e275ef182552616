// Captures of an evil twin, made byte by byte: an access point with WPA2 sends beacons, and after a
// while an open one of the same name does, too. Every sensor hears the same frames, each as strongly as
// it is near.

/** How long the real access point is alone, and when both fall silent. */
export const TWIN_AFTER_S = 30;
export const UNTIL_S = 240;
const BEACONS_PER_S = 10;
/** Channel 6. */
const FREQUENCY_MHZ = 2437;
const CHANNEL = 6;
/** The signal one metre from a transmitter, and what ten times the distance costs. */
const AT_ONE_METRE_DBM = -35;
const DECADE_DB = 30;

type Spot = readonly [number, number];

export interface Radio {
  bssid: string;
  at: Spot;
}

/** What a sensor at `at` captures, as a pcap file. */
export function evilTwin(ssid: string, real: Radio, twin: Radio, at: Spot): Buffer {
  const packets: Buffer[] = [];
  const hear = (time_ms: number, radio: Radio, number: number, isOpen: boolean) => {
    const heard = Buffer.concat([
      radiotap(signal_dbm(radio.at, at)),
      beacon(ssid, radio.bssid, number, time_ms, isOpen),
    ]);
    packets.push(record(time_ms, heard), heard);
  };
  for (let number = 0; number < UNTIL_S * BEACONS_PER_S; number += 1) {
    const time_ms = (number * 1000) / BEACONS_PER_S;
    hear(time_ms, real, number, false);
    const twinNumber = number - TWIN_AFTER_S * BEACONS_PER_S;
    if (twinNumber >= 0) hear(time_ms + 37, twin, twinNumber, true);
  }
  return Buffer.concat([header(), ...packets]);
}

function signal_dbm([x, y]: Spot, [left, top]: Spot): number {
  const metres = Math.max(Math.hypot(x - left, y - top), 1);
  return Math.round(AT_ONE_METRE_DBM - DECADE_DB * Math.log10(metres));
}

/** pcap 2.4, little-endian, microseconds, link type 127: radiotap. */
function header(): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(0xa1b2c3d4, 0);
  bytes.writeUInt16LE(2, 4);
  bytes.writeUInt16LE(4, 6);
  bytes.writeUInt32LE(65_535, 16);
  bytes.writeUInt32LE(127, 20);
  return bytes;
}

function record(time_ms: number, { length }: Buffer): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(1_700_000_000 + Math.floor(time_ms / 1000), 0);
  bytes.writeUInt32LE((time_ms % 1000) * 1000, 4);
  bytes.writeUInt32LE(length, 8);
  bytes.writeUInt32LE(length, 12);
  return bytes;
}

/** Flags, channel and signal; source: <https://www.radiotap.org/fields/defined>. */
function radiotap(signal: number): Buffer {
  const bytes = Buffer.alloc(15);
  bytes.writeUInt16LE(bytes.length, 2);
  bytes.writeUInt32LE((1 << 1) | (1 << 3) | (1 << 5), 4);
  bytes.writeUInt16LE(FREQUENCY_MHZ, 10);
  bytes.writeUInt16LE(0x00a0, 12);
  bytes.writeInt8(signal, 14);
  return bytes;
}

/** IEEE 802.11-2020, 9.3.3.2. */
function beacon(ssid: string, bssid: string, number: number, time_ms: number, isOpen: boolean): Buffer {
  const address = Buffer.from(bssid.replaceAll(':', ''), 'hex');
  const head = Buffer.alloc(24);
  head.writeUInt16LE(0x0080, 0);
  head.fill(0xff, 4, 10);
  address.copy(head, 10);
  address.copy(head, 16);
  head.writeUInt16LE((number % 4096) << 4, 22);
  const fixed = Buffer.alloc(12);
  fixed.writeBigUInt64LE(BigInt(1_000_000 + time_ms * 1000), 0);
  fixed.writeUInt16LE(100, 8);
  fixed.writeUInt16LE(isOpen ? 0x0421 : 0x0431, 10);
  const element = (id: number, body: number[] | Buffer) =>
    Buffer.concat([Buffer.from([id, body.length]), Buffer.from(body)]);
  // WPA2 with CCMP and a password; management frames may be protected.
  const rsn = '0100 000fac04 0100 000fac04 0100 000fac02 8000'.replaceAll(' ', '');
  return Buffer.concat([
    head,
    fixed,
    element(0, Buffer.from(ssid)),
    element(1, [0x82, 0x84, 0x8b, 0x96, 0x0c, 0x12, 0x18, 0x24]),
    element(3, [CHANNEL]),
    element(5, [0, 1, 0, 0]),
    ...(isOpen ? [] : [element(48, Buffer.from(rsn, 'hex'))]),
  ]);
}
