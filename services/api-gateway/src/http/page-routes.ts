import type { RequestHandler } from 'express';
import { createHash } from 'node:crypto';
import { sendBody, sendTagged, tagOf } from './send-body.ts';

const FAVICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#25282c"/>' +
  '<path d="M7 23 25 9" stroke="#e0b354" stroke-width="4" stroke-linecap="round"/></svg>';

/** The page of the product. Its policy names the digests of its own script and style, so nothing else can run. */
export function createPageRoute(html: string): RequestHandler {
  const page = { body: html, etag: tagOf(html) };
  const headers = { 'Cache-Control': 'no-cache', 'Content-Security-Policy': policyOf(html) };
  return (request, response) => sendTagged(request, response, 'text/html', page, headers);
}

export const answerFavicon: RequestHandler = (request, response) => {
  sendBody(request, response, 200, 'image/svg+xml', FAVICON, { 'Cache-Control': 'public, max-age=86400' });
};

function policyOf(html: string): string {
  const directives = {
    'default-src': "'none'",
    'script-src': digestsOf(html, 'script'),
    'style-src': digestsOf(html, 'style'),
    // The preview of a chosen photo and the icon.
    'img-src': "'self' blob: data:",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'self'",
    'frame-ancestors': "'none'",
  };
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}

function digestsOf(html: string, element: 'script' | 'style'): string {
  const found = [...html.matchAll(new RegExp(`<${element}(?:\\s[^>]*)?>([\\s\\S]*?)</${element}>`, 'g'))];
  const digests = found.map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`);
  return digests.length === 0 ? "'none'" : digests.join(' ');
}
