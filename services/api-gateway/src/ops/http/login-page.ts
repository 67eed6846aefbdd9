import { createHash } from 'node:crypto';
import { OPERATOR } from '../core/credentials.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #23272b; --paper: #f6f5f2; --card: #fff; --line: #c9c5bd; --accent: #7a5a12 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e6df; --paper: #1b1e21; --card: #25292d; --line: #474d53; --accent: #e0b354 }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
main { width: min(22rem, calc(100vw - 3rem)); padding: 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem }
h1 { margin: 0 0 1rem; font-size: 1.25rem }
label { display: block; font-weight: 600 }
input, button { box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .6rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: .3rem }
button { margin-top: 1rem; background: var(--accent); border-color: var(--accent); color: var(--card); font-weight: 600;
  cursor: pointer }
p { margin: 0 0 1rem } .hint { margin: 1rem 0 0; font-size: .875rem }
[role=alert] { font-weight: 600 }
`;

const DIGEST = createHash('sha256').update(STYLE).digest('base64');

/** Policy of the pages below: no script, their own style, forms that lead here. */
export const LOGIN_PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${DIGEST}'`,
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** `problem` is a sentence of ours, never the client's words. */
export function loginPage(problem: string | null): string {
  return page(
    'Log in',
    `${problem === null ? '' : `<p role="alert">${problem}</p>`}
<form method="post" action="/login">
<input type="text" name="username" value="${OPERATOR}" autocomplete="username" hidden>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
</form>
<p class="hint">The password lies in the file <code>ops-password</code> of the data directory.</p>`,
  );
}

export function logoutPage(): string {
  return page('Log out', '<form method="post" action="/logout"><button>Log out</button></form>');
}

function page(heading: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${heading} · Touchstone operators</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Touchstone operators</h1>
${content}
</main>
</body>
</html>
`;
}
