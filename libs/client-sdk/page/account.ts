import type { WorkerClient } from '../src/browser/index.js';
import { attempt, element, made, onSubmit, shortName } from './elements.js';

/** One's devices, safety numbers, search and the identity file. */
export class Account {
  constructor(
    private readonly client: WorkerClient,
    private readonly userId: string,
    readonly device: string,
  ) {
    onSubmit('revoke', async ({ device: which = '', passphrase = '' }) => {
      await client.revokeDevice(which, passphrase);
      await this.drawDevices();
    });
    onSubmit('safety', async ({ user = '' }) => await this.showSafetyNumber(user.trim()));
    onSubmit('search', async ({ query = '' }) => await this.find(query));
    element('export').addEventListener('click', () => void attempt(() => this.showIdentity()));
    element('own-devices').addEventListener('toggle', () => void attempt(() => this.drawDevices()));
    client.events.on(
      'devicesChanged',
      ({ userId: whose }) => whose === userId && void attempt(() => this.drawDevices()),
    );
  }

  private async drawDevices(): Promise<void> {
    const devices = await this.client.people.devices(this.userId);
    const label = ({ id, name }: { id: string; name: string }) =>
      `${name || 'unnamed'}${id === this.device ? ' (this one)' : ''}`;
    element('devices').replaceChildren(...devices.map((one) => made('li', label(one))));
    const others = devices.filter(({ id }) => id !== this.device);
    element('revoke').hidden = others.length === 0;
    element('revoke')
      .querySelector('select')
      ?.replaceChildren(...others.map((one) => new Option(label(one), one.id)));
  }

  private async showSafetyNumber(user: string): Promise<void> {
    element('safety-number').textContent = await this.client.people.safetyNumber(user);
    const verified = element<HTMLButtonElement>('verified');
    verified.hidden = await this.client.people.isVerified(user);
    verified.onclick = () =>
      void attempt(async () => {
        await this.client.people.markVerified(user);
        verified.hidden = true;
      });
  }

  private async find(query: string): Promise<void> {
    const found = await this.client.search(query, { limit: 20 });
    const lines = found.map(({ author, content }) =>
      made('li', `${shortName(author)}: ${String(content['text'] ?? '')}`),
    );
    element('found').replaceChildren(...(lines.length === 0 ? [made('li', 'Nothing found.')] : lines));
  }

  private async showIdentity(): Promise<void> {
    const place = element<HTMLTextAreaElement>('identity');
    place.value = await this.client.exportIdentity();
    place.hidden = false;
  }
}
