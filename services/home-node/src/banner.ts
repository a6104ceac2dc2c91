import type { HomeNode } from './home-node.js';

const started = Date.now();

/** A step of the start, on one line. */
export function progress(text: string): void {
  process.stdout.write(`  ${((Date.now() - started) / 1000).toFixed(1)} s  ${text}\n`);
}

/** What somebody who has just started a node wants to know. */
export function banner(node: HomeNode): string {
  return [
    '',
    `  DCP home node ${node.nodeId} is up after ${((Date.now() - started) / 1000).toFixed(1)} s`,
    '',
    `  address   ${node.url}`,
    `  nodes     port ${node.federationPort}, for other nodes`,
    `  data      ${node.dataDir}`,
    `  health    ${node.healthUrl}/readyz`,
    '',
    ...nextStep(node),
    '',
    '  Ctrl-C stops it; started again it finds its data.',
    '',
    '',
  ].join('\n');
}

function nextStep({ url, ownerInvite, accounts, registration }: HomeNode): string[] {
  if (ownerInvite !== undefined) {
    return [
      '  Make the owner’s account (this invite is shown once):',
      `    scripts/dcp identity create YOUR-NAME --node ${url} --invite ${ownerInvite}`,
    ];
  }
  const who =
    accounts === 0
      ? 'Make the first account; it owns the node:'
      : `${accounts} account(s); registration is ${registration}. Another one:`;
  return [`  ${who}`, `    scripts/dcp identity create YOUR-NAME --node ${url}`, '    scripts/dcp login'];
}
