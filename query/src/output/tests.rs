use std::sync::Arc;

use arrow::{
    array::{
        BinaryArray, Float64Array, Int64Array, MapBuilder, StringArray, StringBuilder, StructArray,
        TimestampNanosecondArray, TimestampSecondArray,
    },
    datatypes::{DataType, Field, SchemaRef},
    ipc::reader::StreamReader,
};

use super::*;

fn sample() -> RecordBatch {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    maps.keys().append_value("user.id");
    maps.values().append_value("a\"b");
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    let point = StructArray::from(vec![(
        Arc::new(Field::new("at", DataType::Timestamp(arrow::datatypes::TimeUnit::Second, None), true)),
        Arc::new(TimestampSecondArray::from(vec![Some(0), None])) as _,
    )]);
    RecordBatch::try_from_iter_with_nullable(vec![
        ("text", Arc::new(StringArray::from(vec![Some("a,\"b\"\n"), Some("")])) as _, true),
        ("time", Arc::new(TimestampNanosecondArray::from(vec![Some(1), None]).with_timezone("+02:00")) as _, true),
        ("count", Arc::new(Int64Array::from(vec![i64::MAX, -1])) as _, false),
        ("share", Arc::new(Float64Array::from(vec![f64::NAN, 0.5])) as _, false),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None])) as _, true),
        ("map", Arc::new(maps.finish()) as _, true),
        ("point", Arc::new(point) as _, true),
    ])
    .unwrap()
}

fn written(format: Format, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::begin(format, schema, &mut out).unwrap();
    for batch in batches {
        writer.batch(batch, &mut out).unwrap();
    }
    let stats = QueryStats { rows: 2, ..QueryStats::default() };
    writer.end(&stats, &mut out).unwrap();
    out
}

fn text(format: Format) -> String {
    let batch = sample();
    String::from_utf8(written(format, &batch.schema(), &[batch])).unwrap()
}

#[test]
fn json_has_columns_rows_and_stats() {
    let document: serde_json::Value = serde_json::from_str(&text(Format::Json)).unwrap();
    assert_eq!(
        document["rows"],
        serde_json::json!([
            ["a,\"b\"\n", "1970-01-01T00:00:00.000000001Z", i64::MAX, null, "00ff", {"user.id": "a\"b"},
             {"at": "1970-01-01T00:00:00.000000000"}],
            ["", null, -1, 0.5, null, null, {"at": null}],
        ])
    );
    let types: Vec<&str> =
        document["columns"].as_array().unwrap().iter().map(|column| column["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "VARCHAR",
            "TIMESTAMP WITH TIME ZONE",
            "BIGINT",
            "DOUBLE",
            "BINARY",
            "MAP(VARCHAR, VARCHAR)",
            "STRUCT(at TIMESTAMP)"
        ]
    );
    assert_eq!(document["stats"]["rows"], 2);
}

#[test]
fn ndjson_has_a_line_per_row() {
    let lines: Vec<serde_json::Value> =
        text(Format::Ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["map"]["user.id"], "a\"b");
    assert_eq!(lines[1]["time"], serde_json::Value::Null);
}

#[test]
fn csv_quotes_what_needs_it_and_tells_null_from_empty() {
    assert_eq!(
        text(Format::Csv),
        "text,time,count,share,bytes,map,point\n\
         \"a,\"\"b\"\"\n\",1970-01-01T00:00:00.000000001Z,9223372036854775807,,00ff,\"{\"\"user.id\"\":\"\"a\\\"\"b\"\"}\",\
         \"{\"\"at\"\":\"\"1970-01-01T00:00:00.000000000\"\"}\"\n\
         \"\",,-1,0.5,,,\"{\"\"at\"\":null}\"\n"
    );
}

#[test]
fn arrow_reads_back_equal() {
    let batch = sample();
    let bytes = written(Format::Arrow, &batch.schema(), &[batch.clone(), batch.clone()]);
    let read: Vec<RecordBatch> = StreamReader::try_new(&bytes[..], None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, [batch.clone(), batch]);
}

#[test]
fn a_table_is_aligned_and_bounded() {
    let table = text(Format::Table);
    assert!(table.contains("| text"), "{table}");
    assert!(table.contains("9223372036854775807"), "{table}");

    let counts = Arc::new(Int64Array::from_iter_values(0..10_005));
    let batch = RecordBatch::try_from_iter(vec![("n", counts as _)]).unwrap();
    let table = String::from_utf8(written(Format::Table, &batch.schema(), &[batch])).unwrap();
    assert!(table.ends_with("(5 more rows)\n"));
}

#[test]
fn an_empty_result_is_complete_in_every_format() {
    let schema = sample().schema();
    for format in Format::ALL {
        let out = written(format, &schema, &[]);
        match format {
            Format::Json => assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok()),
            Format::Ndjson => assert!(out.is_empty()),
            Format::Csv => assert_eq!(out, b"text,time,count,share,bytes,map,point\n"),
            Format::Arrow => assert_eq!(StreamReader::try_new(&out[..], None).unwrap().count(), 0),
            Format::Table => assert!(!out.is_empty()),
        }
        assert_eq!(format.name().parse::<Format>().unwrap(), format);
    }
    assert!("xml".parse::<Format>().is_err());
}
