import { join } from 'node:path';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { makeBenchImage } from './bench-images.ts';
import { startBenchSystem, sumOfRoles } from './bench-system.ts';
import type { Method } from './bench-context.ts';
import { openDetectionClient } from './detection-client.ts';
import { readLoad } from './machine-facts.ts';
import { runPipeline } from './r1-engine.ts';
import { short } from './table.ts';

const CLIENTS = 4;

/** R8: resident memory of all roles after a thousand images over that after fifty, once: a slot of it is a whole life. */
export const measureMemory: Method = async (context) => {
  context.say('R8: starting the system');
  const [few, many] = context.isQuick ? [10, 40] : [50, 1_000];
  const bundle = join(context.folder, 'null');
  await writeTinyBundle(bundle, { scope: 'whole-image' });
  const loads = [readLoad()];
  const system = await startBenchSystem(context.folder, bundle);
  const client = await openDetectionClient(system, await makeBenchImage('512'));
  try {
    await runPipeline(system, client, few - CLIENTS, CLIENTS);
    const early = system.residentBytes();
    context.say('R8: the long run');
    await runPipeline(system, client, many - few - CLIENTS, CLIENTS);
    const late = system.residentBytes();
    system.assertUnbroken();
    loads.push(readLoad());
    const megabytes = (bytes: number) => short(bytes / 2 ** 20);
    const roles = Object.keys(late).map(
      (role) => `${role} ${megabytes(early[role] ?? 0)} -> ${megabytes(late[role] ?? 0)}`,
    );
    return [
      {
        id: 'R8',
        title: `memory, after ${many} / after ${few} images`,
        figures: [
          {
            name: '',
            unit: '',
            target: { relation: '<', limit: 1.1 },
            slots: [sumOfRoles(late) / sumOfRoles(early)],
          },
        ],
        loads,
        notes: [`MB: ${roles.join(', ')} (supervisor and redis not counted)`],
      },
    ];
  } finally {
    await client.close();
    await system.stop();
  }
};
