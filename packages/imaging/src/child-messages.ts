/** What the pool sends to a child: once what it works with, then one task at a time. */
export type ToChild<Setup, Task> = { kind: 'setup'; setup: Setup } | { kind: 'task'; id: number; task: Task };

/** What a child says. `ready` comes once, when everything that a task needs is warm. */
export type FromChild<Answer> =
  | { kind: 'ready' }
  | { kind: 'answer'; id: number; answer: Answer }
  | { kind: 'undecodable'; id: number; message: string }
  /** Our fault, not the image's. */
  | { kind: 'internal'; id: number; message: string };
