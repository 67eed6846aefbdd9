import type { ObjectStore } from './object-store.ts';

/** `createInOrder` of a store that gains nothing by knowing what comes next. */
export function createOneByOne(create: ObjectStore['create']): ObjectStore['createInOrder'] {
  return async (objects, signal) => {
    const answers: boolean[] = [];
    for (const { key, body } of objects) {
      signal.throwIfAborted();
      answers.push(await create(key, body));
    }
    return answers;
  };
}
