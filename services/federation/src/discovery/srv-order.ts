import type { SrvRecord } from 'node:dns';

/**
 * RFC 2782: lower priorities first; among equals the next one is drawn with a chance that follows its weight. A record that says `.`
 * means that the service is not offered.
 */
export function inSrvOrder(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const offered = records.filter(({ name }) => name !== '' && name !== '.');
  const priorities = [...new Set(offered.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) =>
    drawn(
      offered.filter((record) => record.priority === priority),
      random,
    ),
  );
}

function drawn(records: SrvRecord[], random: () => number): SrvRecord[] {
  // "Arrange all SRV RRs so that those with weight 0 are at the beginning": they have a small chance too.
  const left = [...records].sort((a, b) => a.weight - b.weight);
  const order: SrvRecord[] = [];
  while (left.length > 0) order.push(...left.splice(draw(left, random), 1));
  return order;
}

function draw(records: readonly SrvRecord[], random: () => number): number {
  const sum = records.reduce((total, { weight }) => total + weight, 0);
  let running = 0;
  const mark = random() * sum;
  const at = records.findIndex(({ weight }) => {
    running += weight;
    return running >= mark;
  });
  return Math.max(0, at);
}
