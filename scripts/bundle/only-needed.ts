import type { Plugin } from 'esbuild';
import type { FunctionRow, Role } from '../../functions/topology.ts';

/** Which roles make a function need a client library. The adapters of the embedded runtime are needed by none. */
const NEEDED_FOR: readonly (readonly [path: RegExp, kinds: readonly Role['kind'][]])[] = [
  [/^@google-cloud\/firestore$/, ['database']],
  [/^@google-cloud\/pubsub$/, ['publish', 'subscribe']],
  [/^@google-cloud\/storage$/, ['bucket']],
  [/^\.\/sqlite-[a-z-]+\.ts$/, []],
];

/** Leaves out the client libraries of what the function has no role for: IAM would refuse their calls. */
export function onlyNeeded({ roles }: FunctionRow): Plugin {
  const missing = NEEDED_FOR.filter(([, kinds]) => !roles.some(({ kind }) => kinds.includes(kind)));
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
