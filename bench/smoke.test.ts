import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const RUN = join(import.meta.dirname, 'run.mjs');
const GUARD_MS = 240_000;

/** Everything that the smallest bench printed. Its speed is not judged: the machine may be busy. */
function smoke(): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [RUN, 'smoke', '--tiny'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  let output = '';
  const collect = (data: Buffer) => {
    output += data.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

/** The cells of the table row that begins with these cells. */
function row(output: string, ...first: string[]): string[] {
  const rows = output.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const found = rows.find((cells) => first.every((cell, i) => cells[i + 1] === cell));
  if (found === undefined) throw new Error(`no row ${first.join(', ')} in\n${output}`);
  return found.slice(1, -1);
}

function expectLink(output: string): void {
  const loads = [
    'posts, 20 channels × 8',
    'posts, 20 channels × 8, and their entries back',
    'route_message, 160 under way',
  ];
  for (const load of loads) {
    const [, routed, carried, cpu = ''] = row(output, load);
    expect(routed).toMatch(/^[\d,.]+$/);
    expect(carried).toMatch(/^[\d,.]+\/s$/);
    expect(cpu).toMatch(/home federation [\d,.]+.*reader federation [\d,.]+.*bench [\d,.]+/);
  }
}

function expectFederation(output: string): void {
  const [near, far] = ["the channel's node", 'the other node'];
  for (const what of [near, far]) {
    // The time after its ack may be negative; a missing figure is NaN.
    expect(row(output, what).slice(1, 7).join(' ')).toMatch(/^(-?[\d,.]+ ms ?){6}$/);
    const joins = row(output.slice(output.indexOf('joins each')), what);
    expect(joins.slice(1).join(' ')).toMatch(/^([\d,.]+ ms ?){2}$/);
  }
  expect(output).toMatch(/the hop adds -?[\d,.]+ ms p50 \(goal: < 3 ms\), -?[\d,.]+ ms p99/);
  for (const what of [`${near}, one channel`, `${far}, one channel`, `${far}, a channel each`]) {
    expect(Number.parseFloat(row(output, what)[1] ?? '')).toBeGreaterThan(0);
  }
}

describe('the smoke bench', () => {
  it(
    'runs through and prints every figure beside its reference',
    async () => {
      const { code, output } = await smoke();
      if (code !== 0) throw new Error(`the bench ended with ${code} and this:\n${output}`);
      expect(output).toMatch(/bench smoke: \d+ × .+, Linux .+, Node v24\..+, commit /);
      for (const what of ['one process', 'separate processes', 'ws + NATS + PostgreSQL', 'ws']) {
        const [, p50 = '', p99 = ''] = row(output, what);
        expect([p50, p99].map((cell) => Number.parseFloat(cell))).not.toContain(Number.NaN);
      }
      for (const what of ['one process, signed', 'one process, without signatures', 'ws + NATS + PostgreSQL']) {
        expect(Number.parseFloat(row(output.slice(output.indexOf('Durable')), what)[1] ?? '')).toBeGreaterThan(0);
      }
      for (const pending of ['1', '16']) {
        for (const what of ['one process', 'separate processes', 'ws']) {
          expect(row(output, '10', pending, what)[3]).toMatch(/µs$/);
        }
      }
      expect(row(output, 'separate processes', '20')[5]).toMatch(/^[\d,]+$/);
      expect(output).toMatch(/Peers: 7 idle links on top of 1: -?[\d,.]+ KiB of the node each/);
      expect(output.slice(output.indexOf('last node has it'))).toMatch(
        /\| [\d,.]+ ms\s+\| [\d,.]+ ms\s+\| [\d,.]+ ms\s+\| [\d,.]+ µs/,
      );
      expectFederation(output.slice(output.indexOf('Federation:')));
      expectLink(output.slice(output.indexOf('Link:')));
    },
    GUARD_MS,
  );
});
