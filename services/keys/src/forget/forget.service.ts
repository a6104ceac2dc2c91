import type { DevicesChanged } from '@dcp/contracts';
import type { Clock, Logger } from '@dcp/node-kit';
import type { DeviceReference } from '@dcp/protocol';
import { deviceKey } from '../device-list.js';
import type { ForgetStore } from './forget.store.js';

/** Revocations that wait for a database that is away. */
const MAX_WAITING = 10_000;

/** What ends with a revoked device and with a removed account. */
export class ForgetService {
  /** An event comes once, so one that could not be carried out is kept and tried again. */
  readonly #waiting = new Map<string, DeviceReference>();
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: ForgetStore,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  heard({ action, user_id, device, remote }: DevicesChanged): void {
    if (action !== 'revoke' || remote === true) return;
    const revoked = { user_id, device };
    if (this.#waiting.size < MAX_WAITING) this.#waiting.set(deviceKey(revoked), revoked);
    else this.logger.warn('too many revoked devices wait for the database: one is left as it is');
    void this.carryOut().catch((error: unknown) => {
      this.logger.warn({ err: error }, 'a revoked device could not be forgotten, trying again later');
    });
  }

  /** All revocations that wait, one after the other; throws at the first that fails. */
  carryOut(): Promise<void> {
    const run = this.#running.then(
      () => this.#revokeWaiting(),
      () => this.#revokeWaiting(),
    );
    this.#running = run;
    return run;
  }

  /** When what was heard so far is done, or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#running]);
  }

  async forgetUser(userId: string): Promise<{ deleted: number }> {
    return { deleted: await this.store.forgetUser(userId) };
  }

  async #revokeWaiting(): Promise<void> {
    for (const [key, revoked] of this.#waiting) {
      await this.store.revokeDevice(revoked, new Date(this.clock.now()));
      this.#waiting.delete(key);
    }
  }
}
