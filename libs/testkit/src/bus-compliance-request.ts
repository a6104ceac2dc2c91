import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Bus, Rpc } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { House } from './bus-compliance.js';

const double: Rpc<number, number> = { subject: 'math.double' };
const anything: Rpc<unknown, unknown> = { subject: 'any.thing' };

export function requestCompliance(house: House): void {
  describe('request and serve', () => {
    let client: Bus;
    let server: Bus;
    beforeEach(async () => {
      client = await house().connect();
      server = await house().connect();
    });
    afterEach(async () => {
      await client.close();
      await server.close();
    });

    async function serve<I, O>(rpc: Rpc<I, O>, handler: (input: I, subject: string) => Promise<O> | O): Promise<void> {
      server.serve(rpc, handler, 'servers');
      await server.flush();
    }

    it('answers', async () => {
      await serve(double, (input) => input * 2);
      expect(await client.request(double, 21)).toBe(42);
    });

    it('answers later, and with nothing', async () => {
      await serve(anything, async (input) => {
        await new Promise((resolve) => setImmediate(resolve));
        return input;
      });
      for (const value of [undefined, null, false, { a: [1] }]) {
        expect(await client.request(anything, value)).toEqual(value);
      }
    });

    it('gives each of many requests its own answer', async () => {
      await serve(double, (input) => input * 2);
      const inputs = Array.from({ length: 500 }, (_, index) => index);
      const answers = await Promise.all(inputs.map((input) => client.request(double, input)));
      expect(answers).toEqual(inputs.map((input) => input * 2));
    });

    it('tells a wildcard server the subject', async () => {
      await serve({ subject: 'part.*' } as Rpc<number, string>, (_input, subject) => subject);
      expect(await client.request({ subject: 'part.7' } as Rpc<number, string>, 0)).toBe('part.7');
    });

    it('shares requests between the instances of a service', async () => {
      const third = await house().connect();
      const counts = [0, 0];
      for (const [index, bus] of [server, third].entries()) {
        bus.serve(double, (input) => ((counts[index] as number)++, input * 2), 'servers');
        await bus.flush();
      }
      await Promise.all(Array.from({ length: 200 }, (_, index) => client.request(double, index)));
      await third.close();
      expect((counts[0] as number) + (counts[1] as number)).toBe(200);
      expect(Math.min(...counts)).toBeGreaterThan(0);
    });

    it('carries the DcpError that the server threw', async () => {
      await serve(double, () => {
        throw new DcpError('RATE_LIMITED', { retry_after: 3 }, 'slowly');
      });
      const error = await rejection(client.request(double, 1));
      expect({ code: error.code, details: error.details, message: error.message }).toEqual({
        code: 'RATE_LIMITED',
        details: { retry_after: 3 },
        message: 'slowly',
      });
    });

    it('[DCP-14.2-14] turns an unknown failure into 9000 without inner text', async () => {
      await serve(double, async () => {
        throw new TypeError('secret inner text');
      });
      const error = await rejection(client.request(double, 1));
      expect(error.number).toBe(9000);
      expect(JSON.stringify(error.toBody('req_1'))).not.toContain('secret');
      expect(error.cause).toBeUndefined();
    });

    it('fails at once when nobody serves', async () => {
      const error = await rejection(client.request(double, 1));
      expect([error.code, error.details]).toEqual(['MAINTENANCE_MODE', { reason: 'no_responders' }]);
    });

    it('fails when the time is over, and ignores the late answer', async () => {
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      await serve(double, async (input) => {
        if (input === 0) await released;
        return input * 2;
      });
      const error = await rejection(client.request(double, 0, { timeoutMs: 50 }));
      expect([error.code, error.details]).toEqual(['MAINTENANCE_MODE', { reason: 'timeout' }]);
      release();
      expect(await client.request(double, 4)).toBe(8);
    });

    it('lets a handler ask others', async () => {
      await serve(double, (input) => input * 2);
      await serve({ subject: 'math.quadruple' } as Rpc<number, number>, async (input) =>
        server.request(double, await server.request(double, input)),
      );
      expect(await client.request({ subject: 'math.quadruple' } as Rpc<number, number>, 3)).toBe(12);
    });

    it('stops serving with unsubscribe', async () => {
      const subscription = server.serve(double, (input) => input * 2, 'servers');
      await server.flush();
      expect(await client.request(double, 1)).toBe(2);
      subscription.unsubscribe();
      await server.flush();
      expect((await rejection(client.request(double, 1))).details).toEqual({ reason: 'no_responders' });
    });

    it('lets a plain subscriber hear requests, and a server hear what is published', async () => {
      const heard: number[] = [];
      server.subscribe({ subject: 'math.*' }, (payload: number) => void heard.push(payload));
      await serve(double, (input) => input * 2);
      client.publish({ subject: double.subject }, 5);
      expect(await client.request(double, 6)).toBe(12);
      expect(heard).toEqual([5, 6]);
    });
  });
}

export async function rejection(promise: Promise<unknown>): Promise<DcpError> {
  const error = await promise.then(
    () => new Error('it did not reject'),
    (reason: unknown) => reason,
  );
  if (error instanceof DcpError) return error;
  throw new Error('not a DcpError', { cause: error });
}
