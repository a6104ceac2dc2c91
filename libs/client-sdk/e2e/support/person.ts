import type { Browser, BrowserContext, Page } from 'playwright-core';
import { watchLongTasks } from './long-tasks.js';

export const PASSPHRASE = 'four words and a horse';

/** Somebody at a browser: a context of his own, one tab, and what he does on the page. */
export class Person {
  readonly faults: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.setDefaultTimeout(30_000);
  }

  static async at(browser: Browser, url: string): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await watchLongTasks(context);
    const person = new Person(context, await context.newPage());
    await person.page.goto(url);
    return person;
  }

  /** Answers the new user's id. */
  async createAccount(node: string, name: string): Promise<string> {
    const form = this.page.locator('#create');
    await form.getByLabel('Node', { exact: true }).fill(node);
    await form.getByLabel('Name').fill(name);
    await form.getByLabel('Passphrase').fill(PASSPHRASE);
    await form.getByRole('button').click();
    await this.online();
    return await this.userId();
  }

  async signIn(identity: string, deviceName: string): Promise<void> {
    const form = this.page.locator('#sign-in');
    await form.getByLabel('Identity file').fill(identity);
    await form.getByLabel('Passphrase').fill(PASSPHRASE);
    await form.getByLabel('This device’s name').fill(deviceName);
    await form.getByRole('button').click();
    await this.online();
  }

  userId(): Promise<string> {
    return this.page.locator('#who').innerText();
  }

  async online(): Promise<void> {
    await this.state('online');
  }

  async state(state: string): Promise<void> {
    await this.page.locator(`#state[data-state="${state}"]`).waitFor();
  }

  async openDm(userId: string): Promise<void> {
    await this.fill('#dm', userId);
    await this.title(`@${shortName(userId)}`);
  }

  async createPrivate(name: string): Promise<void> {
    await this.fill('#private', name);
    await this.title(name);
  }

  async invite(userId: string): Promise<void> {
    await this.fill('#invite', userId);
  }

  async acceptInvitation(name: string): Promise<void> {
    await this.page.locator('#invitations li', { hasText: name }).getByRole('button').click();
    await this.title(name);
  }

  async choose(name: string): Promise<void> {
    await this.page.locator('#channels').getByRole('button', { name, exact: true }).click();
    await this.title(name);
  }

  async write(text: string): Promise<void> {
    await this.fill('#composer', text);
  }

  /** The text stands there once, and can be read. */
  async reads(text: string): Promise<void> {
    await this.page.locator('#messages .text', { hasText: text }).waitFor();
  }

  texts(): Promise<string[]> {
    return this.page.locator('#messages .text').allInnerTexts();
  }

  async exportIdentity(): Promise<string> {
    await this.page.getByText('Identity file', { exact: true }).last().click();
    await this.page.locator('#export').click();
    const place = this.page.locator('#identity');
    await place.waitFor();
    return await place.inputValue();
  }

  async revoke(deviceName: string): Promise<void> {
    await this.page.locator('#own-devices summary').click();
    const form = this.page.locator('#revoke');
    await form.getByLabel('Device').selectOption({ label: deviceName });
    await form.getByLabel('Passphrase').fill(PASSPHRASE);
    await form.getByRole('button').click();
    await this.page.locator('#devices li', { hasText: deviceName }).waitFor({ state: 'detached' });
  }

  /** Everything that lies in the profile's database, and whether its sealing key could be taken out. */
  async dump(): Promise<{ values: Record<string, string>; extractable: boolean }> {
    return await this.page.evaluate(async () => {
      const answer = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve) => {
          request.onsuccess = () => resolve(request.result);
        });
      const database = await answer(indexedDB.open('dcp/default'));
      const store = (name: string) => database.transaction(name).objectStore(name);
      const values: Record<string, string> = {};
      for (const key of (await answer(store('values').getAllKeys())) as string[])
        values[key] = (await answer(store('values').get(key))) as string;
      const { extractable } = (await answer(store('meta').get('sealing-key'))) as CryptoKey;
      database.close();
      return { values, extractable };
    });
  }

  async safetyNumber(userId: string): Promise<string> {
    await this.page.getByText('Safety number', { exact: true }).click();
    await this.fill('#safety', userId);
    const place = this.page.locator('#safety-number', { hasText: /\d/ });
    await place.waitFor();
    return await place.innerText();
  }

  async search(words: string): Promise<string[]> {
    await this.page.locator('summary', { hasText: 'Search' }).click();
    await this.fill('#search', words);
    await this.page.locator('#found li').first().waitFor();
    return await this.page.locator('#found li').allInnerTexts();
  }

  private async fill(form: string, text: string): Promise<void> {
    await this.page.locator(`${form} input`).fill(text);
    await this.page.locator(`${form} button`).click();
  }

  private async title(name: string): Promise<void> {
    await this.page.locator('#title', { hasText: name }).waitFor();
  }

  close(): Promise<void> {
    return this.context.close();
  }
}

export function shortName(userId: string): string {
  return userId.slice(userId.indexOf('.') + 1);
}
