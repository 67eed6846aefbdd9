/** Bytes to store: in memory, or a finished file whose size and digest the caller already knows. */
export type ObjectBody = Uint8Array | { path: string; bytes: number; sha256: string };

export type NewObject = { key: string; body: ObjectBody };

export type ObjectInfo = { key: string; bytes: number; /** ms since the epoch */ modifiedMs: number };

/** The one object that a client may put itself, without credentials of ours. */
export type PutGrant = {
  key: string;
  mediaType: string;
  bytes: number;
  /** 64 hex digits. */
  sha256: string;
  validForS: number;
};

/** What the client sends: this request, with these headers, and the bytes as its body. */
export type PutTarget = { method: 'PUT'; url: string; headers: Record<string, string> };

/**
 * The only way the services see stored bytes, and the record of the system.
 *
 * Keys are our own: segments of `[A-Za-z0-9._-]`, joined by `/`, none of them `.` or `..`; anything else is a
 * programming error and throws. Objects are immutable: created once, read, deleted. A reader sees an object whole or
 * not at all, and whoever got `true` from `create` finds it again after a power loss.
 */
export type ObjectStore = {
  /** Stores `body` unless the key exists; false means that another writer won (S3: `If-None-Match: *`). */
  create(key: string, body: ObjectBody): Promise<boolean>;
  /**
   * Creates one after the other, with one answer for each: an object shows only when those before it do, and the last is
   * begun when those before it would survive a power loss. Ends where one fails or `signal` aborts; what was created
   * until then stays.
   */
  createInOrder(objects: readonly NewObject[], signal: AbortSignal): Promise<boolean[]>;
  /** Null when the key does not exist. */
  read(key: string): Promise<Uint8Array | null>;
  /** Null when the key does not exist; the caller consumes or destroys the stream. */
  readStream(key: string): Promise<NodeJS.ReadableStream | null>;
  head(key: string): Promise<ObjectInfo | null>;
  /** At most `limit` objects under `prefix` whose key is greater than `after`, ascending by the bytes of the key. */
  list(prefix: string, after: string | null, limit: number): Promise<ObjectInfo[]>;
  /** No error when the key does not exist. */
  delete(key: string): Promise<void>;
  /**
   * A signed target: it takes the granted key, type and length and nothing else, once and until it expires. Whether the
   * store compares the digest is its own affair, so who uses the object compares it. Null: only we can write here.
   */
  presignPut: ((grant: PutGrant) => Promise<PutTarget>) | null;
  close(): Promise<void>;
};

/** Throws on a key that could leave the store or that S3 and a file system would read differently. */
export function assertObjectKey(key: string): void {
  const segments = key.split('/');
  const sound = segments.every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..');
  if (!sound || key.length > 900) throw new Error(`not an object key: ${JSON.stringify(key.slice(0, 100))}`);
}
