import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '@dcp/testkit';
import { CliNodes } from './support/cli-nodes.js';

const GUARD_MS = 40_000;

// Each step is a process of its own.
jest.setTimeout(180_000);

describe('dcp channel', () => {
  let nodes: CliNodes;
  const dcp = (profile: string, ...args: string[]) => nodes.dcpWith('', profile, ...args);

  beforeAll(async () => {
    nodes = await CliNodes.start('northnod', 'southnod');
    await nodes.signUp('anna', 'northnod');
    await nodes.signUp('bob', 'southnod');
  });

  afterAll(() => nodes.close());

  it('says where a channel has its home, and moves one’s own to a node with a member in it', async () => {
    await dcp('anna', 'create', '#lobby');
    expect((await dcp('anna', 'channel', 'home', '#lobby')).out).toBe('The home of #lobby is northnod.\n');
    const early = await dcp('anna', 'channel', 'move', '#lobby', 'southnod');
    expect(early).toMatchObject({ code: 1, out: '' });
    expect(early.err).toMatch(/Nobody of southnod is a member/);
    expect((await dcp('bob', 'join', '#lobby@northnod')).code).toBe(0);
    await dcp('anna', 'send', '#lobby', 'before');
    expect((await dcp('bob', 'channel', 'move', '#lobby@northnod', 'southnod')).code).toBe(1);
    const moved = await dcp('anna', 'channel', 'move', '#lobby', 'southnod');
    expect(moved).toEqual({ code: 0, out: 'The home of #lobby@southnod is southnod now.\n', err: '' });
    expect((await dcp('bob', 'send', '#lobby', 'after')).code).toBe(0);
    await eventually(async () => {
      const { out } = await dcp('anna', 'history', '#lobby@southnod');
      expect(out).toMatch(/before[^]*after/);
    }, GUARD_MS);
    const shown = JSON.parse((await dcp('bob', 'channel', 'home', 'lobby', '--json')).out) as object;
    expect(shown).toMatchObject({ channel: '#lobby', home_node: 'southnod', home_epoch: 2, state: 'settled' });
  });

  it('lets a channel go on elsewhere when its home is lost, and only then', async () => {
    await dcp('anna', 'create', '#pier');
    expect((await dcp('bob', 'join', '#pier@northnod')).code).toBe(0);
    expect((await dcp('anna', 'channel', 'move', '#pier', 'southnod')).code).toBe(0);
    const name = '#pier@southnod';
    const alive = await dcp('anna', 'channel', 'replace-home', name);
    expect(alive.out).toMatch(/southnod answers: it is not lost/);
    const refused = await dcp('anna', 'channel', 'replace-home', name, '--confirm');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/not lost/);
    await nodes.kill('southnod');
    const seen = await dcp('anna', 'channel', 'replace-home', name);
    expect(seen).toMatchObject({ code: 0, err: '' });
    expect(seen.out).toMatch(/NODE\s+FROM\s+TO\nnorthnod\s+1\s+\d+\n.*southnod does not answer[^]*--confirm/);
    const replaced = await dcp('anna', 'channel', 'replace-home', name, '--confirm');
    expect(replaced).toEqual({ code: 0, out: '#pier goes on at northnod.\n', err: '' });
    expect((await dcp('anna', 'send', '#pier', 'on we go')).code).toBe(0);
    expect((await dcp('anna', 'channel', 'replace-home', '--help')).out).toMatch(/will never come back/);
  });

  it('says what a move does, and to whom', async () => {
    const { out } = await dcp('anna', 'channel', 'move', '--help');
    expect(out).toMatch(/needs a member in the channel/);
    expect(out).toMatch(/--via <host>/);
  });
});
