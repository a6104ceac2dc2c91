import { CryptoError } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';

/** An element that index.html has. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found as T;
}

/** A new element. What others wrote goes in as text, never as HTML. */
export function made<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text: string | readonly Node[] = '',
  className = '',
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (typeof text === 'string') node.textContent = text;
  else node.append(...text);
  node.className = className;
  return node;
}

export function button(text: string, work: () => Promise<unknown>): HTMLButtonElement {
  const node = made('button', text);
  node.type = 'button';
  node.addEventListener('click', () => void attempt(work));
  return node;
}

/** A form whose fields are strings by their names; emptied when its work is done. */
export function onSubmit(id: string, work: (fields: Record<string, string>) => Promise<unknown>): void {
  const form = element<HTMLFormElement>(id);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const fields = fieldsOf(form);
    void attempt(async () => {
      form.setAttribute('aria-busy', 'true');
      await work(fields).finally(() => form.removeAttribute('aria-busy'));
      // Whoever has begun to write the next one keeps it.
      if (JSON.stringify(fieldsOf(form)) === JSON.stringify(fields)) form.reset();
    });
  });
}

function fieldsOf(form: HTMLFormElement): Record<string, string> {
  const fields: Record<string, string> = {};
  new FormData(form).forEach((value, name) => {
    fields[name] = String(value);
  });
  return fields;
}

/** What fails is told in one place. */
export async function attempt(work: () => Promise<unknown>): Promise<void> {
  try {
    problem(undefined);
    await work();
  } catch (error) {
    problem(error);
  }
}

export function problem(error: unknown): void {
  const place = element('problem');
  place.hidden = error === undefined;
  place.textContent = error === undefined ? '' : wordsFor(error);
}

function wordsFor(error: unknown): string {
  if (error instanceof CryptoError) return error.code === 'wrong_passphrase' ? 'Wrong passphrase.' : error.message;
  if (!(error instanceof DcpError)) return String(error);
  const { reason } = error.details;
  return `${error.message}${typeof reason === 'string' ? ` (${reason})` : ''}.`;
}

/** `n0000000.alice-x7k2` as `alice-x7k2`. */
export function shortName(userId: string): string {
  return userId.slice(userId.indexOf('.') + 1);
}
