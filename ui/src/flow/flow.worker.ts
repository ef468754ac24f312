/** Reads answers of the server and lays them out, beside the thread that draws. */
import { readCriticalPath, type CriticalPath } from './critical';
import { readRecords, type FlowRecords } from './records';
import { buildTree, type FlowTree } from './tree';

export interface LaidOut {
  records: FlowRecords;
  tree: FlowTree;
}

export type WorkerRequest = { kind: 'flow' | 'critical'; body: ArrayBuffer };
export type WorkerAnswer = { kind: 'flow'; flow: LaidOut } | { kind: 'critical'; path: CriticalPath } | { kind: 'failed'; message: string };

let laidOut: LaidOut | undefined;

function answer({ kind, body }: WorkerRequest): WorkerAnswer {
  const { rows } = JSON.parse(new TextDecoder().decode(body)) as { rows: unknown[][] };
  if (kind === 'flow') {
    const records = readRecords(rows);
    laidOut = { records, tree: buildTree(records) };
    return { kind, flow: laidOut };
  }
  if (laidOut === undefined) throw new Error('the critical path came before its flow');
  return { kind, path: readCriticalPath(rows, laidOut.tree, laidOut.records) };
}

self.onmessage = (event: MessageEvent<WorkerRequest>) => {
  try {
    self.postMessage(answer(event.data));
  } catch (cause) {
    const failed: WorkerAnswer = { kind: 'failed', message: cause instanceof Error ? cause.message : String(cause) };
    self.postMessage(failed);
  }
};
