/** A process of its own that rolls a project in a bucket back, for tests that end it: `bucket-child.ts <bucket> <objects> <backup id>`. */

import { fileObjects } from '../../functions/adapters/files.ts';
import { rollBack } from '../../functions/core/backups/rollback.ts';
import { PROJECT_ID, partsOn } from './bucket-kit.ts';

const [bucket = '', folder = '', backupId = ''] = process.argv.slice(2);
const parts = partsOn(bucket, fileObjects({ folder }));
const tree = await parts.trees.open(`gs://${bucket}/team/project`);
process.send?.('ready');
// Ended before it has begun, it would show nothing.
await new Promise((resolve) => process.once('message', resolve));
await rollBack(parts, tree, { projectId: PROJECT_ID, backupId });
process.disconnect?.();
