import { readFile } from 'node:fs/promises';
import type { NatsProcess } from './nats-process.js';

const IMAGE = 'nats:2.9-alpine';
const MISSING = `Tests need NATS: install nats-server (Debian and Ubuntu: apt install nats-server), start Docker, or set NATS_URL`;

/** The same server from an image, on the same port of this machine. Testcontainers is loaded only here: it is large. */
export async function startNatsContainer(configFile: string, port: number): Promise<NatsProcess> {
  const content = (await readFile(configFile, 'utf8')).replace(`127.0.0.1:${port}`, '0.0.0.0:4222');
  try {
    const { GenericContainer, Wait } = await import('testcontainers');
    const container = await new GenericContainer(IMAGE)
      .withCopyContentToContainer([{ content, target: '/etc/nats/nats.conf' }])
      .withCommand(['-c', '/etc/nats/nats.conf'])
      .withExposedPorts({ container: 4222, host: port })
      .withWaitStrategy(Wait.forLogMessage('Server is ready'))
      .start();
    let ended: Promise<void> | undefined;
    // With a timeout of 0 Docker sends SIGKILL at once.
    const end = (timeout: number) => (ended ??= container.stop({ timeout }).then(() => {}));
    return { stop: () => end(5_000), kill: () => end(0) };
  } catch (error) {
    throw new Error(MISSING, { cause: error });
  }
}
