//! The peers' programs: a Debian 12 in a folder, which is made once.
//!
//! Nothing of it is installed on the machine, and none of its services is started by the packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Where the packages come from.
const MIRROR: &str = "http://deb.debian.org/debian";
/// Its release.
const RELEASE: &str = "bookworm";
/// What is installed: the peers, and what machines need to run them.
const PACKAGES: &[&str] = &[
    "keepalived",
    "pacemaker",
    "pacemaker-cli-utils",
    "corosync",
    "corosync-qdevice",
    "corosync-qnetd",
    "resource-agents",
    "patroni",
    "etcd-server",
    "python3-etcd",
    "postgresql-15",
    "pg-auto-failover-cli",
    "postgresql-15-auto-failover",
    "tini",
    "iproute2",
    "iputils-arping",
    "procps",
];
/// In the chroot: the packages that it has.
const DONE: &str = "compare-packages";

/// Installs into `$ROOT`, in a mount namespace of its own. `policy-rc.d` keeps services from being
/// started (Debian policy 9.3.3.1); `createcluster.conf` keeps PostgreSQL from making a database.
const INSTALL: &str = r#"
set -e
mount --make-rprivate /
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs tmpfs "$ROOT/run"
cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$ROOT/usr/sbin/policy-rc.d"
chmod 755 "$ROOT/usr/sbin/policy-rc.d"
mkdir -p "$ROOT/etc/postgresql-common"
echo 'create_main_cluster = false' > "$ROOT/etc/postgresql-common/createcluster.conf"
chroot "$ROOT" apt-get update
chroot "$ROOT" apt-get install -y --no-install-recommends $PACKAGES
chroot "$ROOT" apt-get clean
"#;

/// The chroot, made or brought up to date if need be; what that prints goes to a log beside it.
pub(crate) fn made(folder: &Path) -> Result<PathBuf> {
    if let Some(root) = done(folder) {
        return Ok(root);
    }
    let root = folder.join("chroot");
    let packages = PACKAGES.join(" ");
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let log = folder.join("chroot.log");
    let told = || -> Result<(Stdio, Stdio)> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        Ok((log.try_clone()?.into(), log.into()))
    };
    let run = |command: &mut Command, what: &str| -> Result<()> {
        let (out, errors) = told()?;
        command.stdin(Stdio::null()).stdout(out).stderr(errors);
        let status = command.status().with_context(|| format!("cannot start {what}"))?;
        if !status.success() {
            bail!("{what} failed ({status}); see {}", log.display());
        }
        Ok(())
    };
    if !root.join("usr/bin/apt-get").exists() {
        crate::say(&format!("compare: making {} from {MIRROR}", root.display()));
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", "--include=ca-certificates", RELEASE]);
        run(debootstrap.arg(&root).arg(MIRROR), "debootstrap")?;
    }
    crate::say(&format!("compare: installing the peers, which takes minutes; {}", log.display()));
    let root = root.canonicalize()?;
    let mut install = Command::new("unshare");
    install.args(["--mount", "sh", "-c", INSTALL]);
    install.env("ROOT", &root).env("PACKAGES", &packages);
    install.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    run(&mut install, "apt-get")?;
    std::fs::write(root.join(DONE), packages)?;
    Ok(root)
}

/// The chroot, when it has everything already.
pub(crate) fn done(folder: &Path) -> Option<PathBuf> {
    let root = folder.join("chroot").canonicalize().ok()?;
    let has = std::fs::read_to_string(root.join(DONE)).ok()?;
    (has == PACKAGES.join(" ")).then_some(root)
}

/// Why it cannot be made here; nothing when it can.
pub(crate) fn missing(folder: &Path) -> Option<String> {
    if done(folder).is_some() {
        return None;
    }
    let found = Command::new("debootstrap").arg("--version").output();
    found.err().map(|error| format!("no `debootstrap`: {error}; apt-get install debootstrap"))
}
