//! The arguments of table functions: literals, after DataFusion has evaluated expressions such as
//! `now() - interval '1 hour'`.

use datafusion::{
    common::{Result, ScalarValue, plan_datafusion_err, plan_err},
    logical_expr::Expr,
};
use spandrel_proto::model::id::{TRACE_ID_LEN, parse_trace_id};

use crate::time::{parse_duration, parse_time};

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// A trace id: 32 hex digits, or 16 of an id of 64 bits.
pub(super) fn trace_id(function: &str, argument: &Expr) -> Result<[u8; TRACE_ID_LEN]> {
    let text = text(argument).ok_or_else(|| wrong(function, argument, "a trace id as text"))?;
    parse_trace_id(text.trim()).ok_or_else(|| {
        plan_datafusion_err!("{function}: '{text}' is not a trace id; it has 32 hex digits (or 16), not all zero")
    })
}

/// A time in nanoseconds since the epoch, from text or a timestamp.
pub(super) fn time(function: &str, argument: &Expr, now_ns: i64) -> Result<i64> {
    if let Some(text) = text(argument) {
        return parse_time(text, now_ns).map_err(|error| plan_datafusion_err!("{function}: {error}"));
    }
    let nanos = match argument {
        Expr::Literal(ScalarValue::TimestampSecond(Some(time), _), _) => time.checked_mul(1_000_000_000),
        Expr::Literal(ScalarValue::TimestampMillisecond(Some(time), _), _) => time.checked_mul(1_000_000),
        Expr::Literal(ScalarValue::TimestampMicrosecond(Some(time), _), _) => time.checked_mul(1000),
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(time), _), _) => Some(*time),
        Expr::Literal(ScalarValue::Date32(Some(days)), _) => i64::from(*days).checked_mul(NANOS_PER_DAY),
        _ => {
            return Err(wrong(
                function,
                argument,
                "a time: a timestamp, or text like '2026-11-20T10:00:00Z' or 'now-1h'",
            ));
        }
    };
    nanos.ok_or_else(|| plan_datafusion_err!("{function}: the time {argument} is out of range"))
}

/// A duration in nanoseconds, more than zero, from text or an interval without months.
pub(super) fn step(function: &str, argument: &Expr) -> Result<i64> {
    let nanos = match argument {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) if interval.months == 0 => {
            i64::from(interval.days).checked_mul(NANOS_PER_DAY).and_then(|days| days.checked_add(interval.nanoseconds))
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => i64::from(interval.days)
            .checked_mul(NANOS_PER_DAY)
            .and_then(|days| days.checked_add(i64::from(interval.milliseconds) * 1_000_000)),
        _ => match text(argument) {
            Some(text) => Some(parse_duration(text).map_err(|error| plan_datafusion_err!("{function}: {error}"))?),
            None => return Err(wrong(function, argument, "a step: text like '1m', or an interval without months")),
        },
    };
    match nanos {
        Some(nanos) if nanos > 0 => Ok(nanos),
        _ => plan_err!("{function}: the step {argument} is not more than zero"),
    }
}

pub(super) fn text(argument: &Expr) -> Option<&str> {
    match argument {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

pub(super) fn wrong(function: &str, argument: &Expr, wanted: &str) -> datafusion::error::DataFusionError {
    plan_datafusion_err!("{function}: {argument} is not {wanted}")
}
