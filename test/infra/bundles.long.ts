import { topology } from '../../functions/topology.ts';
import { bundlesSuite } from './bundles.ts';

bundlesSuite(Object.keys(topology.functions));
