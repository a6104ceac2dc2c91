import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Relay } from './relay.js';

const GUARD_MS = 5_000;

let echo: Server;
let relay: Relay;

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  relay = await Relay.start((echo.address() as AddressInfo).port);
});

afterEach(async () => {
  await relay.stop();
  echo.close();
});

async function dial(): Promise<Socket> {
  const socket = connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** With an error or without. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** What comes back until so many bytes are there. */
async function heard(socket: Socket, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) {
    const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(GUARD_MS) })) as [Buffer];
    text += data.toString();
  }
  return text;
}

describe('Relay', () => {
  it('passes on what is said and where it ends', async () => {
    const socket = await dial();
    const ended = once(socket, 'end');
    socket.end('hello');
    expect(await heard(socket, 5)).toBe('hello');
    await ended;
  });

  it('delays each direction, in order', async () => {
    relay.delay(100);
    const socket = await dial();
    const since = performance.now();
    socket.write('one ');
    await delay(20);
    socket.write('two');
    expect(await heard(socket, 7)).toBe('one two');
    expect(performance.now() - since).toBeGreaterThanOrEqual(200);
  });

  it('holds back what is said while it is cut silently, and brings it when it heals', async () => {
    const socket = await dial();
    relay.cut('silent');
    socket.write('are you there?');
    let isHeard = false;
    socket.once('data', () => (isHeard = true));
    await delay(100);
    expect(isHeard).toBe(false);
    const answer = heard(socket, 14);
    relay.heal();
    expect(await answer).toBe('are you there?');
  });

  it('ends what is open when it is cut aloud, and lets nobody in until it heals', async () => {
    const socket = await dial();
    socket.write('x');
    await heard(socket, 1);
    const closed = closing(socket.resume());
    relay.cut('reset');
    await closed;
    const refused = connect({ port: relay.port, host: '127.0.0.1' }).resume();
    refused.on('error', () => undefined);
    await closing(refused);
    relay.heal();
    const again = await dial();
    again.write('back');
    expect(await heard(again, 4)).toBe('back');
    again.destroy();
  });
});
