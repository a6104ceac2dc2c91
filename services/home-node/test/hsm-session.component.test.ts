import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, toBase64 } from '@dcp/crypto';
import { type SoftHsm, startSoftHsm } from '@dcp/testkit';
import { ended } from './support/hsm.js';

const FIXTURE = join(import.meta.dirname, 'fixtures', 'hsm-session.mjs');

interface Seen {
  same: boolean[];
  events: string[];
  loose: string;
  taken: string;
  printed: string;
  sealed: string;
}

describe('a session with an HSM', () => {
  let folder: string;
  let token: SoftHsm;
  let seen: Seen;
  const seed = randomBytes(32);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-hsm-session-'));
    token = await startSoftHsm(folder);
    const env = { ...token.env, TEST_SEED: toBase64(seed), DCP_NODE_SEALED_SEED_FILE: join(folder, 'none') };
    const { code, output } = await ended(FIXTURE, env);
    if (code !== 0) throw new Error(output);
    seen = JSON.parse(output) as Seen;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('gives the signatures that the seed gives, before and after the session and the library were ended', () => {
    expect(seen.same).toEqual([true, true, true, true, true, true]);
  });

  it('is opened again when it was lost, each time once', () => {
    expect(seen.events.filter((event) => event === 'lost')).toHaveLength(2);
    expect(seen.events.filter((event) => event === 'reopened')).toHaveLength(2);
    expect(seen.events).not.toContain('failed');
  });

  it('takes no key that may be read from the token, and puts none over another', () => {
    expect(seen.loose).toMatch(/DCP_NODE_HSM_KEY: the key "loose" may be taken out of the HSM/);
    expect(seen.taken).toMatch(/DCP_NODE_HSM_KEY: the token holds another key named "node"/);
  });

  it('prints neither PIN nor seed, however it is looked at', () => {
    expect(seen.printed).toContain('HsmSigner');
    for (const secret of [token.pin, toBase64(seed), Buffer.from(seed).toString('hex')]) {
      expect(seen.printed).not.toContain(secret);
      expect(seen.sealed).not.toContain(secret);
    }
  });
});
