import { signDigest } from '@dcp/crypto';
import { newMessageId } from '@dcp/client-sdk';
import { messageSigningInput } from '@dcp/protocol';
import { writeFile } from 'node:fs/promises';
import type { BenchAccount } from './accounts.js';
import type { BenchChannel } from './channels.js';

/** The text of every message, as long as the references' bodies. */
export const BODY_BYTES = 300;
const TEXT = 'x'.repeat(BODY_BYTES);

export interface Author {
  account: BenchAccount;
  channel: BenchChannel;
}

export interface Sender extends Author {
  /** Which connection of the load tool sends it. */
  connection: number;
}

/** Signs `each` posts for each sender, in the full form of §6.1, and writes them for the load tool. They are good for five minutes (§6.4). */
export async function writeSignedFrames(file: string, senders: readonly Sender[], each: number): Promise<void> {
  await writeFrames(file, senders, each, signedMessage);
}

function signedMessage({ account, channel }: Author) {
  const message = {
    id: newMessageId(),
    type: 'text',
    timestamp: new Date().toISOString(),
    author: account.userId,
    channel_id: channel.id,
    content: { text: TEXT, format: 'plain' },
    encryption: { algorithm: 'none', key_id: 'node', nonce: '' },
    metadata: { client: 'bench/1', edited: false, reply_to: null },
  };
  return { ...message, signature: signDigest(account.seed, messageSigningInput(message)) };
}

/** A post with the message's own id as the id of its command. */
export interface SignedPost {
  id: string;
  frame: string;
}

/** The same posts for a socket of this process. */
export function signedPosts(author: Author, count: number): SignedPost[] {
  return Array.from({ length: count }, () => {
    const data = signedMessage(author);
    return { id: data.id, frame: JSON.stringify({ command: 'send_message', id: data.id, data }) };
  });
}

/** Posts as §7.3 prints them: the node completes and signs them itself. */
export async function writePlainFrames(file: string, senders: readonly Sender[], each: number): Promise<void> {
  await writeFrames(file, senders, each, ({ channel }) => ({
    channel: channel.name,
    content: { text: TEXT, format: 'plain' },
  }));
}

async function writeFrames(
  file: string,
  senders: readonly Sender[],
  each: number,
  message: (sender: Sender) => object,
) {
  const lines: string[] = [];
  for (let i = 0; i < each; i++) {
    for (const sender of senders) {
      const frame = JSON.stringify({ command: 'send_message', data: message(sender) });
      lines.push(`${sender.connection}\t${frame}\n`);
    }
  }
  await writeFile(file, lines.join(''), { mode: 0o600 });
}

/** The load tool's file of tokens, one for each connection. */
export async function writeTokens(file: string, accounts: readonly BenchAccount[]): Promise<void> {
  await writeFile(file, accounts.map(({ token }) => `${token}\n`).join(''), { mode: 0o600 });
}
