import { createMetrics } from '@dcp/node-kit';
import { describe, expect, it } from '@jest/globals';
import type { FeedService } from '../feed/feed.service.js';
import type { Links } from '../link/links.js';
import { TrustLevels } from '../trust/trust-levels.js';
import { PeerGauges } from './peer-gauges.js';

describe('what an operator watches of each node', () => {
  it('is there while the trust chain has not said a word yet', async () => {
    const metrics = createMetrics({ service: 'federation', processMetrics: false });
    const line = { peer: 'b8x1n5p4', isUp: false, failures: 2 };
    const links = { lines: () => [line], waitingOf: () => 0 } as unknown as Links;
    const feed = { lagOf: () => 7 } as unknown as FeedService;
    // Never started: nobody is rated, and nobody may be taken for that.
    const trust = new TrustLevels(undefined as never, undefined as never);
    expect(() => trust.of(line.peer)).toThrow('unavailable');
    new PeerGauges(metrics, links, feed, trust).refresh();
    expect(await metrics.text()).toMatch(/peer_up\{node="b8x1n5p4",trust="unknown".*\} 0/);
    expect(await metrics.text()).toMatch(/peer_lag\{node="b8x1n5p4".*\} 7/);
  });
});
