/** The kinds of findings: their names, and what each says in a sentence. */

export interface Kind {
  name: string;
  /** Of the finding, with `a` for its service and `b` for its target. */
  sentence: (a: string, b: string) => string;
}

export const KINDS: Record<string, Kind> = {
  SYNC_CHAIN: { name: 'Synchronous chain', sentence: (a, b) => `From ${a} to ${b}, many services in a row wait for each other.` },
  CASCADE: { name: 'Cascading failure', sentence: (a, b) => `Failures of ${a} reach the callers of ${b}.` },
  HOT_SERVICE: { name: 'Hot service', sentence: (a) => `Much depends on ${a}, and it is under stress.` },
  BREAKER: { name: 'Breaker open', sentence: (a, b) => `${a} refuses calls to ${b} instead of sending them.` },
  RETRY_AMPLIFICATION: { name: 'Retry amplification', sentence: (a, b) => `${a} calls ${b} again and again.` },
  RETRY_STORM: { name: 'Retry storm', sentence: (a, b) => `Retries of ${a} keep ${b} down.` },
  CHATTY: { name: 'Chatty calls', sentence: (a, b) => `A request of ${a} needs very many calls to ${b}.` },
  N_PLUS_ONE: { name: 'N+1 calls', sentence: (a, b) => `${a} repeats one call to ${b} for every row of a result.` },
  FANOUT_BURST: { name: 'Fan-out burst', sentence: (a, b) => `${a} makes very many calls to ${b} at the same time.` },
  SHARED_DB: { name: 'Shared database', sentence: (a, b) => `Several services work on ${b} in ${a}.` },
  CYCLE: { name: 'Cycle', sentence: (a) => `${a} depends on itself through other services.` },
  SPOF: { name: 'Single point of failure', sentence: (a) => `Most requests need ${a}, which has one instance.` },
  TIMEOUT_INVERSION: { name: 'Timeout inversion', sentence: (a, b) => `${a} gives up before ${b} can be done.` },
  WASTED_WORK: { name: 'Wasted work', sentence: (a) => `${a} works for callers that are gone.` },
  DISTRIBUTED_MONOLITH: { name: 'Distributed monolith', sentence: (a) => `${a} and others are never called without each other.` },
  NANOSERVICE: { name: 'Nanoservice', sentence: (a) => `Calling ${a} costs more than its work.` },
  GOD_GATEWAY: { name: 'God gateway', sentence: (a) => `Calls between services go through ${a}.` },
  HIDDEN_ERRORS: { name: 'Hidden errors', sentence: (a) => `Requests to ${a} succeed although calls of theirs fail, and wait for them.` },
  INSTRUMENTATION_GAP: { name: 'Instrumentation gap', sentence: (a) => `${a} does not say all, or says it wrongly.` },
};

const SUBKIND_WORDS: Record<string, string> = {
  'BREAKER inferred': 'inferred from calls',
  'BREAKER overflow': 'limit on concurrency',
  'BREAKER ejection': 'hosts taken out',
  'HOT_SERVICE hot_instance': 'one instance',
  'N_PLUS_ONE redundant_calls': 'the same call again',
  'N_PLUS_ONE pagination': 'page by page',
  'TIMEOUT_INVERSION no_timeout': 'no timeout',
  'INSTRUMENTATION_GAP server_spans_missing': 'server spans are missing',
  'INSTRUMENTATION_GAP client_spans_missing': 'client spans are missing',
  'INSTRUMENTATION_GAP clocks_differ': 'clocks differ',
};

export function kindName(kind: string): string {
  return KINDS[kind]?.name ?? kind.toLowerCase().replaceAll('_', ' ');
}

/** With arrows in place of `->` and `=>`. */
export function subjectText(subject: string): string {
  return subject.replaceAll(' -> ', ' → ').replaceAll(' => ', ' ⇒ ');
}

/** The kind, and what its subkind says more. */
export function findingTitle(kind: string, subkind: string | null | undefined): string {
  const words = SUBKIND_WORDS[`${kind} ${subkind}`];
  return words === undefined ? kindName(kind) : `${kindName(kind)}: ${words}`;
}

export function kindSentence(kind: string, service: string | null, target: string | null): string {
  return KINDS[kind]?.sentence(service ?? 'a service', target ?? 'others') ?? '';
}
