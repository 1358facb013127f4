/** A process of its own that takes a backup or rolls one back, for tests that end it: `child.ts <folder> take|roll-back <backup id>`. */

import { rollBack } from '../../../functions/core/backups/rollback.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import { PROJECT, place } from './kit.ts';

const [path = '', what = '', backupId = ''] = process.argv.slice(2);
const at = place({ path, remove() {} });
await at.parts.trees.recover();
process.send?.('ready');
// Ended before it has begun, it would show nothing.
await new Promise((resolve) => process.once('message', resolve));
const tree = await at.tree();
if (what === 'take') await takeBackup(at.parts, tree, { projectId: PROJECT, backupId, description: 'in a child' });
else await rollBack(at.parts, tree, { projectId: PROJECT, backupId });
process.send?.({ maxRssBytes: process.resourceUsage().maxRSS * 1024 });
process.disconnect?.();
