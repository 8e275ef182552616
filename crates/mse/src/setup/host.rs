//! The host's own network, name and time: which files and commands the answers mean.
//!
//! For systemd-networkd, -resolved and -timesyncd. Files are written only with `--apply-network`,
//! below `--root`; commands are never run. The virtual address is in none of them: the health
//! monitor adds and removes it, and at boot it must not be there.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::known::Known;

/// Above every file.
const HEADER: &str = "# Written by `mse setup`; its next run replaces this file.\n";

/// What a file should be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    /// Symbolic link to this.
    Link(String),
}

/// What the answers mean for the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Host {
    /// Paths below the root.
    files: Vec<(String, Content)>,
    commands: Vec<String>,
}

impl Host {
    pub(crate) fn of(known: &Known<'_>) -> Self {
        let answers = known.answers;
        let mut host = Self::default();
        if let Some(name) = &answers.host_name {
            host.text("etc/hostname", format!("{name}\n"));
            host.commands.push(format!("hostnamectl set-hostname {name}"));
        }
        let first = known.asked_interfaces().first().map(|name| (*name).to_owned());
        for interface in &answers.interfaces {
            let name = &interface.name;
            let mut text = format!(
                "{HEADER}[Match]\nName={name}\n\n[Network]\nAddress={}\n",
                interface.address
            );
            if first.as_ref() == Some(name)
                && let Some(gateway) = answers.gateway
            {
                let _ = writeln!(text, "Gateway={gateway}");
            }
            host.text(&format!("etc/systemd/network/10-mse-{name}.network"), text);
        }
        if !answers.interfaces.is_empty() {
            host.commands.push("networkctl reload".to_owned());
        }
        host.names(known);
        if let Some(zone) = &answers.time_zone {
            let target = format!("/usr/share/zoneinfo/{zone}");
            host.files.push(("etc/localtime".to_owned(), Content::Link(target)));
        }
        match answers.ntp_servers.as_deref() {
            None => {}
            Some([]) => host.commands.push("timedatectl set-ntp false".to_owned()),
            Some(servers) => {
                let text = format!("{HEADER}[Time]\nNTP={}\n", servers.join(" "));
                host.text("etc/systemd/timesyncd.conf.d/10-mse.conf", text);
                host.commands.push("timedatectl set-ntp true".to_owned());
                host.commands.push("systemctl restart systemd-timesyncd".to_owned());
            }
        }
        host
    }

    /// DNS servers and domain.
    fn names(&mut self, known: &Known<'_>) {
        let (servers, domain) = (&known.answers.dns_servers, &known.answers.domain);
        if servers.is_none() && domain.is_none() {
            return;
        }
        let mut text = format!("{HEADER}[Resolve]\n");
        if let Some(servers) = servers {
            let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "DNS={}", servers.join(" "));
        }
        if let Some(domain) = domain {
            let _ = writeln!(text, "Domains={domain}");
        }
        self.text("etc/systemd/resolved.conf.d/10-mse.conf", text);
        self.commands.push("systemctl restart systemd-resolved".to_owned());
    }

    fn text(&mut self, path: &str, text: String) {
        self.files.push((path.to_owned(), Content::Text(text)));
    }

    /// Whether there is anything to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.commands.is_empty()
    }

    /// What an administrator would type.
    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        for (path, content) in &self.files {
            match content {
                Content::Text(text) => {
                    if let Some((folder, _)) = path.rsplit_once('/')
                        && folder != "etc"
                    {
                        writeln!(out, "mkdir -p /{folder}")?;
                    }
                    writeln!(out, "cat > /{path} <<'END'\n{text}END")?;
                }
                Content::Link(target) => writeln!(out, "ln -sfn {target} /{path}")?,
            }
        }
        self.print_commands(out)
    }

    /// What makes written files effective.
    pub(crate) fn print_commands(&self, out: &mut dyn Write) -> io::Result<()> {
        self.commands.iter().try_for_each(|command| writeln!(out, "{command}"))
    }

    /// Writes the files below `root`; returns their paths.
    pub(crate) fn write(&self, root: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
        let mut written = Vec::new();
        for (path, content) in &self.files {
            let path = root.join(path);
            write_one(&path, content).map_err(|error| (path.clone(), error))?;
            written.push(path);
        }
        Ok(written)
    }
}

fn write_one(path: &Path, content: &Content) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match content {
        Content::Text(text) => node::directory::replace(path, text.as_bytes(), 0o644),
        Content::Link(target) => {
            // A new link beside the old one, then over it: there is always one.
            let unfinished = path.with_extension("new");
            match std::fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            std::os::unix::fs::symlink(target, &unfinished)?;
            std::fs::rename(&unfinished, path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::answers::Answers;
    use crate::setup::machine::Machine;

    fn host(text: &str) -> Host {
        let answers: Answers = node::config::parse(text).unwrap();
        let machine = Machine::read(Path::new("/nonexistent"));
        Host::of(&Known { answers: &answers, machine: &machine })
    }

    const EVERYTHING: &str = r#"
        host_name = "mse1"
        domain = "example.org"
        virtual_address = "10.10.10.11/24"
        gateway = "10.10.10.1"
        dns_servers = ["10.10.10.53"]
        time_zone = "UTC"
        ntp_servers = ["ntp.network.local", "10.10.10.10"]
        [[interface]]
        name = "eth0"
        address = "10.10.10.12/24"
        [[interface]]
        name = "eth1"
        address = "1.1.1.1/8"
    "#;

    #[test]
    fn an_administrator_is_told_what_to_type() {
        let mut text = Vec::new();
        host(EVERYTHING).print(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        crate::golden::check("setup/host.txt", &text);
        assert!(!text.contains("10.10.10.11"), "the virtual address is the health monitor's");
        assert!(host("").is_empty(), "what was skipped is left alone");
    }

    #[test]
    fn files_go_below_the_root_and_may_be_written_again() {
        let root = std::env::temp_dir().join(format!("openmse-host-{}", std::process::id()));
        let host = host(EVERYTHING);
        host.write(&root).unwrap();
        let written = host.write(&root).unwrap();
        let network = root.join("etc/systemd/network/10-mse-eth0.network");
        assert!(written.contains(&network));
        assert!(std::fs::read_to_string(network).unwrap().contains("Gateway=10.10.10.1"));
        let zone = std::fs::read_link(root.join("etc/localtime")).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(zone, Path::new("/usr/share/zoneinfo/UTC"));
    }
}
