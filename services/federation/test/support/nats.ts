import { busPermissions } from '@dcp/contracts';
import { type Bus, connectNatsBus, silentLogger } from '@dcp/node-kit';
import { startNats, type TestNats } from '@dcp/testkit';

/** A NATS that lets every service do what the table of subjects allows it, and the test everything. */
export async function startHouseNats(): Promise<TestNats> {
  const services = busPermissions().map(({ service, publish, subscribe }) => ({ name: service, publish, subscribe }));
  const tester = { name: 'tester', publish: ['>'], subscribe: ['>'] };
  return await startNats({ users: [...services, tester].map((user) => ({ ...user, password: 'secret' })) });
}

export function natsBus(nats: TestNats, user: string): Promise<Bus> {
  return connectNatsBus({ servers: [nats.url], user, password: 'secret', name: user, logger: silentLogger });
}

export async function natsHouse(): Promise<{ nats: TestNats; bus: Bus; connect: () => Promise<Bus> }> {
  const nats = await startHouseNats();
  return { nats, bus: await natsBus(nats, 'tester'), connect: () => natsBus(nats, 'federation') };
}
