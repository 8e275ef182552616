//! Transcripts: what a person at a console sees, and what follows from it.

use std::collections::VecDeque;
use std::net::IpAddr;

use model::pair::Seat;

use super::answers::Operator;
use super::machine::MachineInterface;
use super::wizard::Step;
use super::*;

/// The documents' machine before its set-up.
fn machine() -> Machine {
    let interface = |name: &str, network: Option<&str>| MachineInterface {
        name: name.to_owned(),
        network: network.map(|it| it.parse().unwrap()),
    };
    Machine {
        host_name: Some("mse".to_owned()),
        interfaces: vec![interface("eth0", Some("1.1.1.10/24")), interface("eth1", None)],
        gateway: Some(IpAddr::from([1, 1, 1, 1])),
        time_zone: Some("America/New_York".to_owned()),
        zones: ["Europe/Andorra", "Europe/Brussels", "Pacific/Apia"].map(str::to_owned).to_vec(),
        ..Machine::default()
    }
}

fn base() -> Base {
    Base::new(None, "/var/lib/mse".as_ref(), vec!["mse".to_owned(), "engine".to_owned()])
}

fn wizard() -> Wizard {
    Wizard::new(machine(), Answers::default(), base())
}

/// Answers line by line; `;` stands between them. Returns the transcript and what came out.
fn talk_with(wizard: Wizard, lines: &str) -> (String, Result<Option<Answers>, String>) {
    let mut lines: VecDeque<String> = lines.split(';').map(|it| it.trim().to_owned()).collect();
    let mut out = Vec::new();
    let mut read = |_| Ok(lines.pop_front().map(|line| format!("{line}\n")));
    let outcome = converse(&mut out, &mut read, wizard).map_err(|failure| format!("{failure:?}"));
    assert!(lines.is_empty(), "never asked for: {lines:?}\n{}", String::from_utf8_lossy(&out));
    (String::from_utf8(out).unwrap(), outcome)
}

fn talk(lines: &str) -> (String, Result<Option<Answers>, String>) {
    talk_with(wizard(), lines)
}

/// Steps 2 to 10 of the guide, with the operator that it presumes.
const PRIMARY: &str = "yes;;mse1;s;;1;eth0;none;10.10.10.11;255.255.255.0;no;;10.10.10.12;;\
                       10.10.10.1;s;s;;11;;yes;10.10.10.10;;;a good password;a good password;yes";
/// Steps 1 to 6 of the guide's secondary.
const SECONDARY: &str = ";yes;mse2;s;;2;;;;10.10.10.13;;10.10.10.1;s;s;;11;;yes;10.10.10.10;\
                         s;yes";

#[test]
fn the_documents_primary() {
    let (transcript, outcome) = talk(PRIMARY);
    crate::golden::check("setup/primary.txt", &transcript);
    let answers = outcome.unwrap().unwrap();
    let operator = answers.operator.clone().unwrap();
    assert_eq!(operator.password.as_deref(), Some("a good password"));
    assert!(!transcript.contains("a good password"));
    let machine = machine();
    let config = Known { answers: &answers, machine: &machine }.config(&base()).unwrap();
    crate::golden::check("setup/primary.toml", &toml::to_string(&config).unwrap());
}

#[test]
fn the_documents_secondary() {
    let (transcript, outcome) = talk(SECONDARY);
    crate::golden::check("setup/secondary.txt", &transcript);
    let answers = outcome.unwrap().unwrap();
    assert_eq!((answers.role, answers.virtual_address), (Seat::Secondary, None));
    assert_eq!(answers.operator, None, "skipped");
}

#[test]
fn the_documents_direct_connect() {
    let (transcript, outcome) = talk(
        ";;mse3355-1;s;;1;;eth1;10.10.10.14;255.255.255.0;no;;10.10.10.15;;10.10.10.1;\
         ;1.1.1.1;255.0.0.0;s;s;s;s;yes",
    );
    crate::golden::check("setup/direct-connect.txt", &transcript);
    let machine = machine();
    let answers = outcome.unwrap().unwrap();
    let config = Known { answers: &answers, machine: &machine }.config(&base()).unwrap();
    let direct = config.health_monitor.direct_connect.unwrap();
    assert_eq!(
        (direct.interface.as_str(), direct.address.to_string().as_str()),
        ("eth1", "1.1.1.1")
    );
}

#[test]
fn a_secondary_may_have_a_direct_connect_too() {
    let (transcript, outcome) =
        talk(";;mse3355-2;s;;2;;eth1;;10.10.10.16;;10.10.10.1;;1.1.1.2;255.0.0.0;s;s;s;s;yes");
    assert!(outcome.is_ok(), "{outcome:?}");
    let summary = "Role=2, Health Monitor Interface=eth0, Direct connect interface=eth1\n\n\
                   Eth0 IP address=10.10.10.16, Eth0 network mask=255.255.255.0\n\
                   Default gateway=10.10.10.1\n\
                   Eth1 IP address=1.1.1.2, Eth1 network mask=255.0.0.0\n";
    assert!(transcript.contains(summary), "{transcript}");
}

/// Walks to a step and checks what the next line leads to.
fn check(lines: &str, expected: Step) {
    let mut wizard = wizard();
    for line in lines.split(';') {
        let reply = wizard.answer(line);
        assert_eq!(reply, Reply::Next, "'{line}' of {lines}");
    }
    assert_eq!(wizard.step, expected, "{lines}");
}

#[test]
fn the_caret_goes_back_one_question() {
    check(";;mse1;^", Step::HostName);
    check(";;mse1;^;^", Step::ConfigureHostName);
    check(";s;s;;2;;;;^", Step::ConfigureInterface(0));
    check(";s;s;;2;;;;^;^", Step::DirectInterface);
    check(";s;s;;2;;;;^;^;^;^;1;eth0;none", Step::VirtualAddress);
    // The last line of the menu is the same.
    check(";s;s;;2;;;s;s;s;;12", Step::ConfigureTimeZone);
    check(";s;s;;2;;;s;s;s;;8;3", Step::Continent);
    let mut wizard = wizard();
    assert!(matches!(wizard.answer("^"), Reply::Refused(why) if why.contains("first question")));
    for line in ["", "", "mse1", "^"] {
        wizard.answer(line);
    }
    let prompt = wizard.question().prompt;
    assert_eq!(prompt, "Enter a host name [mse1]:", "what was answered is the default");
}

#[test]
fn skip_leaves_a_value_and_default_leaves_it_to_the_machine() {
    let before = Answers {
        host_name: Some("mse7".to_owned()),
        domain: Some("example.org".to_owned()),
        role: Seat::Secondary,
        time_zone: Some("Europe/Brussels".to_owned()),
        ntp_servers: Some(vec!["ntp.example.org".to_owned()]),
        dns_servers: Some(vec![]),
        ..Answers::default()
    };
    let again = |lines| talk_with(Wizard::new(machine(), before.clone(), base()), lines);
    let (transcript, outcome) = again(";s;S;skip;s;n;s;s;No;s;yes");
    assert_eq!(outcome.unwrap().unwrap(), before);
    for current in [
        "Current hostname=[mse7]",
        "Current domain=[example.org]",
        "Current role=[Secondary]",
        "DNS is currently disabled.",
        "Current timezone=[Europe/Brussels]",
        "NTP is currently enabled.",
    ] {
        assert!(transcript.contains(current), "{current}: {transcript}");
    }
    assert!(!transcript.contains("Configuration Changed"), "{transcript}");
    let (transcript, outcome) = again(
        ";u;U;u;10.10.10.11;24;no;;10.10.10.12;24;10.10.10.1;use default;default;u;u;u;s;yes",
    );
    let answers = outcome.unwrap().unwrap();
    assert_eq!((answers.host_name, answers.domain), (None, None));
    assert_eq!((answers.dns_servers, answers.ntp_servers), (None, None));
    assert_eq!((answers.role, answers.time_zone.as_deref()), (Seat::Primary, Some("UTC")));
    assert!(transcript.contains("Configuration Changed\nIs the above"), "{transcript}");
    assert!(transcript.contains("There is no default password"), "{transcript}");
}

/// The answer after `lines` is refused with these words, and asked again.
fn check_refused(lines: &str, line: &str, words: &str) {
    let mut wizard = wizard();
    for line in lines.split(';') {
        assert_eq!(wizard.answer(line), Reply::Next, "'{line}' of {lines}");
    }
    match wizard.answer(line) {
        Reply::Refused(why) => assert!(why.contains(words), "'{line}': {why}"),
        other => panic!("'{line}' after {lines}: {other:?}"),
    }
}

#[test]
fn wrong_answers_are_explained() {
    check_refused("", "maybe", "none of yes, skip, use default and ^");
    for name in ["1mse", "mse-", "mse_1", "-", "", "a.b", &"a".repeat(64)].map(str::to_owned) {
        let mut wizard = wizard();
        wizard.machine.host_name = Some(String::new());
        for line in ["", ""] {
            wizard.answer(line);
        }
        assert!(matches!(wizard.answer(&name), Reply::Refused(_)), "{name}");
    }
    check_refused(";s;y", "not a domain", "such as example.org");
    check_refused(";s;s", "s", "A primary needs a virtual IP address");
    check_refused(";s;s;", "3", "1 is for Primary, 2 for Secondary");
    check_refused(";s;s;;1", "eth7", "there is no interface eth7; there is eth0, eth1");
    check_refused(";s;s;;1;eth0", "eth0", "an interface of its own");
    check_refused(";s;s;;1;eth0;none", "10.10.10", "not an IP address");
    check_refused(";s;s;;1;eth0;none", "224.0.0.1", "not the address of one machine");
    check_refused(";s;s;;1;eth0;none;10.10.10.11", "", "1.1.1.1 is not a network mask");
    check_refused(";s;s;;1;eth0;none;10.10.10.11;24", "", "none of yes, no and ^");
    let primary = ";s;s;;1;eth0;none;10.10.10.11;24;no";
    // The machine's own address does not fit, so it cannot be left.
    check_refused(primary, "s", "are not in the same network; layer 3 redundancy");
    let address = format!("{primary};;10.10.10.11");
    check_refused(&address, "24", "is the health monitor's own");
    let address = format!("{primary};;10.10.11.12");
    check_refused(&address, "24", "are not in the same network; layer 3 redundancy");
    let gateway = format!("{primary};;10.10.10.12;24");
    check_refused(&gateway, "1.1.1.1", "1.1.1.1 is not in the network of eth0, 10.10.10.12/24");
    let direct = ";s;s;;2;eth0;eth1;;10.10.10.12;24;10.10.10.1";
    check_refused(direct, "s", "eth1 is the direct connect interface and needs an IP address");
    check_refused(&format!("{direct};;10.10.10.15"), "24", "the cable needs a network of its own");
    let dns = ";s;s;;2;;;s;s";
    check_refused(&format!("{dns};;"), "", "Write the IP address of a DNS server");
    check_refused(&format!("{dns};s;"), "13", "write a number from 1 to 12");
    check_refused(&format!("{dns};s;;8"), "4", "write a number from 1 to 3");
    check_refused(&format!("{dns};s;;1"), "nonsense", "'nonsense' is no time zone");
    let ntp = format!("{dns};s;s");
    check_refused(&format!("{ntp};;yes"), "", "Write the name or address of an NTP server");
    check_refused(&format!("{ntp};;yes"), "a_b", "no name or address of a server");
    let operator = format!("{ntp};s");
    check_refused(&format!("{operator};"), "a b", "is no user name");
    check_refused(&format!("{operator};;admin"), "short", "8 to 256 bytes");
    check_refused(&format!("{operator};;admin;long enough"), "long enougf", "differ");
}

#[test]
fn a_wrong_mask_of_the_monitor_asks_for_the_address_again() {
    let (transcript, outcome) =
        talk(";s;s;;1;;;10.10.10.11;24;no;;10.10.10.11;24;10.10.10.12;24;10.10.10.1;s;s;s;s;s;yes");
    let answers = outcome.unwrap().unwrap();
    assert_eq!(answers.interface("eth0").unwrap().to_string(), "10.10.10.12/24");
    assert!(transcript.contains("is the health monitor's own"), "{transcript}");
}

#[test]
fn more_changes_begin_anew_with_every_answer_as_default() {
    let again = format!("{};no;;mse3;s;s;s;s;s;s;s;s;yes", &SECONDARY[..SECONDARY.len() - 4]);
    let (transcript, outcome) = talk(&again);
    let answers = outcome.unwrap().unwrap();
    assert_eq!((answers.host_name.as_deref(), answers.role), (Some("mse3"), Seat::Secondary));
    assert!(transcript.contains("Enter a host name [mse2]:"), "{transcript}");
}

#[test]
fn a_zone_is_chosen_by_number_or_by_name() {
    let zone = |line: &str| {
        let lines = format!(";s;s;;2;;;s;s;s;;8;{line};s;s;yes");
        talk(&lines).1.unwrap().unwrap().time_zone
    };
    assert_eq!(zone("2").as_deref(), Some("Europe/Brussels"));
    assert_eq!(zone("Europe/Andorra").as_deref(), Some("Europe/Andorra"));
    // Without a list a name is asked for.
    let machine = Machine { zones: Vec::new(), ..machine() };
    let wizard = Wizard::new(machine, Answers::default(), base());
    let (transcript, outcome) = talk_with(wizard, ";s;s;;2;;;s;s;s;;1;Africa/Accra;s;s;yes");
    assert_eq!(outcome.unwrap().unwrap().time_zone.as_deref(), Some("Africa/Accra"));
    assert!(transcript.contains("time zone of Africa, such as Africa/City"), "{transcript}");
}

#[test]
fn an_end_of_the_answers_aborts() {
    let mut ended = 0;
    let lines: Vec<&str> = PRIMARY.split(';').collect();
    for count in 1..lines.len() {
        let (_, outcome) = talk(&lines[..count].join(";"));
        assert!(outcome.unwrap_err().contains("nothing was written"));
        ended += 1;
    }
    assert_eq!(ended, 26);
}

#[test]
fn no_wizard_is_an_answer() {
    assert_eq!(talk("no").1, Ok(None));
}

#[test]
fn real_interfaces_take_the_place_of_the_documents() {
    let named = |name: &str| MachineInterface { name: name.to_owned(), network: None };
    let machine =
        Machine { interfaces: vec![named("eno1"), named("enp3s0"), named("enp4s0")], ..machine() };
    let wizard = Wizard::new(machine, Answers::default(), base());
    let (transcript, outcome) = talk_with(
        wizard,
        ";s;s;;2;eno1;enp4s0;;10.10.10.13;24;10.10.10.1;s;;1.1.1.2;8;s;s;s;s;yes",
    );
    assert!(outcome.is_ok(), "{outcome:?}\n{transcript}");
    for line in [
        "Select Health Monitor Interface [eno1/enp3s0/enp4s0] [eno1]:",
        "Select direct connect interface [eno1/enp3s0/enp4s0/none] [none]:",
        "Enter an IP address for third ethernet interface of this machine.",
        "Eno1 IP address=10.10.10.13, Eno1 network mask=255.255.255.0",
        "Enp4s0 IP address=1.1.1.2, Enp4s0 network mask=255.0.0.0",
    ] {
        assert!(transcript.contains(line), "{line}: {transcript}");
    }
}

/// The walk above may not go on for ever: every walk with `Enter` alone ends at the last question,
/// or at one that has no default.
#[test]
fn defaults_lead_to_a_question_without_one() {
    let mut wizard = wizard();
    for _ in 0..100 {
        if matches!(wizard.answer(""), Reply::Refused(_)) {
            break;
        }
    }
    assert_eq!(wizard.step, Step::VirtualMask);
}

#[test]
fn an_answers_file_is_checked_as_the_answers_are() {
    let check = |text: &str, expected: &str| {
        let answers: Answers = node::config::parse(text).unwrap();
        let machine = machine();
        let error = Known { answers: &answers, machine: &machine }.config(&base()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    let eth0 = "[[interface]]\nname = \"eth0\"\naddress = \"10.10.10.12/24\"\n";
    check("", "a primary needs [virtual_address]");
    check(&format!("virtual_address = \"10.10.10.12/24\"\n{eth0}"), "health monitor's own");
    check(&format!("virtual_address = \"10.10.11.12/24\"\n{eth0}"), "layer 3 redundancy");
    check(
        "role = \"secondary\"\nhealth_monitor_interface = \"eth1\"",
        "eth1 is the health monitor",
    );
    check("role = \"secondary\"\ndirect_connect_interface = \"eth0\"", "interface of its own");
    check("role = \"secondary\"\ndirect_connect_interface = \"eth9\"", "no interface eth9");
    check("role = \"secondary\"\nhost_name = \"1\"", "'1' is no host name");
    check("role = \"secondary\"\ntime_zone = \"Mars/Olympus\"", "'Mars/Olympus' is no time zone");
    check("role = \"secondary\"\nntp_servers = [\"a b\"]", "'a b' is no name or address");
    check("role = \"secondary\"\n[operator]\nname = \"x\"\npassword = \"short\"", "8 to 256 bytes");
    check(
        "role = \"secondary\"\n[operator]\nname = \"x\"\npassword_hash = \"1\"",
        "no argon2 hash",
    );
}

#[test]
fn an_operator_without_a_password_is_no_answer() {
    let operator = Operator { name: "admin".to_owned(), password: None, password_hash: None };
    let answers = Answers { role: Seat::Secondary, operator: Some(operator), ..Answers::default() };
    let machine = machine();
    let known = Known { answers: &answers, machine: &machine };
    let config = known.config(&base()).unwrap();
    let data = std::env::temp_dir().join(format!("openmse-no-password-{}", std::process::id()));
    let target = Target { file: &data.join("node.toml"), data: &data, current: None };
    let mut output = Output::new(Vec::new(), false);
    let failure = apply::apply(&mut output, &known, &config, &target).unwrap_err();
    assert!(format!("{failure:?}").contains("operator admin has no password"), "{failure:?}");
    assert!(!data.exists(), "nothing was written");
}

/// Whatever is typed, the wizard asks on, its memory stays small, and what it confirms can be used.
#[test]
fn no_answers_lead_astray() {
    const WORDS: [&str; 24] = [
        "",
        "",
        "",
        "",
        "yes",
        "no",
        "s",
        "u",
        "^",
        "1",
        "2",
        "8",
        "12",
        "eth0",
        "eth1",
        "none",
        "10.10.10.11",
        "10.10.10.12",
        "255.255.255.0",
        "24",
        "mse1",
        "example.org",
        "a good password",
        "\u{e4}; \0",
    ];
    // Knuth's multiplier; the same walks in every run.
    let mut random = 1_u64;
    let mut confirmed = 0;
    for _ in 0..2_000 {
        let mut wizard = wizard();
        for _ in 0..150 {
            assert!(!wizard.question().prompt.is_empty());
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            match wizard.answer(WORDS[(random >> 33) as usize % WORDS.len()]) {
                Reply::Next | Reply::Refused(_) => {}
                Reply::Manual => break,
                Reply::Confirmed => {
                    wizard.known().config(&base()).unwrap().validate().unwrap();
                    confirmed += 1;
                    break;
                }
            }
            assert!(wizard.trail.len() < 50, "{:?}", wizard.trail);
        }
    }
    assert!(confirmed > 20, "only {confirmed} walks came to the end");
}
