//! Frame control and the MAC header.
//!
//! Source: IEEE 802.11-2020, 9.2 (frame formats), 9.3 (control, data and management frames).

use std::fmt;

use model::Mac;
use serde::{Deserialize, Serialize};

use super::anomaly::{Anomalies, Anomaly};
use super::cursor::Cursor;

/// The type of a frame: IEEE 802.11-2020, 9.2.4.1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FrameType {
    /// How stations and access points come together.
    Management,
    /// Who may send when, and what arrived.
    Control,
    /// What the network is for.
    Data,
    /// Frames of other bands (DMG, S1G).
    Extension,
}

/// What kind of frame: type and subtype, named. IEEE 802.11-2020, table 9-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Kind {
    AssociationRequest,
    AssociationResponse,
    ReassociationRequest,
    ReassociationResponse,
    ProbeRequest,
    ProbeResponse,
    TimingAdvertisement,
    Beacon,
    Atim,
    Disassociation,
    Authentication,
    Deauthentication,
    Action,
    ActionNoAck,
    Trigger,
    Tack,
    BeamformingReportPoll,
    NdpAnnouncement,
    ControlExtension,
    ControlWrapper,
    BlockAckRequest,
    BlockAck,
    PsPoll,
    Rts,
    Cts,
    Ack,
    CfEnd,
    CfEndAck,
    /// Data, with or without the bits of contention-free access.
    Data,
    /// The same without a body.
    Null,
    QosData,
    QosNull,
    DmgBeacon,
    S1gBeacon,
    /// A combination that the standard reserves.
    Reserved,
    /// Fewer than two bytes: there is no frame control.
    Empty,
}

/// The first two bytes of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameControl(pub u16);

impl FrameControl {
    /// Protocol version; only 0 is in use on the air that we listen to.
    pub fn version(self) -> u8 {
        (self.0 & 0b11) as u8
    }

    /// Type.
    pub fn frame_type(self) -> FrameType {
        match self.0 >> 2 & 0b11 {
            0 => FrameType::Management,
            1 => FrameType::Control,
            2 => FrameType::Data,
            _ => FrameType::Extension,
        }
    }

    /// Subtype, 0 to 15; what it means depends on the type.
    pub fn subtype(self) -> u8 {
        (self.0 >> 4 & 0b1111) as u8
    }

    /// To the distribution system.
    pub fn to_ds(self) -> bool {
        self.has(0x0100)
    }

    /// From the distribution system.
    pub fn from_ds(self) -> bool {
        self.has(0x0200)
    }

    /// More fragments follow.
    pub fn more_fragments(self) -> bool {
        self.has(0x0400)
    }

    /// Sent again, because no acknowledgement was heard.
    pub fn retry(self) -> bool {
        self.has(0x0800)
    }

    /// The station will sleep.
    pub fn power_management(self) -> bool {
        self.has(0x1000)
    }

    /// More is buffered for the station.
    pub fn more_data(self) -> bool {
        self.has(0x2000)
    }

    /// The body is encrypted.
    pub fn protected(self) -> bool {
        self.has(0x4000)
    }

    /// There is an HT control field (management frames, and data of a traffic class), or order matters.
    pub fn order(self) -> bool {
        self.has(0x8000)
    }

    fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    /// Type and subtype, named.
    pub fn kind(self) -> Kind {
        match (self.frame_type(), self.subtype()) {
            (FrameType::Management, 0) => Kind::AssociationRequest,
            (FrameType::Management, 1) => Kind::AssociationResponse,
            (FrameType::Management, 2) => Kind::ReassociationRequest,
            (FrameType::Management, 3) => Kind::ReassociationResponse,
            (FrameType::Management, 4) => Kind::ProbeRequest,
            (FrameType::Management, 5) => Kind::ProbeResponse,
            (FrameType::Management, 6) => Kind::TimingAdvertisement,
            (FrameType::Management, 8) => Kind::Beacon,
            (FrameType::Management, 9) => Kind::Atim,
            (FrameType::Management, 10) => Kind::Disassociation,
            (FrameType::Management, 11) => Kind::Authentication,
            (FrameType::Management, 12) => Kind::Deauthentication,
            (FrameType::Management, 13) => Kind::Action,
            (FrameType::Management, 14) => Kind::ActionNoAck,
            (FrameType::Control, 2) => Kind::Trigger,
            (FrameType::Control, 3) => Kind::Tack,
            (FrameType::Control, 4) => Kind::BeamformingReportPoll,
            (FrameType::Control, 5) => Kind::NdpAnnouncement,
            (FrameType::Control, 6) => Kind::ControlExtension,
            (FrameType::Control, 7) => Kind::ControlWrapper,
            (FrameType::Control, 8) => Kind::BlockAckRequest,
            (FrameType::Control, 9) => Kind::BlockAck,
            (FrameType::Control, 10) => Kind::PsPoll,
            (FrameType::Control, 11) => Kind::Rts,
            (FrameType::Control, 12) => Kind::Cts,
            (FrameType::Control, 13) => Kind::Ack,
            (FrameType::Control, 14) => Kind::CfEnd,
            (FrameType::Control, 15) => Kind::CfEndAck,
            (FrameType::Data, 0..=3) => Kind::Data,
            (FrameType::Data, 4..=7) => Kind::Null,
            (FrameType::Data, 8..=11) => Kind::QosData,
            (FrameType::Data, 12 | 14 | 15) => Kind::QosNull,
            (FrameType::Extension, 0) => Kind::DmgBeacon,
            (FrameType::Extension, 1) => Kind::S1gBeacon,
            _ => Kind::Reserved,
        }
    }
}

impl fmt::Debug for FrameControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameControl({:#06x} {:?})", self.0, self.kind())
    }
}

/// Number of a frame among those of its transmitter, and of the part in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sequence {
    /// 0 to 4095.
    pub number: u16,
    /// 0 to 15.
    pub fragment: u8,
}

impl Sequence {
    /// From the field of the header: IEEE 802.11-2020, 9.2.4.4.
    pub fn from_wire(field: u16) -> Self {
        Self { number: field >> 4, fragment: (field & 0b1111) as u8 }
    }
}

/// The field for quality of service: IEEE 802.11-2020, 9.2.4.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QosControl(pub u16);

impl QosControl {
    /// Traffic identifier, 0 to 15.
    pub fn tid(self) -> u8 {
        (self.0 & 0b1111) as u8
    }

    /// The body is several MSDUs.
    pub fn is_amsdu(self) -> bool {
        self.0 & 0x0080 != 0
    }
}

/// The MAC header. What the frame has not, or ended before, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Type and subtype, named.
    pub kind: Kind,
    /// Frame control; zero when [`Kind::Empty`].
    pub control: FrameControl,
    /// Microseconds that the medium is claimed for, at most 32,767. `None` when the upper bit of the
    /// field is set: then it claims nothing, and in a PS-Poll it is [`Header::association_id`].
    pub duration: Option<u16>,
    /// The number that the access point gave to the station, in a PS-Poll.
    pub association_id: Option<u16>,
    /// Address 1: who shall receive it on the air.
    pub receiver: Option<Mac>,
    /// Address 2: who sent it on the air. In a control frame the group bit may signal bandwidth; it is
    /// cleared here, see [`Header::signals_bandwidth`].
    pub transmitter: Option<Mac>,
    /// Address 3.
    pub address3: Option<Mac>,
    /// Address 4: of a frame from one access point to another.
    pub address4: Option<Mac>,
    /// Sequence and fragment number.
    pub sequence: Option<Sequence>,
    /// Quality of service.
    pub qos: Option<QosControl>,
    /// HT control, also when it carries the VHT or HE variant.
    pub ht_control: Option<u32>,
    /// The transmitter of a control frame signals its bandwidth (802.11ac).
    pub signals_bandwidth: bool,
}

impl Header {
    /// Nothing is there yet.
    const EMPTY: Self = Self {
        kind: Kind::Empty,
        control: FrameControl(0),
        duration: None,
        association_id: None,
        receiver: None,
        transmitter: None,
        address3: None,
        address4: None,
        sequence: None,
        qos: None,
        ht_control: None,
        signals_bandwidth: false,
    };

    /// Where the frame comes from, also behind an access point.
    ///
    /// IEEE 802.11-2020, table 9-30. `None` where the subframes of an A-MSDU say it.
    pub fn source(&self) -> Option<Mac> {
        match (self.control.frame_type(), self.control.to_ds(), self.control.from_ds()) {
            (FrameType::Data, _, true) if self.is_amsdu() => None,
            (FrameType::Data, true, true) => self.address4,
            (FrameType::Data, false, true) => self.address3,
            (FrameType::Data | FrameType::Management, _, _) => self.transmitter,
            _ => None,
        }
    }

    /// Where the frame goes to in the end. `None` where the subframes of an A-MSDU say it.
    pub fn destination(&self) -> Option<Mac> {
        match (self.control.frame_type(), self.control.to_ds()) {
            (FrameType::Data, true) if self.is_amsdu() => None,
            (FrameType::Data, true) => self.address3,
            (FrameType::Data | FrameType::Management, _) => self.receiver,
            _ => None,
        }
    }

    /// Whether the body is several packets, or would be if it were not encrypted.
    pub fn is_amsdu(&self) -> bool {
        self.qos.is_some_and(QosControl::is_amsdu)
    }

    /// The network that the frame belongs to, where the header says so: not on most control frames, and
    /// not between access points.
    pub fn bssid(&self) -> Option<Mac> {
        match (self.kind, self.control.to_ds(), self.control.from_ds()) {
            (Kind::PsPoll, _, _) => self.receiver,
            (Kind::CfEnd | Kind::CfEndAck | Kind::DmgBeacon | Kind::S1gBeacon, _, _) => {
                self.transmitter
            }
            _ => match (self.control.frame_type(), self.control.to_ds(), self.control.from_ds()) {
                (FrameType::Management, _, _) | (FrameType::Data, false, false) => self.address3,
                (FrameType::Data, true, false) => self.receiver,
                (FrameType::Data, false, true) => self.transmitter,
                _ => None,
            },
        }
    }

    /// Whether the body is a later part of something longer.
    ///
    /// Nobody puts group frames together, so they are whole whatever their fragment number says.
    pub fn is_later_fragment(&self) -> bool {
        self.sequence.is_some_and(|sequence| sequence.fragment != 0)
            && !self.receiver.is_some_and(Mac::is_multicast)
    }

    /// Reads the header off the front of `cursor`.
    pub(crate) fn read(cursor: &mut Cursor<'_>, anomalies: &mut Anomalies) -> Self {
        let mut header = Self::EMPTY;
        if header.fill(cursor).is_none() {
            anomalies.add(Anomaly::HeaderTruncated);
            cursor.0 = &[];
        }
        if header.kind != Kind::Empty {
            header.judge(anomalies);
        }
        header
    }

    /// Reads field by field; `None` when the frame ends too early.
    fn fill(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        self.control = FrameControl(cursor.u16()?);
        self.kind = self.control.kind();
        let duration = cursor.u16()?;
        if self.kind == Kind::PsPoll {
            // The two upper bits are always set.
            self.association_id = Some(duration & 0x3fff);
        } else {
            self.duration = Some(duration).filter(|field| field & 0x8000 == 0);
        }
        match self.control.frame_type() {
            FrameType::Management => self.fill_addressed(cursor),
            FrameType::Control => self.fill_control(cursor),
            FrameType::Data => {
                self.fill_addressed(cursor)?;
                if self.control.to_ds() && self.control.from_ds() {
                    self.address4 = Some(cursor.mac()?);
                }
                if self.control.subtype() & QOS != 0 {
                    self.qos = Some(QosControl(cursor.u16()?));
                    self.fill_ht_control(cursor)?;
                }
                Some(())
            }
            FrameType::Extension => {
                // Both beacons have one address, that of who sends them.
                if self.kind != Kind::Reserved {
                    self.transmitter = Some(cursor.mac()?);
                }
                Some(())
            }
        }
    }

    /// Three addresses and the sequence, as management and data frames have them.
    fn fill_addressed(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        self.receiver = Some(cursor.mac()?);
        self.transmitter = Some(cursor.mac()?);
        self.address3 = Some(cursor.mac()?);
        self.sequence = Some(Sequence::from_wire(cursor.u16()?));
        if self.control.frame_type() == FrameType::Management {
            self.fill_ht_control(cursor)?;
        }
        Some(())
    }

    fn fill_ht_control(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        if self.control.order() {
            self.ht_control = Some(cursor.u32()?);
        }
        Some(())
    }

    fn fill_control(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        self.receiver = Some(cursor.mac()?);
        match self.kind {
            Kind::Trigger
            | Kind::Tack
            | Kind::BeamformingReportPoll
            | Kind::NdpAnnouncement
            | Kind::BlockAckRequest
            | Kind::BlockAck
            | Kind::PsPoll
            | Kind::Rts
            | Kind::CfEnd
            | Kind::CfEndAck => self.fill_control_transmitter(cursor),
            _ => Some(()),
        }
    }

    /// The group bit in the transmitter's address of a control frame says that the bandwidth is
    /// signalled in its scrambler: IEEE 802.11-2020, 9.3.1.2.
    fn fill_control_transmitter(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let Mac([first, rest @ ..]) = cursor.mac()?;
        let [a, b, c, d, e] = rest;
        self.signals_bandwidth = first & 1 != 0;
        self.transmitter = Some(Mac([first & !1, a, b, c, d, e]));
        Some(())
    }

    /// Finds what no header can say.
    fn judge(&self, anomalies: &mut Anomalies) {
        let control = self.control;
        anomalies.add_if(control.version() != 0, Anomaly::Version);
        anomalies.add_if(self.kind == Kind::Reserved, Anomaly::ReservedType);
        let impossible = match control.frame_type() {
            FrameType::Management => control.to_ds() || control.from_ds(),
            // In an extension the same bits of frame control mean something else.
            FrameType::Control if self.kind != Kind::ControlExtension => {
                control.to_ds() || control.from_ds() || control.more_fragments()
            }
            _ => false,
        };
        anomalies.add_if(impossible, Anomaly::FrameControl);
        let is_group = self.transmitter.is_some_and(Mac::is_multicast);
        anomalies.add_if(is_group, Anomaly::GroupTransmitter);
    }
}

/// The bit of a data frame's subtype that says that it has [`QosControl`].
const QOS: u8 = 0b1000;
