import type { DeliveredMessage } from '@dcp/protocol';
import type { OutgoingMessage, ReadMessage } from '../src/index.js';
import type { WorkerClient } from '../src/browser/index.js';
import { element, made, onSubmit, shortName } from './elements.js';

/** As many messages as are kept on the page. */
const SHOWN = 200;
const PAGE = 50;

type Shown = Pick<ReadMessage, 'id' | 'author' | 'timestamp' | 'content' | 'undecryptable'> & { type?: string };

/** The open channel: its messages and the composer. */
export class Conversation {
  private channelId: string | undefined;
  private readonly list = element<HTMLOListElement>('messages');

  constructor(
    private readonly client: WorkerClient,
    private readonly userId: string,
    private readonly onWritten: () => void,
  ) {
    const { events } = client;
    events.on('message', ({ channelId, message, undecryptable }) => {
      this.show(channelId, undecryptable === undefined ? message : { ...message, undecryptable });
    });
    events.on('decrypted', ({ channelId, message }) => this.show(channelId, message));
    events.on('sent', ({ message }) => this.lines(message.id)[0]?.classList.remove('waiting'));
    events.on('failed', ({ message }) => this.lines(message.id)[0]?.classList.replace('waiting', 'failed'));
    onSubmit('composer', ({ text = '' }) => this.send(text));
    onSubmit('invite', ({ user = '' }) => client.rooms.invite(this.channelId ?? '', user.trim()));
  }

  get open(): string | undefined {
    return this.channelId;
  }

  async choose(channelId: string, name: string, mayInvite: boolean): Promise<void> {
    this.channelId = channelId;
    element('title').textContent = name;
    element('invite').hidden = !mayInvite;
    for (const part of element('composer').querySelectorAll<HTMLInputElement>('input, button')) part.disabled = false;
    this.list.replaceChildren();
    const messages = await this.past(channelId);
    const { waiting } = await this.client.status();
    // Another channel may have been chosen meanwhile.
    if (this.channelId !== channelId) return;
    for (const message of messages) this.show(channelId, message);
    for (const message of waiting) if (message.channel_id === channelId) this.showWaiting(message);
  }

  /** From the node; when it is away, what this device keeps. */
  private async past(channelId: string): Promise<readonly Shown[]> {
    try {
      return (await this.client.history(channelId, { limit: PAGE })).messages;
    } catch {
      return await this.client.archived(channelId, PAGE);
    }
  }

  private async send(text: string): Promise<void> {
    if (this.channelId === undefined) return;
    this.showWaiting(await this.client.send(this.channelId, { text }));
    this.onWritten();
  }

  private showWaiting(message: OutgoingMessage): void {
    if (this.lines(message.id).length > 0) return;
    this.show(message.channel_id, message);
    this.lines(message.id)[0]?.classList.add('waiting');
  }

  private show(channelId: string, message: Shown): void {
    if (channelId !== this.channelId) return;
    const line = message.type === 'system' ? systemLine(message) : this.line(message);
    line.dataset['id'] = message.id;
    const [known] = this.lines(message.id);
    if (known === undefined) this.list.append(line);
    else known.replaceWith(line);
    while (this.list.children.length > SHOWN) this.list.firstElementChild?.remove();
    this.list.scrollTop = this.list.scrollHeight;
  }

  private line({ author, timestamp, content, undecryptable }: Shown): HTMLLIElement {
    const time = new Date(timestamp).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const text =
      undecryptable === undefined
        ? made('div', String(content['text'] ?? ''), 'text')
        : made('div', `not readable (${undecryptable.reason})`, 'unreadable');
    return made('li', [made('div', `${shortName(author)} · ${time}`, 'by'), text], author === this.userId ? 'own' : '');
  }

  private lines(id: string): HTMLLIElement[] {
    return [...this.list.children].filter((line) => (line as HTMLElement).dataset['id'] === id) as HTMLLIElement[];
  }
}

function systemLine({ content }: Pick<DeliveredMessage, 'content'>): HTMLLIElement {
  const { actor, action, target } = content;
  const who = (name: unknown) => (typeof name === 'string' ? shortName(name) : '');
  const words = String(action ?? '').replace(/_/g, ' ');
  const object = target === actor ? '' : who(target);
  return made('li', `${who(actor)} ${words} ${object}`.trim(), 'system');
}
