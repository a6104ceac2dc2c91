import type * as Testkit from '@dcp/testkit';

// The testkit's index also holds compliance suites, which load in jest only: its parts are taken one by one.
const index = import.meta.resolve('@dcp/testkit');

async function part<K extends keyof typeof Testkit>(file: string): Promise<Pick<typeof Testkit, K>> {
  return (await import(new URL(file, index).href)) as Pick<typeof Testkit, K>;
}

export const { freePort } = await part<'freePort'>('free-port.js');
export const { spawnService } = await part<'spawnService'>('spawn-service.js');
export const { startNats } = await part<'startNats'>('nats.js');
