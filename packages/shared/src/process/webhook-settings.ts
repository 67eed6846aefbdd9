import { z } from 'zod';
import type { OutboundRuleOptions } from '../outbound/guarded-url.ts';
import { parseAddressRanges } from '../outbound/public-address.ts';
import { flag } from './environment.ts';

const listOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function areRanges(cidrs: string[]): boolean {
  try {
    parseAddressRanges(cidrs);
    return true;
  } catch {
    return false;
  }
}

/** What decides where webhooks may go and how they are signed: the gateway and the aggregator must agree. */
export const WEBHOOK_SETTINGS = {
  /** For development and tests: also http, the machine itself, and any port. */
  WEBHOOK_ALLOW_LOOPBACK: flag(false),
  WEBHOOK_PORTS: z
    .string()
    .default('443,8443')
    .transform(listOf)
    .transform((ports) => ports.map(Number))
    .pipe(z.array(z.number().int().min(1).max(65_535)).min(1)),
  /** CIDR ranges beside the non-public ones: own networks and own public addresses. */
  WEBHOOK_DENIED_RANGES: z
    .string()
    .default('')
    .transform(listOf)
    .refine(areRanges, 'must be a comma-separated list of address ranges such as 203.0.113.0/24'),
  /** Base64 of 32 bytes; several, separated by commas, while one takes the place of another. See `loadSecretKeys`. */
  SECRET_KEY: z.string().optional(),
};

export type WebhookSettings = { outbound: OutboundRuleOptions; secretKey: string | undefined };

export function webhookSettings(settings: z.infer<z.ZodObject<typeof WEBHOOK_SETTINGS>>): WebhookSettings {
  const { WEBHOOK_ALLOW_LOOPBACK: allowLoopback, WEBHOOK_PORTS: ports } = settings;
  return {
    outbound: {
      allowHttp: allowLoopback,
      allowLoopback,
      allowedPorts: allowLoopback ? 'any' : ports,
      extraDenied: settings.WEBHOOK_DENIED_RANGES,
    },
    secretKey: settings.SECRET_KEY,
  };
}
