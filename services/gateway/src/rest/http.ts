import { newRequestId, type Logger } from '@dcp/node-kit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { GatewayMetrics } from '../metrics.js';
import { ErrorFilter } from './error.filter.js';

/** What every REST call has in common: strict JSON, CORS, request ids, the error body of §14.1, times. */
export function prepareHttp(
  app: NestFastifyApplication,
  logger: Logger,
  metrics: GatewayMetrics,
  parse: (text: string) => unknown,
): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? {} : parse(body as string));
    } catch (error) {
      done(error as Error);
    }
  });
  app.useGlobalFilters(new ErrorFilter(logger));
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...SECURITY_HEADERS, 'x-request-id': newRequestId() });
    if (request.method === 'OPTIONS') void reply.status(204).headers(PREFLIGHT_HEADERS).send();
    else done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    metrics.httpSeconds.observe({ method: request.method, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
    done();
  });
}

/** Tokens are sent by the client itself, never by a cookie, so any origin may call. */
const SECURITY_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'x-request-id, retry-after',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
};

const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': 'authorization, content-type',
  'access-control-max-age': '86400',
};
