/** What a request tells about where it comes from. `address` is the peer of the socket, whatever any header says. */
export type RequestOrigin = {
  method: string;
  address: string;
  host: string | undefined;
  origin: string | undefined;
  fetchSite: string | undefined;
  /** Whether a header shows a proxy in between: then the address is the proxy's. */
  isForwarded: boolean;
};

const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Whether a request that changes something comes from a page of this very port. Cookies know no ports, so `SameSite`
 * alone would let another port of this machine in; and a request that names no origin at all is no browser's page of
 * ours.
 */
export function isSameOrigin({ method, host, origin, fetchSite }: RequestOrigin): boolean {
  if (READING_METHODS.has(method)) return true;
  if (fetchSite !== undefined && fetchSite.toLowerCase() !== 'same-origin') return false;
  if (origin === undefined) return fetchSite !== undefined;
  return host !== undefined && /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase() === host.toLowerCase();
}

/**
 * A program of this machine that asks directly. The host tells a rebound DNS name apart, origin and fetch site a page
 * of a stranger.
 */
export function isLocalProgram({ address, host, origin, fetchSite, isForwarded }: RequestOrigin): boolean {
  return (
    !isForwarded &&
    origin === undefined &&
    (fetchSite === undefined || ['none', 'same-origin'].includes(fetchSite.toLowerCase())) &&
    /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host ?? '') &&
    /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(address)
  );
}
