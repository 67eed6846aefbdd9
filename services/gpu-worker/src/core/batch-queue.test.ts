import { beforeEach, describe, expect, it } from '@jest/globals';
import { createBatchQueue, type BatchQueue, type TensorData } from './batch-queue.ts';

type Launch = { bundleId: string; values: number[]; finish(): void; fail(): void };

/** Lets promise callbacks run that are due. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the batch queue', () => {
  let launches: Launch[];
  let clock: number;
  let queue: BatchQueue;
  /** A device that holds each batch until the test ends it; the score of a tensor is its only value over 100. */
  const open = (maxBatch: number) =>
    createBatchQueue({
      maxBatch,
      nowMs: () => clock,
      run: (bundleId, data) =>
        new Promise((resolve, reject) => {
          const values = [...data];
          const scores = Float32Array.from(values, (value) => value / 100);
          launches.push({ bundleId, values, finish: () => resolve(scores), fail: () => reject(new Error('device')) });
        }),
    });
  const tensors = (...values: number[]): TensorData => Uint8Array.from(values);
  const infer = (bundleId: string, ...values: number[]) => queue.infer(bundleId, tensors(...values), values.length);
  const valuesOf = (bundleId?: string) =>
    launches.filter((launch) => bundleId === undefined || launch.bundleId === bundleId).map(({ values }) => values);

  beforeEach(() => {
    launches = [];
    clock = 0;
    queue = open(4);
  });

  it('launches a lone request at once', async () => {
    const answer = infer('a', 50);
    expect(valuesOf()).toEqual([[50]]);
    clock = 7;
    launches[0]!.finish();
    expect(await answer).toEqual({
      scores: Float32Array.of(0.5),
      batchWaitMs: 0,
      inferMs: 7,
      deviceMs: 7,
      batchSize: 1,
    });
  });

  it('puts what waited into one batch, in order, and gives everyone their own score', async () => {
    const answers = [infer('a', 1), infer('a', 2), infer('a', 3, 4), infer('a', 5)];
    clock = 10;
    launches[0]!.finish();
    await settle();
    expect(valuesOf()).toEqual([[1], [2, 3, 4, 5]]);
    clock = 30;
    launches[1]!.finish();
    const results = await Promise.all(answers);
    expect(results.map(({ scores }) => [...scores].map((score) => Math.round(100 * score)))).toEqual([
      [1],
      [2],
      [3, 4],
      [5],
    ]);
    expect(results[2]).toMatchObject({ batchWaitMs: 10, inferMs: 20, batchSize: 4 });
    // Two of four tensors had half of the device's time.
    expect(results.map(({ deviceMs }) => deviceMs)).toEqual([10, 5, 10, 5]);
  });

  it('never has two batches on the device', async () => {
    void infer('a', 1);
    void infer('b', 2);
    await settle();
    expect(launches).toHaveLength(1);
  });

  it('spreads a request of many tensors over several batches', async () => {
    const answer = infer('a', 1, 2, 3, 4, 5, 6, 7, 8, 9);
    for (let i = 0; i < 3; i++) {
      clock += 5;
      launches[i]!.finish();
      await settle();
    }
    expect(valuesOf()).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]]);
    const { scores, inferMs, batchSize } = await answer;
    expect([...scores].map((score) => Math.round(100 * score))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect({ inferMs, batchSize }).toEqual({ inferMs: 15, batchSize: 4 });
  });

  it('runs tensors one by one where batches do not pay', async () => {
    queue = open(1);
    void infer('a', 1, 2);
    launches[0]!.finish();
    await settle();
    expect(valuesOf()).toEqual([[1], [2]]);
  });

  it('lets bundles take turns, however long the queue of one is', async () => {
    void infer('a', 1, 2, 3, 4, 5, 6, 7, 8, 9);
    void infer('b', 10);
    launches[0]!.finish();
    await settle();
    launches[1]!.finish();
    await settle();
    expect(launches.map(({ bundleId }) => bundleId)).toEqual(['a', 'b', 'a']);
  });

  it('rejects only the batch that failed and goes on with the next', async () => {
    const first = infer('a', 1);
    const second = infer('a', 2);
    launches[0]!.fail();
    await expect(first).rejects.toThrow('device');
    expect(valuesOf()).toEqual([[1], [2]]);
    launches[1]!.finish();
    expect((await second).batchSize).toBe(1);
  });

  it('does not launch the rest of a request that failed', async () => {
    const long = infer('a', 1, 2, 3, 4, 5, 6);
    const other = infer('a', 7);
    launches[0]!.fail();
    await expect(long).rejects.toThrow('device');
    expect(valuesOf()).toEqual([[1, 2, 3, 4], [7]]);
    launches[1]!.finish();
    await other;
  });

  it('refuses values that are no whole number of tensors', async () => {
    await expect(queue.infer('a', tensors(1, 2, 3), 2)).rejects.toThrow('3 values cannot be 2 tensors');
    await expect(queue.infer('a', tensors(), 0)).rejects.toThrow('tensors');
    expect(launches).toHaveLength(0);
  });
});
