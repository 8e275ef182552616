//! What is in a sealed file: Parquet, so that pandas, `DuckDB` and Spark read it.
//!
//! No time, no name of a machine and no random number is in a file. What is written depends on the
//! release of `parquet`, which is why that is pinned and tests know the hashes of some files
//! (`docs/adr/0005`).
//!
//! Sketch: an element's rows stand together, so a trail reads one column of one row group to find
//! them and skips to them in the others. Sorting by element makes addresses, floors and access points
//! runs of few values, and times and places small differences. What is left is noise of the estimator:
//! zstd takes off 6 % more, and 2.4 times the time of a trail, so there is none.
//! Measured on one shared core with 2.5 million rows of a campus of 17,632 elements: 8.1 bytes a row
//! (the SQLite table takes 90), 7 million rows/s sorted and packed, 0.15 ms for a trail in one file.
//! `measure_sealing` in `apply::tests` prints the figures of a machine.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use model::map::MapId;
use model::{Category, Mac, Time};
use parquet::basic::{Compression, Encoding};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{RowGroupMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::kept::KeptRow;
use crate::{column_time, time_column};

/// Rows of one row group. Ours, measured: from 16,384 to 131,072 rows the bytes differ by 2 %, and
/// the time of a trail is least here.
const GROUP_ROWS: usize = 32_768;
/// What the files call their maker, instead of the release of a library.
const CREATED_BY: &str = "OpenMSE history 1";

/// Addresses are 48-bit numbers; a category is its place in the list of categories; a floor is the
/// id of its path on the maps; lengths are centimetres from the top left corner.
const SCHEMA: &str = "message history {
    required int64 mac;
    required int32 category (integer(8, false));
    required int64 ts (timestamp(millis, true));
    required int64 floor;
    required int32 x_cm;
    required int32 y_cm;
    required int32 confidence_cm;
    optional int64 ap;
}";
/// Columns whose values change by little from row to row; the others repeat few values.
const GRADUAL: [&str; 3] = ["ts", "x_cm", "y_cm"];

/// The content of a file with these rows, which are sorted.
pub(super) fn pack(rows: &[KeptRow]) -> Result<Vec<u8>, ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties()))?;
    for rows in rows.chunks(GROUP_ROWS) {
        let mut group = writer.next_row_group()?;
        put::<Int64Type>(&mut group, rows, |row| row.mac.to_u64().cast_signed())?;
        put::<Int32Type>(&mut group, rows, |row| row.category.index() as i32)?;
        put::<Int64Type>(&mut group, rows, |row| time_column(row.at))?;
        put::<Int64Type>(&mut group, rows, |row| row.floor.0.cast_signed())?;
        put::<Int32Type>(&mut group, rows, |row| row.x_cm)?;
        put::<Int32Type>(&mut group, rows, |row| row.y_cm)?;
        put::<Int32Type>(&mut group, rows, |row| row.confidence_cm)?;
        put_access_points(&mut group, rows)?;
        group.close()?;
    }
    writer.into_inner()
}

/// The rows of one element between two times, both included, oldest first.
pub(super) fn unpack(
    file: File,
    (category, mac): (Category, Mac),
    (from, until): (Time, Time),
) -> Result<Vec<KeptRow>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let wanted = mac.to_u64().cast_signed();
    let mut trail = Vec::new();
    for (number, metadata) in reader.metadata().row_groups().iter().enumerate() {
        if may_hold(metadata, wanted) {
            let group = reader.get_row_group(number)?;
            read_group(&*group, metadata, (category, mac), (from, until), &mut trail)?;
        }
    }
    Ok(trail)
}

/// The rows of a floor between two times, both included, in the order of the file.
pub(super) fn on_floor(
    file: File,
    floor: MapId,
    (from, until): (Time, Time),
) -> Result<Vec<KeptRow>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let (wanted, times) = (floor.0.cast_signed(), time_column(from)..=time_column(until));
    let mut found = Vec::new();
    for (number, metadata) in reader.metadata().row_groups().iter().enumerate() {
        let group = reader.get_row_group(number)?;
        let rows = 0..metadata.num_rows() as usize;
        let floors = take::<Int64Type>(&*group, 3, rows.clone())?;
        if !floors.contains(&wanted) {
            continue;
        }
        let macs = take::<Int64Type>(&*group, 0, rows.clone())?;
        let categories = take::<Int32Type>(&*group, 1, rows.clone())?;
        let ats = take::<Int64Type>(&*group, 2, rows.clone())?;
        let xs = take::<Int32Type>(&*group, 4, rows.clone())?;
        let ys = take::<Int32Type>(&*group, 5, rows.clone())?;
        let confidences = take::<Int32Type>(&*group, 6, rows.clone())?;
        let aps = take_access_points(&*group, rows)?;
        let elements = macs.into_iter().zip(categories).zip(ats);
        let places = floors.into_iter().zip(xs).zip(ys).zip(confidences).zip(aps);
        for (((mac, category), at), ((((on, x_cm), y_cm), confidence_cm), ap)) in
            elements.zip(places)
        {
            if on == wanted && times.contains(&at) {
                let category = usize::try_from(category).ok().and_then(|it| Category::ALL.get(it));
                found.push(KeptRow {
                    mac: Mac::from_u64(mac.cast_unsigned()),
                    category: *category.ok_or_else(missing_column)?,
                    at: column_time(at),
                    floor,
                    x_cm,
                    y_cm,
                    confidence_cm,
                    ap,
                });
            }
        }
    }
    Ok(found)
}

/// The newest row of each element; elements stand together, oldest row first.
pub(super) fn newest_of_each(file: File) -> Result<Vec<KeptRow>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let mut newest: Vec<KeptRow> = Vec::new();
    for (number, metadata) in reader.metadata().row_groups().iter().enumerate() {
        let group = reader.get_row_group(number)?;
        let rows = 0..metadata.num_rows() as usize;
        let macs = take::<Int64Type>(&*group, 0, rows.clone())?;
        let categories = take::<Int32Type>(&*group, 1, rows.clone())?;
        let elements: Vec<(i64, i32)> = macs.into_iter().zip(categories).collect();
        let times = take::<Int64Type>(&*group, 2, rows.clone())?;
        let floors = take::<Int64Type>(&*group, 3, rows.clone())?;
        let xs = take::<Int32Type>(&*group, 4, rows.clone())?;
        let ys = take::<Int32Type>(&*group, 5, rows.clone())?;
        let confidences = take::<Int32Type>(&*group, 6, rows.clone())?;
        let aps = take_access_points(&*group, rows)?;
        let places = floors.into_iter().zip(xs).zip(ys).zip(confidences).zip(aps).zip(times);
        for (at, (place, (mac, category))) in places.zip(elements.iter().copied()).enumerate() {
            // The last one of an element, as far as this group tells.
            if elements.get(at + 1) == Some(&(mac, category)) {
                continue;
            }
            let (((((floor, x_cm), y_cm), confidence_cm), ap), at) = place;
            let category = usize::try_from(category).ok().and_then(|it| Category::ALL.get(it));
            let row = KeptRow {
                mac: Mac::from_u64(mac.cast_unsigned()),
                category: *category.ok_or_else(missing_column)?,
                at: column_time(at),
                floor: MapId(floor.cast_unsigned()),
                x_cm,
                y_cm,
                confidence_cm,
                ap,
            };
            // Its rows may go on in the next group.
            match newest.last_mut() {
                Some(last) if (last.mac, last.category) == (row.mac, row.category) => *last = row,
                _ => newest.push(row),
            }
        }
    }
    Ok(newest)
}

fn properties() -> WriterProperties {
    let sorting =
        |column| SortingColumn { column_idx: column, descending: false, nulls_first: false };
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_sorting_columns(Some((0..3).map(sorting).collect()));
    for column in GRADUAL {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(column), false)
            .set_column_encoding(ColumnPath::from(column), Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}

type GroupWriter<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// Writes the next column.
fn put<T: DataType>(
    group: &mut GroupWriter<'_>,
    rows: &[KeptRow],
    value: impl Fn(&KeptRow) -> T::T,
) -> Result<(), ParquetError> {
    let values: Vec<T::T> = rows.iter().map(value).collect();
    write_column::<T>(group, &values, None)
}

fn put_access_points(group: &mut GroupWriter<'_>, rows: &[KeptRow]) -> Result<(), ParquetError> {
    let is_there: Vec<i16> = rows.iter().map(|row| i16::from(row.ap.is_some())).collect();
    let values: Vec<i64> =
        rows.iter().filter_map(|row| row.ap).map(|ap| ap.to_u64().cast_signed()).collect();
    write_column::<Int64Type>(group, &values, Some(&is_there))
}

fn write_column<T: DataType>(
    group: &mut GroupWriter<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.ok_or_else(missing_column)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// False when the statistics of the row group exclude the address.
fn may_hold(group: &RowGroupMetaData, mac: i64) -> bool {
    let Some(Statistics::Int64(macs)) = group.columns().first().and_then(|it| it.statistics())
    else {
        return true;
    };
    macs.min_opt().is_none_or(|min| *min <= mac) && macs.max_opt().is_none_or(|max| *max >= mac)
}

/// Appends the wanted rows of a row group. They stand together because of the order of the rows.
fn read_group(
    group: &dyn RowGroupReader,
    metadata: &RowGroupMetaData,
    (category, mac): (Category, Mac),
    (from, until): (Time, Time),
    trail: &mut Vec<KeptRow>,
) -> Result<(), ParquetError> {
    let rows = metadata.num_rows() as usize;
    let macs = take::<Int64Type>(group, 0, 0..rows)?;
    let wanted = mac.to_u64().cast_signed();
    let range = part(&macs, 0, wanted, wanted);
    let categories = take::<Int32Type>(group, 1, range.clone())?;
    let wanted = category.index() as i32;
    let range = part(&categories, range.start, wanted, wanted);
    let times = take::<Int64Type>(group, 2, range.clone())?;
    let range_before = range.start;
    let range = part(&times, range.start, time_column(from), time_column(until));
    if range.is_empty() {
        return Ok(());
    }
    let times = times.get(range.start - range_before..).unwrap_or_default();
    let floors = take::<Int64Type>(group, 3, range.clone())?;
    let xs = take::<Int32Type>(group, 4, range.clone())?;
    let ys = take::<Int32Type>(group, 5, range.clone())?;
    let confidences = take::<Int32Type>(group, 6, range.clone())?;
    let aps = take_access_points(group, range)?;
    let places = floors.into_iter().zip(xs).zip(ys).zip(confidences);
    for ((at, (((floor, x_cm), y_cm), confidence_cm)), ap) in times.iter().zip(places).zip(aps) {
        trail.push(KeptRow {
            mac,
            category,
            at: column_time(*at),
            floor: MapId(floor.cast_unsigned()),
            x_cm,
            y_cm,
            confidence_cm,
            ap,
        });
    }
    Ok(())
}

/// Where the values from `least` to `most` are; `values` are sorted, the first has number `offset`.
fn part<T: Ord + Copy>(values: &[T], offset: usize, least: T, most: T) -> Range<usize> {
    let start = values.partition_point(|value| *value < least);
    let end = values.partition_point(|value| *value <= most);
    offset + start..offset + end.max(start)
}

/// The values of a column that has one in each row.
fn take<T: DataType>(
    group: &dyn RowGroupReader,
    column: usize,
    rows: Range<usize>,
) -> Result<Vec<T::T>, ParquetError> {
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let mut values = Vec::with_capacity(rows.len());
    reader.skip_records(rows.start)?;
    reader.read_records(rows.len(), None, None, &mut values)?;
    if values.len() != rows.len() {
        return Err(missing_column());
    }
    Ok(values)
}

fn take_access_points(
    group: &dyn RowGroupReader,
    rows: Range<usize>,
) -> Result<Vec<Option<Mac>>, ParquetError> {
    let mut reader = get_typed_column_reader::<Int64Type>(group.get_column_reader(7)?);
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    reader.skip_records(rows.start)?;
    reader.read_records(rows.len(), Some(&mut levels), None, &mut values)?;
    if levels.len() != rows.len() {
        return Err(missing_column());
    }
    let mut values = values.into_iter();
    let mac = |level| if level == 0 { None } else { values.next() };
    Ok(levels
        .into_iter()
        .map(mac)
        .map(|it| it.map(|it| Mac::from_u64(it.cast_unsigned())))
        .collect())
}

fn missing_column() -> ParquetError {
    ParquetError::General("a column is missing or too short".into())
}
