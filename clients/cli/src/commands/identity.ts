import {
  changePassphrase,
  createIdentity,
  describeNode,
  fetchIdentityFile,
  identityCode,
  openIdentity,
  readIdentity,
  register,
  type DcpClient,
  type OpenIdentity,
} from '@dcp/client-sdk';
import { DcpError, type AccountType, type IdentityFile } from '@dcp/protocol';
import { readFileSync, writeFileSync } from 'node:fs';
import { renderUnicodeCompact } from 'uqr';
import { CliError } from '../cli-error.js';
import { endpointOf, httpOf, openClient, type Context } from '../context.js';
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
  await requireEmpty(profile);
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
  { file, seed, retrievalHash }: OpenIdentity,
  options: CreateOptions,
): Promise<void> {
  const registration = await register(httpOf(file.home_node.endpoint), file, {
    ...(options.invite === undefined ? {} : { invite: options.invite }),
    ...(options.temporary === undefined ? {} : { expiresIn: parseDuration(options.temporary) }),
    retrievalHash,
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

/** `dcp identity import FILE` (`-`: standard input): makes this profile the user of an identity file or code. */
export async function importCommand({ profile, output }: Context, source: string): Promise<void> {
  await requireEmpty(profile);
  const file = readIdentity(readFileSync(source === '-' ? 0 : source, 'utf8'));
  await profile.saveIdentity(file);
  output.result({ user_id: file.identity.full_id }, `This profile is ${file.identity.full_id} now. Next: dcp login`);
}

/** `dcp identity fetch USER`: the file from its home node, by passphrase alone. */
export async function fetchCommand(
  { profile, output }: Context,
  userId: string,
  options: PassphraseOptions & { node: string; allowPbkdf2?: boolean },
): Promise<void> {
  await requireEmpty(profile);
  const passphrase = await readPassphrase(options);
  const allowPbkdf2 = options.allowPbkdf2 === true;
  const file = await fetchIdentityFile(httpOf(endpointOf(options.node)), userId, passphrase, { allowPbkdf2 });
  await profile.saveIdentity(file);
  output.result({ user_id: userId }, `This profile is ${userId} now. Next: dcp login`);
}

/** `dcp identity qr`: the file as a QR code, for a new device to read; it still wants the passphrase. */
export async function qrCommand({ profile, output }: Context): Promise<void> {
  const code = identityCode(await profile.identity());
  const picture = renderUnicodeCompact(code, { ecc: 'L', border: 2 });
  output.result({ code }, `${picture}\nOr paste it on the new device: dcp identity import -\n${code}`);
}

async function requireEmpty(profile: Context['profile']): Promise<void> {
  if (await profile.hasIdentity())
    throw new CliError('usage', `Profile "${profile.name}" has an identity already. Use another one: --profile NAME`);
}

/** `dcp identity passphrase`: changes the passphrase of the file. */
export async function passphraseCommand(
  context: Context,
  options: PassphraseOptions & { newPassphraseFile?: string },
): Promise<void> {
  const { profile, output } = context;
  const open = await openIdentity(await profile.identity(), await readPassphrase(options, 'Old passphrase: '));
  const next = options.newPassphraseFile === undefined ? {} : { passphraseFile: options.newPassphraseFile };
  const { file, retrievalHash } = await changePassphrase(open, await chooseOwnPassphrase(next));
  open.seed.wipe();
  await profile.saveIdentity(file);
  const told = await tellNode(context, file, retrievalHash);
  const node = told
    ? ''
    : ' The node has the old file still: run this again when you are logged in and it can be reached.';
  output.result(
    { user_id: file.identity.full_id, node_updated: told },
    `The passphrase is changed, and your other devices have to log in again (they do so by themselves). Export the file again where you keep copies.${node}`,
  );
}

/** A new device fetches the file from the node: it must be the one with the new passphrase. */
async function tellNode(context: Context, file: IdentityFile, retrievalHash: string): Promise<boolean> {
  if (!(await context.profile.hasDevice())) return false;
  try {
    const client = await openClient(context);
    await client.call('/accounts/me', { method: 'PUT', body: { identity_file: file, retrieval_hash: retrievalHash } });
    await endOtherSessions(client);
    return true;
  } catch {
    return false;
  } finally {
    await context.profile.close();
  }
}

/** Whoever had the old passphrase may have logged in with it: everybody but this device proves himself again (§12.3). */
async function endOtherSessions(client: DcpClient): Promise<void> {
  const { sessions } = await client.call<{ sessions: { id: string; current: boolean }[] }>('/auth/sessions');
  for (const { id, current } of sessions)
    if (!current) await client.call(`/auth/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
