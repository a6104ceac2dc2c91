import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomBytes, toBase64 } from '@dcp/crypto';
import { type SoftHsm, startSoftHsm } from '@dcp/testkit';
import { type Ended, ended, hsm } from './support/hsm.js';

const SERVICES = join(import.meta.dirname, '..', '..');
const HOME_NODE = join(SERVICES, 'home-node', 'dist', 'main.js');

/** Makes the add-on look as if it had never been compiled. */
const WITHOUT_ADDON = `--import=data:text/javascript,${encodeURIComponent(
  'import { registerHooks } from "node:module"; registerHooks({ resolve(name, context, next) { if (name === "pkcs11js") throw new Error("not built"); return next(name, context); } });',
)}`;

jest.setTimeout(120_000);

describe('an HSM that cannot be used', () => {
  let folder: string;
  let token: SoftHsm;
  let env: Record<string, string>;
  const secrets: string[] = [];

  const file = (name: string) => join(folder, name);
  const put = async (name: string, content: string) => {
    await writeFile(file(name), content);
    return file(name);
  };
  const sealed = async () =>
    JSON.parse(await readFile(file('node/sealed-seed.json'), 'utf8')) as Record<string, string>;
  /** What a node says that is started with one setting changed; it must have ended by itself. */
  const start = (changed: Record<string, string>) => ended(HOME_NODE, { ...env, ...changed });
  const refused = ({ code, output }: Ended, variable: string, words: RegExp) => {
    expect(output).toMatch(new RegExp(`^ +${variable}: .*${words.source}`, 'm'));
    expect(code).toBe(78);
    expect(output).not.toMatch(/^ {4}at /m);
    for (const secret of secrets) expect(output).not.toContain(secret);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-hsm-faults-'));
    await chmod(folder, 0o711);
    token = await startSoftHsm(file('hsm'));
    env = { ...token.env, DCP_DATA_DIR: file('node'), DCP_PORT: '0', DCP_HEALTH_PORT: '0', DCP_FEDERATION_PORT: '0' };
    secrets.push(token.pin, 'not-the-pin-1234');
    const made = await hsm(token.env, 'init', '--data', file('node'));
    if (made.code !== 0) throw new Error(made.output);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is told as a wrong PIN, which does not stand in the error', async () => {
    const DCP_NODE_HSM_PIN_FILE = await put('wrong-pin', 'not-the-pin-1234\n');
    refused(await start({ DCP_NODE_HSM_PIN_FILE }), 'DCP_NODE_HSM_PIN', /refuses the PIN \(CKR_PIN_INCORRECT\)/);
    refused(
      await start({ DCP_NODE_HSM_PIN_FILE: file('no-pin') }),
      'DCP_NODE_HSM_PIN',
      /DCP_NODE_HSM_PIN_FILE cannot be read \(ENOENT/,
    );
  });

  it('is told as a missing library, one that is none, and an add-on that is not built', async () => {
    const module = 'DCP_NODE_HSM_MODULE';
    refused(await start({ [module]: file('none.so') }), module, /no PKCS#11 library can be loaded from .*none\.so/);
    const text = await put('text.so', 'no library');
    refused(await start({ [module]: text }), module, /no PKCS#11 library can be loaded/);
    refused(await start({ NODE_OPTIONS: WITHOUT_ADDON }), module, /npm run hsm -- build/);
  });

  it('is told as a missing token, a missing key, and settings that are missing', async () => {
    refused(
      await start({ DCP_NODE_HSM_TOKEN: 'other' }),
      'DCP_NODE_HSM_TOKEN',
      /no token is labelled "other" \(there: "dcp"\)/,
    );
    refused(
      await start({ DCP_NODE_HSM_KEY: 'other' }),
      'DCP_NODE_HSM_KEY',
      /no Ed25519 key named "other": npm run hsm/,
    );
    const both = await start({ DCP_NODE_HSM_TOKEN: '', DCP_NODE_HSM_KEY: '' });
    refused(both, 'DCP_NODE_HSM_TOKEN', /is not set, and other settings of the HSM are/);
    refused(both, 'DCP_NODE_HSM_KEY', /is not set/);
    await token.addToken('twin');
    await token.addToken('twin');
    refused(await start({ DCP_NODE_HSM_TOKEN: 'twin' }), 'DCP_NODE_HSM_TOKEN', /several tokens are labelled "twin"/);
  });

  it('is told as a sealed seed that is missing, none, changed, or sealed by another key', async () => {
    const variable = 'DCP_NODE_SEALED_SEED_FILE';
    refused(await start({ [variable]: file('none') }), variable, /cannot be read \(ENOENT\)/);
    refused(await start({ [variable]: await put('garbage', '{"format":"x"}') }), variable, /is no sealed seed file/);
    const good = await sealed();
    const text = good['sealed'] ?? '';
    const flipped = { ...good, sealed: `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}` };
    refused(
      await start({ [variable]: await put('flipped', JSON.stringify(flipped)) }),
      variable,
      /cannot be opened: it was changed or damaged/,
    );
    const other = { DCP_NODE_HSM_KEY: 'second', DCP_DATA_DIR: file('second') };
    expect(await hsm({ ...token.env, ...other }, 'init', '--data', file('second'))).toMatchObject({ code: 0 });
    refused(
      await start({ [variable]: file('second/sealed-seed.json') }),
      variable,
      /is sealed by the key ed25519:.* and the HSM's is ed25519:/,
    );
    // Its head may be changed; then the bytes do not fit.
    const renamed = { ...JSON.parse(await readFile(file('second/sealed-seed.json'), 'utf8')), key: good['key'] };
    refused(await start({ [variable]: await put('renamed', JSON.stringify(renamed)) }), variable, /cannot be opened/);
  });

  it('is refused beside a seed, in the environment and in the data folder', async () => {
    const nodeKey = toBase64(randomBytes(32));
    secrets.push(nodeKey);
    refused(await start({ DCP_NODE_KEY: nodeKey }), 'configuration', /DCP_NODE_KEY too: the key is in one place/);
    await cp(file('node'), file('both'), { recursive: true });
    const passwords = { auth: 'a', channel: 'b' };
    await writeFile(file('both/secrets.json'), JSON.stringify({ nodeKey, passwords }));
    refused(
      await start({ DCP_DATA_DIR: file('both') }),
      'DCP_NODE_HSM_MODULE',
      /is set, and .*secrets\.json holds the key of the node: move it/,
    );
    refused(
      await hsm({ ...env, NODE_OPTIONS: WITHOUT_ADDON }, 'init', '--data', file('node')),
      'DCP_NODE_HSM_MODULE',
      /build/,
    );
    const init = await hsm(env, 'init', '--data', file('both'));
    expect(init).toMatchObject({ code: 1, output: expect.stringContaining('import moves it into the HSM') });
  });

  it('is told by each service alone, before it opens a port or looks for its database', async () => {
    for (const service of ['auth', 'channel', 'federation', 'trust-chain']) {
      const main = join(SERVICES, service, 'dist', 'main.js');
      const alone = { ...token.env, DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/x', NATS_URL: 'nats://127.0.0.1:1' };
      const own = { ...alone, DCP_HEALTH_PORT: '0', DCP_NODE_SEALED_SEED_FILE: file('node/sealed-seed.json') };
      refused(
        await ended(main, { ...own, DCP_NODE_HSM_KEY: 'other' }),
        'DCP_NODE_HSM_KEY',
        /no Ed25519 key named "other"/,
      );
      const key = { ...own, DCP_NODE_KEY: toBase64(randomBytes(32)) };
      refused(await ended(main, key), 'configuration', /keep one of them/);
    }
  });

  it('does not make a second seed for a key that was there', async () => {
    const again = await hsm(env, 'init', '--data', file('elsewhere'));
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('take the file from its backup') });
    const chosen = await hsm(env, 'init', '--new-seed', '--data', file('elsewhere'));
    expect(chosen).toMatchObject({ code: 0, output: expect.stringContaining('The HSM holds the key of the node') });
  });
});
