import type { Plugin } from 'esbuild';
import type { FunctionRow, Role } from '../../functions/topology.ts';

/** Which roles make a function need a client library. The adapters of the embedded runtime are needed by none. */
const NEEDED_FOR: readonly (readonly [path: RegExp, isNeeded: (role: Role) => boolean])[] = [
  [/^@google-cloud\/firestore$/, ({ kind }) => kind === 'database'],
  [/^@google-cloud\/pubsub$/, ({ kind }) => kind === 'publish' || kind === 'subscribe'],
  [/^@google-cloud\/storage$/, ({ kind }) => kind === 'bucket'],
  [/^\.\/ssh\.ts$/, (role) => role.kind === 'secret' && role.secret === 'ssh-keys'],
  [/^\.\/sqlite-[a-z-]+\.ts$/, () => false],
];

/** Leaves out the client libraries of what the function has no role for: IAM would refuse their calls. */
export function onlyNeeded({ roles }: FunctionRow): Plugin {
  const missing = NEEDED_FOR.filter(([, isNeeded]) => !roles.some(isNeeded));
  return {
    name: 'only-needed',
    setup({ onResolve, onLoad }) {
      for (const [filter] of missing) {
        onResolve({ filter }, ({ path, kind }) => (kind === 'dynamic-import' ? { path, namespace: 'left-out' } : undefined));
      }
      onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => {
        const message = `${path} is not part of this bundle: the function has no role in the topology that needs it.`;
        return { contents: `throw new Error(${JSON.stringify(message)}); export {};` };
      });
    },
  };
}
