import { randomBytes, ready, toBase64 } from '@dcp/crypto';
import { ConfigError } from '@dcp/node-kit';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig, registrationOf } from '../src/config.js';

const LEAST = {
  DATABASE_URL: 'postgresql://auth@db/dcp',
  NATS_URL: 'nats://nats:4222',
  DCP_NODE_KEY: toBase64(randomBytes(32)),
};

describe('the configuration', () => {
  beforeAll(() => ready());

  const read = (env: Record<string, string> = {}) => readConfig({ ...LEAST, ...env });
  const faultsOf = (env: Record<string, string>) => {
    try {
      read(env);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    return 'none';
  };

  it('asks for invites where strangers can come, and lets everybody in on loopback', () => {
    expect(registrationOf(read())).toBe('invite');
    expect(registrationOf(read({ DCP_BOUND_TO: 'network' }))).toBe('invite');
    expect(registrationOf(read({ DCP_BOUND_TO: 'loopback' }))).toBe('open');
    expect(registrationOf(read({ DCP_BOUND_TO: 'loopback', DCP_REGISTRATION: 'closed' }))).toBe('closed');
  });

  it('refuses to open a network’s door without work, and says what to do', () => {
    const open = { DCP_REGISTRATION: 'open', DCP_BOUND_TO: 'network' };
    for (const bits of [{}, { DCP_PROOF_OF_WORK_BITS: '15' }]) {
      expect(faultsOf({ ...open, ...bits })).toContain('DCP_PROOF_OF_WORK_BITS');
    }
    expect(registrationOf(read({ ...open, DCP_PROOF_OF_WORK_BITS: '16' }))).toBe('open');
  });

  it('[DCP-5.3-02] shortens the times of the specification, and never lengthens them', () => {
    expect(read()).toMatchObject({
      sessionLifetimeMs: 8 * 3_600_000,
      refreshAfterMs: 4 * 3_600_000,
      challengeLifetimeMs: 300_000,
    });
    expect(read({ DCP_SESSION_LIFETIME_MS: '2000' }).sessionLifetimeMs).toBe(2_000);
    expect(faultsOf({ DCP_SESSION_LIFETIME_MS: '28800001' })).toContain('DCP_SESSION_LIFETIME_MS');
    expect(faultsOf({ DCP_REFRESH_AFTER_MS: '14400001' })).toContain('DCP_REFRESH_AFTER_MS');
    expect(faultsOf({ DCP_CHALLENGE_LIFETIME_MS: '300001' })).toContain('DCP_CHALLENGE_LIFETIME_MS');
  });

  it('[DCP-5.2-09] lists the features that it is told of, and nothing else', () => {
    expect(read().features).toEqual(['e2ee', 'private-channels', 'direct-messages', 'key-backup']);
    expect(read({ DCP_FEATURES: 'media, voice' }).features).toEqual(['media', 'voice']);
    expect(faultsOf({ DCP_FEATURES: 'Media!' })).toContain('DCP_FEATURES');
  });
});
