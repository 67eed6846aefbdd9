import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cpuMsOfTree, parseProcessStat, residentBytesOfTree } from './cpu-of-process.ts';

const hasProc = existsSync('/proc/self/stat');
if (!hasProc) process.stderr.write('skipped: CPU time of a living process, because this system has no /proc\n');
const describeProc = hasProc ? describe : describe.skip;

describe('a line of /proc/PID/stat', () => {
  it('gives the parent and the CPU time, in ms, also when the command is hostile', () => {
    const line =
      '4242 (a b) c) S 17 4242 4242 0 -1 4194560 5000 60 7 0 123 45 6 7 20 0 11 0 9999 1000000 2500 18446744073709551615';
    expect(parseProcessStat(line)).toEqual({ parentPid: 17, cpuMs: 1_680, endedChildrenMs: 130 });
  });
});

describeProc('a living process', () => {
  it('counts what its child used, also when the child has ended', async () => {
    const code = `
      const { spawnSync } = require('node:child_process');
      const burn = 'for (const end = Date.now() + 150; Date.now() < end;);';
      spawnSync(process.execPath, ['-e', burn]);
      process.send('done');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    try {
      await once(child, 'message');
      const use = cpuMsOfTree(child.pid!);
      expect(use.children).toBeGreaterThan(20);
      expect(use.own).toBeGreaterThan(0);
      expect(residentBytesOfTree(child.pid!).own).toBeGreaterThan(10_000_000);
    } finally {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    expect(() => cpuMsOfTree(child.pid!)).toThrow('no process');
  });
});
