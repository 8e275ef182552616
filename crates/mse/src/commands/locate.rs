//! `mse locate bench`: the estimator with its shipped defaults on a recorded site.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use locate_bench::{Answered, Mode, Options, Score};

use crate::cli::{LocateCommand, LocateMode};
use crate::output::{Failure, Output};

pub(crate) fn run(output: &mut Output<impl Write>, command: LocateCommand) -> Result<(), Failure> {
    let LocateCommand::Bench { folder, mode, seed, keep, answers } = command;
    let LocateMode(mode) = mode;
    let has_queries = ["queries.csv", "queries.csv.gz"].iter().any(|it| folder.join(it).is_file());
    let is_by_queries =
        matches!(mode, Mode::None | Mode::Points(_) | Mode::All | Mode::Fingerprint);
    let blind = answers.is_some() && has_queries && is_by_queries;
    let options = Options { mode, seed, keep, blind };
    // Told before minutes of work, not after.
    if let Some(into) = answers.as_ref().and_then(|file| file.parent())
        && !into.as_os_str().is_empty()
        && !into.is_dir()
    {
        let what =
            format!("{} is no folder; make it first, or name another --answers", into.display());
        return Err(anyhow::anyhow!(what).into());
    }
    let mut progress = Progress::new();
    let answered = locate_bench::run(&folder, options, &mut |what, done, of| {
        progress.show(what, done, of);
    });
    progress.end();
    let answered = answered.map_err(anyhow::Error::from)?;
    if let Some(file) = &answers {
        for answered in &answered {
            let file = file_of(file, &answered.name);
            let written =
                File::create(&file).and_then(|out| locate_bench::write(out, &answered.answers));
            written.with_context(|| file.display().to_string())?;
        }
    }
    let unanswered: usize = answered.iter().map(Answered::unanswered_count).sum();
    if unanswered > 0 {
        // Without standard error there is nobody to tell.
        let what = "of no access point that they hear anything is known";
        let _ = writeln!(io::stderr(), "{unanswered} queries got no answer: {what}");
    }
    if let Some(score) = Answered::score_of_all(&answered) {
        return tell(output, &answered, score);
    }
    let count: usize = answered.iter().map(|it| it.answers.len()).sum();
    let document = serde_json::json!({ "answers": count, "unanswered": unanswered });
    let why = if count == 0 {
        "there is no query, or none hears an access point that is known"
    } else {
        "the truth of none is here"
    };
    output.show(&document, |out| writeln!(out, "n {count} answers; {why}"))
}

fn tell(
    output: &mut Output<impl Write>,
    answered: &[Answered],
    score: Score,
) -> Result<(), Failure> {
    let document = serde_json::json!({
        "all": score,
        "streams": answered
            .iter()
            .filter(|it| !it.name.is_empty())
            .map(|it| (it.name.clone(), serde_json::json!(it.score())))
            .collect::<serde_json::Map<_, _>>(),
    });
    output.show(&document, |out| writeln!(out, "{score}"))
}

/// `FILE` itself, or with the name of a stream before its ending.
fn file_of(file: &Path, stream: &str) -> PathBuf {
    if stream.is_empty() {
        return file.to_owned();
    }
    let ending = file.extension().map_or_else(String::new, |it| format!(".{}", it.display()));
    let stem = file.file_stem().unwrap_or_default().display();
    file.with_file_name(format!("{stem}.{stream}{ending}"))
}

/// One line on a terminal that says what is being done; nothing into a file.
struct Progress {
    is_shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal() }
    }

    fn show(&mut self, what: &str, done: usize, of: usize) {
        if self.is_shown {
            // Without standard error there is nobody to tell.
            let _ = write!(io::stderr(), "\r\x1b[K{what}: {} %", 100 * done / of.max(1));
        }
    }

    fn end(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_its_name_before_the_ending() {
        let check = |file: &str, stream: &str, expected: &str| {
            assert_eq!(file_of(Path::new(file), stream), Path::new(expected));
        };
        check("out/answers.csv", "", "out/answers.csv");
        check("out/answers.csv", "straight_01", "out/answers.straight_01.csv");
        check("answers", "straight_01", "answers.straight_01");
    }
}
