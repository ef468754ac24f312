/**
 * Stock instrumentation, loaded before the service by `node --require`. The standard OTEL_* variables configure it.
 * Trace ids reach the log lines by the instrumentations of pino and winston; the lines themselves go to files only.
 */
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { PinoInstrumentation } = require('@opentelemetry/instrumentation-pino');
const { WinstonInstrumentation } = require('@opentelemetry/instrumentation-winston');
const { NodeSDK } = require('@opentelemetry/sdk-node');

const requestHeaders = ['x-request-id'];

const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation({
      ignoreIncomingRequestHook: (request) => request.url === '/healthz' || request.url === '/mode',
      headersToSpanAttributes: { server: { requestHeaders }, client: { requestHeaders } },
    }),
    new PinoInstrumentation({ disableLogSending: true }),
    new WinstonInstrumentation({ disableLogSending: true }),
  ],
});
sdk.start();

process.once('SIGTERM', () => sdk.shutdown().finally(() => process.exit(0)));
