//! What is in the captures: the manifest's words in a form that can be compared.
//!
//! Which addresses are right was read from the captures themselves, with tshark. In the laboratory the
//! access point is `02:00:00:00:00:00`, its client `02:00:00:00:01:00`, the attacker's radio
//! `02:00:00:00:05:00`.

use wips::Kind::{self, *};

/// One capture with an attack, or with something that must be said.
pub(crate) struct Truth {
    pub(crate) file: &'static str,
    /// The incident is of one of these kinds.
    pub(crate) kinds: &'static [Kind],
    pub(crate) by: By,
    /// The victim; empty for everybody, a star where the frames leave it open.
    pub(crate) victim: &'static str,
    /// How many incidents.
    pub(crate) times: usize,
    /// How soon it must be told.
    pub(crate) soon: Soon,
    /// The verdict of section 5 of the reference.
    pub(crate) kismet: &'static str,
}

/// How soon an attack must be told.
#[derive(Clone, Copy)]
pub(crate) enum Soon {
    Flood,
    LowRate,
    /// No flood: what proves it comes later than its first frame.
    WhenProven,
}

/// Who sends.
#[derive(Clone, Copy)]
pub(crate) enum By {
    Own(&'static str),
    As(&'static str),
    Invented,
    Unnamed,
}

use By::{As, Invented, Own, Unnamed};

const fn truth(
    file: &'static str,
    kinds: &'static [Kind],
    by: By,
    victim: &'static str,
    kismet: &'static str,
) -> Truth {
    Truth { file, kinds, by, victim, times: 1, soon: Soon::Flood, kismet }
}

#[expect(clippy::needless_pass_by_value, reason = "a row of the table below")]
const fn slow(truth: Truth) -> Truth {
    Truth { soon: Soon::LowRate, ..truth }
}

#[expect(clippy::needless_pass_by_value, reason = "a row of the table below")]
const fn when_proven(truth: Truth) -> Truth {
    Truth { soon: Soon::WhenProven, ..truth }
}

#[expect(clippy::needless_pass_by_value, reason = "a row of the table below")]
const fn times(times: usize, truth: Truth) -> Truth {
    Truth { times, ..truth }
}

const AP: &str = "02:00:00:00:00:00";
const CLIENT: &str = "02:00:00:00:01:00";
const ATTACKER: &str = "02:00:00:00:05:00";
const LAB_TWIN: &str = "02:00:00:00:03:00";
const NOT_RUN: &str = "not measured";

pub(crate) const TRUTHS: &[Truth] = &[
    // The laboratory.
    // The manifest's start is that of the command; its stations scan for seven seconds before they beacon.
    slow(truth(
        "hwsim_adhoc.pcap",
        &[AdHocImpersonation],
        Own("02:00:00:00:06:00"),
        AP,
        "SSID list only",
    )),
    truth("hwsim_airbase-eviltwin.pcap", &[EvilTwin], Own(ATTACKER), AP, NOT_RUN),
    truth("hwsim_airbase-karma.pcap", &[Karma], Own(ATTACKER), CLIENT, "missed"),
    truth(
        "hwsim_aireplay-deauth-bcast.pcap",
        &[DeauthenticationBroadcast],
        As(AP),
        "*",
        "detected",
    ),
    truth(
        "hwsim_aireplay-deauth-directed.pcap",
        &[DeauthenticationFlood],
        As(AP),
        CLIENT,
        "detected",
    ),
    truth("hwsim_bssid-clone.pcap", &[BssidSpoof], As(AP), AP, "missed"),
    truth("hwsim_eviltwin-deauth.pcap", &[EvilTwin], Own(LAB_TWIN), AP, "SSID list only"),
    truth("hwsim_mdk4-a.pcap", &[AuthenticationFlood], Invented, AP, "missed"),
    truth("hwsim_mdk4-b-nonprint.pcap", &[BeaconFlood, MalformedFrames], Invented, "", NOT_RUN),
    truth("hwsim_mdk4-b-samessid.pcap", &[BeaconFlood], Invented, "", "SSID list only"),
    truth("hwsim_mdk4-b.pcap", &[BeaconFlood], Invented, "", "missed"),
    truth(
        "hwsim_mdk4-d-stealth.pcap",
        &[DeauthenticationFlood, DisassociationFlood],
        As(AP),
        CLIENT,
        "detected",
    ),
    truth(
        "hwsim_mdk4-d.pcap",
        &[DeauthenticationFlood, DisassociationFlood],
        As(AP),
        CLIENT,
        "detected",
    ),
    truth("hwsim_mdk4-e.pcap", &[AuthenticationFlood, AssociationFlood], Invented, AP, NOT_RUN),
    truth("hwsim_mdk4-el.pcap", &[EapolLogoff], As(CLIENT), CLIENT, "missed"),
    truth("hwsim_mdk4-f-beacon.pcap", &[MalformedFrames], Invented, "", "detected"),
    truth("hwsim_mdk4-f-cts.pcap", &[CtsFlood], Unnamed, "", NOT_RUN),
    truth("hwsim_mdk4-f-probe.pcap", &[MalformedFrames], Invented, "*", NOT_RUN),
    truth("hwsim_mdk4-m.pcap", &[MichaelAttack], Invented, AP, "blames the AP"),
    truth("hwsim_mdk4-p.pcap", &[SsidBruteForce, ProbeRequestFlood], Invented, "", NOT_RUN),
    truth("hwsim_pmf-deauth.pcap", &[DeauthenticationFlood], As(AP), CLIENT, "detected"),
    truth("hwsim_reaver-wps.pcap", &[WpsBruteForce], Own(ATTACKER), AP, "blames the AP"),
    truth("hwsim_inject-addba.pcap", &[AddbaSpoof], As(CLIENT), CLIENT, NOT_RUN),
    truth("hwsim_inject-assoc.pcap", &[AssociationFlood], Invented, AP, "blames the AP"),
    truth("hwsim_inject-authfail.pcap", &[AuthenticationFailureSpoof], As(AP), CLIENT, NOT_RUN),
    truth("hwsim_inject-csa.pcap", &[ChannelSwitchSpoof], As(AP), "", "CSA not named"),
    truth("hwsim_inject-cts.pcap", &[CtsFlood], Unnamed, AP, "missed"),
    slow(truth("hwsim_inject-deauth-slow.pcap", &[SpoofedDisconnect], As(AP), CLIENT, "missed")),
    truth("hwsim_inject-delba.pcap", &[DelbaSpoof], As(CLIENT), CLIENT, NOT_RUN),
    truth(
        "hwsim_inject-disassoc.pcap",
        &[DisassociationFlood, DisassociationBroadcast],
        As(AP),
        CLIENT,
        "detected",
    ),
    truth("hwsim_inject-eapfail.pcap", &[PrematureEapFailure], As(AP), CLIENT, NOT_RUN),
    truth("hwsim_inject-eapstart.pcap", &[EapolStartFlood], Invented, AP, NOT_RUN),
    truth("hwsim_inject-eapsucc.pcap", &[PrematureEapSuccess], As(AP), CLIENT, NOT_RUN),
    truth("hwsim_inject-fatajack.pcap", &[FataJack], As(CLIENT), CLIENT, NOT_RUN),
    truth("hwsim_inject-longssid.pcap", &[MalformedFrames], Invented, "", "detected"),
    truth("hwsim_inject-nullflood.pcap", &[PowerSaveAttack], As(CLIENT), CLIENT, NOT_RUN),
    truth("hwsim_inject-nullproberesp.pcap", &[NullProbeResponse], Invented, CLIENT, "missed"),
    truth("hwsim_inject-probe.pcap", &[ProbeRequestFlood], Invented, "", NOT_RUN),
    truth("hwsim_inject-pspoll.pcap", &[PsPollFlood], As(CLIENT), AP, "missed"),
    truth("hwsim_inject-pwnbeacon.pcap", &[Tool], Own("de:ad:be:ef:de:ad"), "", NOT_RUN),
    truth("hwsim_inject-reassoc.pcap", &[ReassociationFlood], Invented, AP, NOT_RUN),
    truth("hwsim_inject-rts.pcap", &[RtsFlood], Invented, AP, "missed"),
    truth("hwsim_inject-sae.pcap", &[SaeCommitFlood], Invented, AP, "missed"),
    truth("hwsim_inject-twin.pcap", &[BssidSpoof], As(AP), AP, "detected"),
    // The public ones.
    truth("aircrack_capture_wds-01.cap", &[WirelessBridge], Own("00:11:22:00:00:00"), "", NOT_RUN),
    truth(
        "aircrack_pmkid-not-recognized.cap",
        &[DeauthenticationFlood],
        As("8c:de:f9:d0:b4:61"),
        "60:7e:a4:4c:ee:73",
        NOT_RUN,
    ),
    // What gives the tool away is its nonce under a second network, 45 seconds after the first.
    when_proven(truth(
        "aircrack_test1.pcap",
        &[HandshakeHarvest],
        As("f8:1a:67:e5:05:62"),
        "*",
        NOT_RUN,
    )),
    truth("aircrack_wep.shared.key.cap", &[WepInUse], Own("*"), "", NOT_RUN),
    truth(
        "aircrack_wep_64_ptw.cap.gz",
        &[WepReplay],
        Own("00:0d:54:a1:a0:4c"),
        "00:12:bf:12:32:29",
        NOT_RUN,
    ),
    truth("aircrack_wps2.0.pcap", &[WpsInUse], Own("*"), "", NOT_RUN),
    truth("asleap_joshlea.pcap", &[WeakEap], Own("00:20:a6:4f:01:40"), "*", NOT_RUN),
    truth("asleap_leap.pcap", &[WeakEap], Own("00:0c:30:43:a9:07"), "*", NOT_RUN),
    truth(
        "blackhat17_openbsd-mitm.pcapng",
        &[HandshakeSkipped],
        As("64:70:02:2f:d7:67"),
        "00:0c:f6:22:d2:11",
        "detected, off by default",
    ),
    truth("chenguinhoo_100x0.1fap.pcap", &[BeaconFlood], Invented, "", "missed"),
    truth("chenguinhoo_100x0.5fap1.pcap", &[BeaconFlood], Invented, "", NOT_RUN),
    slow(truth("chenguinhoo_100x1fap.pcap", &[BeaconFlood], Invented, "", NOT_RUN)),
    truth(
        "chenguinhoo_deauth.pcap",
        &[DeauthenticationBroadcast],
        As("a8:02:db:02:e1:84"),
        "",
        "detected",
    ),
    truth(
        "dementedproton_deauth.pcap",
        &[DeauthenticationFlood],
        As("00:14:5c:9a:86:f4"),
        "30:3a:64:e1:76:11",
        NOT_RUN,
    ),
    truth(
        "domienschepers_pmf-deauth-pmkid-tag-length.pcapng",
        &[MalformedKey],
        As(AP),
        CLIENT,
        NOT_RUN,
    ),
    truth(
        "fragattacks_amsdu-inject-fromap.pcapng",
        &[FragAttack],
        As("64:70:02:2f:d7:67"),
        "5a:f7:19:2b:ed:5e",
        "missed",
    ),
    truth(
        "fragattacks_eapol-amsdu_BP-fromap.pcapng",
        &[FragAttack],
        As("64:70:02:2f:d7:67"),
        "5a:f7:19:2b:ed:5e",
        "missed",
    ),
    truth(
        "fragattacks_eapol-inject-fromclient.pcapng",
        &[FragAttack],
        As("64:70:02:2f:d7:67"),
        "bc:ae:c5:88:8c:20",
        "missed",
    ),
    truth(
        "fragattacks_linux-plain-fromap.pcapng",
        &[FragAttack],
        As("64:70:02:2f:d7:67"),
        "8e:c1:77:a3:ea:e7",
        "missed",
    ),
    truth(
        "fragattacks_ping_I_D_E-fromap.pcapng",
        &[FragAttack],
        As("64:70:02:2f:d7:67"),
        "84:f3:eb:18:5c:f0",
        "missed",
    ),
    truth(
        "fragattacks_ping_I_E_R_E-fromclient.pcapng",
        &[FragAttack],
        As("64:70:02:2f:d7:67"),
        "bc:ae:c5:88:8c:20",
        "missed",
    ),
    truth(
        "fragattacks_ping_I_F_BE_AE-fromap.pcapng",
        &[FragAttack],
        As("64:70:02:2f:d7:67"),
        "5a:f7:19:2b:ed:5e",
        "missed",
    ),
    truth(
        "fuuntz_deauth.pcapng",
        &[DeauthenticationFlood],
        As("20:e5:2a:07:12:3d"),
        "74:97:79:64:ff:1d",
        NOT_RUN,
    ),
    truth("heigvd_PMKID_handshake.pcap", &[PmkidExposed], Own("90:4d:4a:dd:4b:94"), "", NOT_RUN),
    times(
        2,
        truth(
            "heigvd_deauth.pcapng",
            &[DeauthenticationFlood],
            As("dc:a5:f4:60:c2:b0"),
            "c0:ee:fb:e2:4f:1f",
            NOT_RUN,
        ),
    ),
    truth(
        "heigvd_ex_1_2_fakechannel.pcapng",
        &[BssidSpoof],
        As("50:6f:0c:ec:2f:b9"),
        "50:6f:0c:ec:2f:b9",
        "missed",
    ),
    truth(
        "krack_example-ft.pcapng",
        &[KeyReinstallation],
        As("c4:e9:84:1d:a5:bc"),
        "00:c0:ca:75:d3:27",
        "missed",
    ),
    truth("krack_example-tptk-attack.pcapng", &[KeyReinstallation], As(AP), CLIENT, "missed"),
    truth(
        "pyrit_wpapsk-virgin_broadband.pcap",
        &[DeauthenticationBroadcast],
        As("00:22:3f:1b:2e:e6"),
        "",
        NOT_RUN,
    ),
    truth(
        "sahithyandev_capture-01.cap",
        &[DeauthenticationFlood],
        As("a6:8e:dc:82:eb:7b"),
        "24:eb:16:56:e1:cc",
        NOT_RUN,
    ),
    truth(
        "wifite2_handshake_exists.cap",
        &[DeauthenticationBroadcast],
        As("30:85:a9:39:d2:18"),
        "",
        "detected",
    ),
];

/// Captures of which something is not told as the manifest says, and why.
pub(crate) const GAPS: &[(&str, &str)] = &[(
    "heigvd_deauth.pcapng",
    "one burst of 128 sequence numbers in 0.65 s, each captured twice (as it was sent and as it was heard): \
     one attack by any rule",
)];
