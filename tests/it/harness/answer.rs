//! Answers of `/api/v1/sql`.

use serde_json::{Map, Value};

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) types: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Rows {
    pub(crate) fn parse(answer: &Value) -> Self {
        let texts = |name: &str| -> Vec<String> {
            let columns = answer["columns"].as_array().unwrap_or_else(|| panic!("no columns in {answer}"));
            columns.iter().map(|column| column[name].as_str().unwrap().to_owned()).collect()
        };
        let rows = answer["rows"].as_array().unwrap();
        Self {
            columns: texts("name"),
            types: texts("type"),
            rows: rows.iter().map(|row| row.as_array().unwrap().clone()).collect(),
        }
    }

    /// The only value of a result of one row and one column.
    pub(crate) fn value(&self) -> &Value {
        assert_eq!((self.rows.len(), self.columns.len()), (1, 1), "{self:?}");
        &self.rows[0][0]
    }

    pub(crate) fn count(&self) -> u64 {
        self.value().as_u64().unwrap_or_else(|| panic!("not a count: {self:?}"))
    }

    /// Each row as what it has: names and values, without those that are null.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let object = |row: &Vec<Value>| {
            let present = self.columns.iter().cloned().zip(row.iter().cloned()).filter(|(_, value)| !value.is_null());
            Value::Object(present.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }
}
