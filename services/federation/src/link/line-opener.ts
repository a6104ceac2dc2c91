import { asDcpError } from '@dcp/protocol';
import type { DiscoveryService } from '../discovery/discovery.service.js';
import { untrue } from '../peers/document-checks.js';
import type { PeerStore } from '../peers/peer.store.js';
import type { TrustLevels } from '../trust/trust-levels.js';
import type { Dialler } from './dialler.js';
import type { Connection, ProvenLink } from './handshake.js';
import type { LeaseStore } from './lease.store.js';
import type { Line } from './line.js';
import type { StandingLink } from './precedence.js';

export interface LineOpenerParts {
  /** This node's id. */
  own: string;
  leases: LeaseStore;
  dialler: Dialler;
  discovery: DiscoveryService;
  peers: PeerStore;
  trust: TrustLevels;
}

/** What it takes to open a link: the right to it, and the node's address. */
export class LineOpener {
  constructor(private readonly parts: LineOpenerParts) {}

  /** Takes the lease when it is free; resolves with the holder when another instance has it. Throws 3001 `blocked`. */
  async lease(line: Line): Promise<string | undefined> {
    if (this.parts.trust.of(line.peer) === 'blocked') throw untrue('blocked', { node_id: line.peer });
    return await line.changeLease(() => this.#lease(line));
  }

  async #lease(line: Line): Promise<string | undefined> {
    const { leases } = this.parts;
    if (line.token !== undefined) return undefined;
    line.token = await leases.takeFree(line.peer);
    if (line.token !== undefined) return undefined;
    const lease = await leases.find(line.peer);
    if (lease !== undefined && lease.holder !== leases.instance) return lease.holder;
    line.token = await leases.take(line.peer);
    return undefined;
  }

  /** At the address that is remembered; when nobody is there, wherever the node is found now. */
  async dial(line: Line): Promise<{ connection: Connection; proven: ProvenLink }> {
    const { peers, discovery, dialler } = this.parts;
    const known = await peers.find(line.peer);
    if (known === undefined) return await dialler.dial(await discovery.find(line.peer, line.via));
    if (line.via !== undefined) await peers.remember(line.peer, line.via);
    try {
      return await dialler.dial(known);
    } catch (error) {
      if (asDcpError(error).details['refused_by'] !== undefined) throw error;
      const found = await discovery.find(line.peer, line.via);
      if (found.document.federation === known.document.federation) throw error;
      return await dialler.dial(found);
    }
  }

  /** The link that this instance, or another one, has with the node. */
  async standing(line: Line): Promise<StandingLink | undefined> {
    const { leases, own } = this.parts;
    if (line.link?.isUp === true) {
      const dialler = line.link.role === 'dialler' ? own : line.peer;
      return { dialler, upMs: performance.now() - line.link.openedAt };
    }
    const lease = await leases.find(line.peer);
    if (lease === undefined || lease.holder === leases.instance || lease.dialler === null) return undefined;
    return { dialler: lease.dialler, upMs: lease.upMs ?? 0 };
  }
}
