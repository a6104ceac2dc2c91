import { at, FEDERATION, GATEWAY, type TypingChanged } from '@dcp/contracts';
import type { Bus, Logger, Subscription } from '@dcp/node-kit';
import { parseUserId, parseWith, typingFrame } from '@dcp/protocol';
import { StrangerRates } from '../asks/stranger-rates.js';
import type { Audience } from '../feed/audience.js';
import type { Links } from '../link/links.js';
import type { FederationMetrics } from '../metrics.js';
import type { ChannelHomes } from './channel-homes.js';

export interface TypingRelayParts {
  own: string;
  bus: Bus;
  links: Links;
  audience: Audience;
  homes: ChannelHomes;
  metrics: FederationMetrics;
  logger: Logger;
}

/** Of one node, a minute. */
const HEARD_A_MINUTE = 6_000;

/**
 * Who is typing, between nodes: from the writer's node to the channel's home, from there once to every other node that has members. Nobody
 * answers and nothing is kept: what finds no link, or a slow one, is gone. Every instance speaks on the links that it holds.
 */
export class TypingRelay {
  readonly #rates = new StrangerRates(HEARD_A_MINUTE);
  #subscriptions: Subscription[] = [];

  constructor(private readonly parts: TypingRelayParts) {}

  start(): void {
    const { bus } = this.parts;
    this.#subscriptions = [
      bus.subscribe(at(GATEWAY.typing, '*'), (change) => void this.#local(change)),
      // What any instance hears of a reader concerns the readers that the others hold, too.
      bus.subscribe(at(FEDERATION.typing, '*'), (change) => this.#tellAll(change, parseUserId(change.user_id).nodeId)),
    ];
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** A node says that somebody types. A node speaks for its own users; only a home for others. */
  async heard(peer: string, frame: unknown): Promise<void> {
    const change = parseWith(typingFrame, frame);
    this.#rates.take(peer);
    const { channel_id, user_id } = change;
    const author = parseUserId(user_id).nodeId;
    if (author === this.parts.own) return this.#count('foreign_user');
    if (this.#reads(channel_id, peer)) {
      if (author !== peer) return this.#count('foreign_user');
    } else if ((await this.parts.homes.of(channel_id)) !== peer) return this.#count('not_home');
    this.parts.bus.publish(at(FEDERATION.typing, channel_id), pick(change));
    return this.#count('heard');
  }

  async #local(change: TypingChanged): Promise<void> {
    const { audience, links, logger } = this.parts;
    if (!links.isAnyUp) return;
    if (audience.nodesOf(change.channel_id).length > 0) return this.#tellAll(change, undefined);
    try {
      const home = await this.parts.homes.of(change.channel_id);
      if (home !== null) this.#tell(home, change);
    } catch (error) {
      logger.debug({ err: error }, 'somebody types, and the database does not say where the channel has its home');
    }
  }

  #tellAll(change: TypingChanged, except: string | undefined): void {
    for (const node of this.parts.audience.nodesOf(change.channel_id))
      if (node !== except && this.#reads(change.channel_id, node)) this.#tell(node, change);
  }

  /** Nodes whose last member has gone are in the audience for a while, but hear nothing new. */
  #reads(channelId: string, node: string): boolean {
    return this.parts.audience.spanOf(channelId, node)?.until === Infinity;
  }

  #tell(node: string, change: TypingChanged): void {
    const told = this.parts.links.tell(node, { type: 'typing', ...pick(change) });
    if (told !== undefined) this.#count(told ? 'told' : 'dropped');
  }

  #count(result: string): void {
    this.parts.metrics.typing.inc({ result });
  }
}

function pick({ channel_id, user_id, typing }: TypingChanged): TypingChanged {
  return { channel_id, user_id, typing };
}
