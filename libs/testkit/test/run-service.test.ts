import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { spawnService } from '../src/spawn-service.js';

const script = join(import.meta.dirname, 'fixtures', 'service.mjs');
const service = (mode: string, ready = /is up/) => spawnService({ script, args: [mode], ready });

describe('runService', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops once on %s and ends with 0', async (signal) => {
    const running = await service('plain');
    running.signal(signal);
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(running.output().match(/stop called/g)).toHaveLength(1);
  });

  it('ends at once on a second signal', async () => {
    const running = await service('hangs');
    running.signal('SIGTERM');
    await running.printed(/stop called/);
    running.signal('SIGTERM');
    expect((await running.exited).code).toBe(130);
  });

  it('ends with 1 when stopping takes too long, or fails', async () => {
    const hanging = await service('hangs-briefly');
    expect((await hanging.stop()).code).toBe(1);
    expect(hanging.output()).toContain('stopping took too long');
    const failing = await service('stop-fails');
    expect((await failing.stop()).code).toBe(1);
    expect(failing.output()).toContain('stopping failed');
  });

  it('stops a service that still waits for something', async () => {
    const running = await service('waits', /waiting/);
    expect(await running.stop()).toEqual({ code: 0, signal: null });
    expect(running.output()).not.toContain('could not start');
  });

  it.each(['throws-later', 'rejects-later'])('ends loudly with 1: %s', async (mode) => {
    const running = await service(mode);
    expect((await running.exited).code).toBe(1);
    expect(running.output()).toMatch(/"level":"fatal".*uncaught exception|"level":"fatal".*unhandled rejection/);
    expect(running.output()).toContain('a late bug');
  });

  it('ends with 1 and the reason when it cannot start', async () => {
    const starting = service('start-fails');
    await expect(starting).rejects.toThrow(/could not start/);
  });

  it('prints the faults of a configuration as they are, and ends with 78', async () => {
    const running = await service('bad-config', /DATABASE_URL: is not set \(for example DATABASE_URL=x\)/);
    expect((await running.exited).code).toBe(78);
  });
});
