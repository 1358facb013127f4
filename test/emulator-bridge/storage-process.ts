/** The storage server in a process of its own, for tests that kill it or measure it: `<folder> <port>`. */

import { startStorageServer } from '../../emulator-bridge/storage/server.ts';
import { quiet } from './kit.ts';

const [folder = '', port = '0'] = process.argv.slice(2);
const { url } = await startStorageServer({ folder, port: Number(port), log: quiet });
process.send?.(url);
process.on('message', () => process.send?.(process.resourceUsage().maxRSS));
process.once('disconnect', () => process.exit(1));
