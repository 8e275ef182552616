//! A frame as detectors see it: once, however many sensors heard it, with what they ask for most.

use model::Mac;

use crate::advert::Advert;
use crate::dot11::eapol::Eapol;
use crate::dot11::header::{FrameType, Header, Kind};
use crate::dot11::management::{Management, Status};
use crate::dot11::{Body, Channel, Data, Parsed, Payload};
use crate::packet::{CaptureTime, SensorId};

/// One frame.
#[derive(Debug)]
pub(crate) struct Heard<'a> {
    /// When it was captured. It never goes back.
    pub(crate) at: CaptureTime,
    /// Who captured it first.
    pub(crate) sensor: SensorId,
    /// How long somebody listened on the channel by then.
    pub(crate) dwell_us: u64,
    /// Whether its time can be true.
    pub(crate) has_clock: bool,
    /// The channel that the sensor listened on.
    pub(crate) channel: Option<Channel>,
    /// How strongly it was heard.
    pub(crate) signal_dbm: Option<f32>,
    /// The sensor tells channel and signal of other frames, and nothing of this one.
    pub(crate) is_bare: bool,
    /// What is in it.
    pub(crate) parsed: &'a Parsed<'a>,
    /// What an access point says of itself, in a beacon or a probe response.
    pub(crate) advert: Option<Advert<'a>>,
}

impl<'a> Heard<'a> {
    pub(crate) fn header(&self) -> &'a Header {
        &self.parsed.header
    }

    pub(crate) fn kind(&self) -> Kind {
        self.parsed.header.kind
    }

    pub(crate) fn transmitter(&self) -> Option<Mac> {
        self.parsed.header.transmitter
    }

    pub(crate) fn receiver(&self) -> Option<Mac> {
        self.parsed.header.receiver
    }

    pub(crate) fn bssid(&self) -> Option<Mac> {
        self.parsed.header.bssid()
    }

    pub(crate) fn management(&self) -> Option<&'a Management<'a>> {
        self.parsed.management()
    }

    pub(crate) fn data(&self) -> Option<&'a Data<'a>> {
        self.parsed.data()
    }

    pub(crate) fn eapol(&self) -> Option<&'a Eapol<'a>> {
        self.parsed.eapol()
    }

    /// Sent again for want of an acknowledgement: it says nothing new.
    pub(crate) fn is_retry(&self) -> bool {
        self.parsed.header.control.retry()
    }

    pub(crate) fn is_protected(&self) -> bool {
        self.parsed.header.control.protected()
    }

    /// Whether the sensor had a clock: without one, nothing can be said about rates.
    pub(crate) fn has_time(&self) -> bool {
        self.has_clock
    }

    /// A data frame with or without a body.
    pub(crate) fn is_data(&self) -> bool {
        self.kind() != Kind::Empty && self.header().control.frame_type() == FrameType::Data
    }

    /// A data frame with a body.
    pub(crate) fn has_payload(&self) -> bool {
        matches!(&self.parsed.body, Body::Data(data) if data.payload != Payload::None)
    }

    /// Sent by a station to the access point of a network.
    pub(crate) fn is_to_ap(&self) -> bool {
        let bssid = self.bssid();
        bssid.is_some() && self.receiver() == bssid && self.transmitter() != bssid
    }

    /// Sent by the access point of a network.
    pub(crate) fn is_from_ap(&self) -> bool {
        let bssid = self.bssid();
        bssid.is_some() && self.transmitter() == bssid
    }

    /// Tells a station that it belongs to a network now.
    pub(crate) fn takes_in(&self) -> bool {
        matches!(
            self.management(),
            Some(Management::AssociationResponse(it) | Management::ReassociationResponse(it))
                if it.status == Status::SUCCESS
        )
    }

    /// The network, and which of its stations the frame is from or to.
    pub(crate) fn pair(&self) -> Option<(Mac, Mac)> {
        let bssid = self.bssid()?;
        let station =
            if self.transmitter() == Some(bssid) { self.receiver() } else { self.transmitter() };
        station.filter(|it| !it.is_multicast()).map(|it| (bssid, it))
    }

    /// The network that a probe request asks for; empty when any will do.
    pub(crate) fn probed(&self) -> Option<&'a [u8]> {
        matches!(self.management(), Some(Management::ProbeRequest))
            .then(|| self.parsed.elements.ssid())
            .flatten()
    }
}
