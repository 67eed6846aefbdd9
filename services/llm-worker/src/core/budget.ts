/** What may be spent in one day (UTC) by all processes together. Null: no limit. */
export type BudgetCaps = {
  microUsd: number | null;
  tenantMicroUsd: number | null;
  calls: number | null;
};

/** What is spent or reserved, in all and by the tenant in question. */
export type Spent = { microUsd: number; tenantMicroUsd: number; calls: number };

export const addSpent = (a: Spent, b: Spent): Spent => ({
  microUsd: a.microUsd + b.microUsd,
  tenantMicroUsd: a.tenantMicroUsd + b.tenantMicroUsd,
  calls: a.calls + b.calls,
});

/** Whether this much stays within every cap. */
export function fitsBudget(spent: Spent, caps: BudgetCaps): boolean {
  const within = (value: number, cap: number | null) => cap === null || value <= cap;
  return (
    within(spent.microUsd, caps.microUsd) &&
    within(spent.tenantMicroUsd, caps.tenantMicroUsd) &&
    within(spent.calls, caps.calls)
  );
}

/** The day that a moment belongs to, as `2026-11-25`. */
export const dayOf = (nowMs: number) => new Date(nowMs).toISOString().slice(0, 10);
