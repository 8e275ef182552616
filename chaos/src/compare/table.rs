//! The table: for each figure, faults down and systems across.

use std::io::{self, Write};

use super::{Fault, Outcome};

/// A figure, and where an outcome has it.
type Figure = (&'static str, fn(&Outcome) -> Option<u64>);

/// In the order in which they are printed.
const FIGURES: [Figure; 4] = [
    ("longest time without an answer at the virtual address, ms", |it| it.answer_gap_ms),
    ("longest time without an acknowledged row, ms", |it| it.row_gap_ms),
    ("acknowledged rows that are missing afterwards", |it| it.lost),
    ("two machines claim the virtual address, ms", |it| it.two_owners_ms),
];

/// Prints what is there; systems and faults in the order in which they first come.
pub(super) fn print(out: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    let mut systems: Vec<&str> = Vec::new();
    let mut faults: Vec<Fault> = Vec::new();
    for outcome in outcomes {
        if !systems.contains(&outcome.system) {
            systems.push(outcome.system);
        }
        if !faults.contains(&outcome.fault) {
            faults.push(outcome.fault);
        }
    }
    for (title, figure) in FIGURES {
        writeln!(out, "{title}")?;
        write!(out, "{:<10}", "fault")?;
        for system in &systems {
            write!(out, "{system:>18}")?;
        }
        writeln!(out)?;
        for fault in &faults {
            write!(out, "{:<10}", fault.name())?;
            for system in &systems {
                let is_it = |it: &&Outcome| it.system == *system && it.fault == *fault;
                write!(out, "{:>18}", cell(outcomes.iter().find(is_it), figure))?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
    }
    for outcome in outcomes {
        if let Some(note) = &outcome.note {
            writeln!(out, "{}, {}: {note}", outcome.system, outcome.fault.name())?;
        }
    }
    let acked: u64 = outcomes.iter().filter_map(|it| it.acked).sum();
    let lost: u64 = outcomes.iter().filter_map(|it| it.lost).sum();
    writeln!(out, "{lost} of {acked} acknowledged rows are missing")
}

/// A figure; `!` behind one that has a note, and `-` for one that a system does not have.
fn cell(outcome: Option<&Outcome>, figure: fn(&Outcome) -> Option<u64>) -> String {
    let Some(outcome) = outcome else { return "-".to_owned() };
    let is_empty = FIGURES.iter().all(|(_, figure)| figure(outcome).is_none());
    let mark = if outcome.note.is_some() { "!" } else { "" };
    match figure(outcome) {
        Some(figure) => format!("{figure}{mark}"),
        None if is_empty => format!("-{mark}"),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_side_by_side_and_notes_below() {
        let ours = Outcome {
            answer_gap_ms: Some(2_510),
            row_gap_ms: Some(2_560),
            acked: Some(900),
            lost: Some(0),
            two_owners_ms: Some(0),
            ..Outcome::new("OpenMSE", Fault::Cable)
        };
        let other = Outcome {
            answer_gap_ms: Some(310),
            two_owners_ms: Some(12),
            note: Some("did not serve".to_owned()),
            ..Outcome::new("keepalived", Fault::Cable)
        };
        let mut out = Vec::new();
        print(&mut out, &[ours, other]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let row = |figures: [&str; 2]| format!("cable     {:>18}{:>18}\n", figures[0], figures[1]);
        for expected in [
            row(["2510", "310!"]),
            row(["2560", "-"]),
            row(["0", "12!"]),
            "keepalived, cable: did not serve\n".to_owned(),
            "0 of 900 acknowledged rows are missing\n".to_owned(),
        ] {
            assert!(text.contains(&expected), "{expected} is not in\n{text}");
        }
    }
}
