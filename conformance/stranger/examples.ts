import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dict } from './json.js';

interface Example {
  section: string;
  title: string;
  line: number;
  value: Dict;
}

const FILE = join(import.meta.dirname, '..', 'fixtures', 'examples.json');
const { examples, channel_names } = JSON.parse(readFileSync(FILE, 'utf8')) as {
  examples: Example[];
  channel_names: string[];
};

/** A JSON example of the specification, as printed. */
export function example(section: string, title: string): Dict {
  const found = examples.find((one) => one.section === section && one.title === title);
  if (found === undefined) throw new Error(`no example ${section} ${title}`);
  return structuredClone(found.value);
}

/** The channel names of §9.1. */
export const CHANNEL_NAMES: readonly string[] = channel_names;

/** Every member of an example, by its dotted path; what an answer of that shape must have too. */
export function memberPaths(value: Dict, prefix = ''): string[] {
  return Object.entries(value).flatMap(([name, inner]) => {
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return isObject ? [`${prefix}${name}`, ...memberPaths(inner as Dict, `${prefix}${name}.`)] : [`${prefix}${name}`];
  });
}
