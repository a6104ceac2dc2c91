import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  DcpError,
  stateEffect,
  SYSTEM_ACTIONS,
  type StateEffect,
  type StateEntry,
  type SystemAction,
} from '../src/index.js';
import { entryOf, factsOf, LINK } from './support/state-entries.js';

/** A channel as a reader of its chain holds it, in a few lines: what the rules say must keep it sound whatever is tried. */
class Chain {
  created = false;
  members = new Map<string, 'owner' | 'member'>();
  invited = new Map<string, string>();
  banned = new Set<string>();
  linked = false;
  epoch = 0;

  constructor(readonly visibility: 'public' | 'private' | 'group') {}

  /** The effect, or undefined for a refusal. */
  try(entry: StateEntry): StateEffect | undefined {
    const standing = (user: string) => ({
      role: this.members.get(user) ?? null,
      invitedKey: this.invited.get(user) ?? null,
      banned: this.banned.has(user),
    });
    const { author, content } = entry;
    const link = this.linked && content.details['use_link'] === true ? LINK : undefined;
    const facts = { creator: USERS[0], actor: standing(author), target: standing(content.target), link };
    try {
      return this.apply(
        stateEffect(entry, factsOf({ visibility: this.visibility, created: this.created, ...facts })),
        author,
      );
    } catch (error) {
      if (error instanceof DcpError) return undefined;
      throw error;
    }
  }

  private apply(effect: StateEffect, author: string): StateEffect {
    if (effect.rekey) this.epoch++;
    if (effect.kind === 'created') this.created = this.members.set(author, 'owner').size > 0;
    else if (effect.kind === 'joined') this.admit(effect.user);
    else if (effect.kind === 'invited') this.invited.set(effect.user, effect.identityKey);
    else if (effect.kind === 'uninvited') this.invited.delete(effect.user);
    else if (effect.kind === 'unbanned') this.banned.delete(effect.user);
    else if (effect.kind === 'linked' || effect.kind === 'unlinked') this.linked = effect.kind === 'linked';
    else if (effect.kind !== 'settings') this.dismiss(effect.user, effect.kind === 'banned');
    return effect;
  }

  private admit(user: string): void {
    this.members.set(user, 'member');
    this.invited.delete(user);
  }

  private dismiss(user: string, forever: boolean): void {
    this.members.delete(user);
    if (!forever) return;
    this.invited.delete(user);
    this.banned.add(user);
  }
}

const USERS = ['alice', 'bob', 'carol', 'dave', 'eve'].map((name) => `a7f3k9m2.${name}`) as [string, ...string[]];

interface Try {
  action: SystemAction;
  author: string;
  target: string;
  useLink: boolean;
}

const tries = fc.record<Try>({
  action: fc.constantFrom(...SYSTEM_ACTIONS),
  author: fc.constantFrom(...USERS),
  target: fc.constantFrom(...USERS),
  useLink: fc.boolean(),
});

function asEntry({ action, author, target, useLink }: Try): StateEntry {
  const prevState = action === 'channel_created' ? null : undefined;
  const entry = entryOf(action, { actor: author, target, ...(prevState === null ? { prevState } : {}) });
  entry.content.details['use_link'] = useLink;
  return { ...entry, author };
}

const histories = fc.tuple(
  fc.constantFrom('public' as const, 'private' as const, 'group' as const),
  fc.array(tries, { minLength: 20, maxLength: 120 }),
);

/** Runs a history that begins as it should, and looks after each step. */
function run(
  history: Try[],
  chain: Chain,
  look: (before: string[], effect: StateEffect | undefined, one: Try) => void,
): void {
  chain.try(asEntry({ action: 'channel_created', author: USERS[0], target: USERS[0], useLink: false }));
  for (const one of history) {
    const before = [...chain.members.keys()];
    look(before, chain.try(asEntry(one)), one);
  }
}

describe('any history of tries', () => {
  it('[DCP-9.3-06] leaves nobody both banned and in, or both in and invited', () => {
    fc.assert(
      fc.property(histories, ([visibility, history]) => {
        const chain = new Chain(visibility);
        run(history, chain, () => {
          for (const user of chain.members.keys())
            expect([user, chain.banned.has(user), chain.invited.has(user)]).toEqual([user, false, false]);
        });
      }),
    );
  });

  it('[DCP-9.2-02] lets nobody into a channel that is not public without an invitation or a link of a member', () => {
    fc.assert(
      fc.property(histories, ([visibility, history]) => {
        const chain = new Chain(visibility);
        const letIn = new Set<string>();
        run(history, chain, (before, effect, { author, useLink }) => {
          if (effect?.kind === 'invited' && before.includes(author)) letIn.add(effect.user);
          if (effect?.kind !== 'joined' || visibility === 'public') return;
          expect(letIn.has(effect.user) || (useLink && chain.linked)).toBe(true);
        });
      }),
    );
  });

  it('[DCP-6.3-04] moves the key epoch whenever a channel that is not public loses a reader, and with every ban', () => {
    fc.assert(
      fc.property(histories, ([visibility, history]) => {
        const chain = new Chain(visibility);
        let epoch = 0;
        run(history, chain, (before, effect) => {
          const lost = before.some((user) => !chain.members.has(user));
          const due = (lost && visibility !== 'public') || effect?.kind === 'banned';
          expect(chain.epoch - epoch).toBe(due ? 1 : 0);
          epoch = chain.epoch;
        });
      }),
    );
  });

  it('the same entry at once again changes nothing, settings and invitations under another key apart', () => {
    fc.assert(
      fc.property(histories, ([visibility, history]) => {
        const chain = new Chain(visibility);
        run(history, chain, (_before, effect, one) => {
          if (effect === undefined || effect.kind === 'settings' || effect.kind === 'linked') return;
          expect([effect.kind, chain.try(asEntry({ ...one, useLink: false }))]).toEqual([effect.kind, undefined]);
        });
      }),
    );
  });
});
