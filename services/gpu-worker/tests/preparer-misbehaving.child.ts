import { existsSync, writeFileSync } from 'node:fs';
import type { FromChild, PrepareRequest } from '../src/preparer/child-messages.ts';

/**
 * Speaks the protocol of a preparer and does what the "image" says, as `command argument`. Its answer carries its pid
 * as the width and the number of images it had as the height.
 */
process.on('disconnect', () => process.exit());
const send = (message: FromChild): void => void process.send!(message);
let images = 0;

function obey(id: number, command: string, argument: string): void {
  switch (command) {
    case 'hang':
      for (;;) Math.random();
    case 'die':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'die-once':
      if (existsSync(argument)) break;
      writeFileSync(argument, '');
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'grow':
      // Filled, because untouched pages take no memory; kept, so that nothing is freed before the parent looks.
      held.push(Buffer.alloc(Number(argument), 1));
      return;
    case 'wait-for':
      if (!existsSync(argument)) return void setTimeout(() => obey(id, command, argument), 10);
      break;
    case 'damaged':
      return send({ kind: 'undecodable', id, message: 'damaged' });
    case 'our-fault':
      return send({ kind: 'internal', id, message: 'a bug' });
  }
  send({
    kind: 'prepared',
    id,
    image: { width: process.pid, height: images, faces: [], inputs: [], elapsedMs: 1 },
  });
}

const held: Buffer[] = [];
process.on('message', ({ id, file }: PrepareRequest) => {
  images++;
  const [command = '', argument = ''] = Buffer.from(file).toString().split(' ');
  obey(id, command, argument);
});
send({ kind: 'ready' });
