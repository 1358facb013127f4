import { Problem } from './errors.ts';

/** A caller without proof: 401 `unauthenticated`. `rule` names what was broken; it is stable, and safe to show and to log. */
export function unauthenticated(rule: string): Problem {
  return new Problem(401, 'unauthenticated', `The caller is not authenticated [${rule}].`);
}
