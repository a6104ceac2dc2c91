import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigError } from './config-error.js';
import { describeConfig } from './describe-config.js';
import { loadConfig } from './load-config.js';

const table = {
  schema: z.object({
    databaseUrl: z
      .string()
      .startsWith('postgresql://')
      .describe('The database')
      .meta({ example: 'postgresql://u:p@db/dcp' }),
    port: z.coerce.number().int().min(1).max(65_535).describe('Where it listens').default(8080),
    policy: z.enum(['open', 'closed']).meta({ example: 'open' }).optional(),
    pretty: z.stringbool().default(false),
    tokenKey: z.string().min(8),
  }),
  names: {
    databaseUrl: 'DATABASE_URL',
    port: 'DCP_PORT',
    policy: 'DCP_POLICY',
    pretty: 'DCP_PRETTY',
    tokenKey: 'DCP_KEY',
  },
  secrets: ['databaseUrl', 'tokenKey'],
} as const;

const good = { DATABASE_URL: 'postgresql://db/dcp', DCP_KEY: 'long enough' };
const folder = mkdtempSync(join(tmpdir(), 'dcp-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function faultsOf(env: Record<string, string>): ConfigError {
  try {
    loadConfig(table, env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error('it was accepted');
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('loadConfig', () => {
  it('reads, converts and fills in defaults', () => {
    expect(loadConfig(table, { ...good, DCP_PORT: '9000', DCP_PRETTY: 'true', OTHER: 'x' })).toEqual({
      databaseUrl: 'postgresql://db/dcp',
      port: 9000,
      pretty: true,
      tokenKey: 'long enough',
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig(table, { ...good, DCP_PORT: '', DCP_KEY_FILE: '' }).port).toBe(8080);
  });

  it('reads a secret from a file, without the line end', () => {
    const env = { DATABASE_URL: good.DATABASE_URL, DCP_KEY_FILE: file('key', 'from a file\n') };
    expect(loadConfig(table, env).tokenKey).toBe('from a file');
  });

  it('names every fault at once, with an example', () => {
    const error = faultsOf({ DCP_PORT: '99999', DCP_POLICY: 'maybe', DCP_KEY: 'long enough' });
    expect(error.faults.map(({ variable }) => variable)).toEqual(['DATABASE_URL', 'DCP_PORT', 'DCP_POLICY']);
    expect(error.message.split('\n')).toEqual([
      'The configuration cannot be used:',
      '  DATABASE_URL: is not set (for example DATABASE_URL=postgresql://u:p@db/dcp)',
      expect.stringMatching(/^ {2}DCP_PORT: .*65535.*, not "99999"$/),
      expect.stringMatching(/^ {2}DCP_POLICY: .*"open"\|"closed", not "maybe" \(for example DCP_POLICY=open\)$/),
    ]);
  });

  it('never shows a secret', () => {
    const error = faultsOf({ DATABASE_URL: 'mysql://hidden', DCP_KEY: 'short' });
    expect(error.faults).toHaveLength(2);
    expect(error.message).not.toMatch(/hidden|short\b/);
  });

  it('tells about files that are missing, empty or given beside the value', () => {
    const missing = faultsOf({ ...good, DCP_KEY: '', DCP_KEY_FILE: join(folder, 'none') });
    expect(missing.faults).toEqual([{ variable: 'DCP_KEY', problem: expect.stringContaining('ENOENT') }]);
    const empty = faultsOf({ DATABASE_URL: good.DATABASE_URL, DCP_KEY_FILE: file('empty', ' \n') });
    expect(empty.faults).toEqual([{ variable: 'DCP_KEY', problem: expect.stringContaining('is empty') }]);
    const both = faultsOf({ ...good, DCP_KEY_FILE: file('both', 'another key') });
    expect(both.faults).toEqual([{ variable: 'DCP_KEY', problem: expect.stringContaining('keep one') }]);
  });

  it('reads no file for what is no secret', () => {
    expect(loadConfig(table, { ...good, DCP_PORT_FILE: file('port', '1') }).port).toBe(8080);
  });

  it('keeps the message of a rule over several members', () => {
    const schema = table.schema.refine(() => false, 'open needs proof of work');
    expect(() => loadConfig({ ...table, schema }, good)).toThrow('configuration: open needs proof of work');
  });
});

describe('describeConfig', () => {
  it('lists variables, defaults and meanings', () => {
    expect(describeConfig(table).split('\n')).toEqual([
      'DATABASE_URL[_FILE]  required  The database; e.g. postgresql://u:p@db/dcp',
      'DCP_PORT             8080      Where it listens',
      'DCP_POLICY           optional  e.g. open',
      'DCP_PRETTY           false',
      'DCP_KEY[_FILE]       required',
    ]);
  });
});
