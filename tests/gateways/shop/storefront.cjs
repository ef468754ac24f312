/**
 * The shop's products and checkout. Asks the inventory through an opossum breaker, and does without its answer when it
 * must. Logs JSON by pino to LOG_FILE.
 */
const http = require('node:http');
const { trace } = require('@opentelemetry/api');
const CircuitBreaker = require('opossum');
const pino = require('pino');
const { body, serve } = require('./server.cjs');

const logger = pino({ name: 'storefront' }, pino.destination({ dest: process.env.LOG_FILE, sync: true }));

function readStock(product, requestId) {
  return new Promise((resolve, reject) => {
    const url = `${process.env.INVENTORY_URL}/stock/${product}`;
    const headers = requestId ? { 'x-request-id': requestId } : {};
    const request = http.get(url, { headers, agent: false }, async (response) => {
      const text = await body(response);
      if (response.statusCode === 200) resolve(JSON.parse(text).stock);
      else reject(new Error(`inventory answered ${response.statusCode}`));
    });
    request.on('error', reject);
  });
}

const inventory = new CircuitBreaker(readStock, {
  name: 'inventory',
  timeout: 1000,
  errorThresholdPercentage: 50,
  volumeThreshold: 4,
  resetTimeout: 1500,
  rollingCountTimeout: 2000,
  rollingCountBuckets: 4,
});

inventory.fallback((product, requestId, error) => {
  trace.getActiveSpan()?.recordException(error);
  logger.warn({ request_id: requestId, product, err: error }, 'stock unknown');
  return null;
});

const breakerLogger = logger.child({ component: 'opossum', breaker: inventory.name });
const levels = { open: 'error', halfOpen: 'warn', close: 'info', reject: 'warn', fallback: 'info' };
for (const [event, level] of Object.entries(levels)) {
  inventory.on(event, () => breakerLogger[level]({ event }, `circuit breaker "${inventory.name}" ${event}`));
}

serve(logger, async (request, requestId) => {
  const log = logger.child({ request_id: requestId });
  const [, collection, product] = request.url.split('/');
  if (collection === 'products' && request.method === 'GET') {
    const stock = await inventory.fire(Number(product), requestId);
    log.info({ product: Number(product), stock }, 'product shown');
    return [200, { product: Number(product), stock, breaker: inventory.opened ? 'open' : 'closed' }];
  }
  if (collection === 'checkout' && request.method === 'POST') {
    const order = await body(request);
    log.info({ bytes: order.length }, 'order placed');
    return [201, { placed: true }];
  }
  log.warn({ url: request.url }, 'no such page');
  return [404, { error: 'no such page' }];
});
