import type { Logger } from '@dcp/node-kit';
import { asDcpError, type DcpError, invalidFormat, type KnownNode, type NodeDocument } from '@dcp/protocol';
import { StrangerRates } from '../asks/stranger-rates.js';
import { checkDocument } from '../peers/document-checks.js';
import type { KnownPeer, PeerStore } from '../peers/peer.store.js';
import type { PinningService } from '../peers/pinning.service.js';
import { fetchDocument, unreachable } from './document-fetch.js';
import type { Names } from './names.js';
import { domainOf, originsOf } from './origins.js';

/** Hosts that users name, a minute, over all of them: this node is not there to try out others' doors. */
const MEETINGS_A_MINUTE = 300;

/** Finds nodes (profile §6): the host of a hint, known nodes, SRV records of the hinted domain, what is remembered. */
export class DiscoveryService {
  readonly #meetings = new StrangerRates(MEETINGS_A_MINUTE, undefined, 'meetings');

  constructor(
    private readonly own: string,
    private readonly pinning: PinningService,
    private readonly peers: PeerStore,
    private readonly names: Names,
    private readonly known: ReadonlyMap<string, KnownNode>,
    private readonly logger: Logger,
  ) {}

  /**
   * The node with its newest document, asked for anew. Throws 3000 `not_found` when nothing is known of it or nothing answers, and what
   * was wrong (3001) when something answered that is not this node.
   */
  async find(nodeId: string, via?: string): Promise<KnownPeer> {
    let worst: DcpError | undefined;
    for await (const origin of this.#origins(nodeId, via)) {
      try {
        return await this.pinning.accept(await fetchDocument(origin, this.names), nodeId, via);
      } catch (error) {
        const failure = asDcpError(error);
        this.logger.debug({ node_id: nodeId, origin, code: failure.code, ...failure.details }, 'no document here');
        if (worst === undefined || worst.code === 'NODE_UNREACHABLE') worst = failure;
      }
    }
    const remembered = await this.peers.find(nodeId);
    if (remembered !== undefined && worst?.code !== 'FEDERATION_ERROR') return remembered;
    throw worst ?? unreachable('not_found', { node_id: nodeId });
  }

  /**
   * The id of the node at a host that a user was told, or at one that its SRV records name; it is pinned and remembered, unless it is this
   * one. Throws as `find`; 2000 for what names no host, 3002 when too many hosts are asked for.
   */
  async meet(via: string): Promise<string> {
    if (originsOf(via).length === 0) throw invalidFormat('not a host', 'via');
    this.#meetings.take('');
    let worst: DcpError | undefined;
    for await (const origin of this.#origins('', via)) {
      try {
        return await this.#welcome(checkDocument(await fetchDocument(origin, this.names)), via);
      } catch (error) {
        const failure = asDcpError(error);
        this.logger.debug({ origin, code: failure.code, ...failure.details }, 'nobody to be met here');
        if (worst === undefined || worst.code === 'NODE_UNREACHABLE') worst = failure;
      }
    }
    throw worst ?? unreachable('not_found');
  }

  async #welcome(document: NodeDocument, via: string): Promise<string> {
    if (document.id === this.own) return this.own;
    const { nodeId } = await this.pinning.accept(document, document.id, via);
    await this.peers.remember(nodeId, via);
    return nodeId;
  }

  /** In the order of the profile; each once. What costs a question to DNS is found out only when it is needed. */
  async *#origins(nodeId: string, via: string | undefined): AsyncGenerator<string> {
    const remembered = await this.peers.find(nodeId);
    const hints = [via, this.known.get(nodeId)?.endpoint, remembered?.via ?? undefined].filter(
      (hint) => hint !== undefined,
    );
    const tried = new Set<string>();
    for (const origin of hints.flatMap(originsOf)) yield* fresh(origin, tried);
    for (const domain of new Set(hints.flatMap((hint) => domainOf(hint) ?? [])))
      for (const { name, port } of await this.names.targets(domain)) yield* fresh(`https://${name}:${port}`, tried);
    const places = [remembered?.document.federation, ...(remembered?.document.endpoints ?? [])];
    for (const origin of places.flatMap((place) => (place === undefined ? [] : originsOf(place))))
      yield* fresh(origin, tried);
  }
}

function* fresh(origin: string, tried: Set<string>): Generator<string> {
  if (tried.has(origin)) return;
  tried.add(origin);
  yield origin;
}
