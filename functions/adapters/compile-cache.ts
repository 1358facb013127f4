import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/** Beside the bundle, where the platform's build has put it. */
export const COMPILE_CACHE = 'compile-cache';

/**
 * Has Node take compiled code from the cache that lies in the bundle's folder, if one does. To be called before anything else is
 * loaded. What another Node has compiled is compiled again.
 */
export function useCompileCache(folder: string): void {
  const directory = join(folder, COMPILE_CACHE);
  if (existsSync(directory)) enableCompileCache({ directory, portable: true });
}
