/**
 * What both services share: an HTTP server with a health check, and a mode that the test sets.
 *
 * `PUT /mode` with the body `ok`, `fail` (answer 500) or `hang` (never answer) holds for every other path.
 */
const http = require('node:http');

const VERSION = '1.4.2';

async function body(stream) {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}

function answer(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json', 'x-service-version': VERSION });
  response.end(`${JSON.stringify(value)}\n`);
}

/** Serves `handle(request) -> [status, value]` on PORT, and logs what went wrong. */
function serve(logger, handle) {
  let mode = 'ok';
  const server = http.createServer(async (request, response) => {
    const requestId = request.headers['x-request-id'];
    if (request.url === '/healthz') return answer(response, 200, { mode });
    if (request.url === '/mode') {
      mode = await body(request);
      return answer(response, 200, { mode });
    }
    if (mode === 'hang') return logger.warn({ request_id: requestId, url: request.url }, 'no answer in this mode');
    if (mode === 'fail') {
      logger.error({ request_id: requestId, url: request.url }, 'database is down');
      return answer(response, 500, { error: 'database is down' });
    }
    try {
      answer(response, ...(await handle(request, requestId)));
    } catch (error) {
      logger.error({ request_id: requestId, err: error }, 'request failed');
      answer(response, 500, { error: error.message });
    }
  });
  server.listen(Number(process.env.PORT), '127.0.0.1', () => logger.info({ port: process.env.PORT }, 'listening'));
}

module.exports = { body, serve };
