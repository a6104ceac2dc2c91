import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { STORAGE_CASES } from '../test/storage-compliance.js';
import { runScript } from './support/built-page.js';
import { startChromium } from './support/chromium.js';
import { serve, type StaticServer } from './support/static-server.js';
import type { IndexedDbStorage } from '../src/browser/index.js';

interface Exposed {
  storage: {
    run(index: number): Promise<void>;
    IndexedDbStorage: typeof IndexedDbStorage;
    databaseName(profile: string): string;
  };
  kept: IndexedDbStorage;
}

/** What the lock says; `open` when it lets one in. */
async function tryProfile(page: Page, profile: string, patienceMs = 0): Promise<string> {
  return await page.evaluate(
    async ([name, patience]) => {
      const own = globalThis as unknown as Exposed;
      own.kept = new own.storage.IndexedDbStorage(name, { patienceMs: patience });
      return await own.kept.set('by', 'me').then(
        () => 'open',
        (error: { details?: { reason?: string } }) => error.details?.reason ?? String(error),
      );
    },
    [profile, patienceMs] as const,
  );
}

const release = (page: Page) => page.evaluate(() => (globalThis as unknown as Exposed).kept.close());

const noWebLocks = () => void Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });

describe('IndexedDbStorage in Chromium', () => {
  let folder: string;
  let site: StaticServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;

  const newTab = async () => {
    const tab = await context.newPage();
    await tab.goto(site.url);
    return tab;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-storage-page-'));
    await runScript('e2e/build-storage-page.mjs', folder);
    [site, browser] = [await serve(folder), await startChromium()];
    context = await browser.newContext();
    page = await newTab();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(STORAGE_CASES.map(({ title }, index) => ({ title, index })))('$title', async ({ index }) => {
    await page.evaluate(async (at) => await (globalThis as unknown as Exposed).storage.run(at), index);
  });

  describe.each([
    ['with Web Locks', () => undefined],
    ['without Web Locks (Firefox 88, Safari 14)', noWebLocks],
  ])('%s', (kind, prepare) => {
    const profile = kind;
    let [one, other]: Page[] = [];

    beforeAll(async () => {
      context = await browser.newContext();
      await context.addInitScript(prepare);
      [one, other] = [await newTab(), await newTab()];
    });

    it('a profile belongs to one tab, and to the next when that one gives it free', async () => {
      const [first, second] = [one as Page, other as Page];
      expect(await tryProfile(first, profile)).toBe('open');
      expect(await tryProfile(second, profile)).toBe('in_use');
      await release(first);
      expect(await tryProfile(second, profile)).toBe('open');
      await release(second);
    });

    it('a tab that dies gives it free, to whoever is willing to wait', async () => {
      const [first, second] = [one as Page, other as Page];
      expect(await tryProfile(first, profile)).toBe('open');
      await first.close();
      expect(await tryProfile(second, profile, 1_000)).toBe('open');
      await release(second);
    });
  });

  it('without Web Locks a holder whose lease another has taken cannot write any more', async () => {
    context = await browser.newContext();
    await context.addInitScript(noWebLocks);
    const tab = await newTab();
    const outcome = await tab.evaluate(async () => {
      const { storage } = globalThis as unknown as Exposed;
      const sleeper = new storage.IndexedDbStorage('lease');
      await sleeper.set('a', 1);
      await new Promise<void>((resolve) => {
        const opening = indexedDB.open(storage.databaseName('lease'));
        opening.onsuccess = () => {
          const taking = opening.result.transaction('meta', 'readwrite');
          taking.objectStore('meta').put({ holder: 'another', until: Date.now() + 5_000 }, 'lease');
          taking.oncomplete = () => resolve(opening.result.close());
        };
      });
      const refused = await sleeper.set('a', 2).catch((error: { details: { reason: string } }) => error.details.reason);
      return [refused, await sleeper.get('a')];
    });
    expect(outcome).toEqual(['in_use', 1]);
  });
});
