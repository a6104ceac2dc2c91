import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, generateEd25519KeyPair, ready } from '@dcp/crypto';
import { DcpClient } from '../src/client.js';
import { newDevice } from '../src/session/device.js';
import { NODE_ID } from './actor.js';

/** A whole client on a socket whose other end these tests play: two readable channels, and no keys service. */

interface Command {
  command: string;
  id: string;
  data: { channels: Record<string, number> };
}

class Socket {
  readyState = 1;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor() {
    sockets.push(this);
    queueMicrotask(() => this.onopen?.());
  }

  send(text: string): void {
    const { command, id, data } = JSON.parse(text) as Command;
    if (command !== 'resume') return this.tell({ event: 'error', id, error: { code: 'MAINTENANCE_MODE' } });
    resumed.push(data.channels);
    queueMicrotask(() => this.tell({ event: 'ack', id, data: { channels: {}, refused: refusals.shift() ?? {} } }));
    heard();
  }

  tell(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  close(code = 1006): void {
    this.readyState = 3;
    queueMicrotask(() => this.onclose?.({ code }));
  }
}

class Client extends DcpClient {
  override command(command: string, data: object): Promise<Record<string, unknown>> {
    tried++;
    return super.command(command, data);
  }
}

const CHANNELS = ['ch_x', 'ch_y'].map((channel_id) => ({ id: '#x', channel_id, last_seq: 5, encryption: 'node' }));
const BOTH = { ch_x: 5, ch_y: 5 };
const before = { socket: globalThis.WebSocket, fetch: globalThis.fetch };

let sockets: Socket[];
let resumed: Record<string, number>[];
let refusals: Record<string, string>[];
let heard: () => void;
let client: DcpClient;
/** Commands of the client, whether there was a socket for them or not. */
let tried: number;

/** Until `resume` was said so often. */
async function untilResumed(times: number): Promise<void> {
  while (resumed.length < times) await new Promise<void>((resolve) => (heard = resolve));
}

beforeAll(ready);
beforeEach(() => {
  [sockets, resumed, refusals] = [[], [], []];
  heard = () => {};
  globalThis.WebSocket = Socket as unknown as typeof WebSocket;
  globalThis.fetch = async (url) =>
    String(url).endsWith('/accounts/me/channels')
      ? Response.json({ channels: CHANNELS })
      : Response.json({ error: { code: 'MAINTENANCE_MODE' } }, { status: 503 });
  client = newClient();
});
afterEach(async () => {
  await client.disconnect();
  globalThis.WebSocket = before.socket;
  globalThis.fetch = before.fetch;
});

function newClient(): DcpClient {
  const userId = `${NODE_ID}.alice`;
  const { publicKey, seed } = generateEd25519KeyPair();
  const key = formatKey('ed25519', publicKey);
  const identity = { full_id: userId, home_node_id: NODE_ID, username: 'alice', public_key: key };
  const { device } = newDevice({ file: { identity } as never, seed }, undefined, 'test');
  const later = Date.now() + 3_600_000;
  return new Client({
    endpoint: 'ws://node.example',
    nodeId: NODE_ID,
    device,
    session: { token: 'token', expires: later, refreshAfter: later, sessionId: 's' },
    backoff: { initialMs: 20, maxMs: 50 },
  });
}

describe('a client whose node cannot look after a channel while it resumes', () => {
  it('asks for that channel again, on the same connection, until it is heard', async () => {
    refusals = [{ ch_y: 'MAINTENANCE_MODE' }, { ch_y: 'NODE_UNREACHABLE' }];
    await client.connect();
    await untilResumed(3);
    expect(resumed).toEqual([BOTH, { ch_y: 5 }, { ch_y: 5 }]);
    expect(sockets).toHaveLength(1);
    expect(client.state).toBe('online');
  });

  it('on the next connection asks for everything, and only there', async () => {
    refusals = [{ ch_y: 'MAINTENANCE_MODE' }];
    await client.connect();
    sockets[0]?.close();
    await untilResumed(2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(resumed).toEqual([BOTH, BOTH]);
  });

  it('does not even try any more once it has disconnected', async () => {
    refusals = [{ ch_y: 'MAINTENANCE_MODE' }];
    await client.connect();
    await client.disconnect();
    tried = 0;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(tried).toBe(0);
  });
});
