import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Nothing but what the tests ask of it goes over the network. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The machine's own browser: `DCP_CHROMIUM`, else Debian's. */
export async function startChromium(): Promise<Browser> {
  const executablePath = process.env['DCP_CHROMIUM'] ?? CANDIDATES.find((path) => existsSync(path));
  if (executablePath === undefined)
    throw new Error('No Chromium: install it (apt-get install chromium) or set DCP_CHROMIUM to its path.');
  return await chromium.launch({ executablePath, headless: true, args: FLAGS });
}
