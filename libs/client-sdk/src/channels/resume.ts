import { asDcpError, DcpError } from '@dcp/protocol';
import type { NodePort } from '../e2ee/node-port.js';
import { backoffDelay, type BackoffSettings } from '../transport/backoff.js';
import type { ChannelSet } from './channel-set.js';

const MAX_DELAY_MS = 30_000;

interface ResumeAnswer {
  /** The error codes of channels that are not heard now. */
  refused?: Record<string, string>;
}

/**
 * Takes all channels up again on a new connection; those that the node could not look after at that moment are asked for again, as long as
 * the connection lasts.
 */
export class Resumption {
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts the connections: what an earlier one still answers starts nothing. */
  private connection = 0;
  private readonly backoff: BackoffSettings;

  constructor(
    private readonly node: Pick<NodePort, 'command'>,
    private readonly channels: Pick<ChannelSet, 'positions'>,
    { maxMs = MAX_DELAY_MS, ...backoff }: BackoffSettings = {},
  ) {
    this.backoff = { ...backoff, maxMs: Math.min(maxMs, MAX_DELAY_MS) };
  }

  /** Every channel, on a connection that has just been opened. Rejects with the node's error. */
  async start(): Promise<void> {
    this.stop();
    const { connection } = this;
    const refused = await this.ask(this.channels.positions());
    this.askLater(refused, 0, connection);
  }

  /** The connection is gone. */
  stop(): void {
    this.connection++;
    clearTimeout(this.timer);
  }

  /** Answers the channels that may be resumed later. */
  private async ask(positions: Record<string, number>): Promise<string[]> {
    const { refused = {} } = await this.node.command<ResumeAnswer>('resume', { channels: positions });
    return Object.keys(refused).filter((channelId) => mayPass(DcpError.fromBody({ code: refused[channelId] ?? '' })));
  }

  private askLater(channelIds: readonly string[], attempt: number, connection: number): void {
    if (channelIds.length === 0 || connection !== this.connection) return;
    const wait = backoffDelay(attempt, this.backoff);
    this.timer = setTimeout(() => void this.askAgain(channelIds, attempt, connection), wait);
    // A program that has nothing else to do may end.
    (this.timer as { unref?: () => void }).unref?.();
  }

  private async askAgain(channelIds: readonly string[], attempt: number, connection: number): Promise<void> {
    const positions = this.positionsOf(channelIds);
    const mine = Object.keys(positions);
    if (mine.length === 0) return;
    const refused = await this.ask(positions).catch((error: unknown) => (mayPass(asDcpError(error)) ? mine : []));
    this.askLater(refused, attempt + 1, connection);
  }

  /** Where they stand now; channels that were left meanwhile are not among them. */
  private positionsOf(channelIds: readonly string[]): Record<string, number> {
    const wanted = new Set(channelIds);
    return Object.fromEntries(Object.entries(this.channels.positions()).filter(([channelId]) => wanted.has(channelId)));
  }
}

/** What a node calls its own failure may pass too: to resume twice does no harm. */
function mayPass({ retryable, code }: DcpError): boolean {
  return retryable || code === 'INTERNAL_ERROR';
}
