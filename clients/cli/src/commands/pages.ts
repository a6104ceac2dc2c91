/** All pages of a list that answers `next` while there is more. */
export async function pages<T>(
  call: <A>(path: string) => Promise<A>,
  path: string,
  name: string,
  most = Number.MAX_SAFE_INTEGER,
): Promise<T[]> {
  const all: T[] = [];
  for (let after: string | undefined; ;) {
    const query = after === undefined ? '' : `${path.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`;
    const page = await call<Record<string, unknown>>(`${path}${query}`);
    all.push(...(page[name] as T[]));
    if (typeof page['next'] !== 'string' || all.length >= most) return all.slice(0, most);
    after = page['next'];
  }
}
