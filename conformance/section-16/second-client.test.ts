import { expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { conformance } from '../local/conformance.js';
import { Actor, type Room } from '../stranger/actor.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import { Key, objectDigest, rawKey, signedView, verifies } from '../stranger/keys.js';

const FOLDER = join(import.meta.dirname, '..', 'clients');
const GUARD_MS = 60_000;

conformance('§16.2 a client of another code base', (node) => {
  it(
    '[DCP-1.1-03] [DCP-16.2-01] a client in Python and one in TypeScript read each other’s signed messages',
    async () => {
      const alice = await Actor.register(node);
      const socket = await alice.connect();
      const { channel, channel_id } = await socket.ack('join_channel', { channel: '#general' });
      const [theirs, hers] = [`hello from Python 🐍 ${randomName(8)}`, `hello from TypeScript ${randomName(8)}`];
      const python = new PythonClient([node.url(), '--say', theirs, '--until', hers]);
      const { message } = await socket.message(theirs);
      const { body } = await alice.rest.get(`/users/${String(message['author'])}`);
      const digest = objectDigest('MESSAGE', signedView(message));
      expect(verifies(rawKey(String(body['public_key'])), digest, String(message['signature']))).toBe(true);
      const history = await python.line('history');
      expect(history['texts']).toContain(theirs);
      const room = { channel, channel_id } as Room;
      await socket.ack('send_message', alice.message(room, { content: { text: hers, format: 'plain' } }));
      expect(await python.line('hear', (line) => line['text'] === hers)).toMatchObject({
        author: alice.userId,
        verified: true,
      });
      expect(await python.ended()).toEqual({ code: 0, stderr: '' });
    },
    GUARD_MS,
  );
});

it(
  '[DCP-4.4-01] the Python client’s Ed25519 is that of RFC 8032: same keys and signatures, foreign ones refused',
  async () => {
    const keys = Array.from({ length: 4 }, () => new Key());
    const message = Buffer.from('The quick brown fox');
    const script = [
      'import sys, ed25519',
      'for line in sys.stdin:',
      '    seed, message, other = (bytes.fromhex(part) for part in line.split())',
      '    public, signature = ed25519.public_key(seed), ed25519.sign(seed, message)',
      '    checks = [ed25519.verify(public, message, s) for s in (signature, other, other[:63], bytes(64))]',
      '    print(public.hex(), signature.hex(), *checks)',
    ].join('\n');
    const lines = keys.map((key, i) => {
      const other = (keys[i + 1] ?? new Key()).sign(message);
      return `${key.seed.toString('hex')} ${message.toString('hex')} ${rawKey(other).toString('hex')}`;
    });
    const output = await runPython(['-c', script], lines.join('\n'));
    const expected = keys.map((key) => {
      const signature = rawKey(key.sign(message)).toString('hex');
      return `${rawKey(key.publicKey).toString('hex')} ${signature} True False False False`;
    });
    expect(output.trim().split('\n')).toEqual(expected);
  },
  GUARD_MS,
);

async function runPython(args: string[], input: string): Promise<string> {
  const child = spawn('python3', ['-B', ...args], { cwd: FOLDER, stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stdin.end(input);
  await once(child, 'close');
  return output;
}

/** The other client at work; each line that it prints is one JSON object. */
class PythonClient {
  readonly #lines: Dict[] = [];
  readonly #child: ChildProcess;
  #stderr = '';
  #changed: () => void = () => undefined;
  #closed = false;

  constructor(args: string[]) {
    this.#child = spawn('python3', ['-B', join(FOLDER, 'dcp_client.py'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr?.on('data', (data: Buffer) => (this.#stderr += data.toString()));
    createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) => {
      this.#lines.push(JSON.parse(line) as Dict);
      this.#changed();
    });
    this.#child.on('close', () => {
      this.#closed = true;
      this.#changed();
    });
  }

  /** The next line of a kind that fits. */
  async line(did: string, fits: (line: Dict) => boolean = () => true): Promise<Dict> {
    for (;;) {
      const at = this.#lines.findIndex((line) => line['did'] === did && fits(line));
      const found = this.#lines[at];
      if (found !== undefined) return found;
      if (this.#closed) throw new Error(`the Python client ended before: ${this.#stderr}`);
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  async ended(): Promise<{ code: number | null; stderr: string }> {
    if (!this.#closed) await once(this.#child, 'close');
    return { code: this.#child.exitCode, stderr: this.#stderr };
  }
}
