//! The format of a recorded site: a folder of tables, compressed or not.
//!
//! | file | columns |
//! |---|---|
//! | `aps.csv` | `ap,name,x,y,z,floor,building,band`; without x and y the place is unknown |
//! | `train.csv.gz` | `sid,point,t,x,y,z,floor,building,device,obs`; `obs` is `ap:rssi ap:rssi ..` |
//! | `test_dev.csv.gz` | the same, to be located |
//! | `queries.csv.gz` | the same without the truth |
//! | `stream_*.csv.gz` | `t_ms,ap,rssi[,x,y]`, one row per packet |
//! | `rogue_trials.csv.gz` | `trial,k,receivers`; `x:y:floor:rssi ..` |
//! | `rogue_truth.csv.gz` | `trial,ap,x,y,floor` |
//! | `walls.csv` | segments: `x1,y1,x2,y2[,loss_db][,floor]` |
//! | `occupancy_0.5m.csv.gz` | `x,y,passable`: middles of squares |
//!
//! All lengths are metres. A column may be left out where it may be empty. Everything is bounded by
//! the size of the files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use model::Reading;

use crate::BenchError;

/// The tables of one file with the place of each column.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    names: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    record: &'a csv::StringRecord,
}

impl Table {
    /// Reads `name`, or `name.gz`, of a folder; nothing when neither is there.
    pub fn read(folder: &Path, name: &str) -> Result<Option<Self>, BenchError> {
        let found = [name.to_owned(), format!("{name}.gz")]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.is_file());
        found.map(|path| Self::of(&path)).transpose()
    }

    /// Reads a file.
    pub fn of(path: &Path) -> Result<Self, BenchError> {
        let local = |source| BenchError::LocalFile { path: path.to_owned(), source };
        let plain = File::open(path).map_err(local)?;
        let reader: Box<dyn Read> = if path.extension().is_some_and(|it| it == "gz") {
            Box::new(flate2::read::GzDecoder::new(plain))
        } else {
            Box::new(plain)
        };
        let mut reader = csv::Reader::from_reader(reader);
        let wrong = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            BenchError::PeerLine { path: path.to_owned(), line, what: error.to_string() }
        };
        let names = reader.headers().map_err(wrong)?.clone();
        let rows = reader.records().collect::<Result<_, _>>().map_err(wrong)?;
        Ok(Self { path: path.to_owned(), names, rows })
    }

    /// An error unless there are columns of these names.
    pub fn require(&self, columns: &[&str]) -> Result<(), BenchError> {
        let is_there = |column: &&&str| self.names.iter().any(|known| known.trim() == **column);
        let Some(missing) = columns.iter().find(|column| !is_there(column)) else { return Ok(()) };
        let known: Vec<&str> = self.names.iter().map(str::trim).collect();
        let what = format!("the column '{missing}' is missing; there are {}", known.join(","));
        Err(BenchError::PeerLine { path: self.path.clone(), line: 1, what })
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row { table: self, record })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<'a> Row<'a> {
    /// The text of a column; empty when there is no such column.
    pub fn text(&self, name: &str) -> &'a str {
        let column = self.table.names.iter().position(|known| known.trim() == name);
        column.and_then(|column| self.record.get(column)).unwrap_or_default().trim()
    }

    /// The number of a column; nothing when it is empty.
    pub fn number(&self, name: &str) -> Result<Option<f32>, BenchError> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().ok().filter(|number: &f32| number.is_finite());
        number.map(Some).ok_or_else(|| self.wrong(format!("{name} is '{text}', no number")))
    }

    /// The number of a column that must be there.
    pub fn needed(&self, name: &str) -> Result<f32, BenchError> {
        self.number(name)?.ok_or_else(|| self.wrong(format!("{name} is empty")))
    }

    /// The whole number of a column that must be there.
    pub fn whole(&self, name: &str) -> Result<u64, BenchError> {
        let text = self.text(name);
        text.parse().map_err(|_| self.wrong(format!("{name} is '{text}', no whole number from 0")))
    }

    /// The signal strength of a column.
    pub fn strength(&self, name: &str) -> Result<f32, BenchError> {
        let rssi = self.needed(name)?;
        self.possible(rssi, name)
    }

    /// The pairs `ap:rssi` of a column.
    pub fn pairs(&self, name: &str) -> Result<Vec<(u64, f32)>, BenchError> {
        let pair = |text: &str| {
            let wrong = || self.wrong(format!("{name} has '{text}', no ap:rssi"));
            let (ap, rssi) = text.split_once(':').ok_or_else(wrong)?;
            let rssi = rssi.parse().map_err(|_| wrong())?;
            Ok((ap.parse().map_err(|_| wrong())?, self.possible(rssi, text)?))
        };
        self.text(name).split_whitespace().map(pair).collect()
    }

    /// A strength, if a radio can report it.
    pub fn possible(&self, rssi: f32, what: &str) -> Result<f32, BenchError> {
        if Reading::STRENGTHS.contains(&rssi) {
            return Ok(rssi);
        }
        let (from, to) = (Reading::STRENGTHS.start(), Reading::STRENGTHS.end());
        Err(self.wrong(format!(
            "{rssi} dBm in '{what}' cannot be heard: strengths are {from} to {to} dBm, and what was not heard is left out"
        )))
    }

    /// An error about this row.
    pub fn wrong(&self, what: String) -> BenchError {
        let line = self.record.position().map_or(0, csv::Position::line);
        BenchError::PeerLine { path: self.table.path.clone(), line, what }
    }
}
