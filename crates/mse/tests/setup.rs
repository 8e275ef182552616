//! `mse setup` as a person uses it: the real program, a pipe, real files.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use model::pair::Seat;
use monitor::config::Config;
use monitor::operators::Operators;
use monitor::peers::{Group, GroupId, Peer, Peers};

/// Steps 2 to 10 of the guide; `;` stands between lines.
const PRIMARY: &str = "yes;;mse1;s;;1;eth0;none;10.10.10.11;255.255.255.0;no;;10.10.10.12;;\
                       10.10.10.1;s;s;;11;;yes;10.10.10.10;;;a good password;a good password;yes";
/// Every question of a second run skipped but the role.
const SECONDARY_AGAIN: &str = ";s;s;;2;;;s;s;s;s;s;s;yes";

/// A machine that says nothing, with a place for everything that a set-up writes.
struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("openmse-setup-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("root")).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Runs the wizard; returns exit code, standard output and standard error.
    fn setup(&self, arguments: &[&str], lines: &str) -> (Option<i32>, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mse"))
            .args(arguments)
            .args(["setup", "--config", &self.path("etc/node.toml")])
            .args(["--data", &self.path("data"), "--root", &self.path("root")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let typed = lines.replace(';', "\n");
        let typed = if typed.is_empty() { typed } else { typed + "\n" };
        // A wizard that has ended reads no more.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn set_up(&self, lines: &str) -> String {
        let (code, out, err) = self.setup(&[], lines);
        assert_eq!(code, Some(0), "{out}{err}");
        out
    }

    fn config(&self) -> Config {
        node::config::load(&self.0.join("etc/node.toml")).unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Everything that exists, to see that nothing was written.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_primary_is_set_up_through_a_pipe() {
    let machine = Machine::new("primary");
    let out = machine.set_up(PRIMARY);
    for words in [
        "Setup parameters via Setup Wizard (yes/no) [yes]: yes\n",
        "Select direct connect interface [eth0/eth1/none] [none]: none\n",
        "\nConfiguration Changed\nIs the above information correct (yes, no, or ^): yes\n",
        "\nApplying High Availability configuration\n\
         Role=1, Health Monitor Interface=eth0, Direct connect interface=none\nSuccess\n",
        "The network, name and time of the host were not touched.",
        "cat > /etc/systemd/network/10-mse-eth0.network <<'END'\n",
        "NTP=10.10.10.10\n",
        "hostnamectl set-hostname mse1\n",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains("a good password"), "{out}");
    let config = machine.config();
    config.validate().unwrap();
    assert_eq!((config.role, config.name.as_deref()), (Seat::Primary, Some("mse1")));
    assert_eq!(config.listen().to_string(), "10.10.10.12:8082");
    let folder = machine.0.join("data/node");
    let operators = Operators::load(&folder).unwrap();
    assert!(operators.verify("admin", "a good password"));
    let mode = |name: &str| folder.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("operators.toml"), mode("setup.toml"), mode(".")), (0o600, 0o600, 0o700));
    let saved = machine.read("data/node/setup.toml");
    assert!(!saved.contains("password"), "{saved}");
    assert_eq!(machine.files().len(), 3, "the host was not touched: {:?}", machine.files());

    // Before it ever ran, it is known as what it was configured to be.
    let mse = |command| {
        let mut mse = Command::new(env!("CARGO_BIN_EXE_mse"));
        let output =
            mse.args([command, "--config", &machine.path("etc/node.toml")]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = mse("gethainfo");
    assert!(text.starts_with("Health Monitor is not running. Following information is from the"));
    assert!(text.contains("Virtual IP Address: 10.10.10.11\n") && text.ends_with("peers: 0\n"));
    // Step 12 of the guide.
    assert_eq!(mse("getserverinfo"), "Health Monitor is not running\n");

    // Again, for one change: what was answered and what was edited by hand are the defaults.
    let edited = machine.read("etc/node.toml").replace("\"mse1\"", "\"mse9\"");
    let edited = edited.replace("8082", "9082").replace("10.10.10.12", "10.10.10.22");
    std::fs::write(machine.0.join("etc/node.toml"), edited).unwrap();
    let out = machine.set_up(";s;;example.org;s;s;s;s;s;s;s;yes");
    assert!(out.contains("Current hostname=[mse9]"), "{out}");
    assert!(out.contains("Current IP address=[10.10.10.22]"), "{out}");
    assert!(out.contains("Current pairing operator=[admin]"), "{out}");
    assert!(machine.read("data/node/setup.toml").contains("domain = \"example.org\""));
    assert_eq!(machine.config().listen().to_string(), "10.10.10.22:9082");
    assert!(Operators::load(&folder).unwrap().verify("admin", "a good password"), "kept");
}

#[test]
fn a_role_is_not_changed_while_the_monitor_runs() {
    let machine = Machine::new("role");
    machine.set_up(PRIMARY);
    let before = machine.read("etc/node.toml");
    let monitor = UnixListener::bind(machine.0.join("data/node/monitor.sock")).unwrap();
    let (code, out, err) = machine.setup(&[], SECONDARY_AGAIN);
    // `MSE HA の基本的なトラブルシューティング` of the guide, its broken line joined.
    let expected = "\nApplying High Availability configuration\n\
        *** User has switched roles for this MSE. MSE must be stopped before switching roles.\n\
        *** Please stop MSE and then re-run setup.sh.\n\
        ERROR: One or more of the requested configurations was not applied.\n\
        Role=2, Health Monitor Interface=eth0, Direct connect interface=none\n";
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.ends_with(expected), "{out}");
    assert!(err.contains("nothing was written: stop it, then run 'mse setup' again"), "{err}");
    assert_eq!(machine.read("etc/node.toml"), before);
    // Other changes are taken up at the next start.
    let out = machine.set_up(";;mse8;s;s;s;s;s;s;s;s;yes");
    assert!(out.contains("takes it up when it is started again"), "{out}");
    drop(monitor);
    // What is left of its socket does not count.
    machine.set_up(SECONDARY_AGAIN);
    let config = machine.config();
    assert_eq!((config.role, config.virtual_address), (Seat::Secondary, None));
}

#[test]
fn a_paired_node_keeps_its_role() {
    let machine = Machine::new("paired");
    machine.set_up(PRIMARY);
    let config = machine.config();
    let group = Group {
        id: GroupId([7; 16]),
        instance: 3,
        seat: Seat::Primary,
        is_begun: true,
        virtual_address: config.virtual_address.unwrap(),
        settings: ha::Settings::fast(),
        peer: Some(Peer {
            name: "mse2".to_owned(),
            udi: "OPENMSE-VA:V01:mse2".to_owned(),
            version: "0.1.0".to_owned(),
            key_hash: "ab".repeat(32).parse().unwrap(),
            address: "10.10.10.13:8082".parse().unwrap(),
            direct_connect: None,
        }),
        witness: None,
    };
    Peers { groups: vec![group] }.save(&machine.0.join("data/node")).unwrap();
    let (code, out, err) = machine.setup(&[], SECONDARY_AGAIN);
    assert_eq!(code, Some(1));
    assert!(out.contains("*** This MSE is paired with mse2; its role cannot be changed."), "{out}");
    assert!(err.contains("'mse ha unpair' first"), "{err}");
    let address = ";s;s;;;;;10.10.10.99;;no;s;s;s;s;s;s;yes";
    let (code, out, _) = machine.setup(&[], address);
    assert_eq!(code, Some(1));
    assert!(out.contains("its virtual address cannot be changed."), "{out}");
    assert_eq!(machine.config().role, Seat::Primary);
}

#[test]
fn an_end_of_input_writes_nothing() {
    let machine = Machine::new("eof");
    let lines: Vec<&str> = PRIMARY.split(';').collect();
    for count in [0, 1, 9, lines.len() - 1] {
        let (code, _, err) = machine.setup(&[], &lines[..count].join(";"));
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains("ended before the last question; nothing was written"), "{err}");
    }
    let (code, _, err) = machine.setup(&[], &"y".repeat(5_000));
    assert!(code == Some(1) && err.contains("a line of more than 4096 bytes"), "{err}");
    let (code, out, _) = machine.setup(&[], "no");
    assert_eq!(code, Some(0));
    assert!(out.contains("The configuration belongs into"), "{out}");
    assert_eq!(machine.files(), Vec::<PathBuf>::new());
}

#[test]
fn answers_go_from_one_node_to_another_by_a_file() {
    let machine = Machine::new("answers");
    let (code, out, err) = Machine::setup(&machine, &[], PRIMARY);
    assert_eq!(code, Some(0), "{err}");
    assert!(!out.contains("password_hash"), "only when asked for");
    let mut child = Command::new(env!("CARGO_BIN_EXE_mse"));
    child.args(["setup", "--print-answers", "--config", &machine.path("etc/node.toml")]);
    child.args(["--data", &machine.path("data"), "--root", &machine.path("root")]);
    child.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"\ns\ns\ns\ns\ns\ns\ns\ns\ns\nyes\n").unwrap();
    let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let (_, answers) = out.split_once("\nhost_name").unwrap();
    let file = machine.path("answers.toml");
    std::fs::write(&file, format!("host_name{answers}")).unwrap();

    let other = Machine::new("answers-other");
    let answered = |other: &Machine, more: &[&str], global: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_mse"))
            .args(global)
            .args(["setup", "--answers", &file, "--config", &other.path("etc/node.toml")])
            .args(["--data", &other.path("data"), "--root", &other.path("root")])
            .args(more)
            .output()
            .unwrap()
    };
    let output = answered(&other, &["--apply-network"], &[]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("-----BEGIN-----\n\nHost name=mse1\n"), "{out}");
    assert!(out.contains("Nothing of it is effective yet."), "{out}");
    assert_eq!(Config { data: machine.config().data, ..other.config() }, machine.config());
    assert!(
        Operators::load(&other.0.join("data/node")).unwrap().verify("admin", "a good password")
    );
    assert_eq!(other.read("root/etc/hostname"), "mse1\n");
    let network = other.read("root/etc/systemd/network/10-mse-eth0.network");
    assert!(network.contains("Address=10.10.10.12/24\nGateway=10.10.10.1\n"), "{network}");
    assert!(!network.contains("10.10.10.11"), "the virtual address is the monitor's: {network}");

    let output = answered(&other, &[], &["--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["config"]["health_monitor"]["address"], "10.10.10.12");
    assert_eq!(document["restart_needed"], false);

    std::fs::write(&file, "role = \"secondary\"\nhostname = \"x\"\n").unwrap();
    let output = answered(&other, &[], &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(error.contains("line 2") && error.contains("hostname"), "{error}");
    std::fs::write(&file, "role = \"secondary\"\n").unwrap();
    let output = answered(&other, &[], &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(error.contains("eth0 is the health monitor interface and needs an IP"), "{error}");
    let (code, _, err) = other.setup(&["--json"], "");
    assert!(code == Some(1) && err.contains("--answers FILE"), "{err}");
}

#[test]
fn the_examples_are_what_their_comments_say() {
    let machine = Machine::new("examples");
    let demo = |name: &str| format!("{}/../../demo/{name}", env!("CARGO_MANIFEST_DIR"));
    let mse = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_mse")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(mse(&["check-config", &demo("node.toml")]).contains(": node: ok"));
    assert!(mse(&["check-config", &demo("witness.toml")]).contains(": witness: ok"));
    mse(&[
        "setup",
        "--answers",
        &demo("setup.toml"),
        "--config",
        &machine.path("etc/node.toml"),
        "--data",
        &machine.path("data"),
        "--root",
        &machine.path("root"),
    ]);
    let example: Config = node::config::load(demo("node.toml").as_ref()).unwrap();
    let mut config = machine.config();
    assert_eq!(config.service.command[1..], example.service.command[1..]);
    config.service = example.service.clone();
    assert_eq!(Config { data: example.data.clone(), ..config }, example);
}
