import { openIdentity, type MovedAccount, type OpenIdentity } from '@dcp/client-sdk';
import { asDcpError, DcpError, type MovedTo } from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import { withClient, type Context } from '../context.js';
import { printable } from '../output.js';
import { readPassphrase, type PassphraseOptions } from '../passphrase.js';
import { openProfile } from '../profile.js';

interface MoveOptions extends PassphraseOptions {
  toProfile: string;
  newPassphraseFile?: string;
  via?: string;
}

/** `dcp account move NEW-USER --to-profile NAME`: this account goes on as the one of another profile, at another node. */
export async function moveAccountCommand(context: Context, newUser: string, options: MoveOptions): Promise<void> {
  const target: Context = { profile: openProfile(options.toProfile), output: context.output };
  const to = await target.profile.identity();
  // Naming the new account is what stands for "yes": nothing takes a move back.
  if (to.identity.full_id !== bare(newUser))
    throw new CliError('usage', `Profile "${options.toProfile}" is ${to.identity.full_id}, not ${bare(newUser)}`);
  await target.profile.device();
  const from = await opened(context, options.passphraseFile);
  const next = await opened(target, options.newPassphraseFile).catch((error: unknown) => {
    from.seed.wipe();
    throw error;
  });
  try {
    const moved = await moveBetween(context, target, from, next, options.via);
    context.output.result(resultOf(moved), movedText(moved));
  } finally {
    from.seed.wipe();
    next.seed.wipe();
  }
}

async function opened({ profile }: Context, passphraseFile: string | undefined): Promise<OpenIdentity> {
  const file = await profile.identity();
  const source = passphraseFile === undefined ? {} : { passphraseFile };
  return await openIdentity(file, await readPassphrase(source, `Passphrase of ${file.identity.full_id}: `));
}

function moveBetween(
  context: Context,
  target: Context,
  from: OpenIdentity,
  to: OpenIdentity,
  via: string | undefined,
): Promise<MovedAccount> {
  const host = via === undefined ? {} : { via };
  return withClient(context, (client) => withClient(target, (next) => client.moveAccount({ from, to, next, ...host })));
}

function resultOf({ record, until, joined, needInvitation, failed, contacts }: MovedAccount): object {
  return {
    moved_to: record,
    until,
    joined: joined.map(({ channel, channelId: channel_id }) => ({ channel, channel_id })),
    need_invitation: needInvitation.map(({ channel, channelId: channel_id }) => ({ channel, channel_id })),
    failed: failed.map(({ channel, channelId: channel_id, error }) => ({ channel, channel_id, code: error.code })),
    contacts,
  };
}

function movedText({ record, until, joined, needInvitation, failed, contacts }: MovedAccount): string {
  const names = (channels: { channel: string }[]) => channels.map(({ channel }) => printable(channel)).join(', ');
  const lines = [
    `${record.user_id} goes on as ${record.to}.`,
    `Until ${until.slice(0, 10)} whoever asks for the old account is led to the new one. Then it ends, and what it wrote is wiped: keep copies.`,
    ...(joined.length === 0 ? [] : [`Joined: ${names(joined)}`]),
    ...(needInvitation.length === 0 ? [] : [`A member has to invite you to: ${names(needInvitation)}`]),
    ...(failed.length === 0 ? [] : [`Not joined now (run this again later): ${names(failed)}`]),
    ...(contacts.length === 0 ? [] : [`They find you when they write to you: ${contacts.join(', ')}`]),
  ];
  return lines.join('\n');
}

/** `dcp whois USER`: who somebody is to the node, and where he has moved. */
export async function whoisCommand(context: Context, user: string): Promise<void> {
  const userId = bare(user);
  const { profile, moved } = await withClient(context, async (client) => ({
    moved: await client.people.movedTo(userId),
    profile: await client.call<Record<string, unknown>>(`/users/${encodeURIComponent(userId)}`).catch(asDcpError),
  }));
  // An account that has ended is remembered by those who followed.
  if (profile instanceof DcpError && moved === undefined) throw profile;
  const known = profile instanceof DcpError ? { user_id: userId } : profile;
  const { moved_to: said, ...shown } = known as Record<string, unknown>;
  const result = { ...shown, ...(moved === undefined ? {} : { moved_to: moved }) };
  context.output.result(result, whoisText(userId, shown, moved, said !== undefined));
}

function whoisText(userId: string, shown: Record<string, unknown>, moved: MovedTo | undefined, said: boolean): string {
  const row = (label: string, value: unknown) =>
    value === undefined ? [] : [`${label.padEnd(9)} ${printable(String(value))}`];
  const lines = [
    ...row('user', userId),
    ...row('name', shown['display_name']),
    ...row('key', shown['public_key']),
    ...row('account', shown['account_type']),
    ...row('moved to', moved?.to),
  ];
  if (moved === undefined && said)
    lines.push('!! The node says that this user has moved, but both accounts have not signed that: not believed.');
  return lines.join('\n');
}

function bare(user: string): string {
  return user.startsWith('@') ? user.slice(1) : user;
}
