import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CliError } from './cli-error.js';

export interface PassphraseOptions {
  /** A file that holds the passphrase in its first line; `-` is standard input. Never an argument: those are seen by other users. */
  passphraseFile?: string;
}

const MIN_LENGTH = 8;

export async function readPassphrase(options: PassphraseOptions, prompt = 'Passphrase: '): Promise<string> {
  if (options.passphraseFile !== undefined) return firstLine(options.passphraseFile);
  if (!process.stdin.isTTY)
    throw new CliError(
      'usage',
      'No terminal to ask for the passphrase: give --passphrase-file FILE (or - for standard input)',
    );
  return await ask(prompt);
}

/** Asked twice, because nobody can reset it. */
export async function chooseOwnPassphrase(options: PassphraseOptions): Promise<string> {
  const passphrase = await readPassphrase(options, 'New passphrase (it cannot be reset): ');
  if ([...passphrase].length < MIN_LENGTH)
    throw new CliError('usage', `The passphrase needs at least ${MIN_LENGTH} characters`);
  if (options.passphraseFile !== undefined) return passphrase;
  if ((await ask('The same again: ')) !== passphrase) throw new CliError('usage', 'The two passphrases differ');
  return passphrase;
}

function firstLine(file: string): string {
  try {
    const [line = ''] = readFileSync(file === '-' ? 0 : file, 'utf8').split(/\r?\n/);
    return line;
  } catch {
    throw new CliError('usage', `Cannot read the passphrase from ${file}`);
  }
}

/** The prompt is shown, what is typed is not. */
function ask(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true });
  return new Promise((resolve) => {
    reader.question('', (answer) => {
      reader.close();
      process.stderr.write('\n');
      resolve(answer);
    });
  });
}
