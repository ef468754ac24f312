/**
 * The built page with the headers of `spandrel serve`, in front of a running server: the page of these sources on real
 * data, without a build of the binary.
 *
 *     npm run build && node tests/front.mjs --api http://127.0.0.1:16686 [--port 16799]
 */
import { createReadStream, existsSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { api: { type: 'string', default: 'http://127.0.0.1:16686' }, port: { type: 'string', default: '16799' } },
});
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
/** As in `serve.rs`. */
const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; " +
  "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html spandrel-worker";

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://front');
  response.setHeader('content-security-policy', POLICY);
  response.setHeader('x-content-type-options', 'nosniff');
  if (url.pathname.startsWith('/api/')) {
    const target = new URL(url.pathname + url.search, values.api);
    const passed = ask(target, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    // Who cancels here cancels there.
    response.on('close', () => passed.destroy());
    request.pipe(passed);
    return;
  }
  const path = join(dist, normalize(url.pathname));
  const file = extname(path) !== '' && existsSync(path) ? path : join(dist, 'index.html');
  const type = /** @type {Record<string, string>} */ (TYPES)[extname(file)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type });
  createReadStream(file).pipe(response);
}).listen(Number(values.port), '127.0.0.1', () => {
  console.log(`page of ${dist} on http://127.0.0.1:${values.port}, in front of ${values.api}`);
});
