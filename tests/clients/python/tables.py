"""The tables of a data directory as others read them: deltalake, polars and duckdb."""

import datetime

import duckdb
import polars
from deltalake import DeltaTable, QueryBuilder

TIME_COLUMNS = {"spans": "start_time", "logs": "time", "metrics": "time"}
ID_COLUMNS = {"spans": {"trace_id": 16, "span_id": 8, "parent_span_id": 8}, "logs": {"trace_id": 16, "span_id": 8}, "metrics": {}}


def counts_by_service_deltalake(data_dir, table):
    delta = DeltaTable(str(data_dir / table))
    statement = "SELECT service_name, CAST(count(*) AS BIGINT) AS rows FROM t GROUP BY service_name"
    batches = QueryBuilder().register("t", delta).execute(statement).read_all()
    names, rows = batches["service_name"].to_pylist(), batches["rows"].to_pylist()
    return dict(zip(names, rows))


def counts_by_service_polars(data_dir, table):
    frame = polars.scan_delta(str(data_dir / table)).group_by("service_name").len().collect()
    return dict(frame.iter_rows())


def counts_by_service_duckdb(data_dir, table):
    """Over the files that the Delta log lists: duckdb's own Delta extension would have to be downloaded."""
    files = DeltaTable(str(data_dir / table)).file_uris()
    statement = "SELECT service_name, count(*) FROM read_parquet(?, hive_partitioning = false) GROUP BY service_name"
    return dict(duckdb.execute(statement, [files]).fetchall())


COUNTS = {
    "deltalake": counts_by_service_deltalake,
    "polars": counts_by_service_polars,
    "duckdb": counts_by_service_duckdb,
}


def problems(data_dir, table):
    """What is wrong with the types and the partitions of a table, if anything."""
    delta = DeltaTable(str(data_dir / table))
    found = []
    if delta.metadata().partition_columns != ["hour"]:
        found.append(f"partition columns are {delta.metadata().partition_columns}")
    frame = polars.scan_delta(str(data_dir / table))
    for column, length in ID_COLUMNS[table].items():
        lengths = frame.select(polars.col(column).drop_nulls().bin.size().unique()).collect().to_series().to_list()
        if lengths != [length]:
            found.append(f"{column} has lengths {lengths}, expected {length}")
        files = delta.file_uris()
        duck = duckdb.execute(
            f"SELECT DISTINCT octet_length({column}) FROM read_parquet(?, hive_partitioning = false) "
            f"WHERE {column} IS NOT NULL",
            [files],
        ).fetchall()
        if duck != [(length,)]:
            found.append(f"duckdb sees lengths {duck} of {column}, expected {length}")
    pairs = frame.select("hour", polars.col(TIME_COLUMNS[table]) // 3_600_000_000_000).unique().collect()
    for hour, hours_since_epoch in pairs.iter_rows():
        expected = datetime.datetime.fromtimestamp(hours_since_epoch * 3600, datetime.UTC).strftime("%Y-%m-%dT%H")
        if hour != expected:
            found.append(f"a row of {expected} is in partition {hour}")
    return found


def rows(data_dir, table):
    return polars.scan_delta(str(data_dir / table)).select(polars.len()).collect().item()
