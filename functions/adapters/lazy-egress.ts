import type { Egress } from '../core/ports.ts';
import type { EgressRules } from './egress-target.ts';

/** The guarded egress, loaded with its first use: undici is a third of what a function would parse at its start, and few tasks need it. */
export function lazyEgress(rules: EgressRules): Egress {
  let loaded: Promise<Egress> | undefined;
  const egress = (): Promise<Egress> => {
    loaded ??= import('./egress.ts').then(({ guardedEgress }) => guardedEgress(rules));
    return loaded;
  };
  return {
    check: async (url, trust) => (await egress()).check(url, trust),
    request: async (request) => (await egress()).request(request),
    close: async () => (await loaded)?.close(),
  };
}
