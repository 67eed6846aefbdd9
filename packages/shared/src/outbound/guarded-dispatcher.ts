import { lookup as lookupOfSystem, type LookupAddress, type LookupAllOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { createOutboundRules, literalAddress, type OutboundRuleOptions, type OutboundRules } from './guarded-url.ts';
import { OutboundError } from './outbound-failure.ts';
import { isAllowedAddress, type AddressRules } from './public-address.ts';

/** Name resolution as `dns.lookup` does it with `all: true`. */
export type LookupAll = (
  hostname: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export type GuardedDispatcherOptions = OutboundRuleOptions & {
  /** Name resolution, TCP and TLS together. */
  connectTimeoutMs?: number;
  /** Resolves names instead of the system. */
  lookup?: LookupAll;
};

/** The one way out for calls that follow user input. */
export type GuardedDispatcher = {
  readonly rules: OutboundRules;
  readonly dispatcher: Dispatcher;
  /** Waits for calls that are underway; each ends at its own deadline. */
  close(): Promise<void>;
};

/**
 * Opens an undici agent whose sockets reach only allowed addresses, whoever uses it: literals are checked before a
 * socket is made, names in the very lookup that the socket connects by, so there is no second resolution to rebind.
 * It knows no proxy and follows no redirect. Every call gets a connection of its own: each is resolved and checked anew,
 * and no idle socket can die under a POST.
 */
export function openGuardedDispatcher(options: GuardedDispatcherOptions = {}): GuardedDispatcher {
  const rules = createOutboundRules(options);
  const connectOverNetwork = buildConnector({
    lookup: guardLookup(options.lookup ?? lookupOfSystem, rules),
    timeout: options.connectTimeoutMs ?? 5_000,
    allowH2: false,
    // NODE_TLS_REJECT_UNAUTHORIZED=0 must not reach this far.
    rejectUnauthorized: true,
  });
  const connect: buildConnector.connector = (target, done) => {
    const literal = literalAddress(target.hostname);
    if (literal === null || isAllowedAddress(literal, rules)) connectOverNetwork(target, done);
    else queueMicrotask(() => done(refusedAddress(), null));
  };
  // pipelining 0 is undici's way to say: no keep-alive.
  const agent = new Agent({ connect, pipelining: 0, allowH2: false });
  let closed: Promise<void> | undefined;
  return { rules, dispatcher: agent, close: () => (closed ??= agent.close()) };
}

/** One bad record refuses them all: which one a socket takes is its own affair (happy eyeballs). */
function guardLookup(lookupAll: LookupAll, rules: AddressRules): LookupFunction {
  return (hostname, options, done) =>
    lookupAll(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) return done(error, []);
      if (first === undefined) return done(new OutboundError('dns', 'the name has no address'), []);
      if (!addresses.every(({ address }) => isAllowedAddress(address, rules))) return done(refusedAddress(), []);
      if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
}

function refusedAddress(): OutboundError {
  return new OutboundError('blocked_ip', 'the address is not one that may be called');
}
