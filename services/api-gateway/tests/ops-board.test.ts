import { afterEach, describe, expect, it } from '@jest/globals';
import { QUEUE_NAMES } from '@touchstone/shared/queue/catalog';
import { runOps, type RunningOps } from './ops-running.ts';

type BoardJob = {
  id: string;
  data: unknown;
  name: string;
  failedReason?: string;
  stacktrace: string[];
  returnValue: unknown;
};
type BoardQueue = { name: string; counts: Record<string, number>; readOnlyMode: boolean; jobs: BoardJob[] };

type Change = [method: string, path: string, body?: string | undefined];

const API = '/ops/queues/api';
const SECRET_REASON = 'open /srv/secret-place/objects/uploads/det failed at redis://ops:hunter2@10.0.0.1:6379';

/** What no operator without `OPS_WRITABLE` may do, for a failed job of `detect-sbi`. */
const changesOf = (id: string): Change[] => [
  ['PUT', `${API}/queues/detect-sbi/${id}/retry`],
  ['PUT', `${API}/queues/detect-sbi/${id}/clean`],
  ['PUT', `${API}/queues/detect-sbi/${id}/promote`],
  ['PUT', `${API}/queues/detect-sbi/retry/failed`],
  ['PUT', `${API}/queues/detect-sbi/clean/failed`],
  ['PUT', `${API}/queues/detect-sbi/promote`],
  ['PUT', `${API}/queues/detect-sbi/pause`],
  ['PUT', `${API}/queues/detect-sbi/resume`],
  ['PUT', `${API}/queues/pause`],
  ['PUT', `${API}/queues/resume`],
  ...FORBIDDEN.map(([method, path, body]): Change => [method, path.replace(':id', id), body]),
];
/** What no operator may do at all. */
const FORBIDDEN: Change[] = [
  ['POST', `${API}/queues/detect-sbi/add`, '{"name":"x","data":{},"options":{}}'],
  ['PATCH', `${API}/queues/detect-sbi/:id/update-data`, '{"jobData":{"id":"changed"}}'],
  ['PUT', `${API}/queues/detect-sbi/empty`],
  ['PUT', `${API}/queues/detect-sbi/obliterate`, '{"force":true}'],
  ['PUT', `${API}/queues/detect-sbi/concurrency`, '{"concurrency":1}'],
  ['PUT', `${API}/queues/detect-sbi/rate-limit`, '{"max":1,"duration":1}'],
  ['PATCH', `${API}/queues/detect-sbi/:id/priority`, '{"priority":1}'],
];

describe('the board', () => {
  let ops: RunningOps;
  afterEach(() => ops.close());

  const read = async <T>(path: string, session: Record<string, string>): Promise<T> => {
    const answer = await ops.ask('GET', path, session);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body) as T;
  };
  const queueOf = async (name: string, session: Record<string, string>) => {
    const path = `${API}/queues?activeQueue=${name}&status=latest`;
    const { queues } = await read<{ queues: BoardQueue[] }>(path, session);
    return queues.find((queue) => queue.name === name)!;
  };
  const change = (session: Record<string, string>, [method, path, body]: Change) =>
    ops.ask(method, path, { ...session, 'content-type': 'application/json' }, body ?? '');

  it('lists every queue with its jobs, without addresses, paths and unknown fields', async () => {
    ops = await runOps();
    const session = await ops.session();
    const payload = await ops.failJob(SECRET_REASON);
    const key = `${ops.prefix}:detect-sbi:${payload.id}-r1-sbi`;
    await ops.redis.hset(key, 'data', JSON.stringify({ ...payload, note: 'hunter2', tenant: 'x'.repeat(9_000) }));
    const { queues } = await read<{ queues: BoardQueue[] }>(`${API}/queues`, session);
    expect(queues.map(({ name }) => name).toSorted()).toEqual(QUEUE_NAMES.toSorted());

    const queue = await queueOf('detect-sbi', session);
    expect(queue).toMatchObject({ readOnlyMode: true, counts: { failed: 1 } });
    const [job] = queue.jobs;
    expect(job).toMatchObject({
      id: `${payload.id}-r1-sbi`,
      data: { id: payload.id, revision: 1, slots: ['sbi'], '…': '1 more, not shown' },
      failedReason: 'open …/uploads/det failed at [address]',
    });
    const text = JSON.stringify([queue, await read(`${API}/queues/detect-sbi/${job!.id}`, session)]);
    expect(text).toContain('job-worker.ts');
    for (const hidden of ['hunter2', 'secret-place', import.meta.dirname, 'x'.repeat(201)]) {
      expect(text).not.toContain(hidden);
    }
    const flow = await read(`${API}/queues/detect-sbi/${job!.id}/flow`, session);
    expect(flow).toMatchObject({ flowRoot: { queueName: 'merge-verdict' } });
    expect(JSON.stringify(flow)).not.toContain('hunter2');
  });

  it('refuses every change as long as it is read-only, and says nothing of Redis', async () => {
    ops = await runOps();
    const session = await ops.session();
    const { id } = await ops.failJob('x');
    for (const each of changesOf(`${id}-r1-sbi`)) {
      expect([each, (await change(session, each)).status]).toEqual([each, 403]);
    }
    expect((await queueOf('detect-sbi', session)).counts).toMatchObject({ failed: 1, waiting: 0, prioritized: 0 });
    expect((await ops.ask('GET', `${API}/redis/stats`, session)).status).toBe(403);
  });

  it('lets an operator retry and remove when it is writable, but never add, edit or wipe', async () => {
    ops = await runOps({ OPS_WRITABLE: '1' });
    const session = await ops.session();
    const { id } = await ops.failJob('x');
    const jobId = `${id}-r1-sbi`;
    for (const [method, path, body] of FORBIDDEN) {
      const each: Change = [method, path.replace(':id', jobId), body];
      expect([each, (await change(session, each)).status]).toEqual([each, 403]);
    }
    expect((await change(session, ['PUT', `${API}/queues/detect-sbi/${jobId}/retry`])).status).toBe(204);
    const { counts } = await queueOf('detect-sbi', session);
    expect(counts['failed']).toBe(0);
    expect(counts['waiting']! + counts['prioritized']!).toBe(1);
    expect((await change(session, ['PUT', `${API}/queues/detect-sbi/${jobId}/clean`])).status).toBe(204);
    expect((await queueOf('detect-sbi', session)).jobs).toEqual([]);
  });

  it('tells that Redis is away, in time and without its address', async () => {
    ops = await runOps({ REDIS_URL: 'redis://user:hunter2@127.0.0.1:1' });
    const answer = await ops.ask('GET', `${API}/queues`, await ops.session());
    expect(answer.status).toBe(503);
    expect(answer.body).toContain('Redis did not answer');
    expect(answer.body).not.toMatch(/hunter2|127\.0\.0\.1/);
  });
});
