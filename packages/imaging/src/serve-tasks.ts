import { asError } from '@touchstone/shared/process/error-code';
import type { FromChild, ToChild } from './child-messages.ts';
import { UndecodableImageError } from './undecodable-image-error.ts';

/**
 * Body of a disposable child, the process that touches the pixels of strangers: it holds no connection and no secret,
 * and its parent may kill it at any moment. `open` warms everything up and gives back what answers a task.
 */
export function serveTasks<Setup, Task, Answer>(
  open: (setup: Setup) => Promise<(task: Task) => Promise<Answer>>,
): void {
  let answer: ((task: Task) => Promise<Answer>) | undefined;
  const send = (message: FromChild<Answer>) => process.send!(message);

  const start = async (setup: Setup) => {
    answer = await open(setup);
    send({ kind: 'ready' });
  };
  const work = async (id: number, task: Task) => {
    try {
      if (answer === undefined) throw new Error('a task came before the child was ready');
      send({ kind: 'answer', id, answer: await answer(task) });
    } catch (error) {
      const { message } = asError(error);
      send({ kind: error instanceof UndecodableImageError ? 'undecodable' : 'internal', id, message });
    }
  };

  process.on('disconnect', () => process.exit());
  process.on('message', (message: ToChild<Setup, Task>) => {
    // A start that fails is not caught: the child dies of it, and its parent reads why on stderr.
    if (message.kind === 'setup') void start(message.setup);
    else void work(message.id, message.task);
  });
}
