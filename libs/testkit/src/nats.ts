import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natsServerConfig, type NatsUser } from '@dcp/node-kit';
import { freePort } from './free-port.js';
import { startNatsContainer } from './nats-container.js';
import { type NatsProcess, natsBinary, PortTaken, startNatsProcess } from './nats-process.js';

export interface NatsOptions {
  /** Services and their subjects; without them anybody may do everything. */
  users?: readonly NatsUser[];
  prefix?: string;
}

export interface TestNats {
  /** `nats://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts again on the same port, after `kill` or instead of it. */
  restart(): Promise<void>;
}

const PORT_TRIES = 5;

/**
 * A NATS for one test file: the one of NATS_URL (only when no users are asked for), else a `nats-server` of this machine, else a
 * container. Fails with one line that says what to install.
 */
export async function startNats(options: NatsOptions = {}): Promise<TestNats> {
  const given = process.env['NATS_URL'];
  if (given !== undefined && given !== '' && options.users === undefined) return givenNats(given);
  const folder = await mkdtemp(join(tmpdir(), 'dcp-nats-'));
  const { server, port } = await startOnFreePort(folder, options);
  return ownNats(server, folder, port);
}

function ownNats(first: NatsProcess, folder: string, port: number): TestNats {
  let server = first;
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
    kill: () => server.kill(),
    restart: async () => {
      await server.stop();
      server = await start(join(folder, 'nats.conf'), port);
    },
  };
}

async function startOnFreePort(folder: string, options: NatsOptions): Promise<{ server: NatsProcess; port: number }> {
  const file = join(folder, 'nats.conf');
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const { users = [], prefix } = options;
    const config = natsServerConfig({ port, users, ...(prefix === undefined ? {} : { prefix }) });
    await writeFile(file, config, { mode: 0o600 });
    try {
      return { server: await start(file, port), port };
    } catch (error) {
      if (!(error instanceof PortTaken) || tries >= PORT_TRIES) throw error;
    }
  }
}

function start(configFile: string, port: number): Promise<NatsProcess> {
  const binary = natsBinary();
  return binary === undefined ? startNatsContainer(configFile, port) : startNatsProcess(binary, configFile);
}

function givenNats(url: string): TestNats {
  const refused = async (): Promise<void> => {
    throw new Error('the server of NATS_URL is not ours to kill: unset NATS_URL for this test');
  };
  return { url, port: Number(new URL(url).port || 4222), stop: async () => {}, kill: refused, restart: refused };
}
