//! Properties of the codec: round trip, no panic on any bytes, bounded memory.

use model::{
    Association, Band, Battery, Category, CivicAddress, CivicPart, Dbm, Emergency, Encounter, Mac,
    Observation, Reading, SwitchPort, TagReport, Telemetry, Time,
};
use nmsp::codec::HEADER_BYTES;
use nmsp::limits::CAPTURED_BYTES_MAX;
use nmsp::limits::FRAME_BODY_MAX;
use nmsp::{
    Batch, CapturedPacket, Command, Event, Information, Input, Output, Sensor, SensorMode,
    SensorState, Session, Settings, Side, SubserviceMask, TagInformation,
};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Time = Time(1_700_000_000_000);

fn active_pair() -> (Session, Session) {
    let session = |side| Session::new(side, Settings::default(), SubserviceMask::ALL, "x", NOW);
    let (mut controller, mut engine) = (session(Side::Controller), session(Side::Engine));
    for _ in 0..3 {
        let (to_engine, to_controller) = (transmitted(&mut controller), transmitted(&mut engine));
        engine.handle(NOW, Input::Received(to_engine.into()));
        controller.handle(NOW, Input::Received(to_controller.into()));
    }
    (controller, engine)
}

fn transmitted(session: &mut Session) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(output) = session.poll() {
        if let Output::Transmit(more) = output {
            bytes.extend_from_slice(more);
        }
    }
    bytes
}

prop_compose! {
    fn reading()(ap: [u8; 6], band in 0..4_usize, centi_dbm in -12_000..2_000_i16, age_ms in 0..100_000_u64) -> Reading {
        let rssi = Dbm(f32::from(centi_dbm) / 100.0);
        Reading { ap: Mac(ap), band: Band::ALL[band], rssi, at: NOW.minus_ms(age_ms) }
    }
}

prop_compose! {
    fn observation()(mac: [u8; 6], category in 0..6_usize, readings in vec(reading(), 0..=16)) -> Observation {
        Observation { category: Category::ALL[category], mac: Mac(mac), readings }
    }
}

prop_compose! {
    fn information()(
        mac: [u8; 6],
        category in 0..6_usize,
        associated: bool,
        ap: Option<[u8; 6]>,
        ssid in "[^\\x00]{1,32}",
        username in proptest::option::of("[a-z]{1,40}"),
        ip_addresses in vec(any::<std::net::IpAddr>(), 0..=16),
        bytes_sent: u64,
        bytes_received: u64,
    ) -> Information {
        let association = Association {
            associated,
            ap: ap.map(Mac),
            ssid: Some(ssid.into()),
            username: username.map(Into::into),
            ip_addresses,
            bytes_sent,
            bytes_received,
        };
        Information { category: Category::ALL[category], mac: Mac(mac), association }
    }
}

/// A value that has hundredths, as the wire has.
fn measured() -> impl Strategy<Value = Option<f32>> {
    proptest::option::of((-300_000..300_000_i32).prop_map(|it| (f64::from(it) / 100.0) as f32))
}

prop_compose! {
    fn telemetry()(values in [measured(), measured(), measured(), measured()]) -> Telemetry {
        let [motion_percent, temperature_c, humidity_percent, pressure_hpa] = values;
        Telemetry { motion_percent, temperature_c, humidity_percent, pressure_hpa }
    }
}

prop_compose! {
    fn tag()(
        mac: [u8; 6],
        at: u64,
        battery in proptest::option::of((0..=100_u8, 0..=100_u8)),
        emergency in proptest::option::of(prop::sample::select(vec![
            Emergency::PanicButton, Emergency::Tampered, Emergency::Detached,
        ])),
        encounter in proptest::option::of(("[^\\x00]{1,60}", any::<u64>(), any::<u64>())),
        telemetry in telemetry(),
    ) -> TagInformation {
        let battery = battery.map(|(percent, tolerance_percent)| Battery { percent, tolerance_percent });
        let encounter = encounter.map(|(chokepoint, since, until)| Encounter {
            chokepoint: chokepoint.into(),
            since: Time(since),
            until: Time(until),
        });
        let report = TagReport { at: Time(at), battery, emergency, encounter, telemetry };
        TagInformation { mac: Mac(mac), report }
    }
}

prop_compose! {
    fn switch_port()(
        switch in "[^\\x00]{0,60}",
        port in "[^\\x00]{0,60}",
        parts in proptest::collection::btree_map(
            prop::sample::select(CivicPart::ALL), "[^\\x00]{0,60}", 0..CivicPart::ALL.len(),
        ),
    ) -> SwitchPort {
        let parts = parts.into_iter().map(|(part, text)| (part, text.into()));
        let civic = CivicAddress(parts.collect());
        SwitchPort { switch: switch.into(), port: port.into(), civic }
    }
}

prop_compose! {
    fn sensor()(
        number: u32,
        ap in proptest::option::of((1_u64..1 << 48).prop_map(Mac::from_u64)),
        name in "[^\\x00]{0,60}",
        mode in prop::sample::select(vec![SensorMode::Monitor, SensorMode::Local]),
        state in prop::sample::select(vec![
            SensorState::Capturing, SensorState::Silent, SensorState::Failed, SensorState::Ended,
        ]),
        text in "[^\\x00]{0,60}",
        last in proptest::option::of((1..=u64::MAX).prop_map(Time)),
        packets: u64,
        dropped: u64,
    ) -> Sensor {
        Sensor { number, ap, name, mode, state, text, last, packets, dropped }
    }
}

prop_compose! {
    fn captured()(
        sensor: u32,
        at_us: u64,
        link: u16,
        fcs_bytes in proptest::option::of(0..=4_u8),
        missing in 0..2_000_u32,
        bytes in vec(any::<u8>(), 0..3_000),
    ) -> CapturedPacket {
        let wire_bytes = bytes.len() as u32 + missing;
        CapturedPacket { sensor, at_us, link, fcs_bytes, wire_bytes, bytes: bytes.into() }
    }
}

/// Sends a batch through the real sessions in pieces of `piece` bytes and calls `each` on the data.
fn carry(batch: Batch, piece: usize, mut each: impl FnMut(nmsp::Records<'_>)) {
    let (mut controller, mut engine) = active_pair();
    controller.handle(NOW, Input::Command(Command::Send { transaction: None, batch }));
    for bytes in transmitted(&mut controller).chunks(piece) {
        engine.handle(NOW, Input::Received(bytes.into()));
        while let Some(output) = engine.poll() {
            match output {
                Output::Event(Event::Data { records, .. }) => each(records),
                Output::Close(reason) => panic!("{reason}"),
                _ => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn observations_round_trip_however_the_stream_is_cut(
        observations in vec(observation(), 0..40),
        piece in 1..2_000_usize,
    ) {
        let mut received = Vec::new();
        carry(Batch::Measurements { at: NOW, observations: observations.clone() }, piece, |records| {
            received.extend(records.measured().map(|it| Observation {
                category: it.category,
                mac: it.mac,
                readings: it.readings().collect(),
            }));
        });
        prop_assert_eq!(received, observations);
    }

    #[test]
    fn information_round_trips(informations in vec(information(), 0..20)) {
        let mut received = Vec::new();
        carry(Batch::Informations(informations.clone()), 4_096, |records| received.extend(records.informations()));
        prop_assert_eq!(received, informations);
    }

    #[test]
    fn what_tags_say_round_trips(tags in vec(tag(), 0..20)) {
        let mut received = Vec::new();
        carry(Batch::TagReports(tags.clone()), 4_096, |records| received.extend(records.tag_reports()));
        prop_assert_eq!(received, tags);
    }

    #[test]
    fn addresses_of_ports_round_trip(ports in vec(switch_port(), 0..20)) {
        let mut received = Vec::new();
        carry(Batch::SwitchPorts(ports.clone()), 4_096, |records| received.extend(records.switch_ports()));
        prop_assert_eq!(received, ports);
    }

    #[test]
    fn sensors_round_trip(sensors in vec(sensor(), 0..20)) {
        let mut received = Vec::new();
        carry(Batch::Sensors(sensors.clone()), 4_096, |records| received.extend(records.sensors()));
        prop_assert_eq!(received, sensors);
    }

    /// More than one frame holds.
    #[test]
    fn captured_packets_round_trip(packets in vec(captured(), 0..80)) {
        let mut received = Vec::new();
        carry(Batch::Captured(packets.clone()), 4_096, |records| {
            received.extend(records.captured().map(|it| CapturedPacket {
                sensor: it.sensor,
                at_us: it.at_us,
                link: it.link,
                fcs_bytes: it.fcs_bytes,
                wire_bytes: it.wire_bytes,
                bytes: it.bytes.into(),
            }));
        });
        prop_assert_eq!(received, packets);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..2_000)) {
        nmsp::fuzz_receive(&bytes);
    }

    /// Bytes that look like frames reach deeper than random ones.
    #[test]
    fn random_bodies_never_panic(id in prop::sample::select(nmsp::MessageId::ALL), body in vec(any::<u8>(), 0..400)) {
        let (mut controller, mut engine) = active_pair();
        let mut frame = vec![0x4e, 0x4d, 1, 0];
        frame.extend_from_slice(&id.to_wire().to_be_bytes());
        frame.extend_from_slice(&[0; 6]);
        frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
        frame.extend_from_slice(&body);
        nmsp::fuzz_receive(&frame);
        for session in [&mut controller, &mut engine] {
            session.handle(NOW, Input::Received(frame.clone().into()));
            while session.poll().is_some() {}
        }
    }

    /// One flipped byte in good traffic is either unseen or ends the session; it never panics.
    #[test]
    fn damaged_frames_never_panic(observations in vec(observation(), 1..5), at: prop::sample::Index, flip in 1..=255_u8) {
        let (mut controller, mut engine) = active_pair();
        let batch = Batch::Measurements { at: NOW, observations };
        controller.handle(NOW, Input::Command(Command::Send { transaction: None, batch }));
        let mut bytes = transmitted(&mut controller);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        engine.handle(NOW, Input::Received(bytes.into()));
        while let Some(output) = engine.poll() {
            if let Output::Event(Event::Data { records, .. }) = output {
                prop_assert!(records.measured().all(|it| it.readings().len() <= 16));
            }
        }
    }
}

/// What a capture did not cut, the protocol does, and says so.
#[test]
fn a_long_packet_comes_cut_with_its_length_told() {
    let bytes = vec![7; CAPTURED_BYTES_MAX + 1].into();
    let packet =
        CapturedPacket { sensor: 1, at_us: 2, link: 127, fcs_bytes: None, wire_bytes: 0, bytes };
    let mut told = Vec::new();
    let packets = vec![CapturedPacket { wire_bytes: 9_000, ..packet.clone() }, packet];
    carry(Batch::Captured(packets), 4_096, |records| {
        told.extend(records.captured().map(|it| (it.bytes.len(), it.wire_bytes)));
    });
    assert_eq!(told, [(CAPTURED_BYTES_MAX, 9_000), (CAPTURED_BYTES_MAX, 4_096)]);
}

/// A peer that announces the largest body and sends it byte by byte pins one frame, not more; and
/// one that announces more is refused at its header.
#[test]
fn memory_is_bounded_by_one_frame() {
    let (_, mut engine) = active_pair();
    let header = |body_bytes: u32| {
        let mut frame = vec![0x4e, 0x4d, 1, 0, 0, 15, 0, 0, 0, 0, 0, 0];
        frame.extend_from_slice(&body_bytes.to_be_bytes());
        frame
    };
    let limit = HEADER_BYTES + FRAME_BODY_MAX;
    engine.handle(NOW, Input::Received(header(FRAME_BODY_MAX as u32).into()));
    for _ in 0..FRAME_BODY_MAX {
        while engine.poll().is_some() {}
        engine.handle(NOW, Input::Received([0_u8].as_slice().into()));
        assert!(engine.buffered_bytes() <= limit);
    }
    while engine.poll().is_some() {}

    let (_, mut engine) = active_pair();
    engine.handle(NOW, Input::Received(header(FRAME_BODY_MAX as u32 + 1).into()));
    let mut closed = None;
    while let Some(output) = engine.poll() {
        if let Output::Close(reason) = output {
            closed = Some(reason.to_string());
        }
    }
    assert_eq!(
        closed.as_deref(),
        Some("the peer announced a body of 65537 bytes, the limit is 65536")
    );
}
