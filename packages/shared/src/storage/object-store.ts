/** Bytes to store: in memory, or a finished file whose size and digest the caller already knows. */
export type ObjectBody = Uint8Array | { path: string; bytes: number; sha256: string };

export type ObjectInfo = { key: string; bytes: number; /** ms since the epoch */ modifiedMs: number };

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
  /** Null when the key does not exist. */
  read(key: string): Promise<Uint8Array | null>;
  /** Null when the key does not exist; the caller consumes or destroys the stream. */
  readStream(key: string): Promise<NodeJS.ReadableStream | null>;
  head(key: string): Promise<ObjectInfo | null>;
  /** At most `limit` objects under `prefix` whose key is greater than `after`, ascending by the bytes of the key. */
  list(prefix: string, after: string | null, limit: number): Promise<ObjectInfo[]>;
  /** No error when the key does not exist. */
  delete(key: string): Promise<void>;
  close(): Promise<void>;
};

/** Throws on a key that could leave the store or that S3 and a file system would read differently. */
export function assertObjectKey(key: string): void {
  const segments = key.split('/');
  const sound = segments.every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..');
  if (!sound || key.length > 900) throw new Error(`not an object key: ${JSON.stringify(key.slice(0, 100))}`);
}
