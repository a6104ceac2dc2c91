/** The node of a user (profile §2): what stands before the first dot of his id. */
export function nodeOf(userId: string): string {
  return userId.slice(0, 8);
}

/** First id, and first id after, of a node's users in the order of bytes: "/" follows "." in ASCII. */
export function usersOf(nodeId: string): [from: string, to: string] {
  return [`${nodeId}.`, `${nodeId}/`];
}
