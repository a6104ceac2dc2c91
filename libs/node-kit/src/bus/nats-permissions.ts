/** One service's account on the bus. */
export interface NatsUser {
  /** Name of the service: [a-z0-9_-]. */
  name: string;
  password: string;
  /** Subjects it may publish and request, without prefix; wildcards allowed. Those beginning with `$` are the server's own. */
  publish: readonly string[];
  /** Subjects it may subscribe to and serve. Its own inbox is always added. */
  subscribe: readonly string[];
}

export interface NatsServerConfig {
  port: number;
  host?: string;
  users: readonly NatsUser[];
  /** The same as in `connectNatsBus`. */
  prefix?: string;
  /** Turns JetStream on, with its files here. */
  storeDir?: string;
  /** Port of the monitoring page, on the loopback interface only. */
  monitorPort?: number;
}

const USER_NAME = /^[a-z0-9][a-z0-9_-]*$/;

/** Answers come to this subject and below it; permissions let only its owner hear them. */
export function inboxPrefix(user: string): string {
  if (!USER_NAME.test(user)) throw new TypeError('a bus user is named with [a-z0-9_-]');
  return `_INBOX_${user}`;
}

/**
 * A configuration for nats-server 2.9 and later, in which each service may use its own subjects only. It holds passwords: keep it in
 * a file of mode 0600. Without users anybody may connect and do everything.
 */
export function natsServerConfig(config: NatsServerConfig): string {
  const lines = [`listen: ${quoted(`${config.host ?? '127.0.0.1'}:${config.port}`)}`];
  if (config.monitorPort !== undefined) lines.push(`http: ${quoted(`127.0.0.1:${config.monitorPort}`)}`);
  if (config.storeDir !== undefined) lines.push(`jetstream { store_dir: ${quoted(config.storeDir)} }`);
  if (config.users.length > 0) {
    const users = config.users.map((user) => userBlock(user, config.prefix ?? 'dcp'));
    lines.push('authorization {', '  users = [', ...users, '  ]', '}');
  }
  return `${lines.join('\n')}\n`;
}

function userBlock(user: NatsUser, prefix: string): string {
  const named = (subjects: readonly string[]) => subjects.map((s) => (s.startsWith('$') ? s : `${prefix}.${s}`));
  const inbox = `${inboxPrefix(user.name)}.>`;
  return [
    `    { user: ${quoted(user.name)}, password: ${quoted(password(user))}, permissions: {`,
    `      publish: { ${user.publish.length === 0 ? 'deny: ">"' : `allow: ${list(named(user.publish))}`} }`,
    `      subscribe: { allow: ${list([inbox, ...named(user.subscribe)])} }`,
    // One answer to each request that it received, to whatever inbox the request named.
    `      allow_responses: { max: 1, expires: "2m" }`,
    '    } }',
  ].join('\n');
}

/** nats-server would take a password that begins like this for its bcrypt hash. */
function password(user: NatsUser): string {
  if (user.password.startsWith('$2')) throw new TypeError(`the bus password of ${user.name} must not begin with $2`);
  return user.password;
}

function list(subjects: readonly string[]): string {
  return `[${subjects.map(quoted).join(', ')}]`;
}

function quoted(text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new TypeError('NATS configuration values are printable ASCII');
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
