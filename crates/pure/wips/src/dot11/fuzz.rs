//! Asks a packet for everything it can say, so that fuzzing reaches what is read only when asked for.

use std::hint::black_box;

use super::data::{Content, Msdu};
use super::net::{Dns, Echo, Segment};
use super::wps::Wps;
use super::{Body, Data, Elements, Management, Parsed, Payload};

pub(crate) fn ask(parsed: &Parsed<'_>) {
    let header = &parsed.header;
    black_box((header.source(), header.destination(), header.bssid()));
    black_box((parsed.key(1), parsed.retry_key(1)));
    black_box(parsed.radio.chains().count());
    black_box(parsed.anomalies.of_sender().iter().count());
    elements(parsed.elements);
    match &parsed.body {
        Body::Management(Management::Authentication(authentication)) => {
            black_box(authentication.sae);
        }
        Body::Data(Data { payload: Payload::Msdu(msdu), .. }) => content(msdu),
        Body::Data(Data { payload: Payload::Amsdu(amsdu), .. }) => {
            amsdu.subframes().for_each(|subframe| content(&subframe.msdu));
        }
        _ => {}
    }
}

fn elements(elements: Elements<'_>) {
    black_box((elements.ssid(), elements.rates().count(), elements.ds_channel()));
    black_box(elements.tim().map(|tim| (tim.has_traffic_for(1), tim.has_traffic_for(2007))));
    black_box((elements.country(), elements.channel_switch(), elements.quiet()));
    for security in [elements.rsn(), elements.wpa()].into_iter().flatten() {
        black_box((security.pairwise.ciphers().count(), security.akms.akms().count()));
        black_box((security.pmkids.len(), security.capabilities, security.group_management));
    }
    black_box((elements.ht_capabilities(), elements.ht_operation()));
    black_box((elements.vht_capabilities(), elements.vht_operation()));
    black_box((elements.he_capabilities(), elements.he_operation(), elements.mobility_domain()));
    black_box((elements.challenge(), elements.primary_channel(), elements.channel()));
    black_box(elements.vendors().count());
    if let Some(wps) = elements.wps() {
        attributes(wps);
    }
}

fn attributes(wps: Wps<'_>) {
    black_box((wps.message_type(), wps.is_setup_locked(), wps.is_registrar_selected()));
    black_box((wps.state(), wps.attributes().count()));
}

fn content(msdu: &Msdu<'_>) {
    let packet = msdu.bytes.get(8..).unwrap_or_default();
    black_box((Segment::read(packet), Dns::read(packet), Echo::read(packet)));
    let Content::Eapol(eapol) = &msdu.content else {
        black_box(msdu.content);
        return;
    };
    if let Some(key) = eapol.key() {
        black_box((key.message(), key.pmkid(), key.has_zero_nonce(), key.has_zero_mic()));
        black_box(key.key_data().count());
    }
    if let Some(eap) = eapol.eap() {
        black_box((eap.identity(), eap.has_broken_tls()));
        if let Some(wsc) = eap.wsc() {
            attributes(wsc.attributes);
        }
    }
}
