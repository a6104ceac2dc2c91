import type { MyChannel } from '../src/index.js';
import type { WorkerClient } from '../src/browser/index.js';
import type { Conversation } from './conversation.js';
import { attempt, button, element, made, onSubmit, shortName } from './elements.js';

/** The channels one is in, invitations, and the ways into more of them. */
export class ChannelList {
  private channels: MyChannel[] = [];
  private readonly unread = new Set<string>();

  constructor(
    private readonly client: WorkerClient,
    private readonly conversation: Conversation,
  ) {
    const refresh = () => void attempt(() => this.refresh());
    client.events.on('membership', refresh);
    client.events.on('invitation', refresh);
    client.events.on('state', (state) => state === 'online' && refresh());
    client.events.on('message', ({ channelId }) => this.heard(channelId));
    onSubmit('dm', async ({ user = '' }) => this.opened(await client.rooms.openDm(user.trim())));
    onSubmit('private', async ({ name = '' }) => this.opened(await client.rooms.createPrivate(name.trim())));
    onSubmit('join', async ({ reference = '' }) => this.opened(await client.rooms.join(reference.trim())));
  }

  async refresh(): Promise<void> {
    this.channels = await this.client.myChannels();
    this.draw();
    this.drawInvitations(await this.client.rooms.invitations().catch(() => []));
  }

  private heard(channelId: string): void {
    if (channelId === this.conversation.open || this.unread.has(channelId)) return;
    this.unread.add(channelId);
    this.draw();
  }

  private async opened({ channelId }: { channelId: string }): Promise<void> {
    await this.refresh();
    const channel = this.channels.find(({ channel_id }) => channel_id === channelId);
    if (channel !== undefined) await this.choose(channel);
  }

  private async choose({ channel_id: channelId, id, encryption, visibility }: MyChannel): Promise<void> {
    this.unread.delete(channelId);
    const chosen = this.conversation.choose(channelId, nameOf(id), encryption === 'e2ee' && visibility === 'private');
    this.draw();
    await chosen;
  }

  private draw(): void {
    element('channels').replaceChildren(...this.channels.map((channel) => made('li', [this.entry(channel)])));
  }

  private entry(channel: MyChannel): HTMLButtonElement {
    const { channel_id: channelId, id } = channel;
    const entry = button(nameOf(id), () => this.choose(channel));
    entry.classList.toggle('unread', this.unread.has(channelId));
    if (this.conversation.open === channelId) entry.setAttribute('aria-current', 'true');
    return entry;
  }

  private drawInvitations(invitations: readonly { channel_id: string; channel: string; invited_by: string }[]): void {
    const lines = invitations.map(({ channel_id: channelId, channel, invited_by: by }) => {
      const accept = button('Join', async () => this.opened(await this.client.rooms.join(channelId)));
      return made('li', [made('span', `${channel}, invited by ${shortName(by)} `), accept]);
    });
    element('invitations').replaceChildren(...lines);
  }
}

/** A DM is called after the other user. */
function nameOf(id: string): string {
  return id.startsWith('@') ? `@${shortName(id)}` : id;
}
