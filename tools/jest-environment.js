import { TestEnvironment } from 'jest-environment-node';
import { constants, createContext, runInContext } from 'node:vm';

/**
 * What native addons and Node itself return or check by `instanceof`, as onnxruntime does: one of each for both realms.
 */
const SHARED = [
  ArrayBuffer,
  Buffer,
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint16Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
];

/**
 * Jest's environment for Node in an ordinary realm. Jest's own global object is a Proxy behind an interceptor, so that
 * each mention of `Math` or `Buffer` calls three functions: numeric tests took two to six times as long.
 */
export default class Environment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    const prepared = this.global;
    this.context = createContext(constants.DONT_CONTEXTIFY);
    this.global = runInContext('globalThis', this.context);
    for (const key of Reflect.ownKeys(prepared)) {
      if (key in this.global) continue;
      const descriptor = Object.getOwnPropertyDescriptor(prepared, key);
      if ('value' in descriptor) Object.defineProperty(this.global, key, descriptor);
      else lend(this.global, key);
    }
    for (const type of SHARED) this.global[type.name] = type;
    this.global.global = this.global;
    // A failed test may show more than Node's ten lines.
    this.global.Error.stackTraceLimit = 100;
    this.moduleMocker = new this.moduleMocker.constructor(this.global);
    this.fakeTimersModern = new this.fakeTimersModern.constructor({
      config: config.projectConfig,
      global: this.global,
    });
  }
}

/** Looked up when it is first needed: behind some names Node loads a whole library. */
function lend(global, key) {
  const define = (value) =>
    Object.defineProperty(global, key, { value, configurable: true, enumerable: true, writable: true });
  Object.defineProperty(global, key, {
    configurable: true,
    enumerable: true,
    get: () => define(globalThis[key])[key],
    set: (value) => {
      define(value);
    },
  });
}
