//! How each column is encoded.

use std::sync::LazyLock;

use arrow::datatypes::{DataType, Field};
use parquet::{
    arrow::ArrowSchemaConverter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::{ColumnPath, SchemaDescriptor},
};
use spandrel_proto::model::{ColumnType, Table, column_type};

use crate::per_table::PerTable;

/// Rows of a row group.
pub(super) const MAX_ROW_GROUP_ROWS: usize = 128 << 10;

/// A point lookup reads whole pages of every column it shows, so pages are kept small.
const PAGE_ROWS: usize = 8192;

/// Texts that hardly repeat: building a dictionary for them is work for nothing, and so are their minimum and maximum.
const WIDE_TEXTS: &[&str] =
    &["body", "correlation_id", "db_query_text", "detail", "record", "status_message", "trace_state", "url_path"];

/// Writer properties of a table's files.
pub(super) fn writer_properties(table: Table) -> Result<WriterProperties, ParquetError> {
    static PROPERTIES: LazyLock<PerTable<Result<WriterProperties, String>>> =
        LazyLock::new(|| PerTable::from_fn(|table| build(table).map_err(|error| error.to_string())));
    PROPERTIES[table].clone().map_err(ParquetError::General)
}

fn build(table: Table) -> Result<WriterProperties, ParquetError> {
    let schema = table.schema();
    let leaves = ArrowSchemaConverter::new().convert(&schema)?;
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("spandrel ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression(table)?)
        .set_max_row_group_row_count(Some(MAX_ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting_columns(table, &leaves)));
    for (index, leaf) in leaves.columns().iter().enumerate() {
        let field = schema.field_with_name(leaves.get_column_root(index).name())?;
        builder = column_properties(builder, leaf.path(), field);
    }
    Ok(builder.build())
}

/// Rollups of hours are many small files, of each of which a graph reads every column: to set up the decompression of
/// zstd takes longer there than what it reads.
fn compression(table: Table) -> Result<Compression, ParquetError> {
    Ok(match table {
        Table::OperationsHourly | Table::EdgesHourly => Compression::LZ4_RAW,
        _ => Compression::ZSTD(ZstdLevel::try_new(1)?),
    })
}

fn column_properties(builder: WriterPropertiesBuilder, path: &ColumnPath, field: &Field) -> WriterPropertiesBuilder {
    let column = path.clone();
    match (column_type(field), field.data_type()) {
        (Some(ColumnType::Id), _) => id_properties(builder, column, field.name()),
        (Some(ColumnType::Time), _) | (None, DataType::Int64) => builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED),
        (None, DataType::Utf8) if WIDE_TEXTS.contains(&field.name().as_str()) => builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_statistics_enabled(column, EnabledStatistics::None),
        (None, DataType::Map(..) | DataType::List(_) | DataType::Struct(_)) => {
            builder.set_column_statistics_enabled(column, EnabledStatistics::None)
        }
        _ => builder,
    }
}

/// Ids are random: no dictionary, no minimum and maximum, and, but for trace ids which repeat, no compression.
fn id_properties(builder: WriterPropertiesBuilder, column: ColumnPath, name: &str) -> WriterPropertiesBuilder {
    let builder = builder
        .set_column_dictionary_enabled(column.clone(), false)
        .set_column_encoding(column.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_statistics_enabled(column.clone(), EnabledStatistics::None);
    if name == "trace_id" { builder } else { builder.set_column_compression(column, Compression::UNCOMPRESSED) }
}

fn sorting_columns(table: Table, leaves: &SchemaDescriptor) -> Vec<SortingColumn> {
    let leaf_of = |name: &str| leaves.columns().iter().position(|leaf| leaf.path().parts() == [name]);
    table
        .sort_columns()
        .iter()
        .filter_map(|name| leaf_of(name))
        .map(|leaf| SortingColumn { column_idx: leaf as i32, descending: false, nulls_first: false })
        .collect()
}
