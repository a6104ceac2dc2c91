import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where distributions put the library. */
const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

/** A token of SoftHSM in a folder of its own. It keeps nothing running: whoever loads the library with `env` uses it. */
export interface SoftHsm {
  readonly pin: string;
  /** What a service needs to use the key named `node`; the sealed seed file is not among it. */
  readonly env: Readonly<Record<string, string>>;
  /** Another token in the same library; several may have one label. */
  addToken(label: string): Promise<void>;
  /** As if it were pulled out: processes that use it lose it. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
}

export async function startSoftHsm(folder: string): Promise<SoftHsm> {
  const module = MODULES.find(existsSync);
  if (module === undefined) throw new Error('the tests need SoftHSM: install softhsm2 (apt-get install softhsm2)');
  const [tokens, conf, pinFile] = [join(folder, 'tokens'), join(folder, 'softhsm2.conf'), join(folder, 'pin')];
  const pin = `pin-${randomBytes(12).toString('hex')}`;
  const drawer = join(folder, 'drawer');
  for (const one of [tokens, drawer]) await mkdir(one, { recursive: true });
  await writeFile(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  await writeFile(pinFile, `${pin}\n`, { mode: 0o600 });
  const addToken = async (label: string) => {
    const args = [
      '--init-token',
      '--free',
      '--label',
      label,
      '--so-pin',
      randomBytes(12).toString('hex'),
      '--pin',
      pin,
    ];
    await run('softhsm2-util', args, { env: { ...process.env, SOFTHSM2_CONF: conf } });
  };
  await addToken('dcp');
  return {
    pin,
    env: {
      SOFTHSM2_CONF: conf,
      DCP_NODE_HSM_MODULE: module,
      DCP_NODE_HSM_TOKEN: 'dcp',
      DCP_NODE_HSM_KEY: 'node',
      DCP_NODE_HSM_PIN_FILE: pinFile,
    },
    addToken,
    unplug: () => moveAll(tokens, drawer),
    plug: () => moveAll(drawer, tokens),
  };
}

async function moveAll(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) await rename(join(from, name), join(to, name));
}
