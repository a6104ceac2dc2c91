import type { Fleet } from '../fleet.js';
import { benchFan } from './fan.js';
import { benchFederation, type FederationSizes } from './federation/federation.js';
import { benchIdle } from './idle.js';
import { benchLat } from './lat.js';
import { benchOneLink, type OneLinkSizes } from './link/link.js';
import { benchPeers, type PeersSizes } from './peers/peers.js';
import { benchThroughput } from './throughput.js';

/** Small enough for a minute, large enough to see a figure that went wrong by half. */
const MINUTE = {
  lat: { rounds: 1, messages: 600, warmUp: 200 },
  throughput: { rounds: 1, pairs: 50, window: 8, messages: 5_000, warmUp: 3_000, all: false },
  fan: {
    rounds: 1,
    rooms: [
      { members: 100, messages: [300, 1_000], warmUp: 50 },
      { members: 1_000, messages: [40, 160], warmUp: 10 },
    ],
  },
  idle: { gateways: 1, connections: 1_000, received: 20, restMs: 1_000 },
  federation: {
    latency: { messages: 100, warmUp: 30 },
    throughput: { users: 20, window: 8, seconds: 2, warmUpSeconds: 1, most: 8_000 },
    joins: 10,
  },
  peers: { idle: 80, readers: 20, posts: 20, warmUp: 5, restMs: 2_000, collect: false },
  link: { seconds: 2, warmUpSeconds: 1 },
} satisfies Sizes;

/** Only shows that everything runs through. */
const TINY = {
  lat: { rounds: 1, messages: 20, warmUp: 5 },
  throughput: { rounds: 1, pairs: 2, window: 2, messages: 40, warmUp: 10, all: false },
  fan: { rounds: 1, rooms: [{ members: 10, messages: [5, 10], warmUp: 2 }] },
  idle: { gateways: 1, connections: 20, received: 2, restMs: 1_000 },
  federation: {
    latency: { messages: 10, warmUp: 2 },
    throughput: { users: 2, window: 2, seconds: 1, warmUpSeconds: 0.5, most: 500 },
    joins: 3,
  },
  peers: { idle: 8, readers: 4, posts: 5, warmUp: 1, restMs: 200, collect: false },
  link: { seconds: 0.5, warmUpSeconds: 0.2 },
} satisfies Sizes;

interface Sizes {
  lat: Parameters<typeof benchLat>[1];
  throughput: Parameters<typeof benchThroughput>[1];
  fan: Parameters<typeof benchFan>[1];
  idle: Parameters<typeof benchIdle>[1];
  federation: FederationSizes;
  peers: PeersSizes;
  link: OneLinkSizes;
}

/** Every bench but the large one, in small, on one set of nodes. The idle one comes first: it weighs a gateway that has done nothing yet. */
export async function benchSmoke(fleet: Fleet, tiny: boolean): Promise<void> {
  const sizes = tiny ? TINY : MINUTE;
  await benchIdle(fleet, sizes.idle);
  await benchLat(fleet, sizes.lat);
  await benchThroughput(fleet, sizes.throughput);
  await benchFan(fleet, sizes.fan);
  await benchFederation(fleet, sizes.federation);
  await benchPeers(fleet, sizes.peers);
  await benchOneLink(fleet, sizes.link);
}
