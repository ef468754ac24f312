//! Arrow schemas as Delta schemas.

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Map, Value, json};
use spandrel_proto::model::{ColumnType, column_type};

use super::action::HOUR_COLUMN;

/// A stored type that Delta has no name for; a defect of the canonical model.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` has type {data_type}, which Delta tables cannot have")]
pub(crate) struct UnsupportedType {
    column: String,
    data_type: DataType,
}

/// The Delta `schemaString` of a table with this stored schema, with the partition column at the end.
pub(crate) fn schema_string(schema: &Schema) -> Result<String, UnsupportedType> {
    let mut fields = schema.fields().iter().map(|field| field_json(field)).collect::<Result<Vec<_>, _>>()?;
    fields.push(json!({"name": HOUR_COLUMN, "type": "string", "nullable": true, "metadata": {}}));
    Ok(json!({"type": "struct", "fields": fields}).to_string())
}

/// `stored` with the columns of `wanted` that it lacks behind its own, or `None` if it lacks none or cannot be read.
pub(crate) fn grown_schema(stored: &str, wanted: &str) -> Option<String> {
    let mut stored: Value = serde_json::from_str(stored).ok()?;
    let wanted: Value = serde_json::from_str(wanted).ok()?;
    let missing: Vec<Value> = {
        let known = stored["fields"].as_array()?;
        let is_missing = |field: &&Value| !known.iter().any(|other| other["name"] == field["name"]);
        wanted["fields"].as_array()?.iter().filter(is_missing).cloned().collect()
    };
    if missing.is_empty() {
        return None;
    }
    stored["fields"].as_array_mut()?.extend(missing);
    Some(stored.to_string())
}

fn field_json(field: &Field) -> Result<Value, UnsupportedType> {
    let mut metadata = Map::new();
    match column_type(field) {
        Some(ColumnType::Time) => {
            metadata.insert("comment".to_owned(), json!("nanoseconds since the Unix epoch, UTC"));
        }
        Some(ColumnType::Id) => {
            metadata.insert("comment".to_owned(), json!("the bytes of the id"));
        }
        None => {}
    }
    // All nullable: files written before a column existed do not have it.
    Ok(json!({"name": field.name(), "type": type_json(field)?, "nullable": true, "metadata": metadata}))
}

fn type_json(field: &Field) -> Result<Value, UnsupportedType> {
    let unsupported = || UnsupportedType { column: field.name().clone(), data_type: field.data_type().clone() };
    Ok(match field.data_type() {
        DataType::Utf8 => json!("string"),
        DataType::Int32 => json!("integer"),
        DataType::Int64 => json!("long"),
        DataType::Float64 => json!("double"),
        DataType::Boolean => json!("boolean"),
        DataType::Binary => json!("binary"),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| field_json(field)).collect::<Result<Vec<_>, _>>()?;
            json!({"type": "struct", "fields": fields})
        }
        DataType::List(item) => json!({"type": "array", "elementType": type_json(item)?, "containsNull": true}),
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { return Err(unsupported()) };
            let [key, value] = &fields[..] else { return Err(unsupported()) };
            json!({"type": "map", "keyType": type_json(key)?, "valueType": type_json(value)?, "valueContainsNull": true})
        }
        _ => return Err(unsupported()),
    })
}

#[cfg(test)]
mod tests {
    use spandrel_proto::model::Table;

    use super::*;

    #[test]
    fn every_stored_schema_has_a_delta_form() {
        for table in Table::ALL {
            let text = schema_string(&table.schema()).unwrap();
            let schema: Value = serde_json::from_str(&text).unwrap();
            let fields = schema["fields"].as_array().unwrap();
            assert_eq!(fields.len(), table.schema().fields().len() + 1);
            assert_eq!(fields.last().unwrap()["name"], "hour");
        }
        let spans: Value = serde_json::from_str(&schema_string(&Table::Spans.schema()).unwrap()).unwrap();
        let field = |name: &str| {
            spans["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap().clone()
        };
        assert_eq!(field("trace_id")["type"], "binary");
        assert_eq!(field("start_time")["type"], "long");
        assert_eq!(field("http_response_status_code")["type"], "integer");
        assert_eq!(field("weight")["type"], "double");
        assert_eq!(
            field("attributes")["type"],
            json!({"type": "map", "keyType": "string", "valueType": "string", "valueContainsNull": true})
        );
        assert_eq!(field("events")["type"]["elementType"]["fields"][0]["name"], "time");
    }

    #[test]
    fn a_schema_grows_by_what_it_lacks() {
        let wanted = schema_string(&Table::Logs.schema()).unwrap();
        let mut stored: Value = serde_json::from_str(&wanted).unwrap();
        let removed = stored["fields"].as_array_mut().unwrap().remove(3);
        let grown: Value = serde_json::from_str(&grown_schema(&stored.to_string(), &wanted).unwrap()).unwrap();
        assert_eq!(grown["fields"].as_array().unwrap().last(), Some(&removed));
        assert_eq!(grown_schema(&wanted, &wanted), None);
    }
}
