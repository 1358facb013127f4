import type { Plugin } from 'esbuild';

/**
 * Has `import … from 'node:http'` take the module as `require` gives it. Node fills the names of an imported module by reading all
 * that it exports; of this one, `WebSocket` and its like, and with them what `fetch` is made of: 30 ms. `node-fetch`, by which
 * Google's libraries reach the metadata server, imports it.
 */
export const plainHttp: Plugin = {
  name: 'plain-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(?:node:)?http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace: 'plain' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'plain' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};
