import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppError } from '@touchstone/shared/contracts/failure';
import { IDEMPOTENCY_IN_FLIGHT_MS, IDEMPOTENCY_TTL_MS } from '@touchstone/shared/contracts/idempotency-record';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { createOneByOne } from '@touchstone/shared/storage/create-one-by-one';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { eraseDetection } from '@touchstone/shared/storage/erase-detection';
import { idempotencyKey, pendingKey, verdictKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { requestOf } from '../tests/verdict-fixtures.ts';
import type { Acceptance, Question } from './accept-detection.ts';
import { acceptOnce } from './accept-once.ts';

const KEY = 'c'.repeat(64);
const START_MS = Date.parse('2026-11-25T10:00:00Z');
const PREFIXES = ['idem', 'uploads', 'requests', 'index', 'pending'];
/** The store, with a create of the test's own for all that is created. */
const creatingBy = (create: ObjectStore['create'], store: ObjectStore): ObjectStore => ({
  ...store,
  create,
  createInOrder: createOneByOne(create),
});
const prefixOf = (key: string) => key.slice(0, key.indexOf('/'));

/** A store whose times are those of the test, also of an object whose create has not come back yet. */
function onTestClock(store: ObjectStore, nowMs: () => number): ObjectStore {
  const times = new Map<string, number>();
  const create: ObjectStore['create'] = async (key, body) => {
    const isMine = await store.create(key, body);
    if (isMine) times.set(key, nowMs());
    return isMine;
  };
  return {
    ...creatingBy(create, store),
    async head(key) {
      const found = await store.head(key);
      return found && { ...found, modifiedMs: times.get(key) ?? nowMs() };
    },
  };
}

describe('a question under an Idempotency-Key', () => {
  let dir: string;
  let store: ObjectStore;
  let nowMs: number;
  let enqueued: RevisionPayload[];
  let question: Question;
  /** Ends the requests of killed gateways when the test is over. */
  let dead: (() => void)[];
  let theirs: Promise<unknown>[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'accept-once-'));
    nowMs = START_MS;
    store = onTestClock(await openDirectoryObjectStore(join(dir, 'objects')), () => nowMs);
    enqueued = [];
    dead = [];
    theirs = [];
    const { image, options, slots } = requestOf();
    const path = join(dir, 'image');
    await writeFile(path, 'x'.repeat(image.bytes));
    question = { file: { path, bytes: image.bytes, sha256: image.sha256 }, image, options, slots };
  });
  afterEach(async () => {
    for (const bury of dead) bury();
    await Promise.allSettled(theirs);
    await rm(dir, { recursive: true });
  });

  /** A gateway process of its own; they share the store, and nothing else. */
  const gateway = (more: Partial<Acceptance> = {}): Acceptance => ({
    store,
    enqueue: async (payload) => void enqueued.push(payload),
    erase: (ref) =>
      eraseDetection({ store, forget: async () => ({ isForgotten: true, wasHeld: false }), nowMs: () => nowMs }, ref),
    abandoned: new Set(),
    nowMs: () => nowMs,
    ...more,
  });
  const post = (by: Acceptance = gateway()) => acceptOnce(by, 'default', question, false, KEY);
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'accepted',
      (error: unknown) => (error as AppError).code,
    );
  const keysOf = async () => (await store.list('', null, 1_000)).map(({ key }) => key);
  const expectOneDetection = async (id: string) => {
    const keys = (await keysOf()).filter((key) => prefixOf(key) !== 'idem');
    expect(keys.map(prefixOf).toSorted()).toEqual(['index', 'pending', 'requests', 'uploads']);
    for (const key of keys) expect(key).toContain(id);
    expect(new Set(enqueued.map((payload) => payload.id))).toEqual(new Set([id]));
  };
  /** Posts to a gateway that is killed right after its create of such an object: it does nothing more. */
  const postAndKillAfter = (prefix: string) =>
    new Promise<void>((tell) => {
      const create: ObjectStore['create'] = async (key, body) => {
        const result = await store.create(key, body);
        if (prefixOf(key) !== prefix) return result;
        tell();
        return new Promise<never>((_resolve, reject) => dead.push(() => reject(new Error('killed'))));
      };
      theirs.push(post(gateway({ store: creatingBy(create, store) })));
    });

  it.each(PREFIXES.slice(0, 4))('is completed under its id when the gateway was killed after %s', async (prefix) => {
    await postAndKillAfter(prefix);
    nowMs += IDEMPOTENCY_IN_FLIGHT_MS - 1;
    const refused = post();
    await expect(refused).rejects.toMatchObject({ code: 'idempotency_in_progress', headers: { 'Retry-After': '1' } });
    nowMs += 1;
    const { record, isReplay } = await post();
    expect([isReplay, Date.parse(record.accepted_at)]).toEqual([false, START_MS]);
    await expectOneDetection(record.id);
    expect(await post()).toEqual({ record, isReplay: true });
  });

  it('is a replay at once when the gateway was killed after its marker, before it could answer', async () => {
    await postAndKillAfter('pending');
    const { record, isReplay } = await post();
    expect(isReplay).toBe(true);
    expect(await store.head(pendingKey({ ...record, revision: 1 }))).not.toBeNull();
  });

  it('is a replay when its verdict came and the marker went', async () => {
    const { record } = await post();
    const ref = { ...record, revision: 1 };
    await store.create(verdictKey(ref), Buffer.from('{}'));
    await store.delete(pendingKey(ref));
    nowMs += IDEMPOTENCY_TTL_MS - 1;
    expect(await post()).toEqual({ record, isReplay: true });
    expect(await store.head(pendingKey(ref))).toBeNull();
  });

  it('is one detection when two complete it at once, and the first that was only slow goes on as well', async () => {
    let goOn: () => void;
    const isSlow = new Promise<void>((resolve) => (goOn = resolve));
    let tell: () => void;
    const hasBegun = new Promise<void>((resolve) => (tell = resolve));
    const create: ObjectStore['create'] = async (key, body) => {
      if (prefixOf(key) === 'uploads') {
        tell();
        await isSlow;
      }
      return store.create(key, body);
    };
    const slow = post(gateway({ store: creatingBy(create, store) }));
    await hasBegun;
    nowMs += IDEMPOTENCY_IN_FLIGHT_MS;
    const completions = await Promise.all([post(), post()]);
    goOn!();
    const answers = [...completions, await slow];
    const [id] = answers.map(({ record }) => record.id);
    expect(answers.map(({ record }) => record)).toEqual(answers.map(() => answers[0]!.record));
    await expectOneDetection(id!);
  });

  it('may be repeated at once at a gateway that has told of its failure, and is the same detection', async () => {
    let isFull = true;
    const create: ObjectStore['create'] = (key, body) =>
      isFull && prefixOf(key) === 'requests'
        ? Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' }))
        : store.create(key, body);
    const by = gateway({ store: creatingBy(create, store) });
    expect(await codeOf(post(by))).toBe('store_unavailable');
    expect(await codeOf(post())).toBe('idempotency_in_progress');
    isFull = false;
    const { record, isReplay } = await post(by);
    expect(isReplay).toBe(false);
    await expectOneDetection(record.id);
    expect(by.abandoned.size).toBe(0);
  });

  it('has one winner among many gateways, whose losers find it underway or accepted', async () => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => post().catch((error: AppError) => error.code)));
    const accepted = outcomes.filter((outcome) => typeof outcome !== 'string');
    expect(accepted.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect(new Set(outcomes.filter((outcome) => typeof outcome === 'string'))).toEqual(
      new Set(accepted.length < 50 ? ['idempotency_in_progress'] : []),
    );
    await expectOneDetection(accepted[0]!.record.id);
    expect(enqueued).toHaveLength(1);
  });

  // Both are moments at which somebody who has seen the old record may be held up.
  it.each(['create', 'delete'] as const)(
    'is a new one a day later, for one, however late another %ss',
    async (step) => {
      const first = await post();
      nowMs += IDEMPOTENCY_TTL_MS;
      const outcomes: Promise<string>[] = [];
      const idOf = (work: ReturnType<typeof post>) =>
        work.then(
          ({ record }) => record.id,
          (error: AppError) => error.code,
        );
      const passBy = async (key: string) => {
        const isOfRecord = step === 'create' ? key.endsWith(first.record.id) : key === idempotencyKey('default', KEY);
        if (prefixOf(key) !== 'idem' || !isOfRecord || outcomes.length > 0) return;
        outcomes.push(idOf(post()));
        await outcomes[0];
      };
      const late = gateway({
        store: {
          ...creatingBy(async (key, body) => {
            if (step === 'create') await passBy(key);
            return store.create(key, body);
          }, store),
          delete: async (key) => {
            if (step === 'delete') await passBy(key);
            await store.delete(key);
          },
        },
      });
      const ids = [await idOf(post(late)), await outcomes[0]!];
      const [standing] = (await keysOf()).filter(
        (key) => prefixOf(key) === 'pending' && !key.includes(first.record.id),
      );
      expect(ids.filter((id) => id !== 'idempotency_in_progress').map((id) => standing!.includes(id))).not.toContain(
        false,
      );
      expect((await keysOf()).filter((key) => prefixOf(key) === 'pending')).toHaveLength(2);
    },
  );

  it('is a new one a day later for one of many at once', async () => {
    const first = await post();
    nowMs += IDEMPOTENCY_TTL_MS;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => post().catch(() => null)));
    const ids = new Set(outcomes.flatMap((outcome) => (outcome === null ? [] : [outcome.record.id])));
    expect(ids.size).toBe(1);
    expect(ids).not.toContain(first.record.id);
    expect((await keysOf()).filter((key) => prefixOf(key) === 'pending')).toHaveLength(2);
  });

  it('is refused with another fingerprint', async () => {
    await post();
    question = { ...question, callback: { kind: 'once', url: 'https://example.org/' }, isCallbackOurChoice: false };
    expect(await codeOf(post())).toBe('idempotency_key_reused');
    // What we chose ourselves may have changed since the first request.
    question = { ...question, isCallbackOurChoice: true };
    expect((await post()).isReplay).toBe(true);
  });

  it.each(['index', 'pending'])('leaves nothing when it is erased right after its %s was stored', async (prefix) => {
    const by = gateway();
    const create: ObjectStore['create'] = async (key, body) => {
      const result = await store.create(key, body);
      const id = /det_[0-9a-f]{32}/.exec(key)?.[0];
      if (prefixOf(key) === prefix) await by.erase({ tenant: 'default', id: id! });
      return result;
    };
    expect(await codeOf(post(gateway({ store: creatingBy(create, store) })))).toBe('state_conflict');
    expect((await keysOf()).map(prefixOf)).toEqual(['erased']);
    expect((await post()).isReplay).toBe(false);
  });

  it('is neither completed nor replayed while its detection is being erased, and free afterwards', async () => {
    const { record } = await post();
    let isLooking = true;
    const outcomes: string[] = [];
    const remove: ObjectStore['delete'] = async (key) => {
      if (isLooking && prefixOf(key) === 'requests') {
        isLooking = false;
        nowMs += IDEMPOTENCY_IN_FLIGHT_MS;
        outcomes.push(await codeOf(post()));
      }
      await store.delete(key);
    };
    const forget = async () => ({ isForgotten: true, wasHeld: false });
    await eraseDetection({ store: { ...store, delete: remove }, forget, nowMs: () => nowMs }, record);
    expect(outcomes).toEqual(['idempotency_in_progress']);
    const again = await post();
    expect([again.isReplay, again.record.id === record.id]).toEqual([false, false]);
  });
});
