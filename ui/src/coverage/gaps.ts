/** What each service does not tell, or tells wrongly: how much of it, what that means, and the setting that mends it. */
import type { GraphNode } from '../api/types';
import { formatCompact } from '../format';
import type { CoverageRow, SentRow } from './sql';

export type Level = 'gap' | 'little';

export interface Gap {
  key: string;
  service: string;
  namespace: string | null;
  title: string;
  part: number;
  whole: number;
  /** What the whole is. */
  of: string;
  level: Level;
  meaning: string;
  fix: string;
  /** As it is written into a shell, an environment or a file. */
  setting: string;
}

interface Check<Row> {
  key: string;
  title: string;
  part: (row: Row) => number;
  whole: (row: Row) => number;
  of: string;
  /** From which share it hides something; the thresholds of findings where these have one. */
  from: number;
  meaning: string;
  fix: string;
  setting: string;
}

const SPANS = { whole: (row: { spans: number }) => row.spans, of: 'spans' };

const OF_ANALYSIS: readonly Check<CoverageRow>[] = [
  {
    key: 'unpaired',
    title: 'Calls without a server span',
    part: (row) => row.unpaired_clients,
    whole: (row) => row.unpaired_clients + row.paired_clients,
    of: 'calls to services that send spans',
    from: 0.09,
    meaning: 'The callee sends spans, but none for these calls: the context does not reach it, it samples by itself, it was not reached, or it is overloaded.',
    fix: 'Give all services the same propagators and a sampler that follows its parent.',
    setting: 'OTEL_PROPAGATORS=tracecontext,baggage OTEL_TRACES_SAMPLER=parentbased_always_on',
  },
  {
    key: 'clients_missing',
    title: 'Requests without a client span',
    part: (row) => row.clients_missing,
    ...SPANS,
    from: 0.1,
    meaning: 'Requests from another service whose calls have no client span: attempts, network time and the caller’s view are not known.',
    fix: 'Switch on the instrumentation of the HTTP or RPC client library in the callers (here of the Java agent).',
    setting: 'OTEL_INSTRUMENTATION_COMMON_DEFAULT_ENABLED=true',
  },
  {
    key: 'orphans',
    title: 'Spans whose parent is not stored',
    part: (row) => row.orphans,
    ...SPANS,
    from: 0.05,
    meaning: 'They begin fragments: the request above them is cut off. The parent was not sampled, was dropped on the way, or belongs to something that sends nothing here.',
    fix: 'Let the sampler follow the parent, and give the exporter a larger queue.',
    setting: 'OTEL_TRACES_SAMPLER=parentbased_always_on OTEL_BSP_MAX_QUEUE_SIZE=8192',
  },
  {
    key: 'skew',
    title: 'Messages that arrive before they were sent',
    part: (row) => row.skew_suspects,
    ...SPANS,
    from: 0.05,
    meaning: 'Clocks of the hosts differ: queue delays of these messages are not counted.',
    fix: 'Synchronise the clocks of the hosts.',
    setting: 'chronyc tracking',
  },
  {
    key: 'negative',
    title: 'Spans that end before they begin',
    part: (row) => row.negative_durations,
    ...SPANS,
    from: 0.05,
    meaning: 'The clock was set back while they were open, or the program computes one of the two times itself. They count with a duration of 0.',
    fix: 'Let the clock be slewed instead of stepped.',
    setting: 'makestep 1 3   # chrony.conf: step only in the first three updates',
  },
  {
    key: 'alias',
    title: 'Old and current attributes that contradict each other',
    part: (row) => row.alias_conflicts,
    ...SPANS,
    from: 0.05,
    meaning: 'Two instrumentations describe the same span, differently. The current name counts.',
    fix: 'Let the SDK send the current names only.',
    setting: 'OTEL_SEMCONV_STABILITY_OPT_IN=http,database',
  },
  {
    key: 'duplicates',
    title: 'Spans that arrived twice',
    part: (row) => row.duplicates,
    ...SPANS,
    from: 0.05,
    meaning: 'One of each is counted. Two exporters or two pipelines send the same.',
    fix: 'Leave one exporter of traces.',
    setting: 'OTEL_TRACES_EXPORTER=otlp',
  },
  {
    key: 'clashes',
    title: 'Span ids used twice, or cycles of parents',
    part: (row) => row.id_clashes + row.cycles,
    ...SPANS,
    from: 0.01,
    meaning: 'Client and server share one id (Zipkin), or ids are not random. They are told apart as well as can be.',
    fix: 'Give server spans ids of their own.',
    setting: 'Tracing.newBuilder().supportsJoin(false)   // Brave',
  },
];

const OF_SPANS: readonly Check<SentRow>[] = [
  {
    key: 'sampled',
    title: 'Requests that were not sampled',
    part: (row) => Math.max(0, row.weight - row.spans),
    whole: (row) => row.weight,
    of: 'spans that the stored ones stand for',
    from: 0.9,
    meaning: 'Counts are weighted, so rates stay right; rare failures may be missing, and so may the request that you look for.',
    fix: 'Keep a larger share of traces.',
    setting: 'OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=1.0',
  },
  {
    key: 'attributes',
    title: 'Spans that lost attributes',
    part: (row) => row.dropped_attributes,
    ...SPANS,
    from: 0.05,
    meaning: 'The SDK cut them off at its limit: joins and filters by these attributes do not find the span.',
    fix: 'Raise the limit of attributes for each span.',
    setting: 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=256',
  },
  {
    key: 'events',
    title: 'Spans that lost events',
    part: (row) => row.dropped_events,
    ...SPANS,
    from: 0.05,
    meaning: 'The SDK cut them off at its limit: exceptions may be missing.',
    fix: 'Raise the limit of events for each span.',
    setting: 'OTEL_SPAN_EVENT_COUNT_LIMIT=512',
  },
  {
    key: 'links',
    title: 'Spans that lost links',
    part: (row) => row.dropped_links,
    ...SPANS,
    from: 0.05,
    meaning: 'The SDK cut them off at its limit: messages of a batch have no edge to whom published them.',
    fix: 'Raise the limit of links for each span.',
    setting: 'OTEL_SPAN_LINK_COUNT_LIMIT=512',
  },
  {
    key: 'name',
    title: 'Spans without a name of their service',
    part: (row) => (row.service_name.startsWith('unknown_service') ? row.spans : 0),
    ...SPANS,
    from: 0.05,
    meaning: 'Several programs may stand behind this one name.',
    fix: 'Name the service.',
    setting: 'OTEL_SERVICE_NAME=checkout',
  },
];

/** What the graph says of a service. */
interface NodeRow {
  service_name: string;
  service_namespace: string | null;
  /** Requests that its own spans have from services, and tries that their spans tell of. */
  requests: number;
  tries: number;
}

const OF_GRAPH: readonly Check<NodeRow>[] = [
  {
    key: 'servers_missing',
    title: 'Requests without spans of their own',
    part: (row) => row.tries - row.requests,
    whole: (row) => row.tries,
    of: 'tries that spans of its callers tell of',
    from: 0.09,
    meaning: 'Callers say that they called it, but it sent no span for that: some of its processes are not instrumented, it samples by itself, or calls did not reach it.',
    fix: 'Instrument all of its processes, with a sampler that follows its parent.',
    setting: 'OTEL_TRACES_SAMPLER=parentbased_always_on',
  },
];

/** What is not 0, the largest gaps first. */
export function gapsOf(coverage: readonly CoverageRow[], sent: readonly SentRow[], nodes: readonly GraphNode[]): Gap[] {
  const ofGraph = nodes.flatMap((node) => check(nodeRow(node), OF_GRAPH));
  const gaps = [...coverage.flatMap((row) => check(row, OF_ANALYSIS)), ...sent.flatMap((row) => check(row, OF_SPANS)), ...ofGraph];
  return gaps.sort((one, other) => Number(other.level === 'gap') - Number(one.level === 'gap') || other.part / other.whole - one.part / one.whole);
}

/** By its edge coverage, which is tries for each request. Entries have no caller that could tell of them. */
function nodeRow(node: GraphNode): NodeRow {
  const requests = node.kind === 'service' ? Math.max(0, node.requests - node.entries) : 0;
  return { service_name: node.name, service_namespace: node.namespace ?? null, requests, tries: requests * (node.edge_coverage ?? 1) };
}

export interface GapGroup {
  gap: Gap;
  gaps: Gap[];
}

/** Of each kind of gap all services, the worst kind first. */
export function groupGaps(gaps: readonly Gap[]): GapGroup[] {
  const groups = new Map<string, GapGroup>();
  for (const gap of gaps) {
    const group = groups.get(gap.key);
    if (group) group.gaps.push(gap);
    else groups.set(gap.key, { gap, gaps: [gap] });
  }
  return [...groups.values()];
}

function check<Row extends { service_name: string; service_namespace: string | null }>(row: Row, checks: readonly Check<Row>[]): Gap[] {
  return checks.flatMap(({ key, title, part, whole, of, from, meaning, fix, setting }) => {
    const [count, all] = [part(row), whole(row)];
    if (!(count > 0) || !(all > 0)) return [];
    const level: Level = count / all >= from ? 'gap' : 'little';
    return [{ key, service: row.service_name, namespace: row.service_namespace, title, part: count, whole: all, of, level, meaning, fix, setting }];
  });
}

/** What is worth saying of a counter of Spandrel itself: what it means that it rose, and what to do. */
export const COUNTER_FIXES: Record<string, { title: string; fix: string; setting: string }> = {
  spandrel_receiver_rejected_records_total: { title: 'Records refused', fix: 'See what they look like, and mend what sends them.', setting: 'spandrel sql "SELECT * FROM rejects ORDER BY time DESC LIMIT 10"' },
  spandrel_receiver_repairs_total: { title: 'Records mended as they came in', fix: 'Lower what the SDK sends, or mend it there.', setting: 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=4096' },
  spandrel_receiver_duplicate_spans_total: { title: 'Spans that arrived twice', fix: 'Leave one exporter of traces.', setting: 'OTEL_TRACES_EXPORTER=otlp' },
  spandrel_lines_rejected_total: { title: 'Lines refused', fix: 'Say which format the source has.', setting: 'spandrel sql "SELECT * FROM rejects ORDER BY time DESC LIMIT 10"' },
  spandrel_lines_dropped_datagrams_total: { title: 'Datagrams dropped', fix: 'Send syslog over TCP, which waits.', setting: 'tcp: 127.0.0.1:5514' },
  spandrel_lines_refused_connections_total: { title: 'Connections refused', fix: 'Allow more connections.', setting: 'max_connections: 4096' },
  spandrel_lines_lost_total: { title: 'Times that part of a file was lost', fix: 'Rotate by renaming instead of truncating.', setting: 'create   # logrotate, instead of copytruncate' },
  spandrel_lines_bad_frames_total: { title: 'Frames that could not be read', fix: 'Let the sender frame by octet counting or by line ends.', setting: 'TCP_Framing="octet-counted"   # rsyslog' },
  spandrel_analysis_missed_rows_total: { title: 'Spans that came faster than they are analysed', fix: 'Their minutes are computed from storage, so nothing is missing in the end; more processors make it sooner.', setting: 'docker update --cpus 4 spandrel' },
  spandrel_analysis_corrections_total: { title: 'Traces counted again because spans came late', fix: 'Let exporters send sooner.', setting: 'OTEL_BSP_SCHEDULE_DELAY=1000' },
  spandrel_analysis_write_failures_total: { title: 'Times that counts could not be stored at once', fix: 'Look for a full disk: it needs storage.min_free_disk_bytes.', setting: 'df -h' },
};

export function partWords(gap: Gap): string {
  return `${formatCompact(gap.part)} of ${formatCompact(gap.whole)}`;
}
