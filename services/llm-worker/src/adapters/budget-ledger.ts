import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { addSpent, dayOf, fitsBudget, type BudgetCaps, type Spent } from '../core/budget.ts';

/** Money that one call may use. */
type Reservation = {
  /** Says what the call really used. Null: it was not charged. Never rejects. */
  settle(microUsd: number | null): Promise<void>;
};

/** The daily budget of all processes, reserved before a call and settled after it. */
export type BudgetLedger = {
  /** Null when the budget of today does not allow it. Never rejects. */
  reserve(tenant: Tenant, microUsd: number): Promise<Reservation | null>;
};

const KEEP_SECONDS = 3 * 86_400;

/**
 * Takes the sum of what others spent, and writes what this process spent if both together fit. Every process writes only
 * its own fields, as absolute numbers: a repeated, lost or late write can neither count twice nor be forgotten, and after
 * a Redis that lost everything each process writes itself down again.
 */
const RESERVE = `
local others = {}
for i = 1, 3 do
  local sum = 0
  local fields = redis.call('HGETALL', KEYS[i])
  for at = 1, #fields, 2 do
    if fields[at] ~= ARGV[1] then sum = sum + tonumber(fields[at + 1]) end
  end
  others[i] = sum
end
local fits = 1
for i = 1, 3 do
  local cap = ARGV[4 + i]
  if cap ~= '' and others[i] + tonumber(ARGV[1 + i]) > tonumber(cap) then fits = 0 end
end
if fits == 1 then
  for i = 1, 3 do
    redis.call('HSET', KEYS[i], ARGV[1], ARGV[1 + i])
    redis.call('EXPIRE', KEYS[i], ARGV[8])
  end
end
return { fits, others[1], others[2], others[3] }`;

/** Without Redis a process goes on with what it knows: its own spending and the last it heard of the others'. */
export function createBudgetLedger(
  redis: Redis,
  prefix: string,
  caps: BudgetCaps,
  nowMs: () => number = Date.now,
): BudgetLedger {
  const instance = randomUUID();
  let day = '';
  let own = new Map<string, number>();
  let others = new Map<string, number>();

  const turnDay = () => {
    const today = dayOf(nowMs());
    if (today === day) return;
    day = today;
    own = new Map();
    others = new Map();
  };
  const read = (from: Map<string, number>, tenant: Tenant): Spent => ({
    microUsd: from.get('usd') ?? 0,
    tenantMicroUsd: from.get(`usd:${tenant}`) ?? 0,
    calls: from.get('calls') ?? 0,
  });
  const write = (to: Map<string, number>, tenant: Tenant, spent: Spent) => {
    to.set('usd', spent.microUsd).set(`usd:${tenant}`, spent.tenantMicroUsd).set('calls', spent.calls);
  };
  const keysOf = (tenant: Tenant) =>
    ['usd', `usd:${tenant}`, 'calls'].map((scope) => `${prefix}:llm-budget:${day}:${scope}`);
  const valuesOf = ({ microUsd, tenantMicroUsd, calls }: Spent) => [microUsd, tenantMicroUsd, calls];
  const add = (tenant: Tenant, microUsd: number, calls: number) =>
    write(own, tenant, addSpent(read(own, tenant), { microUsd, tenantMicroUsd: microUsd, calls }));

  /** Whether what this process has spent, the new reservation included, fits beside what the others have. */
  async function fitsBesideOthers(tenant: Tenant): Promise<boolean> {
    const limits = [caps.microUsd, caps.tenantMicroUsd, caps.calls].map((cap) => cap ?? '');
    try {
      const values = [instance, ...valuesOf(read(own, tenant)), ...limits, KEEP_SECONDS];
      const reply = (await redis.eval(RESERVE, 3, ...keysOf(tenant), ...values)) as number[];
      const [fits = 0, microUsd = 0, tenantMicroUsd = 0, calls = 0] = reply;
      write(others, tenant, { microUsd, tenantMicroUsd, calls });
      return fits === 1;
    } catch {
      return fitsBudget(addSpent(read(own, tenant), read(others, tenant)), caps);
    }
  }

  return {
    async reserve(tenant, microUsd) {
      turnDay();
      const reservedOn = day;
      // Counted before the question, so that two reservations of this process at once see each other.
      add(tenant, microUsd, 1);
      if (!(await fitsBesideOthers(tenant))) {
        if (day === reservedOn) add(tenant, -microUsd, -1);
        return null;
      }
      return {
        async settle(spent) {
          // Yesterday is closed: what it still owes or gets back changes nothing any more.
          if (day !== reservedOn) return;
          add(tenant, (spent ?? 0) - microUsd, spent === null ? -1 : 0);
          const values = valuesOf(read(own, tenant));
          const pipeline = redis.pipeline();
          for (const [i, key] of keysOf(tenant).entries()) pipeline.hset(key, instance, values[i]!);
          // A write that fails is mended by the next one.
          await pipeline.exec().catch(() => null);
        },
      };
    },
  };
}
