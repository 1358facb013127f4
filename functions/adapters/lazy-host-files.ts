import type { HostFiles } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';

/** The files that tools may look at, in the `toolRoots` of the settings; loaded with the first look. */
export function lazyHostFiles({ toolRoots: roots, dataDir }: Pick<Settings, 'toolRoots' | 'dataDir'>): HostFiles {
  const files = async (): Promise<HostFiles> => {
    const { hostFiles } = await import('./host-files.ts');
    return hostFiles({ roots, hidden: [dataDir, '/proc', '/sys', '/dev'] });
  };
  return {
    list: async (path, limit) => (await files()).list(path, limit),
    read: async (path, maxBytes) => (await files()).read(path, maxBytes),
  };
}
