import type { ReadMessage } from '@dcp/client-sdk';
import { stripVTControlCharacters } from 'node:util';
import type { Failure } from './cli-error.js';

/** Where results go: tables and lines for people, one JSON value a line for programs (`--json`). */
export class Output {
  constructor(
    readonly json: boolean,
    private readonly write: (text: string) => void = (text) => void process.stdout.write(text),
    private readonly writeError: (text: string) => void = (text) => void process.stderr.write(text),
  ) {}

  /** A result: `value` for programs, `text` for people. */
  result(value: unknown, text: string): void {
    this.write(this.json ? `${JSON.stringify(value)}\n` : `${text}\n`);
  }

  /** Progress and hints, for people only. */
  note(text: string): void {
    if (!this.json) this.writeError(`${text}\n`);
  }

  failure({ code, message, details }: Failure): void {
    this.writeError(this.json ? `${JSON.stringify({ error: { code, message, details } })}\n` : `dcp: ${message}\n`);
  }
}

/** What others wrote is shown without control characters: a terminal obeys them. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu, '�');
}

/** `10:30:00 #general alice-river-7x9k: Hello`; users of other nodes than `userId`'s with their whole id. */
export function messageLine(message: ReadMessage, userId: string): string {
  const time = new Date(message.timestamp).toTimeString().slice(0, 8);
  return `${time} ${message.channel} ${bodyOf(message, userId)}`;
}

function bodyOf(message: ReadMessage, userId: string): string {
  const { content } = message;
  if (message.type === 'system') return `* ${systemText(content, userId)}`;
  const author = shortUser(message.author, userId);
  if (message.undecryptable !== undefined) return `${author}: [${UNREADABLE[message.undecryptable.reason]}]`;
  const text = typeof content['text'] === 'string' ? content['text'] : `[${message.type}]`;
  return `${author}: ${printable(text)}`;
}

/** A user as one of `userId`'s node calls him. */
export function shortUser(user: string, userId: string): string {
  const node = userId.slice(0, userId.indexOf('.') + 1);
  return user.startsWith(node) ? user.slice(node.length) : user;
}

const UNREADABLE: Record<NonNullable<ReadMessage['undecryptable']>['reason'], string> = {
  no_key: 'cannot be read yet: its key has been asked for',
  not_shared: 'from before you could read here',
  replayed: 'was read before, and is not kept on this device',
  tampered: 'was changed on its way: not shown',
  bad_signature: 'not from its author: not shown',
  unknown_device: 'from an unknown device: not shown',
  not_a_member: 'not from a member: not shown',
  malformed: 'cannot be read: malformed',
};

function systemText(content: Record<string, unknown>, userId: string): string {
  const actor = shortUser(printable(String(content['actor'])), userId);
  const action = String(content['action']).replaceAll('_', ' ');
  // Where somebody speaks of himself, his name once is enough.
  const target = content['target'] === content['actor'] ? '' : ` ${printable(String(content['target']))}`;
  return `${actor} ${action.replace(/^user /, '')}${target}`;
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, i) => Math.max(widest[i] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
