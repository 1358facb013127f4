import { bundlesSuite } from './bundles.ts';

bundlesSuite(['agent-light', 'codex']);
