import {
  changePassphrase,
  createIdentity,
  describeNode,
  openIdentity,
  register,
  type OpenIdentity,
} from '@dcp/client-sdk';
import { DcpError, type AccountType } from '@dcp/protocol';
import { writeFileSync } from 'node:fs';
import { CliError } from '../cli-error.js';
import { endpointOf, httpOf, type Context } from '../context.js';
import { chooseOwnPassphrase, readPassphrase, type PassphraseOptions } from '../passphrase.js';
import { parseDuration } from './duration.js';

export interface CreateOptions extends PassphraseOptions {
  node: string;
  name?: string;
  invite?: string;
  kdf?: 'argon2id' | 'pbkdf2';
  temporary?: string;
}

/** Names that may collide before the user should choose another one. */
const DRAWS = 3;

/** `dcp identity create NAME`: a new identity file, registered with its home node. */
export async function createCommand(context: Context, username: string, options: CreateOptions): Promise<void> {
  const { profile, output } = context;
  if (await profile.hasIdentity())
    throw new CliError('usage', `Profile "${profile.name}" has an identity already. Use another one: --profile NAME`);
  const endpoint = endpointOf(options.node);
  const { node_info: node } = await describeNode(httpOf(endpoint));
  const passphrase = await chooseOwnPassphrase(options);
  for (let draw = 1; ; draw++) {
    const open = await newIdentity(username, options, endpoint, node, passphrase);
    try {
      return await registerAndSave(context, open, options);
    } catch (error) {
      if (!(error instanceof DcpError && error.code === 'CONFLICT') || draw === DRAWS) throw error;
      output.note('That name is taken; drawing another ending.');
    }
  }
}

function newIdentity(
  username: string,
  options: CreateOptions,
  endpoint: string,
  node: { id: string; name: string },
  passphrase: string,
): Promise<OpenIdentity> {
  const accountType: AccountType = options.temporary === undefined ? 'standard' : 'temporary';
  const wish = {
    username,
    accountType,
    homeNode: { id: node.id, endpoint, name: node.name },
    ...(options.name === undefined ? {} : { displayName: options.name }),
    ...(options.kdf === undefined ? {} : { kdf: options.kdf }),
  };
  return createIdentity(wish, passphrase);
}

async function registerAndSave(
  { profile, output }: Context,
  { file, seed }: OpenIdentity,
  options: CreateOptions,
): Promise<void> {
  const registration = await register(httpOf(file.home_node.endpoint), file, {
    ...(options.invite === undefined ? {} : { invite: options.invite }),
    ...(options.temporary === undefined ? {} : { expiresIn: parseDuration(options.temporary) }),
  });
  await profile.saveIdentity(file);
  seed.wipe();
  const lines = [
    `You are ${file.identity.full_id}${registration.owner ? ', the owner of this node' : ''}.`,
    `Identity file: ${profile.folder}/identity.json (keep a copy: dcp identity export FILE)`,
    registration.status === 'pending'
      ? 'The node has to approve the registration before you can log in.'
      : 'Next: dcp login',
  ];
  output.result({ ...registration, profile: profile.name }, lines.join('\n'));
}

/** `dcp identity show` */
export async function showCommand({ profile, output }: Context): Promise<void> {
  const file = await profile.identity();
  const { encrypted_data: _sealed, ...shown } = file;
  const { identity, home_node: home, account_type: type } = file;
  const lines = [
    `user      ${identity.full_id}`,
    `name      ${identity.display_name ?? '-'}`,
    `node      ${home.name ?? '-'} (${home.endpoint})`,
    `key       ${identity.public_key}`,
    `account   ${type ?? 'standard'}, since ${identity.created}`,
  ];
  output.result(shown, lines.join('\n'));
}

/** `dcp identity export FILE`: the whole file, private key sealed by the passphrase as ever. */
export async function exportCommand({ profile, output }: Context, target: string): Promise<void> {
  const text = `${JSON.stringify(await profile.identity(), null, 2)}\n`;
  if (target === '-') return void process.stdout.write(text);
  writeFileSync(target, text, { mode: 0o600, flag: 'wx' });
  output.result({ file: target }, `Written to ${target}. Whoever has it and the passphrase is you.`);
}

/** `dcp identity passphrase`: changes the passphrase of the file. */
export async function passphraseCommand(
  { profile, output }: Context,
  options: PassphraseOptions & { newPassphraseFile?: string },
): Promise<void> {
  const open = await openIdentity(await profile.identity(), await readPassphrase(options, 'Old passphrase: '));
  const next = options.newPassphraseFile === undefined ? {} : { passphraseFile: options.newPassphraseFile };
  const file = await changePassphrase(open, await chooseOwnPassphrase(next));
  open.seed.wipe();
  await profile.saveIdentity(file);
  output.result(
    { user_id: file.identity.full_id },
    'The passphrase is changed. Export the file again where you keep copies.',
  );
}
