/**
 * The path and query that a request target asks for; null when it cannot be read. RFC 9112 3.2: `/path`, `*`, or a whole
 * address as it is sent to a proxy, which every server has to accept.
 */
export function originFormOf(target: string): string | null {
  if (target.startsWith('/') || target === '*') return target;
  const url = URL.parse(target);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  return url.pathname + url.search;
}
