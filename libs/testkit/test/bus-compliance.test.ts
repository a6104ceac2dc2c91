import { createInProcessBus, connectNatsBus } from '@dcp/node-kit';
import { busCompliance } from '../src/bus-compliance.js';
import { startNats } from '../src/nats.js';

// One bus is the whole house: everybody shares it, so that each test gets a new one once the old one is closed.
busCompliance('in-process', async () => {
  let bus = createInProcessBus({ freeze: true });
  return {
    connect: async () => {
      if (bus.state === 'closed') bus = createInProcessBus({ freeze: true });
      return bus;
    },
    stop: () => bus.close(),
  };
});

busCompliance('NATS', async () => {
  const nats = await startNats();
  return { connect: () => connectNatsBus({ servers: nats.url, name: 'compliance' }), stop: nats.stop };
});

const everything = { publish: ['>'], subscribe: ['>'] };

busCompliance('NATS with a user and permissions of its own', async () => {
  const nats = await startNats({ users: [{ name: 'channel', password: 'secret', ...everything }], prefix: 'test.two' });
  const options = { servers: nats.url, user: 'channel', password: 'secret', name: 'compliance', prefix: 'test.two' };
  return { connect: () => connectNatsBus(options), stop: nats.stop };
});
