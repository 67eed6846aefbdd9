import type { z } from 'zod';
import type { ObjectStore } from './object-store.ts';

/** Parses what is stored; null when the key does not exist. Throws when the object does not fit the schema. */
export async function readJson<S extends z.ZodType>(
  store: ObjectStore,
  key: string,
  schema: S,
): Promise<z.infer<S> | null> {
  const bytes = await store.read(key);
  if (bytes === null) return null;
  const parsed = schema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (!parsed.success) throw new Error(`object ${key} does not fit its schema: ${parsed.error.message}`);
  return parsed.data;
}

/** The bytes of a value, which has to fit the schema. */
export const encodeJson = <S extends z.ZodType>(schema: S, value: z.infer<S>): Uint8Array =>
  Buffer.from(JSON.stringify(schema.parse(value)));

/** Stores a value that fits the schema, create-only; false means that another writer won. */
export function createJson<S extends z.ZodType>(
  store: ObjectStore,
  key: string,
  schema: S,
  value: z.infer<S>,
): Promise<boolean> {
  return store.create(key, encodeJson(schema, value));
}

/** Stores the value or, when another writer was first, gives back what that one stored: the first answer stands. */
export async function createJsonOrRead<S extends z.ZodType>(
  store: ObjectStore,
  key: string,
  schema: S,
  value: z.infer<S>,
): Promise<{ value: z.infer<S>; isNew: boolean }> {
  if (await createJson(store, key, schema, value)) return { value, isNew: true };
  const stored = await readJson(store, key, schema);
  if (stored === null) throw new Error(`object ${key} was deleted while it was being created`);
  return { value: stored, isNew: false };
}
