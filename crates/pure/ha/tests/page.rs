//! `docs/ha.md` says what the code does.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ha --test page` writes the tables and the diagram into the page;
//! everything else there is written by hand.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the page is a file")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ha::{Settings, Standing, State, Trigger, Verb, rule};

fn page_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/ha.md")
}

fn read() -> String {
    String::from_utf8(std::fs::read(page_path()).unwrap()).unwrap()
}

/// The parts of the page that are made, in their order: the beginning of the marker, and the text.
fn made() -> [(&'static str, String); 4] {
    [
        ("timers", timers()),
        ("standings", ha::standings_markdown()),
        ("diagram", format!("```mermaid\n{}```\n", ha::diagram())),
        ("rules", ha::rules_markdown()),
    ]
}

fn timers() -> String {
    let values =
        |settings: &Settings| serde_json::to_value(settings).unwrap().as_object().unwrap().clone();
    let (fast, standard) = (values(&Settings::fast()), values(&Settings::standard()));
    let mut rows =
        String::from("| setting | default (`fast`) | `standard` | |\n|---|---|---|---|\n");
    for (name, meaning) in [
        ("beacon_ms", "between two beacons"),
        ("suspect_ms", "a holder that hears nothing from its backup goes on alone"),
        ("lease_ms", "a holder under PAIR serves reads so long after an answered beacon"),
        ("address_life_ms", "the kernel drops an address that was not refreshed"),
        ("failover_wait_ms", "a backup that hears nothing takes over; `Failover wait time`"),
        ("request_ms", "a register call is repeated"),
        ("sync_ms", "a sole holder waits for its backup"),
        ("disarm_ms", "nobody has seen the witness: go on without"),
        ("rearm_ms", "the witness must be back for so long"),
        ("slow_ms", "a backup that takes longer to acknowledge is slow"),
        ("slow_for_ms", "and is treated as lost when it was slow for so long"),
        ("readmit_ms", "first pause before a lost backup is taken in; doubles"),
        ("readmit_max_ms", "longest such pause"),
        ("stable_ms", "complete for so long before an automatic failback"),
        ("handover_ms", "a handover that has not drained is given up"),
    ] {
        writeln!(rows, "| `{name}` | {} | {} | {meaning} |", fast[name], standard[name]).unwrap();
    }
    rows
}

#[test]
fn the_page_is_that_of_the_code() {
    let mut page = read();
    for (name, text) in made() {
        let begin = page.find(&format!("<!-- {name}")).unwrap();
        let begin = begin + page[begin..].find("-->\n").unwrap() + "-->\n".len();
        let end = page.find(&format!("<!-- end of {name} -->")).unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            page.replace_range(begin..end, &text);
        } else {
            let (found, expected) = (page[begin..end].lines(), text.lines());
            let first = found.zip(expected).find(|(found, expected)| found != expected);
            assert_eq!(first, None, "{name}: write it anew with UPDATE_GOLDEN=1");
            assert_eq!(page[begin..end].len(), text.len(), "{name}: lines are missing");
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(page_path(), page).unwrap();
    }
}

#[test]
fn every_state_that_operators_see_is_explained() {
    let page = read();
    for state in State::ALL {
        let name = state.to_string().replace(" 0 %", " n %");
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// Walks the table from where new nodes begin.
#[test]
fn every_standing_is_reachable_and_none_is_a_dead_end() {
    let mut reached = BTreeSet::from([Standing::SoleHolder, Standing::Arriving]);
    loop {
        let next: BTreeSet<Standing> = reached
            .iter()
            .flat_map(|from| Trigger::ALL.map(|trigger| rule(*from, trigger)))
            .flat_map(|rule| rule.next.iter().copied())
            .collect();
        if next.is_subset(&reached) {
            break;
        }
        reached.extend(next);
    }
    assert_eq!(reached, BTreeSet::from(Standing::ALL));
    let ends = [Standing::Alone, Standing::Dissolved];
    for from in Standing::ALL.into_iter().filter(|from| !ends.contains(from)) {
        let leads_on = Trigger::ALL.into_iter().any(|trigger| !rule(from, trigger).next.is_empty());
        assert!(leads_on, "nothing leads out of {from}");
    }
}

#[test]
fn only_a_rule_that_acts_leads_anywhere_and_every_rule_says_why() {
    for from in Standing::ALL {
        for trigger in Trigger::ALL {
            let rule = rule(from, trigger);
            assert!(rule.verb == Verb::Act || rule.next.is_empty(), "{from}, {trigger}");
            assert!(!rule.reason.is_empty(), "{from}, {trigger}");
        }
    }
}

#[test]
fn nobody_serves_out_of_doubt_without_a_decision() {
    for from in [Standing::Claimant, Standing::Doubtful, Standing::Rebuilding, Standing::Blank] {
        for trigger in Trigger::ALL {
            let rule = rule(from, trigger);
            let serves = rule.next.iter().any(|next| next.serves());
            let decides = matches!(
                trigger,
                Trigger::Chosen
                    | Trigger::Decided
                    | Trigger::Open
                    | Trigger::Append
                    | Trigger::Accept
                    | Trigger::Complete
                    | Trigger::Force
            );
            assert!(!serves || decides, "{from}, {trigger}");
        }
    }
}
