/** Reads answers of the server and lays them out, beside the thread that draws. */
import { readCriticalPath, type CriticalPath } from './critical';
import { readRecords, type FlowRecords } from './records';
import { buildTree, type FlowTree } from './tree';

export interface LaidOut {
  records: FlowRecords;
  tree: FlowTree;
}

export interface WorkerRequest {
  /** Comes back with the answer. */
  id: number;
  kind: 'flow' | 'critical';
  body: ArrayBuffer;
}

type Answer = { kind: 'flow'; flow: LaidOut } | { kind: 'critical'; path: CriticalPath } | { kind: 'failed'; message: string };
export type WorkerAnswer = Answer & { id: number };

let laidOut: LaidOut | undefined;

function answer({ kind, body }: WorkerRequest): Answer {
  const { rows } = JSON.parse(new TextDecoder().decode(body)) as { rows: unknown[][] };
  if (kind === 'flow') {
    const records = readRecords(rows);
    laidOut = { records, tree: buildTree(records) };
    return { kind, flow: laidOut };
  }
  if (laidOut === undefined) throw new Error('the critical path came before its flow');
  return { kind, path: readCriticalPath(rows, laidOut.tree, laidOut.records) };
}

function answerOrFail(request: WorkerRequest): Answer {
  try {
    return answer(request);
  } catch (cause) {
    return { kind: 'failed', message: cause instanceof Error ? cause.message : String(cause) };
  }
}

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  const answered: WorkerAnswer = { ...answerOrFail(data), id: data.id };
  self.postMessage(answered);
};
