import { ready } from '@dcp/crypto';
import { benchFan, type RoomSize } from './benches/fan.js';
import { benchCrowd } from './benches/federation/crowd.js';
import { benchFederation } from './benches/federation/federation.js';
import { benchIdle } from './benches/idle.js';
import { benchLat } from './benches/lat.js';
import { benchOneLink } from './benches/link/link.js';
import { benchPeers } from './benches/peers/peers.js';
import { benchProfile } from './benches/profile.js';
import { benchSmoke } from './benches/smoke.js';
import { benchThroughput } from './benches/throughput.js';
import { Fleet } from './fleet.js';
import { buildLoadTool } from './load-tool.js';
import { machineLine } from './machine.js';
import { INSPECTABLE } from './profile.js';

const ROOMS = [
  { members: 100, messages: [2_000, 4_000], warmUp: 300 },
  { members: 1_000, messages: [400, 2_000], warmUp: 50 },
  { members: 10_000, messages: [40, 160], warmUp: 8 },
] satisfies RoomSize[];

const [name = '', ...options] = process.argv.slice(2);

const BENCHES: Record<string, (fleet: Fleet) => Promise<void>> = {
  smoke: (fleet) => benchSmoke(fleet, options.includes('--tiny')),
  idle: (fleet) => benchIdle(fleet, { gateways: 1, connections: 19_000, received: 20, restMs: 6_000 }),
  big: (fleet) => benchIdle(fleet, { gateways: 4, connections: 15_000, received: 20, restMs: 6_000 }),
  lat: (fleet) => benchLat(fleet, { rounds: 3, messages: 3_000, warmUp: 500 }),
  throughput: (fleet) =>
    benchThroughput(fleet, { rounds: 3, pairs: 50, window: 8, messages: 30_000, warmUp: 6_000, all: true }),
  fan: (fleet) => benchFan(fleet, { rounds: 3, rooms: roomsWanted() }),
  federation: (fleet) =>
    benchFederation(fleet, {
      latency: { messages: 500, warmUp: 100 },
      throughput: { users: 20, window: Number(options[0] ?? 8), seconds: 10, warmUpSeconds: 2, most: 8_000 },
      joins: 50,
    }),
  crowd: (fleet) => benchCrowd(fleet, { members: Number(options[0] ?? 99_900), joins: 50 }),
  link: (fleet) => benchOneLink(fleet, { seconds: 8, warmUpSeconds: 3 }, options.map(Number)),
  peers: (fleet) =>
    benchPeers(fleet, {
      idle: Number(options[0] ?? 800),
      readers: 200,
      posts: 100,
      warmUp: 10,
      restMs: 8_000,
      collect: true,
    }),
  profile: (fleet) => benchProfile(fleet),
};

/** `fan 1000`: only that room. */
function roomsWanted(): RoomSize[] {
  const wanted = options.map(Number);
  return wanted.length === 0 ? ROOMS : ROOMS.filter(({ members }) => wanted.includes(members));
}

const bench = BENCHES[name];
if (bench === undefined) {
  console.error(`Usage: node bench/run.mjs ${Object.keys(BENCHES).join(' | ')}`);
  process.exit(2);
}

const fleet = new Fleet(['profile', 'peers'].includes(name) ? INSPECTABLE : {});
process.once('SIGINT', () => void fleet.stop().then(() => process.exit(130)));
process.once('SIGTERM', () => void fleet.stop().then(() => process.exit(143)));

try {
  await ready();
  buildLoadTool();
  console.log(`bench ${name}: ${machineLine()}`);
  await bench(fleet);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await fleet.stop();
}
