import { KEYS, type Session } from '@dcp/contracts';
import type { Bus, Clock } from '@dcp/node-kit';
import {
  claimKeys,
  type ClaimedKeys,
  type DeviceReference,
  type KeyStock,
  LOW_PREKEYS,
  parseWith,
  type PrekeyBundle,
  publishKeys,
} from '@dcp/protocol';
import { deviceKey, distinctDevices } from '../device-list.js';
import type { KeysMetrics } from '../metrics.js';
import { ownDevice } from '../own-device.js';
import { nodeOf } from '../remote/other-nodes.js';
import type { RemoteKeysService } from '../remote/remote-keys.service.js';
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
  remote: RemoteKeysService;
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
    const here = nodeOf(session.user_id);
    const [local, others] = [new Array<DeviceReference>(), new Array<DeviceReference>()];
    for (const device of devices) (nodeOf(device.user_id) === here ? local : others).push(device);
    const [own, theirs] = await Promise.all([
      this.#claimHere(session.user_id, local),
      others.length === 0 ? [] : this.parts.remote.claim(session.user_id, others),
    ]);
    return answerFor(devices, [...own, ...theirs]);
  }

  /** For a user of another node: devices of this one. */
  async claimForPeer(userId: string, named: DeviceReference[]): Promise<ClaimedKeys> {
    const devices = distinctDevices(parseWith(claimKeys, { devices: named }).devices);
    return answerFor(devices, await this.#claimHere(userId, devices));
  }

  async #claimHere(claimer: string, devices: DeviceReference[]): Promise<PrekeyBundle[]> {
    if (devices.length === 0) return [];
    const { claims, clock, claimsAnHour } = this.parts;
    const now = clock.now();
    const window = { now: new Date(now), windowStart: new Date(now - HOUR_MS), most: claimsAnHour };
    const claimed = await claims.claim({ claimer, devices, ...window });
    for (const one of claimed) this.#told(one);
    return claimed.map(({ bundle }) => bundle);
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

/** In the order in which they were named. */
function answerFor(devices: DeviceReference[], claimed: readonly PrekeyBundle[]): ClaimedKeys {
  const bundles = new Map(claimed.map((bundle) => [deviceKey(bundle), bundle]));
  return {
    bundles: devices.flatMap((device) => bundles.get(deviceKey(device)) ?? []),
    missing: devices.filter((device) => !bundles.has(deviceKey(device))),
  };
}
