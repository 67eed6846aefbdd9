import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { serveTasks } from '../src/serve-tasks.ts';
import { UndecodableImageError } from '../src/undecodable-image-error.ts';

/** What this child tells about itself: its setup, its pid and the number of tasks it had. */
export type Answer = { setup: string; pid: number; tasks: number };

const held: Buffer[] = [];

/** Does what the task says, as `command argument`. */
async function obey(command: string, argument: string): Promise<void> {
  switch (command) {
    case 'hang':
      appendFileSync(argument, `${process.pid}\n`);
      for (;;) Math.random();
    case 'die-once':
      if (existsSync(argument)) return;
      writeFileSync(argument, '');
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'die':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'grow':
      // Filled, because untouched pages take no memory; kept, so that nothing is freed before the parent looks.
      held.push(Buffer.alloc(Number(argument), 1));
      return new Promise(() => undefined);
    case 'swell':
      // Gone again before the parent's next look.
      Buffer.alloc(Number(argument), 1).fill(2);
      return;
    case 'wait-for':
      while (!existsSync(argument)) await delay(10);
      return;
    case 'damaged':
      throw new UndecodableImageError('damaged');
    case 'our-fault':
      throw new Error('a bug');
    case 'environment':
      throw new Error(Object.keys(process.env).join());
  }
}

serveTasks<string, string, Answer>(async (setup) => {
  let tasks = 0;
  if (setup === 'broken') throw new Error('no library today');
  return async (task) => {
    tasks++;
    const [command = '', argument = ''] = task.split(' ');
    await obey(command, argument);
    return { setup, pid: process.pid, tasks };
  };
});
