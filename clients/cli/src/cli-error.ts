import { CryptoError } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';

/** What went wrong, in words for a person, with what to do next. */
export class CliError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** 0 done, 1 refused by the node, 2 wrong use, 3 node not reachable, 4 login needed. */
export const EXIT = { refused: 1, usage: 2, unreachable: 3, login: 4 } as const;

export interface Failure {
  code: string;
  message: string;
  details: Record<string, unknown>;
  exit: number;
}

/** Any thrown value as a line for the user and an exit code. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CliError)
    return { code: thrown.code, message: thrown.message, details: {}, exit: exitOf(thrown.code) };
  if (thrown instanceof CryptoError)
    return { code: thrown.code, message: cryptoMessage(thrown), details: {}, exit: EXIT.refused };
  if (thrown instanceof DcpError) return dcpFailure(thrown);
  const message = thrown instanceof Error ? thrown.message : 'unknown failure';
  return { code: 'failed', message, details: {}, exit: EXIT.refused };
}

function exitOf(code: string): number {
  if (code === 'usage') return EXIT.usage;
  return code === 'not_logged_in' || code === 'no_identity' ? EXIT.login : EXIT.refused;
}

function cryptoMessage(error: CryptoError): string {
  if (error.code === 'unsupported_kdf')
    return 'The node names a weak or unknown way from passphrase to key. Was your file made with --kdf pbkdf2? Then add --allow-pbkdf2.';
  return error.code === 'wrong_passphrase' ? 'Wrong passphrase.' : `The file cannot be opened (${error.code}).`;
}

/** Refusals of one's own client: what they mean, and the way out. */
function conflictMessage({ details }: DcpError): string | undefined {
  const user = String(details['user_id'] ?? '');
  switch (details['reason']) {
    case 'in_use':
      return `This profile is in use by process ${String(details['pid'])} (dcp tail?). End that first, or use another device: --profile NAME.`;
    case 'device_conflict':
      return (
        `Nothing was sent: the devices or the identity of ${user} are not what they were (${String(details['fault'])}). ` +
        `Ask ${user} by another way, then compare: dcp verify ${user}`
      );
    case 'acceptance_required':
      return `${user} is asked whether you may write: your nodes do not know each other yet. You can write as soon as ${user} has said yes (dcp dm).`;
    case 'trust_level':
    case 'unknown_node':
      return 'The two nodes do not know each other yet. Their owners let each other in with: dcp trust set NODE monitored. Until then an invitation or an invite link of a member opens a channel.';
    case 'channel_conflict':
      return `Nothing was sent: the node shows a membership that nobody signed (${String(details['fault'])}).`;
    case 'moved':
      return `The node says that ${user} has moved. See where: dcp whois ${user}`;
    case 'other_successor':
      return `Nothing was done: ${user} is shown with another identity than the one that was named. Ask by another way.`;
    case 'mode_not_proven':
      return 'Nothing was sent: the node calls this channel readable, but it was not made so.';
    default:
      return undefined;
  }
}

function dcpFailure(error: DcpError): Failure {
  const conflict = conflictMessage(error);
  if (conflict !== undefined)
    return { code: error.code, message: conflict, details: error.details, exit: EXIT.refused };
  const exit = { NODE_UNREACHABLE: EXIT.unreachable, SESSION_EXPIRED: EXIT.login, INVALID_CREDENTIALS: EXIT.login }[
    error.code as string
  ];
  const advice = ADVICE[error.code] ?? '';
  return {
    code: error.code,
    message: `${error.message}${reasonOf(error)}.${advice}`,
    details: error.details,
    exit: exit ?? EXIT.refused,
  };
}

function reasonOf({ details }: DcpError): string {
  const parts = [details['reason'], details['path'], details['hint']].filter(
    (part) => typeof part === 'string' && part !== '',
  );
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

const ADVICE: Record<string, string> = {
  NODE_UNREACHABLE: ' Is the node running? Check with: dcp doctor',
  INVALID_CREDENTIALS: ' Log in again with: dcp login',
  SESSION_EXPIRED: ' Log in again with: dcp login',
  CHANNEL_NOT_FOUND: ' See the channels with: dcp channels',
  RATE_LIMITED: ' Wait a moment and try again.',
};
