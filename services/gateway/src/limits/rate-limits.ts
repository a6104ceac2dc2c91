import type { Clock } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { GatewayMetrics } from '../metrics.js';
import { TokenBuckets, type Rate } from './token-bucket.js';

const MAX_ACCOUNTS = 100_000;
const MAX_ADDRESSES = 100_000;

const COMMANDS: Rate = { perSecond: 50, burst: 100 };
const POSTS: Rate = { perSecond: 20, burst: 60 };
const LOGINS: Rate = { perSecond: 2, burst: 30 };
const TYPING: Rate = { perSecond: 1, burst: 3 };

/** How much a client may ask for: by account once it is known, by address before. `factor` widens or narrows all of it. */
export class RateLimits {
  private readonly commands: TokenBuckets;
  private readonly posts: TokenBuckets;
  private readonly logins: TokenBuckets;
  private readonly typing: TokenBuckets;
  private readonly bandwidth: TokenBuckets;
  private readonly connections = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly metrics: GatewayMetrics,
    factor: number,
    private readonly maxConnectionsPerAddress: number,
    bytesPerMinute: number,
  ) {
    const scaled = (rate: Rate): Rate => ({ perSecond: rate.perSecond * factor, burst: rate.burst * factor });
    this.commands = new TokenBuckets(scaled(COMMANDS), MAX_ACCOUNTS);
    this.posts = new TokenBuckets(scaled(POSTS), MAX_ACCOUNTS);
    this.logins = new TokenBuckets(scaled(LOGINS), MAX_ADDRESSES);
    this.typing = new TokenBuckets(TYPING, MAX_ACCOUNTS);
    this.bandwidth = new TokenBuckets({ perSecond: bytesPerMinute / 60, burst: bytesPerMinute }, MAX_ACCOUNTS);
  }

  /** Throws 3002 with `details.retry_after` in seconds. */
  command(userId: string, cost = 1): void {
    this.refuse('command', this.commands.take(userId, cost, this.clock.now()));
  }

  post(userId: string): void {
    this.refuse('post', this.posts.take(userId, 1, this.clock.now()));
  }

  /** Whatever costs work before anybody is known: challenges, proofs, registrations. */
  login(address: string, cost = 1): void {
    this.refuse('login', this.logins.take(address, cost, this.clock.now()));
  }

  /** Throws 3003 when an account sent more bytes than its quota. */
  bytes(userId: string, bytes: number): void {
    const wait = this.bandwidth.take(userId, bytes, this.clock.now());
    if (wait === 0) return;
    this.metrics.rateLimited.inc({ kind: 'bandwidth' });
    throw new DcpError('BANDWIDTH_EXCEEDED', { retry_after: Math.ceil(wait) });
  }

  /** Typing is dropped in silence: the next one will do. */
  mayType(userId: string, channelId: string): boolean {
    return this.typing.take(`${userId} ${channelId}`, 1, this.clock.now()) === 0;
  }

  /** Throws 3002 when the address holds as many sockets as it may. */
  mayConnect(address: string): void {
    if ((this.connections.get(address) ?? 0) >= this.maxConnectionsPerAddress) this.refuse('connection', 10);
  }

  openConnection(address: string): void {
    this.connections.set(address, (this.connections.get(address) ?? 0) + 1);
  }

  closeConnection(address: string): void {
    const open = this.connections.get(address) ?? 0;
    if (open <= 1) this.connections.delete(address);
    else this.connections.set(address, open - 1);
  }

  private refuse(kind: string, wait: number): void {
    if (wait === 0) return;
    this.metrics.rateLimited.inc({ kind });
    throw new DcpError('RATE_LIMITED', { retry_after: Math.ceil(wait * 1000) / 1000 });
  }
}
