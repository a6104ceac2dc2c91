import type { Command } from 'commander';
import { createContext, type Context, type GlobalOptions } from './context.js';

/** Gives a command its context: the last argument is commander's own, the one before it the options. */
type Action = (context: Context, ...args: never[]) => Promise<void>;

export function withContext(action: Action) {
  return async (...args: unknown[]) => {
    const self = args.pop() as Command;
    const context = await createContext(self.optsWithGlobals<GlobalOptions>());
    await (action as (context: Context, ...rest: unknown[]) => Promise<void>)(context, ...args);
  };
}
