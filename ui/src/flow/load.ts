/** Fetches a flow and has it laid out beside the main thread. */
import { fetchFlow, fetchStatement, type Source } from '../api/client';
import { startWorker } from '../worker';
import type { CriticalPath } from './critical';
import type { LaidOut, WorkerAnswer, WorkerRequest } from './flow.worker';
import workerUrl from './flow.worker?worker&url';
import { criticalSql, flowSql } from './sql';

/** One for each flow that is shown: it keeps what the critical path is read against. */
export class FlowLoader {
  #worker: Worker | undefined;
  #asked = 0;

  flowSource(id: string): Source<LaidOut> {
    // It starts while the server answers.
    this.#worker ??= startWorker(workerUrl);
    const sql = flowSql(id);
    return { url: `/api/v1/flows/${encodeURIComponent(id)}`, sql, fetch: (signal) => this.#load(id, sql, signal) };
  }

  criticalSource(traceIds: readonly string[]): Source<CriticalPath> {
    const sql = criticalSql(traceIds);
    return { url: '/api/v1/sql', body: JSON.stringify({ sql }), sql, fetch: (signal) => this.#loadPath(sql, signal) };
  }

  end(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #load(id: string, sql: string, signal: AbortSignal): Promise<LaidOut> {
    const answer = await this.#ask('flow', await fetchStatement(sql, signal), signal);
    if (answer.kind !== 'flow') throw new Error(`the flow was answered with ${answer.kind}`);
    // The server says in its own words what it looked for.
    if (answer.flow.records.count === 0) await fetchFlow(id, signal);
    return answer.flow;
  }

  async #loadPath(sql: string, signal: AbortSignal): Promise<CriticalPath> {
    const answer = await this.#ask('critical', await fetchStatement(sql, signal), signal);
    if (answer.kind !== 'critical') throw new Error(`the critical path was answered with ${answer.kind}`);
    return answer.path;
  }

  /** What is given up is still worked on, and its answer dropped: the worker may have others to answer. */
  #ask(kind: WorkerRequest['kind'], body: ArrayBuffer, signal: AbortSignal): Promise<WorkerAnswer> {
    this.#worker ??= startWorker(workerUrl);
    const worker = this.#worker;
    const id = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      const finish = () => {
        worker.removeEventListener('message', take);
        worker.removeEventListener('error', fail);
        signal.removeEventListener('abort', abort);
      };
      const take = ({ data }: MessageEvent<WorkerAnswer>) => {
        if (data.id !== id) return;
        finish();
        if (data.kind === 'failed') reject(new Error(data.message));
        else resolve(data);
      };
      const fail = (event: ErrorEvent) => {
        finish();
        reject(new Error(event.message || 'the worker could not be started'));
      };
      const abort = () => {
        finish();
        reject(new DOMException('given up', 'AbortError'));
      };
      worker.addEventListener('message', take);
      worker.addEventListener('error', fail);
      signal.addEventListener('abort', abort);
      worker.postMessage({ id, kind, body } satisfies WorkerRequest, [body]);
    });
  }
}
