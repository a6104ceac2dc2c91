import type { Subscription } from '../bus/bus.js';
import { isError } from '../errors/is-error.js';

/** Resolves (or returns) when the part is fit, throws with the reason when it is not. */
export type HealthCheck = () => Promise<void> | void;

export interface HealthReport {
  ready: boolean;
  draining: boolean;
  /** `ok`, or why the check failed. */
  checks: Record<string, string>;
}

export interface Health {
  /** Adds a check under a name that is free. */
  register(name: string, check: HealthCheck): Subscription;
  /** Not ready from now on, so that the load balancer sends nobody any more. */
  setDraining(): void;
  /** Runs all checks at the same time; one that takes longer than the limit has failed. */
  report(): Promise<HealthReport>;
}

export function createHealth(options: { checkTimeoutMs?: number } = {}): Health {
  const checks = new Map<string, HealthCheck>();
  let draining = false;
  return {
    register(name, check) {
      if (checks.has(name)) throw new Error(`a health check named ${name} exists already`);
      checks.set(name, check);
      return { unsubscribe: () => void checks.delete(name) };
    },
    setDraining: () => {
      draining = true;
    },
    report: async () => {
      const limit = options.checkTimeoutMs ?? 2_000;
      const results = await Promise.all(
        [...checks].map(async ([name, check]) => [name, await run(check, limit)] as const),
      );
      return {
        ready: !draining && results.every(([, result]) => result === 'ok'),
        draining,
        checks: Object.fromEntries(results),
      };
    },
  };
}

async function run(check: HealthCheck, timeoutMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, `no answer within ${timeoutMs} ms`);
  });
  try {
    return await Promise.race([Promise.resolve(check()).then(() => 'ok'), late]);
  } catch (error) {
    return isError(error) ? error.message : 'failed';
  } finally {
    clearTimeout(timer);
  }
}
