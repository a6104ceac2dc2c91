import { FEDERATION, PEER, type PeerKind } from '@dcp/contracts';
import type { Rpc, Subscription } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { World } from './world.js';

/** What one node asks the other, as the federation would carry it. */
export interface Bridge {
  asked: string[];
  /** Set: the other node cannot be reached. */
  away: boolean;
  /** Answers instead of the other node. */
  lie: ((kind: string, body: Record<string, unknown>, honest: Record<string, unknown>) => object) | undefined;
  subscription: Subscription;
}

export function bridge(from: World, to: World): Bridge {
  const made: Partial<Bridge> = { asked: [], away: false, lie: undefined };
  const self = made as Bridge;
  self.subscription = from.federationBus.serve(
    FEDERATION.ask,
    async ({ node_id, kind, body }) => {
      self.asked.push(kind);
      if (self.away || node_id !== to.nodeId) throw new DcpError('NODE_UNREACHABLE', { node_id });
      const call = { peer: { node_id: from.nodeId, trust: 'trusted' as const }, body };
      const honest = await to.federationBus.request(
        PEER[kind as PeerKind] as Rpc<object, Record<string, unknown>>,
        call,
      );
      return { body: (self.lie?.(kind, body as Record<string, unknown>, honest) ?? honest) as Record<string, unknown> };
    },
    'federation',
  );
  return self;
}
