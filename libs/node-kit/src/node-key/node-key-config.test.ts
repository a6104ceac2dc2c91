import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigError } from '../config/config-error.js';
import { describeConfig } from '../config/describe-config.js';
import { loadConfig } from '../config/load-config.js';
import { namesHsm, nodeKeyMembers, nodeKeyNames, nodeKeySecrets, withNodeKey } from './node-key-config.js';

const table = {
  schema: withNodeKey(z.object({ url: z.string(), ...nodeKeyMembers })),
  names: { url: 'URL', ...nodeKeyNames },
  secrets: nodeKeySecrets,
};
const SEED = Buffer.alloc(32, 7).toString('base64');
const HSM = {
  DCP_NODE_HSM_MODULE: '/lib/hsm.so',
  DCP_NODE_HSM_TOKEN: 'dcp',
  DCP_NODE_HSM_KEY: 'node',
  DCP_NODE_HSM_PIN: '4711-secret',
  DCP_NODE_SEALED_SEED_FILE: '/etc/sealed',
};

function faults(env: Record<string, string>): string[] {
  try {
    loadConfig(table, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').slice(1);
  }
  throw new Error('it was accepted');
}

describe('where the key of a node is', () => {
  it('is a seed, or an HSM with all that it needs', () => {
    expect(loadConfig(table, { URL: 'u', DCP_NODE_KEY: SEED })).toEqual({ url: 'u', nodeKey: SEED });
    expect(loadConfig(table, { URL: 'u', ...HSM })).toMatchObject({ hsmModule: '/lib/hsm.so', hsmPin: '4711-secret' });
  });

  it('must be told, and every fault is told with the others', () => {
    expect(faults({})).toEqual([
      expect.stringMatching(/^ {2}URL: is not set/),
      expect.stringMatching(/^ {2}DCP_NODE_KEY: is not set/),
    ]);
    expect(faults({ DCP_NODE_HSM_TOKEN: 'dcp' }).map((line) => line.split(':')[0]?.trim())).toEqual([
      'URL',
      'DCP_NODE_HSM_MODULE',
      'DCP_NODE_HSM_KEY',
      'DCP_NODE_HSM_PIN',
      'DCP_NODE_SEALED_SEED_FILE',
    ]);
    expect(faults({ URL: 'u', DCP_NODE_KEY: 'c2hvcnQ=' })).toEqual([
      expect.stringMatching(/^ {2}DCP_NODE_KEY: is not usable/),
    ]);
  });

  it('is in one place, and no secret stands in an error', () => {
    const [line = '', ...others] = faults({ URL: 'u', ...HSM, DCP_NODE_KEY: SEED });
    expect(others).toEqual([]);
    expect(line).toContain('DCP_NODE_KEY too: the key is in one place, keep one of them');
    expect(line).not.toMatch(/4711|BwcH/);
  });

  it('is an HSM when any of its variables is set', () => {
    expect(namesHsm({ DCP_NODE_KEY: SEED, DCP_NODE_HSM_TOKEN: '' })).toBe(false);
    expect(namesHsm({ DCP_NODE_HSM_TOKEN: 'dcp' })).toBe(true);
    expect(namesHsm({ DCP_NODE_HSM_PIN_FILE: '/pin' })).toBe(true);
  });

  it('takes the PIN from a file too, as every secret', () => {
    expect(describeConfig(table)).toMatch(/^DCP_NODE_HSM_PIN\[_FILE\] +optional/m);
  });
});
