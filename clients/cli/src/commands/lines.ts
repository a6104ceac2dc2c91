import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { CliError } from '../cli-error.js';

/** What people send each other as one line of text: JSON that mails and chats leave as it is. */

const MAX_LINE = 16 * 1024;

export function toLine(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** `-` is standard input. Somebody sent it: `what` is said where it is something else. */
export function fromLine<T>(given: string, what: string, parse: (value: unknown) => T): T {
  // Some programs break long lines.
  const text = (given === '-' ? readFileSync(0, 'utf8') : given).replaceAll(/\s/g, '');
  try {
    if (text.length > MAX_LINE || !/^[\w-]+$/.test(text)) throw new Error('not a line');
    return parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch {
    throw new CliError(
      'usage',
      `This is not ${what}: it is one long line of letters and digits, and all of it is needed`,
    );
  }
}
