import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Serial } from '../e2ee/serial.js';
import { storageClosed, type Changes, type Storage } from '../storage/storage.js';
import { lockFolder, type FolderLock } from './folder-lock.js';

/** Where a key's value stands in the file. */
interface Place {
  at: number;
  length: number;
}

const FILE = 'store.log';
/** Rewritten when more than half of it is out of date, but not for less than this. */
const MIN_GARBAGE = 4 * 1024 * 1024;
const CHECK_LENGTH = 16;
const [TAB, NEWLINE] = [9, 10];

/**
 * Everything in one append-only file in a folder that only its user reads (mode 700, file 600). Each batch of changes is one line with a
 * checksum, synced before `apply` resolves: after a crash a batch is there whole or not at all. The folder is locked: two processes with
 * the same keys would use a ratchet twice.
 */
export class FileStorage implements Storage {
  private readonly places = new Map<string, Place>();
  private readonly line = new Serial();
  private file: FileHandle | undefined;
  private lock: FolderLock | undefined;
  private size = 0;
  private live = 0;
  private opening: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly folder: string) {}

  async get<T>(key: string): Promise<T | undefined> {
    await this.opened();
    return await this.line.run(async () => {
      if (this.closed) throw storageClosed();
      const place = this.places.get(key);
      return place === undefined ? undefined : (JSON.parse(await this.read(place)) as T);
    });
  }

  set(key: string, value: unknown): Promise<void> {
    return this.apply(new Map([[key, value]]));
  }

  delete(key: string): Promise<void> {
    return this.apply(new Map([[key, undefined]]));
  }

  async apply(changes: Changes): Promise<void> {
    if (changes.size === 0) return;
    await this.opened();
    await this.line.run(async () => {
      if (this.closed) throw storageClosed();
      await this.append([...changes]);
      if (this.size - this.live > Math.max(MIN_GARBAGE, this.live)) await this.compact();
    });
  }

  async keys(prefix: string): Promise<string[]> {
    await this.opened();
    return [...this.places.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** Gives the folder free for another process; nothing is read or written after it. */
  async close(): Promise<void> {
    this.closed = true;
    await this.opening?.catch(() => undefined);
    await this.line.run(async () => {
      await this.file?.close();
      await this.lock?.release();
      this.file = undefined;
      this.lock = undefined;
      this.places.clear();
    });
  }

  private opened(): Promise<void> {
    if (this.closed) return Promise.reject(storageClosed());
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    this.lock = await lockFolder(this.folder);
    this.file = await open(join(this.folder, FILE), 'a+', 0o600);
    await this.replay();
  }

  /** Reads the whole file once. What a crash left half at its end is cut off. */
  private async replay(): Promise<void> {
    const { size } = await (this.file as FileHandle).stat();
    const text = await this.bytes({ at: 0, length: size });
    let at = 0;
    this.live = 0;
    for (let end = text.indexOf(NEWLINE, at); end >= 0; end = text.indexOf(NEWLINE, at)) {
      const line = text.subarray(at, end);
      if (!isWhole(line)) break;
      this.index(line, at);
      at = end + 1;
    }
    this.size = at;
    if (at < text.length) await (this.file as FileHandle).truncate(at);
  }

  private index(line: Buffer, lineAt: number): void {
    const tab = line.indexOf(TAB);
    let at = lineAt + tab + 1;
    for (const [key, length] of JSON.parse(line.toString('utf8', CHECK_LENGTH, tab)) as [string, number][]) {
      this.forget(key);
      if (length < 0) continue;
      this.places.set(key, { at, length });
      this.live += length;
      at += length;
    }
  }

  private forget(key: string): void {
    const old = this.places.get(key);
    if (old === undefined) return;
    this.live -= old.length;
    this.places.delete(key);
  }

  private async append(changes: readonly (readonly [string, unknown])[]): Promise<void> {
    const line = encode(changes);
    const file = this.file as FileHandle;
    await file.appendFile(line);
    await file.datasync();
    this.index(line.subarray(0, -1), this.size);
    this.size += line.length;
  }

  private async read(place: Place): Promise<string> {
    return (await this.bytes(place)).toString('utf8');
  }

  private async bytes({ at, length }: Place): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await (this.file as FileHandle).read(buffer, done, length - done, at + done);
      if (bytesRead === 0) throw new Error('the storage file is shorter than it was');
      done += bytesRead;
    }
    return buffer;
  }

  /** A new file with what is live, put in the place of the old one in one step. */
  private async compact(): Promise<void> {
    const beside = join(this.folder, `${FILE}.new`);
    await rm(beside, { force: true });
    const fresh = await open(beside, 'a+', 0o600);
    for (const [key, place] of this.places) await fresh.appendFile(encode([[key, JSON.parse(await this.read(place))]]));
    await fresh.sync();
    await rename(beside, join(this.folder, FILE));
    await this.file?.close();
    this.file = fresh;
    this.places.clear();
    await this.replay();
  }
}

/**
 * One batch as a line: sixteen hex digits of SHA-256 over the rest, the JSON list of keys and lengths in bytes (-1 deletes), a tab, the
 * values' JSON texts one after the other. JSON has no raw tab and no raw newline.
 */
function encode(changes: readonly (readonly [string, unknown])[]): Buffer {
  const values = changes.map(([, value]) => (value === undefined ? undefined : Buffer.from(JSON.stringify(value))));
  const header = JSON.stringify(changes.map(([key], i) => [key, values[i]?.length ?? -1]));
  const rest = Buffer.concat([Buffer.from(`${header}\t`), ...values.filter((value) => value !== undefined)]);
  return Buffer.concat([Buffer.from(checkOf(rest)), rest, Buffer.of(NEWLINE)]);
}

function isWhole(line: Buffer): boolean {
  return line.toString('latin1', 0, CHECK_LENGTH) === checkOf(line.subarray(CHECK_LENGTH));
}

function checkOf(rest: Buffer): string {
  return createHash('sha256').update(rest).digest('hex').slice(0, CHECK_LENGTH);
}
