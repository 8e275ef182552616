//! Finds Node.js, npm, Chromium, `ip`, `nft`, libfaketime, `debootstrap`, `tshark` and a client of
//! MSE 8, and installs what is missing where that is safe to do unasked: as root on Debian, which is
//! what a CI container is. Everywhere else it says what to install.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::shell::{Line, Shell, say};

/// What a check needs on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Node,
    Npm,
    Chromium,
    /// Makes the network namespaces in which the virtual address is tested.
    Ip,
    /// Cuts machines off from each other there.
    Nft,
    /// Steps the wall clock of one machine there.
    Faketime,
    /// Makes the Debian in which those run whom we are compared with.
    Debootstrap,
    /// A client of MSE 8 that is run unmodified against the engine.
    PerlMseClient,
    /// Reads captures beside us, so that we are told where we read otherwise.
    Tshark,
}

/// Makes sure that the console's `tools` are there.
pub(crate) fn ensure(shell: &Shell, tools: &[Tool]) -> Result<()> {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| !tool.is_present()).collect();
    if !missing.is_empty() {
        install(shell, "the console", &missing)?;
    }
    let version = shell.output(&Line::new("node --version"))?;
    let version = String::from_utf8_lossy(&version);
    require_node(Version::parse(&version), "node in PATH")
}

/// Installs `tool` for tests where that is safe to do unasked. Elsewhere those that need it say by
/// themselves that they are skipped, so its absence is no failure.
pub(crate) fn offer(shell: &Shell, tool: Tool) -> Result<()> {
    if !tool.is_present() && is_debian() && is_root() {
        install(shell, "a test", &[tool])?;
    }
    Ok(())
}

/// Makes sure that what is written to /dev/null is gone. Programs that delete what they wrote to, run
/// as root, leave a plain file there: what one command was to forget, the next one then reads.
#[cfg(unix)]
pub(crate) fn mend_null_device(shell: &Shell) -> Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    let is_device = |it: std::fs::Metadata| it.file_type().is_char_device();
    if std::fs::metadata(NULL_DEVICE).is_ok_and(is_device) {
        return Ok(());
    }
    if !is_root() {
        bail!(
            "{NULL_DEVICE} is a file; as root: rm {NULL_DEVICE}; mknod -m 666 {NULL_DEVICE} c 1 3"
        );
    }
    say(format_args!(
        "{NULL_DEVICE} is a file, which breaks what compiles; making it a device again"
    ));
    shell.run(&Line::new(format!("rm -f {NULL_DEVICE}")))?;
    shell.run(&Line::new(format!("mknod -m 666 {NULL_DEVICE} c 1 3")))
}

#[cfg(not(unix))]
pub(crate) fn mend_null_device(_: &Shell) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
const NULL_DEVICE: &str = "/dev/null";

/// The oldest Node.js that the bundler runs on: `engines` in console/package.json.
const NODE_MIN: Version = Version(20, 19);

impl Tool {
    /// Packages of Debian. Fonts come with the browser: without them it shows boxes.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["nodejs"],
            Self::Npm => &["npm"],
            Self::Chromium => &["chromium", "fonts-inter", "fonts-dejavu-core"],
            Self::Ip => &["iproute2"],
            Self::Nft => &["nftables"],
            Self::Faketime => &["faketime"],
            Self::Debootstrap => &["debootstrap"],
            Self::PerlMseClient => &["libnet-cisco-mse-rest-perl"],
            Self::Tshark => &["tshark"],
        }
    }

    fn is_present(self) -> bool {
        match self {
            Self::Node => is_in_path("node"),
            Self::Npm => is_in_path("npm"),
            // As in console/playwright.config.ts.
            Self::Chromium => std::env::var_os("CHROMIUM")
                .map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from)
                .is_file(),
            Self::Ip => is_in_path("ip"),
            Self::Nft => is_in_path("nft"),
            // It comes with the library that is wanted.
            Self::Faketime => is_in_path("faketime"),
            Self::Debootstrap => is_in_path("debootstrap"),
            // Where Debian puts modules.
            Self::PerlMseClient => Path::new("/usr/share/perl5/Net/Cisco/MSE/REST.pm").is_file(),
            Self::Tshark => is_in_path("tshark"),
        }
    }
}

fn install(shell: &Shell, who: &str, missing: &[Tool]) -> Result<()> {
    let packages: Vec<_> = missing.iter().flat_map(|tool| tool.packages()).collect();
    let packages = packages.iter().map(|name| **name).collect::<Vec<_>>().join(" ");
    let install = Line::new(format!("apt-get install -y --no-install-recommends {packages}"))
        .env("DEBIAN_FRONTEND", "noninteractive");
    if !is_debian() {
        bail!(
            "{who} needs {packages} (names of Debian packages); install them, and set \
             CHROMIUM to the browser if it is not /usr/bin/chromium"
        );
    }
    if !is_root() {
        bail!("{who} needs {packages}; as root: {install}");
    }
    say(format_args!("{who} needs {packages}; installing"));
    shell.run(&Line::new("apt-get update"))?;
    if missing.contains(&Tool::Node) {
        let policy = shell.output(&Line::new("apt-cache policy nodejs").env("LC_ALL", "C"))?;
        require_node(candidate(&String::from_utf8_lossy(&policy)), "nodejs of this Debian")?;
    }
    shell.run(&install)
}

/// The version that apt would install, from what `apt-cache policy` prints.
fn candidate(policy: &str) -> Option<Version> {
    let line = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?;
    Version::parse(line)
}

fn require_node(version: Option<Version>, what: &str) -> Result<()> {
    let version = version.with_context(|| format!("{what} does not tell its version"))?;
    if version < NODE_MIN {
        bail!(
            "{what} is {version}; the console needs {NODE_MIN} or later: install Node.js 22 from \
             https://nodejs.org/en/download or a container image `node:22`, and put it first in PATH"
        );
    }
    Ok(())
}

/// Major and minor number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    /// Reads `v20.19.2` as well as `18.20.4+dfsg-1~deb12u1`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().trim_start_matches('v').split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self(major, minor))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

fn is_in_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && is_in_path("apt-get")
}

/// Whether we may install packages: the owner of our own entry in /proc is who we run as.
#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_node_and_debian_write_them() {
        let check = |text, expected| assert_eq!(Version::parse(text), expected, "{text}");
        check("v20.19.2\n", Some(Version(20, 19)));
        check(" 18.20.4+dfsg-1~deb12u1", Some(Version(18, 20)));
        check("(none)", None);
        check("", None);
    }

    #[test]
    fn the_candidate_of_bookworm_is_too_old_and_the_remedy_is_named() {
        let policy = "nodejs:\n  Installed: (none)\n  Candidate: 18.20.4+dfsg-1~deb12u1\n";
        let refused =
            require_node(candidate(policy), "nodejs of this Debian").unwrap_err().to_string();
        assert!(
            refused.starts_with("nodejs of this Debian is 18.20; the console needs 20.19"),
            "{refused}"
        );
        assert!(refused.contains("https://nodejs.org"), "{refused}");
    }

    #[test]
    fn the_first_version_that_is_new_enough_is_accepted() {
        let check = |text, accepted| {
            assert_eq!(require_node(Version::parse(text), "node").is_ok(), accepted, "{text}");
        };
        check("v20.19.0", true);
        check("v22.1.0", true);
        check("v20.18.9", false);
        check("strange", false);
    }
}
