import { KEYS, type Session } from '@dcp/contracts';
import type { Bus, Clock } from '@dcp/node-kit';
import {
  claimKeys,
  type ClaimedKeys,
  type DeviceReference,
  type KeyStock,
  LOW_PREKEYS,
  parseWith,
  publishKeys,
} from '@dcp/protocol';
import { deviceKey, distinctDevices } from '../device-list.js';
import type { KeysMetrics } from '../metrics.js';
import { ownDevice } from '../own-device.js';
import type { Claimed, ClaimStore } from './claim.store.js';
import { checkPrekeys, distinctPrekeys } from './prekey-checks.js';
import type { PrekeyStore } from './prekey.store.js';

const HOUR_MS = 3_600_000;

export interface PrekeyParts {
  prekeys: PrekeyStore;
  claims: ClaimStore;
  bus: Bus;
  clock: Clock;
  metrics: KeysMetrics;
  claimsAnHour: number;
}

/** Prekeys (profile §5): what a first contact with a device that is away begins with. */
export class PrekeyService {
  constructor(private readonly parts: PrekeyParts) {}

  async publish(session: Session, epoch: number, values: unknown[]): Promise<KeyStock> {
    const owner = ownDevice(session);
    const { prekeys: parsed } = parseWith(publishKeys, { epoch, prekeys: values });
    const prekeys = distinctPrekeys(checkPrekeys(session, epoch, parsed, this.parts.clock.now()));
    return this.parts.prekeys.publish(owner, epoch, prekeys);
  }

  /** Whoever has had his share of a device gets what lasts: one-time prekeys are for many, and he must not use them up. */
  async claim(session: Session, named: DeviceReference[]): Promise<ClaimedKeys> {
    const devices = distinctDevices(parseWith(claimKeys, { devices: named }).devices);
    const { claims, clock, claimsAnHour } = this.parts;
    const now = clock.now();
    const window = { now: new Date(now), windowStart: new Date(now - HOUR_MS), most: claimsAnHour };
    const claimed = await claims.claim({ claimer: session.user_id, devices, ...window });
    for (const one of claimed) this.#told(one);
    const bundles = new Map(claimed.map(({ bundle }) => [deviceKey(bundle), bundle]));
    return {
      bundles: devices.flatMap((device) => bundles.get(deviceKey(device)) ?? []),
      missing: devices.filter((device) => !bundles.has(deviceKey(device))),
    };
  }

  #told({ bundle: { user_id, device, kem, one_time }, stock }: Claimed): void {
    const { metrics, bus } = this.parts;
    metrics.claims.inc({ kind: one_time === undefined ? 'signed' : 'one-time' });
    if (kem !== undefined) metrics.claims.inc({ kind: kem.kind });
    if (stock === null) return;
    // A device without post-quantum keys has none to replace.
    const low = stock.one_time < LOW_PREKEYS || (kem !== undefined && stock.kem < LOW_PREKEYS);
    if (low) bus.publish(KEYS.stockLow, { user_id, device, ...stock });
  }
}
