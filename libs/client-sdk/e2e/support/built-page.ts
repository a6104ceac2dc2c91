import { spawnService } from '@dcp/testkit';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve, type StaticServer } from './static-server.js';

export interface BuiltPage extends StaticServer {
  folder: string;
}

/** Builds with esbuild in a process of its own: it wants the plain world that a test runner's is not. */
export async function runScript(script: string, ...args: string[]): Promise<string> {
  const path = join(import.meta.dirname, '..', '..', script);
  const run = await spawnService({ script: path, args, ready: /$/ });
  const { code } = await run.exited;
  if (code !== 0) throw new Error(`${script} failed:\n${run.output()}`);
  return run.output();
}

/** The test page, built into a temporary folder and served. */
export async function builtPage(): Promise<BuiltPage> {
  const folder = await mkdtemp(join(tmpdir(), 'dcp-page-'));
  await runScript('page/build.mjs', folder);
  const server = await serve(folder);
  const close = async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { ...server, folder, close };
}
