//! What can be seen, what it means, and what to do about it.
//!
//! One row makes a [`Kind`], its name for people, its severity, and its article. The names are those of
//! the field: Cisco's adaptive wIPS where it has one, else those of the standard or of the finder.

use serde::{Deserialize, Serialize};

/// How much an incident matters, with the words of the appliance.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nobody is attacked.
    #[default]
    Informational,
    /// Somebody tries something that harms little or does not work.
    Minor,
    /// Service is denied, or an attack prepares.
    Major,
    /// Somebody gets in, or gets between.
    Critical,
}

impl Severity {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

/// Whom or what an attack is after: the first level of the encyclopaedia.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Denial of service against an access point.
    AccessPoint,
    /// Denial of service against the medium or the infrastructure.
    Medium,
    /// Denial of service against stations.
    Station,
    /// Somebody pretends to be somebody else.
    Impersonation,
    /// Somebody gets at keys or data.
    Penetration,
    /// Something is not as the owner wants it; no attack.
    Policy,
}

/// The article on a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Article {
    /// Its name.
    pub name: &'static str,
    /// Whom it is after.
    pub class: Class,
    /// How much it matters by itself.
    pub severity: Severity,
    /// What it is and how it is known.
    pub about: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

macro_rules! kinds {
    ($($kind:ident, $class:ident, $severity:ident, $name:literal, $about:literal, $remedy:literal;)*) => {
        /// What was seen.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $(#[doc = $about] $kind,)*
        }

        impl Kind {
            /// Every kind, in the order of the encyclopaedia.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// Its article.
            pub const fn article(self) -> &'static Article {
                match self {
                    $(Self::$kind => &Article {
                        name: $name,
                        class: Class::$class,
                        severity: Severity::$severity,
                        about: $about,
                        remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

kinds! {
    AuthenticationFlood, AccessPoint, Major, "Authentication flood",
        "Many stations, most of them invented, authenticate with an access point and never associate, until its table of stations is full.",
        "Find the transmitter by its signal. Limit authentications in the access point; WPA3 answers with anti-clogging tokens.";
    AssociationFlood, AccessPoint, Major, "Association flood",
        "Invented stations ask an access point to associate faster than real ones would.",
        "Find the transmitter by its signal. Require protected management frames (802.11w).";
    ReassociationFlood, AccessPoint, Major, "Reassociation flood",
        "Invented stations ask an access point to reassociate faster than real ones roam.",
        "Find the transmitter by its signal. Require protected management frames (802.11w).";
    UnauthenticatedAssociation, AccessPoint, Minor, "Unauthenticated association",
        "Stations that never authenticated associate or send data, and the access point turns each of them away.",
        "The deauthentications of the access point are its answer, not the attack. Find who sends.";
    AuthenticationFailureFlood, AccessPoint, Minor, "Authentication failures",
        "An access point refuses one authentication after the other.",
        "See whether one station has a wrong password, or many guess.";
    EapolStartFlood, AccessPoint, Major, "EAPOL-Start flood",
        "EAPOL-Start frames keep an access point beginning 802.1X exchanges that nobody finishes.",
        "Limit EAPOL-Start in the access point. Find the transmitter by its signal.";
    PsPollFlood, AccessPoint, Major, "PS-Poll flood",
        "Somebody polls for the buffered frames of a sleeping station, which loses them.",
        "Find the transmitter: its signal is not that of the station.";
    ProbeRequestFlood, AccessPoint, Minor, "Probe request flood",
        "One radio sends probe requests from many invented addresses, and every access point in reach answers.",
        "Limit probe responses. Crowds of telephones look alike, but not with one signal strength.";
    SsidBruteForce, AccessPoint, Minor, "Brute force of a hidden SSID",
        "One radio probes for one SSID after the other, to find the name of a hidden network.",
        "Do not rely on hiding a name. Find the transmitter by its signal.";
    SaeCommitFlood, AccessPoint, Major, "SAE commit flood",
        "Commits from many invented stations make an access point compute elliptic curves for each of them.",
        "Lower the threshold of anti-clogging tokens. Find the transmitter by its signal.";
    AddbaSpoof, AccessPoint, Major, "Block acknowledgement: ADDBA",
        "Somebody requests block acknowledgement in the name of a station with a window far ahead, and its data is dropped.",
        "Require protected management frames (802.11w), which cover these actions.";
    DelbaSpoof, AccessPoint, Major, "Block acknowledgement: DELBA",
        "Somebody ends the block acknowledgement of a station again and again.",
        "Require protected management frames (802.11w), which cover these actions.";
    BlockAckRequestSpoof, AccessPoint, Major, "Block acknowledgement: request",
        "Somebody moves the window of a receiver far ahead by a request in the name of the sender, and its data is dropped.",
        "Nothing in the protocol stops it; find the transmitter by its signal.";
    MalformedFrames, AccessPoint, Major, "Malformed frames",
        "Frames whose elements contradict their lengths or the standard: somebody fuzzes drivers.",
        "Keep firmware and drivers up to date. Find the transmitter by its signal.";
    RtsFlood, Medium, Major, "RTS flood",
        "Requests to send reserve the channel, and nothing is sent.",
        "Find the transmitter by its signal; nothing in the protocol stops it.";
    CtsFlood, Medium, Major, "CTS flood",
        "Clear-to-send frames that answer nobody reserve the channel.",
        "Find the transmitter by its signal; nothing in the protocol stops it.";
    VirtualCarrier, Medium, Major, "Virtual carrier attack",
        "Frames claim the channel for longer than the standard lets any exchange last.",
        "Find the transmitter by its signal. Some access points ignore claims beyond a TXOP.";
    BeaconFlood, Medium, Major, "Fake access points",
        "Beacons of access points that do not exist hide the real ones and fill the lists of stations.",
        "Find the transmitter by its signal. Let managed stations join known networks only.";
    ChannelSwitchSpoof, Medium, Major, "Channel switch spoofed",
        "An announcement of a channel switch in the name of an access point that stays: stations leave for an empty channel.",
        "Require protected beacons where the equipment has them. Find the transmitter by its signal.";
    QuietSpoof, Medium, Major, "Quiet element spoofed",
        "Somebody silences the stations of an access point with quiet periods that it did not announce.",
        "Require protected beacons where the equipment has them. Find the transmitter by its signal.";
    DeauthenticationFlood, Station, Major, "Deauthentication flood",
        "Deauthentications in the name of an access point or a station keep them apart.",
        "Require protected management frames (802.11w), which make stations ignore them.";
    DeauthenticationBroadcast, Station, Major, "Deauthentication broadcast",
        "Deauthentications to everybody in the name of an access point that stays on the air.",
        "Require protected management frames (802.11w), which make stations ignore them.";
    DisassociationFlood, Station, Major, "Disassociation flood",
        "Disassociations in the name of an access point or a station keep them apart.",
        "Require protected management frames (802.11w), which make stations ignore them.";
    DisassociationBroadcast, Station, Major, "Disassociation broadcast",
        "Disassociations to everybody in the name of an access point that stays on the air.",
        "Require protected management frames (802.11w), which make stations ignore them.";
    SpoofedDisconnect, Station, Major, "Low-rate disconnection",
        "Few disconnections, each of which throws a station off: too slow for a rate, but not sent by whom they name.",
        "Require protected management frames (802.11w), which make stations ignore them.";
    EapolLogoff, Station, Major, "EAPOL-Logoff",
        "Somebody logs a station off in its name.",
        "Let the access point ignore EAPOL-Logoff. Find the transmitter by its signal.";
    PrematureEapSuccess, Station, Major, "Premature EAP success",
        "An EAP success that ends no exchange: a station may stop before it has checked the network.",
        "Keep supplicants up to date. Find the transmitter by its signal.";
    PrematureEapFailure, Station, Major, "Premature EAP failure",
        "An EAP failure that ends no exchange: a station gives up a connection that is good.",
        "Keep supplicants up to date. Find the transmitter by its signal.";
    AuthenticationFailureSpoof, Station, Major, "Authentication failure spoofed",
        "A station that is connected is told that its authentication failed.",
        "Require protected management frames (802.11w). Find the transmitter by its signal.";
    FataJack, Station, Major, "FATA-Jack",
        "Authentication frames of an impossible algorithm in the name of a station make the access point drop it.",
        "Require protected management frames (802.11w). Find the transmitter by its signal.";
    ProbeResponseFlood, Station, Major, "Probe response flood",
        "Answers to probe requests that nobody sent bury the real ones.",
        "Find the transmitter by its signal.";
    NullProbeResponse, Station, Major, "Probe response without SSID",
        "Probe responses with an empty SSID, which stop the drivers of some stations.",
        "Keep drivers up to date. Find the transmitter by its signal.";
    PowerSaveAttack, Station, Major, "Power-save attack",
        "Somebody tells the access point that a station sleeps, and its frames wait.",
        "Find the transmitter: its signal is not that of the station.";
    MichaelAttack, Station, Major, "TKIP replay or Michael attack",
        "Replayed TKIP frames provoke failures of the message check, and an access point closes for a minute after two.",
        "Turn TKIP off.";
    MichaelFailure, Station, Major, "Michael failures",
        "A station reports frames whose TKIP check failed; after two in a minute the access point closes for another.",
        "Turn TKIP off.";
    EvilTwin, Impersonation, Critical, "Evil twin",
        "Another access point offers the SSID of a protected network with less protection.",
        "Find it by its signal and remove it. Let managed stations check certificates, and never join open networks of that name.";
    BssidSpoof, Impersonation, Critical, "BSSID spoofed",
        "Two radios send beacons of one BSSID: the position of a man in the middle, as attacks on keys and fragments need it.",
        "Find the second radio by its signal. Require operating channel validation and protected beacons.";
    Karma, Impersonation, Critical, "Karma access point",
        "An access point answers to any network that a station asks for.",
        "Find it by its signal and remove it. Let managed stations forget open networks.";
    AdHocImpersonation, Impersonation, Major, "Ad-hoc network with the SSID of another",
        "Stations without an access point use the name of an infrastructure network.",
        "Find the stations. Forbid ad-hoc networks in their configuration.";
    LookAlikeSsid, Impersonation, Minor, "SSID that looks like a managed one",
        "An access point has a name that people read as one of the owner's: another letter of the same shape, or one letter more or less.",
        "Find it by its signal. Approve the name if it is harmless.";
    CanarySsid, Impersonation, Minor, "Canary asked for",
        "A device asks for a network that does not exist and that only the owner's papers name.",
        "Find out who read them. An access point that answers is told as karma.";
    MacSpoof, Impersonation, Minor, "MAC address spoofed",
        "Two radios use the address of one station: its data comes from two places with numbers of two counters.",
        "Look at the recorded frames before acting. Where addresses alone let stations in, let keys do it.";
    Misassociation, Impersonation, Minor, "Managed station elsewhere",
        "A managed station joins a network that is not managed.",
        "Restrict the networks of managed stations.";
    WpsBruteForce, Penetration, Critical, "WPS PIN brute force",
        "One station after the other, or the same again and again, begins WPS with a PIN that is refused.",
        "Turn WPS off.";
    HandshakeHarvest, Penetration, Minor, "Handshakes collected",
        "Stations are made to begin 4-way handshakes that nobody finishes, to guess the password later.",
        "Use long passwords, or WPA3, against which guessing later does not help.";
    PmkidHarvest, Penetration, Minor, "PMKIDs collected",
        "Somebody associates with access points for the first message of the handshake alone, to guess the password later.",
        "Use long passwords, or WPA3, against which guessing later does not help.";
    KeyReinstallation, Penetration, Critical, "Key reinstallation (KRACK)",
        "A message of a handshake is repeated, and packet numbers begin again under the same key.",
        "Update stations and access points (CVE-2017-13077 to 13088).";
    HandshakeSkipped, Penetration, Critical, "Handshake skipped",
        "A key message without the messages that must come before it: the station never learnt whom it speaks to.",
        "Update stations and access points. Find the second radio by its signal.";
    MalformedKey, Penetration, Major, "Malformed key message",
        "An EAPOL-Key message whose key data contradicts its lengths: stations leave, even with protected management frames.",
        "Keep supplicants up to date. Find the transmitter by its signal.";
    FragAttack, Penetration, Critical, "Fragmentation and aggregation attack (FragAttacks)",
        "Fragments or aggregated frames that no honest station sends: data is put into a protected network.",
        "Update stations and access points (CVE-2020-24586 to 24588, 26139 to 26147).";
    InjectedData, Penetration, Critical, "Injected data (AirPwn)",
        "A station of an open network gets two answers to one question: somebody was quicker than the right one.",
        "Encrypt the network (OWE or WPA3). Find the transmitter by its signal.";
    FakeDhcpServer, Penetration, Major, "Fake DHCP server",
        "A station of an open network gives out internet addresses, and with them itself as the way out.",
        "Find the station. Let access points refuse such packets of stations.";
    ArpPoisoning, Penetration, Major, "ARP poisoning",
        "A station of an open network claims the internet address of another one again and again.",
        "Find the station. Keep stations of open networks apart from each other.";
    WepReplay, Penetration, Critical, "WEP replay",
        "One encrypted frame is sent again and again to make traffic, from which the WEP key is computed.",
        "Replace WEP.";
    WepCracking, Penetration, Critical, "WEP decryption by trial",
        "Frames that grow or shrink by a byte, or many short fragments, decrypt WEP traffic without its key.",
        "Replace WEP.";
    WeakEap, Policy, Minor, "Weak EAP method",
        "An EAP method whose password can be guessed from a recording, such as LEAP.",
        "Use a method with certificates.";
    EapBruteForce, Penetration, Major, "EAP brute force",
        "One EAP exchange after the other fails.",
        "See whether one station has a wrong password, or somebody guesses. Lock accounts after some failures.";
    Tool, Penetration, Major, "Attack tool",
        "Frames that only a known tool makes.",
        "Find the transmitter by its signal.";
    SsidAnomaly, Penetration, Minor, "SSID made to harm",
        "An SSID with a format string, a script or control characters, meant for whoever displays it.",
        "Keep management software up to date.";
    AdHoc, Policy, Informational, "Ad-hoc network",
        "Stations speak without an access point.",
        "Forbid ad-hoc networks in the configuration of managed stations.";
    WirelessBridge, Policy, Informational, "Wireless bridge",
        "Two radios relay frames of others by four addresses.",
        "See whether it is known; a bridge carries traffic past the access points.";
    SoftAccessPoint, Policy, Minor, "Station became an access point",
        "The address of a station sends beacons.",
        "Forbid connection sharing in the configuration of managed stations.";
    WifiDirect, Policy, Informational, "Wi-Fi Direct",
        "A device, most often a printer or a television, is an access point for its neighbours.",
        "Turn it off where devices hang on the owner's wire as well.";
    AfterHours, Policy, Informational, "Traffic after hours",
        "A network is used outside the hours of the profile.",
        "See who stays that late.";
    RogueAccessPoint, Policy, Minor, "Unknown access point with a managed SSID",
        "A managed SSID on a BSSID that is not of the trusted infrastructure.",
        "Add it to the trusted infrastructure, or find it and remove it.";
    RepeatedAuthenticationFailure, Policy, Informational, "Wrong password",
        "A station begins the 4-way handshake again and again, and the access point refuses it.",
        "Correct the password of the station.";
    PmkidExposed, Policy, Informational, "PMKID exposed",
        "An access point with a password sends a PMKID in the first message of the handshake, from which the password can be guessed without a client.",
        "Turn PMKIDs off where nobody roams, or use WPA3.";
    RepeatedKeyMessage, Policy, Informational, "Repeated key message",
        "A message of the 4-way handshake was repeated, as radio losses or the beginning of KRACK do.",
        "Nothing, unless packet numbers begin again.";
    OpenNetwork, Policy, Informational, "Open network",
        "A network without encryption.",
        "Use WPA3, or OWE where guests need no password.";
    WepInUse, Policy, Informational, "WEP in use",
        "A network or a station uses WEP, which is broken in minutes.",
        "Replace WEP.";
    TkipInUse, Policy, Informational, "TKIP in use",
        "A network uses TKIP, which lets others put frames in.",
        "Use CCMP or GCMP only.";
    UnprotectedManagement, Policy, Informational, "Management frames not protected",
        "A network does not offer protected management frames (802.11w).",
        "Require protected management frames.";
    WpsInUse, Policy, Informational, "WPS in use",
        "A network offers WPS, whose PIN can be guessed.",
        "Turn WPS off.";
    GroupKeyReinstallation, Penetration, Critical, "Group key reinstallation (KRACK)",
        "Encrypted frames of an access point to everybody are sent again by somebody else: stations that were made to install the group key again take them as new.",
        "Update stations (CVE-2017-13078, 13080, 13087). Find the transmitter by its signal.";
    ForgedData, Penetration, Major, "Data in the name of an access point (WiFiTap)",
        "Somebody sends data to a station of an open network in the name of the access point, past its filters: the signal and the numbers are not those of the access point.",
        "Encrypt the network (OWE or WPA3). Find the transmitter by its signal.";
    DhcpStarvation, Penetration, Major, "DHCP starvation",
        "One station of an open network asks for internet addresses in the name of many devices, until none is left for others.",
        "Find the station. Let access points refuse requests whose device is not the sender (DHCP snooping).";
    DnsTunnel, Penetration, Minor, "Tunnel through DNS",
        "A station of an open network asks for long names, each only once, or gets long texts for answers: data goes round the login page, or out of the building.",
        "Let stations ask only the name server of the network, and limit how often.";
    IcmpTunnel, Penetration, Minor, "Tunnel through ICMP",
        "Echoes of a station of an open network carry other bytes each time, which no ping does: data goes round the login page, or out of the building.",
        "Stop echo requests of stations that have not logged in.";
    Omerta, Station, Major, "Omerta",
        "Whatever a station sends, a disassociation with reason 1 follows at once: the tool Omerta, or one like it.",
        "Require protected management frames (802.11w), which make stations ignore them.";
    MalformedEapTls, AccessPoint, Major, "Malformed EAP-TLS",
        "Packets of EAP-TLS, PEAP, TTLS or FAST whose flags and lengths contradict each other: some access points and servers stop at them.",
        "Keep access points and RADIUS servers up to date. Find who sends.";
    NoiseRaised, Medium, Minor, "Noise raised (jamming)",
        "The noise that a sensor reports on a channel rose by far and stays: a jammer, or another device that sends without 802.11.",
        "Look at the channel with a spectrum analyser, and go where the noise is strongest.";
    ClientToClient, Policy, Minor, "Station to station (PSPF)",
        "An access point passes on what one of its stations sends to another one, in a network that the profile lists as isolated.",
        "Turn on the isolation of clients (PSPF, P2P blocking) in the access point.";
    VendorNotListed, Policy, Minor, "Vendor not listed",
        "An access point with a managed name, or a station of a managed network, has an address of a vendor that the profile does not list.",
        "Add the vendor to the list, or find the device.";
    CountryNotListed, Policy, Minor, "Country not listed",
        "A managed network follows the radio rules of a country that the profile does not list.",
        "Correct the country of the access point.";
    ChannelNotListed, Policy, Minor, "Channel not listed",
        "A managed network is on a channel that the profile does not list.",
        "Correct the channel of the access point, or the list.";
    ForbiddenSsid, Policy, Minor, "Forbidden word in an SSID",
        "The name of a network contains a word that the profile forbids.",
        "Find the access point by its signal, and whoever named it so.";
    ExcessiveRoaming, Policy, Informational, "Excessive roaming",
        "A station moves from access point to access point again and again.",
        "Correct the powers of the access points, or update the driver of the station. See whether somebody throws it off.";
    Mesh, Policy, Informational, "Mesh network",
        "Stations relay frames for each other (802.11s).",
        "See whether it is known; a mesh carries traffic past the access points.";
    UnencryptedData, Policy, Informational, "Unencrypted data",
        "Data in clear in a network that encrypts, or of a managed station in a network that does not.",
        "See whether the station or the access point is set wrong; managed stations must not use open networks.";
    UnprotectedStation, Policy, Informational, "Station without protected management frames",
        "A station joined a network that offers protected management frames (802.11w), and did not take them.",
        "Update the station. Require protected management frames when the last one can.";
    WeakWepIv, Policy, Informational, "Weak WEP initialisation vectors",
        "A device sends WEP frames with the initialisation vectors that betray the key soonest (Fluhrer, Mantin and Shamir).",
        "Replace WEP.";
}

impl Kind {
    /// Whether stations are thrown off by it.
    pub(crate) fn is_disconnection(self) -> bool {
        matches!(
            self,
            Self::DeauthenticationFlood
                | Self::DeauthenticationBroadcast
                | Self::DisassociationFlood
                | Self::DisassociationBroadcast
                | Self::SpoofedDisconnect
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_article_in_whole_sentences() {
        for kind in Kind::ALL {
            let Article { name, about, remedy, .. } = kind.article();
            assert!(!name.is_empty(), "{kind:?}");
            assert!(about.ends_with('.') && remedy.ends_with('.'), "{kind:?}");
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|it| it.article().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn attacks_are_at_least_minor() {
        for kind in Kind::ALL {
            let article = kind.article();
            if article.class != Class::Policy {
                assert!(article.severity >= Severity::Minor, "{kind:?}");
            }
        }
    }
}
