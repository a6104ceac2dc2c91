import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A running nats-server, however it was started. */
export interface NatsProcess {
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export class PortTaken extends Error {}

/** Debian installs it where only root's PATH looks. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

export function natsBinary(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...MORE_FOLDERS];
  return folders.map((folder) => join(folder, 'nats-server')).find(isExecutable);
}

/** Resolves when it accepts connections. */
export async function startNatsProcess(binary: string, configFile: string): Promise<NatsProcess> {
  const child = spawn(binary, ['-c', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await exited;
  };
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.stderr.on('data', (data: Buffer) => {
      output = (output + data.toString()).slice(-16_384);
      if (output.includes('Server is ready')) resolve();
    });
    void exited.then(() =>
      reject(output.includes('address already in use') ? new PortTaken() : new Error(`nats-server ended: ${output}`)),
    );
  });
  return { stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
