//! Which ids hang together.

use super::support::{Store, log, request, span};

const TRACE: u128 = 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c;
const ID: &str = "5b8efff798038103d269b633813fc60c";
const MINUTE: i64 = 60_000;

fn root(trace: u128, start: i64) -> super::support::Row {
    span(trace, (trace as u64, 0), "SERVER", "shop", (start, start + 100))
}

#[test]
fn ids_lead_to_ids() {
    let store = Store::default()
        .requests([request("edge", "edge", (0, 100)).keys(&["request-0001", "order-4711"])])
        .logs([log("billing", 50, "order billed").key("order-4711").trace(7)])
        .spans([root(7, 40), root(8, 0)]);
    let expected = ["request edge edge T2", "  span shop SERVER T2", "    log billing order billed T1"];
    for id in ["request-0001", "order-4711", "0000000000000007"] {
        let lines = store.flow(id).lines();
        assert_eq!(lines.len(), 3, "{id}: {lines:?}");
    }
    assert_eq!(store.flow("request-0001").lines(), expected);
    assert!(store.flow("request-0002").flow.records.is_empty());
}

#[test]
fn a_second_trace_id_of_a_record_joins_its_trace() {
    let other = format!("{:032x}", 7);
    let store = Store::default()
        .requests([request("edge", "edge", (0, 200)).trace(TRACE).keys(&[&other])])
        .spans([root(7, 40), root(TRACE, 20)]);
    let lines = store.flow(ID).lines();
    assert_eq!(lines, ["request edge edge T1", "  span shop SERVER T1", "span shop SERVER T2"]);
}

#[test]
fn links_name_other_flows_and_do_not_merge_them() {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray, ListArray, StructArray, new_null_array};
    use arrow::{buffer::OffsetBuffer, datatypes::DataType};
    use spandrel_proto::model::links_item;

    let mut found = Store::default().spans([root(TRACE, 0), root(7, 40)]).search(ID);
    let item = links_item();
    let DataType::Struct(fields) = item.data_type() else { unreachable!() };
    let columns = fields.iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "trace_id" => Arc::new(BinaryArray::from_iter_values([7_u128.to_be_bytes(), TRACE.to_be_bytes()])),
            "span_id" => Arc::new(BinaryArray::from_iter_values([9_u64.to_be_bytes(); 2])),
            _ => new_null_array(field.data_type(), 2),
        }
    });
    let links = StructArray::new(fields.clone(), columns.collect(), None);
    let links: ArrayRef = Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([2]), Arc::new(links), None));
    let index = found.spans.schema().index_of("links").unwrap();
    let mut columns = found.spans.columns().to_vec();
    columns[index] = links;
    found.spans = arrow::record_batch::RecordBatch::try_new(found.spans.schema(), columns).unwrap();

    let flow = crate::flow::Flow::assemble(&found, &Default::default());
    assert_eq!(flow.records.len(), 1);
    let linked: Vec<_> =
        flow.summary.linked_flows.iter().map(|linked| (linked.record, linked.trace_id, linked.span_id)).collect();
    assert_eq!(linked, [(0, 7, 9)]);
}

#[test]
fn sessions_do_not_merge() {
    let spans = (1..=30).map(|trace| root(trace, trace as i64 * 10).key("session-1"));
    let store = Store::default().spans(spans).logs([log("shop", 20, "of one").trace(2)]);
    let one = store.flow(&format!("{:032x}", 2));
    assert_eq!(
        one.lines(),
        ["span shop SERVER T0", "  log shop of one T0"].map(|line| line.replace("one T0", "one T1"))
    );
    assert!(one.gaps()[0].starts_with("session: session-1 "), "{:?}", one.gaps());

    let session = store.flow("session-1");
    assert_eq!((session.flow.records.len(), session.found.is_session), (30, true), "nothing but what has the id");

    let store = Store::default().spans([root(1, 0).key("session-2"), root(2, 16 * MINUTE).key("session-2")]);
    assert!(store.flow("session-2").found.is_session, "its records are too far apart");
    let store = Store::default().spans([root(1, 0).key("request-2"), root(2, 14 * MINUTE).key("request-2")]);
    assert_eq!(store.flow(&format!("{:032x}", 1)).flow.records.len(), 2);
}

#[test]
fn what_is_more_than_a_quarter_of_an_hour_away_is_not_part_of_it() {
    let store = Store::default()
        .spans([root(TRACE, 0).key("counter-1")])
        .logs([log("shop", 10, "near").key("counter-1"), log("shop", 300 * MINUTE, "far").key("counter-1")]);
    let shown = store.flow(ID);
    assert_eq!(shown.lines(), ["span shop SERVER T0", "  log shop near T2"]);
}

#[test]
fn chains_of_ids_are_cut_and_it_is_said() {
    // Each request shares an id with the next one.
    let chain = |length: usize| {
        let requests = (0..length).map(|number| {
            request("edge", "edge", (0, 10)).keys(&[&format!("chain-{number:04}"), &format!("chain-{:04}", number + 1)])
        });
        Store::default().requests(requests).flow("chain-0000")
    };
    assert!(chain(2).gaps().iter().all(|gap| !gap.starts_with("ids_cut")));
    let long = chain(20);
    assert!(long.gaps().iter().any(|gap| gap.starts_with("ids_cut")), "{:?}", long.gaps());
    assert_eq!(long.flow.records.len(), 3);

    let ids: Vec<String> = (0..100).map(|number| format!("fan-out-{number:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let wide = Store::default().requests([request("edge", "edge", (0, 10)).keys(&ids)]).search(ids[50]);
    assert!(wide.gaps.iter().any(|gap| gap.to_string().starts_with("ids_cut")));
}

#[test]
fn logs_are_left_out_when_there_is_no_room() {
    let mut search = crate::flow::Search::new(crate::flow::FlowId::parse(ID).unwrap());
    search.leave_logs_out("they do not fit in memory");
    assert!(!search.takes(spandrel_proto::model::Table::Logs) && search.takes(spandrel_proto::model::Table::Spans));
    let found = search.finish().unwrap();
    assert_eq!(found.gaps[0].to_string(), "records_cut: logs are left out: they do not fit in memory");
}
