//! keepalived: VRRP, no witness, no data.
//!
//! Settings, all from keepalived.conf(5): `vrrp_version 3` and `advert_int 0.1`, as version 2 counts
//! whole seconds: a backup takes over after three advertisements and a skew. `state BACKUP` and
//! `nopreempt`: who comes back does not take the address back, which would be a second gap. A planned
//! switchover is the end of the process, which then resigns; keepalived has no other command for it.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use super::{Kind, Peer, holds_virtual};
use crate::compare::machine::Field;
use crate::lab::{Host, PREFIX, VIRTUAL};

/// The address is somewhere by then. Ours.
const BEGIN_MAX: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(in crate::compare) struct Keepalived;

impl Peer for Keepalived {
    fn name(&self) -> &'static str {
        "keepalived"
    }

    fn kind(&self) -> Kind {
        Kind::Address
    }

    fn set_up(&self, field: &Field) -> Result<()> {
        for (host, priority) in [(Host::A, 150), (Host::B, 100)] {
            let text = format!(
                "global_defs {{\n  vrrp_version 3\n}}\nvrrp_instance compare {{\n  state BACKUP\n  \
                 nopreempt\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  \
                 advert_int 0.1\n  virtual_ipaddress {{\n    {VIRTUAL}/{PREFIX}\n  }}\n}}\n"
            );
            field.write(host, "/etc/keepalived/keepalived.conf", &text)?;
            let words = ["keepalived", "--dont-fork", "--log-console", "--vrrp"];
            field.spawn(host, "keepalived", "root", &words)?;
            if host == Host::A {
                field.wait(BEGIN_MAX, "address", |field| holds_virtual(field, Host::A))?;
            }
        }
        Ok(())
    }

    fn is_ha(&self, process: &str) -> bool {
        process.starts_with("keepalived")
    }

    fn switch(&self, field: &Field, from: Host) -> Result<()> {
        field.signal(from, Signal::TERM, |name| self.is_ha(name)).map(drop)
    }
}
