/**
 * Which subscriptions hear a subject, found in as many steps as the subject has words. NATS matches the same way:
 * `*` is one word, a trailing `>` one or more.
 */
interface Branch<T> {
  readonly words: Map<string, Branch<T>>;
  readonly here: Set<T>;
  readonly tail: Set<T>;
}

const newBranch = <T>(): Branch<T> => ({ words: new Map(), here: new Set(), tail: new Set() });

export class SubjectTree<T> {
  readonly #root: Branch<T> = newBranch();

  add(pattern: string, item: T): void {
    const words = pattern.split('.');
    const tail = words.at(-1) === '>';
    let branch = this.#root;
    for (const word of tail ? words.slice(0, -1) : words) branch = grow(branch, word);
    (tail ? branch.tail : branch.here).add(item);
  }

  remove(pattern: string, item: T): void {
    prune(this.#root, pattern.split('.'), 0, item);
  }

  clear(): void {
    this.#root.words.clear();
    this.#root.tail.clear();
  }

  match(subject: string): T[] {
    const found: T[] = [];
    collect(this.#root, subject.split('.'), 0, found);
    return found;
  }
}

function grow<T>(branch: Branch<T>, word: string): Branch<T> {
  let next = branch.words.get(word);
  if (next === undefined) {
    next = newBranch();
    branch.words.set(word, next);
  }
  return next;
}

function collect<T>(branch: Branch<T>, words: string[], at: number, found: T[]): void {
  if (at === words.length) {
    for (const item of branch.here) found.push(item);
    return;
  }
  for (const item of branch.tail) found.push(item);
  const exact = branch.words.get(words[at] as string);
  if (exact !== undefined) collect(exact, words, at + 1, found);
  const any = branch.words.get('*');
  if (any !== undefined) collect(any, words, at + 1, found);
}

/** Removes the item and, on the way back, branches that hold nothing more: channels come and go for years. */
function prune<T>(branch: Branch<T>, words: string[], at: number, item: T): boolean {
  const word = words[at];
  if (word === undefined) branch.here.delete(item);
  else if (word === '>') branch.tail.delete(item);
  else {
    const next = branch.words.get(word);
    if (next !== undefined && prune(next, words, at + 1, item)) branch.words.delete(word);
  }
  return branch.words.size === 0 && branch.here.size === 0 && branch.tail.size === 0;
}
