//! Two of the scenarios of `cargo xtask chaos`, as a sign of life of it and of the pair. Nothing here
//! is timed. They need root, `ip` and `nft`; without them a test says so and proves nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::path::Path;

use chaos::Programs;

/// Set where a monitor starts this program as its service.
const SERVICE: &str = "MSE_SERVICE_SOCKET";

fn check(scenario: &str) {
    if let Some(reason) = chaos::missing() {
        // Not a macro: those are captured, and this must be seen.
        let line = format!("SKIPPED {scenario}: {reason}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    // This program is the service, too: see the test below.
    let own = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    let ledger = [&own, "--exact", "the_service_that_is_replicated", "--nocapture", "--"];
    let programs = Programs {
        mse: env!("CARGO_BIN_EXE_mse").into(),
        ledger: ledger.into_iter().map(str::to_owned).collect(),
        older: None,
    };
    let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos").join(scenario);
    let report = chaos::run_by_name(scenario, &programs, &logs).unwrap();
    let logs = logs.display();
    assert_eq!((report.missing, report.dual_acks), (0, 0), "{report:#?}; logs in {logs}");
    assert!(report.acked > 0 && report.is_kept(), "{report:#?}; logs in {logs}");
}

#[test]
fn a_pair_survives_the_end_of_the_primarys_monitor() {
    check("kill-monitor");
}

#[test]
fn a_pair_survives_the_primarys_cable() {
    check("cable-a");
}

/// No test: what the monitors of the others start. It ends at once when nobody does.
#[test]
fn the_service_that_is_replicated() {
    if std::env::var_os(SERVICE).is_some() {
        let words: Vec<String> = std::env::args().collect();
        let dashes = words.iter().position(|word| word == "--").unwrap();
        chaos::ledger::run(&words[dashes + 1..]).unwrap();
    }
}
