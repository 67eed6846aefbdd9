import type { Tenant } from '../contracts/detection-id.ts';
import { EndpointRecord, type EndpointId } from '../contracts/webhook.ts';
import { createJson, readJson } from '../storage/json-object.ts';
import { endpointKey, endpointPrefix, endpointsPrefix } from '../storage/keys.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';

/** What may change in the life of an endpoint. */
export type EndpointChange = Partial<
  Omit<EndpointRecord, 'v' | 'id' | 'tenant' | 'version' | 'created_at' | 'updated_at'>
>;

export type EndpointRecords = {
  /** Stores version 1 of a new id. */
  create(record: EndpointRecord): Promise<void>;
  /** Null when there is none, or it was removed. */
  read(tenant: Tenant, id: EndpointId): Promise<EndpointRecord | null>;
  /** All that are not removed, oldest first. */
  list(tenant: Tenant): Promise<EndpointRecord[]>;
  /**
   * Applies `decide` to the record as it stands and stores what it returns; null leaves everything as it is. It may be
   * called several times, because others may change the record meanwhile. Returns the record that stands then, null
   * when there is none or it was removed before.
   */
  change(
    tenant: Tenant,
    id: EndpointId,
    decide: (current: EndpointRecord) => EndpointChange | null,
  ): Promise<EndpointRecord | null>;
};

const PAGE = 1_000;
const READ_AT_ONCE = 16;
const KEPT_VERSIONS = 3;
/**
 * A version is removed only long after it was superseded, longer than any call can hang: a writer that had read it would
 * otherwise find its number free again, and its change would be created, counted as stored and lost.
 */
const REMOVABLE_AFTER_MS = 3_600_000;
/** Every lost attempt is another one's success, so nobody gets near this but by a fault. */
const MAX_ATTEMPTS = 100;

type Chain = { id: EndpointId; versions: number[]; infos: ObjectInfo[] };

/** Endpoints as chains of create-only versions, contract.md section 1: the highest stands. */
export function openEndpointRecords(store: ObjectStore, nowMs: () => number = Date.now): EndpointRecords {
  const readVersion = (tenant: Tenant, id: EndpointId, version: number) =>
    readJson(store, endpointKey(tenant, id, version), EndpointRecord);

  const readLatest = async (tenant: Tenant, id: EndpointId) => {
    // A version that is gone by the time it is read was superseded: there is a newer one.
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const [chain] = chainsOf(await listAll(store, endpointPrefix(tenant, id)));
      if (chain === undefined) return null;
      const record = await readVersion(tenant, id, chain.versions.at(-1)!);
      if (record !== null) return { record, chain };
    }
    throw new Error(`endpoint ${id} changes faster than it can be read`);
  };

  const removeOld = async ({ infos }: Chain) => {
    const old = infos.filter((_info, i) => {
      const successor = infos[i + 1];
      const isLate = successor !== undefined && nowMs() - successor.modifiedMs > REMOVABLE_AFTER_MS;
      return isLate && i < infos.length - KEPT_VERSIONS;
    });
    for (const { key } of old) await store.delete(key);
  };

  return {
    async create(record) {
      const key = endpointKey(record.tenant, record.id, record.version);
      if (record.version !== 1 || !(await createJson(store, key, EndpointRecord, record))) {
        throw new Error('not the first version of a new endpoint');
      }
    },
    async read(tenant, id) {
      const latest = await readLatest(tenant, id);
      return latest === null || latest.record.removed_at !== null ? null : latest.record;
    },
    async list(tenant) {
      const chains = chainsOf(await listAll(store, endpointsPrefix(tenant)));
      const records: (EndpointRecord | null)[] = [];
      for (let at = 0; at < chains.length; at += READ_AT_ONCE) {
        const reads = chains.slice(at, at + READ_AT_ONCE).map(async ({ id, versions }) => {
          const record = await readVersion(tenant, id, versions.at(-1)!);
          return record ?? (await readLatest(tenant, id))?.record ?? null;
        });
        records.push(...(await Promise.all(reads)));
      }
      // Ids begin with the time at which they were made.
      return records.filter((record) => record !== null && record.removed_at === null) as EndpointRecord[];
    },
    async change(tenant, id, decide) {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const latest = await readLatest(tenant, id);
        if (latest === null || latest.record.removed_at !== null) return null;
        const { record, chain } = latest;
        const change = decide(record);
        if (change === null) return record;
        const next: EndpointRecord = {
          ...record,
          ...change,
          version: record.version + 1,
          updated_at: new Date(nowMs()).toISOString(),
        };
        if (!(await createJson(store, endpointKey(tenant, id, next.version), EndpointRecord, next))) continue;
        await removeOld(chain).catch(() => undefined);
        return next;
      }
      throw new Error(`endpoint ${id} changes faster than it can be written`);
    },
  };
}

async function listAll(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for (let after: string | null = null; ;) {
    const page = await store.list(prefix, after, PAGE);
    found.push(...page);
    if (page.length < PAGE) return found;
    after = page.at(-1)!.key;
  }
}

/** Keys come in order, so those of one endpoint lie together and its versions ascend. */
function chainsOf(infos: ObjectInfo[]): Chain[] {
  const chains: Chain[] = [];
  for (const info of infos) {
    const match = /\/(whe_[0-9a-f]{32})\/(\d{6})\.json$/.exec(info.key);
    if (match === null) continue;
    const id = match[1]!;
    if (chains.at(-1)?.id !== id) chains.push({ id, versions: [], infos: [] });
    chains.at(-1)!.versions.push(Number(match[2]));
    chains.at(-1)!.infos.push(info);
  }
  return chains;
}
