import { type Report, type ReportReceipt, TRUST } from '@dcp/contracts';
import type { Logger } from '@dcp/node-kit';
import type { MessageReport } from '@dcp/protocol';
import { expect } from '@jest/globals';
import { somebody } from './acts.js';
import { type Author, Chat, type Written } from './chat.js';
import { type BusKind, Links, TrustNode } from './world.js';

/** A node with a channel in which mallory writes to alice, who reports him; and a second node that hears of it. */
export class ReportDesk {
  alice = '';
  room = '';
  /** Keys and words of what mallory wrote. */
  readonly secrets: string[] = [];
  #mallory: Author | undefined;

  private constructor(
    readonly node: TrustNode,
    readonly second: TrustNode,
    readonly chat: Chat,
    readonly secondChat: Chat,
  ) {}

  static async open(kind: BusKind, logger: Logger): Promise<ReportDesk> {
    const links = new Links();
    const [node, second] = [await TrustNode.open(kind, links), await TrustNode.open(kind, links)];
    const desk = new ReportDesk(node, second, await Chat.open(node), await Chat.open(second));
    await Promise.all([node.start({ logger }), second.start()]);
    return desk;
  }

  async close(): Promise<void> {
    for (const part of [this.chat, this.secondChat, this.node, this.second]) await part.close();
  }

  /** Other people, in another channel. */
  meet(): void {
    this.alice = somebody(this.node.id);
    this.#mallory = this.chat.author(somebody('b8x1n5p4'));
    this.room = this.chat.channel(this.alice, this.mallory.userId);
    this.chat.post(this.mallory.write(this.room, 'something before it').message);
  }

  get mallory(): Author {
    if (this.#mallory === undefined) throw new Error('nobody has met');
    return this.#mallory;
  }

  /** By mallory, in the channel. */
  said(text: string): Written {
    const written = this.mallory.write(this.room, text);
    this.secrets.push(written.key, text);
    this.chat.post(written.message);
    return written;
  }

  reportAs(user_id: string, { message, key }: Partial<Written>, more: object = {}): Promise<ReportReceipt> {
    const shown = { channel_id: message?.channel_id, message, ...(key === undefined ? {} : { key }) };
    const report = { ...shown, reason: 'harassment', ...more } as MessageReport;
    return this.node.bus.request(TRUST.report, { session: this.node.session({ user_id }), report });
  }

  /** By alice. */
  report(written: Partial<Written>, more: object = {}): Promise<ReportReceipt> {
    return this.reportAs(this.alice, written, more);
  }

  async queue(state: 'open' | 'closed' = 'open', author?: string): Promise<Report[]> {
    return (await this.node.bus.request(TRUST.reports, { session: this.node.boss, state, author })).reports;
  }

  async shown(id: string): Promise<Report> {
    const found = [...(await this.queue()), ...(await this.queue('closed'))].find((one) => one.id === id);
    if (found === undefined) throw new Error('not in the queue');
    return found;
  }

  /** Of a report that is in the queue all the same, and shows nothing. */
  async faultOf(written: Partial<Written>, more: object = {}): Promise<unknown> {
    const { id, verified, fault } = await this.report(written, more);
    expect(await this.shown(id)).toMatchObject({ verified, fault, content: null });
    return fault;
  }
}
