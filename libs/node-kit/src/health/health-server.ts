import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from '../metrics/metrics.js';
import type { Health } from './health.js';

export interface HealthServerOptions {
  health: Health;
  metrics?: Metrics;
  /** 0 takes a free port. */
  port: number;
  host?: string;
}

export interface HealthServer {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

interface Answer {
  status: number;
  type: string;
  text: string;
}

/**
 * `/healthz` (the process lives), `/readyz` (503 with the failed checks and their reasons) and `/metrics` on a port of their own,
 * which is not for the public. Fails when the port is taken.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => void respond(options, request, response));
  server.listen(options.port, options.host ?? '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

async function respond(
  options: HealthServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await answerTo(options, request.url ?? '/').catch(() => json(500, { error: 'health check failed' }));
  response.writeHead(answer.status, { 'content-type': answer.type, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? '' : answer.text);
}

async function answerTo({ health, metrics }: HealthServerOptions, url: string): Promise<Answer> {
  const path = url.split('?', 1)[0];
  if (path === '/healthz') return json(200, { alive: true });
  if (path === '/metrics' && metrics !== undefined) {
    return { status: 200, type: metrics.registry.contentType, text: await metrics.text() };
  }
  if (path !== '/readyz') return json(404, { error: 'not found' });
  const report = await health.report();
  return json(report.ready ? 200 : 503, report);
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', text: `${JSON.stringify(value)}\n` };
}
