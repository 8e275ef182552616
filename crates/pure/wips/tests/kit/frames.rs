//! Frames, byte by byte. Sequence numbers are left zero: the ether gives them in the order of time.

pub(crate) type Mac = [u8; 6];

pub(crate) const ALL: Mac = [0xff; 6];

/// How a network protects itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    Open,
    Wep,
    Tkip,
    Wpa2,
    /// WPA2 that requires protected management frames.
    Wpa2Pmf,
    Wpa3,
    Enterprise,
}

impl Protection {
    pub(crate) fn has_pmf(self) -> bool {
        matches!(self, Self::Wpa2Pmf | Self::Wpa3)
    }

    pub(crate) fn is_encrypted(self) -> bool {
        self != Self::Open
    }

    /// Whether there is a handshake.
    pub(crate) fn has_keys(self) -> bool {
        !matches!(self, Self::Open | Self::Wep)
    }

    /// The security element, with its head.
    pub(crate) fn element(self) -> Vec<u8> {
        let rsn = |akm: u8, capabilities: u8| {
            let mut element = vec![48, 20, 1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 4, 1, 0];
            element.extend([0, 0x0f, 0xac, akm, capabilities, 0]);
            element
        };
        match self {
            Self::Open | Self::Wep => Vec::new(),
            Self::Tkip => vec![
                221, 22, 0x00, 0x50, 0xf2, 1, 1, 0, 0x00, 0x50, 0xf2, 2, 1, 0, 0x00, 0x50, 0xf2, 2,
                1, 0, 0x00, 0x50, 0xf2, 2,
            ],
            Self::Wpa2 => rsn(2, 0),
            Self::Wpa2Pmf => rsn(6, 0xc0),
            Self::Wpa3 => rsn(8, 0xc0),
            Self::Enterprise => rsn(1, 0),
        }
    }
}

/// An access point, or who pretends to be one.
#[derive(Debug, Clone)]
pub(crate) struct Ap {
    pub(crate) mac: Mac,
    pub(crate) ssid: Vec<u8>,
    pub(crate) channel: u8,
    pub(crate) dbm: f32,
    pub(crate) protection: Protection,
    pub(crate) is_hidden: bool,
    pub(crate) has_wps: bool,
    /// Elements of the vendor.
    pub(crate) vendor: Vec<u8>,
}

pub(crate) fn header(control: u16, to: Mac, from: Mac, third: Mac) -> Vec<u8> {
    let mut frame = control.to_le_bytes().to_vec();
    frame.extend([0x2c, 0]);
    for address in [to, from, third] {
        frame.extend(address);
    }
    frame.extend([0, 0]);
    frame
}

/// The elements of a beacon or probe response.
fn elements(ap: &Ap, is_hidden: bool) -> Vec<u8> {
    let mut frame = Vec::new();
    if is_hidden {
        frame.extend([0, 0]);
    } else {
        frame.extend([0, ap.ssid.len() as u8]);
        frame.extend(&ap.ssid);
    }
    frame.extend([1, 8, 0x82, 0x84, 0x8b, 0x96, 0x0c, 0x12, 0x18, 0x24]);
    frame.extend([3, 1, ap.channel]);
    frame.extend(ap.protection.element());
    frame.extend([61, 22, ap.channel]);
    frame.extend([0; 21]);
    if ap.has_wps {
        frame.extend([221, 14, 0x00, 0x50, 0xf2, 4, 0x10, 0x4a, 0, 1, 0x10, 0x10, 0x44, 0, 1, 2]);
    }
    frame.extend(&ap.vendor);
    frame
}

fn fixed(ap: &Ap, tsf: u64) -> Vec<u8> {
    let capabilities = if ap.protection.is_encrypted() { 0x11 } else { 0x01 };
    let mut body = tsf.to_le_bytes().to_vec();
    body.extend([100, 0, capabilities, 4]);
    body
}

pub(crate) fn beacon(ap: &Ap, tsf: u64, extra: &[u8]) -> Vec<u8> {
    let mut frame = header(0x0080, ALL, ap.mac, ap.mac);
    frame.extend(fixed(ap, tsf));
    frame.extend(elements(ap, ap.is_hidden));
    frame.extend(extra);
    frame
}

pub(crate) fn probe_response(ap: &Ap, tsf: u64, to: Mac) -> Vec<u8> {
    let mut frame = header(0x0050, to, ap.mac, ap.mac);
    frame.extend(fixed(ap, tsf));
    frame.extend(elements(ap, false));
    frame
}

pub(crate) fn probe_request(from: Mac, ssid: &[u8]) -> Vec<u8> {
    let mut frame = header(0x0040, ALL, from, ALL);
    frame.extend([0, ssid.len() as u8]);
    frame.extend(ssid);
    frame.extend([1, 4, 0x02, 0x04, 0x0b, 0x16]);
    frame
}

pub(crate) fn authentication(
    to: Mac,
    from: Mac,
    bssid: Mac,
    [algorithm, step, status]: [u16; 3],
) -> Vec<u8> {
    let mut frame = header(0x00b0, to, from, bssid);
    for field in [algorithm, step, status] {
        frame.extend(field.to_le_bytes());
    }
    if algorithm == 3 && step == 1 && status == 0 {
        frame.extend([19, 0]);
        frame.extend([0x5a; 96]);
    } else if algorithm == 3 && step == 2 {
        frame.extend([1, 0]);
        frame.extend([0xa5; 32]);
    }
    frame
}

pub(crate) fn association_request(ap: &Ap, station: Mac, old: Option<Mac>) -> Vec<u8> {
    let control = if old.is_some() { 0x0020 } else { 0x0000 };
    let mut frame = header(control, ap.mac, station, ap.mac);
    frame.extend([0x31, 4, 10, 0]);
    frame.extend(old.unwrap_or_default().iter().take(if old.is_some() { 6 } else { 0 }));
    frame.extend([0, ap.ssid.len() as u8]);
    frame.extend(&ap.ssid);
    frame.extend([1, 4, 0x82, 0x84, 0x8b, 0x96]);
    frame.extend(ap.protection.element());
    frame
}

pub(crate) fn association_response(ap: &Ap, station: Mac, moves: bool, status: u16) -> Vec<u8> {
    let mut frame = header(if moves { 0x0030 } else { 0x0010 }, station, ap.mac, ap.mac);
    frame.extend([0x31, 4]);
    frame.extend(status.to_le_bytes());
    frame.extend([1, 0xc0, 1, 4, 0x82, 0x84, 0x8b, 0x96]);
    frame
}

/// Deauthentication, or with `is_disassociation` the other one.
pub(crate) fn leave(
    to: Mac,
    from: Mac,
    bssid: Mac,
    reason: u16,
    is_disassociation: bool,
) -> Vec<u8> {
    let mut frame = header(if is_disassociation { 0x00a0 } else { 0x00c0 }, to, from, bssid);
    frame.extend(reason.to_le_bytes());
    frame
}

/// A management frame whose body is encrypted.
pub(crate) fn protected(kind: u16, to: Mac, from: Mac, bssid: Mac, number: u64) -> Vec<u8> {
    let mut frame = header(kind | 0x4000, to, from, bssid);
    frame.extend(ccmp(number));
    frame.extend([0x77; 10]);
    frame
}

fn ccmp(number: u64) -> [u8; 8] {
    let [a, b, c, d, e, f, ..] = number.to_le_bytes();
    [a, b, 0, 0x20, c, d, e, f]
}

fn tkip(number: u64) -> [u8; 8] {
    let [a, b, c, d, e, f, ..] = number.to_le_bytes();
    [b, (b | 0x20) & 0x7f, a, 0x20, c, d, e, f]
}

/// Who sends data to whom: `true` to the access point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) bssid: Mac,
    pub(crate) station: Mac,
    pub(crate) is_up: bool,
}

impl Way {
    pub(crate) fn up(bssid: Mac, station: Mac) -> Self {
        Self { bssid, station, is_up: true }
    }

    pub(crate) fn down(bssid: Mac, station: Mac) -> Self {
        Self { bssid, station, is_up: false }
    }
}

fn data_header(way: Way, kind: u16, third: Mac) -> Vec<u8> {
    let Way { bssid, station, is_up } = way;
    let mut frame = if is_up {
        header(kind | 0x0100, bssid, station, third)
    } else {
        header(kind | 0x0200, station, bssid, third)
    };
    if kind & 0x0080 != 0 {
        frame.extend([0, 0]);
    }
    frame
}

/// Encrypted data of a traffic class.
pub(crate) fn data(way: Way, protection: Protection, number: u64, bytes: usize) -> Vec<u8> {
    let mut frame = data_header(way, 0x4088, [0x00, 0x1b, 0x21, 0, 0, 1]);
    match protection {
        Protection::Wep => frame.extend([number as u8, (number >> 8) as u8, 3, 0]),
        Protection::Tkip => frame.extend(tkip(number)),
        Protection::Open => {
            let flags = u16::from_le_bytes([frame[0], frame[1]]) & !0x4000;
            frame.splice(..2, flags.to_le_bytes());
            frame.extend([0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
        }
        _ => frame.extend(ccmp(number)),
    }
    frame.extend((0..bytes).map(|at| (at as u8).wrapping_mul(37) ^ number as u8));
    frame
}

/// A group frame of an access point, encrypted with the group key.
pub(crate) fn group_data(bssid: Mac, source: Mac, number: u64, bytes: usize) -> Vec<u8> {
    let mut frame = data_header(Way::down(bssid, ALL), 0x4008, source);
    let [a, b, c, d, e, f, ..] = number.to_le_bytes();
    frame.extend([a, b, 0, 0x60, c, d, e, f]);
    frame.extend((0..bytes).map(|at| (at as u8).wrapping_mul(31)));
    frame
}

/// Data in clear, from its ethertype on.
pub(crate) fn clear(way: Way, third: Mac, ethertype: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = data_header(way, 0x0008, third);
    frame.extend([0xaa, 0xaa, 3, 0, 0, 0]);
    frame.extend(ethertype.to_be_bytes());
    frame.extend(body);
    frame
}

pub(crate) fn null(way: Way, is_asleep: bool) -> Vec<u8> {
    data_header(way, if is_asleep { 0x1048 } else { 0x0048 }, way.bssid)
}

pub(crate) fn eapol(way: Way, kind: u8, body: &[u8]) -> Vec<u8> {
    let from = if way.is_up { way.station } else { way.bssid };
    let third = if way.is_up { way.bssid } else { from };
    let mut packet = vec![2, kind];
    packet.extend((body.len() as u16).to_be_bytes());
    packet.extend(body);
    clear(way, third, 0x888e, &packet)
}

/// A message of the four-way handshake, 1 to 4.
pub(crate) fn key(
    bssid: Mac,
    station: Mac,
    message: u8,
    counter: u64,
    nonce: u64,
    data: &[u8],
) -> Vec<u8> {
    let (info, is_up): (u16, bool) = match message {
        1 => (0x008a, false),
        2 => (0x010a, true),
        3 => (0x13ca, false),
        _ => (0x030a, true),
    };
    let mut body = vec![2];
    body.extend(info.to_be_bytes());
    body.extend([0, 16]);
    body.extend(counter.to_be_bytes());
    let seed = if message == 4 { 0 } else { nonce ^ u64::from(is_up) };
    for part in 0..4_u64 {
        let word = if seed == 0 { 0 } else { seed.wrapping_mul(0x9E37_79B9 + part) };
        body.extend(word.to_be_bytes());
    }
    body.extend([0; 32]);
    body.extend(if message == 1 { [0; 16] } else { [0x3c; 16] });
    body.extend((data.len() as u16).to_be_bytes());
    body.extend(data);
    eapol(Way { bssid, station, is_up }, 3, &body)
}

/// Key data of a first message: the name of the pairwise master key.
pub(crate) fn pmkid(byte: u8) -> Vec<u8> {
    let mut data = vec![221, 20, 0x00, 0x0f, 0xac, 4];
    data.extend([byte; 16]);
    data
}

/// An EAP packet: code, identifier, and what follows them.
pub(crate) fn eap(way: Way, code: u8, id: u8, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![code, id];
    body.extend((rest.len() as u16 + 4).to_be_bytes());
    body.extend(rest);
    eapol(way, 0, &body)
}

pub(crate) fn rts(to: Mac, from: Mac, duration: u16) -> Vec<u8> {
    let mut frame = vec![0xb4, 0];
    frame.extend(duration.to_le_bytes());
    frame.extend(to);
    frame.extend(from);
    frame
}

pub(crate) fn cts(to: Mac, duration: u16) -> Vec<u8> {
    let mut frame = vec![0xc4, 0];
    frame.extend(duration.to_le_bytes());
    frame.extend(to);
    frame
}

pub(crate) fn ack(to: Mac) -> Vec<u8> {
    let mut frame = vec![0xd4, 0, 0, 0];
    frame.extend(to);
    frame
}

pub(crate) fn ps_poll(bssid: Mac, station: Mac) -> Vec<u8> {
    let mut frame = vec![0xa4, 0, 1, 0xc0];
    frame.extend(bssid);
    frame.extend(station);
    frame
}

pub(crate) fn action(to: Mac, from: Mac, bssid: Mac, body: &[u8]) -> Vec<u8> {
    let mut frame = header(0x00d0, to, from, bssid);
    frame.extend(body);
    frame
}

/// A packet of the internet.
pub(crate) fn ip(protocol: u8, [from, to]: [[u8; 4]; 2], body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + body.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    packet.extend(from);
    packet.extend(to);
    packet.extend(body);
    packet
}

fn udp(ends: [[u8; 4]; 2], [from, to]: [u16; 2], body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    for number in [from, to, 8 + body.len() as u16, 0] {
        packet.extend(number.to_be_bytes());
    }
    packet.extend(body);
    ip(17, ends, &packet)
}

/// A device asks for an address.
pub(crate) fn dhcp_request(device: Mac) -> Vec<u8> {
    let mut body = vec![1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0x80, 0];
    body.extend([0; 16]);
    body.extend(device);
    body.extend([0; 202]);
    body.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]);
    udp([[0; 4], [255; 4]], [68, 67], &body)
}

/// Where names are asked for.
pub(crate) const RESOLVER: [u8; 4] = [10, 0, 0, 1];
pub(crate) const GUEST: [u8; 4] = [10, 0, 0, 7];

/// A question about a name, or with `answer` bytes the answer to it.
pub(crate) fn dns(name: &str, record: u16, answer: Option<usize>) -> Vec<u8> {
    // Each question has a number and a port of its own, which follow from the name here.
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, it| (hash ^ u32::from(it)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_be_bytes();
    let port = 0x8000 | u16::from_be_bytes([c, d]);
    let mut body = vec![a, b];
    body.extend([if answer.is_some() { 0x81 } else { 1 }, 0, 0, 1]);
    body.extend([0, u8::from(answer.is_some()), 0, 0, 0, 0]);
    for label in name.split('.') {
        body.push(label.len() as u8);
        body.extend(label.as_bytes());
    }
    body.push(0);
    body.extend(record.to_be_bytes());
    body.extend([0, 1]);
    body.extend((0..answer.unwrap_or(0)).map(|at| at as u8));
    if answer.is_some() {
        udp([RESOLVER, GUEST], [53, port], &body)
    } else {
        udp([GUEST, RESOLVER], [port, 53], &body)
    }
}

/// An echo to another end, or its answer.
pub(crate) fn echo(other: [u8; 4], is_answer: bool, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![if is_answer { 0 } else { 8 }, 0, 0, 0, 0, 1, 0, 1];
    body.extend(payload);
    ip(1, if is_answer { [other, GUEST] } else { [GUEST, other] }, &body)
}
