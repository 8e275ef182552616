//! Pacemaker on Corosync, with a quorum device whose other end is the witness; no data.
//!
//! Settings: `token 1000`, the default before Corosync 3.1 and the lower end of what vendors support
//! (corosync.conf(5); `consensus` follows at 1.2 times). `quorum.device.timeout` 4 s and
//! `sync_timeout` 8 s instead of 10 s and 30 s (corosync-qdevice(8)): together with the token about
//! the 5 s that the project's list calls fastest (users@clusterlabs.org, May 2024, 031587).
//! `algorithm: ffsplit` is that for two nodes (corosync-qdevice(8)). `resource-stickiness 100`: no
//! failback. There is no fencing: machines of a lab have no power switch, nor the kernel a watchdog
//! for SBD. With fencing, two owners would be shut out after the fence action's time.

use std::time::Duration;

use anyhow::Result;

use super::{Kind, Peer, holds_virtual};
use crate::compare::machine::Field;
use crate::lab::{Host, PREFIX, VIRTUAL};

/// Both nodes are online and the address is up by then. Ours: `dc-deadtime` alone is 20 s.
const BEGIN_MAX: Duration = Duration::from_secs(90);
/// Both ends of the cluster's network.
const NODES: [Host; 2] = [Host::A, Host::B];

#[derive(Debug)]
pub(in crate::compare) struct Pacemaker;

fn corosync() -> String {
    let nodes = NODES.map(|host| {
        let (name, address) = (host.name(), host.address());
        let id = if host == Host::A { 1 } else { 2 };
        format!("  node {{\n    ring0_addr: {address}\n    name: {name}\n    nodeid: {id}\n  }}\n")
    });
    format!(
        "totem {{\n  version: 2\n  cluster_name: compare\n  transport: knet\n  crypto_cipher: none\n  \
         crypto_hash: none\n  token: 1000\n}}\nnodelist {{\n{}}}\nquorum {{\n  provider: \
         corosync_votequorum\n  device {{\n    model: net\n    votes: 1\n    timeout: 4000\n    \
         sync_timeout: 8000\n    net {{\n      host: {}\n      algorithm: ffsplit\n      tls: off\n    \
         }}\n  }}\n}}\nlogging {{\n  to_stderr: yes\n  to_syslog: no\n  timestamp: hires\n}}\n",
        nodes.concat(),
        Host::W.address()
    )
}

fn resource() -> String {
    format!(
        "<primitive id=\"vip\" class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\">\
         <instance_attributes id=\"vip-is\">\
         <nvpair id=\"vip-ip\" name=\"ip\" value=\"{VIRTUAL}\"/>\
         <nvpair id=\"vip-mask\" name=\"cidr_netmask\" value=\"{PREFIX}\"/>\
         <nvpair id=\"vip-nic\" name=\"nic\" value=\"eth0\"/></instance_attributes>\
         <operations><op id=\"vip-look\" name=\"monitor\" interval=\"1s\"/></operations></primitive>"
    )
}

impl Peer for Pacemaker {
    fn name(&self) -> &'static str {
        "Pacemaker"
    }

    fn kind(&self) -> Kind {
        Kind::Address
    }

    fn set_up(&self, field: &Field) -> Result<()> {
        let folders = ["mkdir", "-p", "/run/corosync-qnetd"];
        field.run(Host::W, "root", &folders)?;
        field.spawn(Host::W, "qnetd", "root", &["corosync-qnetd", "-f", "-s", "off"])?;
        for host in NODES {
            field.write(host, "/etc/corosync/corosync.conf", &corosync())?;
            let folders = ["/run/corosync", "/run/corosync-qdevice", "/run/crm", "/run/lock"];
            field.run(host, "root", &[&["mkdir", "-p"], &folders[..]].concat())?;
            field.run(host, "root", &["chown", "hacluster:haclient", "/run/crm"])?;
            field.spawn(host, "corosync", "root", &["corosync", "-f"])?;
        }
        for host in NODES {
            field.wait(BEGIN_MAX, "Corosync", |field| {
                field.run(host, "root", &["corosync-cfgtool", "-s"]).is_ok()
            })?;
            field.spawn(host, "qdevice", "root", &["corosync-qdevice", "-f"])?;
            field.spawn(host, "pacemaker", "root", &["pacemakerd"])?;
        }
        field.wait(BEGIN_MAX, "cluster of two", |field| {
            let told = field.run(Host::A, "root", &["crm_mon", "-1"]).unwrap_or_default();
            told.contains("Online: [ a b ]")
        })?;
        for (kind, name, value) in [
            ("crm_config", "stonith-enabled", "false"),
            ("rsc_defaults", "resource-stickiness", "100"),
        ] {
            let words = ["crm_attribute", "--type", kind, "--name", name, "--update", value];
            field.run(Host::A, "root", &words)?;
        }
        let words = ["cibadmin", "--create", "--scope", "resources", "--xml-text", &resource()];
        field.run(Host::A, "root", &words)?;
        field.wait(BEGIN_MAX, "address", |field| {
            NODES.iter().any(|host| holds_virtual(field, *host))
        })?;
        field.wait(BEGIN_MAX, "three votes", |field| {
            let told = field.run(Host::A, "root", &["corosync-quorumtool", "-s"]);
            told.unwrap_or_default().lines().any(|line| {
                line.strip_prefix("Total votes:").is_some_and(|votes| votes.trim() == "3")
            })
        })
    }

    fn is_ha(&self, process: &str) -> bool {
        // Names are cut after 15 letters: `pacemaker-contr`.
        process.starts_with("corosync") || process.starts_with("pacemaker")
    }

    fn switch(&self, field: &Field, from: Host) -> Result<()> {
        let to = if from == Host::A { Host::B } else { Host::A };
        let words = ["crm_resource", "--resource", "vip", "--move", "--node", to.name()];
        field.run(from, "root", &words).map(drop)
    }
}
