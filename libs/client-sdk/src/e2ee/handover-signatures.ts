import { verifySigned } from '@dcp/crypto';
import { type Consent, consentInput, type Handover, handoverInput, mandateInput } from '@dcp/protocol';
import type { ChannelState } from './channel-chain.js';
import { deviceAt, signingKeyOf, type VerifiedLog } from './device-log.js';

/** One signature of a hand-over: whose it is, and under what. */
interface Signed {
  by: Consent;
  input: Uint8Array;
}

/** Everybody who has signed something in it. */
export function signersOf(word: Handover): string[] {
  return signaturesOf(word).map(({ by }) => by.author);
}

/** Whether every signature in it is that of a device which its user had at that time. */
export function isSigned(word: Handover, state: ChannelState, logs: ReadonlyMap<string, VerifiedLog>): boolean {
  return signaturesOf(word).every(({ by, input }) => {
    const log = logs.get(by.author);
    if (log === undefined || !isOfMember(log, state)) return false;
    const device = deviceAt(log, by.device ?? '', by.issued);
    return device !== undefined && verifySigned(signingKeyOf(device), input, by.signature);
  });
}

function signaturesOf(word: Handover): Signed[] {
  const { mandate, consents = [] } = word;
  return [
    { by: word, input: handoverInput(word) },
    ...consents.map((by) => ({ by, input: consentInput(word, by) })),
    ...(mandate === undefined ? [] : [{ by: mandate, input: mandateInput(mandate) }]),
  ];
}

/** The chain says by which key somebody is in the channel: a log under another one is not his, whatever the node says. */
function isOfMember({ userId, identityKey }: VerifiedLog, { members, former = {} }: ChannelState): boolean {
  const key = (members[userId] ?? former[userId])?.identityKey ?? null;
  return key === null || key === identityKey;
}
