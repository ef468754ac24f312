//! From text to one statement that is safe to plan: read-only, and of bounded depth and size.

use std::{collections::HashMap, ops::ControlFlow};

use datafusion::error::DataFusionError;
use datafusion::sql::{
    parser::{DFParserBuilder, Statement},
    sqlparser::{
        ast::{Expr, ObjectName, Query, Statement as SqlStatement, Visit, Visitor, visit_relations},
        dialect::PostgreSqlDialect,
        keywords::Keyword,
        tokenizer::{Token, Tokenizer},
    },
};

use crate::{classify::planning_error, error::QueryError, limits::Limits};

/// With this many the stack of the query threads suffices with room to spare (see `workers`).
const MAX_OPERATORS: usize = 2000;
/// Subqueries and parentheses inside each other. The parser, the planner and the optimizer recurse over them.
const NESTING: usize = 100;
/// Table references after every common table expression is put where it is used.
const RELATIONS: usize = 1000;
/// Columns of a `CUBE`, which makes two to the power of it grouping sets.
const CUBE_COLUMNS: usize = 10;

/// The one read-only statement in `text`.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Statement, QueryError> {
    if text.len() > limits.statement_bytes {
        return Err(QueryError::TooComplex { what: "bytes", found: text.len(), limit: limits.statement_bytes });
    }
    check_operators(text, limits.statement_operators.min(MAX_OPERATORS))?;
    let syntax_error = |error: DataFusionError| planning_error(&error, limits.query_memory);
    let mut statements = DFParserBuilder::new(text)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(NESTING)
        .build()
        .map_err(syntax_error)?
        .parse_statements()
        .map_err(syntax_error)?;
    let count = statements.len();
    let statement = match (statements.pop_front(), count) {
        (Some(statement), 1) => statement,
        (None, _) => return Err(QueryError::Syntax { message: "there is no statement in the text".to_owned() }),
        (Some(_), _) => return Err(QueryError::ManyStatements { count }),
    };
    check_read_only(&statement)?;
    if let Some(statement) = sql_statement(&statement) {
        check_size(statement)?;
    }
    Ok(statement)
}

/// Chains of operators are trees as deep as they are long, so that their number bounds the depth of everything that is
/// built from the statement.
fn check_operators(text: &str, limit: usize) -> Result<(), QueryError> {
    // What cannot be split into tokens is reported by the parser.
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize() else { return Ok(()) };
    let found = tokens.iter().filter(|token| nests(token)).count();
    if found > limit {
        return Err(QueryError::TooComplex { what: "operators and parentheses", found, limit });
    }
    Ok(())
}

fn nests(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::RLIKE
                | Keyword::REGEXP
                | Keyword::BETWEEN
                | Keyword::CASE
                | Keyword::WHEN
                | Keyword::JOIN
                | Keyword::SELECT
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::DIV
                | Keyword::MOD
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::INTERVAL
        ),
        Token::EOF
        | Token::Comma
        | Token::SemiColon
        | Token::Period
        | Token::Whitespace(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_) => false,
        _ => true,
    }
}

fn sql_statement(statement: &Statement) -> Option<&SqlStatement> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        Statement::Explain(explain) => sql_statement(&explain.statement),
        _ => None,
    }
}

fn check_read_only(statement: &Statement) -> Result<(), QueryError> {
    let allowed = match statement {
        Statement::Explain(explain) => return check_read_only(&explain.statement),
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            SqlStatement::Query(_)
                | SqlStatement::Explain { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowVariable { .. }
                | SqlStatement::ShowTables { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowFunctions { .. }
        ),
        _ => false,
    };
    if allowed { Ok(()) } else { Err(QueryError::NotReadOnly { statement: first_words(statement) }) }
}

/// The kind of statement, as its writer would name it: `DROP TABLE`, `INSERT INTO`.
fn first_words(statement: &Statement) -> String {
    let text = statement.to_string();
    let words: Vec<&str> = text
        .split(|character: char| !character.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .take(2)
        .take_while(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))
        .collect();
    if words.is_empty() { "this statement".to_owned() } else { words.join(" ") }
}

fn check_size(statement: &SqlStatement) -> Result<(), QueryError> {
    let mut collector = Collector::default();
    if let ControlFlow::Break(columns) = statement.visit(&mut collector) {
        return Err(QueryError::TooComplex { what: "columns in CUBE", found: columns, limit: CUBE_COLUMNS });
    }
    let relations = expanded_relations(statement, &collector.tables);
    if relations > RELATIONS {
        return Err(QueryError::TooComplex {
            what: "table references once WITH queries are put in place",
            found: relations,
            limit: RELATIONS,
        });
    }
    Ok(())
}

/// The common table expressions of a statement, as the tables each of them reads.
#[derive(Default)]
struct Collector {
    tables: Vec<(String, Vec<String>)>,
}

impl Visitor for Collector {
    type Break = usize;

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<usize> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = table.alias.name.value.to_lowercase();
            let reads = relations(table.query.as_ref()).into_iter().filter(|read| *read != name).collect();
            self.tables.push((name, reads));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<usize> {
        match expression {
            Expr::Cube(columns) if columns.len() > CUBE_COLUMNS => ControlFlow::Break(columns.len()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn relations<V: Visit>(node: &V) -> Vec<String> {
    let mut names = Vec::new();
    let _: ControlFlow<()> = visit_relations(node, |name: &ObjectName| {
        names.push(name.to_string().to_lowercase());
        ControlFlow::Continue(())
    });
    names
}

/// How many table references there are once common table expressions are put where they are used, which doubles with
/// each that reads another twice. Stops counting soon after the limit. Names are taken as unique in the statement.
fn expanded_relations(statement: &SqlStatement, tables: &[(String, Vec<String>)]) -> usize {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for _ in 0..=tables.len() {
        let mut changed = false;
        for (name, reads) in tables {
            let size = total(reads, &sizes);
            let known = sizes.entry(name).or_insert(1);
            if size > *known {
                *known = size;
                changed = true;
            }
            if size > RELATIONS {
                return size;
            }
        }
        if !changed {
            break;
        }
    }
    total(&relations(statement), &sizes)
}

fn total(reads: &[String], sizes: &HashMap<&str, usize>) -> usize {
    reads.iter().map(|read| sizes.get(read.as_str()).copied().unwrap_or(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text, &Limits::default()).unwrap_err().to_string()
    }

    #[test]
    fn queries_are_accepted() {
        for text in [
            "SELECT 1",
            "select 1;",
            "WITH t AS (SELECT 1) SELECT * FROM t",
            "VALUES (1), (2)",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "SHOW TABLES",
            "SHOW ALL",
            "DESCRIBE spans",
            "SELECT * FROM spans -- a comment; with a semicolon",
        ] {
            parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn statements_that_write_or_change_the_session_are_refused_by_name() {
        for (text, name) in [
            ("INSERT INTO spans VALUES (1)", "INSERT INTO"),
            ("UPDATE spans SET name = 'x'", "UPDATE"),
            ("DELETE FROM spans", "DELETE FROM"),
            ("DROP TABLE spans", "DROP TABLE"),
            ("CREATE TABLE t (a INT)", "CREATE TABLE"),
            ("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc/passwd'", "CREATE EXTERNAL"),
            ("COPY (SELECT 1) TO '/tmp/x.csv'", "COPY"),
            ("SET datafusion.execution.batch_size = 1", "SET"),
            ("RESET datafusion.execution.batch_size", "RESET"),
            ("BEGIN", "BEGIN"),
            ("PREPARE p AS SELECT 1", "PREPARE"),
            ("EXPLAIN DROP TABLE spans", ""),
            ("TRUNCATE TABLE spans", "TRUNCATE"),
            ("KILL 1", ""),
        ] {
            let error = parse(text, &Limits::default()).unwrap_err();
            if matches!(error, QueryError::NotReadOnly { .. }) {
                assert!(error.to_string().starts_with(name), "{text}: {error}");
            } else {
                assert!(matches!(error, QueryError::Syntax { .. }), "{text}: {error}");
            }
        }
    }

    #[test]
    fn syntax_errors_say_where() {
        assert!(refusal("SELECT 1 FROM (").contains("EOF"), "{}", refusal("SELECT 1 FROM ("));
        assert!(refusal("SELECT\n1 1").contains("Line: 2"), "{}", refusal("SELECT\n1 1"));
        assert!(refusal("").contains("no statement"));
        assert_eq!(refusal("SELECT 1; SELECT 2"), "one statement is allowed at a time, but there are 2");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert!(refusal(&format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000))).contains("parentheses"));
        assert!(refusal(&format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200))).contains("too deeply"));
        assert!(refusal(&format!("SELECT 1{}", " + 1".repeat(10_000))).contains("operators"));
        assert!(refusal(&format!("SELECT '{}'", "x".repeat(300_000))).contains("bytes"));
        let cube = (1..=11).map(|column| format!("c{column}")).collect::<Vec<_>>().join(", ");
        assert!(refusal(&format!("SELECT 1 FROM t GROUP BY CUBE({cube})")).contains("CUBE"));
        let list = vec!["1"; 20_000].join(",");
        parse(&format!("SELECT 1 IN ({list})"), &Limits::default()).unwrap();
    }

    #[test]
    fn common_table_expressions_that_double_are_refused() {
        let mut text = "WITH t0 AS (SELECT 1 AS a)".to_owned();
        for level in 1..=30 {
            let below = level - 1;
            text.push_str(&format!(", t{level} AS (SELECT a FROM t{below} UNION ALL SELECT a FROM t{below})"));
        }
        assert!(refusal(&format!("{text} SELECT * FROM t30")).contains("WITH"));
        let nested = "WITH a AS (SELECT 1 x), b AS (WITH c AS (SELECT 1 FROM a, a a2) SELECT 1 FROM c, c c2) \
                      SELECT * FROM b";
        parse(nested, &Limits::default()).unwrap();
        parse(
            "WITH RECURSIVE n AS (SELECT 1 a UNION ALL SELECT a + 1 FROM n WHERE a < 9) SELECT * FROM n",
            &Limits::default(),
        )
        .unwrap();
    }
}
