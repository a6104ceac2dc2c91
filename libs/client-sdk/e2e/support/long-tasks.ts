import type { BrowserContext, Page } from 'playwright-core';

interface Watched {
  longTasks: { at: number; ms: number }[];
}

/** From the first script on: every task of the page's own thread that ran for more than 50 ms (the API tells no shorter ones). */
export async function watchLongTasks(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const watched = globalThis as unknown as Watched;
    watched.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) watched.longTasks.push({ at: startTime, ms: duration });
    }).observe({ type: 'longtask', buffered: true });
  });
}

/** Milliseconds of each since the page had loaded. */
export async function longTasks(page: Page): Promise<number[]> {
  return await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const loaded = navigation?.loadEventEnd ?? 0;
    return (globalThis as unknown as Watched).longTasks.filter(({ at }) => at > loaded).map(({ ms }) => Math.round(ms));
  });
}
