//! A survey as CSV: one line for each reading, `x,y,ap,band,rssi[,device][,point]`.
//!
//! Lines with the same `point` are one point; without that column, lines that follow each other with
//! the same place and device are. A file is taken as a whole or not at all.

use std::fmt::Write as _;

use model::geometry::Point;
use model::map::{Floor, MapId};
use model::survey::{SurveyError, SurveyPoint, SurveyReading};
use model::{Band, Dbm, Mac, Time};

use super::FLOOR_POINTS_MAX;

/// Longest device or name of a point in bytes (ours).
pub const TEXT_BYTES_MAX: usize = 64;

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The first line does not name the columns.
    #[error(
        "line 1: the column '{0}' is missing; the first line is x,y,ap,band,rssi and, if known, device and point"
    )]
    PeerNoColumn(&'static str),
    /// A value is not what its column holds.
    #[error("line {line}: '{value}' is no {column}; {remedy}")]
    PeerBadValue {
        /// From 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there, shortened.
        value: String,
        /// What should.
        remedy: &'static str,
    },
    /// A place is not on the floor.
    #[error(
        "line {line}: the place ({x}, {y}) is outside the floor, which is {width} x {length} m"
    )]
    PeerOutside {
        /// From 1.
        line: u64,
        /// Metres from the left edge.
        x: f32,
        /// Metres from the top edge.
        y: f32,
        /// Metres along x.
        width: f32,
        /// Metres along y.
        length: f32,
    },
    /// No survey can have heard it.
    #[error("line {line}: {error}")]
    PeerPoint {
        /// The first line of the point.
        line: u64,
        /// What is wrong.
        error: SurveyError,
    },
    /// There are more points than a floor may have.
    #[error("line {0}: a floor has at most {FLOOR_POINTS_MAX} survey points")]
    PeerTooMany(u64),
    /// It is no CSV.
    #[error("not readable as CSV: {0}")]
    PeerNoCsv(#[from] csv::Error),
}

/// A point while its lines come in.
struct Taken {
    line: u64,
    name: String,
    point: SurveyPoint,
}

/// Reads the points of a floor.
pub fn read(
    bytes: &[u8],
    id: MapId,
    floor: &Floor,
    taken: Time,
) -> Result<Vec<SurveyPoint>, CsvError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers()?.clone();
    let find = |name: &str| header.iter().position(|it| it.eq_ignore_ascii_case(name));
    let need = |name: &'static str| find(name).ok_or(CsvError::PeerNoColumn(name));
    let columns = [need("x")?, need("y")?, need("ap")?, need("band")?, need("rssi")?];
    let (device, name) = (find("device"), find("point"));
    let mut points: Vec<Taken> = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let text = |index: Option<usize>| index.and_then(|it| record.get(it)).unwrap_or_default();
        let [x, y, ap, band, rssi] = columns.map(|index| text(Some(index)));
        let at = Point::new(number(line, "x", x)?, number(line, "y", y)?);
        if !(0.0..=floor.width.0).contains(&at.x) || !(0.0..=floor.length.0).contains(&at.y) {
            let (width, length) = (floor.width.0, floor.length.0);
            return Err(CsvError::PeerOutside { line, x: at.x, y: at.y, width, length });
        }
        let reading = SurveyReading {
            ap: mac(line, ap)?,
            band: parse_band(line, band)?,
            rssi: Dbm(number(line, "rssi", rssi)?),
        };
        let (device, name) =
            (short(line, "device", text(device))?, short(line, "point", text(name))?);
        let is_same =
            |it: &Taken| it.name == name && it.point.at == at && it.point.device == device;
        let is_full = points.len() >= FLOOR_POINTS_MAX;
        match points.last_mut() {
            Some(last) if is_same(last) => last.point.readings.push(reading),
            _ if is_full => return Err(CsvError::PeerTooMany(line)),
            _ => {
                let readings = vec![reading];
                let point = SurveyPoint { floor: id, at, taken, device, readings };
                points.push(Taken { line, name, point });
            }
        }
    }
    for Taken { line, point, .. } in &points {
        point.validate().map_err(|error| CsvError::PeerPoint { line: *line, error })?;
    }
    Ok(points.into_iter().map(|it| it.point).collect())
}

/// Writes points so that [`read`] brings them back.
pub fn write(points: &[SurveyPoint]) -> String {
    let mut text = String::from("x,y,ap,band,rssi,device,point\n");
    for (number, point) in points.iter().enumerate() {
        // A device is a word of whoever took the point; a comma would be another column.
        let device = point.device.replace(['"', ',', '\n', '\r'], " ");
        for SurveyReading { ap, band, rssi } in &point.readings {
            let Point { x, y } = point.at;
            let (band, device, number) = (band.name(), device.trim(), number + 1);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{x},{y},{ap},{band},{},{device},{number}", rssi.0);
        }
    }
    text
}

fn number(line: u64, column: &'static str, text: &str) -> Result<f32, CsvError> {
    let parsed = text.parse().ok().filter(|number: &f32| number.is_finite());
    parsed.ok_or_else(|| bad(line, column, text, "a decimal number is expected"))
}

fn mac(line: u64, text: &str) -> Result<Mac, CsvError> {
    text.parse()
        .map_err(|_| bad(line, "ap", text, "an address such as 00:14:6a:1b:37:40 is expected"))
}

fn parse_band(line: u64, text: &str) -> Result<Band, CsvError> {
    let found = Band::ALL.into_iter().find(|band| band.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| bad(line, "band", text, "use 2.4GHz, 5GHz, 6GHz or BLE"))
}

fn short(line: u64, column: &'static str, text: &str) -> Result<String, CsvError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(bad(line, column, text, "at most 64 bytes are kept"));
    }
    Ok(text.to_owned())
}

fn bad(line: u64, column: &'static str, value: &str, remedy: &'static str) -> CsvError {
    CsvError::PeerBadValue { line, column, value: value.chars().take(40).collect(), remedy }
}

#[cfg(test)]
mod tests {
    use model::Metres;

    use super::*;

    fn floor() -> Floor {
        serde_json::from_value(
            serde_json::json!({"name": "F", "level": 0, "width": 40, "length": 24}),
        )
        .unwrap()
    }

    fn check(lines: &str, expected: Result<usize, &str>) {
        let read = read(lines.as_bytes(), MapId(7), &floor(), Time(5));
        match (read, expected) {
            (Ok(points), Ok(count)) => {
                assert_eq!(points.len(), count);
                let again = super::read(write(&points).as_bytes(), MapId(7), &floor(), Time(5));
                assert_eq!(again.unwrap(), points, "what is written comes back");
            }
            (Err(error), Err(part)) => {
                let error = error.to_string();
                assert!(error.contains(part), "{error}");
            }
            (read, expected) => panic!("{read:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn lines_of_one_place_are_one_point_unless_they_are_named_apart() {
        assert_eq!(floor().width, Metres(40.0));
        let head = "x,y,ap,band,rssi";
        check(
            &format!("{head}\n1,2,00:00:00:00:00:01,5GHz,-60\n1,2,00:00:00:00:00:02,5GHz,-70\n"),
            Ok(1),
        );
        check(
            &format!("{head}\n1,2,00:00:00:00:00:01,5GHz,-60\n1,3,00:00:00:00:00:01,5GHz,-70\n"),
            Ok(2),
        );
        let named = format!(
            "{head},device,point\n1,2,00:00:00:00:00:01,5ghz,-60,phone,a\n1,2,00:00:00:00:00:01,5GHz,-61,phone,b\n"
        );
        check(&named, Ok(2));
        check(head, Ok(0));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let line =
            |line: &str| format!("x,y,ap,band,rssi\n1,2,00:00:00:00:00:01,5GHz,-60\n{line}\n");
        check("x,y,ap,rssi\n", Err("line 1: the column 'band' is missing"));
        check(&line("a,2,00:00:00:00:00:01,5GHz,-60"), Err("line 3: 'a' is no x"));
        check(&line("1,2,nobody,5GHz,-60"), Err("line 3: 'nobody' is no ap"));
        check(&line("1,2,00:00:00:00:00:01,4GHz,-60"), Err("line 3: '4GHz' is no band"));
        check(&line("1,2,00:00:00:00:00:01,5GHz,NaN"), Err("line 3: 'NaN' is no rssi"));
        check(
            &line("1,25,00:00:00:00:00:01,5GHz,-60"),
            Err("line 3: the place (1, 25) is outside"),
        );
        check(
            &line("1,3,00:00:00:00:00:01,5GHz,40"),
            Err("line 3: 00:00:00:00:00:01 cannot hear 40"),
        );
        check(
            &line("1,2,00:00:00:00:00:01,5GHz,-61"),
            Err("line 2: 00:00:00:00:00:01 is there twice"),
        );
    }
}
