import type { Plugin } from 'esbuild';

/** Where there is no compiler, or scripts of packages are not run, there are none of them: bundles have to be the same everywhere. */
const NATIVE = /^cpu-features$|\.node$/;

/** Leaves out what is compiled for one machine. The packages that ask for it do without where they do not find it. */
export const withoutNative: Plugin = {
  name: 'without-native',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: NATIVE }, ({ path }) => ({ path, namespace: 'native' }));
    onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is compiled for one machine, and not part of this bundle.`)});`,
      loader: 'js',
    }));
  },
};
