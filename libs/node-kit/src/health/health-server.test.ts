import { afterEach, describe, expect, it } from '@jest/globals';
import { createMetrics } from '../metrics/metrics.js';
import { createHealth, type Health } from './health.js';
import { type HealthServer, startHealthServer } from './health-server.js';

let server: HealthServer | undefined;
afterEach(() => server?.stop());

async function serve(health: Health): Promise<(path: string) => Promise<Response>> {
  const metrics = createMetrics({ service: 'test' });
  metrics.counter({ name: 'dcp_test_total', help: 'x', labels: [] }).inc();
  server = await startHealthServer({ health, metrics, port: 0, host: '127.0.0.1' });
  const { url } = server;
  return (path) => fetch(url + path);
}

describe('health server', () => {
  it('is alive and ready when all checks pass', async () => {
    const health = createHealth();
    health.register('database', async () => {});
    const get = await serve(health);
    expect((await get('/healthz')).status).toBe(200);
    const ready = await get('/readyz?verbose');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ ready: true, draining: false, checks: { database: 'ok' } });
  });

  it('is alive but not ready when a check fails or hangs, and says which and why', async () => {
    const health = createHealth({ checkTimeoutMs: 30 });
    const bus = health.register('bus', () => {
      throw new Error('disconnected');
    });
    health.register('hung', () => new Promise(() => {}));
    const get = await serve(health);
    const answer = await get('/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ checks: { bus: 'disconnected', hung: 'no answer within 30 ms' } });
    expect((await get('/healthz')).status).toBe(200);
    bus.unsubscribe();
    expect((await (await get('/readyz')).json()) as object).toMatchObject({ checks: { hung: expect.any(String) } });
  });

  it('is not ready while it drains', async () => {
    const health = createHealth();
    const get = await serve(health);
    health.setDraining();
    const answer = await get('/readyz');
    expect([answer.status, await answer.json()]).toEqual([503, { ready: false, draining: true, checks: {} }]);
  });

  it('shows metrics in the Prometheus format, those of the process too', async () => {
    const get = await serve(createHealth());
    const answer = await get('/metrics');
    const text = await answer.text();
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(text).toContain('dcp_test_total{service="test"} 1');
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('knows nothing else, and fails when its port is taken', async () => {
    const get = await serve(createHealth());
    expect((await get('/other')).status).toBe(404);
    const { port } = server as HealthServer;
    await expect(startHealthServer({ health: createHealth(), port, host: '127.0.0.1' })).rejects.toThrow('EADDRINUSE');
  });

  it('refuses two checks of one name', () => {
    const health = createHealth();
    health.register('a', () => {});
    expect(() => health.register('a', () => {})).toThrow('exists already');
  });
});
