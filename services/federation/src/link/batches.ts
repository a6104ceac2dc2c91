import { hash } from 'node:crypto';
import { verifySigned } from '@dcp/crypto';
import { batchHeader, MAX_BATCH_FRAMES, parseJson, parseWith, signingInput } from '@dcp/protocol';
import type { NodeKey } from '../node/node-key.js';
import { untrue } from '../peers/document-checks.js';

/** One direction of one link: who speaks to whom, on which connection. */
export interface Direction {
  /** `sha256:` over nonces and binding. */
  link: string;
  from: string;
  to: string;
}

const NEW_LINE = 0x0a;

function statement(direction: Direction, counter: number, hash: string): object {
  return { type: 'batch', ...direction, counter, hash };
}

function hashOf(bytes: Uint8Array): string {
  return `sha256:${hash('sha256', bytes)}`;
}

/** Numbers and signs what this node says on a link (profile §6). */
export class BatchWriter {
  #counter = 0;

  constructor(
    private readonly direction: Direction,
    private readonly key: NodeKey,
  ) {}

  /** `frames` are JSON texts. */
  write(frames: readonly string[]): Buffer {
    const body = Buffer.from(frames.join('\n'), 'utf8');
    const [counter, hash] = [++this.#counter, hashOf(body)];
    const signature = this.key.sign('ROUTE', statement(this.direction, counter, hash));
    const header = JSON.stringify({ link: this.direction.link, counter, hash, signature });
    return Buffer.concat([Buffer.from(`${header}\n`), body]);
  }
}

/** Believes only what the other node has signed for this link, each batch once and in order. */
export class BatchReader {
  #counter = 0;

  constructor(
    private readonly direction: Direction,
    private readonly key: Uint8Array,
  ) {}

  /** The frames, as texts. Throws 2000 for a malformed header, 3001 `batch_link`, `batch_counter`, `batch_hash`, `batch_signature`, `batch_size` for what is not true. */
  read(batch: Buffer): string[] {
    const end = batch.indexOf(NEW_LINE);
    if (end < 0) throw untrue('batch_size');
    const header = parseWith(batchHeader, parseJson(batch.toString('utf8', 0, end)));
    const body = batch.subarray(end + 1);
    if (header.link !== this.direction.link) throw untrue('batch_link');
    if (header.counter !== this.#counter + 1) throw untrue('batch_counter');
    if (header.hash !== hashOf(body)) throw untrue('batch_hash');
    const signed = signingInput('ROUTE', statement(this.direction, header.counter, header.hash));
    if (!verifySigned(this.key, signed, header.signature)) throw untrue('batch_signature');
    this.#counter = header.counter;
    return frames(body);
  }
}

function frames(body: Buffer): string[] {
  const texts = body.toString('utf8').split('\n');
  if (texts.length > MAX_BATCH_FRAMES) throw untrue('batch_size');
  return texts;
}
