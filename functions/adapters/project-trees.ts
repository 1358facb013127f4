import { isBucketPath } from '../core/bucket-path.ts';
import { Problem } from '../core/errors.ts';
import type { ProjectTrees } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';

/**
 * The projects of an installation: folders, and places in buckets (`gs://…`) where there is a Cloud Storage to ask. `access` is what
 * the function's row in the topology grants; what goes beyond it is `Problem` 500 `not_granted`, but for naming projects.
 */
export function projectTrees(
  { runtime, project, projectRoots: roots }: Pick<Settings, 'runtime' | 'project' | 'projectRoots'>,
  state: string,
  access?: 'read' | 'write',
): ProjectTrees {
  // Loaded when one is asked for: few functions do, and all have to start.
  let openFolders: Promise<ProjectTrees> | undefined;
  const folders = () => {
    const own = roots.filter((root) => !isBucketPath(root));
    openFolders ??= import('./folder-tree.ts').then(({ folderTrees }) => folderTrees({ roots: own, state }));
    return openFolders;
  };
  let openBuckets: Promise<ProjectTrees> | undefined;
  const buckets = () => {
    openBuckets ??= import('./bucket-trees.ts').then(({ bucketTrees }) => bucketTrees({ roots, project, access }));
    return openBuckets;
  };
  const of = async (path: string): Promise<ProjectTrees> => {
    if (!isBucketPath(path)) return folders();
    if (hasStorage(runtime)) return buckets();
    throw noStorage();
  };
  return {
    resolve: async (path) => (await of(path)).resolve(path),
    async open(path, options) {
      if (access === undefined) throw notGranted('read');
      return (await of(path)).open(path, options);
    },
    async replace(tree, patterns) {
      if (access !== 'write') throw notGranted('change');
      return (await of(tree.projectPath)).replace(tree, patterns);
    },
    async recover() {
      if (access !== 'write') throw notGranted('change');
      const done = await (await folders()).recover();
      if (!roots.some(isBucketPath) || !hasStorage(runtime)) return done;
      return [...done, ...(await (await buckets()).recover())];
    },
  };
}

/** Without an address of its own, a local runtime must not lead to Google's storage. */
const hasStorage = (runtime: Settings['runtime']): boolean => runtime === 'cloud' || Boolean(process.env.STORAGE_EMULATOR_HOST);

const notGranted = (what: string) =>
  new Problem(500, 'not_granted', `In the topology, this function has no role to ${what} projects.`);

function noStorage(): Problem {
  const advice =
    'Name a folder, start the emulators (npm run start:emulators), or give the address of a storage server (http://host:port) in STORAGE_EMULATOR_HOST.';
  return new Problem(422, 'project_path_invalid', `There is no Cloud Storage here, and so no project in a bucket. ${advice}`, {
    fields: [
      { field: 'project_path', code: 'project_path_invalid', message: 'is in a bucket, and there is no Cloud Storage here' },
    ],
  });
}
