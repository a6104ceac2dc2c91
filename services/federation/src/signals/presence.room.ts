import type { NodeLevel } from '@dcp/contracts';
import type { FederationConfig } from '../config.js';
import { GoneNodes, type GoneNodesParts } from './gone-nodes.js';
import { LocalPresence } from './local-presence.js';
import { PresenceGreeter, type PresenceGreeterParts } from './presence-greeter.js';
import { PresenceRelay, type PresenceRelayParts } from './presence-relay.js';

type GivenParts = Omit<PresenceRelayParts, 'people'> &
  Pick<PresenceGreeterParts, 'replicas'> &
  Pick<GoneNodesParts, 'leases'>;

export interface PresenceRoomParts extends GivenParts {
  config: Pick<FederationConfig, 'presence' | 'presenceGraceMs' | 'scanMs'>;
}

/** Presence between nodes, which an operator must ask for (`DCP_FEDERATION_PRESENCE`): otherwise nothing is said and nothing heard. */
export class PresenceRoom {
  readonly #relay: PresenceRelay;
  readonly #greeter: PresenceGreeter;
  readonly #gone: GoneNodes;

  constructor(private readonly parts: PresenceRoomParts) {
    const given = { ...parts, people: new LocalPresence() };
    this.#relay = new PresenceRelay(given);
    this.#greeter = new PresenceGreeter({ ...given, relay: this.#relay, lookMs: parts.config.scanMs });
    this.#gone = new GoneNodes({ ...parts, graceMs: parts.config.presenceGraceMs });
  }

  start(): void {
    if (!this.#isWanted) return;
    this.#relay.start();
    this.#greeter.start();
    this.#gone.start();
  }

  async stop(): Promise<void> {
    if (!this.#isWanted) return;
    this.#gone.stop();
    await this.#greeter.stop();
    await this.#relay.stop();
  }

  async heard(peer: string, frame: unknown): Promise<void> {
    if (this.#isWanted) await this.#relay.heard(peer, frame);
    else this.parts.metrics.presence.inc({ result: 'not_wanted' });
  }

  levelChanged(changed: NodeLevel): void {
    if (this.#isWanted) this.#gone.levelChanged(changed);
  }

  get #isWanted(): boolean {
    return this.parts.config.presence;
  }
}
