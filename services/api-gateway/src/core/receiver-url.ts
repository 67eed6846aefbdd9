import { checkGuardedUrl, type OutboundRules, type UrlProblem } from '@touchstone/shared/outbound/guarded-url';
import { InvalidFields } from './invalid-fields.ts';

/**
 * The address as it will be stored and called; throws the refusal. Names are not resolved here: every delivery checks
 * the addresses that it connects to.
 */
export function receiverUrlOf(text: string, rules: OutboundRules, pointer: string): string {
  const checked = checkGuardedUrl(text, rules);
  if (checked.ok) return checked.url.href;
  const errors = [{ pointer, detail: reasonOf(checked.problem, rules) }];
  const isReadable = checked.problem !== 'unreadable' && checked.problem !== 'too_long';
  throw isReadable
    ? new InvalidFields(errors, 'webhook_url_blocked', 'Webhooks are not sent to this address; `errors` says why.')
    : new InvalidFields(errors);
}

function reasonOf(problem: UrlProblem, rules: OutboundRules): string {
  switch (problem) {
    case 'unreadable':
      return 'must be an absolute URL';
    case 'too_long':
      return 'is too long';
    case 'scheme':
      return 'must begin with https:';
    case 'credentials':
      return 'must not hold a user name or password';
    case 'port':
      return rules.allowedPorts === 'any'
        ? 'has a bad port'
        : `must use one of the ports ${rules.allowedPorts.join(', ')}`;
    case 'address':
      return 'must be on the public internet';
  }
}
