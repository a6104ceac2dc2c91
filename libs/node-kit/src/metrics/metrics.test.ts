import { describe, expect, it } from '@jest/globals';
import { createMetrics } from './metrics.js';

describe('metrics', () => {
  it('gives modules of one process the same metric for one name', async () => {
    const metrics = createMetrics({ service: 'home', processMetrics: false });
    const options = { name: 'dcp_frames_total', help: 'Frames', labels: ['kind'] } as const;
    metrics.counter(options).inc({ kind: 'a' });
    metrics.counter(options).inc({ kind: 'a' }, 2);
    expect(await metrics.text()).toContain('dcp_frames_total{kind="a",service="home"} 3');
  });

  it('measures durations in seconds, from fractions of a millisecond on', async () => {
    const metrics = createMetrics({ service: 'home', processMetrics: false });
    metrics.histogram({ name: 'dcp_post_seconds', help: 'Posts', labels: [] }).observe(0.0015);
    metrics.gauge({ name: 'dcp_sockets', help: 'Sockets', labels: [] }).set(7);
    const text = await metrics.text();
    expect(text).toContain('dcp_post_seconds_bucket{le="0.002",service="home"} 1');
    expect(text).toContain('dcp_post_seconds_bucket{le="0.001",service="home"} 0');
    expect(text).toContain('dcp_sockets{service="home"} 7');
  });
});
