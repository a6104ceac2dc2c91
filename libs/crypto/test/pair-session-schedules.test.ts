/** Sessions on a bad network: whatever is lost, late, repeated or restored, what arrives opens once and says what was sent. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type CryptoError, PairSession } from '../src/index.js';
import { ready } from '../src/index.node.js';
import { met, NOW, type Pair, plain, text } from './devices.js';

beforeAll(ready);

const HOUR = 60 * 60 * 1000;
type Side = 'a' | 'b';
type Step =
  | { kind: 'send'; from: Side }
  | { kind: 'deliver'; to: Side; which: number }
  | { kind: 'lose'; to: Side; which: number }
  | { kind: 'repeat'; to: Side; which: number }
  | { kind: 'damage'; to: Side; which: number; bit: number }
  | { kind: 'restore'; side: Side }
  | { kind: 'wait'; hours: number };

interface Flight {
  readonly words: string;
  readonly message: Uint8Array;
}

const side = fc.constantFrom<Side>('a', 'b');
const which = fc.nat(1000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), from: side }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), to: side, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), to: side, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('repeat' as const), to: side, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('damage' as const), to: side, which, bit: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), side }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 13 }) }) },
);

/** The network between two sessions; `run` checks each step as it goes. */
class Network {
  readonly #pair: Pair;
  readonly #flights: Record<Side, Flight[]> = { a: [], b: [] };
  readonly #opened: Record<Side, Flight[]> = { a: [], b: [] };
  #now = NOW;
  #sent = 0;

  constructor(postQuantum: boolean) {
    this.#pair = met(postQuantum);
  }

  run(next: Step): void {
    if (next.kind === 'wait') this.#now += next.hours * HOUR;
    else if (next.kind === 'send') this.#send(next.from);
    else if (next.kind === 'restore')
      this.#pair[next.side] = PairSession.deserialize(this.#pair[next.side].serialize());
    else if (next.kind === 'repeat') this.#repeat(next.to, next.which);
    else this.#arrive(next);
  }

  /** All that is still under way arrives, last first. */
  drain(): void {
    for (const to of ['a', 'b'] as const) {
      while (this.#flights[to].length > 0) this.#arrive({ kind: 'deliver', to, which: this.#flights[to].length - 1 });
    }
  }

  #send(from: Side): void {
    const words = `message ${this.#sent++}`;
    const message = this.#pair[from].encrypt(text(words), this.#now);
    this.#flights[from === 'a' ? 'b' : 'a'].push({ words, message });
  }

  #arrive(next: Extract<Step, { kind: 'deliver' | 'lose' | 'damage' }>): void {
    const flights = this.#flights[next.to];
    if (flights.length === 0) return;
    const [flight] = flights.splice(next.which % flights.length, 1) as [Flight];
    if (next.kind === 'lose') return;
    if (next.kind === 'damage') this.#refuseDamaged(next.to, flight, next.bit);
    expect(plain(this.#pair[next.to].decrypt(flight.message, this.#now))).toBe(flight.words);
    this.#opened[next.to].push(flight);
  }

  #refuseDamaged(to: Side, { message }: Flight, bit: number): void {
    const damaged = message.slice();
    const at = bit % (damaged.length * 8);
    damaged[at >> 3] = (damaged[at >> 3] ?? 0) ^ (1 << (at & 7));
    // Expired keys go away at any time; then nothing else may change.
    const before = this.#pair[to];
    const count = before.serialize().length;
    expect(codeOf(() => before.decrypt(damaged, this.#now))).toMatch(/^(malformed|decryption_failed)$/);
    expect(before.serialize().length).toBeLessThanOrEqual(count);
  }

  #repeat(to: Side, index: number): void {
    const opened = this.#opened[to];
    const flight = opened[index % Math.max(opened.length, 1)];
    if (flight === undefined) return;
    expect(codeOf(() => this.#pair[to].decrypt(flight.message, this.#now))).toMatch(/^(replayed|decryption_failed)$/);
  }
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as CryptoError).code;
  }
}

describe.each([
  ['X3DH', false],
  ['PQXDH', true],
] as const)('a session by %s', (_, postQuantum) => {
  it('[DCP-12.2-04] [DCP-6.3-03] holds on any schedule of loss, delay, repetition, damage and restart', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const network = new Network(postQuantum);
        // The keys of what is late may expire: the clock stays within seven days.
        let hours = 0;
        for (const next of steps) {
          if (next.kind === 'wait' && (hours += next.hours) > 160) continue;
          network.run(next);
        }
        network.drain();
      }),
      { numRuns: 40 },
    );
  });

  it('runs for 1,500 messages with short chains', () => {
    const network = new Network(postQuantum);
    for (let count = 0; count < 500; count++) {
      const from = count % 2 === 0 ? 'a' : 'b';
      for (let burst = 0; burst < 3; burst++) network.run({ kind: 'send', from });
      network.run({ kind: 'deliver', to: from === 'a' ? 'b' : 'a', which: 1 });
      if (count % 50 === 0) network.run({ kind: 'restore', side: from });
    }
    network.drain();
  });
});
