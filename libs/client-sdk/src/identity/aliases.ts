import type { Preferences } from '@dcp/protocol';

/** `bob` to a user id, `dev` to a channel name (§4.1 `preferences.aliases`); anything that is no alias comes back unchanged. */
export function resolveUserAlias(name: string, preferences: Preferences | undefined): string {
  return own(preferences?.aliases?.users, name) ?? name;
}

export function resolveChannelAlias(name: string, preferences: Preferences | undefined): string {
  return own(preferences?.aliases?.channels, name) ?? name;
}

function own(map: Record<string, string> | undefined, name: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}
