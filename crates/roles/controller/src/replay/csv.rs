//! Reads the tables of a recording and names the file, line and column of whatever is wrong.
//!
//! The format has no quoted fields (reference/location.md section 2), so neither has this reader.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use flate2::read::GzDecoder;

use super::RecordingError;

/// Longest line of a table in bytes; the longest of the format is below 100. Ours.
const LINE_BYTES_MAX: u64 = 1024;

/// One line of a table, cut into its columns.
pub(super) struct Row<'a, const N: usize> {
    file: &'a Path,
    line: usize,
    columns: [&'static str; N],
    fields: [&'a str; N],
}

impl<const N: usize> Row<'_, N> {
    /// The text of the column numbered `column`.
    pub(super) fn text(&self, column: usize) -> &str {
        self.fields[column]
    }

    /// The column numbered `column` as a number or the like.
    pub(super) fn parse<T: FromStr>(&self, column: usize) -> Result<T, RecordingError> {
        self.fields[column].parse().map_err(|_| self.bad(column, "a number of the right kind"))
    }

    /// The column numbered `column` as a finite number from `low` to `high`.
    pub(super) fn number(&self, column: usize, low: f32, high: f32) -> Result<f32, RecordingError> {
        let number: f32 = self.parse(column)?;
        if (low..=high).contains(&number) {
            Ok(number)
        } else {
            Err(self.bad(column, "within the possible range"))
        }
    }

    /// The error that blames the column numbered `column`, which ought to be `expected`.
    pub(super) fn bad(&self, column: usize, expected: &'static str) -> RecordingError {
        RecordingError::BadField {
            file: self.file.to_owned(),
            line: self.line,
            column: self.columns[column],
            text: self.fields[column].chars().take(64).collect(),
            expected,
        }
    }
}

/// Gives every row of the table `file` to `take`, at most `rows_max` of them.
///
/// A file whose name ends in `.gz` is decompressed. The first line has to name `columns`.
pub(super) fn for_each_row<const N: usize>(
    file: &Path,
    columns: [&'static str; N],
    rows_max: usize,
    mut take: impl FnMut(&Row<'_, N>) -> Result<(), RecordingError>,
) -> Result<(), RecordingError> {
    let unreadable = |source| RecordingError::Unreadable { file: file.to_owned(), source };
    let opened = File::open(file).map_err(unreadable)?;
    let mut reader: Box<dyn BufRead> = if file.extension().is_some_and(|ext| ext == "gz") {
        Box::new(BufReader::new(GzDecoder::new(opened)))
    } else {
        Box::new(BufReader::new(opened))
    };
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        let read = (&mut reader).take(LINE_BYTES_MAX).read_line(&mut text).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        if line > rows_max + 1 {
            return Err(RecordingError::TooLong { file: file.to_owned(), rows_max });
        }
        let bad_line =
            || RecordingError::BadLine { file: file.to_owned(), line, columns: columns.join(",") };
        let mut cells = text.trim_end().split(',');
        let mut fields = [""; N];
        for field in &mut fields {
            *field = cells.next().ok_or_else(bad_line)?;
        }
        if cells.next().is_some() || (line == 1 && fields != columns) {
            return Err(bad_line());
        }
        if line > 1 {
            take(&Row { file, line, columns, fields })?;
        }
    }
    Ok(())
}
