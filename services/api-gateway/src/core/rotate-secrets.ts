import type { EndpointRecord } from '@touchstone/shared/contracts/webhook';

type Secrets = EndpointRecord['secrets'];

/** reliability.md section 4 W3: how long a receiver has to take over the new secret. */
const OVERLAP_MS = 86_400_000;
/** Each one signs every message. */
const MAX_SECRETS = 4;

export const isSecretValid = ({ expires_at }: Secrets[number], nowMs: number): boolean =>
  expires_at === null || Date.parse(expires_at) > nowMs;

/** Puts the new secret in front; the others stay valid for a day, or for less when that was said before. */
export function rotateSecrets(secrets: Secrets, sealed: string, nowMs: number): Secrets {
  const endsAt = new Date(nowMs + OVERLAP_MS).toISOString();
  const old = secrets
    .filter((secret) => isSecretValid(secret, nowMs))
    .map((secret) => ({ ...secret, expires_at: secret.expires_at ?? endsAt }));
  const fresh = { sealed, created_at: new Date(nowMs).toISOString(), expires_at: null };
  return [fresh, ...old].slice(0, MAX_SECRETS);
}
