import type { Presence } from '@dcp/protocol';

/** What others may see of a user. */
export interface Seen {
  status: Presence;
  message?: string | undefined;
  last_seen: string;
}

/** Users who are there; beyond this presence is incomplete, nothing else. */
const MAX_USERS = 1_000_000;
/** A gateway that missed three beats is gone (as gateways see each other). */
export const SILENT_MS = 15_000;

/** Who of this node is there, as its gateways say: online at any of them is online. Who hides is not in it. */
export class LocalPresence {
  readonly #users = new Map<string, Map<string, Seen>>();
  readonly #gateways = new Map<string, number>();

  constructor(private readonly maxUsers = MAX_USERS) {}

  /** Undefined: offline, or hidden. */
  seen(userId: string): Seen | undefined {
    let best: Seen | undefined;
    for (const seen of this.#users.get(userId)?.values() ?? []) if (best?.status !== 'online') best = seen;
    return best;
  }

  /** A gateway's word about one user; undefined: he is not there, or hides. */
  apply(gatewayId: string, userId: string, seen: Seen | undefined): void {
    const known = this.#users.get(userId);
    if (seen === undefined) {
      known?.delete(gatewayId);
      if (known?.size === 0) this.#users.delete(userId);
    } else if (known !== undefined) known.set(gatewayId, seen);
    else if (this.#users.size < this.maxUsers) this.#users.set(userId, new Map([[gatewayId, seen]]));
  }

  beat(gatewayId: string, now: number): void {
    this.#gateways.set(gatewayId, now);
  }

  /** Forgets gateways that are silent; the users whom they had. */
  forgetSilent(now: number): string[] {
    const silent = [...this.#gateways].filter(([, heard]) => now - heard > SILENT_MS).map(([id]) => id);
    for (const id of silent) this.#gateways.delete(id);
    return silent.flatMap((id) => this.#forget(id));
  }

  #forget(gatewayId: string): string[] {
    const had = [...this.#users].filter(([, gateways]) => gateways.has(gatewayId)).map(([userId]) => userId);
    for (const userId of had) this.apply(gatewayId, userId, undefined);
    return had;
  }
}
