import { createLogger, runService } from '@dcp/node-kit';
import { explain } from './explain.js';
import { banner, progress } from './banner.js';
import { readConfig, startHomeNode, type HomeNode } from './index.js';
import { parseArguments } from './arguments.js';

const env = parseArguments(process.argv.slice(2), process.env);
const config = readOrExplain();
const logger = createLogger({ service: 'home-node', level: config.logLevel });

function readOrExplain() {
  try {
    return readConfig(env);
  } catch (error) {
    return explain(error);
  }
}

/** Whoever pressed Ctrl-C wants to see that it was heard, and when it is safe to leave. */
async function stopAloud(node: HomeNode): Promise<void> {
  process.stdout.write('\n  stopping: what is under way is finished (Ctrl-C again ends at once)\n');
  await node.stop();
  process.stdout.write('  stopped\n');
}

await runService({
  name: 'home node',
  logger,
  stopTimeoutMs: 60_000,
  start: async () => {
    const node = await startHomeNode({ config, env, logger, progress }).catch(explain);
    process.stdout.write(banner(node));
    return { stop: () => stopAloud(node) };
  },
});
