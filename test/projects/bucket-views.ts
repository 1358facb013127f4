import type { Bucket } from '@google-cloud/storage';

/**
 * What a bucket holds below a prefix as a tree, by path: kind, mode, and content or target. Made of the objects alone, by the rules
 * that are written down for them and not by the adapter's.
 */
export async function treeIn(bucket: Bucket, prefix: string): Promise<Record<string, string>> {
  const tree = new Map<string, string>();
  const [files] = await bucket.getFiles({ prefix });
  const rows = files.map(async (file) => ({ file, content: (await file.download())[0] }));
  for (const { file, content } of await Promise.all(rows)) {
    const path = file.name.slice(prefix.length);
    const metadata = (file.metadata.metadata ?? {}) as Record<string, string>;
    const mode = metadata['goog-reserved-posix-mode'];
    const parts = path.split('/').slice(0, -1);
    for (const [index] of parts.entries()) {
      const folder = parts.slice(0, index + 1).join('/');
      if (!tree.has(folder)) tree.set(folder, 'folder 755');
    }
    if (path === '') continue;
    if (path.endsWith('/')) tree.set(path.slice(0, -1), `folder ${mode ?? '755'}`);
    else if (metadata['goog-reserved-file-is-symlink'] === 'true') tree.set(path, `link ${content}`);
    else if (metadata.gcsfuse_symlink_target !== undefined) tree.set(path, `link ${metadata.gcsfuse_symlink_target}`);
    else tree.set(path, `file ${mode ?? '644'} ${content.toString('latin1')}`);
  }
  return Object.fromEntries([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}
