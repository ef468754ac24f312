/** How many of a product are in stock. Logs JSON by winston to LOG_FILE. */
const winston = require('winston');
const { serve } = require('./server.cjs');

const winstonLogger = winston.createLogger({
  defaultMeta: { service: 'inventory' },
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.File({ filename: process.env.LOG_FILE })],
});
// server.cjs calls loggers as pino has it: fields, then the message.
const level = (name) => (fields, message) => winstonLogger.log(name, message, fields);
const logger = { info: level('info'), warn: level('warn'), error: level('error') };

serve(logger, (request, requestId) => {
  const product = Number(request.url.split('/').pop());
  const stock = (product * 7) % 50;
  logger.info({ request_id: requestId, product, stock }, 'stock read');
  return [200, { product, stock }];
});
