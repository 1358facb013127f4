/**
 * `npm run cost`: dollars a month for a number of tasks, by service, from the topology and the counted operations. Exit 2 for
 * what it was given. `--help` lists the flags.
 */

import { topology } from '../functions/topology.ts';
import { BadFlags, HELP, readOptions } from './cost/options.ts';
import { jsonReport, markdownReport, pricesReport, textReport } from './cost/report.ts';

try {
  const { load, freeTier, show } = readOptions(process.argv.slice(2), topology);
  if (show === 'help') console.log(HELP);
  else if (show === 'prices') console.log(pricesReport());
  else if (show === 'markdown') console.log(markdownReport(topology, load));
  else if (show === 'json') console.log(JSON.stringify(jsonReport(topology, load), null, 2));
  else console.log(textReport(topology, load, freeTier));
} catch (error) {
  // A settings file says itself what is wrong with it.
  console.error((error as Error).message);
  if (error instanceof BadFlags) console.error('npm run cost -- --help lists the flags.');
  process.exitCode = 2;
}
