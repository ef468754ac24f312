//! The tables and what is fixed about each.

use std::fmt;

use arrow::datatypes::SchemaRef;

use super::schema;

/// A table of canonical records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    Spans,
    Logs,
    Metrics,
    Requests,
    Breakers,
    Rejects,
    Operations,
    Edges,
    CriticalPaths,
    Coverage,
    OperationsHourly,
    EdgesHourly,
    Findings,
    Acknowledgements,
}

impl Table {
    /// Every table, in the order of their codes.
    pub const ALL: [Table; 14] = [
        Table::Spans,
        Table::Logs,
        Table::Metrics,
        Table::Requests,
        Table::Breakers,
        Table::Rejects,
        Table::Operations,
        Table::Edges,
        Table::CriticalPaths,
        Table::Coverage,
        Table::OperationsHourly,
        Table::EdgesHourly,
        Table::Findings,
        Table::Acknowledgements,
    ];

    /// The tables that are computed from others, a time bucket at a time. Each bucket is written whole, again and again
    /// if need be; of its rows only those of the greatest `revision` count.
    pub const ROLLUPS: [Table; 6] = [
        Table::Operations,
        Table::Edges,
        Table::CriticalPaths,
        Table::Coverage,
        Table::OperationsHourly,
        Table::EdgesHourly,
    ];

    /// The name users write in SQL, and the directory the table's files are in.
    pub fn name(self) -> &'static str {
        match self {
            Table::Spans => "spans",
            Table::Logs => "logs",
            Table::Metrics => "metrics",
            Table::Requests => "requests",
            Table::Breakers => "breakers",
            Table::Rejects => "rejects",
            Table::Operations => "operations",
            Table::Edges => "edges",
            Table::CriticalPaths => "critical_paths",
            Table::Coverage => "coverage",
            Table::OperationsHourly => "operations_hourly",
            Table::EdgesHourly => "edges_hourly",
            Table::Findings => "findings",
            Table::Acknowledgements => "acknowledgements",
        }
    }

    /// The byte that stands for the table in the write-ahead log. Never reused.
    pub fn code(self) -> u8 {
        match self {
            Table::Spans => 1,
            Table::Logs => 2,
            Table::Metrics => 3,
            Table::Requests => 4,
            Table::Breakers => 5,
            Table::Rejects => 6,
            Table::Operations => 7,
            Table::Edges => 8,
            Table::CriticalPaths => 9,
            Table::Coverage => 10,
            Table::OperationsHourly => 11,
            Table::EdgesHourly => 12,
            Table::Findings => 13,
            Table::Acknowledgements => 14,
        }
    }

    /// The table that `code` stands for.
    pub fn from_code(code: u8) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.code() == code)
    }

    /// Whether rows stay however old they are: what people decided, which is little.
    pub fn is_kept(self) -> bool {
        self == Table::Acknowledgements
    }

    /// Its stored schema. Times are `Int64` nanoseconds and ids are `Binary`; see [`super::column_type`].
    pub fn schema(self) -> SchemaRef {
        schema::stored(self)
    }

    /// The event-time column: rows are partitioned by its hour.
    pub fn time_column(self) -> &'static str {
        match self {
            Table::Spans | Table::Requests => "start_time",
            Table::Logs
            | Table::Metrics
            | Table::Breakers
            | Table::Rejects
            | Table::Operations
            | Table::Edges
            | Table::CriticalPaths
            | Table::Coverage
            | Table::OperationsHourly
            | Table::EdgesHourly
            | Table::Findings
            | Table::Acknowledgements => "time",
        }
    }

    /// The columns that rows of a file are sorted by, all ascending with nulls last.
    pub fn sort_columns(self) -> &'static [&'static str] {
        match self {
            Table::Spans => &["service_name", "start_time"],
            Table::Logs => &["service_name", "time"],
            Table::Metrics => &["name", "service_name", "time"],
            Table::Requests => &["gateway", "start_time"],
            Table::Breakers => &["service_name", "time"],
            Table::Rejects => &["source", "time"],
            Table::Operations | Table::OperationsHourly | Table::Coverage => &["service_name", "time"],
            Table::Edges | Table::EdgesHourly => &["source", "target", "time"],
            Table::CriticalPaths => &["entry_service", "entry_operation", "time"],
            Table::Findings => &["kind", "time"],
            Table::Acknowledgements => &["finding_id", "time"],
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
