import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '@dcp/testkit';
import { CliNodes } from './support/cli-nodes.js';

const GUARD_MS = 60_000;

// Each step is a process of its own.
jest.setTimeout(240_000);

/** The home of the channels is `northnod`, and so is their owner. */
describe('dcp channel, when the home is lost and the owner with it', () => {
  let nodes: CliNodes;
  const ids: Record<string, string> = {};

  const dcp = (profile: string, ...args: string[]) => nodes.dcpWith('', profile, ...args);
  const jsonOf = async <T>(profile: string, ...args: string[]) =>
    JSON.parse((await dcp(profile, ...args, '--json')).out) as T;

  beforeAll(async () => {
    nodes = await CliNodes.start('northnod', 'southnod', 'westnode');
    for (const [profile, node] of [
      ['anna', 'northnod'],
      ['bob', 'southnod'],
      ['carol', 'westnode'],
    ] as const)
      ids[profile] = await nodes.signUp(profile, node);
    await makeChannel('#quay');
    await makeChannel('#yard', '--readable');
  });

  afterAll(() => nodes.close());

  async function makeChannel(name: string, ...options: string[]): Promise<void> {
    expect((await dcp('anna', 'create', name, ...options)).code).toBe(0);
    for (const profile of ['bob', 'carol']) expect((await dcp(profile, 'join', `${name}@northnod`)).code).toBe(0);
    await dcp('anna', 'send', name, 'before');
  }

  const admins = () => [ids['bob'] ?? '', ids['carol'] ?? ''];
  const isThere = (profile: string, channel: string, text: RegExp) =>
    eventually(async () => {
      expect((await dcp(profile, 'history', channel)).out).toMatch(text);
    }, GUARD_MS);

  it('names admins, and says to everybody who they are and what they may', async () => {
    expect((await dcp('anna', 'channel', 'admins', '#quay')).out).toMatch(/^Nobody is named: .* only its owner/);
    expect((await dcp('anna', 'channel', 'admins', '#quay', ids['anna'] ?? '')).out).toMatch(/this member can/);
    for (const channel of ['#quay', '#yard']) {
      const named = await dcp('anna', 'channel', 'admins', channel, ...admins());
      const text = `When the home of ${channel} is lost, 2 of these 2 members can let it go on elsewhere, and nothing else:\n`;
      expect(named).toEqual({ code: 0, out: `${text}${admins().join('\n')}\n`, err: '' });
      for (const profile of ['bob', 'carol'])
        await eventually(async () => {
          const seen = await jsonOf<object>(profile, 'channel', 'admins', `${channel}@northnod`);
          expect(seen).toMatchObject({ admins: admins(), needed: 2 });
        }, GUARD_MS);
    }
    expect(await jsonOf<object>('anna', 'channel', 'admins', '#quay')).toMatchObject({ mandate: { serial: 2 } });
  });

  it('names nobody who cannot be, and not for somebody else', async () => {
    const notOwner = await dcp('bob', 'channel', 'admins', '#yard@northnod', ...admins());
    expect(notOwner).toMatchObject({
      code: 1,
      out: '',
      err: 'dcp: Only the owner of #yard@northnod names its admins\n',
    });
    expect(await dcp('anna', 'channel', 'admins', '#quay', 'bob')).toMatchObject({ code: 2, out: '' });
    expect(await dcp('anna', 'channel', 'admins', '#quay', ...admins(), ...admins())).toMatchObject({ code: 2 });
    expect(await dcp('anna', 'channel', 'admins', '#quay', '--none', ...admins())).toMatchObject({ code: 2 });
  });

  it('proposes nothing while the home answers', async () => {
    const early = await dcp('bob', 'channel', 'propose-home', '#quay@northnod');
    expect(early).toMatchObject({ code: 1, out: '' });
    expect(early.err).toMatch(/answers: it is not lost/);
    expect((await dcp('anna', 'channel', 'propose-home', '#quay')).err).toMatch(/not one of the admins/);
  });

  it('goes on together, and only together', async () => {
    await isThere('bob', '#quay@northnod', /before/);
    await isThere('carol', '#quay@northnod', /before/);
    await nodes.kill('northnod');
    const name = '#quay@northnod';
    const survey = await dcp('bob', 'channel', 'replace-home', name);
    expect(survey.out).toMatch(/northnod does not answer[^]*dcp channel propose-home '#quay@northnod'/);
    const proposed = await dcp('bob', 'channel', 'propose-home', name);
    expect(proposed).toMatchObject({ code: 0, out: expect.stringMatching(/^[\w-]+\n$/) });
    expect(proposed.err).toMatch(/LOST +northnod\nGOES ON AT +southnod\n[^]*1 of them must agree: westnode\.carol/);
    const line = proposed.out.trim();
    const alone = await dcp('bob', 'channel', 'replace-home', name, '--proposal', line, '--confirm');
    expect(alone).toMatchObject({ code: 1, out: '' });
    expect(alone.err).toMatch(/2 admins must have signed, and 1 has.*agree-home LINE --confirm/);

    const shown = await dcp('carol', 'channel', 'agree-home', line);
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toMatch(/PROPOSED BY +southnod\.bob[^]*Nothing has been signed.*--confirm/);
    expect(await dcp('carol', 'channel', 'agree-home', line.slice(0, -9), '--confirm')).toMatchObject({
      code: 2,
      out: '',
    });
    const agreed = await nodes.dcpWith(proposed.out, 'carol', 'channel', 'agree-home', '-', '--confirm');
    expect(agreed).toMatchObject({ code: 0, out: expect.stringMatching(/^[\w-]+\n$/) });
    const consent = ['--proposal', line, '--consent', agreed.out.trim()];
    expect((await dcp('bob', 'channel', 'replace-home', name, ...consent.slice(2), '--confirm')).code).toBe(2);
    expect((await dcp('bob', 'channel', 'replace-home', name, 'westnode', ...consent, '--confirm')).code).toBe(2);
    const replaced = await dcp('bob', 'channel', 'replace-home', name, ...consent, '--confirm');
    expect(replaced).toEqual({ code: 0, out: '#quay goes on at southnod.\n', err: '' });

    expect((await dcp('bob', 'send', '#quay', 'on we go')).code).toBe(0);
    await isThere('carol', '#quay@southnod', /before[^]*on we go/);
    expect((await dcp('carol', 'send', '#quay@southnod', 'with me')).code).toBe(0);
    await isThere('bob', '#quay', /on we go[^]*with me/);
    const late = await dcp('carol', 'channel', 'agree-home', line, '--confirm');
    expect(late).toMatchObject({ code: 1, out: '' });
    expect(late.err).toMatch(/not about the present home/);
  });

  it('goes on where nodes may read it too, by whoever brings the lines', async () => {
    const proposed = await jsonOf<{ proposal: string; needed: number }>(
      'bob',
      'channel',
      'propose-home',
      '#yard@northnod',
      'westnode',
    );
    expect(proposed.needed).toBe(2);
    const replaced = await dcp(
      'carol',
      'channel',
      'replace-home',
      '#yard@northnod',
      '--proposal',
      proposed.proposal,
      '--confirm',
    );
    expect(replaced).toEqual({ code: 0, out: '#yard goes on at westnode.\n', err: '' });
    expect((await dcp('carol', 'send', '#yard', 'here')).code).toBe(0);
    await isThere('bob', '#yard@westnode', /here/);
  });

  it('says what admins can do and cannot', async () => {
    expect((await dcp('anna', 'channel', 'admins', '--help')).out).toMatch(/nothing as long as the home answers/);
    expect((await dcp('anna', 'channel', 'propose-home', '--help')).out).toMatch(/Nothing\nchanges by that/);
    expect((await dcp('anna', 'channel', 'agree-home', '--help')).out).toMatch(/Without --confirm this shows it/);
  });
});
