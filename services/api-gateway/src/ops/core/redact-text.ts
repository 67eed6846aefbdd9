const MAX_CHARS = 1_000;
const MAX_STACK_CHARS = 4_000;

/** `redis://user:password@host`, a webhook's address, a signed address: none is for the board. */
const ADDRESS = /\b(?!file:)[a-z][a-z0-9+.-]*:\/\/[^\s"'<>)]+/gi;
/** An absolute path, of which the last two parts tell an operator enough. */
const MACHINE_PATH = /(?<![\w.:/…~-])(?:file:\/\/)?(?:\/[\w.@+~=-]+)+/g;

/** Text of an error as an operator may see it: without addresses and machine paths, and short. */
export function redactText(text: string): string {
  // Cut before the patterns run: a text of megabytes shall not cost seconds.
  const cut = cutText(text, text.includes('\n') ? MAX_STACK_CHARS : MAX_CHARS);
  return cut.replaceAll(ADDRESS, '[address]').replaceAll(MACHINE_PATH, shortenPath);
}

export function cutText(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
}

function shortenPath(path: string): string {
  const parts = path
    .replace(/^file:\/\//, '')
    .split('/')
    .slice(1);
  // A single part is a route such as `/metrics`, not a place on a disk.
  return parts.length === 1 ? path : `…/${parts.slice(Math.max(1, parts.length - 2)).join('/')}`;
}
