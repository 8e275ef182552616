//! A machine whose wall clock steps, by libfaketime: nobody touches the clock of this machine.
//!
//! The library is put in front of the monitor and, by inheritance, of its service. It reads the step
//! from a file once a second, and leaves monotonic clocks alone. Reading it at every look at the clock
//! made all threads wait for each other: stalls that no clock would make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::Site;
use crate::lab::Host;

/// Where Debian keeps it.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
/// 365 days.
pub(crate) const YEAR_S: i64 = 31_536_000;
/// Two looks at a clock that was stepped are so far apart at most. Ours: a busy machine.
const LOOKS_MS_MAX: i64 = 10_000;

/// A step is seen after the second for which the library remembers the one before. Ours: and a busy
/// machine's time.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// Why no clock can be stepped here; nothing when one can.
pub(crate) fn missing() -> Option<String> {
    let file = std::env::temp_dir().join(format!("mse-clock-{}", std::process::id()));
    let stepped = fs::write(&file, format!("+{YEAR_S}\n")).map_err(anyhow::Error::from);
    let stepped = stepped.and_then(|()| {
        if !Path::new(LIBRARY).exists() {
            bail!("there is no {LIBRARY}; apt-get install faketime");
        }
        let seconds = |command: &mut Command| -> Result<i64> {
            let shown = command.arg("+%s").output().context("cannot start date")?;
            Ok(String::from_utf8_lossy(&shown.stdout).trim().parse()?)
        };
        let plain = seconds(&mut Command::new("date"))?;
        let stepped = seconds(Command::new("date").envs(variables(&file)))?;
        if (stepped - plain - YEAR_S).abs() > LOOKS_MS_MAX / 1_000 {
            bail!("{LIBRARY} steps no clock here");
        }
        Ok(())
    });
    // It may not have been made.
    let _ = fs::remove_file(&file);
    stepped.err().map(|error| format!("{error:#}"))
}

/// What puts the library in front of a program. Source: the README of libfaketime 0.9.10.
fn variables(file: &Path) -> [(&'static str, String); 5] {
    [
        ("LD_PRELOAD", LIBRARY.to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", file.to_string_lossy().into_owned()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ]
}

impl Site {
    fn clock_file(&self, host: Host) -> PathBuf {
        self.lab.folder().join(format!("{}.clock", host.name()))
    }

    /// What a program on a machine with a clock of its own is started with; the clock is right at
    /// first.
    pub(super) fn clock_variables(&self, host: Host) -> Result<[(&'static str, String); 5]> {
        let file = self.clock_file(host);
        if !file.exists() {
            fs::write(&file, "+0\n")?;
        }
        Ok(variables(&file))
    }

    /// Steps a machine's wall clock to so many seconds from the right time, and looks whether its
    /// monitor sees that.
    pub(crate) fn step_clock(&mut self, host: Host, seconds: i64) -> Result<()> {
        self.mark(format!("wall clock of {} stepped to {seconds:+} s", host.name()));
        let (file, next) = (self.clock_file(host), self.clock_file(host).with_extension("next"));
        // Nobody reads half a number.
        fs::write(&next, format!("{seconds:+}\n"))?;
        fs::rename(&next, &file)?;
        let started = Instant::now();
        loop {
            let told_ms = self.info(host).context("its monitor says nothing")?.at_ms;
            let right = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
            let ahead_ms = i64::try_from(told_ms)? - i64::try_from(right.as_millis())?;
            if (ahead_ms - seconds * 1_000).abs() <= LOOKS_MS_MAX {
                return Ok(());
            }
            if started.elapsed() > SEEN_WITHIN {
                bail!("the monitor of {} is {ahead_ms} ms ahead, not {seconds} s", host.name());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Removes what the library leaves behind when its process is killed.
pub(super) fn clean_up(process: u32) {
    for name in [format!("faketime_shm_{process}"), format!("sem.faketime_sem_{process}")] {
        // One that ended in order has removed it.
        let _ = fs::remove_file(Path::new("/dev/shm").join(name));
    }
}
