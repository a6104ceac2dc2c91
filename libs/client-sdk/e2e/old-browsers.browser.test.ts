import { afterAll, beforeAll, describe, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { builtPage, type BuiltPage } from './support/built-page.js';
import { startChromium } from './support/chromium.js';
import { startHomeNode, type TestNode } from './support/home-node.js';
import { Person, shortName } from './support/person.js';

/** What Chrome and Edge 90, Firefox 88 or Safari 14 do not have, taken away before the first line of ours runs, in page and worker. */
const AS_OLD = `
delete Array.prototype.at; delete String.prototype.at; delete Object.getPrototypeOf(Uint8Array.prototype).at;
delete Array.prototype.findLast; delete Array.prototype.findLastIndex;
delete Array.prototype.toSorted; delete Array.prototype.toReversed; delete Array.prototype.toSpliced; delete Array.prototype.with;
delete String.prototype.isWellFormed; delete String.prototype.toWellFormed;
delete Object.hasOwn; delete Object.groupBy; delete Map.groupBy; delete Promise.withResolvers; delete Array.fromAsync;
delete URL.canParse; delete URL.parse; delete AbortSignal.timeout; delete AbortSignal.any; delete Crypto.prototype.randomUUID;
delete Uint8Array.fromBase64; delete Uint8Array.fromHex; delete Uint8Array.prototype.toBase64; delete Uint8Array.prototype.toHex;
for (const name of ['union', 'intersection', 'difference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom']) delete Set.prototype[name];
for (const name of ['map', 'filter', 'take', 'drop', 'flatMap', 'toArray', 'some', 'every', 'find', 'reduce', 'forEach']) delete Iterator.prototype[name];
delete globalThis.structuredClone; delete globalThis.Iterator; delete globalThis.FinalizationRegistry; delete globalThis.WeakRef;
delete globalThis.scheduler; delete globalThis.CompressionStream; delete globalThis.DecompressionStream;
delete WebAssembly.instantiateStreaming; delete WebAssembly.compileStreaming;
delete (globalThis.Navigator || globalThis.WorkerNavigator).prototype.locks;
delete (globalThis.Navigator || globalThis.WorkerNavigator).prototype.storage;
`;

/** Chromium without their newer parts: no proof for other engines, but what is missing there is missing here. */
describe('a browser as old as §15.1 allows', () => {
  let node: TestNode;
  let site: BuiltPage;
  let browser: Browser;

  beforeAll(async () => {
    [node, site, browser] = await Promise.all([startHomeNode(), builtPage(), startChromium()]);
    for (const script of ['page.js', 'worker.js']) site.prelude.set(`/old/${script}`, AS_OLD);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await node?.remove();
  }, 120_000);

  it('[DCP-15.1-02] makes an account and talks, encrypted, with one of today', async () => {
    const [old, present] = [await Person.at(browser, `${site.url}old/`), await Person.at(browser, site.url)];
    const oldId = await old.createAccount(node.address, 'old');
    const presentId = await present.createAccount(node.address, 'present');
    await old.openDm(presentId);
    await old.write('Does this still work?');
    await present.choose(`@${shortName(oldId)}`);
    await present.reads('Does this still work?');
    await present.write('It does');
    await old.reads('It does');
    await old.page.reload();
    await old.online();
    await old.choose(`@${shortName(presentId)}`);
    await old.reads('It does');
  }, 120_000);
});
