//! A span's attributes: those with a column of their own, under whichever name they came, and the rest.

use super::{
    any_value::{AnyValue, read_key_value},
    attributes::{Correlation, Kept, push_entry, push_text, push_value},
    spans_columns::SpanColumns,
};
use crate::{
    model::alias::{self, Alias, Conversion, Side, Target},
    wire::{DecodeLimits, Repair, Report, WireError},
};

/// An attribute that fills a target.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    alias: &'static Alias,
    key: &'a [u8],
    value: AnyValue<'a>,
}

/// Scratch space for one span's attributes, reused between spans.
#[derive(Debug)]
pub(super) struct SpanAttributes<'a> {
    slots: [Option<Candidate<'a>>; Target::COUNT],
    /// One bit for each target whose slot is this span's; other slots hold what spans before left there.
    filled: u64,
    /// Candidates whose target is filled by a better name.
    losers: Vec<Candidate<'a>>,
    rest: Vec<(&'a [u8], AnyValue<'a>)>,
    correlation: Correlation<'a>,
    /// An `error` attribute of older instrumentation says that the span failed.
    pub(super) error: bool,
    /// The answer carried a `retry-after` header.
    pub(super) retry_after: bool,
}

const _: () = assert!(Target::COUNT <= u64::BITS as usize, "each target has its bit");

impl Default for SpanAttributes<'_> {
    fn default() -> Self {
        Self {
            slots: [None; Target::COUNT],
            filled: 0,
            losers: Vec::new(),
            rest: Vec::new(),
            correlation: Correlation::default(),
            error: false,
            retry_after: false,
        }
    }
}

impl<'a> SpanAttributes<'a> {
    /// Sorts `attributes` (each the bytes of a `KeyValue`) into targets and rest, forgetting those of the span before.
    pub(super) fn read(&mut self, attributes: &Kept<'a>, serves: bool, report: &mut Report) -> Result<(), WireError> {
        self.filled = 0;
        self.rest.clear();
        self.correlation = Correlation::default();
        self.error = false;
        self.retry_after = false;
        report.repair_many(Repair::AttributesDropped, attributes.dropped);
        let side = if serves { Side::Server } else { Side::Client };
        for bytes in &attributes.items {
            let (key, value) = read_key_value(bytes)?;
            let value = AnyValue::read(value)?;
            match alias::lookup(key).iter().find(|alias| alias.side == Side::Any || alias.side == side) {
                Some(alias) if fits(alias.target, value) => self.offer(Candidate { alias, key, value }),
                _ => self.keep(key, value)?,
            }
        }
        for loser in std::mem::take(&mut self.losers) {
            self.settle(loser, report)?;
        }
        Ok(())
    }

    /// The text that fills `target`, where it is a text.
    pub(super) fn text(&self, target: Target) -> &'a [u8] {
        match self.get(target).map(Candidate::converted) {
            Some(AnyValue::Text(text)) => text,
            _ => &[],
        }
    }

    /// The number that fills `target`.
    pub(super) fn number(&self, target: Target) -> Option<i32> {
        self.get(target).and_then(|candidate| as_i32(candidate.value))
    }

    pub(super) fn has(&self, target: Target) -> bool {
        self.filled & bit(target) != 0
    }

    /// Writes `row` of every column these attributes fill. Attributes without a column stand under their current names,
    /// in the order of [`Target`]; the rest follow as they came.
    pub(super) fn write(
        &mut self,
        columns: &mut SpanColumns,
        row: usize,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        if !self.has(Target::UrlPath)
            && let Some(path) = path_of_url(self.text(Target::UrlFull))
        {
            push_text(columns.text(Target::UrlPath), row, path, limits, report);
        }
        self.join_rpc_method(columns, row, limits, report);
        let mut left = self.filled;
        while left != 0 {
            if let Some(candidate) = self.slots[left.trailing_zeros() as usize] {
                self.write_candidate(candidate, columns, row, limits, report)?;
            }
            left &= left - 1;
        }
        self.correlation.push(&mut columns.correlation_id, row, limits, report)?;
        for (key, value) in &self.rest {
            push_entry(&mut columns.attributes, key, *value, limits, report)?;
        }
        columns.attributes.end_row(row);
        Ok(())
    }

    fn get(&self, target: Target) -> Option<Candidate<'a>> {
        self.slots[target as usize].filter(|_| self.has(target))
    }

    /// The name of the least rank fills a target, the first of equals.
    fn offer(&mut self, candidate: Candidate<'a>) {
        let target = candidate.alias.target;
        match self.get(target) {
            Some(holder) if holder.alias.rank <= candidate.alias.rank => self.losers.push(candidate),
            holder => {
                self.losers.extend(holder);
                self.slots[target as usize] = Some(candidate);
                self.filled |= bit(target);
            }
        }
    }

    /// Drops a loser that says the same as the winner; one that does not stays under its own name.
    fn settle(&mut self, loser: Candidate<'a>, report: &mut Report) -> Result<(), WireError> {
        // A request target also holds the query.
        if loser.alias.conversion != Conversion::PathOfTarget
            && let Some(winner) = self.get(loser.alias.target)
        {
            if winner.says_the_same(loser)? {
                return Ok(());
            }
            report.repair(Repair::AliasConflict);
        }
        self.rest.push((loser.key, loser.value));
        Ok(())
    }

    fn keep(&mut self, key: &'a [u8], value: AnyValue<'a>) -> Result<(), WireError> {
        match key {
            b"error" => self.error |= value.is_true(),
            b"otel.status_code" => self.error |= value == AnyValue::Text(b"ERROR"),
            b"http.response.header.retry-after" => self.retry_after = true,
            _ => self.correlation.offer(key, value)?,
        }
        self.rest.push((key, value));
        Ok(())
    }

    /// `rpc.method` without a slash is the bare method of `rpc.service`.
    fn join_rpc_method(&mut self, columns: &mut SpanColumns, row: usize, limits: &DecodeLimits, report: &mut Report) {
        let (method, service) = (self.text(Target::RpcMethod), self.text(Target::RpcService));
        if method.is_empty() || service.is_empty() || method.contains(&b'/') {
            return;
        }
        self.filled &= !(bit(Target::RpcMethod) | bit(Target::RpcService));
        let joined = [service, b"/", method].concat();
        push_text(columns.text(Target::RpcMethod), row, &joined, limits, report);
    }

    fn write_candidate(
        &self,
        candidate: Candidate<'a>,
        columns: &mut SpanColumns,
        row: usize,
        limits: &DecodeLimits,
        report: &mut Report,
    ) -> Result<(), WireError> {
        let Candidate { alias, value, .. } = candidate;
        let target = alias.target;
        if let Some(column) = columns.number(target) {
            if let Some(number) = as_i32(value) {
                column.push(row, number);
            }
            return Ok(());
        }
        if let (Conversion::PathOfTarget, AnyValue::Text(text)) = (alias.conversion, value)
            && !self.has(Target::UrlQuery)
            && let Some(query) = split_target(text).1
        {
            let key = Target::UrlQuery.attribute().as_bytes();
            push_entry(&mut columns.attributes, key, AnyValue::Text(query), limits, report)?;
        }
        if target.is_column() {
            push_value(columns.text(target), row, candidate.converted(), limits, report)
        } else {
            let key = target.attribute().as_bytes();
            push_entry(&mut columns.attributes, key, candidate.converted(), limits, report)
        }
    }
}

impl<'a> Candidate<'a> {
    /// The value as it stands under the current name.
    fn converted(self) -> AnyValue<'a> {
        match (self.alias.conversion, self.value) {
            (Conversion::Same, value) => value,
            (Conversion::PathOfTarget, AnyValue::Text(text)) => AnyValue::Text(split_target(text).0),
            (Conversion::GrpcCode, value @ (AnyValue::Int(_) | AnyValue::Text(_))) => {
                let name = value.as_i64().and_then(alias::grpc_code_name);
                name.map_or(value, |name| AnyValue::Text(name.as_bytes()))
            }
            (Conversion::Renamed(names), AnyValue::Text(text)) => {
                let current = names.iter().find(|(older, _)| older.as_bytes() == text);
                AnyValue::Text(current.map_or(text, |(_, current)| current.as_bytes()))
            }
            (_, value) => value,
        }
    }

    /// Whether `other` would write the same.
    fn says_the_same(self, other: Candidate<'_>) -> Result<bool, WireError> {
        if is_number(self.alias.target) {
            return Ok(as_i32(self.value) == as_i32(other.value));
        }
        match (self.converted(), other.converted()) {
            (AnyValue::Text(first), AnyValue::Text(second)) => Ok(first == second),
            (first, second) => {
                let mut texts = [Vec::new(), Vec::new()];
                first.write_text(&mut texts[0], usize::MAX)?;
                second.write_text(&mut texts[1], usize::MAX)?;
                Ok(texts[0] == texts[1])
            }
        }
    }
}

fn bit(target: Target) -> u64 {
    1 << target as u32
}

fn is_number(target: Target) -> bool {
    matches!(target, Target::HttpResponseStatusCode | Target::ServerPort)
}

/// Whether `value` can stand in the target's column; a status code that is no number cannot.
fn fits(target: Target, value: AnyValue<'_>) -> bool {
    if is_number(target) { as_i32(value).is_some() } else { !value.is_empty() }
}

fn as_i32(value: AnyValue<'_>) -> Option<i32> {
    value.as_i64().and_then(|value| i32::try_from(value).ok())
}

/// The path of a request target or of what follows a URL's scheme, and the query if it has one.
fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
    let target = &target[..end];
    match target.iter().position(|byte| *byte == b'?') {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..]).filter(|query| !query.is_empty())),
        None => (target, None),
    }
}

/// The path of an absolute URL, `/` where it has none.
fn path_of_url(url: &[u8]) -> Option<&[u8]> {
    let scheme_end = url.iter().position(|byte| matches!(byte, b':' | b'/' | b'?' | b'#'))?;
    let after = split_target(url[scheme_end..].strip_prefix(b"://")?).0;
    let path = after.iter().position(|byte| *byte == b'/').map(|start| &after[start..]);
    Some(path.unwrap_or(b"/"))
}
