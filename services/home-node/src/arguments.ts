import type { Environment } from '@dcp/node-kit';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm start -- [options]

  --port PORT      port of the client door (default 8008)
  --host ADDRESS   address to bind (default 127.0.0.1); anything else than loopback admits by invite only
  --data FOLDER    where database, node key and passwords lie
  --help           this text

Everything else is set by environment variables; see README.md.
`;

/** The few options of the command line, put over the environment. Ends the process for --help and for an unknown option. */
export function parseArguments(args: string[], env: Environment): Environment {
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        data: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.help === true) leave(HELP, 0);
    return { ...env, ...defined({ DCP_PORT: values.port, DCP_HOST: values.host, DCP_DATA_DIR: values.data }) };
  } catch (error) {
    return leave(`${error instanceof Error ? error.message : 'wrong options'}\n\n${HELP}`, 78);
  }
}

function defined(values: Environment): Environment {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function leave(text: string, code: number): never {
  process.stdout.write(text);
  process.exit(code);
}
