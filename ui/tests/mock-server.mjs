/**
 * A stand-in for `spandrel serve`: the built page with the real security headers, and the API from `fixture.mjs`.
 *
 *     npm run build && npm run mock -- [--port 16686] [--empty]
 */
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as fixture from './fixture.mjs';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '16686' }, empty: { type: 'boolean', default: false } },
});
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; " +
  "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html spandrel-worker";

/** @param {URL} url @returns {[number, unknown]} */
function answer(url) {
  const { pathname, searchParams } = url;
  if (pathname === '/api/v1/services') return [200, values.empty ? [] : fixture.services()];
  if (pathname === '/api/v1/traces') return [200, values.empty ? [] : fixture.traces(Date.now(), searchParams)];
  if (pathname === '/api/v1/sql') {
    return [200, { columns: [{ name: 'spans', type: 'Int64' }, { name: 'newest', type: 'Timestamp' }], rows: [[0, null]], stats: {} }];
  }
  const trace = /^\/api\/v1\/traces\/([^/]+)$/.exec(pathname);
  const found = trace ? fixture.trace(trace[1] ?? '', Date.now()) : undefined;
  if (found) return [200, found];
  const message = trace ? `no span has trace id ${trace[1]}` : `there is nothing at ${pathname}`;
  return [404, { error: { code: 'not_found', message, details: null, request_id: 'mock-0001' } }];
}

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://mock');
  response.setHeader('content-security-policy', POLICY);
  if (url.pathname.startsWith('/api/')) {
    const [status, body] = answer(url);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    return;
  }
  const path = join(dist, normalize(url.pathname));
  const file = extname(path) !== '' && existsSync(path) ? path : join(dist, 'index.html');
  const type = /** @type {Record<string, string>} */ (TYPES)[extname(file)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type });
  createReadStream(file).pipe(response);
}).listen(Number(values.port), '127.0.0.1', () => {
  console.log(`mock of Spandrel on http://127.0.0.1:${values.port}`);
});
