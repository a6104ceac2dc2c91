import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CliNodes } from './support/cli-nodes.js';

// Each step is a process of its own.
jest.setTimeout(180_000);

describe('dcp account move', () => {
  let nodes: CliNodes;
  const users: Record<string, string> = {};

  const dcp = (profile: string, ...args: string[]) => nodes.dcpWith('', profile, ...args);
  const passphrase = () => nodes.passphrase;
  const move = (...more: string[]) =>
    dcp('anna', 'account', 'move', users['next'] ?? '', '--to-profile', 'next', ...passphrase(), ...more);
  const newPassphrase = () => ['--new-passphrase-file', join(nodes.folder, 'passphrase')];

  beforeAll(async () => {
    nodes = await CliNodes.start('northnod', 'southnod');
    await writeFile(join(nodes.folder, 'other'), 'another passphrase\n');
    for (const [profile, node] of [
      ['anna', 'northnod'],
      ['bob', 'northnod'],
      ['next', 'southnod'],
    ] as const)
      users[profile] = await nodes.signUp(profile, node, 'anna');
  });

  afterAll(() => nodes.close());

  it('says in its help what it does and what it cannot undo', async () => {
    const { out } = await dcp('anna', 'account', 'move', '--help');
    expect(out).toMatch(/--to-profile <name>/);
    expect(out).toMatch(/cannot be taken back/);
  });

  it('does nothing without the right account, its passphrase and its device', async () => {
    const wrong = await dcp('anna', 'account', 'move', users['bob'] ?? '', '--to-profile', 'next', ...passphrase());
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining(`is ${users['next']}, not ${users['bob']}`) });
    expect(await move('--new-passphrase-file', join(nodes.folder, 'other'))).toMatchObject({
      code: 1,
      err: 'dcp: Wrong passphrase.\n',
    });
    expect((await dcp('anna', 'account', 'move', 'x', '--to-profile', 'nobody')).code).toBe(4);
    expect((await dcp('anna', 'account', 'move', users['next'] ?? '')).err).toMatch(/to-profile/);
    expect((await dcp('bob', 'whois', users['anna'] ?? '')).out).not.toMatch(/moved to/);
  });

  it('moves, joins what it can, and says what is left', async () => {
    await dcp('bob', 'create', '#lobby');
    await dcp('anna', 'join', '#lobby');
    await dcp('bob', 'create', '#plans', '--private');
    await dcp('bob', 'invite', '#plans', users['anna'] ?? '');
    await dcp('anna', 'join', '#plans');
    await dcp('bob', 'dm', users['anna'] ?? '', 'hi');
    const { code, out, err } = await move(...newPassphrase());
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`${users['anna']} goes on as ${users['next']}.`);
    expect(out).toMatch(/^Joined: #lobby@northnod$/m);
    expect(out).toMatch(/^A member has to invite you to: #plans$/m);
    expect(out).toContain(`They find you when they write to you: ${users['bob']}`);
    const again = JSON.parse((await move(...newPassphrase(), '--json')).out) as object;
    expect(again).toMatchObject({
      moved_to: { to: users['next'] },
      joined: [],
      need_invitation: [{ channel: '#plans' }],
    });
  });

  it('others see where, and write there', async () => {
    expect((await dcp('bob', 'whois', `@${users['anna']}`)).out).toMatch(
      new RegExp(`^moved to +${users['next']}$`, 'm'),
    );
    const { out } = await dcp('bob', 'dm', users['anna'] ?? '');
    expect(out).toContain(`${users['anna']} has moved to ${users['next']}. @${users['next']} is open.`);
    const invite = await dcp('bob', 'invite', '#plans', users['anna'] ?? '');
    expect(invite).toMatchObject({ code: 1, err: expect.stringContaining(`dcp whois ${users['anna']}`) });
    const sent = await dcp('bob', 'dm', users['anna'] ?? '', 'there you are');
    expect(sent.out).toMatch(/Sent/);
    expect(sent.err).toContain(`-- ${users['anna']} has moved to ${users['next']}`);
    // What was written before stays where it was.
    const before = (await dcp('bob', 'history', `@${users['anna']}`)).out;
    expect(before).toMatch(/: hi$/m);
    expect(before).not.toMatch(/there you are/);
    expect((await dcp('next', 'history', `@${users['bob']}`)).out).toMatch(/there you are/);
  });
});
