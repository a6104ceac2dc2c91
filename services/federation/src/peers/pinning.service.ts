import type { Clock, Logger } from '@dcp/node-kit';
import { type NodeDocument, postQuantumKey } from '@dcp/protocol';
import { StrangerRates } from '../asks/stranger-rates.js';
import type { FederationMetrics } from '../metrics.js';
import { checkDocument, leadsFrom, untrue } from './document-checks.js';
import type { KnownPeer, PeerStore } from './peer.store.js';

/** A second of a document's number is a second of time: more than this ahead, and an honest one could not replace it for long. */
const MAX_AHEAD_S = 300;

/** Nodes that are met for the first time, a minute, not counting rated ones: a flood of invented ones must not fill the table within a day. */
const NEW_A_MINUTE = 60;

/**
 * Who a node is: the first key that was seen of it stays (profile §6). Another key is believed only with a chain of signatures that
 * leads to it from the pinned one; an older document never replaces a newer one.
 */
export class PinningService {
  readonly #met = new StrangerRates(NEW_A_MINUTE);

  constructor(
    private readonly store: PeerStore,
    private readonly clock: Clock,
    private readonly metrics: FederationMetrics,
    private readonly logger: Logger,
    private readonly maxPeers: number,
    private readonly isRated: (nodeId: string) => boolean = () => false,
  ) {}

  /**
   * Takes a document that came from anywhere and returns the node as it stands after it. Throws 2000 for a malformed one, 3001
   * `document_signature`, `wrong_id` (not the node that was asked for), `key_changed`, `document_time`, `too_many_nodes`; 3002 when too many
   * new nodes come at once.
   */
  async accept(value: unknown, nodeId: string, via?: string): Promise<KnownPeer> {
    const document = checkDocument(value);
    if (document.id !== nodeId) throw untrue('wrong_id', { asked: nodeId, found: document.id });
    if (document.sequence > this.clock.now() / 1000 + MAX_AHEAD_S) throw untrue('document_time', { node_id: nodeId });
    const known = await this.store.find(nodeId);
    if (known === undefined) return await this.#first(document, via);
    this.#checkKey(known, document);
    if (document.sequence > known.sequence) await this.store.replace(document, known, this.#now());
    return (await this.store.find(nodeId)) ?? known;
  }

  async #first(document: NodeDocument, via: string | undefined): Promise<KnownPeer> {
    // Nodes that an operator has rated are no flood.
    if (!this.isRated(document.id)) this.#met.take('');
    if ((await this.store.count()) >= this.maxPeers) throw untrue('too_many_nodes');
    await this.store.insert(document, via, this.#now());
    const peer = await this.store.find(document.id);
    if (peer === undefined) throw untrue('forgotten');
    // Another instance may have met another node of this name in the same moment.
    this.#checkKey(peer, document);
    return peer;
  }

  #checkKey(known: KnownPeer, document: NodeDocument): void {
    if (leadsFrom({ key: known.key, postQuantum: postQuantumKey(known.document) }, document)) return;
    this.metrics.refused.inc({ reason: 'key_changed' });
    this.logger.warn({ node_id: known.nodeId }, 'a node shows another key than the pinned one');
    throw untrue('key_changed', { node_id: known.nodeId });
  }

  #now(): Date {
    return new Date(this.clock.now());
  }
}
